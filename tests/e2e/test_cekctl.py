# SPDX-License-Identifier: Apache-2.0
"""Each verb of cekctl against a running daemon."""

import json
import os

import cekd as C
import pytest
from cekd import pb

JWT = ("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ0ZXN0In0.")


@pytest.fixture
def ctl(shared):
    return shared.cekctl


def test_create_list_show_rotate(shared, ctl):
    ctl("key", "create", "c-1", "--alg", "RSA-OAEP-256", "--size", "2048")
    ctl("key", "create", "c-2", "--alg", "ECDH-ES", "--curve", "P-384")
    listed = {key["name"]: key for key in shared.json("key", "list")["keys"]}
    assert listed["c-1"]["alg"] == "RSA-OAEP-256"
    assert "c-1" in ctl("key", "list").stdout
    ctl("key", "rotate", "c-1")
    shown = shared.json("key", "show", "c-1")
    assert [v["state"] for v in shown["versions"]] == ["deactivated", "active"]
    text = ctl("key", "show", "c-1").stdout
    assert all(v["kid"] in text for v in shown["versions"])
    assert json.loads(ctl("key", "show", "--kid", shown["versions"][0]["kid"], "--json").stdout) == shown


def test_plan(shared, ctl):
    ctl("key", "create", "planned", "--alg", "ECDH-ES+A128KW")
    ctl("key", "schedule", "planned", "--period", "90d", "--lead", "2d", "--token-lifetime", "1h", "--jwks-max-age", "1d")
    before = shared.json("key", "show", "planned")
    assert "activate" in ctl("key", "rotate", "planned", "--plan").stdout
    assert shared.json("key", "show", "planned") == before


def test_jwks(ctl):
    ctl("key", "create", "pub", "--alg", "ECDH-ES+A256KW", "--curve", "X25519")
    ctl("key", "create", "secret", "--alg", "A256KW")
    keys = json.loads(ctl("jwks", "pub").stdout)["keys"]
    assert [(k["kty"], k["crv"], k["alg"], k["use"]) for k in keys] == [("OKP", "X25519", "ECDH-ES+A256KW", "enc")]
    everything = json.loads(ctl("jwks", "--every-key").stdout)["keys"]
    assert not any("d" in k or "k" in k or k["kty"] == "oct" for k in everything)


def test_wrap_unwrap_rewrap(shared, ctl):
    ctl("key", "create", "w", "--alg", "A256KW")
    cek_file = shared.where / "cek"
    wrapped = ctl("wrap", "--key", "w", "--enc", "A256GCM", "--generate", "--cek-out", cek_file, "--json").stdout
    cek = cek_file.read_bytes()
    assert len(cek) == 32 and cek_file.stat().st_mode & 0o777 == 0o600
    assert C.b64(cek) not in wrapped
    members = json.loads(wrapped)
    opened = json.loads(ctl("unwrap", "--json", input=wrapped).stdout)
    assert opened["cek"] == C.b64(cek) and opened["kid"] == members["kid"]
    for change, code in (({"encrypted_key": C.b64(os.urandom(40))}, 1), ({"kid": "absent"}, 3)):
        done = ctl("unwrap", "--json", input=json.dumps(members | change), check=False)
        assert done.returncode == code and list(json.loads(done.stdout)) == ["version", "error"]


def test_jwe(ctl):
    ctl("key", "create", "j", "--alg", "RSA-OAEP-256", "--size", "2048")
    token = ctl("jwe", "encrypt", "--key", "j", "--enc", "A256GCM", "--cty", "JWT", input=JWT).stdout.strip()
    assert token.count(".") == 4
    header = json.loads(C.unb64(token.split(".")[0]))
    assert header["alg"] == "RSA-OAEP-256" and header["cty"] == "JWT" and header["kid"]
    opened = ctl("jwe", "decrypt", "--key", "j", "--alg", "RSA-OAEP-256", "--enc", "A256GCM", input=token)
    assert opened.stdout.rstrip("\n") == JWT


