# SPDX-License-Identifier: Apache-2.0
"""libcek-jwt(3): its example opens a token with a real cekd and verifies the JWT in it; its table of HTTP statuses."""

import json
import os
import re
import time

import cekd as C
import pytest
from jwcrypto import jwe, jwk, jws

VERIFY = C.BUILD / "client" / "jose" / "examples" / "verify"


@pytest.fixture(scope="module")
def issuer(shared):
    """A function that makes an encrypted access token by RFC 9068, with claims and header members of one's own."""
    shared.key("ECDH-ES+A256KW", name="api-tokens")
    public = json.loads(shared.cekctl("jwks", "api-tokens").stdout)["keys"][0]
    signer = jwk.JWK.generate(kty="EC", crv="P-256", kid="issuer-1", use="sig", alg="ES256")
    signers = shared.where / "issuer.json"
    signers.write_text(json.dumps({"keys": [json.loads(signer.export_public())]}))

    def make(header=None, **claims):
        now = int(time.time())
        full = {"iss": "https://issuer.example", "aud": ["https://api.example"], "sub": "alice", "client_id": "web",
                "iat": now, "jti": "1", "exp": now + C.PATIENCE * 10, "scope": "openid orders:read"} | claims
        inner = jws.JWS(json.dumps({name: value for name, value in full.items() if value is not None}))
        inner.add_signature(signer, None, json.dumps({"alg": "ES256", "kid": "issuer-1", "typ": "at+jwt"} | (header or {})))
        token = jwe.JWE(inner.serialize(compact=True),
                        json.dumps({"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "cty": "JWT", "kid": public["kid"]}))
        token.add_recipient(jwk.JWK(**public))
        return token.serialize(compact=True), full["exp"]

    make.signers = signers
    return make


def verify(shared, issuer, token):
    return C.run([VERIFY, issuer.signers], input=token + "\n", check=False, env=os.environ | {"CEK_SOCKET": str(shared.socket)})


def test_good(shared, issuer):
    token, expires = issuer()
    done = verify(shared, issuer, token)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"sub alice, until {expires}\n", "")


@pytest.mark.parametrize("status, said, header, claims", [
    (1, "POLICY header, typ: not in the caller's list", {"typ": "JWT"}, {}),
    (1, "NO_KEY kid: names no key for this alg", {"kid": "issuer-2"}, {}),
    (1, "CLAIM exp: the token has expired", {}, {"exp": 1700000000}),
    (1, "CLAIM exp: missing", {}, {"exp": None}),
    (1, "CLAIM nbf: in the future", {}, {"nbf": 4102444800}),
    (1, "CLAIM iss: not one of the caller's issuers", {}, {"iss": "https://other.example"}),
    (1, "CLAIM aud: none of the caller's audiences, or not strings", {}, {"aud": "https://other.example"}),
    (1, "CLAIM jti: missing", {}, {"jti": None}),
    (3, "SCOPE scope: orders:read is missing", {}, {"scope": "orders:write"})], ids=lambda value: str(value)[:12])
def test_refused(shared, issuer, status, said, header, claims):
    done = verify(shared, issuer, issuer(header, **claims)[0])
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said + "\n")


def test_forged(shared, issuer, tmp_path):
    """Encrypted as it should be, by somebody who has the public key as everybody does: the signature is another's."""
    other = jwk.JWK.generate(kty="EC", crv="P-256", kid="issuer-1")
    (tmp_path / "issuer.json").write_text(other.export_public())
    issuer_of_another = type("Issuer", (), {"signers": tmp_path / "issuer.json"})
    done = verify(shared, issuer_of_another, issuer()[0])
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "FAILED \n")


def test_http_table():
    """A row for each code that cek_jwt_verify() returns, as its header names them."""
    page = (C.SOURCE / "man" / "libcek-jwt.3").read_text()
    table = dict(re.findall(r"^\.It Dv (CEK_JW\w+) Ta (\d+) Ta", page, re.M))
    header = (C.SOURCE / "client" / "jose" / "jwt" / "cek-jwt.h").read_text()
    words = re.search(r"/\* Verify a token of len bytes.*?\*/", header, re.S)[0]
    names = set(re.findall(r"(?<![A-Z])(OK|MALFORMED|POLICY|NO_KEY|FAILED|CLAIM|SCOPE|TOO_LARGE|NOMEM)\b", words))
    assert {name.split("_", 2)[2] for name in table} == names and len(table) == 9
    assert {code: status for code, status in table.items() if status != "401"} == {
        "CEK_JWE_OK": "200", "CEK_JWE_NOMEM": "503", "CEK_JWT_SCOPE": "403"}
