# SPDX-License-Identifier: Apache-2.0
"""cekctl's exit statuses: each verb with each one that it can have, and what is said about it."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import threading

import cekd as C
import pytest
from cekd import pb
from test_cekctl_json import check

root_only = pytest.mark.skipif(not C.ROOT, reason="only root can become other users")

KEY = '{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}'
LINE = json.dumps({"kid": "absent", "key": "k", "alg": "A128KW", "enc": "A256GCM", "encrypted_key": C.b64(bytes(40))})
TOKEN = ".".join((C.b64(b'{"alg":"A128KW","enc":"A128GCM","kid":"absent"}'), C.b64(bytes(24)), C.b64(bytes(12)), "AAAA",
                  C.b64(bytes(16))))

# Well-formed, about what is not there: (arguments, standard input).
VERBS = {
    "status": (["status"], ""),
    "key create": (["key", "create", "absent", "--alg", "A128KW"], ""),
    "key import": (["key", "import", "absent", "--alg", "A128KW", "--jwk", "-"], KEY),
    "key adopt": (["key", "adopt", "absent", "--alg", "A128KW", "--label", "absent"], ""),
    "key list": (["key", "list"], ""),
    "key show": (["key", "show", "absent"], ""),
    "key rotate": (["key", "rotate", "absent"], ""),
    "key suspend": (["key", "suspend", "absent-kid"], ""),
    "key resume": (["key", "resume", "absent-kid"], ""),
    "key compromise": (["key", "compromise", "absent-kid", "--yes"], ""),
    "key destroy": (["key", "destroy", "absent-kid", "--yes"], ""),
    "key keep": (["key", "keep", "absent-kid"], ""),
    "key schedule": (["key", "schedule", "absent", "--period", "7d"], ""),
    "key alias": (["key", "alias", "add", "absent-kid", "alias"], ""),
    "jwks": (["jwks", "absent"], ""),
    "wrap": (["wrap", "--key", "absent", "--enc", "A128GCM", "--generate"], ""),
    "unwrap": (["unwrap", "--kid", "absent-kid", "--alg", "A128KW", "--enc", "A256GCM"], C.b64(bytes(40))),
    "rewrap": (["rewrap", "--key", "absent"], LINE + "\n"),
    "jwe encrypt": (["jwe", "encrypt", "--key", "absent", "--enc", "A128GCM"], "text"),
    "jwe decrypt": (["jwe", "decrypt"], TOKEN),
    "fsck": (["fsck"], ""),
    "restore show": (["restore", "show"], ""),
    "restore confirm": (["restore", "confirm", "--yes"], ""),
    "watch": (["watch", "--count", "1"], ""),
    "metrics": (["metrics"], ""),
}
LOCAL = ("token init", "audit verify", "key rename", "help", "completion")  # no daemon takes part
ELSEWHERE = ("doctor", "policy check", "policy explain")  # test_doctor.py, test_cekctl_policy.py
NO_JSON = ("jwe encrypt", "jwe decrypt")
KEYLESS = ("status", "key create", "key import", "key adopt", "key list", "fsck", "restore show", "restore confirm", "watch",
           "metrics")


def ctl(verb, socket, *more, preexec_fn=None):
    args, given = VERBS[verb]
    return C.run([C.CEKCTL, "--socket", socket, *args, *more], check=False, input=given, preexec_fn=preexec_fn)


def expect(done, code, status, verb=""):
    """The exit status and one line; returns the line."""
    assert done.returncode == code, (verb, done.returncode, done.stderr)
    lines = done.stderr.splitlines()
    if verb == "rewrap":  # the line has its own error
        assert len(lines) == 1 and "1 of 1 line failed" in lines[0]
        return json.loads(done.stdout)["error"]
    assert len(lines) == 1 and lines[0].startswith(f"cekctl: {verb or ''}") and f": {status}: " in lines[0], lines
    return lines[0]


def test_every_verb_is_here():
    text = C.run([C.CEKCTL, "--help"]).stdout
    verbs = {line[2:17].strip() for line in text.splitlines() if line.startswith("  ") and line[2].islower()}
    rest = verbs - set(LOCAL) - set(ELSEWHERE)
    assert rest <= set(VERBS), rest - set(VERBS)


def test_failures_name_their_status():
    """A status within the text of ctl_fail() would leave the exit status at 1."""
    for path in (C.SOURCE / "client" / "cekctl").rglob("*.c"):
        calls = re.findall(r'ctl_fail\([^;]*?"(?:[A-Z][A-Z_]+|%s): [^;]*;', path.read_text())
        assert not [call for call in calls if re.search(r'"[A-Z][A-Z_]+: |status_name|code_name', call)], (path, calls)


@pytest.mark.parametrize("verb", VERBS)
def test_usage(shared, verb):
    done = ctl(verb, shared.socket, "--bogus")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in KEYLESS])
def test_unknown_key(shared, verb):
    done = ctl(verb, shared.socket)
    told = expect(done, 3, "NO_KEY" if verb in NO_JSON else "UNKNOWN_KEY", verb)
    assert verb == "rewrap" or "not be yours" in told


def test_token_that_names_no_key(shared):
    """No other key is in the way: the option that is missing is named."""
    token = TOKEN.replace(TOKEN.split(".", 1)[0], C.b64(b'{"alg":"A128KW","enc":"A128GCM"}'))
    told = expect(shared.cekctl("jwe", "decrypt", check=False, input=token), 3, "NO_KEY", "jwe decrypt")
    assert "--key NAME" in told and "not be yours" not in told


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", ["absent", "left"])
def test_no_daemon(tmp_path, verb, kind):
    path = tmp_path / "cekd.sock"
    if kind == "left":
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
    told = expect(ctl(verb, path), 5, "E_CONNECT", verb)
    why = "there is no such socket" if kind == "absent" else "nobody listens on this socket"
    assert f"no cekd at {path}: {why}" in told
    assert verb == "rewrap" or "is cekd running (systemctl status cekd)?" in told and "$CEK_SOCKET" in told
    if verb not in NO_JSON and verb != "rewrap":
        error = check("error", ctl(verb, path, "--json").stdout)["error"]
        assert error["status"] == "E_CONNECT" and error["exit"] == 5 and "systemctl" in error["hint"]


@pytest.fixture(scope="module")
def denying(make_cekd_module):
    """A daemon whose second socket is for nobody."""
    where = C.folder("cekd-sockets-")
    daemon = make_cekd_module(
        listeners={"main": {"path": str(where / "main.sock"), "mode": "0666"},
                   "nobody": {"path": str(where / "nobody.sock"), "mode": "0666"},
                   "operator": {"path": str(where / "operator.sock"), "mode": "0666"}},
        rules={"all": {"listeners": ["main"], "anyone": True, "operations": C.OPERATIONS, "keys": ["*"]},
               "operator": {"listeners": ["operator"], "anyone": True, "operations": ["status"]}})
    yield daemon, daemon.config.listeners["nobody"]["path"]
    shutil.rmtree(where, ignore_errors=True)


@pytest.mark.parametrize("verb", VERBS)
def test_denied(denying, verb):
    daemon, path = denying
    told = expect(ctl(verb, path), 4, "DENIED", verb)
    if verb != "rewrap":
        assert f"cekd sees uid {os.geteuid()}" in told and path in told and "cekctl policy explain --user" in told
        # As it stands there an administrator types it.
        command = shlex.split(told[told.index("cekctl policy explain"):])[1:]
        why = json.loads(C.run([C.CEKCTL, "--socket", daemon.socket, *command, "--json"], check=False).stdout)
        assert (why["allowed"], why["uid"], why["listener"]) == (False, os.geteuid(), "nobody"), why
        assert why["operation"] == command[command.index("--operation") + 1]
    if verb not in NO_JSON and verb != "rewrap":
        assert check("error", ctl(verb, path, "--json").stdout)["error"]["exit"] == 4


def conflicts(daemon):
    """verb → arguments that the state of the keys forbids."""
    run = daemon.cekctl
    run("key", "create", "k", "--alg", "A128KW")
    first = daemon.json("key", "show", "k")["active"]
    gone = daemon.json("key", "create", "gone", "--alg", "A128KW")["active"]
    run("key", "rotate", "gone")
    run("key", "destroy", gone, "--force")
    bad = daemon.json("key", "create", "bad", "--alg", "A128KW")["active"]
    run("key", "compromise", bad, "--rotate")
    run("key", "import", "in", "--alg", "A128KW", "--jwk", "-", "--kid", "in-kid", input=KEY)
    cka_id = daemon.json("key", "show", "k")["versions"][0]["cka_id"]
    return {
        "key create": ["key", "create", "k", "--alg", "A256KW"],
        "key import": ["key", "import", "other", "--alg", "A128KW", "--jwk", "-", "--kid", "in-kid"],
        "key adopt": ["key", "adopt", "k", "--alg", "A128KW", "--id", cka_id],
        "key rotate": ["key", "rotate", "k", "--active-kid", gone],
        "key suspend": ["key", "suspend", gone],
        "key resume": ["key", "resume", first],
        "key compromise": ["key", "compromise", bad],
        "key destroy": ["key", "destroy", first],
        "key keep": ["key", "keep", first],
        "key alias": ["key", "alias", "add", first, gone],
        "restore confirm": ["restore", "confirm", "--yes", "--head", "1:" + 64 * "0"],
    }


def test_conflict(make_cekd):
    daemon = make_cekd()
    for verb, args in conflicts(daemon).items():
        given = KEY if verb == "key import" else ""
        done = daemon.cekctl(*args, check=False, input=given)
        expect(done, 6, "CONFLICT", verb)
        error = check("error", daemon.cekctl(*args, "--json", check=False, input=given).stdout)["error"]
        assert error["status"] == "CONFLICT" and error["exit"] == 6, (verb, error)


REFUSED = {
    "key create": ["key", "create", "x", "--alg", "RSA1_5"],
    "key import": ["key", "import", "x", "--alg", "A128KW", "--jwk", "/nonexistent/key"],
    "key adopt": ["key", "adopt", "x", "--alg", "dir", "--label", "x"],
    "key schedule": ["key", "schedule", "ref", "--lead", "7d", "--period", "1s"],
    "key destroy": ["key", "destroy", "REF", "--reason", 201 * "x"],
    "key suspend": ["key", "suspend", "REF", "--until", "2020-01-01T00:00:00Z"],
    "key show": ["key", "show", "bad name"],
    "wrap": ["wrap", "--key", "ref", "--enc", "A257GCM", "--generate"],
    "unwrap": ["unwrap", "--kid", "REF", "--alg", "A128KW", "--enc", "A256GCM"],
    "rewrap": ["rewrap", "--key", "ref"],
    "jwe encrypt": ["jwe", "encrypt", "--key", "ref", "--enc", "A257GCM"],
    "jwe decrypt": ["jwe", "decrypt"],
    "audit verify": ["audit", "verify", "/nonexistent/journal"],
    "token init": ["token", "init", "--module", "/nonexistent/module", "--label", "x", "--pin-file", "/nonexistent/pin"],
}


@pytest.mark.parametrize("verb", REFUSED)
def test_refused(shared, verb):
    kid = shared.json("key", "show", shared.key("A128KW", name="ref"))["active"]
    args = [kid if arg == "REF" else arg for arg in REFUSED[verb]]
    done = shared.cekctl(*args, check=False, input=C.b64(os.urandom(40)) if verb == "unwrap" else "nonsense\n")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, (done.returncode, done.stderr)


def test_done(shared, tmp_path):
    """0 of every verb stands in test_cekctl_json.py, but for those without --json."""
    key = shared.key("A128KW", name="done")
    token = shared.cekctl("jwe", "encrypt", "--key", key, "--enc", "A128GCM", input="text")
    assert shared.cekctl("jwe", "decrypt", input=token.stdout).stdout == "text"


class Liar:
    """Answers every request with one status."""

    def __init__(self, path, answer):
        self.answer = answer
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=[self.listener.accept()[0]], daemon=True).start()

    def serve(self, peer):
        with contextlib.suppress(OSError), peer, peer.makefile("rb") as stream:
            while head := stream.read(4):
                request = pb.Request.FromString(stream.read(struct.unpack(">I", head)[0]))
                peer.sendall(self.answer(request))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def framed(reply):
    body = reply.SerializeToString()
    return struct.pack(">I", len(body)) + body


@contextlib.contextmanager
def lying(answer):
    where = C.folder("cekd-liar-")
    liar = Liar(where / "cekd.sock", answer)
    try:
        yield where / "cekd.sock"
    finally:
        liar.close()
        shutil.rmtree(where)


EXITS = {"MALFORMED": 1, "TOO_LARGE": 1, "DEADLINE": 5, "INTERNAL": 1, "FAILED": 1, "UNKNOWN_KEY": 3, "UNUSABLE": 1, "DENIED": 4,
         "UNAVAILABLE": 5, "OVERLOADED": 5, "CONFLICT": 6, "UNSUPPORTED": 1, "NOT_IMPLEMENTED": 1}
# libcek-jose has a few codes of its own for them.
JWE_EXITS = EXITS | {"INTERNAL": 5, "CONFLICT": 5}


def test_the_list_of_statuses():
    assert {name.removeprefix("STATUS_") for name in pb.Status.keys()} - {"UNSPECIFIED", "OK"} == set(EXITS)


@pytest.mark.parametrize("status", [*EXITS, 99])
def test_each_status(status):
    """What a daemon may say to each verb; 99 is one of later days."""
    number = status if status == 99 else pb.Status.Value(f"STATUS_{status}")
    with lying(lambda request: framed(pb.Reply(id=request.id, status=number, message="as it is"))) as path:
        running = {}
        for verb, (args, given) in VERBS.items():
            for more in [[], ["--json"]] if verb not in NO_JSON else [[]]:
                process = subprocess.Popen([C.CEKCTL, "--socket", path, *args, *more], text=True, stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                process.stdin.write(given)
                process.stdin.close()
                running[verb, bool(more)] = process
        for (verb, as_json), process in running.items():
            out, err = process.stdout.read(), process.stderr.read()
            code = (JWE_EXITS if verb in NO_JSON else EXITS).get(status, 5 if verb in NO_JSON else 1)
            assert process.wait(C.PATIENCE) == code, (verb, err)
            assert len(err.splitlines()) == 1, err
            if as_json:
                error = check("rewrap" if verb == "rewrap" else "error", out)["error"]
                assert error["exit"] == code and error["status"] == (status if status != 99 else "UNKNOWN"), error
                assert "as it is" in error["message"]
            elif verb != "rewrap":
                assert out == ""


def test_rewrap_with_several_reasons(shared):
    """One exit status that all failed lines have in common, else 1."""
    key = shared.key("A128KW", name="several")
    bad = json.loads(shared.cekctl("wrap", "--key", key, "--enc", "A256GCM", "--generate", "--json").stdout)
    shared.cekctl("key", "rotate", key)  # what is under the active version is not looked into
    lines = {"FAILED": json.dumps(bad | {"encrypted_key": C.b64(os.urandom(40))}), "UNKNOWN_KEY": LINE, "good": json.dumps(bad)}
    for names, code in ((["good"], 0), (["FAILED", "good"], 1), (["UNKNOWN_KEY", "good", "UNKNOWN_KEY"], 3),
                        (["UNKNOWN_KEY", "FAILED"], 1), (["FAILED", "UNKNOWN_KEY", "UNKNOWN_KEY"], 1)):
        done = shared.cekctl("rewrap", "--key", key, input="\n".join(lines[name] for name in names), check=False)
        assert done.returncode == code, (names, done.stderr)


def test_a_daemon_that_does_not_answer(daemon):
    broker = daemon.child("cekd-broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        done = daemon.cekctl("--timeout", "1s", "key", "list", "--json", check=False)
        jwe = ctl("jwe decrypt", daemon.socket, "--timeout", "1s")
    finally:
        os.kill(broker, signal.SIGCONT)
    expect(done, 5, "E_TIMEOUT", "key list")
    assert f"cekd at {daemon.socket} is connected" in expect(jwe, 5, "E_TIMEOUT", "jwe decrypt")
    error = check("error", done.stdout)["error"]
    assert re.search(rf"cekd at {daemon.socket} is connected, but has not answered since "
                     r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \(1 second\)", error["message"]), error
    assert "--timeout" in error["hint"]
    daemon.wait_ready()


NO_CEKD = "no cekd listens at {}: --socket PATH or $CEK_SOCKET names another socket"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\3abc"], ids=["HTTP", "frame"])
def test_what_is_no_cekd(answer):
    """One status, one sentence and one hint, whichever way one comes to it; the sentence is libcek's."""
    with lying(lambda request: answer) as path:
        for verb in ("status", "jwks", "jwe encrypt", "unwrap"):
            told = expect(ctl(verb, path), 1, "E_PROTOCOL", verb)
            assert told.endswith(f": the other side does not speak cekd's protocol; {NO_CEKD.format(path)}"), told
        told = C.run([C.CEKCTL, "--socket", path, "doctor"], check=False)
        assert told.returncode == 1 and told.stdout.endswith(f"\nnext: {NO_CEKD.format(path)}\n"), told.stdout
        assert "E_PROTOCOL: daemon: the other side does not speak cekd's protocol" in told.stderr


