# SPDX-License-Identifier: Apache-2.0
"""Both directions against npm's jose 6, for every alg and all six enc: the peer that has RSA-OAEP-384 and -512 too.
And its signatures, good and
altered. Skipped, aloud, where node 20 and the package cannot be had."""

import fcntl
import json
import shutil
import subprocess

import cekd as C
import jws as signed
import pytest
from jwcrypto import jwk

CASES = [(alg, crv) for alg in C.ALGS for crv in (C.CURVES if alg.startswith("ECDH") else [""])]
TEXT = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ0ZXN0In0."


@pytest.fixture(scope="module")
def node():
    """A function that lets node do tasks; jose is installed into the build folder once."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no node and npm: npm's jose is not tested")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < 20:
        pytest.skip(f"node {version} is too old for jose 6")
    where = C.BUILD / "npm"
    where.mkdir(exist_ok=True)
    with open(where / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (where / "node_modules" / "jose").exists():
            done = subprocess.run(["npm", "install", "--prefix", where, "--no-audit", "--no-fund", "jose@6"],
                                  capture_output=True, text=True, timeout=C.PATIENCE * 2)
            if done.returncode != 0:
                pytest.skip(f"npm cannot install jose: {done.stderr.strip().splitlines()[-1:]}")
        script = where / "jose.mjs"
        script.write_text((C.SOURCE / "tests" / "interop" / "jose.mjs").read_text())

    def do(tasks):
        done = C.run(["node", script], input=json.dumps(tasks), cwd=where)
        return json.loads(done.stdout)
    return do


@pytest.mark.parametrize("alg, crv", CASES, ids=["-".join(filter(None, case)) for case in CASES])
def test_both_directions(shared, node, alg, crv):
    if alg.startswith("RSA"):
        key = jwk.JWK.generate(kty="RSA", size=2048)
    elif crv:
        key = jwk.JWK.generate(kty="OKP" if crv == "X25519" else "EC", crv=crv)
    else:
        key = jwk.JWK.generate(kty="oct", size=int(alg[1:4]))
    name = "-".join(filter(None, [alg.replace("+", "."), crv]))
    path = shared.where / "key.jwk"
    path.write_text(key.export())
    shared.cekctl("key", "import", name, "--alg", alg, "--jwk", path)
    path.unlink()
    task = {"jwk": json.loads(key.export()), "alg": alg}
    ours = {enc: shared.cekctl("jwe", "encrypt", "--key", name, "--enc", enc, "--cty", "JWT", input=TEXT).stdout.strip()
            for enc in C.ENC_LEN}
    tasks = [task | {"do": "decrypt", "enc": enc, "token": token} for enc, token in ours.items()]
    tasks += [task | {"do": "encrypt", "enc": enc, "text": TEXT} for enc in C.ENC_LEN]
    answers = node(tasks)
    assert answers[:6] == [TEXT] * 6
    for enc, token in zip(C.ENC_LEN, answers[6:]):
        done = shared.cekctl("jwe", "decrypt", "--key", name, "--alg", alg, "--enc", enc, input=token)
        assert done.stdout.rstrip("\n") == TEXT


@pytest.mark.parametrize("alg", [*signed.KEYS, "Ed25519"])
def test_signatures(node, tmp_path, alg):
    """Keys and tokens of theirs are good here; what was altered is refused by both."""
    key, text = node([{"do": "generate", "alg": alg}])[0], signed.claims()
    task = {"jwk": key, "alg": alg}
    token = node([task | {"do": "sign", "text": text}])[0]
    tokens = [token, *signed.altered(token)]
    public = {name: value for name, value in key.items() if name in ("kty", "crv", "n", "e", "x", "y")}
    answers = signed.verdicts(tmp_path, [public], tokens)
    assert answers[0] == ("OK", text)
    theirs = node([{"do": "verify", "jwk": public, "alg": alg, "token": one} for one in tokens])
    assert theirs == [payload if code == "OK" else None for code, payload in answers] == [text] + [None] * (len(tokens) - 1)