@pytest.mark.parametrize("change", ["flip key", "flip body", "flip tag", "five dots", "three dots", "space", "padding",
                                    "alg", "empty"])
def test_bad_jwe(ctl, change):
    ctl("key", "create", "bad", "--alg", "A128KW", check=False)
    token = ctl("jwe", "encrypt", "--key", "bad", "--enc", "A128CBC-HS256", input=JWT).stdout.strip()
    parts = token.split(".")

    def flip(number):
        parts[number] = ("B" if parts[number][0] == "A" else "A") + parts[number][1:]
        return ".".join(parts)
    bad = {"flip key": lambda: flip(1), "flip body": lambda: flip(3), "flip tag": lambda: flip(4),
           "five dots": lambda: token + ".", "three dots": lambda: ".".join(parts[:4]), "space": lambda: token[:20] + " " + token[20:],
           "padding": lambda: token + "=", "empty": lambda: "",
           "alg": lambda: ".".join([C.b64(C.unb64(parts[0]).replace(b"A128KW", b"RSA1_5"))] + parts[1:])}[change]()
    done = ctl("jwe", "decrypt", "--key", "bad", "--alg", "A128KW", "--enc", "A128CBC-HS256", input=bad, check=False)
    assert done.returncode != 0 and done.stderr and JWT not in done.stdout
    good = ctl("jwe", "decrypt", "--key", "bad", "--alg", "A128KW", "--enc", "A128CBC-HS256", input=token)
    assert good.stdout.rstrip("\n") == JWT


def test_rewrap_in_bulk(shared, ctl):
    """Order kept, one bad line does not stop the others, "unchanged" for what is already under the active version."""
    ctl("key", "create", "bulk", "--alg", "A256KW")
    with shared.client() as client:
        made = [client.generate("bulk") for _ in range(20)]
        client.rotate("bulk")
        fresh = client.generate("bulk")
        lines = [json.dumps({"kid": m.kid, "alg": m.alg, "enc": "A256GCM", "encrypted_key": C.b64(m.encrypted_key)})
                 for m in made]
        lines[7] = "nonsense"
        lines.append(json.dumps({"kid": fresh.kid, "alg": fresh.alg, "enc": "A256GCM",
                                 "encrypted_key": C.b64(fresh.encrypted_key)}))
        done = ctl("rewrap", "--key", "bulk", input="\n".join(lines) + "\n", check=False)
        assert done.returncode != 0
        out = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(out) == 21 and "error" in out[7] and out[20]["unchanged"]
        for number, (line, m) in enumerate(zip(out, made)):
            if number != 7:
                assert line["kid"] == fresh.kid
                m.kid, m.encrypted_key = line["kid"], C.unb64(line["encrypted_key"])
                assert client.unwrap(m).unwrap.cek == m.cek


def test_life_cycle(shared, ctl):
    ctl("key", "create", "life", "--alg", "A128KW")
    ctl("key", "rotate", "life")
    old = shared.json("key", "show", "life")["versions"][0]["kid"]

    def state():
        return shared.json("key", "show", "life")["versions"][0]["state"]
    ctl("key", "suspend", old, "--for", "1h", "--reason", "rehearsal")
    assert state() == "suspended"
    assert "then or on demand deactivated" in ctl("key", "show", "life").stdout
    ctl("key", "resume", old)
    assert state() == "deactivated"
    ctl("key", "destroy", old, "--force")
    assert state() == "waiting"
    assert "then destroyed; if kept deactivated" in ctl("key", "show", "life").stdout
    ctl("key", "keep", old)
    assert state() == "deactivated"
    ctl("key", "compromise", old, "--reason", "test")
    assert state() == "compromised"
    refused = ctl("key", "resume", old, check=False)
    assert refused.returncode != 0 and "this version is compromised, not suspended" in refused.stderr


