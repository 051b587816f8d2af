# SPDX-License-Identifier: Apache-2.0
"""Published tokens open: the key of each RFC goes into the token through `cekctl key import`, the JWE through cekd."""

import json

import cekd as C
import pytest
from cekd import pb, status_name
from jwcrypto import jwk

OWN = C.SOURCE / "tests" / "vectors"
WYCHEPROOF = C.VECTORS / "wycheproof"


def tokens():
    """(name, alg, enc, private JWK, compact token, plaintext) of every vector of the project with a key cekd can hold."""
    found = []
    for path in sorted(OWN.rglob("*.json")):
        for entry in flat(json.loads(path.read_text())):
            found.append((f"{path.stem}-{len(found)}", *entry))
    return found


def flat(data):
    """RFC 7520 cookbook files, and lists of {alg, enc, key, jwe, plaintext}."""
    if isinstance(data, list):
        for item in data:
            yield from flat(item)
    elif isinstance(data, dict) and isinstance(data.get("output"), dict) and "compact" in data["output"]:
        key, given = data["input"].get("key"), data["input"]
        if isinstance(key, dict) and not given.get("zip") and given["alg"] in C.ALGS:
            yield given["alg"], given["enc"], key, data["output"]["compact"], given["plaintext"]
    elif isinstance(data, dict) and isinstance(data.get("jwe"), str):
        if data["alg"] in C.ALGS:
            yield data["alg"], data["enc"], data["key"], data["jwe"], data["plaintext"]
    elif isinstance(data, dict):
        for value in data.values():
            if isinstance(value, (dict, list)):
                yield from flat(value)


def import_key(shared, tmp_path, name, alg, key, kid=None):
    path = tmp_path / "key.jwk"
    path.write_text(json.dumps(key))
    shared.cekctl("key", "import", name, "--alg", alg, "--jwk", path, *(["--kid", kid] if kid else []))


@pytest.mark.parametrize("alg, enc, key, token, plaintext", [t[1:] for t in tokens()], ids=[t[0] for t in tokens()])
def test_compact(make_cekd, tmp_path, alg, enc, key, token, plaintext):
    """A daemon of its own: the same published key stands in several files, and a key is a version only once."""
    daemon, name = make_cekd(workers=1), "published"
    header = json.loads(C.unb64(token.split(".")[0]))
    import_key(daemon, tmp_path, name, alg, key, header.get("kid"))
    done = daemon.cekctl("jwe", "decrypt", "--key", name, "--alg", alg, "--enc", enc, input=token)
    assert done.stdout.rstrip("\n") == plaintext


def test_there_are_vectors():
    names = {t[1] for t in tokens()}
    assert {"RSA-OAEP", "A128KW"} <= names, names


def test_rfc3394(shared, tmp_path):
    """Section 4: the six examples; those whose key data has the length of a CEK go through the daemon."""
    path = next(iter([*OWN.rglob("rfc3394*.json"), *C.VECTORS.rglob("rfc3394*.json")]), None)
    if path is None:
        pytest.skip("no rfc3394 vectors")
    ran = 0
    data = json.loads(path.read_text())
    with shared.client() as client:
        for number, case in enumerate(data["tests"]):
            kek, plain, cipher = (bytes.fromhex(case[name]) for name in ("kek", "key", "wrapped"))
            enc = {16: "A128GCM", 24: "A192GCM", 32: "A256GCM"}[len(plain)]
            name, alg = f"rfc3394-{number}", f"A{len(kek) * 8}KW"
            import_key(shared, tmp_path, name, alg, {"kty": "oct", "k": C.b64(kek)})
            reply = client.call(unwrap=pb.UnwrapRequest(key=name, alg=alg, enc=enc, encrypted_key=cipher))
            assert reply.unwrap.cek == plain, reply
            again = client.wrap(name, plain, enc)
            assert again.encrypted_key == cipher
            ran += 1
    assert ran == 6