def test_what_is_said_to_the_whole_connection():
    """Before the first answer and under no id: as to a user that cekd's namespace does not map."""
    said = framed(pb.Reply(status=pb.STATUS_DENIED, message="your uid is not mapped into cekd's user namespace"))
    with lying(lambda request: said) as path:
        told = expect(ctl("status", path), 4, "DENIED", "status")
        assert "your uid is not mapped into cekd's user namespace" in told


def test_a_connection_that_ends(tmp_path):
    """Taken and closed at once, as for a user with too many connections."""
    path = tmp_path / "cekd.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(16)
        stop = threading.Event()

        def close_all():
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    listener.accept()[0].close()
        thread = threading.Thread(target=close_all, daemon=True)
        thread.start()
        done = ctl("status", path)
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(C.PATIENCE)
    assert done.returncode == 5 and re.search(r"E_CONNECT|E_DISCONNECTED", done.stderr), done.stderr


@pytest.fixture
def closed(shared):
    """make(mode, gid) → the path of a socket with these rights; its folder is passable."""
    where = C.folder("cekd-closed-")
    listeners = []

    def make(mode, gid, folder_mode=0o755):
        listener = socket.socket(socket.AF_UNIX)
        listeners.append(listener)
        inner = where / f"in-{len(listeners)}"
        inner.mkdir()
        path = inner / "cekd.sock"
        listener.bind(str(path))
        listener.listen(1)
        os.chown(path, 0, gid)
        path.chmod(mode)
        os.chown(inner, 0, gid)
        inner.chmod(folder_mode)
        return path
    yield make
    for listener in listeners:
        listener.close()
    shutil.rmtree(where)


