# SPDX-License-Identifier: Apache-2.0
"""Both directions against libcjose, for every alg and enc that it has."""

import json

import cekd as C
import pytest
from jwcrypto import jwe, jwk

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


def cek_of(token, path):
    """The CEK of a token, by jwcrypto."""
    opened = jwe.JWE()
    opened.deserialize(token, jwk.JWK.from_json(path.read_text()))
    return opened.cek


@pytest.mark.parametrize("enc", C.ENC_LEN)
@pytest.mark.parametrize("alg, crv", ALGS)
def test_theirs_opens_here(shared, keys, alg, crv, enc):
    name, path = keys(alg, crv)
    token = C.run([CJOSE, "encrypt", path, alg, enc], input=TEXT).stdout.strip()
    decrypt = ["jwe", "decrypt", "--key", name, "--alg", alg, "--enc", enc]
    if any(cek_of(token, path)):
        assert shared.cekctl(*decrypt, input=token).stdout.rstrip("\n") == TEXT
    else:
        # Before its 0.6.2.1-1+deb12u2 libcjose takes a CEK of zeros with AES-CBC (CVE-2026-53939): no key at all.
        refused = shared.cekctl(*decrypt, input=token, check=False)
        assert refused.returncode == 1 and "FAILED" in refused.stderr


@pytest.mark.parametrize("enc", C.ENC_LEN)
@pytest.mark.parametrize("alg, crv", ALGS)
def test_ours_opens_there(shared, keys, alg, crv, enc):
    name, path = keys(alg, crv)
    token = shared.cekctl("jwe", "encrypt", "--key", name, "--enc", enc, "--cty", "JWT", input=TEXT).stdout
    assert json.loads(C.unb64(token.split(".")[0]))["alg"] == alg
    assert C.run([CJOSE, "decrypt", path], input=token).stdout == TEXT
