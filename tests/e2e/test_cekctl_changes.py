# SPDX-License-Identifier: Apache-2.0
"""Verbs that change something: --dry-run, the question before what cannot be undone, aliases, and a cekd that is older."""

import json
import os
import pty
import re
import socket
import struct
import subprocess
import threading

import cekd as C
import pytest
from cekd import pb
from jwcrypto import jwk

DAY = 86400


@pytest.fixture
def daemon(make_cekd):
    return make_cekd(destroy_wait=7 * DAY, destroy_wait_min=60)


def create(daemon, name="k", alg="A256KW"):
    return daemon.json("key", "create", name, "--alg", alg)["active"]


def on_terminal(env, *args, answer):
    """cekctl with a terminal as standard input, on which answer was typed."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    try:
        return subprocess.run([C.CEKCTL, *args], env=env, stdin=theirs, capture_output=True, text=True,
                              timeout=C.PATIENCE)
    finally:
        os.close(theirs)
        os.close(ours)


def asked(daemon, *args, answer):
    return on_terminal(daemon.cekctl_env(), *args, answer=answer)


def state(daemon, kid, name="k"):
    return next(v["state"] for v in daemon.json("key", "show", name)["versions"] if v["kid"] == kid)


# ---- --dry-run


def test_dry_run_of_every_verb(daemon, tmp_path):
    old = create(daemon)
    daemon.cekctl("key", "rotate", "k")
    active = daemon.json("key", "show", "k")["active"]
    suspended = create(daemon, "s")
    daemon.cekctl("key", "suspend", suspended)
    waiting = create(daemon, "w")
    daemon.cekctl("key", "rotate", "w")
    daemon.cekctl("key", "destroy", waiting)
    (tmp_path / "key.jwk").write_text(jwk.JWK.generate(kty="EC", crv="P-256").export(private_key=True))
    before = daemon.keys.read_bytes()
    told = {verb: daemon.cekctl("key", *verb.split(), *args, "--dry-run", assume_yes=False).stdout for verb, args in {
        "create": ["new", "--alg", "ECDH-ES"],
        "import": ["theirs", "--alg", "ECDH-ES", "--jwk", tmp_path / "key.jwk", "--kid", "issuer-1"],
        "rotate": ["k"], "suspend": [active, "--for", "1h"], "resume": [suspended], "compromise": [active, "--rotate"],
        "destroy": [old], "keep": [waiting], "schedule": ["k", "--period", "90d", "--token-lifetime", "1h"],
        "alias add": [old, "old-name"]}.items()}
    words = {
        "create": "version 1 of key new is made in the token and becomes active", "import": "issuer-1",
        "rotate": f"version 2 ({active}) is deactivated", "suspend": f"version 2 ({active}) is suspended until 20",
        "resume": "is active again", "compromise": "compromised, at once and for good", "destroy": "for ever",
        "keep": "is deactivated again", "schedule": "rotates by itself every 90 days\n", "alias add": "also found by the kid old-name"}
    for verb, word in words.items():
        assert word in told[verb] and told[verb].endswith("Nothing was changed.\n"), told[verb]
    assert "nothing can be wrapped" in daemon.cekctl("key", "compromise", active, "--dry-run").stdout
    assert "nothing can be wrapped" not in told["compromise"]
    refused = daemon.cekctl("key", "adopt", "a", "--alg", "A256KW", "--label", "none", "--dry-run", check=False)
    assert refused.returncode != 0 and "CONFLICT" in refused.stderr
    assert daemon.keys.read_bytes() == before


def test_dry_run_as_json(daemon):
    kid = create(daemon)
    daemon.cekctl("wrap", "--key", "k", "--enc", "A256GCM", "--generate")
    told = json.loads(daemon.cekctl("key", "compromise", kid, "--dry-run", "--json").stdout)
    assert told["dry_run"] is True and told["asks"] is True and told["kid"] == kid
    assert told["last"]["peer"] == f"main/{os.geteuid()}" and told["last"]["wraps"] == 1
    assert told["key"]["versions"][0]["state"] == "compromised" and told["will"] and told["stops"]
    assert state(daemon, kid) == "active"


def test_dry_run_of_what_is_refused(daemon):
    """With the words and the status of the change itself."""
    kid = create(daemon)
    real = daemon.cekctl("key", "destroy", kid, check=False)
    dry = daemon.cekctl("key", "destroy", kid, "--dry-run", check=False)
    assert dry.returncode == real.returncode != 0 and dry.stderr == real.stderr and "rotate the key first" in real.stderr


# ---- the question


@pytest.mark.parametrize("verb, args, done", [("destroy", ["--force"], "waiting"), ("compromise", [], "compromised")])
def test_destructive_verbs_ask(daemon, verb, args, done):
    kid = create(daemon)
    daemon.cekctl("wrap", "--key", "k", "--enc", "A256GCM", "--generate")
    daemon.cekctl("key", "rotate", "k")
    no_terminal = daemon.cekctl("key", verb, kid, *args, check=False, assume_yes=False, input="yes\n")
    assert no_terminal.returncode == 2 and len(no_terminal.stderr.splitlines()) == 1, no_terminal
    assert "--yes" in no_terminal.stderr and "--dry-run" in no_terminal.stderr
    assert state(daemon, kid) == "deactivated"
    for answer in ("no\n", "y\n", "\n", "yes!\n"):
        refused = asked(daemon, "key", verb, kid, *args, answer=answer)
        assert refused.returncode == 1 and "nothing was changed" in refused.stderr, refused
    assert f"by main/{os.geteuid()}" in refused.stderr and "can be opened any more" in refused.stderr
    assert state(daemon, kid) == "deactivated"
    agreed = asked(daemon, "key", verb, kid, *args, "--json", answer="yes\n")
    assert agreed.returncode == 0 and json.loads(agreed.stdout)["name"] == "k", agreed
    assert state(daemon, kid) == done


@pytest.mark.parametrize("how", ["--yes", "CEKCTL_ASSUME_YES"])
def test_yes(daemon, how):
    kid = create(daemon)
    args = ["key", "compromise", kid] + (["--yes"] if how == "--yes" else [])
    daemon.cekctl(*args, assume_yes=how != "--yes", input="")
    assert state(daemon, kid) == "compromised"


def test_other_values_of_the_variable_do_not_count(daemon):
    kid = create(daemon)
    done = subprocess.run([C.CEKCTL, "key", "compromise", kid], env=daemon.cekctl_env(CEKCTL_ASSUME_YES="0"),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2 and state(daemon, kid) == "active"


def test_rotate_asks_only_against_a_schedule_in_use(daemon):
    create(daemon)
    daemon.cekctl("key", "schedule", "k", "--period", "90d", "--overlap", "1h")
    daemon.cekctl("key", "rotate", "k", assume_yes=False, input="")
    daemon.cekctl("wrap", "--key", "k", "--enc", "A256GCM", "--generate")
    refused = daemon.cekctl("key", "rotate", "k", check=False, assume_yes=False, input="")
    assert refused.returncode == 2 and "--yes" in refused.stderr
    told = asked(daemon, "key", "rotate", "k", answer="no\n")
    assert told.returncode == 1 and "the schedule says otherwise" in told.stderr, told
    assert len(daemon.json("key", "show", "k")["versions"]) == 2
    daemon.cekctl("key", "rotate", "k", "--yes", assume_yes=False, input="")
    assert len(daemon.json("key", "show", "k")["versions"]) == 3


# ---- retirement


def test_show_says_from_what_the_time_was_computed(daemon):
    old = create(daemon)

    def shown():
        return next(line for line in daemon.cekctl("key", "show", "k").stdout.splitlines() if "safe to retire" in line)
    assert "not known without a token lifetime: cekctl key schedule k --token-lifetime" in shown()
    daemon.cekctl("key", "schedule", "k", "--token-lifetime", "1h", "--jwks-max-age", "5m")
    assert "no rotation is scheduled" in shown()
    daemon.cekctl("key", "rotate", "k")
    assert "JWKS max-age 5 minutes + token lifetime 1 hour + clock skew" in shown() and "deactivated 20" in shown()
    daemon.cekctl("key", "schedule", "k", "--overlap", "2h")
    assert shown().endswith("+ overlap 2 hours")
    version = daemon.json("key", "show", "k")["versions"][0]
    assert version["retire_why"].endswith("+ overlap 2 hours") and version["overlap_end"]
    refused = daemon.cekctl("key", "destroy", old, check=False)
    assert "nobody has used it so far, but" in refused.stderr and "+ overlap 2 hours), or force" in refused.stderr
    assert "overlap 2 hours" in daemon.cekctl("key", "destroy", old, "--force", "--dry-run").stdout
    assert "+ overlap 2 hours" in daemon.cekctl("key", "destroy", old, "--force", "--yes").stdout
    daemon.cekctl("wrap", "--key", "k", "--enc", "A256GCM", "--generate")
    used = daemon.json("key", "show", "k")["active"]
    daemon.cekctl("key", "rotate", "k")
    refused = daemon.cekctl("key", "destroy", used, check=False)
    assert "still used" in refused.stderr and "+ overlap 2 hours), or force" in refused.stderr


def test_all_say_the_same_time(daemon):
    """key show, the timetables, the refusal of a destruction and its preview: one time, and from what it was computed."""
    with daemon.client() as client:
        create(daemon)
        daemon.cekctl("key", "schedule", "k", "--token-lifetime", "1h", "--jwks-max-age", "5m")
        made = client.generate("k")
        daemon.cekctl("key", "rotate", "k")
        old = daemon.json("key", "show", "k")["versions"][0]
        assert old["retire_why"].startswith("deactivated 20"), old

        def says(deactivation):
            kid = made.kid
            shown = daemon.json("key", "show", "k")
            version = next(v for v in shown["versions"] if v["kid"] == kid)
            time, why = version["overlap_end"], version["retire_why"]
            at = f"{time[:19]}Z ({why})"
            assert why.startswith("deactivated 20") == deactivation and why.startswith("last use 20") != deactivation
            rows = [event for event in shown["events"] + daemon.json("key", "rotate", "k", "--plan")["events"]
                    if event.get("kid") == kid and event["what"] == "retire"]
            assert [(row["time"], row["why"]) for row in rows] == [(time, f"earliest safe retirement: {why}")] * 2
            refused = daemon.cekctl("key", "destroy", kid, "--utc", "--json", check=False)
            assert f"safe from {at}" in json.loads(refused.stdout or refused.stderr)["error"]["message"], refused
            told = daemon.json("key", "destroy", kid, "--force", "--dry-run")
            assert any(f"safe to retire from {time[:19]}Z on ({why})" in line for line in told["warnings"]), told

        says(deactivation=True)
        daemon.cekctl("key", "schedule", "k", "--overlap", "1s")
        assert C.status_name(client.unwrap(made)) == "OK"
        says(deactivation=False)


# ---- names


def test_aliases(daemon):
    kid = create(daemon)
    wrapped = json.loads(daemon.cekctl("wrap", "--key", "k", "--enc", "A256GCM", "--generate", "--json").stdout)
    epoch = daemon.json("status")["epoch"]
    daemon.cekctl("key", "alias", "add", kid, "issuer-2026")
    assert daemon.json("status")["epoch"] > epoch
    assert daemon.json("key", "show", "--kid", "issuer-2026")["name"] == "k"
    for other in (kid, "issuer-2026"):
        refused = daemon.cekctl("key", "alias", "add", create(daemon, f"k-{other[:3]}"), other, check=False)
        assert refused.returncode != 0 and "used before" in refused.stderr
    daemon.restart()
    opened = json.dumps(wrapped | {"kid": "issuer-2026"})
    daemon.cekctl("unwrap", "--alg", "A256KW", "--enc", "A256GCM", "--json", input=opened)
    refused = daemon.cekctl("key", "alias", "remove", kid, kid, check=False)
    assert refused.returncode != 0 and "keeps it for ever" in refused.stderr
    daemon.cekctl("key", "alias", "remove", kid, "issuer-2026")
    gone = daemon.cekctl("unwrap", "--alg", "A256KW", "--enc", "A256GCM", "--json", input=opened, check=False)
    assert "UNKNOWN_KEY" in gone.stderr
    daemon.restart()
    assert daemon.cekctl("key", "show", "--kid", "issuer-2026", check=False).returncode != 0
    records = [json.loads(line) for line in daemon.keys.read_text().splitlines()]
    assert [(r["op"], r["alias"]) for r in records if r["type"] == "alias"] == [("add", ["issuer-2026"]),
                                                                             ("remove", ["issuer-2026"])]


def test_an_alias_stands_not_in_a_jwks(daemon):
    kid = create(daemon, alg="ECDH-ES")
    daemon.cekctl("key", "alias", "add", kid, "theirs")
    assert [key["kid"] for key in json.loads(daemon.cekctl("jwks").stdout)["keys"]] == [kid]


def test_rename_is_refused_with_the_reason(daemon):
    done = daemon.cekctl("key", "rename", "k", "other", check=False)
    assert done.returncode == 1 and "a key keeps its name" in done.stderr and len(done.stderr.splitlines()) == 1


HIDDEN = {"zero-width": "a\u200b", "right to left": "\u202etxt", "a blank in front": " a", "a blank behind": "a ",
          "no-break space behind": "a\u00a0", "tag": "\U000e0041", "line separator": "a\u2028b", "escape": "\x1b[2J"}


@pytest.mark.parametrize("kid", HIDDEN.values(), ids=HIDDEN.keys())
def test_kids_that_hide_something_are_refused(shared, tmp_path, kid):
    (tmp_path / "key.jwk").write_text(json.dumps({"kty": "oct", "k": C.b64(os.urandom(32))}))
    known = shared.key("A256KW")
    version = shared.json("key", "show", known)["active"]
    for args in (["key", "import", "hidden", "--alg", "A256KW", "--jwk", tmp_path / "key.jwk", "--kid", kid],
                 ["key", "adopt", "hidden", "--alg", "A256KW", "--label", "x", "--kid", kid],
                 ["key", "alias", "add", version, kid]):
        done = shared.cekctl(*args, check=False)
        assert done.returncode in (1, 2) and "MALFORMED" in done.stderr or "--kid" in done.stderr, (args, done.stderr)


@pytest.mark.parametrize("args", [["key", "import", "x", "--alg", "A256KW", "--jwk", "/dev/null", "--kid", ""],
                                  ["key", "adopt", "x", "--alg", "A256KW", "--label", "x", "--kid", ""],
                                  ["key", "alias", "add", "kid", ""]], ids=lambda args: args[1])
def test_an_empty_kid_is_an_error(shared, args):
    done = shared.cekctl(*args, check=False)
    assert done.returncode == 2 and "empty" in done.stderr


@pytest.mark.parametrize("args", [["restore", "confirm", "--yes", "--head", ""], ["restore", "confirm", "--yes", "--head", "x"],
                                  ["restore", "confirm", "--yes", "--head=12:" + 63 * "0"],
                                  ["key", "rotate", "x", "--active-kid", ""], ["key", "suspend", ""], ["key", "show", "--kid", ""],
                                  ["key", "suspend", "", "--dry-run"], ["policy", "explain", "--operation", ""],
                                  ["policy", "explain", "--operation=unwrap", "--key="], ["jwe", "decrypt", "--alg", ""],
                                  ["doctor", "--key", ""]], ids=" ".join)
def test_an_empty_value_is_a_variable_that_was_not_set(shared, args):
    """Taken for an option that is not there it leaves out what was asked for: to look for a head, to ask about a key."""
    done = shared.cekctl(*args, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout, done
    assert "empty" in done.stderr or "--head wants SEQ:HASH" in done.stderr


@pytest.mark.parametrize("args", [["key", "suspend", "KID", "--for", "0"], ["key", "suspend", "KID", "--until", "0s", "--dry-run"],
                                  ["key", "suspend", "KID", "--until", "1970-01-01T00:00:00Z"],
                                  ["key", "destroy", "KID", "--wait", "0", "--yes"],
                                  ["key", "destroy", "KID", "--wait", "0s", "--dry-run"],
                                  ["key", "create", "new", "--alg", "RSA-OAEP", "--size", "0"],
                                  ["watch", "--count", "0"]], ids=" ".join)
def test_nothing_is_not_without_end(shared, args):
    """A number that was computed as 0 must not become what a missing option means."""
    kid = shared.json("key", "show", shared.key("A128KW"))["active"]
    done = shared.cekctl(*[kid if word == "KID" else word for word in args], check=False)
    assert done.returncode == 2 and re.search("at least|wants a time", done.stderr) and not done.stdout, done
    assert shared.json("key", "show", "--kid", kid)["active"] == kid


@pytest.mark.parametrize("args", [["key", "schedule", "absent", "--period", "90"], ["key", "schedule", "absent", "--lead", "1h30"],
                                  ["key", "destroy", "absent", "--wait", "7"], ["key", "suspend", "absent", "--for", "90"],
                                  ["key", "suspend", "absent", "--until", "90"], ["--timeout", "5", "status"]], ids=" ".join)
def test_a_duration_has_a_unit(shared, args):
    """Days were meant by who writes --period 90, and seconds would be taken."""
    done = shared.cekctl(*args, check=False)
    assert done.returncode == 2 and f'not "{args[-1] if args[-1] != "status" else 5}"' in done.stderr, done
    assert args[-2] == "--until" or "with its unit, such as 90s, 15m, 12h or 7d" in done.stderr, done


def test_the_longest_duration_has_an_end(shared):
    kid = shared.json("key", "show", shared.key("A128KW"))["active"]
    shown = shared.cekctl("key", "suspend", kid, "--for", f"{2**32 - 1}s", "--dry-run").stdout
    assert "is suspended until 21" in shown


def test_a_reason_may_be_empty(shared):
    kid = shared.json("key", "show", shared.key("A128KW"))["active"]
    assert "Nothing was changed" in shared.cekctl("key", "suspend", kid, "--reason", "", "--dry-run").stdout


# ---- a cekd of the first release


class Old:
    """It knows the operations of the first release: what it is asked for is noted, and what it does not know refused."""

    def __init__(self, path):
        self.asked = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as stream:
                while len(head := stream.read(4)) == 4:
                    request = pb.Request.FromString(stream.read(struct.unpack(">I", head)[0]))
                    body = self._answer(request).SerializeToString()
                    peer.sendall(struct.pack(">I", len(body)) + body)

    def _answer(self, request):
        op = request.WhichOneof("op")
        self.asked.append(op)
        if op in ("preview", "explain", "alias"):
            return pb.Reply(id=request.id, status=pb.STATUS_UNSUPPORTED, message="an operation that this cekd does not know")
        version = pb.Version(kid="one", number=1, state=pb.STATE_ACTIVE, last_used=1_700_000_000_000_000,
                             peers=[pb.Usage(peer="main/1001", last_used=1_700_000_000_000_000)])
        return pb.Reply(id=request.id, status=pb.STATUS_OK,
                        key=pb.KeyReply(key=pb.Key(name="k", alg="A256KW", version=[version])))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(C.PATIENCE)


@pytest.fixture
def old(tmp_path):
    cekd = Old(tmp_path / "sock")
    cekd.env = os.environ | {"CEK_SOCKET": str(tmp_path / "sock")}
    yield cekd
    cekd.close()


CHANGES = {"create": ["create", "k", "--alg", "A256KW"], "rotate": ["rotate", "k"], "suspend": ["suspend", "one"],
           "compromise": ["compromise", "one"], "destroy": ["destroy", "one"],
           "schedule": ["schedule", "k", "--period", "1d"], "adopt": ["adopt", "k", "--alg", "A256KW", "--label", "x"]}


@pytest.mark.parametrize("args", CHANGES.values(), ids=CHANGES.keys())
def test_an_old_cekd_never_acts_on_a_dry_run(old, args):
    done = C.run([C.CEKCTL, "key", *args, "--dry-run"], check=False, env=old.env)
    assert done.returncode == 1 and "earlier release and knows no --dry-run; nothing was changed" in done.stderr
    assert set(old.asked) <= {"preview", "describe_key"}, old.asked


def test_an_old_cekd_is_asked_what_it_knows_before_the_question(old):
    done = on_terminal(old.env, "key", "destroy", "one", answer="no\n")
    assert done.returncode == 1 and "used last at 2023-11-14" in done.stderr and "main/1001" in done.stderr, done
    assert "destroy_version" not in old.asked
    done = on_terminal(old.env, "key", "destroy", "one", answer="yes\n")
    assert done.returncode == 0 and old.asked[-1] == "destroy_version", done


@pytest.mark.parametrize("args", [["destroy", "one", "--yes"], ["compromise", "one", "--yes"], ["rotate", "k"],
                                  ["create", "k", "--alg", "A256KW"]], ids=lambda args: args[0])
def test_an_old_cekd_does_what_it_always_did(old, args):
    C.run([C.CEKCTL, "key", *args], env=old.env, input="")
    assert old.asked[-1] in ("destroy_version", "set_key_state", "rotate_key", "create_key")
