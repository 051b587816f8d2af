# SPDX-License-Identifier: Apache-2.0
"""cekctl doctor: a real cekd is brought into each state that keeps a user from an unwrap; the doctor names the step, the one
thing to do next, and ends with the status of that step."""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import threading

import cekd as C
import pytest
from cekd import pb
from test_cekctl_json import check

root_only = pytest.mark.skipif(not C.ROOT, reason="only root can become other users")
CKF_USER_PIN_LOCKED = 0x00040000
CKR_MECHANISM_INVALID, CKR_DEVICE_ERROR = 0x70, 0x30
STEPS = ["socket", "permission", "daemon", "rule", "journal", "token", "PIN", "algorithms", "clock", "disk", "limits", "ready"]


class Found:
    def __init__(self, answer, code):
        self.answer, self.code = answer, code
        self.steps = {step["step"]: step for step in answer["steps"]}
        self.next = answer.get("next", "")

    def outcome(self, step):
        return self.steps[step]["outcome"]

    def text(self, step):
        return self.steps[step]["text"]


def doctor(path, *args, env=None):
    done = C.run([C.CEKCTL, "--socket", path, "doctor", "--json", *args], check=False, env=env)
    answer = check("doctor", done.stdout)
    found = Found(answer, done.returncode)
    failed = [step for step in answer["steps"] if step["outcome"] == "failed"]
    assert answer["well"] == (not failed) == (done.returncode == 0) == ("next" not in answer), answer
    if failed:
        assert answer["error"]["message"] == f"{failed[0]['step']}: {failed[0]['text']}", answer
        assert answer["error"]["exit"] == done.returncode and answer["error"]["hint"] == found.next, answer
    return found


def told(daemon):
    """Status of a cekd that starts: the socket may be there before anybody listens."""
    try:
        return daemon.status()
    except (ConnectionError, FileNotFoundError):
        return pb.StatusReply()


def fails(found, step, code, text, next):
    first = [s["step"] for s in found.answer["steps"] if s["outcome"] == "failed"][:1]
    assert first == [step], found.answer
    assert found.code == code and text in found.text(step) and next in found.next, found.answer


def as_uid(uid, path, *args):
    code, out = C.as_uid(uid, lambda: (lambda done: [done.returncode, done.stdout])(
        C.run([C.CEKCTL, "--socket", path, "doctor", "--json", *args], check=False)))
    return Found(check("doctor", out), code)


def test_all_is_well(shared):
    shared.key("A128KW")
    found = doctor(shared.socket)
    assert list(found.steps)[:len(STEPS)] == STEPS and found.code == 0, found.answer
    assert {found.outcome(step) for step in STEPS} == {"ok"}, found.answer
    found = doctor(shared.socket, "--key", "A128KW")
    assert found.outcome("key") == "ok" and "a CEK was wrapped and unwrapped" in found.text("key")


def test_text(shared, tmp_path):
    """A line a step, then what to do."""
    done = shared.cekctl("doctor")
    lines = done.stdout.splitlines()
    assert lines[0] == f"ok       socket       {shared.socket}" and lines[-1] == "All is well." and done.stderr == ""
    done = C.run([C.CEKCTL, "--socket", tmp_path / "absent", "doctor"], check=False)
    assert done.returncode == 5 and done.stdout.splitlines()[-1].startswith("next: "), done.stdout
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("cekctl: doctor: E_CONNECT: socket: "), done.stderr


def test_no_socket(tmp_path):
    fails(doctor(tmp_path / "absent"), "socket", 5, "there is no such socket", "systemctl start cekd")


def test_nobody_listens(tmp_path):
    path = tmp_path / "stale"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    fails(doctor(path), "socket", 5, "nobody listens", "systemctl start cekd")
    (tmp_path / "file").touch()
    fails(doctor(tmp_path / "file"), "socket", 5, "that is no socket", "name the socket of a cekd")


