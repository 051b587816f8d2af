# SPDX-License-Identifier: Apache-2.0
"""cekctl key import: files as openssl and jwcrypto write them become keys that open what others encrypted for them; sets are
imported whole or not at all; the same command twice does nothing twice. And numbers of any size in foreign JSON."""

import json
import os
import pty
import re
import select
import signal
import subprocess

import cekd as C
import pytest
from cekd import pb, status_name
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from jwcrypto import jwe, jwk

PASSPHRASE = "correct horse"


def openssl(*args, **kwargs):
    return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=C.PATIENCE, **kwargs).stdout


@pytest.fixture
def ctl(shared):
    return shared.cekctl


@pytest.fixture
def write(tmp_path):
    def write(value, name="key"):
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        path.chmod(0o600)
        return path
    return write


def private(kid=None, **kwargs):
    key = jwk.JWK.generate(**kwargs)
    return json.loads(key.export(private_key=True)) | ({"kid": kid} if kid else {})


def oct_key(kid=None, **members):
    return {"kty": "oct", "k": C.b64(os.urandom(32))} | ({"kid": kid} if kid is not None else {}) | members


def versions(shared, name):
    return shared.json("key", "show", name)["versions"]


def kids(version):
    return [version["kid"], *version["aliases"]]


def public_of(pem):
    """As a JWK; Debian's jwcrypto does not know X25519 in PEM."""
    key = load_pem_private_key(pem, None)
    if isinstance(key, X25519PrivateKey):
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return jwk.JWK(kty="OKP", crv="X25519", x=C.b64(raw))
    return jwk.JWK.from_json(jwk.JWK.from_pem(openssl("pkey", input=pem)).export_public())


def opens(shared, key, alg, kid=None):
    """What others encrypt for the key comes out."""
    header = {"alg": alg, "enc": "A256GCM"} | ({"kid": kid} if kid else {})
    token = jwe.JWE(b"for the token", json.dumps(header), recipient=key).serialize(compact=True)
    assert shared.cekctl("jwe", "decrypt", input=token).stdout == "for the token"


def refused(done, text, code=None):
    code = code or (6 if ": CONFLICT: " in done.stderr else 1)
    assert done.returncode == code and text in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""


# ---- forms ----------------------------------------------------------------------------------------------------------

