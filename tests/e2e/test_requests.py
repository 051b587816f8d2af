# SPDX-License-Identifier: Apache-2.0
"""What each kind of wrong request is answered (the table of statuses in cek.proto)."""

import os
import struct

import cekd as C
import pytest
from cekd import pb, status_name

CEK = bytes(range(32))


def unwrap(**changes):
    good = {"kid": "k", "alg": "A256KW", "enc": "A256GCM", "encrypted_key": bytes(40)}
    return {"unwrap": pb.UnwrapRequest(**{k: v for k, v in (good | changes).items() if v is not None})}


def wrap(**changes):
    good = {"key": "A256KW", "enc": "A256GCM", "cek": CEK}
    return {"wrap": pb.WrapRequest(**{k: v for k, v in (good | changes).items() if v is not None})}


MALFORMED = {
    "unwrap: neither kid nor key": unwrap(kid=None),
    "unwrap: no alg": unwrap(kid=None, key="A256KW", alg=None),
    "unwrap: no enc": unwrap(kid=None, key="A256KW", enc=None),
    "unwrap: kid too long": unwrap(kid="k" * 257),
    "unwrap: key name with a slash": unwrap(kid=None, key="../x"),
    "wrap: no key": wrap(key=None),
    "wrap: no enc": wrap(enc=None),
    "wrap: no cek": wrap(cek=None),
    "wrap: cek too short": wrap(cek=CEK[1:]),
    "wrap: cek too long": wrap(cek=CEK + b"x"),
    "wrap: cek all zero": wrap(cek=bytes(32)),
    "generate: no key": {"generate_cek": pb.GenerateCekRequest(enc="A256GCM")},
    "generate: no enc": {"generate_cek": pb.GenerateCekRequest(key="A256KW")},
    "create: no name": {"create_key": pb.CreateKeyRequest(alg="A256KW")},
    "create: no alg": {"create_key": pb.CreateKeyRequest(key="x")},
    "create: name with a dot first": {"create_key": pb.CreateKeyRequest(key=".x", alg="A256KW")},
    "create: name too long": {"create_key": pb.CreateKeyRequest(key="x" * 65, alg="A256KW")},
    "create: name with a space": {"create_key": pb.CreateKeyRequest(key="a b", alg="A256KW")},
    "rotate: no key": {"rotate_key": pb.RotateKeyRequest()},
    "state: no kid": {"set_key_state": pb.SetKeyStateRequest(state=pb.STATE_SUSPENDED)},
    "destroy: no kid": {"destroy_version": pb.DestroyVersionRequest()},
    "describe: nothing named": {"describe_key": pb.DescribeKeyRequest()},
}


