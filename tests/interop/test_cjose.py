"""Both directions against libcjose, for every alg and enc that it has."""

import json

import cekd as C
import pytest
from jwcrypto import jwk

CJOSE = C.BUILD / "tests" / "interop" / "cjose"
pytestmark = pytest.mark.skipif(not CJOSE.exists(), reason="no libcjose")
ALGS = [("RSA-OAEP", ""), ("A128KW", ""), ("A192KW", ""), ("A256KW", ""), ("ECDH-ES", "P-256"), ("ECDH-ES", "P-384"),
        ("ECDH-ES", "P-521")]
TEXT = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ0ZXN0In0."


@pytest.fixture(scope="module")
def keys(shared):
    made = {}

    def get(alg, crv):
        if (alg, crv) not in made:
            name = "-".join(filter(None, [alg, crv]))
            key = (jwk.JWK.generate(kty="RSA", size=2048) if alg.startswith("RSA") else
                   jwk.JWK.generate(kty="EC", crv=crv) if crv else jwk.JWK.generate(kty="oct", size=int(alg[1:4])))
            path = shared.where / f"{name}.jwk"
            path.write_text(key.export())
            shared.cekctl("key", "import", name, "--alg", alg, "--jwk", path)
            made[alg, crv] = name, path
        return made[alg, crv]
    return get


@pytest.mark.parametrize("enc", C.ENC_LEN)
@pytest.mark.parametrize("alg, crv", ALGS)
def test_theirs_opens_here(shared, keys, alg, crv, enc):
    name, path = keys(alg, crv)
    token = C.run([CJOSE, "encrypt", path, alg, enc], input=TEXT).stdout
    done = shared.cekctl("jwe", "decrypt", "--key", name, "--alg", alg, "--enc", enc, input=token)
    assert done.stdout.rstrip("\n") == TEXT


@pytest.mark.parametrize("enc", C.ENC_LEN)
@pytest.mark.parametrize("alg, crv", ALGS)
def test_ours_opens_there(shared, keys, alg, crv, enc):
    name, path = keys(alg, crv)
    token = shared.cekctl("jwe", "encrypt", "--key", name, "--enc", enc, "--cty", "JWT", input=TEXT).stdout
    assert json.loads(C.unb64(token.split(".")[0]))["alg"] == alg
    assert C.run([CJOSE, "decrypt", path], input=token).stdout == TEXT