def as_alice(*args):
    """cekctl as another user, without groups."""
    def child():
        done = C.run([C.CEKCTL, *args], check=False)
        return [done.returncode, done.stdout, done.stderr]
    code, out, err = C.as_uid(C.UID_ALICE, child)
    return subprocess.CompletedProcess(args, code, out, err)


@root_only
@pytest.mark.parametrize("verb", VERBS)
def test_no_permission(closed, verb):
    path = closed(0o660, C.UID_BOB)

    def become():
        os.setgroups([])
        os.setgid(C.UID_ALICE)
        os.setuid(C.UID_ALICE)
    told = expect(ctl(verb, path, preexec_fn=become), 4, "E_PERMISSION", verb)
    assert f"no permission to open the socket {path}" in told
    assert verb == "rewrap" or f"usermod -aG {C.UID_BOB}" in told


@root_only
def test_what_the_hint_names(closed):
    group = closed(0o660, C.UID_BOB)
    done = as_alice("--socket", group, "status", "--json")
    error = check("error", done.stdout)["error"]
    assert done.returncode == 4 == error["exit"] and error["status"] == "E_PERMISSION"
    assert f"group {C.UID_BOB} may" in error["hint"] and "log in again" in error["hint"]
    owner = closed(0o600, C.UID_BOB)
    assert "only root may: run this as root" in as_alice("--socket", owner, "status").stderr
    folder = closed(0o666, C.UID_BOB, 0o750)
    told = as_alice("--socket", folder, "status")
    assert f"its folder {folder.parent} is closed" in told.stderr and f"group {C.UID_BOB} may" in told.stderr
    assert told.returncode == 4


