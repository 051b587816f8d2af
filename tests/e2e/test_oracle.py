"""Replies to all kinds of bad ciphertext are the same bytes: no oracle by text, code or length."""

import hashlib
import os

import cekd as C
import pytest
from cekd import pb
from cryptography.hazmat.primitives.asymmetric import rsa
from jwcrypto import jwk

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
    """One connection a fault, so that ids are the same; the bytes of each reply."""
    found = {}
    for name, changes in faults.items():
        with shared.client() as client:
            client.send(id=1, unwrap=request(changes))
            found[name] = client.recv_bytes()
    return found


def check(found):
    first = pb.Reply.FromString(next(iter(found.values())))
    assert first.status == pb.STATUS_FAILED, first
    different = {name for name, reply in found.items() if reply != next(iter(found.values()))}
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
        "another hash": oaep(cek, "sha256" if name == "sha1" else "sha1"),
        "nothing": bytes(256),
        "PKCS 1 v1.5": b"\0\2" + b"\x11" * (256 - 3 - 32) + b"\0" + cek,
    }
    faults = {name: encrypt(encoded) for name, encoded in faults.items() if encoded[0] < 2}
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


@pytest.mark.parametrize("crv", ["P-256", "P-384", "P-521", "X25519"])
def test_ecdh_with_key_wrap(shared, crv):
    with shared.client() as client:
        made = client.generate(shared.key("ECDH-ES+A256KW", crv))
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
    if crv == "X25519":
        faults["small order"] = params(x=bytes(32))
        faults["small order one"] = params(x=b"\1" + bytes(31))
    else:
        faults["off the curve"] = params(y=xor(made.params.epk.y, bytes(len(made.params.epk.y) - 1) + b"\1"))
        faults["x of zero"] = params(x=bytes(len(made.params.epk.x)))
        faults["over the field"] = params(x=b"\xff" * len(made.params.epk.x))
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
