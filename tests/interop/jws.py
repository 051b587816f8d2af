# SPDX-License-Identifier: Apache-2.0
"""Signed tokens of other libraries: the algorithms, what can be wrong with a token, and what cek_jwt_verify() says of each."""

import json
import time

import cekd as C

KEYS = {"RS256": {"kty": "RSA", "size": 2048}, "RS384": {"kty": "RSA", "size": 3072}, "RS512": {"kty": "RSA", "size": 4096},
        "PS256": {"kty": "RSA", "size": 2048}, "PS384": {"kty": "RSA", "size": 2048}, "PS512": {"kty": "RSA", "size": 2048},
        "ES256": {"kty": "EC", "crv": "P-256"}, "ES384": {"kty": "EC", "crv": "P-384"}, "ES512": {"kty": "EC", "crv": "P-521"},
        "EdDSA": {"kty": "OKP", "crv": "Ed25519"}}


def claims():
    return json.dumps({"iss": "https://issuer.example", "sub": "Zoë", "exp": int(time.time()) + C.PATIENCE * 10, "n": 1.5})


def altered(token):
    """Tokens that nobody may believe, made of a good one without its key."""
    header, payload, signature = token.split(".")
    first = "B" if signature[0] == "A" else "A"
    alg = json.loads(C.unb64(header)) | {"alg": "none"}
    yield f"{header}.{payload}.{first}{signature[1:]}"
    yield f"{header}.{payload}."
    yield f"{header}.{payload}"
    yield f"{header}.{payload}.{signature}AAAA"
    yield f"{header}.{payload}.{signature[:-4]}"
    yield f"{header}.{payload}.{'A' * len(signature)}"
    yield f"{header}.{C.b64(C.unb64(payload).replace(b'Zo', b'Xo'))}.{signature}"
    yield f"{C.b64(C.unb64(header) + b' ')}.{payload}.{signature}"
    yield f"{C.b64(json.dumps(alg).encode())}.{payload}."
    yield f"{C.b64(json.dumps(alg).encode())}.{payload}.{signature}"


def verdicts(where, keys, tokens):
    """(code, payload) of each token by libcek-jose, with a JWK Set of these public keys."""
    path = where / "signers.json"
    path.write_text(json.dumps({"keys": keys}))
    done = C.run([C.BUILD / "tests" / "interop" / "jwt", path], input="".join(f"{token}\n" for token in tokens))
    return [tuple(line.split(" ", 1)) for line in done.stdout.splitlines()]
