# SPDX-License-Identifier: Apache-2.0
"""Every alg × enc × {generate, wrap, unwrap, rewrap} on SoftHSM."""

import os

import cekd as C
import pytest
from cekd import pb, status_name

KEYS = [(alg, crv) for alg in C.ALGS for crv in (C.CURVES if alg.startswith("ECDH") else [None])]


def ids(value):
    return "-".join(filter(None, value)) if isinstance(value, tuple) else value


@pytest.fixture(scope="module")
def keys(shared):
    made = {}

    def key(pair):
        if pair not in made:
            made[pair] = shared.key(*pair)
        return made[pair]
    return key


@pytest.mark.parametrize("enc", C.ENC_LEN)
@pytest.mark.parametrize("pair", KEYS, ids=ids)
def test_round_trip(client, keys, pair, enc):
    alg, _ = pair
    key = keys(pair)
    party = {"apu": b"Alice", "apv": b"Bob"} if alg.startswith("ECDH") else {}
    made = client.generate(key, enc, **party)
    assert made.alg == alg and len(made.cek) == C.ENC_LEN[enc]
    opened = client.unwrap(made, enc)
    assert status_name(opened) == "OK", opened
    assert opened.unwrap.cek == made.cek
    assert (opened.unwrap.kid, opened.unwrap.key) == (made.kid, key)

    cek = os.urandom(C.ENC_LEN[enc])
    if alg == "ECDH-ES":
        refused = client.call(wrap=pb.WrapRequest(key=key, enc=enc, cek=cek))
        assert status_name(refused) == "MALFORMED", refused
        return
    wrapped = client.wrap(key, cek, enc, **party)
    assert client.unwrap(wrapped, enc).unwrap.cek == cek
    again = client.ok(rewrap=pb.RewrapRequest(kid=wrapped.kid, alg=alg, enc=enc, encrypted_key=wrapped.encrypted_key,
                                              params=wrapped.params)).rewrap
    assert again.unchanged and again.encrypted_key == wrapped.encrypted_key


@pytest.mark.parametrize("pair", [pair for pair in KEYS if pair[0] != "ECDH-ES"], ids=ids)
def test_rewrap_under_the_new_version(shared, client, pair):
    key = shared.key(*pair, name="rewrap-" + ids(pair).replace("+", "."))
    cek = os.urandom(32)
    old = client.wrap(key, cek)
    client.rotate(key)
    reply = client.ok(rewrap=pb.RewrapRequest(kid=old.kid, alg=old.alg, enc="A256GCM", encrypted_key=old.encrypted_key,
                                              params=old.params))
    new = reply.rewrap
    assert new.kid != old.kid and not new.unchanged
    assert cek not in reply.SerializeToString()
    assert client.unwrap(new).unwrap.cek == cek
    assert client.unwrap(old).unwrap.cek == cek


def test_rewrap_to_another_key(shared, client):
    cek = os.urandom(32)
    old = client.wrap(shared.key("A256KW"), cek)
    to = shared.key("RSA-OAEP-256")
    new = client.ok(rewrap=pb.RewrapRequest(kid=old.kid, alg=old.alg, enc="A256GCM", encrypted_key=old.encrypted_key,
                                            to_key=to)).rewrap
    assert new.alg == "RSA-OAEP-256"
    assert client.unwrap(new).unwrap.cek == cek


@pytest.mark.parametrize("pair", KEYS, ids=ids)
def test_unwrap_by_key_name_tries_the_versions(shared, client, pair):
    """A token without kid: the caller names the key."""
    key = shared.key(*pair, name="nokid-" + ids(pair).replace("+", "."))
    old = client.generate(key)
    client.rotate(key)
    request = client.unwrap_request(old, kid="", key=key)
    if pair[0] == "ECDH-ES":
        first = client.ok(unwrap=request).unwrap
        assert first.candidates == 2 and first.cek != old.cek  # nothing in ECDH-ES itself tells a wrong key
        request.candidate = 1
    opened = client.ok(unwrap=request).unwrap
    assert opened.cek == old.cek and opened.kid == old.kid


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_rsa_sizes(client, bits):
    reply = client.ok(create_key=pb.CreateKeyRequest(key=f"rsa-{bits}", alg="RSA-OAEP-512", bits=bits))
    assert reply.key.key.bits == bits
    made = client.generate(f"rsa-{bits}", "A256CBC-HS512")
    assert len(made.encrypted_key) == bits // 8
    assert client.unwrap(made, "A256CBC-HS512").unwrap.cek == made.cek


def test_status_tells_of_each_algorithm(shared):
    rows = {row.alg: row for row in shared.status().alg}
    assert set(rows) == set(C.ALGS)
    assert all(row.available and row.how for row in rows.values()), rows
    assert "CKM_" in rows["RSA-OAEP"].how


@pytest.mark.parametrize("alg", ["RSA1_5", "dir", "PBES2-HS256+A128KW", "none", "RS256", "HS256", "A256GCM", "rsa-oaep", "x"])
def test_refused_algorithms(shared, client, alg):
    reply = client.call(create_key=pb.CreateKeyRequest(key="refused", alg=alg))
    assert status_name(reply) == "UNSUPPORTED", reply
    made = client.generate(shared.key("A256KW"))
    made.alg = alg
    assert status_name(client.unwrap(made)) == "UNSUPPORTED"


@pytest.mark.parametrize("request_", [
    {"alg": "RSA-OAEP", "bits": 1024}, {"alg": "RSA-OAEP", "bits": 2047}, {"alg": "RSA-OAEP", "bits": 8192},
    {"alg": "ECDH-ES", "crv": "P-192"}, {"alg": "ECDH-ES", "crv": "Ed25519"}], ids=str)
def test_refused_sizes(client, request_):
    assert status_name(client.call(create_key=pb.CreateKeyRequest(key="refused", **request_))) == "UNSUPPORTED"