@root_only
def test_no_permission(make_cekd):
    """The group that may is named; another folder on the way is, too."""
    daemon = make_cekd(start=False)
    daemon.config.listeners["main"] |= {"mode": "0660", "group": "4321"}
    daemon.start()
    found = as_uid(C.UID_BOB, daemon.socket)
    fails(found, "permission", 4, "no permission to open the socket", f"usermod -aG 4321 {C.UID_BOB}")
    assert found.outcome("socket") == "ok"
    daemon.where.chmod(0o700)
    found = as_uid(C.UID_BOB, daemon.socket)
    fails(found, "permission", 4, f"its folder {daemon.where} is closed", "run this as root")
    daemon.where.chmod(0o755)


def test_daemon_that_is_stopped(make_cekd):
    """Connections are taken by the kernel, and nobody reads them."""
    daemon = make_cekd()
    broker = daemon.child("cekd-broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        fails(doctor(daemon.socket, "--timeout", "1s"), "daemon", 5, "has not answered since", "systemctl restart cekd")
    finally:
        os.kill(broker, signal.SIGCONT)


class Fake:
    """A server that answers each frame with what reply(request) gives: bytes, a Reply, or None to hang up."""

    def __init__(self, path, reply):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.reply = reply
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), peer:  # who has heard enough does not wait for the rest
                while self.one(peer):
                    pass

    def one(self, peer):
        head = peer.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return False
        request = pb.Request.FromString(peer.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL))
        reply = self.reply(request)
        if isinstance(reply, pb.Reply):
            reply.id = request.id
            data = reply.SerializeToString()
            reply = struct.pack(">I", len(data)) + data
        if reply is None:
            return False
        peer.sendall(reply)
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(C.PATIENCE)