@pytest.mark.parametrize("op", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(shared, client, op):
    shared.key("A256KW")
    reply = client.call(**op)
    assert status_name(reply) == "MALFORMED", reply
    assert reply.message and reply.WhichOneof("result") is None


def test_key_name_at_its_limit(client):
    client.ok(create_key=pb.CreateKeyRequest(key="x" * 64, alg="A128KW"))


@pytest.mark.parametrize("alg, length", [("A256KW", 40), ("A256GCMKW", 32), ("RSA-OAEP", 256)])
@pytest.mark.parametrize("off", [-1, 1, "empty"])
def test_wrong_length_of_encrypted_key(shared, client, alg, length, off):
    made = client.generate(shared.key(alg))
    assert len(made.encrypted_key) == length
    wrong = b"" if off == "empty" else (made.encrypted_key + b"x" * 1)[:length + off]
    assert status_name(client.unwrap(made, encrypted_key=wrong)) == "MALFORMED"


def test_enc_of_another_cek_length(shared, client):
    """For RSA the length of the CEK is a secret: FAILED. For key wrap the ciphertext shows it: MALFORMED."""
    made = client.generate(shared.key("RSA-OAEP-256"), "A256GCM")
    assert status_name(client.unwrap(made, "A128GCM")) == "FAILED"
    made = client.generate(shared.key("A256KW"), "A256GCM")
    assert status_name(client.unwrap(made, "A128GCM")) == "MALFORMED"


@pytest.mark.parametrize("enc", ["A512GCM", "a256gcm", "none", "zip"])
def test_unknown_enc(shared, client, enc):
    made = client.generate(shared.key("A256KW"))
    assert status_name(client.unwrap(made, enc)) == "UNSUPPORTED"
    reply = client.call(generate_cek=pb.GenerateCekRequest(key=shared.key("A256KW"), enc=enc))
    assert status_name(reply) == "UNSUPPORTED"


def test_alg_must_be_the_keys_own(shared, client):
    """RFC 8725 section 3.1."""
    made = client.generate(shared.key("RSA-OAEP"))
    reply = client.unwrap(made, alg="RSA-OAEP-256")
    assert status_name(reply) in ("MALFORMED", "UNSUPPORTED", "CONFLICT"), reply
    assert reply.WhichOneof("result") is None


def test_kid_must_belong_to_the_named_key(shared, client):
    made = client.generate(shared.key("A256KW"))
    other = shared.key("A128KW")
    assert status_name(client.unwrap(made, key=other)) == "UNKNOWN_KEY"
    assert status_name(client.unwrap(made, key="A256KW")) == "OK"


@pytest.mark.parametrize("op", [unwrap(), wrap(key="absent"), {"rotate_key": pb.RotateKeyRequest(key="absent")},
                                {"describe_key": pb.DescribeKeyRequest(key="absent")},
                                {"destroy_version": pb.DestroyVersionRequest(kid="absent")},
                                {"set_key_state": pb.SetKeyStateRequest(kid="absent", state=pb.STATE_SUSPENDED)}],
                         ids=lambda op: next(iter(op)))
def test_unknown_key(client, op):
    assert status_name(client.call(**op)) == "UNKNOWN_KEY"


def test_create_twice(client):
    client.ok(create_key=pb.CreateKeyRequest(key="twice", alg="A128KW"))
    assert status_name(client.call(create_key=pb.CreateKeyRequest(key="twice", alg="A128KW"))) == "CONFLICT"


def test_rotate_names_the_active_kid(client):
    """A lost reply cannot rotate twice."""
    first = client.ok(create_key=pb.CreateKeyRequest(key="once", alg="A128KW")).key.key.version[0].kid
    key = client.ok(rotate_key=pb.RotateKeyRequest(key="once", active_kid=first)).key.key
    assert [v.state for v in key.version] == [pb.STATE_DEACTIVATED, pb.STATE_ACTIVE]
    assert status_name(client.call(rotate_key=pb.RotateKeyRequest(key="once", active_kid=first))) == "CONFLICT"
    assert len(client.ok(describe_key=pb.DescribeKeyRequest(key="once")).key.key.version) == 2


def test_unknown_operation(client):
    """A newer client's operation: answered, with the id."""
    field = bytes([0x08, 0x2a]) + bytes([0xfa, 0x3f, 0x00])  # id = 42; field 1023, an empty message
    client.send_frame(field)
    reply = client.reply(42)
    assert status_name(reply) == "UNSUPPORTED"


def test_unknown_fields_are_ignored(shared, client):
    made = client.generate(shared.key("A256KW"))
    request = pb.Request(id=77, unwrap=client.unwrap_request(made)).SerializeToString()
    client.send_frame(request + bytes([0xf8, 0x3f, 0x01]))  # field 1023 = 1
    assert client.reply(77).unwrap.cek == made.cek


def test_replies_carry_the_epoch(shared, client):
    before = client.call(list_keys=pb.ListKeysRequest()).epoch
    assert before > 0
    after = client.ok(create_key=pb.CreateKeyRequest(key="epoch", alg="A128KW")).epoch
    assert after > before
    assert client.call(list_keys=pb.ListKeysRequest()).epoch == after


def test_list_in_pages(client):
    for number in range(5):
        client.ok(create_key=pb.CreateKeyRequest(key=f"page-{number}", alg="A128KW"))
    names, after = [], ""
    while True:
        reply = client.ok(list_keys=pb.ListKeysRequest(after=after)).list_keys
        names += [key.name for key in reply.key]
        if not reply.more:
            break
        after = names[-1]
    assert names == sorted(set(names)) and {f"page-{n}" for n in range(5)} <= set(names)


def test_public_keys(shared, client):
    for alg in ("RSA-OAEP-256", "A256KW"):
        shared.key(alg)
    shared.key("ECDH-ES", "X25519")
    entries = {e.key: e for e in client.ok(get_public_keys=pb.GetPublicKeysRequest()).public_keys.entry}
    assert "A256KW" not in entries  # a symmetric key has nothing public
    assert len(entries["RSA-OAEP-256"].public_key.n) == 256
    assert len(entries["ECDH-ES-X25519"].public_key.x) == 32
    only = client.ok(get_public_keys=pb.GetPublicKeysRequest(key=["ECDH-ES-X25519"])).public_keys.entry
    assert [e.key for e in only] == ["ECDH-ES-X25519"]


@pytest.mark.parametrize("point", ["off-curve", "zero", "short", "missing"])
@pytest.mark.parametrize("crv, size", [("P-256", 32), ("P-384", 48), ("P-521", 66)])
def test_bad_epk(shared, client, crv, size, point):
    made = client.generate(shared.key("ECDH-ES+A256KW", crv))
    params = pb.AlgParams()
    params.CopyFrom(made.params)
    if point == "off-curve":
        params.epk.y = bytes([params.epk.y[0]]) + bytes([params.epk.y[1] ^ 1]) + params.epk.y[2:]
    elif point == "zero":
        params.epk.x = params.epk.y = bytes(size)
    elif point == "short":
        params.epk.x = params.epk.x[1:]
    else:
        params.ClearField("epk")
    expected = ("MALFORMED",) if point in ("short", "missing") else ("FAILED", "MALFORMED")
    assert status_name(client.unwrap(made, params=params)) in expected
    assert client.unwrap(made).unwrap.cek == made.cek


def test_x25519_zero_shared_secret(shared, client):
    """RFC 8037 section 3.2: a point of small order."""
    made = client.generate(shared.key("ECDH-ES", "X25519"))
    params = pb.AlgParams(epk=pb.PublicKey(kty="OKP", crv="X25519", x=bytes(32)))
    assert status_name(client.unwrap(made, params=params)) in ("FAILED", "MALFORMED")


@pytest.mark.parametrize("field, size", [("iv", 11), ("iv", 13), ("iv", 0), ("tag", 15), ("tag", 4), ("tag", 17), ("tag", 0)])
def test_gcm_parameters_have_exact_lengths(shared, client, field, size):
    made = client.generate(shared.key("A256GCMKW"))
    params = pb.AlgParams(iv=made.params.iv, tag=made.params.tag)
    setattr(params, field, (getattr(params, field) + bytes(20))[:size])
    assert status_name(client.unwrap(made, params=params)) == "MALFORMED"


@pytest.mark.parametrize("size, status", [(512, "OK"), (513, "MALFORMED")])
def test_party_info_limit(shared, client, size, status):
    reply = client.call(generate_cek=pb.GenerateCekRequest(
        key=shared.key("ECDH-ES+A128KW", "P-256"), enc="A256GCM", params=pb.AlgParams(apu=b"x" * size)))
    assert status_name(reply) in (status, "TOO_LARGE") if status != "OK" else status_name(reply) == "OK"


def test_gcm_iv_is_never_the_same(shared, client):
    key = shared.key("A256GCMKW")
    assert len({client.wrap(key, CEK).params.iv for _ in range(200)}) == 200


def test_frame_at_its_limit(client):
    """65,536 bytes are read and judged; one more is too large, before its body is read."""
    body = bytes([0x08, 0x05, 0xfa, 0x3f]) + _varint(65529) + bytes(65529)  # id = 5; field 1023 of 65,529 bytes
    assert len(body) == 65536
    client.send_frame(body)
    assert status_name(client.reply(5)) == "UNSUPPORTED"
    client.send_bytes(struct.pack(">I", 65537))
    replies = client.wait_closed()
    assert all(status_name(reply) == "TOO_LARGE" for reply in replies)


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def test_metrics_are_open_metrics(shared, client):
    client.unwrap(client.generate(shared.key("A256KW")))
    text = client.ok(metrics=pb.MetricsRequest()).metrics.text
    assert text.endswith("# EOF\n") and "# TYPE " in text
    assert not any(os.fspath(shared.where) in line for line in text.splitlines())