@pytest.mark.skipif(not WYCHEPROOF.is_dir(), reason=f"no folder {WYCHEPROOF}")
def test_wycheproof_key_wrap(shared, tmp_path, capsys):
    """Through the whole daemon: what is valid and as long as a CEK opens, everything else does not."""
    data = json.loads((WYCHEPROOF / "aes_wrap_test.json").read_text())
    by_length = {length: enc for enc, length in C.ENC_LEN.items()}
    ran, names = {"valid": 0, "invalid": 0}, {}
    with shared.client() as client:
        for group in data["testGroups"]:
            for case in group["tests"]:
                plain, cipher = bytes.fromhex(case["msg"]), bytes.fromhex(case["ct"])
                enc = by_length.get(len(cipher) - 8)
                if enc is None or not cipher:
                    continue
                kek, alg = case["key"], f"A{group['keySize']}KW"
                if kek not in names:
                    names[kek] = f"wp-{len(names)}"
                    import_key(shared, tmp_path, names[kek], alg, {"kty": "oct", "k": C.b64(bytes.fromhex(kek))})
                reply = client.call(unwrap=pb.UnwrapRequest(key=names[kek], alg=alg, enc=enc, encrypted_key=cipher))
                if case["result"] == "valid":
                    assert reply.unwrap.cek == plain, case
                else:
                    assert status_name(reply) in ("FAILED", "MALFORMED"), case
                ran["valid" if case["result"] == "valid" else "invalid"] += 1
    print(f"aes_wrap_test: {ran}")
    assert ran["valid"] and ran["invalid"]


def private_jwk(group):
    for name in ("privateKeyJwk", "privateKey"):
        if isinstance(group.get(name), dict) and "kty" in group[name]:
            return group[name]
    return json.loads(jwk.JWK.from_pem(group["privateKeyPem"].encode()).export(private_key=True))


RSA = [("rsa_oaep_2048_sha1_mgf1sha1", "RSA-OAEP"), ("rsa_oaep_2048_sha256_mgf1sha256", "RSA-OAEP-256"),
       ("rsa_oaep_3072_sha256_mgf1sha256", "RSA-OAEP-256"), ("rsa_oaep_2048_sha384_mgf1sha384", "RSA-OAEP-384"),
       ("rsa_oaep_2048_sha512_mgf1sha512", "RSA-OAEP-512"), ("rsa_oaep_3072_sha512_mgf1sha512", "RSA-OAEP-512"),
       ("rsa_oaep_2048_sha256_mgf1sha1", "RSA-OAEP-256")]


@pytest.mark.skipif(not WYCHEPROOF.is_dir(), reason=f"no folder {WYCHEPROOF}")
@pytest.mark.parametrize("file, alg", RSA)
def test_wycheproof_rsa(make_cekd, tmp_path, file, alg):
    """A valid message without label and as long as a CEK opens; labelled, invalid and other ones fail."""
    data = json.loads((WYCHEPROOF / f"{file}_test.json").read_text())
    by_length = {length: enc for enc, length in C.ENC_LEN.items()}
    mixed = file.endswith("sha256_mgf1sha1")
    ran = {"valid": 0, "invalid": 0}
    daemon = make_cekd(workers=1)
    with daemon.client() as client:
        for number, group in enumerate(data["testGroups"]):
            name = f"{file}-{number}"
            import_key(daemon, tmp_path, name, alg, private_jwk(group))
            for case in group["tests"]:
                message = bytes.fromhex(case["msg"])
                opens = case["result"] == "valid" and not case["label"] and len(message) in by_length and not mixed
                reply = client.call(unwrap=pb.UnwrapRequest(
                    key=name, alg=alg, enc=by_length.get(len(message), "A256GCM"),
                    encrypted_key=bytes.fromhex(case["ct"])))
                if opens:
                    assert reply.unwrap.cek == message, case
                else:
                    assert status_name(reply) in ("FAILED", "MALFORMED"), case
                ran["valid" if opens else "invalid"] += 1
    print(f"{file}: {ran}")
    assert ran["invalid"] and (mixed or ran["valid"])
