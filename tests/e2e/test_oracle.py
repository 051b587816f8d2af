# SPDX-License-Identifier: Apache-2.0
"""Replies to all kinds of bad ciphertext are the same bytes: no oracle by text, code or length."""

import hashlib
import json
import os

import cekd as C
import pytest
from cekd import pb
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from jwcrypto import jwk

TEXT = "the cryptographic operation failed"
HASH = {"RSA-OAEP": "sha1", "RSA-OAEP-256": "sha256", "RSA-OAEP-384": "sha384", "RSA-OAEP-512": "sha512"}


def mgf1(seed, size, name):
    out = b""
    for counter in range(size // hashlib.new(name).digest_size + 1):
        out += hashlib.new(name, seed + counter.to_bytes(4, "big")).digest()
    return out[:size]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def oaep(message, name, size=256, leading=0, label=b"", separator=1, padding=0):
    """RFC 8017 section 7.1.1 with a choice of faults."""
    digest = hashlib.new(name, label).digest()
    db = bytearray(digest + bytes(size - len(message) - 2 * len(digest) - 2) + bytes([separator]) + message)
    if padding:
        db[len(digest)] = padding
    seed = os.urandom(len(digest))
    masked = xor(db, mgf1(seed, len(db), name))
    return bytes([leading]) + xor(seed, mgf1(masked, len(seed), name)) + masked


def replies(shared, request, faults):
    """The bytes of each reply, to an unwrap and to a rewrap for another key. One connection each, so that ids are the same."""
    to_key = shared.key("A128KW", name="elsewhere")
    found = {}
    for name, changes in faults.items():
        unwrap = request(changes)
        rewrap = pb.RewrapRequest(kid=unwrap.kid, key=unwrap.key, alg=unwrap.alg, enc=unwrap.enc, params=unwrap.params,
                                  encrypted_key=unwrap.encrypted_key, to_key=to_key)
        for op in ({"unwrap": unwrap}, {"rewrap": rewrap}):
            with shared.client() as client:
                client.send(id=1, **op)
                found[f"{next(iter(op))}: {name}"] = client.recv_bytes()
    return found


def check(found, status=pb.STATUS_FAILED, message=TEXT):
    """All the same, whole frames; and nothing in them but what every failure says, whatever the alg."""
    first = next(iter(found.values()))
    reply = pb.Reply.FromString(first)
    assert first == pb.Reply(id=1, status=status, epoch=reply.epoch, message=message or reply.message).SerializeToString(), reply
    assert reply.status == status, reply
    different = {name for name, reply in found.items() if reply != first}
    assert not different, {name: pb.Reply.FromString(found[name]) for name in different}


@pytest.mark.parametrize("alg", HASH)
def test_rsa_oaep(shared, alg):
    shared.key(alg)
    with shared.client() as client:
        entry = next(e for e in client.ok(get_public_keys=pb.GetPublicKeysRequest()).public_keys.entry if e.key == alg)
    n, e = int.from_bytes(entry.public_key.n, "big"), int.from_bytes(entry.public_key.e, "big")
    cek = bytes(range(1, 33))
    name = HASH[alg]

    def encrypt(encoded):
        return pow(int.from_bytes(encoded, "big"), e, n).to_bytes(256, "big")
    faults = {
        "leading byte": oaep(cek, name, leading=1),
        "label": oaep(cek, name, label=b"label"),
        "separator": oaep(cek, name, separator=2),
        "no separator": oaep(bytes(32), name, separator=0),
        "padding": oaep(cek, name, padding=7),
        "CEK too short": oaep(cek[1:], name),
        "CEK too long": oaep(cek + b"x", name),
        "CEK of another enc": oaep(cek[:16], name),
        "empty CEK": oaep(b"", name),
        "CEK of zeros": oaep(bytes(32), name),
        "leading byte and label": oaep(cek, name, leading=1, label=b"label"),
        "another hash": oaep(cek, "sha256" if name == "sha1" else "sha1"),
        "nothing": bytes(256),
        "PKCS 1 v1.5": b"\0\2" + b"\x11" * (256 - 3 - 32) + b"\0" + cek,
    }
    faults = {name: encrypt(encoded) for name, encoded in faults.items()}
    faults |= {"zero": bytes(256), "one": bytes(255) + b"\1", "modulus": n.to_bytes(256, "big"),
               "over the modulus": b"\xff" * 256, "random": bytes([0]) + os.urandom(255)}

    def request(encrypted_key):
        return pb.UnwrapRequest(kid=entry.kid, alg=alg, enc="A256GCM", encrypted_key=encrypted_key)
    check(replies(shared, request, faults))
    with shared.client() as client:  # the control: without a fault it opens
        good = client.call(unwrap=request(encrypt(oaep(cek, name))))
        assert good.unwrap.cek == cek


@pytest.mark.parametrize("alg", ["A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW"])
def test_symmetric(shared, alg):
    with shared.client() as client:
        made = client.generate(shared.key(alg))
    size = len(made.encrypted_key)
    faults = {f"byte {i}": {"encrypted_key": xor(made.encrypted_key, bytes(i) + b"\1" + bytes(size - i - 1))}
              for i in range(0, size, 5)}
    faults |= {"zero": {"encrypted_key": bytes(size)}, "random": {"encrypted_key": os.urandom(size)}}
    if "GCM" in alg:
        faults |= {"tag": {"params": pb.AlgParams(iv=made.params.iv, tag=xor(made.params.tag, b"\1" + bytes(15)))},
                   "tag's end": {"params": pb.AlgParams(iv=made.params.iv, tag=xor(made.params.tag, bytes(15) + b"\1"))},
                   "iv": {"params": pb.AlgParams(iv=xor(made.params.iv, b"\1" + bytes(11)), tag=made.params.tag)}}
    with shared.client() as client:
        check(replies(shared, lambda changes: client.unwrap_request(made, **changes), faults))


@pytest.mark.parametrize("alg", ["A192KW", "A192GCMKW"])
def test_symmetric_with_a_known_key(shared, alg):
    """What only the holder of the KEK can make: it opens, and is refused all the same."""
    kek = os.urandom(24)
    path = shared.where / f"{alg}.jwk"
    path.write_text(json.dumps({"kty": "oct", "k": C.b64(kek)}))
    shared.cekctl("key", "import", f"known-{alg}", "--alg", alg, "--jwk", path)

    def request(cek, spoil=False):
        request = pb.UnwrapRequest(key=f"known-{alg}", alg=alg, enc="A256GCM")
        if alg == "A192KW":
            request.encrypted_key = aes_key_wrap(kek, cek)
        else:
            request.params.iv = os.urandom(12)
            sealed = AESGCM(kek).encrypt(request.params.iv, cek, None)
            request.encrypted_key, request.params.tag = sealed[:-16], sealed[-16:]
        if spoil:
            request.encrypted_key = os.urandom(len(request.encrypted_key))
        return request
    with shared.client() as client:  # the control
        assert client.call(unwrap=request(b"x" * 32)).unwrap.cek == b"x" * 32
    check(replies(shared, lambda args: request(*args), {"CEK of zeros": (bytes(32),), "does not open": (bytes(32), True)}))


@pytest.mark.parametrize("alg", ["A128KW", "A256GCMKW", "ECDH-ES+A128KW"])
def test_a_cek_of_another_length_is_told_by_its_length_alone(shared, alg):
    """The length of the encrypted key is public. Whether it would open makes no difference."""
    with shared.client() as client:
        made = client.generate(shared.key(alg), enc="A192GCM")
        faults = {"opens": {}, "does not": {"encrypted_key": os.urandom(len(made.encrypted_key))}}
        check(replies(shared, lambda changes: client.unwrap_request(made, **changes), faults), pb.STATUS_MALFORMED, None)


@pytest.mark.parametrize("alg", ["RSA-OAEP", "RSA-OAEP-256", "A256KW", "A256GCMKW", "ECDH-ES+A256KW"])
def test_without_kid(shared, alg):
    """Several versions are tried: no reply tells how many, or which came close."""
    key = shared.key(alg, name=f"old-{alg}".replace("+", "."))
    with shared.client() as client:
        old = client.generate(key)
        client.rotate(key)
        new = client.generate(key)

        def request(of):
            wrapped, byte = of
            changed = bytearray(wrapped.encrypted_key)
            changed[byte] ^= 1
            request = client.unwrap_request(wrapped, encrypted_key=bytes(changed))
            request.kid, request.key = "", key
            return request
        check(replies(shared, request, {"old": (old, -1), "old's first": (old, 0), "new": (new, -1), "new's first": (new, 0)}))


def points(made, crv):
    """Ephemeral keys that are public keys of nobody, as header parameters."""
    def params(**changes):
        changed = pb.AlgParams()
        changed.CopyFrom(made.params)
        for field, value in changes.items():
            setattr(changed.epk, field, value)
        return {"params": changed}
    if crv == "X25519":
        return {"small order": params(x=bytes(32)), "small order one": params(x=b"\1" + bytes(31)),
                "small order p": params(x=b"\xed" + b"\xff" * 30 + b"\x7f")}
    size = len(made.params.epk.x)
    return {"off the curve": params(y=xor(made.params.epk.y, bytes(size - 1) + b"\1")), "x of zero": params(x=bytes(size)),
            "over the field": params(x=b"\xff" * size), "at zero": params(x=bytes(size), y=bytes(size))}


@pytest.mark.parametrize("crv", C.CURVES)
def test_ecdh_direct(shared, crv):
    """Without key wrap only the point can be wrong."""
    with shared.client() as client:
        made = client.generate(shared.key("ECDH-ES", crv))
        assert client.unwrap(made).unwrap.cek == made.cek  # the control
        check(replies(shared, lambda changes: client.unwrap_request(made, **changes), points(made, crv)))


@pytest.mark.parametrize("crv", C.CURVES)
@pytest.mark.parametrize("alg", ["ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"])
def test_ecdh_with_key_wrap(shared, alg, crv):
    with shared.client() as client:
        made = client.generate(shared.key(alg, crv))
    other = jwk.JWK.generate(kty="OKP" if crv == "X25519" else "EC", crv=crv).export_public(as_dict=True)

    def params(**changes):
        changed = pb.AlgParams()
        changed.CopyFrom(made.params)
        for field, value in changes.items():
            setattr(changed.epk if field in "xy" else changed, field, value)
        return {"params": changed}
    size = len(made.encrypted_key)
    faults = {
        "key": {"encrypted_key": xor(made.encrypted_key, b"\1" + bytes(size - 1))},
        "key's end": {"encrypted_key": xor(made.encrypted_key, bytes(size - 1) + b"\1")},
        "another point": params(x=C.unb64(other["x"]), **({"y": C.unb64(other["y"])} if "y" in other else {})),
        "apu": params(apu=b"Mallory"),
        "apv": params(apv=b"Mallory"),
    }
    faults |= points(made, crv)
    with shared.client() as client:
        check(replies(shared, lambda changes: client.unwrap_request(made, **changes), faults))


def test_status_of_every_fault_is_in_the_audit_journal(shared):
    with shared.client() as client:
        made = client.generate(shared.key("A256KW"))
        client.unwrap(made, encrypted_key=bytes(40))
    assert any(r["status"] == "FAILED" for r in shared.audit_records())


def test_the_encoding_of_these_tests():
    """The control of the other tests: this OAEP encoding is the one that everybody else decodes."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    for name, hash_ in (("sha1", hashes.SHA1()), ("sha512", hashes.SHA512())):
        data = pow(int.from_bytes(oaep(b"cek", name), "big"), numbers.e, numbers.n).to_bytes(256, "big")
        assert key.decrypt(data, padding.OAEP(padding.MGF1(hash_), hash_, None)) == b"cek"
