# SPDX-License-Identifier: Apache-2.0
"""cekctl's habits: help, suggestions, how versions are named, tables, colour and signs of life on a terminal, and the same in
a pipe."""

import contextlib
import json
import os
import pty
import re
import shlex
import socket
import struct
import subprocess
import termios
import threading
import unicodedata

import cekd as C
import pytest
from cekd import pb

ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Terminal:
    """A pseudo terminal of so many columns; what is written to it is read all the time."""

    def __init__(self, columns=80):
        self.ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (24, columns))
        self.data = b""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        with contextlib.suppress(OSError):  # the other side is closed
            while data := os.read(self.ours, 4096):
                self.data += data

    def text(self):
        return self.data.decode(errors="replace").replace("\r\n", "\n")

    def close(self):
        if self.theirs is not None:
            os.close(self.theirs)
            self.theirs = None
            self.reader.join(C.PATIENCE)
            os.close(self.ours)


def on_terminal(socket, *args, columns=80, stdin=subprocess.DEVNULL, **env):
    """Exit status and what stood on the terminal, standard error among it."""
    terminal = Terminal(columns)
    try:
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "TERM", "TZ")}
        environment |= {"CEK_SOCKET": str(socket), "TERM": "xterm", "TZ": "UTC0"} | env
        done = subprocess.run([C.CEKCTL, *map(str, args)], stdin=stdin, stdout=terminal.theirs, stderr=terminal.theirs,
                              env={k: v for k, v in environment.items() if v is not None}, timeout=C.PATIENCE)
    finally:
        terminal.close()
    return done.returncode, terminal.text()


