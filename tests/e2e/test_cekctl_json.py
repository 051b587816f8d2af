# SPDX-License-Identifier: Apache-2.0
"""What cekctl prints with --json, against client/cekctl/schema. Here the schemas allow no member that they do not name, so that
none is printed that nobody wrote down; readers elsewhere have to pass over those."""

import json
import os
import re
import shutil

import cekd as C
import jsonschema
import pytest
from cekd import pb

SCHEMA = json.loads((C.SOURCE / "client" / "cekctl" / "schema" / "cekctl.schema.json").read_text())


def strict(schema):
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(value) for name, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


STRICT = strict(SCHEMA)


def no_absent(value):
    """Absent is left out: nothing is null, and no text is empty."""
    if isinstance(value, dict):
        return all(no_absent(item) for item in value.values())
    if isinstance(value, list):
        return all(no_absent(item) for item in value)
    return value is not None and value != ""


def check(kind, text):
    """text is one answer of this kind; returns it."""
    answer = json.loads(text)
    jsonschema.Draft202012Validator(STRICT | {"$ref": f"#/$defs/{kind}"}).validate(answer)
    assert next(iter(answer)) == "version" and no_absent(answer), text
    return answer


def validate(kind, answer):
    return check(kind, json.dumps(answer))


@pytest.fixture(scope="module")
def made(shared):
    """Keys of each kind, in each state."""
    for name, *options in (("rsa", "--alg", "RSA-OAEP", "--size", "2048"), ("gcm", "--alg", "A256GCMKW"),
                           ("ec", "--alg", "ECDH-ES+A128KW"), ("aes", "--alg", "A128KW")):
        shared.cekctl("key", "create", name, *options)
    shared.cekctl("key", "schedule", "ec", "--period", "90d", "--lead", "2d", "--token-lifetime", "1h", "--jwks-max-age", "1d")
    with shared.client() as client:
        client.unwrap(client.generate("gcm"))
    shared.cekctl("key", "rotate", "ec")
    return shared


def old_version(shared, name):
    """A version of a new key that is not active any more."""
    shared.cekctl("key", "create", name, "--alg", "A128KW")
    return shared.json("key", "rotate", name)["versions"][0]["kid"]


def test_the_schema_itself():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_it_can_fail(made):
    """Of drift the strict schema does complain."""
    answer = made.json("status")
    for change in ({"new": 1}, {"version": 2}, {"ready": "yes"}, {"started": "2026-01-31 12:00:00"}):
        with pytest.raises(jsonschema.ValidationError):
            validate("status", answer | change)
    with pytest.raises(AssertionError):
        validate("status", answer | {"module": ""})


def test_keys(made):
    listed = check("key_list", made.cekctl("key", "list", "--json").stdout)
    assert {"rsa", "gcm", "ec", "aes"} <= {key["name"] for key in listed["keys"]}
    for name in ("rsa", "gcm", "ec", "aes"):
        shown = check("key", made.cekctl("key", "show", name, "--json").stdout)
        assert shown["name"] == name and "unwrap" in shown["operations"] and shown["active"]
    ec = made.json("key", "show", "ec")
    assert [event["what"] for event in ec["events"]] and ec["schedule"]["period"] == 90 * 86400
    used = made.json("key", "show", "gcm")["versions"][0]["peers"]
    assert [(usage["peer"], usage["wraps"]) for usage in used] == [(f"main/{os.geteuid()}", 1)]


def test_each_change_of_a_key(made, tmp_path):
    kid = old_version(made, "changed")
    for args in (["key", "create", "fresh", "--alg", "A256KW"], ["key", "rotate", "fresh"], ["key", "rotate", "--plan", "fresh"],
                 ["key", "schedule", "fresh"], ["key", "schedule", "fresh", "--period", "7d"],
                 ["key", "suspend", kid, "--for", "1h", "--reason", "rehearsal"], ["key", "resume", kid],
                 ["key", "destroy", kid, "--force"], ["key", "keep", kid], ["key", "compromise", kid]):
        check("key", made.cekctl(*args, "--json").stdout)
    state = made.json("key", "show", "changed")["versions"][0]
    assert state["state"] == "compromised"
    path = tmp_path / "key.jwk"
    path.write_text(json.dumps({"kty": "oct", "k": C.b64(os.urandom(16))}))
    imported = check("key", made.cekctl("key", "import", "imported", "--alg", "A128KW", "--jwk", path, "--kid", "issuers-kid",
                                        "--json").stdout)
    assert imported["imported"] == ["issuers-kid"] and imported["existing"] == imported["skipped"] == []
    version = imported["versions"][0]
    assert "issuers-kid" in [version["kid"], *version["aliases"]] and version["provenance"] == "imported"