def test_status(shared, ctl):
    text = ctl("status").stdout
    assert " is ready\n" in text and "RSA-OAEP-512" in text
    assert shared.json("status")["ready"] is True
    ctl("status", "--ready")
    done = ctl("--socket", "/nonexistent/socket", "status", "--ready", check=False)
    assert done.returncode != 0 and "no cekd at /nonexistent/socket" in done.stderr


def test_metrics_fsck_watch(shared, ctl):
    assert ctl("metrics").stdout.endswith("# EOF\n")
    ctl("fsck")
    with shared.client() as client:
        epoch = client.call(list_keys=pb.ListKeysRequest()).epoch
    assert ctl("watch", "--count", "1").stdout.split() == [str(epoch)]


@pytest.mark.parametrize("args, code", [(["key", "show", "absent"], 3), (["key", "create", "x", "--alg", "RSA1_5"], 1),
                                        (["jwks", "absent"], 3),
                                        (["unwrap", "--key", "absent", "--alg", "A128KW", "--enc", "A128GCM"], 3)])
def test_an_error_is_one_line_and_a_status(ctl, args, code):
    done = ctl(*args, check=False, input=C.b64(os.urandom(24)))
    assert done.returncode == code and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("cekctl: ")


@pytest.mark.parametrize("args", [[], ["frobnicate"], ["key"], ["key", "create"], ["key", "create", "x"],
                                  ["status", "--bogus"], ["wrap"]], ids=str)
def test_wrong_usage(ctl, args):
    done = ctl(*args, check=False)
    assert done.returncode == 2 and done.stderr


def test_every_verb_has_help(ctl):
    verbs = [line[2:17].strip() for line in ctl("--help").stdout.splitlines() if line.startswith("  ") and line[2].islower()]
    assert len(verbs) > 20
    for verb in verbs:
        assert ctl(*verb.split(), "--help").stdout.startswith(f"usage: cekctl {verb}")


def test_import_jwk_and_pem(shared, ctl, tmp_path):
    from jwcrypto import jwk
    for number, (alg, key) in enumerate((("RSA-OAEP-256", jwk.JWK.generate(kty="RSA", size=2048)),
                                         ("ECDH-ES+A256KW", jwk.JWK.generate(kty="EC", crv="P-256")),
                                         ("ECDH-ES", jwk.JWK.generate(kty="OKP", crv="X25519")),
                                         ("A256KW", jwk.JWK.generate(kty="oct", size=256)))):
        path = tmp_path / "key.jwk"
        path.write_text(key.export(private_key=True))
        path.chmod(0o600)
        ctl("key", "import", f"in-{number}", "--alg", alg, "--jwk", path, "--kid", f"issuer-kid-{number}")
        version = shared.json("key", "show", f"in-{number}")["versions"][0]
        assert version["provenance"] == "imported"
        assert f"issuer-kid-{number}" in [version["kid"], *version["aliases"]]
        if alg == "RSA-OAEP-256":
            again = ctl("key", "import", "in-again", "--alg", alg, "--jwk", path, check=False)
            assert again.returncode == 6 and "CONFLICT" in again.stderr
            path.write_bytes(jwk.JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None))
            ctl("key", "import", "in-pem", "--alg", alg, "--jwk", path)


def dashed_key():
    """An EC key whose thumbprint begins with "-": such kids cannot be avoided for keys that come from elsewhere."""
    from jwcrypto import jwk
    while not (key := jwk.JWK.generate(kty="EC", crv="P-256")).thumbprint().startswith("-"):
        pass
    return key