def columns_of(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Fake:
    """A daemon that answers as it is told: reply(request) gives the reply, or bytes of one."""

    def __init__(self, path, reply):
        self.path, self.reply, self.requests = path, reply, []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer):
        with contextlib.suppress(OSError), peer:
            file = peer.makefile("rb")
            while len(head := file.read(4)) == 4:
                request = pb.Request.FromString(file.read(struct.unpack(">I", head)[0]))
                self.requests.append(request)
                reply = self.reply(request)
                reply.id = request.id
                reply.status = reply.status or pb.STATUS_OK
                body = reply.SerializeToString()
                peer.sendall(struct.pack(">I", len(body)) + body)

    def close(self):
        """The thread has ended before the number of the descriptor can be another one's."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(C.PATIENCE)
        self.listener.close()


@pytest.fixture
def fake():
    where, made = C.folder("cekd-fake-"), []

    def make(reply):
        made.append(Fake(where / "socket", reply))
        return made[-1]
    yield make
    for one in made:
        one.close()
        one.path.unlink()
    where.rmdir()


@pytest.fixture(scope="module")
def shared(make_cekd_module, tmp_path_factory):
    """Keys whose versions have names of every kind."""
    daemon = make_cekd_module()
    folder = tmp_path_factory.mktemp("keys")

    def add(name, kid):
        path = folder / "key.jwk"
        path.write_text(json.dumps({"kty": "oct", "k": C.b64(os.urandom(32))}))
        daemon.cekctl("key", "import", name, "--alg", "A256KW", "--jwk", path, "--kid", kid)
    for name in ("tokens", "other"):
        daemon.cekctl("key", "create", name, "--alg", "A256KW")
        daemon.cekctl("key", "rotate", name)
        daemon.cekctl("key", "rotate", name)
    add("imported", "issuer-one-of-2024")
    add("imported", "issuer-one-of-2025")
    add("slashes", "tokens/2")       # looks like a version of another key
    add("slashes", "tokens/active")
    add("slashes", "a/b/c-and-more")
    add("dashes", "-old-kid-of-2020")
    add("dashes", "--old-kid-of-2019")
    add("prefixes", "prefix")        # the beginning of the next one
    add("prefixes", "prefix-long")
    add("wide", "Schl\u00fcssel-\u9375\u9375\u9375-\U0001f511-e\u0301")
    daemon.cekctl("key", "create", "idle", "--alg", "A256KW")
    daemon.cekctl("key", "suspend", "idle/1")
    daemon.versions = {key["name"]: key["versions"] for key in daemon.json("key", "list")["keys"]}
    return daemon


def kid_of(shared, name, number):
    return shared.versions[name][number - 1]["kid"]


def find(shared, word):
    """Name and number of the version that the word means: suspended for a moment."""
    key = json.loads(shared.cekctl("key", "suspend", "--json", "--", word).stdout)
    suspended = [version for version in key["versions"] if version["state"] == "suspended"]
    assert len(suspended) == 1, suspended
    shared.cekctl("key", "resume", "--", suspended[0]["kid"])
    return key["name"], suspended[0]["number"]


# ---- verbs and options ----


def test_help(shared):
    ctl = shared.cekctl
    assert ctl("help").stdout == ctl("--help").stdout
    assert ctl("help", "key", "rotate").stdout == ctl("key", "rotate", "--help").stdout
    group = ctl("help", "key").stdout
    assert group == ctl("key", "--help").stdout
    assert all(line.startswith("  key ") for line in group.splitlines()) and len(group.splitlines()) > 10
    alone = ctl("key", check=False)
    assert alone.returncode == 2 and alone.stdout == "" and alone.stderr.endswith(group)
    nothing = ctl(check=False)
    assert nothing.returncode == 2 and nothing.stdout == "" and ctl("--help").stdout in nothing.stderr
    assert ctl("--version").stdout.startswith("cekctl ")


@pytest.mark.parametrize("args,meant", [
    (["statsu"], '"status"'), (["key", "crate", "x"], '"key create"'), (["keys", "list"], '"key list"'),
    (["create", "x"], '"key create"'), (["help", "key", "shwo"], '"key show"'), (["version"], '"--version"'),
    (["key", "destroy", "x", "--forse"], "--force"), (["key", "list", "--outptu=name"], "--output"), (["--sockte", "x"], "--socket"),
])
def test_did_you_mean(shared, args, meant):
    done = shared.cekctl(*args, check=False)
    assert done.returncode == 2 and f"did you mean {meant}?" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("args,code,meant", [
    (["key", "create", "x", "--alg", "A256KV"], 1, "A256KW"), (["key", "create", "x", "--alg=rsa-oaep-256"], 1, "RSA-OAEP-256"),
    (["key", "create", "x", "--alg", "ECDH-ES", "--curve", "p256"], 1, "P-256"),
    (["key", "import", "x", "--alg", "A256KV", "--jwk", "/dev/null"], 1, "A256KW"),
    (["wrap", "--key", "tokens", "--enc", "A256GMC", "--generate"], 1, "A256GCM"),
    (["jwe", "encrypt", "--key", "tokens", "--enc", "A256GMC"], 1, "A256GCM"),
    (["jwe", "decrypt", "--alg", "A256KV"], 2, "A256KW"), (["jwe", "decrypt", "--enc", "A256GMC"], 2, "A256GCM"),
    (["policy", "explain", "--operation", "unwarp"], 1, "unwrap"),
    (["key", "show", "tokns"], 3, "tokens"), (["key", "rotate", "Tokens"], 3, "tokens"), (["key", "suspend", "tokns/1"], 3, "tokens"),
    (["jwks", "other", "tokns"], 3, "tokens"), (["wrap", "--key", "tokns", "--enc", "A256GCM", "--generate"], 3, "tokens"),
    (["jwe", "encrypt", "--key", "tokns", "--enc", "A256GCM"], 3, "tokens"), (["doctor", "--key", "tokns"], 3, "tokens"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_did_you_mean_that_value(shared, args, code, meant):
    """What is misspelt is told from what the token cannot do, and from what is not there."""
    done = shared.cekctl(*args, check=False, input="")
    assert done.returncode == code and f"did you mean {meant}?" in done.stderr + done.stdout, done
    assert len(done.stderr.splitlines()) == 1


def test_values_that_there_are(shared):
    """Where nothing is near."""
    told = shared.cekctl("key", "create", "x", "--alg", "frobnicate", check=False).stderr
    assert "; there are: RSA-OAEP, " in told and ", A256GCMKW" in told
    told = shared.cekctl("jwe", "decrypt", "--enc", "frobnicate", check=False).stderr
    assert told.endswith("; there are: A128CBC-HS256, A192CBC-HS384, A256CBC-HS512, A128GCM, A192GCM, A256GCM\n")
    told = shared.cekctl("key", "create", "x", "--alg", "RSA1_5", check=False).stderr
    assert "is refused" in told and "there are" not in told  # JOSE knows it
    told = shared.cekctl("key", "show", "frobnicate", check=False).stderr
    assert told.endswith(f"; the keys that you may see: {', '.join(sorted(shared.versions))}\n")


@pytest.mark.skipif(not C.ROOT, reason="only root can become other users")
def test_key_names_are_for_who_may_list(make_cekd):
    """Neither named nor asked for: the audit journal has no denied list."""
    daemon = make_cekd(rules={"root": {"users": ["0"], "operations": C.OPERATIONS, "keys": ["*"]},
                              "alice": {"users": [str(C.UID_ALICE)], "operations": ["generate"], "keys": ["*"]},
                              "bob": {"users": [str(C.UID_BOB)], "operations": ["generate", "list"], "keys": ["b*"]}})
    for name in ("alpha-key", "beta-key"):
        daemon.cekctl("key", "create", name, "--alg", "A256KW")

    def told(uid, name):
        return C.as_uid(uid, lambda: C.run([C.CEKCTL, "--socket", daemon.socket, "wrap", "--key", name, "--enc", "A256GCM",
                                            "--generate"], check=False).stderr)
    assert "alpha" not in told(C.UID_ALICE, "alphq-key") and "UNKNOWN_KEY" in told(C.UID_ALICE, "alphq-key")
    assert "alpha" not in told(C.UID_BOB, "alphq-key")
    assert told(C.UID_BOB, "betq-key").endswith("did you mean beta-key?\n")
    daemon.stop()
    assert {r["status"] for r in daemon.audit_records() if r.get("op") == "list"} == {"OK"}


def test_nothing_is_near(shared):
    done = shared.cekctl("frobnicate", "--all", check=False)
    assert done.returncode == 2 and "did you mean" not in done.stderr and "see cekctl --help" in done.stderr


def examples():
    """(verb, example), in the order of the table."""
    listing = subprocess.run([C.CEKCTL, "help"], capture_output=True, text=True, check=True).stdout
    verbs = [re.split(r"  +", line.strip())[0] for line in listing.splitlines() if re.match(r"  [a-z]", line)]
    for verb in verbs:
        text = subprocess.run([C.CEKCTL, "help", *verb.split()], capture_output=True, text=True, check=True).stdout
        yield verb, text.split("\nExample:\n  ")[1].split("\n")[0]


# What these need is not there in a daemon that has just begun: they are only understood.
NOT_RUN = {"token init", "key adopt", "restore confirm"}
REFUSED = {"key rename": 1}  # it is there to say why not


def test_examples(make_cekd, tmp_path):
    """The example of every verb, one after another in the order of the help, by a shell."""
    from jwcrypto import jwk
    daemon = make_cekd()
    daemon.cekctl("key", "create", "data", "--alg", "A256KW")
    (tmp_path / "old.jwk").write_text(jwk.JWK.generate(kty="RSA", size=2048).export(private_key=True))
    (tmp_path / "message").write_text("message")
    env = os.environ | {"CEK_SOCKET": daemon.socket, "PATH": f"{C.CEKCTL.parent}:{os.environ['PATH']}",
                        "CEKCTL_ASSUME_YES": "1"}
    tried = list(examples())
    assert len(tried) > 25
    for verb, example in tried:
        assert f"cekctl {verb}" in example
        if verb in NOT_RUN:
            words = shlex.split(example)
            env_nowhere = env | {"CEK_SOCKET": str(tmp_path / "absent"), "SOFTHSM2_CONF": str(tmp_path / "absent.conf")}
            if verb != "token init":  # which would make a token
                assert subprocess.run(words, env=env_nowhere, capture_output=True, cwd=tmp_path).returncode != 2, example
            continue
        command = example.replace("/var/lib/cekd", str(daemon.state)).replace("/etc/cekd", str(daemon.where))
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], env=env, cwd=tmp_path, capture_output=True, text=True,
                              timeout=C.PATIENCE)
        assert done.returncode == REFUSED.get(verb, 0), (example, done.stderr)
        if verb == "key rotate":  # the example only plans; the ones that follow want an old version
            daemon.cekctl("key", "rotate", "api-tokens")
    assert (tmp_path / "cek").stat().st_size == 32 and (tmp_path / "token").read_text().count(".") == 4


# ---- versions ----


def test_versions(shared):
    for name, number in (("tokens", 1), ("tokens", 3), ("other", 2)):
        kid = kid_of(shared, name, number)
        others = [v["kid"] for vs in shared.versions.values() for v in vs if v["kid"] != kid]
        assert not any(other.startswith(kid[:6]) for other in others)
        for word in (kid, kid[:6], kid[:12]):
            assert find(shared, word) == (name, number), word
    assert find(shared, "other/2") == ("other", 2)
    assert find(shared, "other/active") == ("other", 3)
    assert find(shared, "issuer-one-of-2025") == ("imported", 2)
    assert find(shared, "wide/1") == ("wide", 1)


def test_help_before_the_verb():
    for words in (["status"], ["key", "rotate"], ["key"]):
        before, help = (C.run([C.CEKCTL, *args]).stdout for args in (["--help", *words], ["help", *words]))
        assert before == help and words[-1] in help.splitlines()[0]
        assert C.run([C.CEKCTL, "-h", *words]).stdout == help
    assert C.run([C.CEKCTL, "-h"]).stdout == C.run([C.CEKCTL, "--help"]).stdout
    assert C.run([C.CEKCTL, "key", "-h"]).stdout == C.run([C.CEKCTL, "key", "--help"]).stdout
    assert C.run([C.CEKCTL, "--help", "stauts"], check=False).returncode == 2


def test_options_are_written_out():
    """The beginning of one is no option: the next release may have another one that begins so."""
    for args, near in ((["key", "create", "x", "--al", "A256KW"], "unknown option --al: it may be --alg"),
                       (["key", "create", "x", "--al=A256KW"], "unknown option --al: it may be --alg"),
                       (["--js", "status"], "unknown option --js: it may be --json"),
                       (["key", "list", "--output", "name", "--ut"], "unknown option --ut: it may be --utc")):
        done = C.run([C.CEKCTL, *args], check=False)
        assert done.returncode == 2 and near in done.stderr, done


def test_an_exact_kid_comes_first(shared):
    """A kid or alias that is the beginning of another one means itself; one that looks like NAME/NUMBER, and means another
    version by that as well, is not guessed."""
    for word, number, other in (("tokens/2", 1, 2), ("tokens/active", 2, 3)):
        done = shared.cekctl("key", "show", "--kid", word, check=False)
        assert done.returncode == 2, done
        assert f"{word} is a kid of version {number} of slashes ({kid_of(shared, 'slashes', number)})" in done.stderr
        assert f"means version {other} of tokens ({kid_of(shared, 'tokens', other)})" in done.stderr
    assert find(shared, "tokens/1") == ("tokens", 1)
    assert find(shared, "a/b/c-and-more") == ("slashes", 3)
    assert find(shared, "a/b/c-") == ("slashes", 3)
    assert find(shared, "prefix") == ("prefixes", 1)
    assert find(shared, "prefix-") == ("prefixes", 2)


def test_dashes(shared):
    assert find(shared, "-old-k") == ("dashes", 1)
    assert find(shared, "--old-k") == ("dashes", 2)


@pytest.mark.parametrize("word,code,text", [
    ("issuer-one", 2, '"issuer-one" is the beginning of 2 kids: issuer-one-of-2024 (imported/1), issuer-one-of-2025 (imported/2)'),
    ("issue", 3, 'no kid is "issue", and the beginning of one has at least 6 characters'),
    ("tokens/4", 3, "tokens has no version 4, the newest is 3"), ("tokens/0", 3, "UNKNOWN_KEY"), ("other/", 3, "UNKNOWN_KEY"),
    ("absent/1", 3, "UNKNOWN_KEY"), ("idle/active", 3, "no version of idle is active"), ("absent", 3, "UNKNOWN_KEY"),
    ("tokens/99999999999", 3, "UNKNOWN_KEY"), ("/2", 3, "UNKNOWN_KEY"), ("imported", 3, "imported is a key: name one of its versions"),
], ids=str)
@pytest.mark.parametrize("verb", ["suspend", "resume", "compromise", "destroy", "keep", "show"])
def test_no_version(shared, verb, word, code, text):
    before = shared.json("key", "list")
    done = shared.cekctl("key", verb, *(["--kid"] if verb == "show" else []), word, check=False)
    assert done.returncode == code and done.stdout == "" and text in done.stderr, done
    assert len(done.stderr.splitlines()) == 1
    assert shared.json("key", "list") == before


def test_every_verb_takes_them(shared, tmp_path):
    """show, rotate, unwrap, suspend, resume, destroy, keep, compromise: by the beginning of a kid and by its number."""
    ctl = shared.cekctl
    ctl("key", "create", "life", "--alg", "A256KW")
    wrapped = ctl("wrap", "--key", "life", "--enc", "A256GCM", "--generate", "--json").stdout
    first = json.loads(wrapped)["kid"]
    assert shared.json("key", "show", "--kid", first[:7])["name"] == "life"
    assert shared.json("key", "show", "--kid", "life/1")["name"] == "life"
    bare = json.dumps({k: v for k, v in json.loads(wrapped).items() if k not in ("kid", "key")})
    for word in (first[:6], "life/1", "life/active"):
        assert json.loads(ctl("unwrap", "--kid", word, "--json", input=bare).stdout)["kid"] == first
    ctl("key", "rotate", "life", "--active-kid", "life/1")
    stale = ctl("key", "rotate", "life", "--active-kid", first[:8], check=False)
    assert stale.returncode == 6 and "CONFLICT" in stale.stderr

    def state(number=1):
        return shared.json("key", "show", "life")["versions"][number - 1]["state"]
    yes = {"env": os.environ | {"CEK_SOCKET": shared.socket, "CEKCTL_ASSUME_YES": "1"}}
    for verb, word, expected in (("suspend", first[:6], "suspended"), ("resume", "life/1", "deactivated"),
                                 ("destroy", first[:9], "waiting"), ("keep", "life/1", "deactivated"),
                                 ("compromise", "life/1", "compromised")):
        options = ["--force"] if verb == "destroy" else []
        C.run([C.CEKCTL, "key", verb, word, *options], **yes)
        assert state() == expected, verb
    C.run([C.CEKCTL, "key", "compromise", "life/active"], **yes)
    assert state(2) == "compromised"


def test_the_version_that_was_found_is_the_one_that_is_changed(fake):
    """Between the question and the change the active version may be another one: the request names the kid."""
    def reply(request):
        version = pb.Version(kid="the-kid-that-was-active", number=3, state=pb.STATE_ACTIVE)
        key = pb.Key(name="tokens", alg="A256KW", version=[version])
        if request.HasField("describe_key") and request.describe_key.kid:
            return pb.Reply(status=pb.STATUS_UNKNOWN_KEY, message="no such key")
        return pb.Reply(key=pb.KeyReply(key=key))
    cekd = fake(reply)
    for word in ("tokens/active", "tokens/3"):
        C.run([C.CEKCTL, "--socket", cekd.path, "key", "suspend", word])
        last = cekd.requests[-1]
        assert last.WhichOneof("op") == "set_key_state" and last.set_key_state.kid == "the-kid-that-was-active"


@pytest.mark.skipif(not C.ROOT, reason="only root can become other users")
def test_who_may_not_look(make_cekd):
    """A peer that may use a version without looking at it names it by its kid, as before."""
    daemon = make_cekd(rules={"root": {"users": ["0"], "operations": C.OPERATIONS, "keys": ["*"]},
                              "alice": {"users": [str(C.UID_ALICE)], "operations": ["state"], "keys": ["mine"]}})
    daemon.cekctl("key", "create", "mine", "--alg", "A256KW")
    kid = daemon.json("key", "show", "mine")["active"]

    def suspend(word):
        def peer():
            done = subprocess.run([where / "cekctl", "key", "suspend", word], capture_output=True, text=True,
                                  env={"CEK_SOCKET": daemon.socket, "LD_LIBRARY_PATH": str(where)})
            return done.returncode, done.stderr
        return C.as_uid(C.UID_ALICE, peer)
    where = C.folder("cekd-ctl-")
    for path in (C.CEKCTL, *C.BUILD.glob("client/libcek.so.0"), *C.BUILD.glob("client/jose/libcek-jose.so.0")):
        (where / path.name).write_bytes(path.read_bytes())
        (where / path.name).chmod(0o755)
    try:
        code, text = suspend(kid[:8])
        assert code != 0 and ("UNKNOWN_KEY" in text or "DENIED" in text), text
        assert suspend(kid) == [0, ""]
    finally:
        for path in where.iterdir():
            path.unlink()
        where.rmdir()
    assert daemon.json("key", "show", "mine")["versions"][0]["state"] == "suspended"


def test_on_a_terminal_the_version_is_shown(shared):
    kid = kid_of(shared, "other", 1)
    code, text = on_terminal(shared.socket, "key", "suspend", "other/1", columns=200)
    assert code == 0 and f"other/1 is version 1 of other, deactivated, kid {kid}\n" in text
    code, text = on_terminal(shared.socket, "key", "resume", kid, columns=200)
    assert code == 0 and " is version 1 of other, " not in text
    assert shared.cekctl("key", "suspend", "other/1").stderr == ""
    shared.cekctl("key", "resume", "other/1")


# ---- lists ----


def test_output(shared):
    ctl = shared.cekctl
    names = ctl("key", "list", "--output", "name").stdout.split("\n")
    assert names == [*(key["name"] for key in shared.json("key", "list")["keys"]), ""] and {*shared.versions} < {*names}
    assert ctl("--output", "name", "key", "show", "tokens").stdout.split() == [v["kid"] for v in shared.versions["tokens"]]
    assert ctl("key", "list", "--output", "json").stdout == ctl("key", "list", "--json").stdout
    assert ctl("key", "list", "--output=table").stdout == ctl("key", "list").stdout
    assert ctl("fsck", "--output", "name").stdout == ""
    for wrong in (["status", "--output", "name"], ["key", "list", "--output", "yaml"], ["key", "list", "--json", "--output", "name"],
                  ["jwe", "encrypt", "--output", "json"]):
        done = ctl(*wrong, check=False)
        assert done.returncode == 2 and "--" in done.stderr and len(done.stderr.splitlines()) == 1
        assert "{" in done.stdout if "json" in " ".join(wrong) else done.stdout == ""


def test_fsck_names(fake):
    findings = [pb.Finding(kind="missing", kid="the-kid", cka_id=b"\1"), pb.Finding(kind="orphan", cka_id=b"\1\xab")]
    path = fake(lambda _: pb.Reply(fsck=pb.FsckReply(finding=findings))).path
    done = C.run([C.CEKCTL, "--socket", path, "fsck", "--output", "name"], check=False)
    assert done.stdout == "the-kid\n01ab\n"


def test_status_of_what_is_untried(fake):
    """An alg that the token has not judged yet, and why."""
    algs = [pb.AlgStatus(alg="A256KW", available=True, how="CKM_AES_KEY_WRAP"),
            pb.AlgStatus(alg="RSA-OAEP", untried=True, how="no answer yet: CKR_DEVICE_ERROR"), pb.AlgStatus(alg="ECDH-ES", how="no mechanism")]
    path = fake(lambda _: pb.Reply(status_reply=pb.StatusReply(ready=True, alg=algs))).path
    text = C.run([C.CEKCTL, "--socket", path, "status"]).stdout
    assert re.search(r"^RSA-OAEP +untried +no answer yet: CKR_DEVICE_ERROR$", text, re.M), text
    assert re.search(r"^ECDH-ES +no +no mechanism$", text, re.M) and re.search(r"^A256KW +yes +CKM", text, re.M)
    found = json.loads(C.run([C.CEKCTL, "--socket", path, "status", "--json"]).stdout)["algorithms"]
    assert [(a["available"], a["untried"]) for a in found] == [(True, False), (False, True), (False, False)]


# ---- terminals ----


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_tables_fit(shared, columns):
    """No line is wider than the terminal; kids are cut in the middle so that their beginning names the version."""
    kids = [version["kid"] for key in shared.json("key", "list")["keys"] for version in key["versions"]]
    code, text = on_terminal(shared.socket, "key", "list", columns=columns)
    lines = ESCAPE.sub("", text).splitlines()
    assert code == 0 and all(columns_of(line) <= columns for line in lines), text
    assert columns == 140 or "\u2026" in text
    for line in lines:
        for beginning in re.findall(r"(\S+)\u2026", line):
            assert len(beginning) >= 6 and any(kid.startswith(beginning) for kid in kids), line
    left_out = [line for line in lines if line.startswith("No room for: KIND")]
    assert len(left_out) == (columns == 80) and ("256 bits" in text) == (columns > 80)


def test_columns_line_up(shared):
    """Wide and combining characters take the columns that they take."""
    text = shared.cekctl("key", "list").stdout
    starts = {columns_of(line[:re.search(r"(-|\d{4}-\d\d-\d\d \S+|LAST USED)$", line).start()]) for line in text.splitlines()}
    assert len(starts) == 1 and "\u9375" in text, text


def test_pipes_are_plain(shared):
    """Whole kids, no colour, the same whatever the environment says of a terminal."""
    plain = shared.cekctl("key", "list").stdout
    for version in (v for vs in shared.versions.values() for v in vs):
        assert version["kid"] in plain
    env = os.environ | {"CEK_SOCKET": shared.socket, "COLUMNS": "30", "TERM": "xterm"}
    assert C.run([C.CEKCTL, "key", "list"], env=env).stdout == plain
    assert "\x1b" not in plain and "\u2026" not in plain


def test_columns_of_the_environment(shared):
    _, text = on_terminal(shared.socket, "key", "list", columns=80, COLUMNS="200")
    assert "\u2026" not in text
    _, text = on_terminal(shared.socket, "key", "list", columns=200, COLUMNS="80")
    assert "\u2026" in text


def test_sentences_go_on_below(fake):
    how = "unwrap by CKM_RSA_PKCS_OAEP inside the token, everything else in the worker, which was tried at the start"
    path = fake(lambda _: pb.Reply(status_reply=pb.StatusReply(alg=[pb.AlgStatus(alg="RSA-OAEP", how=how)], sandbox=how))).path
    _, text = on_terminal(path, "status", columns=60)
    lines = ESCAPE.sub("", text).splitlines()
    assert all(len(line) <= 60 for line in lines)
    assert how in re.sub(r"\s+", " ", "\n".join(lines[lines.index("") :]))
    assert how in " ".join(C.run([C.CEKCTL, "--socket", path, "status"]).stdout.splitlines())


@pytest.mark.parametrize("columns", [60, 80])
def test_findings_of_the_doctor_go_on_below(shared, columns):
    """In their column; what comes next stays a line, since it has commands to be copied."""
    _, text = on_terminal(shared.socket, "doctor", "--key", "other", columns=columns)
    lines = ESCAPE.sub("", text).splitlines()
    assert all(columns_of(line) <= columns for line in lines), text
    assert any(re.match(r" {22}\S", line) for line in lines), text
    plain = C.run([C.CEKCTL, "doctor", "--key", "other"], env=os.environ | {"CEK_SOCKET": str(shared.socket)}).stdout
    wide = [line for line in plain.splitlines() if len(line) > columns and "MiB are left" not in line]
    joined = re.sub(r"\n {22}", " ", "\n".join(lines)).splitlines()
    assert wide and all(line in joined for line in wide), text
    _, text = on_terminal(f"{shared.where}/absent", "doctor", columns=columns)
    assert any(line.startswith("next: ") and len(line) > columns for line in text.splitlines()), text


@pytest.mark.parametrize("env,args,coloured", [
    ({}, [], True), ({"NO_COLOR": "1"}, [], False), ({"NO_COLOR": ""}, [], True), ({"TERM": "dumb"}, [], False),
    ({"TERM": None}, [], False), ({}, ["--color", "never"], False), ({"NO_COLOR": "1"}, ["--color", "always"], True),
    ({}, ["--color=auto"], True), ({}, ["--json"], False), ({}, ["--output", "name"], False),
], ids=str)
def test_colour(shared, env, args, coloured):
    code, text = on_terminal(shared.socket, "key", "list", *args, **env)
    assert code == 0 and ("\x1b[" in text) is coloured, text


def test_colour_in_a_pipe(shared):
    text = shared.cekctl("key", "list", "--color", "always").stdout
    assert "\x1b[32mactive\x1b[0m" in text and ESCAPE.sub("", text) == shared.cekctl("key", "list").stdout


def test_zones(shared):
    """Times of people in their zone, or in UTC; JSON always in UTC."""
    def shown(zone, *args):
        env = os.environ | {"CEK_SOCKET": shared.socket, "TZ": zone}
        return C.run([C.CEKCTL, "key", "show", "tokens", *args], env=env).stdout
    created = shared.versions["tokens"][0]["created"][:19].replace("T", " ")
    assert f"{created}Z" in shown("UTC0") and f"{created}Z" in shown("XXX-5:30", "--utc")
    assert f"{created}Z" not in shown("XXX-5:30") and re.search(r"created: +[-\d]+ [:\d]+\+05:30$", shown("XXX-5:30"), re.M)
    assert shown("XXX-5:30", "--json") == shown("UTC0", "--json")


EVIL = "evil\x1b]0;title\x07\x1b[2J\u009b31m\u202e\u200bend"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]")


def evil(request):
    version = pb.Version(kid=EVIL, alias=[EVIL], number=1, state=pb.STATE_ACTIVE, note=EVIL, peers=[pb.Usage(peer=EVIL)],
                         public_key=pb.PublicKey(kty="OKP", crv="X25519", x=bytes(range(32))))
    key = pb.Key(name=EVIL, alg=EVIL, crv=EVIL, version=[version], operations=EVIL,
                 plan=[pb.Event(time=1, what=EVIL, kid=EVIL, why=EVIL)])
    status = pb.StatusReply(version=EVIL, why_not_ready=EVIL, token_label=EVIL, module=EVIL, warning=[EVIL], journal=EVIL,
                            alg=[pb.AlgStatus(alg=EVIL, how=EVIL)], worker=[pb.WorkerStatus(kind=EVIL, state=EVIL)])
    public = pb.PublicKeyEntry(key="k", kid=EVIL, alg="ECDH-ES", state=pb.STATE_ACTIVE, public_key=version.public_key)
    return {
        "list_keys": lambda: pb.Reply(list_keys=pb.ListKeysReply(key=[key])),
        "status": lambda: pb.Reply(status_reply=status),
        "metrics": lambda: pb.Reply(metrics=pb.MetricsReply(text=f"# {EVIL}\n# EOF\n")),
        "fsck": lambda: pb.Reply(fsck=pb.FsckReply(finding=[pb.Finding(kind=EVIL, kid=EVIL, key=EVIL, what=EVIL, advice=EVIL)])),
        "restore": lambda: pb.Reply(restore=pb.RestoreReply(needed=True, why=EVIL, head=EVIL, later=[EVIL])),
        "get_public_keys": lambda: pb.Reply(public_keys=pb.PublicKeysReply(entry=[public], end=True)),
        "create_key": lambda: pb.Reply(status=pb.STATUS_CONFLICT, message=EVIL),
    }.get(request.WhichOneof("op"), lambda: pb.Reply(key=pb.KeyReply(key=key)))()


@pytest.mark.parametrize("args", [
    ["key", "list"], ["key", "list", "--json"], ["key", "list", "--output", "name"], ["key", "show", "x"], ["key", "show", "x", "--json"],
    ["key", "rotate", "x", "--plan"], ["key", "suspend", EVIL], ["key", "create", "x", "--alg", "A256KW"], ["status"],
    ["status", "--json"], ["metrics"], ["fsck"], ["fsck", "--output", "name"], ["jwks"], ["restore", "show"],
    ["completion", "words", "key", "suspend", ""],
], ids=" ".join)
def test_control_characters(fake, args):
    """Nothing that a daemon says steers the terminal; the escapes are cekctl's own colours."""
    code, text = on_terminal(fake(evil).path, *args)
    text = re.sub(r"\x1b\[(0|1|2|31|32|33)m", "", text)
    assert not STEERING.search(text), repr(text)
    assert args[0] == "completion" or "evil" in text or "end" in text, text