def test_each_dry_run(made, tmp_path):
    kid = old_version(made, "previewed")
    path = tmp_path / "key.jwk"
    path.write_text(json.dumps({"kty": "oct", "k": C.b64(os.urandom(16))}))
    for args in (["key", "create", "new", "--alg", "A256KW"], ["key", "rotate", "previewed"], ["key", "suspend", kid],
                 ["key", "schedule", "previewed", "--period", "7d"], ["key", "compromise", kid, "--rotate"],
                 ["key", "destroy", kid, "--force"], ["key", "alias", "add", kid, "other"],
                 ["key", "import", "imported-too", "--alg", "A128KW", "--jwk", path]):
        assert check("preview", made.cekctl(*args, "--dry-run", "--json").stdout)["will"], args


def test_wrap_unwrap_rewrap(made):
    for name in ("rsa", "gcm", "ec", "aes"):
        wrapped = made.cekctl("wrap", "--key", name, "--enc", "A256GCM", "--generate", "--json").stdout
        assert wrapped.count("\n") == 1
        line = check("wrapped", wrapped)
        opened = made.cekctl("unwrap", "--json", input=wrapped).stdout
        assert opened.count("\n") == 1 and check("unwrap", opened)["kid"] == line["kid"]
        again = made.cekctl("rewrap", "--key", name, "--json", input=wrapped).stdout
        assert check("rewrap", again) == line | {"unchanged": True}
    made.cekctl("key", "rotate", "aes")  # what is under the active version is not looked into
    bad = json.dumps(line | {"encrypted_key": C.b64(os.urandom(40))})
    other = json.dumps(line | {"version": 2})
    done = made.cekctl("rewrap", "--key", "aes", "--json", input=f"{bad}\nnonsense\n{other}\n", check=False)
    first, second, third = (check("rewrap", text) for text in done.stdout.splitlines())
    assert done.returncode == 1 and first["error"]["status"] == "FAILED" and "hint" not in first["error"]
    assert second["line"] == "nonsense" and second["error"]["status"] == "MALFORMED" and second["error"]["exit"] == 1
    assert third["line"] == other and "version" in third["error"]["message"]
    # without --json the lines stay what they are: no version is put in, and an error is a text
    del line["version"]
    line = json.loads(made.cekctl("rewrap", "--key", "aes", input=json.dumps(line)).stdout)
    assert "version" not in line
    plain = made.cekctl("rewrap", "--key", "aes", input=f"{json.dumps(line)}\nnonsense\n", check=False).stdout.splitlines()
    assert json.loads(plain[0]) == line | {"unchanged": True} and json.loads(plain[1])["error"].startswith("MALFORMED: ")


def test_status_metrics_fsck_watch_restore(made):
    status = check("status", made.cekctl("status", "--json").stdout)
    assert status["ready"] and status["cekd_version"] and status["version"] == 1
    metrics = check("metrics", made.cekctl("metrics", "--json").stdout)["metrics"]
    names = re.findall(r"^# TYPE (\S+)", made.cekctl("metrics").stdout, re.M)
    assert [family["name"] for family in metrics] == names and len(names) > 10
    assert sum(len(family["samples"]) for family in metrics) > len(names)
    assert any(sample["labels"] and "value" in sample for family in metrics for sample in family["samples"])
    assert check("fsck", made.cekctl("fsck", "--json").stdout)["findings"] == []
    lines = made.cekctl("watch", "--count", "1", "--json").stdout.splitlines()
    with made.client() as client:
        assert [check("watch", line)["epoch"] for line in lines] == [client.call(list_keys=pb.ListKeysRequest()).epoch]
    for args in (["restore", "show"], ["restore", "confirm", "--yes"]):
        done = made.cekctl(*args, "--json", check=False)
        assert check("restore", done.stdout)["needed"] is False if done.returncode == 0 else check("error", done.stdout)