FORMS = {
    "RSA PKCS#8": (["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], [], "RSA-OAEP-256"),
    "RSA PKCS#1": (["genrsa", "-traditional", "2048"], [], "RSA-OAEP"),
    "RSA DER": (["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ["rsa", "-traditional", "-outform", "DER"],
                "RSA-OAEP-256"),
    "EC PKCS#8": (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], [], "ECDH-ES"),
    "EC SEC 1": (["ecparam", "-name", "prime256v1", "-genkey"], [], "ECDH-ES+A128KW"),
    "EC DER": (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
               ["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], "ECDH-ES"),
    "X25519": (["genpkey", "-algorithm", "X25519"], [], "ECDH-ES+A256KW"),
    "X25519 DER": (["genpkey", "-algorithm", "X25519"], ["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], "ECDH-ES"),
    "PBES2": (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
              ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512", "-passout", "pass:" + PASSPHRASE], "ECDH-ES"),
    "scrypt": (["genpkey", "-algorithm", "X25519"], ["pkcs8", "-topk8", "-scrypt", "-passout", "pass:" + PASSPHRASE], "ECDH-ES"),
    "PBES2 DER": (["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                  ["pkcs8", "-topk8", "-v2", "aes-128-cbc", "-outform", "DER", "-passout", "pass:" + PASSPHRASE], "RSA-OAEP-512"),
    "encrypted PKCS#1": (["genrsa", "2048"], ["rsa", "-traditional", "-aes256", "-passout", "pass:" + PASSPHRASE], "RSA-OAEP"),
}


@pytest.mark.parametrize("form", FORMS)
def test_openssl(shared, ctl, tmp_path, write, form):
    make, change, alg = FORMS[form]
    pem = openssl(*make)
    path = tmp_path / "key"
    path.write_bytes(openssl(*change, input=pem) if change else pem)
    name = re.sub(r"\W", "-", form)
    args = ["key", "import", name, "--alg", alg, "--jwk", path]
    if "pass:" in "".join(change):
        refused(ctl(*args, "--passphrase-file", write(PASSPHRASE + "\n ", "wrong-not"), "--kid", "", check=False), "--kid is empty", 2)
        refused(ctl(*args, "--passphrase-file", write(PASSPHRASE + "!", "wrong"), check=False), "the passphrase does not open")
        refused(ctl(*args, "--passphrase-file", write("", "empty"), check=False), "the passphrase is empty")
        refused(ctl(*args, "--passphrase-file", tmp_path / "absent", check=False), "absent: No such file")
        args += ["--passphrase-file", write(PASSPHRASE + "\nmore", "passphrase")]
    ctl(*args)
    key = public_of(pem)
    version, = versions(shared, name)
    assert version["kid"] == key.thumbprint() and version["aliases"] == [] and version["provenance"] == "imported"
    if alg in ("RSA-OAEP", "RSA-OAEP-256") or alg.startswith("ECDH"):  # what jwcrypto can
        opens(shared, key, alg, key.thumbprint())


def test_rsa_without_primes(shared, ctl, write):
    key = private("minimal", kty="RSA", size=2048)
    for member in ("p", "q", "dp", "dq", "qi"):
        del key[member]
    ctl("key", "import", "minimal", "--alg", "RSA-OAEP-256", "--jwk", write(key))
    opens(shared, jwk.JWK.from_json(jwk.JWK(**key).export_public()), "RSA-OAEP-256", "minimal")
    other = private(kty="RSA", size=2048)
    refused(ctl("key", "import", "mixed", "--alg", "RSA-OAEP", "--jwk", write(key | {"d": other["d"]}), check=False), "no two primes")


def test_passphrase_from_standard_input(shared, ctl, tmp_path):
    pem = openssl("genpkey", "-algorithm", "X25519")
    path = tmp_path / "key"
    path.write_bytes(openssl("pkcs8", "-topk8", "-passout", "pass:" + PASSPHRASE, input=pem))
    ctl("key", "import", "piped", "--alg", "ECDH-ES", "--jwk", path, "--passphrase-file", "-", input=PASSPHRASE + "\n")
    refused(ctl("key", "import", "both", "--alg", "ECDH-ES", "--jwk", "-", "--passphrase-file", "-", input="", check=False),
            "cannot both be standard input", 2)
    assert versions(shared, "piped")[0]["kid"] == public_of(pem).thumbprint()


# ---- the terminal ---------------------------------------------------------------------------------------------------

def type_in(shared, args, keys):
    """cekctl on a terminal of its own, on which keys are typed when it asks. Returns its status and what the terminal shows."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["CEK_SOCKET"] = str(shared.socket)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # as a shell gives it to what runs in front
        os.execv(C.CEKCTL, [str(C.CEKCTL), *map(str, args)])
    shown, typed = b"", False
    while True:
        assert select.select([fd], [], [], C.PATIENCE)[0], shown
        try:
            piece = os.read(fd, 4096)
        except OSError:  # EIO: the other end is closed
            break
        if not piece:
            break
        shown += piece
        if not typed and b": " in shown:
            typed = True
            os.write(fd, keys)
    os.close(fd)
    return os.waitpid(pid, 0)[1], shown.decode()


def test_passphrase_from_the_terminal(shared, ctl, tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(openssl("pkcs8", "-topk8", "-passout", "pass:" + PASSPHRASE, input=openssl("genpkey", "-algorithm", "X25519")))
    args = ["key", "import", "typed", "--alg", "ECDH-ES", "--jwk", path]
    status, shown = type_in(shared, args, b"wrong\n")
    assert os.waitstatus_to_exitcode(status) == 1 and "the passphrase does not open" in shown and "wrong\r\n" not in shown
    status, shown = type_in(shared, args, b"\x03")
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == 2, shown
    status, shown = type_in(shared, args, PASSPHRASE.encode() + b"\n")
    assert os.waitstatus_to_exitcode(status) == 0, shown
    assert f"Passphrase of {path}"[:60] in shown and PASSPHRASE not in shown and "version " in shown
    refused(ctl("key", "import", "nobody", "--alg", "ECDH-ES", "--jwk", path, check=False, start_new_session=True),
            "--passphrase-file is needed")


# ---- kids -----------------------------------------------------------------------------------------------------------

def test_kid_of_the_jwk(shared, ctl, write):
    for name, kid, args in (("own-kid", "issuer 2024", []), ("other-kid", "issuer-2025", ["--kid", "issuer-2025"])):
        ctl("key", "import", name, "--alg", "A256KW", "--jwk", write(oct_key("issuer 2024")), *args)
        version, = versions(shared, name)
        assert kid in kids(version)
    key = private(kty="EC", crv="P-256")
    ctl("key", "import", "no-kid", "--alg", "ECDH-ES", "--jwk", write({k: v for k, v in key.items() if k != "kid"}))
    assert kids(versions(shared, "no-kid")[0]) == [jwk.JWK(**key).thumbprint()]


@pytest.mark.parametrize("kid,why", [("", "empty"), (" ", "space"), ("a\u200b", "U+200B"), ("\u202ea", "U+202E"), ("a\tb", "U+0009"),
                                     ("k" * 257, "256 bytes"), (7, "not a string")])
def test_kids_that_nobody_sees(shared, client, ctl, write, kid, why):
    refused(ctl("key", "import", "unseen", "--alg", "A256KW", "--jwk", write(oct_key() | {"kid": kid}), check=False), f'"kid" ')
    if isinstance(kid, str):
        done = ctl("key", "import", "unseen", "--alg", "A256KW", "--jwk", write(oct_key("good")), "--kid", kid, check=False)
        refused(done, why, 2)
    if isinstance(kid, str) and kid:  # cekd itself: import, and adopt by the same check
        request = pb.ImportKeyRequest(key="unseen", alg="A256KW", kid=kid, transport_id="x", wrapped_aes_key=b"x", wrapped_key=b"x")
        reply = client.call(import_key=request)
        assert status_name(reply) == "MALFORMED" and reply.message.startswith("kid: "), reply
        reply = client.call(adopt_key=pb.AdoptKeyRequest(key="unseen", alg="A256KW", kid=kid, cka_id=b"x"))
        assert status_name(reply) == "MALFORMED" and reply.message.startswith("kid: "), reply
    assert status_name(client.call(describe_key=pb.DescribeKeyRequest(key="unseen"))) == "UNKNOWN_KEY"


@pytest.fixture
def client(shared):
    with shared.client() as client:
        yield client


# ---- sets -----------------------------------------------------------------------------------------------------------

def test_set(shared, ctl, write):
    keys = [private("set-0", kty="EC", crv="P-256"), private("set-rsa", kty="RSA", size=2048),
            private("set-1", kty="EC", crv="P-256"), json.loads(jwk.JWK.generate(kty="EC", crv="P-256").export_public()),
            private("set-sig", kty="EC", crv="P-256") | {"use": "sig"}, private("set-x", kty="OKP", crv="X25519"),
            private("set-2", kty="EC", crv="P-256") | {"exp": 1 << 70}]
    path = write({"keys": keys, "made": 1e300})
    text = ctl("key", "import", "set", "--alg", "ECDH-ES", "--jwk", path).stdout
    assert text.count("set: version ") == 3 and text.count(" is skipped: ") == 4, text
    assert "key 2 of the set, set-rsa is skipped: ECDH-ES needs a key of kty EC or OKP" in text, text
    assert "key 6 of the set, set-x is skipped: it is on X25519, and set is on P-256" in text, text
    assert text.splitlines()[-1] == "3 imported, 0 imported before, 4 skipped"
    made = versions(shared, "set")
    assert ["set-0", "set-1", "set-2"] == [(set(kids(version)) & {"set-0", "set-1", "set-2"}).pop() for version in made]
    assert [version["state"] for version in made] == ["active", "deactivated", "deactivated"]
    for key in (keys[0], keys[2], keys[6]):
        opens(shared, jwk.JWK.from_json(jwk.JWK(**key).export_public()), "ECDH-ES", key["kid"])
    again = shared.json("key", "import", "set", "--alg", "ECDH-ES", "--jwk", path)
    assert again["imported"] == [] and again["existing"] == [version["kid"] for version in made]
    assert [skipped["number"] for skipped in again["skipped"]] == [2, 4, 5, 6]
    assert again["skipped"][0]["kid"] == "set-rsa" and "kty" in again["skipped"][0]["reason"]
    assert [version["kid"] for version in versions(shared, "set")] == [version["kid"] for version in made]
    # one more, of which cekd knows nothing yet
    more = private("set-new", kty="EC", crv="P-256")
    grown = shared.json("key", "import", "set", "--alg", "ECDH-ES", "--jwk", write({"keys": [*keys, more]}))
    assert len(grown["imported"]) == 1 and len(grown["existing"]) == 3 and len(grown["versions"]) == 4
    refused(ctl("key", "import", "set", "--alg", "ECDH-ES", "--jwk", write(private("p", kty="EC", crv="P-521")), check=False),
            "CONFLICT: no key is on the same curve as set, which is on P-256")


def test_dry_run_of_a_set(shared, ctl, write):
    """One preview, of all of them: numbers and states as they come."""
    path = write({"keys": [private(f"dry-{i}", kty="EC", crv="P-256") for i in range(3)] + [oct_key("dry-oct")]})
    args = ["key", "import", "dry", "--alg", "ECDH-ES", "--jwk", path]
    told = json.loads(ctl(*args, "--dry-run", "--json").stdout)
    text = ctl(*args, "--dry-run").stdout
    done = json.loads(ctl(*args, "--json").stdout)
    assert [(v["number"], v["state"], v["kid"]) for v in told["key"]["versions"]] == \
        [(v["number"], v["state"], v["kid"]) for v in done["versions"]] == \
        [(1, "active", "dry-0"), (2, "deactivated", "dry-1"), (3, "deactivated", "dry-2")]
    assert [line.split(" is ")[0] for line in told["will"]] == [f"version {i} of key dry" for i in (1, 2, 3)], told["will"]
    assert len(set(told["warnings"])) == len(told["warnings"]) and list(told["key"])[0] == "version", told
    assert text.count("What happens:") == 1 and text.count("Nothing was changed.") == 1 and "dry-oct is skipped" in text
    # One of them is there: the others come behind all that there is.
    path = write({"keys": json.loads(path.read_text())["keys"] + [private(f"dry-{i}", kty="EC", crv="P-256") for i in (4, 5)]})
    told = json.loads(ctl(*args[:-1], path, "--dry-run", "--json").stdout)
    assert [(v["number"], v["state"]) for v in told["key"]["versions"]][3:] == [(4, "deactivated"), (5, "deactivated")]


def test_one_key_of_a_set(shared, ctl, write):
    path = write({"keys": [oct_key("one-a"), oct_key("one-b"), oct_key("")]})
    args = ["key", "import", "one", "--alg", "A256KW", "--jwk", path]
    refused(ctl(*args, "--kid", "one-c", check=False), "no key of the set has the kid one-c")
    refused(ctl(*args, check=False), 'key 3 of the set: the JWK\'s "kid" is empty')
    ctl(*args, "--kid", "one-b")
    version, = versions(shared, "one")
    assert "one-b" in kids(version)


def test_set_is_checked_before_it_is_sent(shared, client, ctl, write):
    """A fault in the last key, a kid of somebody else's, a key of another alg: nothing is imported."""
    good, bad = private("before-a", kty="EC", crv="P-256"), private("before-b", kty="EC", crv="P-256")
    wrong = bad | {"x": good["x"]}
    args = ["key", "import", "before", "--alg", "ECDH-ES", "--jwk"]
    refused(ctl(*args, write({"keys": [good, wrong]}), check=False), "key 2 of the set (kid before-b): ")
    ctl("key", "import", "owner", "--alg", "A256KW", "--jwk", write(oct_key("before-b")))
    refused(ctl(*args, write({"keys": [good, bad]}), check=False), "CONFLICT: key 2 of the set: before-b is a kid of another version")
    assert status_name(client.call(describe_key=pb.DescribeKeyRequest(key="before"))) == "UNKNOWN_KEY"
    refused(ctl("key", "import", "owner", *args[3:], write({"keys": [good, private("c", kty="EC", crv="P-256")]}), check=False),
            "CONFLICT: owner is a key for A256KW, not for ECDH-ES")
    assert len(versions(shared, "owner")) == 1


# ---- again ----------------------------------------------------------------------------------------------------------

def test_again_after_a_lost_reply(shared, ctl, write):
    key = private("again", kty="RSA", size=2048)
    path = write(key)
    ctl("key", "import", "again", "--alg", "RSA-OAEP", "--jwk", path)
    before = versions(shared, "again")
    done = ctl("key", "import", "again", "--alg", "RSA-OAEP", "--jwk", path)
    assert done.stdout.startswith("imported before: again: version ")
    assert versions(shared, "again") == before
    refused(ctl("key", "import", "again", "--alg", "RSA-OAEP", "--jwk", path, "--kid", "another", check=False), "CONFLICT: ")
    refused(ctl("key", "import", "elsewhere", "--alg", "RSA-OAEP", "--jwk", path, check=False), "CONFLICT: ")
    refused(ctl("key", "import", "again", "--alg", "RSA-OAEP-256", "--jwk", path, check=False), "CONFLICT: ")


@pytest.mark.parametrize("alg,bits", [("A128KW", 128), ("A256KW", 256), ("A192GCMKW", 192), ("A256GCMKW", 256)])
@pytest.mark.parametrize("kid", [None, "aes"])
def test_again_with_an_aes_key(shared, ctl, write, alg, bits, kid):
    """Nothing but what it wraps tells an AES key: with a kid and without."""
    name, kid = f"again-{alg}-{kid}", kid and f"aes-{alg}"
    key = {"kty": "oct", "k": C.b64(os.urandom(bits // 8))} | ({"kid": kid} if kid else {})
    other = key | {"k": C.b64(os.urandom(bits // 8))}
    args = ["key", "import", name, "--alg", alg, "--jwk"]
    ctl(*args, write(key))
    first = versions(shared, name)[0]["kid"]
    done = shared.json(*args, write(key))
    assert done["imported"] == [] and done["existing"] == [first] and len(done["versions"]) == 1
    if kid:
        refused(ctl(*args, write(other), check=False), f"CONFLICT: {kid} is a kid of this key already, of another AES key")
    else:
        assert len(shared.json(*args, write(other))["imported"]) == 1
        assert shared.json(*args, write(other))["imported"] == shared.json(*args, write(key))["imported"] == []
    refused(ctl(*args, write(key | {"kid": "x" + alg}), check=False),
            f"CONFLICT: {first} is this key, and has not the kid that is wanted; "
            f"cekctl key alias add {name}/1 x{alg} gives it that kid")
    assert len(versions(shared, name)) == (1 if kid else 2)


def test_again_without_the_permission_to_unwrap(make_cekd, write):
    daemon = make_cekd(rules={"all": {"anyone": True, "operations": ["import", "list"], "keys": ["*"]}})
    args = ["key", "import", "aes", "--alg", "A256KW", "--jwk"]
    daemon.cekctl(*args, write(oct_key("kept")))
    refused(daemon.cekctl(*args, write(oct_key("kept")), check=False), "whether of the same AES key is not told")
    refused(daemon.cekctl(*args, write(oct_key()), check=False), "give it a --kid")
    daemon.cekctl(*args, write(oct_key()), "--kid", "second")
    assert len(versions(daemon, "aes")) == 2


def test_destroyed_key(make_cekd, write):
    daemon = make_cekd(page=True, destroy_wait_min=60)
    args = ["key", "import", "gone", "--alg", "ECDH-ES", "--jwk", write(private("gone", kty="EC", crv="P-256"))]
    daemon.cekctl(*args)
    daemon.cekctl("key", "rotate", "gone")
    daemon.cekctl("key", "destroy", "gone", "--wait", "60s", "--force")
    daemon.page.shift(120)
    C.wait_for(lambda: versions(daemon, "gone")[0]["state"] == "destroyed", "the destruction")
    refused(daemon.cekctl(*args, check=False), "CONFLICT: gone was this key, and is destroyed")
    assert len(versions(daemon, "gone")) == 2


def test_permission_to_import_alone(make_cekd, write):
    daemon = make_cekd(rules={"all": {"anyone": True, "operations": ["import"], "keys": ["*"]}})
    text = daemon.cekctl("key", "import", "alone", "--alg", "A256KW", "--jwk", write({"keys": [oct_key("a"), oct_key("b")]})).stdout
    assert text.splitlines()[-1] == "2 imported, 0 imported before, 0 skipped"


# ---- foreign numbers ------------------------------------------------------------------------------------------------

NUMBERS = '"exp":18446744073709551616,"n1":1e400,"n2":[-1E+999,{"n3":0.10}],"n4":-9223372036854775809'


def with_numbers(text):
    """The JSON object of text, with numbers beside its members that no C type holds."""
    return text.rstrip().removesuffix("}") + "," + NUMBERS + "}"


def test_numbers_in_a_header(shared, ctl, write):
    name = shared.key("ECDH-ES")
    token = ctl("jwe", "encrypt", "--key", name, "--enc", "A256GCM", input="text").stdout
    header = json.loads(C.unb64(token.split(".")[0]))
    wrapped = {"kid": header["kid"], "alg": "ECDH-ES", "enc": "A256GCM", "encrypted_key": "", "epk": header["epk"]}
    cek = subprocess.run([C.CEKCTL, "--socket", shared.socket, "unwrap"], input=json.dumps(wrapped).encode(), capture_output=True,
                         check=True, timeout=C.PATIENCE).stdout
    header["epk"] = "EPK"
    text = with_numbers(json.dumps(header)).replace('"EPK"', with_numbers(json.dumps(wrapped["epk"])))
    protected, iv = C.b64(text.encode()), os.urandom(12)
    sealed = AESGCM(cek).encrypt(iv, b"inner", protected.encode())
    token = ".".join([protected, "", C.b64(iv), C.b64(sealed[:-16]), C.b64(sealed[-16:])])
    assert ctl("jwe", "decrypt", input=token).stdout == "inner"


def test_numbers_in_wrapped_keys(shared, ctl):
    name = shared.key("A256KW")
    made = ctl("wrap", "--key", name, "--enc", "A256GCM", "--generate", "--json").stdout
    wrapped = json.dumps({k: v for k, v in json.loads(made).items() if k != "cek"})
    cek = json.loads(ctl("unwrap", "--json", input=wrapped).stdout)["cek"]
    assert json.loads(ctl("unwrap", "--json", input=with_numbers(wrapped)).stdout)["cek"] == cek
    shared.cekctl("key", "rotate", name)
    line = with_numbers(wrapped)
    again = ctl("rewrap", "--key", name, input=line + "\n").stdout
    assert NUMBERS in again and json.loads(again)["kid"] != json.loads(wrapped)["kid"], again
    assert json.loads(ctl("unwrap", "--json", input=again).stdout)["cek"] == cek
    for broken in ('{"kid":18446744073709551616,"alg":"A256KW","enc":"A256GCM","encrypted_key":"AA"}',
                   '{"alg":"A256KW","enc":"A256GCM","encrypted_key":1e400}'):
        failed = json.loads(ctl("rewrap", "--key", name, input=broken + "\n", check=False).stdout)
        assert "must be a string" in failed["error"], failed
    ecdh = shared.key("ECDH-ES")
    made = json.loads(ctl("wrap", "--key", ecdh, "--enc", "A256GCM", "--generate", "--json").stdout)
    done = ctl("unwrap", "--json", "--epk", with_numbers(json.dumps(made["epk"])), input=json.dumps(made))
    assert json.loads(done.stdout)["cek"] == made.get("cek", json.loads(done.stdout)["cek"])