def test_a_sign_of_life(fake):
    """What takes more than a second shows that on a terminal, and leaves nothing behind; not in a pipe."""
    seen, told = threading.Event(), threading.Event()

    def reply(request):
        told.set()
        assert seen.wait(C.PATIENCE)
        return pb.Reply(fsck=pb.FsckReply())
    path = fake(reply).path
    terminal = Terminal()
    process = subprocess.Popen([C.CEKCTL, "--socket", path, "fsck"], stdout=subprocess.PIPE, stderr=terminal.theirs, text=True,
                               env=os.environ | {"TERM": "xterm"})
    try:
        C.wait_for(lambda: "waiting for cekd, 1 s" in terminal.text(), "a sign of life")
        seen.set()
        assert process.communicate(timeout=C.PATIENCE)[0] == "Journal and token agree.\n" and process.returncode == 0
    finally:
        seen.set()
        process.kill()
        process.wait()
        terminal.close()
    assert terminal.text().endswith("\r\x1b[K"), repr(terminal.text())
    for env in ({"TERM": "dumb"}, None):
        seen.clear(), told.clear()
        terminal = Terminal()
        process = subprocess.Popen([C.CEKCTL, "--socket", path, "fsck"], stdout=subprocess.PIPE, text=True,
                                   stderr=terminal.theirs if env else subprocess.PIPE, env=os.environ | (env or {}))
        timer = threading.Timer(1.5, seen.set)  # long enough for a sign; a later one would be none of this process
        timer.start()
        output, error = process.communicate(timeout=C.PATIENCE)
        timer.join()
        terminal.close()
        assert process.returncode == 0 and not error and terminal.text() == ""


def test_an_error_after_a_sign_of_life(fake):
    """The sign is gone before the error is written."""
    seen = threading.Event()

    def reply(request):
        assert seen.wait(C.PATIENCE)
        return pb.Reply(status=pb.STATUS_DENIED, message="may not do that")
    path = fake(reply).path
    terminal = Terminal()
    process = subprocess.Popen([C.CEKCTL, "--socket", path, "key", "list"], stdout=subprocess.DEVNULL, stderr=terminal.theirs,
                               env=os.environ | {"TERM": "xterm"})
    try:
        C.wait_for(lambda: "reading the list of keys, 1 s" in terminal.text(), "a sign of life")
        seen.set()
        assert process.wait(C.PATIENCE) != 0
    finally:
        seen.set()
        process.kill()
        process.wait()
        terminal.close()
    assert terminal.text().split("\r\x1b[K")[-1].startswith("cekctl: key list: DENIED: may not do that;"), repr(terminal.text())
