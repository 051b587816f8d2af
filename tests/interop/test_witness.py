# SPDX-License-Identifier: Apache-2.0
"""The independent witness: OpenSSL through libp11 opens what cekd wrapped with an object of the token, and the reverse."""

import hashlib
import os

import cekd as C
import pytest
from cekd import pb
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

WITNESS = C.BUILD / "tests" / "interop" / "witness"
pytestmark = pytest.mark.skipif(not WITNESS.exists(), reason="no libp11")


def witness(daemon, version, verb, argument, data=b""):
    done = C.run([WITNESS, C.MODULE, "cekd", daemon.token.pin_file, version.cka_id.hex(), verb, argument],
                 input=data.hex() + "\n", env=os.environ | {"SOFTHSM2_CONF": str(daemon.token.conf)})
    return bytes.fromhex(done.stdout)


def versions(client, key):
    return {v.kid: v for v in client.ok(describe_key=pb.DescribeKeyRequest(key=key)).key.key.version}


@pytest.mark.parametrize("alg, hash_", [("RSA-OAEP", "sha1"), ("RSA-OAEP-256", "sha256"), ("RSA-OAEP-512", "sha512")])
def test_rsa(shared, client, alg, hash_):
    """Every version of a key that was rotated, both directions."""
    key = shared.key(alg)
    made = []
    for _ in range(3):
        made.append(client.generate(key))
        client.rotate(key)
    known = versions(client, key)
    for wrapped in made:
        assert witness(shared, known[wrapped.kid], "decrypt", hash_, wrapped.encrypted_key) == wrapped.cek
        cek = os.urandom(32)
        wrapped.encrypted_key = witness(shared, known[wrapped.kid], "encrypt", hash_, cek)
        assert client.unwrap(wrapped).unwrap.cek == cek


def concat_kdf(secret, alg, bits, apu=b"", apv=b""):
    """RFC 7518 section 4.6.2."""
    def field(data):
        return len(data).to_bytes(4, "big") + data
    info = field(alg.encode()) + field(apu) + field(apv) + bits.to_bytes(4, "big")
    return hashlib.sha256((1).to_bytes(4, "big") + secret + info).digest()[:bits // 8]


@pytest.mark.parametrize("crv, curve", [("P-256", ec.SECP256R1()), ("P-384", ec.SECP384R1()), ("P-521", ec.SECP521R1())])
@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW"])
def test_ecdh(shared, client, alg, crv, curve):
    key = shared.key(alg, crv)
    wrapped = client.generate(key, apu=b"Alice", apv=b"Bob")
    epk = wrapped.params.epk
    point = ec.EllipticCurvePublicNumbers(int.from_bytes(epk.x, "big"), int.from_bytes(epk.y, "big"), curve).public_key()
    path = shared.where / "peer.pem"
    path.write_bytes(point.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    secret = witness(shared, versions(client, key)[wrapped.kid], "derive", path)
    if alg == "ECDH-ES":
        assert concat_kdf(secret, "A256GCM", 256, b"Alice", b"Bob") == wrapped.cek
    else:
        assert aes_key_unwrap(concat_kdf(secret, alg, 256, b"Alice", b"Bob"), wrapped.encrypted_key) == wrapped.cek
