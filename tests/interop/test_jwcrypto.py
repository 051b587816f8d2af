# SPDX-License-Identifier: Apache-2.0
"""Both directions against python3-jwcrypto, for every alg that it has and all six enc; its signatures, good and altered."""

import json

import cekd as C
import jws as signed
import pytest
from cekd import pb
from jwcrypto import jwe, jwk, jws

# X25519 of jwcrypto 1.1 does ECDH-ES as well.
ALGS = ["RSA-OAEP", "RSA-OAEP-256", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "ECDH-ES",
        "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"]
CASES = [(alg, crv) for alg in ALGS for crv in (C.CURVES if alg.startswith("ECDH") else [""])]
TEXT = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ0ZXN0In0."


def new_key(alg, crv):
    if alg.startswith("RSA"):
        return jwk.JWK.generate(kty="RSA", size=2048)
    if alg.startswith("ECDH"):
        return jwk.JWK.generate(kty="OKP" if crv == "X25519" else "EC", crv=crv)
    return jwk.JWK.generate(kty="oct", size=int(alg[1:4]))


@pytest.fixture(scope="module")
def keys(shared):
    """(alg, crv) → (name, the same key for jwcrypto): a key pair made here and given to the token."""
    made = {}

    def get(alg, crv):
        if (alg, crv) not in made:
            key, name = new_key(alg, crv), f"{alg.replace('+', '.')}-{crv or 'x'}"
            path = shared.where / "key.jwk"
            path.write_text(key.export(private_key=True) if key["kty"] != "oct" else key.export())
            shared.cekctl("key", "import", name, "--alg", alg, "--jwk", path)
            path.unlink()
            with shared.client() as client:
                described = client.ok(describe_key=pb.DescribeKeyRequest(key=name)).key.key
            made[alg, crv] = name, key, described.version[0].kid
        return made[alg, crv]
    return get


def ids(case):
    return "-".join(filter(None, case)) if isinstance(case, tuple) else case


@pytest.mark.parametrize("enc", C.ENC_LEN)
@pytest.mark.parametrize("case", CASES, ids=ids)
def test_theirs_opens_here(shared, keys, case, enc):
    alg, _ = case
    name, key, kid = keys(*case)
    for header in ({"kid": kid}, {}):
        token = jwe.JWE(TEXT, json.dumps({"alg": alg, "enc": enc, "cty": "JWT"} | header))
        token.add_recipient(key)
        done = shared.cekctl("jwe", "decrypt", "--key", name, "--alg", alg, "--enc", enc, input=token.serialize(compact=True))
        assert done.stdout.rstrip("\n") == TEXT


@pytest.mark.parametrize("enc", C.ENC_LEN)
@pytest.mark.parametrize("case", CASES, ids=ids)
def test_ours_opens_there(shared, keys, case, enc):
    alg, _ = case
    name, key, kid = keys(*case)
    text = shared.cekctl("jwe", "encrypt", "--key", name, "--enc", enc, "--cty", "JWT", input=TEXT).stdout.strip()
    token = jwe.JWE()
    token.allowed_algs = [alg, enc]
    token.deserialize(text, key)
    assert token.payload == TEXT.encode()
    assert token.jose_header["kid"] == kid and token.jose_header["cty"] == "JWT"


@pytest.mark.parametrize("alg, crv", [("RSA-OAEP-256", ""), ("ECDH-ES+A256KW", "P-521"), ("ECDH-ES", "X25519")])
def test_from_the_jwks(shared, alg, crv):
    """An issuer that has nothing but what `cekctl jwks` prints; the key was made in the token."""
    name = shared.key(alg, crv or None, name=f"jwks-{alg.replace('+', '.')}")
    keys = jwk.JWKSet.from_json(shared.cekctl("jwks", name).stdout)
    key = next(iter(keys["keys"]))
    token = jwe.JWE(TEXT, json.dumps({"alg": alg, "enc": "A256GCM", "kid": key["kid"]}))
    token.add_recipient(key)
    done = shared.cekctl("jwe", "decrypt", "--key", name, "--alg", alg, "--enc", "A256GCM",
                         input=token.serialize(compact=True))
    assert done.stdout.rstrip("\n") == TEXT


def test_zip_is_refused_unless_allowed(shared, keys):
    name, key, kid = keys("A256KW", "")
    token = jwe.JWE("x" * 1000, json.dumps({"alg": "A256KW", "enc": "A256GCM", "zip": "DEF", "kid": kid}))
    token.add_recipient(key)
    done = shared.cekctl("jwe", "decrypt", "--key", name, "--alg", "A256KW", "--enc", "A256GCM",
                         input=token.serialize(compact=True), check=False)
    assert done.returncode != 0 and "POLICY: header, zip: not allowed by the caller" in done.stderr


# ---- signatures -----------------------------------------------------------------------------------------------------

def opens(key, token):
    theirs = jws.JWS()
    theirs.allowed_algs = [*signed.KEYS]
    try:
        theirs.deserialize(token, key)
    except (jws.InvalidJWSSignature, jws.InvalidJWSObject):
        return False
    return True


@pytest.mark.parametrize("alg, spec", [*signed.KEYS.items(), ("EdDSA", {"kty": "OKP", "crv": "Ed448"})],
                         ids=[*signed.KEYS, "EdDSA-Ed448"])
def test_signatures(tmp_path, alg, spec):
    """Theirs is verified here; what was altered is refused by both."""
    key, text = jwk.JWK.generate(kid="signer", use="sig", **spec), signed.claims()
    made = jws.JWS(text)
    made.add_signature(key, None, json.dumps({"alg": alg, "kid": "signer", "typ": "JWT"}))
    token = made.serialize(compact=True)
    tokens = [token, *signed.altered(token)]
    answers = signed.verdicts(tmp_path, [json.loads(key.export_public())], tokens)
    assert answers[0] == ("OK", text)
    assert [opens(key, one) for one in tokens] == [code == "OK" for code, _ in answers] == [True] + [False] * (len(tokens) - 1)