def test_kids_that_begin_with_a_dash(shared, ctl, tmp_path):
    """Every verb that takes a KID, by its own usage line, takes it bare and after "--"."""
    path = tmp_path / "key.jwk"
    helps = [line for line in ctl("--help").stdout.splitlines() if line.startswith("  ") and line[2].islower()]
    usages = {verb: ctl(*verb.split(), "--help").stdout.splitlines()[0].removeprefix(f"usage: cekctl {verb}").strip()
              for verb in (line[2:17].strip() for line in helps)}
    operands = [verb for verb, usage in usages.items() if usage.split(" ")[0] == "KID"]
    assert {"key suspend", "key resume", "key compromise", "key destroy", "key keep"} <= set(operands)
    for number, verb in enumerate(operands):
        for style in ([], ["--"]):
            key = dashed_key()
            path.write_text(key.export(private_key=True))
            name, kid = f"dash-{number}-{len(style)}", key.thumbprint()
            ctl("key", "import", name, "--alg", "ECDH-ES", "--jwk", path)
            done = ctl(*verb.split(), *style, kid, check=False)
            # A state that does not allow it is an answer as good: cekd has found the version.
            assert done.returncode == 0 or done.returncode == 6 and "CONFLICT" in done.stderr, (verb, done.stderr)
            assert ctl(*verb.split(), kid, "--forse", check=False).returncode == 2
    shown = shared.json("key", "show", "--kid", kid)
    assert shown["name"] == name and shown["versions"][0]["kid"] == kid
    assert ctl("unwrap", "--kid", kid, "--alg", "ECDH-ES", "--enc", "A256GCM", "--epk", "{}", input="",
               check=False).returncode == 1


def test_an_alias_that_begins_with_a_dash(shared, ctl, tmp_path):
    """Bare with one dash, of whatever length; after "--" with two."""
    path = tmp_path / "key.jwk"
    for number, alias in enumerate(("-old", "-BERERERERERERERERERERERERE", "--old")):
        path.write_text(json.dumps({"kty": "oct", "k": C.b64(os.urandom(32))}))
        name = f"dashed-alias-{number}"
        ctl("key", "import", name, "--alg", "A256KW", "--jwk", path, "--kid", alias)
        assert shared.json("key", "show", "--kid", alias)["name"] == name
        if alias.startswith("--"):
            refused = ctl("key", "suspend", alias, check=False)
            assert refused.returncode == 2 and "unknown option --old" in refused.stderr and 'after "--"' in refused.stderr
            ctl("key", "suspend", "--", alias)
        else:
            ctl("key", "suspend", alias, "--for", "1h")
        assert shared.json("key", "show", name)["versions"][0]["state"] == "suspended"


def test_token_init(tmp_path):
    """Random PIN in a file for its owner alone; a second init of the same label is refused."""
    args = [C.CEKCTL, "token", "init", "--module", C.MODULE, "--label", "fresh", "--softhsm-dir", tmp_path,
            "--pin-file", tmp_path / "pin", "--so-pin-file", tmp_path / "so-pin"]
    C.run(args)
    for name in ("pin", "so-pin"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o400
        assert len((tmp_path / name).read_text().strip()) >= 16
    assert (tmp_path / "pin").read_text() != (tmp_path / "so-pin").read_text()
    before = (tmp_path / "pin").read_text()
    assert C.run(args, check=False).returncode != 0
    assert (tmp_path / "pin").read_text() == before


def test_token_init_with_a_directory_alone(tmp_path):
    """The label and both PIN files have defaults, and the module has Debian's unless one is given."""
    debian = "/usr/lib/softhsm/libsofthsm2.so"
    given = [] if C.MODULE == debian else ["--module", C.MODULE]
    told = json.loads(C.run([C.CEKCTL, "token", "init", "--json", "--softhsm-dir", tmp_path, *given]).stdout)
    assert (told["module"], told["label"]) == (os.path.realpath(C.MODULE), "cekd")
    assert (told["pin_file"], told["so_pin_file"]) == (str(tmp_path / "pin"), str(tmp_path / "pin.so"))
    refused = C.run([C.CEKCTL, "token", "init", "--module", "/nonexistent", "--softhsm-dir", tmp_path], check=False)
    assert refused.returncode == 1 and "/nonexistent" in refused.stderr