def test_no_cekd_behind_the_socket(tmp_path):
    with Fake(tmp_path / "s", lambda request: b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        fails(doctor(tmp_path / "s"), "daemon", 1, "does not speak cekd's protocol", "--socket PATH")


def test_cekd_that_cannot_explain(tmp_path):
    """An old one: what an unwrap gives tells as well."""
    def old(request, unwrap):
        kind = request.WhichOneof("op")
        if kind == "unwrap":
            return pb.Reply(status=unwrap, message="no")
        return pb.Reply(status=pb.STATUS_DENIED if kind == "status" else pb.STATUS_UNSUPPORTED, message="no")
    with Fake(tmp_path / "a", lambda request: old(request, pb.STATUS_DENIED)):
        fails(doctor(tmp_path / "a"), "rule", 4, "no rule grants unwrap", "cekctl policy explain --user ")
    with Fake(tmp_path / "b", lambda request: old(request, pb.STATUS_UNKNOWN_KEY)):
        found = doctor(tmp_path / "b")
        assert found.code == 0 and found.outcome("rule") == "ok" and found.outcome("clock") == "skipped"


@root_only
def test_no_rule(make_cekd):
    daemon = make_cekd(rules={"alice": {"users": [C.UID_ALICE], "operations": ["unwrap"], "keys": ["api-*"]},
                              "root": {"users": ["0"], "operations": ["*"], "keys": ["*"]}})
    fails(as_uid(C.UID_BOB, daemon.socket), "rule", 4, f'no rule names uid {C.UID_BOB} at listener "main"',
          f"cekctl policy explain --user {C.UID_BOB} --operation unwrap")
    found = as_uid(C.UID_ALICE, daemon.socket)
    assert found.code == 0 and found.outcome("rule") == "ok", found.answer
    assert [found.outcome(step) for step in STEPS[4:]] == ["skipped"] * len(STEPS[4:-1]) + ["ok"]
    fails(as_uid(C.UID_ALICE, daemon.socket, "--key", "other"), "rule", 4, "on a key of this name", "--key other")
    daemon.key("A128KW", name="api-a")
    found = as_uid(C.UID_ALICE, daemon.socket, "--key", "api-a")
    assert found.code == 0 and found.outcome("key") == "skipped", found.answer


@root_only
def test_operator_who_may_not_unwrap(make_cekd):
    """His cekd is well; that he cannot unwrap is told, and is a failure only if he wants to."""
    daemon = make_cekd(rules={"root": {"users": ["0"], "operations": [o for o in C.OPERATIONS if o != "unwrap"], "keys": ["*"]}})
    found = doctor(daemon.socket)
    assert found.code == 0 and found.outcome("rule") == "warning" and "but not unwrap" in found.text("rule")
    fails(doctor(daemon.socket, "--key", "k"), "rule", 4, "not the operation unwrap", "--key k")


@root_only
def test_user_who_is_not_mapped(shared):
    code, out = C.as_uid(65534, lambda: (lambda done: [done.returncode, done.stdout])(
        C.run([C.CEKCTL, "--socket", shared.socket, "doctor", "--json"], check=False)))
    found = Found(check("doctor", out), code)
    fails(found, "rule", 4, "namespace", "user namespace of cekd")


def without_workers(daemon):
    C.wait_for(lambda: not daemon.workers(), "the workers to go")


def test_token_away(make_cekd):
    daemon = make_cekd()
    away = daemon.token.where / "away"
    daemon.token.tokens.rename(away)
    for pid in daemon.workers().values():
        os.kill(pid, signal.SIGKILL)
    without_workers(daemon)
    C.wait_for(lambda: "token: " in daemon.status().why_not_ready or "module: " in daemon.status().why_not_ready,
               "the reason")
    found = doctor(daemon.socket)
    fails(found, "token", 5, "", "cekd --check")
    assert found.outcome("PIN") == "skipped" and found.outcome("ready") == "skipped"
    daemon.stop()
    daemon.spawn()
    C.wait_for(lambda: daemon.cekctl("key", "list", check=False).returncode == 0, "cekd to answer")
    shown = daemon.cekctl("status").stdout
    assert "token:            not seen so far" in shown and "serial" not in shown and "HOW" not in shown, shown
    away.rename(daemon.token.tokens)
    daemon.wait_ready()
    assert doctor(daemon.socket).code == 0


def wrong_pin(daemon):
    pin = daemon.where / "pin"
    pin.write_text("0000")
    pin.chmod(0o400)
    daemon.config.options["pin_file"] = str(pin)
    return pin


@pytest.mark.parametrize("keys", [0, 1])
def test_wrong_pin(make_cekd, keys):
    """With an empty journal, too, which asks the token first."""
    daemon = make_cekd()
    good = daemon.config.options["pin_file"]
    if keys:
        daemon.key("A128KW")
    daemon.stop()
    pin = wrong_pin(daemon)
    daemon.spawn()
    C.wait_for(lambda: "no further login is tried" in daemon.log_text(), "the login to fail")
    C.wait_for(lambda: "PIN" in daemon.status().why_not_ready, "Status to tell it")
    fails(doctor(daemon.socket), "PIN", 5, "PIN: the token says CKR_PIN_INCORRECT", "write the right PIN to the pin-file")
    pin.chmod(0o600)
    pin.write_text(open(good).read())
    daemon.wait_ready()
    assert doctor(daemon.socket).code == 0


def test_no_pin_file(make_cekd):
    """Before the first login; it is noticed when it comes."""
    daemon = make_cekd(start=False)
    good = daemon.config.options["pin_file"]
    pin = daemon.where / "no-pin"
    daemon.config.options["pin_file"] = str(pin)
    daemon.spawn()
    C.wait_for(lambda: "PIN" in told(daemon).why_not_ready, "Status to tell it")
    fails(doctor(daemon.socket), "PIN", 5, f"pin-file {pin} cannot be used: No such file", "write the PIN into that file")
    shutil.copy2(good, pin)
    daemon.wait_ready()
    assert doctor(daemon.socket).code == 0


@root_only
def test_token_away_for_whom_sees_nothing(make_cekd):
    """No rule grants status: that cekd does not serve is told all the same, as an unwrap would."""
    daemon = make_cekd(rules={
        "all": {"users": [str(os.geteuid())], "operations": C.OPERATIONS, "keys": ["*"]},
        "gateway": {"users": [str(C.UID_ALICE)], "operations": ["unwrap"], "keys": ["*"]}})
    found = as_uid(C.UID_ALICE, daemon.socket)
    assert found.code == 0 and found.outcome("ready") == "ok" and found.outcome("token") == "skipped", found.answer
    away = daemon.token.where / "away"
    daemon.token.tokens.rename(away)
    for pid in daemon.workers().values():
        os.kill(pid, signal.SIGKILL)
    without_workers(daemon)
    fails(as_uid(C.UID_ALICE, daemon.socket), "ready", 5, "does not serve", "tell an administrator")
    away.rename(daemon.token.tokens)
    daemon.wait_ready()
    assert as_uid(C.UID_ALICE, daemon.socket).code == 0


class Shim:
    """A module between worker and SoftHSM that does what the test says (tests/token/shim.h)."""

    def __init__(self, daemon):
        module, self.page = daemon.where / "cekd-shim.so", daemon.where / "shim"
        shutil.copy2(C.BUILD / "tests" / "token" / "cekd-shim.so", module)
        module.chmod(0o755)
        self.set()
        daemon.config.options["module"] = str(module)
        daemon.config.options["module_environment"] += [f"CEKD_SHIM={self.page}", f"CEKD_SHIM_MODULE={C.MODULE}"]

    def set(self, function="", rv=0, token_flags=0):
        """copies, function, rv, times (always), skip, hangs, token_flags."""
        text = struct.pack("=i32s4xQiii4xQ", 0, function.encode(), rv, -1 if function else 0, 0, 0, token_flags)
        self.page.write_bytes(text.ljust(4096, b"\0"))
        self.page.chmod(0o666)


def test_pin_locked(make_cekd):
    daemon = make_cekd(start=False)
    Shim(daemon).set(token_flags=CKF_USER_PIN_LOCKED)
    daemon.spawn()
    C.wait_for(lambda: "no further login is tried" in daemon.log_text(), "the login to be left")
    C.wait_for(lambda: "PIN" in daemon.status().why_not_ready, "Status to tell it")
    fails(doctor(daemon.socket), "PIN", 5, "the token has locked it", "security officer")


@pytest.mark.parametrize("rv, code, text", [(CKR_MECHANISM_INVALID, 1, "the token cannot do A256GCMKW, which key g needs"),
                                            (CKR_DEVICE_ERROR, 5, "is not known yet")], ids=["unavailable", "untried"])
def test_algorithm(make_cekd, rv, code, text):
    """Of the keys that there are; the named one may need another."""
    daemon = make_cekd(start=False)
    shim = Shim(daemon)
    daemon.start()
    daemon.key("A256GCMKW", name="g")
    daemon.key("RSA-OAEP", name="r")
    daemon.stop()
    shim.set("C_GenerateKey", rv)
    daemon.spawn()
    C.wait_for(lambda: [worker.state for worker in told(daemon).worker if worker.kind == "use"] == ["ready", "ready"], "the workers")
    fails(doctor(daemon.socket), "algorithms", code, text, "cekctl status")
    assert doctor(daemon.socket, "--key", "r").outcome("algorithms") == "ok"
    fails(doctor(daemon.socket, "--key", "g"), "algorithms", code, text, "cekctl status")


def test_journal_that_waits_for_a_confirmation(make_cekd):
    daemon = make_cekd()
    daemon.key("A128KW")
    daemon.stop()
    shutil.copy2(daemon.keys, daemon.where / "copy")
    daemon.keys.unlink()
    shutil.copy2(daemon.where / "copy", daemon.keys)
    daemon.spawn()
    C.wait_for(lambda: "restored journal" in told(daemon).why_not_ready, "the refusal")
    fails(doctor(daemon.socket), "journal", 5, "restored journal", "cekctl restore show")


@pytest.mark.parametrize("name", ["keys", "audit"])
def test_journal_that_does_not_write(make_cekd, name):
    daemon = make_cekd()
    path = getattr(daemon, name)
    path.rename(daemon.where / "elsewhere")
    C.wait_for(lambda: "moved away" in daemon.status().journal + daemon.status().audit, "the journal to notice")
    fails(doctor(daemon.socket), "journal", 5, "was moved away while cekd runs: move it back", "journalctl -u cekd")
    (daemon.where / "elsewhere").rename(path)
    daemon.wait_ready()
    assert doctor(daemon.socket).code == 0


@pytest.mark.parametrize("seconds, word", [(3600, "ahead of"), (-3600, "behind")])
def test_clock(make_cekd, seconds, word):
    daemon = make_cekd(page=True)
    daemon.page.shift(seconds)
    found = doctor(daemon.socket)
    fails(found, "clock", 1, f" {word} this one", "set the clock")
    assert re.match(r"cekd's clock is (1 hour|59 minutes)( \d+ seconds?)? ", found.text("clock")), found.text("clock")


@root_only
def test_disk(make_cekd):
    """A small file system for the state directory."""
    daemon = make_cekd(start=False)
    command = daemon.command()
    script = 'mount -t tmpfs -o size=8m,mode=0711 tmpfs "$0" && exec "$@"'
    daemon.command = lambda: ["unshare", "-m", "sh", "-c", script, daemon.state, *command]
    daemon.start()
    C.wait_for(lambda: daemon.status().HasField("state_free"), "the journal to have looked")
    assert 0 < daemon.status().state_free < 8 << 20
    fails(doctor(daemon.socket), "disk", 1, "MiB are left for the journals", "make room")


@root_only
@pytest.mark.skipif(C.sanitized(), reason="a sanitizer locks no memory")
def test_limits(make_cekd):
    """Not what stops an unwrap: a warning."""
    daemon = make_cekd(start=False, limits={"connections": 2000})
    command = daemon.command()
    daemon.command = lambda: ["setpriv", "--bounding-set", "-sys_resource,-ipc_lock", "--inh-caps", "-all", *command]

    def less():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    daemon.preexec = less
    daemon.start()
    found = doctor(daemon.socket)
    limits = [step for step in found.answer["steps"] if step["step"] == "limits"]
    assert found.code == 0 and {step["outcome"] for step in limits} == {"warning"}, found.answer
    assert {"LimitMEMLOCK" in step["text"] for step in limits} == {True, False}
    assert any("connections, not for 2000: raise LimitNOFILE" in step["text"] for step in limits)


def test_key(make_cekd):
    """No usable version, each with what brings one back."""
    daemon = make_cekd()
    daemon.key("A128KW", name="k")
    kid = daemon.json("key", "show", "k")["versions"][0]["kid"]
    absent = doctor(daemon.socket, "--key", "absent")
    fails(absent, "key", 3, "", "name another key: the keys that you may see: ")
    assert not [step for step in absent.answer["steps"] if "no key needs" in step["text"]]  # k does
    done = daemon.cekctl("doctor", "--key", "no name", check=False)
    assert done.returncode == 2 and '"no name"' in done.stderr and not done.stdout
    daemon.cekctl("key", "suspend", kid)
    fails(doctor(daemon.socket, "--key", "k"), "key", 1, "", "cekctl key resume k/1, if")
    daemon.cekctl("key", "resume", kid)
    assert doctor(daemon.socket, "--key", "k").code == 0
    daemon.cekctl("key", "compromise", kid)
    fails(doctor(daemon.socket, "--key", "k"), "key", 1, "", "cekctl key rotate k")


def test_key_whose_object_is_missing(make_cekd):
    daemon = make_cekd()
    daemon.key("A128KW", name="k")
    hidden = [path for path in daemon.token.tokens.glob("*/*.object") if path.name != "token.object"]
    for path in hidden:
        path.rename(path.with_suffix(".away"))
    C.wait_for(lambda: doctor(daemon.socket, "--key", "k").code == 1 and daemon.status().warning, "the object to be missed")
    fails(doctor(daemon.socket, "--key", "k"), "key", 1, "", "cekctl fsck")


def test_nothing_secret_is_shown(shared):
    """The CEK that was tried stands nowhere."""
    shared.key("A128KW")
    out = json.dumps(doctor(shared.socket, "--key", "A128KW").answer)
    assert '"cek"' not in out and "encrypted_key" not in out