def in_own_root(script, **files):
    """Run script as root in a mount namespace of its own, with these files in /etc and an empty /run."""
    where = C.folder("cekd-root-")
    try:
        for name, text in files.items():
            (where / name).write_text(text)
        binds = "".join(f"mount --bind {where / name} /etc/{name}\n" for name in files)
        done = C.run(["unshare", "--mount", "--propagation", "private", "sh", "-ec",
                      f"mount -t tmpfs none /run\n{binds}{script}"], check=False)
    finally:
        shutil.rmtree(where)
    if done.returncode != 0 and re.search("^(unshare|mount): ", done.stderr, re.M):
        pytest.skip(f"no mount namespace here: {done.stderr}")
    return done


@root_only
def test_a_member_who_has_not_logged_in_again(closed):
    path = closed(0o660, C.UID_BOB)
    alice = f"setpriv --reuid {C.UID_ALICE} --regid {C.UID_ALICE} --clear-groups {C.CEKCTL} --socket {path} status"
    passwd = f"root:x:0:0::/:/bin/sh\nalice:x:{C.UID_ALICE}:{C.UID_ALICE}::/:/bin/sh\n"
    for members, told in (("alice", "alice is in group cekd, but not yet in this session: log in again"),
                          ("", "group cekd may: an administrator adds you (usermod -aG cekd alice), then log in again")):
        done = in_own_root(alice, passwd=passwd, group=f"root:x:0:\ncekd:x:{C.UID_BOB}:{members}\n")
        assert done.returncode == 4 and told in done.stderr, done.stderr


@root_only
def test_root_on_the_default_socket(denying):
    """The hint names the socket of the administrators, if there is one where root may do it and nothing else was chosen."""
    path, operator = denying[1], denying[0].config.listeners["operator"]["path"]
    script = f"mkdir /run/cekd\ntouch /run/cekd/cekd.sock\nmount --bind {path} /run/cekd/cekd.sock\n"
    there = f"touch /run/cekd/operations.sock\nmount --bind {operator} /run/cekd/operations.sock\n"
    status = f"env -u CEK_SOCKET {C.CEKCTL} status"
    done = in_own_root(script + there + status)
    assert done.returncode == 4 and "administrators use --socket /run/cekd/operations.sock" in done.stderr, done.stderr
    encrypt = f"env -u CEK_SOCKET {C.CEKCTL} jwe encrypt --key k --enc A128GCM </dev/null"
    for other in (script + status, script + there + f"CEK_SOCKET={path} {C.CEKCTL} status", script + there + encrypt):
        done = in_own_root(other)
        assert done.returncode == 4 and "operations.sock" not in done.stderr and "policy explain" in done.stderr, done.stderr
    assert "policy explain --user root --operation generate --key k --listener nobody" in done.stderr, done.stderr