def test_restored_journal(make_cekd):
    """Two answers with more in them: a journal without keys beside a token with some, and what fsck finds then."""
    daemon = make_cekd()
    daemon.key("A128KW", name="k")
    daemon.stop()
    for path in daemon.state.iterdir():
        path.unlink()
    daemon.spawn()

    def asks():
        try:
            return "the token holds" in daemon.status().why_not_ready
        except (ConnectionError, FileNotFoundError):
            return False
    C.wait_for(asks, "cekd to ask for a confirmation")
    shown = check("restore", daemon.cekctl("restore", "show", "--json").stdout)
    assert shown["needed"] and shown["why"] and shown["later_changes"] == [] and shown["more_later_changes"] is False
    done = daemon.cekctl("status", "--ready", "--json", check=False)
    told = check("status", done.stdout)
    assert done.returncode == 5 == told["error"]["exit"] and told["why_not_ready"] in told["error"]["message"]
    assert check("restore", daemon.cekctl("restore", "confirm", "--yes", "--json").stdout)["needed"] is False
    done = daemon.cekctl("fsck", "--json", check=False)
    found = check("fsck", done.stdout)
    assert done.returncode == 1 and found["error"]["status"] == "FINDINGS" and found["error"]["exit"] == 1
    assert [finding["kind"] for finding in found["findings"]] == ["foreign"]


def test_audit_verify(make_cekd, tmp_path):
    daemon = make_cekd()
    daemon.key("A128KW")
    daemon.stop()
    good = C.run([C.CEKCTL, "audit", "verify", daemon.keys, "--json"])
    answer = check("audit_verify", good.stdout)
    assert answer["ok"] and "bad_line" not in answer and "why" not in answer and "error" not in answer
    bad = tmp_path / "bad"
    bad.write_bytes(daemon.keys.read_bytes().replace(b'"seq":2', b'"seq":7', 1))
    done = C.run([C.CEKCTL, "audit", "verify", bad, "--json"], check=False)
    answer = check("audit_verify", done.stdout)
    assert done.returncode == 1 and not answer["ok"] and answer["bad_line"] == 2
    assert answer["error"]["status"] == "BROKEN" and answer["why"] in answer["error"]["message"]
    done = C.run([C.CEKCTL, "--json", "audit", "verify", tmp_path / "absent"], check=False)
    assert done.returncode == 1 and check("error", done.stdout)["error"]["status"] == "E_LOCAL"


def test_token_init():
    where = C.folder("cekd-json-")
    try:
        done = C.run([C.CEKCTL, "token", "init", "--module", C.MODULE, "--label", "fresh", "--softhsm-dir", where, "--json"])
        answer = check("token_init", done.stdout)
        assert answer["pin_file"] == str(where / "pin") and answer["module_environment"].startswith("SOFTHSM2_CONF=")
    finally:
        shutil.rmtree(where)


def test_jwks_is_that_of_rfc_7517(made):
    for args in (["--every-key"], ["--every-key", "--json"], ["--every-key", "--output", "json"]):
        keys = json.loads(made.cekctl("jwks", *args).stdout)
        assert list(keys) == ["keys"] and {key["kty"] for key in keys["keys"]} == {"RSA", "EC"}
    done = made.cekctl("jwks", "absent", "--json", check=False)
    assert done.returncode == 3 and check("error", done.stdout)["error"]["status"] == "UNKNOWN_KEY"


@pytest.mark.parametrize("args", [["--json"], ["--json", "frobnicate"], ["key", "show", "--json"], ["key", "list", "--bogus", "--json"],
                                  ["jwe", "encrypt", "--json"]], ids=" ".join)
def test_wrong_usage(made, args):
    done = made.cekctl(*args, check=False)
    assert done.returncode == 2 and check("error", done.stdout)["error"]["exit"] == 2
    assert len(done.stderr.splitlines()) == 1


def test_words_behind_two_dashes_ask_for_nothing(made):
    done = made.cekctl("key", "suspend", "--", "--json", check=False)
    assert done.returncode == 3 and done.stdout == "" and "UNKNOWN_KEY" in done.stderr


def test_standard_error_is_the_same(made):
    for args in (["key", "show", "absent"], ["unwrap", "--key", "aes", "--alg", "A128KW", "--enc", "A256GCM"]):
        plain, told = (made.cekctl(*args, *more, input=C.b64(os.urandom(40)), check=False) for more in ([], ["--json"]))
        assert plain.stderr == told.stderr and plain.stdout == "" and plain.returncode == told.returncode
        error = check("error", told.stdout)["error"]
        assert plain.stderr.startswith(f"cekctl: {' '.join(args[:2]) if args[0] == 'key' else args[0]}: "
                                       f"{error['status']}: {error['message']}")


def test_the_manual_names_every_member():
    manual = (C.SOURCE / "man" / "cekctl-json.5").read_text()
    words, names = set(re.findall(r"[a-z0-9_]+", manual)), set()

    def collect(schema):
        if isinstance(schema, dict):
            names.update(schema["properties"] if isinstance(schema.get("properties"), dict) else ())
            for value in schema.values():
                collect(value)
        elif isinstance(schema, list):
            for value in schema:
                collect(value)
    collect(SCHEMA)
    assert len(names) > 80 and names <= words, names - words
