# SPDX-License-Identifier: Apache-2.0
"""SIGUSR2: cekd hands over to the program that is installed, and nobody who asks for a CEK notices."""

import os
import shutil
import signal
import subprocess
import threading
import time

import cekd as C
import pytest
from cekd import pb, status_name

LOAD = C.BUILD / "tests" / "e2e" / "load"
pytestmark = pytest.mark.skipif("CEKD_WRAP" in os.environ, reason="valgrind does not know CLONE_PARENT")


def hand_over(daemon, wait=True):
    """Ask for it; wait until READY=1 ends it."""
    drain(daemon)
    daemon.process.send_signal(signal.SIGUSR2)
    if wait:
        daemon.wait_notified("RELOADING=1")
        daemon.wait_notified("READY=1")


def begins(daemon):
    """Ask for it; whether it has begun. While a part of it is being started again cekd refuses."""
    def told(what):
        return daemon.log_text().count(what)
    drain(daemon)
    begun, refused = told("handing over to"), told("no hand-over")
    daemon.process.send_signal(signal.SIGUSR2)
    C.wait_for(lambda: told("handing over to") > begun or told("no hand-over") > refused, "an answer to SIGUSR2")
    return told("handing over to") > begun


def drain(daemon):
    """Forget what the service manager was told so far."""
    daemon.notify.setblocking(False)
    try:
        while True:
            daemon.notify.recv(4096)
    except BlockingIOError:
        pass


def pids(daemon):
    return {pid for found in daemon.children().values() for pid in found}


class Load:
    """Gateways with libcek (load.c) that unwrap without rest."""

    def __init__(self, daemon, made, connections=4, depth=8, timeout_ms=10000, enc="A256GCM"):
        self.connections = connections + 1  # with the one that waits for each answer
        command = [LOAD, made.kid, made.alg, enc, connections, depth, timeout_ms]
        self.process = subprocess.Popen([str(a) for a in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=os.environ | {"CEK_SOCKET": daemon.socket})
        self.process.stdin.write(made.encrypted_key.hex() + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "started\n"

    def stop(self):
        """(unwraps that were OK, that were not, the longest stall in seconds, the first status that was not OK)"""
        out, _ = self.process.communicate(timeout=C.PATIENCE)
        assert self.process.returncode == 0
        ok, failed, stall, status = out.split()
        return int(ok), int(failed), int(stall) / 1e6, status


def test_it_hands_over(make_cekd):
    """The same process and socket, new children, the same keys; a connection that was open ends in order."""
    daemon = make_cekd()
    inode = os.stat(daemon.socket).st_ino
    before = pids(daemon)
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
        hand_over(daemon)
        client.wait_closed()
    assert daemon.process.poll() is None and os.stat(daemon.socket).st_ino == inode
    C.wait_for(lambda: not before & pids(daemon), "the old children to end")
    assert sorted(daemon.children()) == ["cekd-broker", "cekd-journal", "cekd-token"]
    daemon.wait_ready()
    with daemon.client() as client:
        assert client.unwrap(made).unwrap.cek == made.cek
        assert client.generate("A256KW").kid == made.kid
    hand_over(daemon)
    with daemon.client() as client:
        assert client.unwrap(made).unwrap.cek == made.cek
    for path in (daemon.keys, daemon.audit):
        daemon.cekctl("audit", "verify", path)
    daemon.stop()
    assert not os.path.exists(daemon.socket)


class PlainClient(threading.Thread):
    """Python without libcek, as PROTOCOL.md tells: an EPIPE means that nothing of the request has come to cekd."""

    def __init__(self, daemon, made):
        super().__init__()
        self.daemon_ = daemon
        self.made = made
        self.over = False
        self.answered, self.reconnects, self.error, self.stall = 0, 0, None, 0.0

    def run(self):
        try:
            client = self.daemon_.client()
            while not self.over:
                began = time.monotonic()
                try:
                    reply = client.unwrap(self.made)
                except BrokenPipeError:
                    assert client.wait_closed() == []
                    client.close()
                    client = self.daemon_.client()
                    self.reconnects += 1
                    continue
                assert reply.unwrap.cek == self.made.cek, reply
                self.answered += 1
                self.stall = max(self.stall, time.monotonic() - began)
            client.close()
        except BaseException as error:
            self.error = error

    def stop(self):
        self.over = True
        self.join(C.PATIENCE)
        assert self.error is None, repr(self.error)


@pytest.mark.long
def test_nothing_is_lost_under_load(make_cekd):
    """Twenty in a row, under load: each unwrap is answered, none was asked for twice by a client that does not repeat, and
    the audit journal has each. The longest stall is printed; its bound here is for a machine that is busy otherwise."""
    daemon = make_cekd(workers=2)
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
        slow = client.generate(daemon.key("RSA-OAEP-256"))
    loads = [Load(daemon, made), Load(daemon, slow)]
    plain = PlainClient(daemon, made)
    plain.start()
    for _ in range(20):
        before = daemon.child("cekd-broker")
        hand_over(daemon)
        assert daemon.child("cekd-broker") != before
    plain.stop()
    results = [load.stop() for load in loads]
    print(f"20 hand-overs: {results}; plain client {plain.answered} answers, {plain.reconnects} connections more, "
          f"longest stall {plain.stall:.3f} s")
    for ok, failed, stall, status in results:
        assert failed == 0, status
        assert ok > 100 and stall < 10
    assert plain.answered > 20 and 10 < plain.reconnects <= 20
    daemon.stop()
    records = [r for r in daemon.audit_records() if r.get("op") == "unwrap"]
    assert all(r["status"] == "OK" for r in records)
    # What libcek has repeated stands there twice: nothing, since the old broker answers all that it was sent.
    assert len(records) == sum(r[0] for r in results) + plain.answered
    for path in (daemon.keys, daemon.audit):
        daemon.cekctl("audit", "verify", path)


def refused(daemon, why):
    C.wait_for(lambda: why in daemon.log_text(), f"the log to say: {why}\n{daemon.log_text()}")


def given_up(daemon, why, count=1):
    refused(daemon, why)
    C.wait_for(lambda: daemon.log_text().count("the hand-over is given up: ") >= count, "it to be given up")
    daemon.wait_notified("READY=1")


def check(daemon, made):
    daemon.wait_ready()
    with daemon.client() as client:
        assert client.unwrap(made).unwrap.cek == made.cek
        assert client.generate("A256KW").kid == made.kid
    for path in (daemon.keys, daemon.audit):
        daemon.cekctl("audit", "verify", path)


def own_programs():
    programs = C.folder("cekd-hand-over-")
    for name in C.PROGRAMS:
        shutil.copy2(C.default_programs() / name, programs / name)
    return programs


def replace(path, text):
    """As a package manager does: a new file under the old name."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o755)
    new.rename(path)


@pytest.mark.parametrize("name", C.PROGRAMS)
@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "no program\n"])
def test_broken_program(make_cekd, name, text):
    """The old generation goes on, and what dies of it is started from the programs that it was started with."""
    programs = own_programs()
    try:
        daemon = make_cekd(programs=programs)
        with daemon.client() as client:
            made = client.generate(daemon.key("A256KW"))
            before = pids(daemon)
            good = programs / "good"
            shutil.copy2(programs / name, good)
            replace(programs / name, text)
            hand_over(daemon)
            assert "the hand-over is given up: " in daemon.log_text()
            assert client.unwrap(made).unwrap.cek == made.cek  # on the connection of before
        assert before <= pids(daemon)
        if name != "cekd":
            daemon.kill_child(name)
        check(daemon, made)
        good.rename(programs / name)
        before = pids(daemon)
        hand_over(daemon)
        C.wait_for(lambda: not before & pids(daemon), "the old children to end")
        check(daemon, made)
        daemon.stop()
    finally:
        shutil.rmtree(programs)


def test_configuration_is_read_anew(make_cekd):
    """Also what SIGHUP cannot change; a faulty one, or another state directory, is refused with the reason."""
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
    text = daemon.conf.read_text()
    daemon.conf.write_text(text + "nonsense = 1\n")
    hand_over(daemon)
    given = daemon.log_text()
    assert "the hand-over is given up: " in given and "nonsense" in given
    check(daemon, made)
    daemon.conf.write_text(text.replace(str(daemon.state), str(daemon.where / "elsewhere")))
    hand_over(daemon)
    assert "state-directory has changed: that needs a restart" in daemon.log_text()
    assert not (daemon.where / "elsewhere").exists()
    check(daemon, made)
    other = daemon.where / "other.sock"
    daemon.config.options["workers"] = 3
    daemon.config.listeners["other"] = {"path": str(other), "mode": "0600"}
    daemon.conf.write_text(daemon.config.text())
    hand_over(daemon)
    check(daemon, made)
    C.wait_for(lambda: len(daemon.workers()) == 3, "three workers")
    with daemon.client("other") as client:
        assert client.call(status=pb.StatusRequest()).status == pb.STATUS_OK
    assert other.stat().st_mode & 0o777 == 0o600
    daemon.config.listeners["other"]["mode"] = "0660"
    daemon.conf.write_text(daemon.config.text())
    hand_over(daemon)
    assert other.stat().st_mode & 0o777 == 0o660
    del daemon.config.listeners["other"]
    daemon.conf.write_text(daemon.config.text())
    hand_over(daemon)
    assert not other.exists()
    check(daemon, made)


def test_wrong_pin_is_tried_once(make_cekd):
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
    right = daemon.token.pin_file.read_text()
    daemon.token.pin_file.chmod(0o600)
    daemon.token.pin_file.write_text("000000000")
    hand_over(daemon)
    tried = "cekd-token: PIN: the token says CKR_PIN_INCORRECT"
    assert daemon.log_text().count(tried) == 1
    check(daemon, made)
    daemon.process.send_signal(signal.SIGUSR2)
    refused(daemon, "no hand-over: no login is tried after a wrong PIN")
    assert daemon.log_text().count(tried) == 1
    daemon.token.pin_file.write_text(right)
    daemon.process.send_signal(signal.SIGHUP)
    C.wait_for(lambda: "rules and limits are in force" in daemon.log_text(), "SIGHUP to be seen to")
    before = pids(daemon)
    hand_over(daemon)
    C.wait_for(lambda: not before & pids(daemon), "the old children to end")
    check(daemon, made)


def test_second_one_is_refused(make_cekd):
    daemon = make_cekd(page=True)
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
    daemon.page.arm("take-over.standing-by")
    hand_over(daemon, wait=False)
    C.wait_for(daemon.page.hit, "the heir to stand by")
    daemon.process.send_signal(signal.SIGUSR2)
    refused(daemon, "no hand-over: one is under way already")
    daemon.process.send_signal(signal.SIGHUP)  # for both generations
    told = "cekd: rules and limits are in force"
    C.wait_for(lambda: daemon.log_text().count(told) == 1, "SIGHUP to be seen to")
    daemon.page.disarm()
    daemon.wait_notified("READY=1")
    C.wait_for(lambda: daemon.log_text().count(told) == 2, "it to be told once more")
    check(daemon, made)


def newest(daemon, name, before):
    return next((pid for pid in daemon.children().get(name, []) if pid not in before), None)


VICTIMS = {"take-over.standing-by": ["cekd", "cekd-broker", "cekd-journal", "cekd-token"],
           "journal.standing-by": ["cekd", "cekd-journal"],
           "hand-over.standing-by": ["cekd", "cekd-broker", "cekd-token"],
           "hand-over.going": ["cekd", "cekd-broker", "cekd-journal", "cekd-token"],
           "take-over.going": ["cekd", "cekd-broker", "cekd-journal"],
           "journal.taking-over": ["cekd", "cekd-broker", "cekd-journal"],
           "take-over.serving": ["cekd", "cekd-broker", "cekd-journal", "cekd-token"],
           "take-over.passed-on": ["cekd", "cekd-broker"],
           "hand-over.serving": ["cekd-broker", "cekd-journal"]}


@pytest.mark.long
@pytest.mark.parametrize("step, victim", [
    pytest.param(step, victim, marks=[] if victim == VICTIMS[step][n % len(VICTIMS[step])] else pytest.mark.slow)
    for n, step in enumerate(VICTIMS) for victim in VICTIMS[step]])
def test_killed_at_each_step(make_cekd, step, victim):
    """Of the new generation: whoever serves afterwards, no unwrap fails, and the next hand-over succeeds."""
    daemon = make_cekd(page=True)
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
    load = Load(daemon, made, connections=2, depth=4, timeout_ms=60000)
    before = {pid for found in daemon.children().values() for pid in found}
    daemon.page.arm(step)
    hand_over(daemon, wait=False)
    C.wait_for(daemon.page.hit, f"a process to stop at {step}")
    pid = C.wait_for(lambda: newest(daemon, victim, before), f"the new {victim}")
    os.kill(pid, signal.SIGKILL)
    daemon.page.disarm()
    daemon.wait_notified("READY=1")
    check(daemon, made)
    ok, failed, stall, status = load.stop()
    # What a worker was executing when it was killed is not tried on another one.
    assert failed == 0 or (victim == "cekd-token" and (failed, status) == (1, "UNAVAILABLE")), (failed, status)
    before = pids(daemon)
    C.wait_for(lambda: begins(daemon), "the next hand-over to begin")
    daemon.wait_notified("READY=1")
    C.wait_for(lambda: not before & pids(daemon), "the old children to end")
    check(daemon, made)


@pytest.mark.parametrize("step", ["take-over.standing-by", "hand-over.standing-by", "hand-over.going", "take-over.going",
                                  "take-over.passed-on", "hand-over.serving"])
def test_stop_meanwhile(make_cekd, step):
    """SIGTERM at any moment is an orderly stop."""
    daemon = make_cekd(page=True)
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
    daemon.page.arm(step)
    hand_over(daemon, wait=False)
    C.wait_for(daemon.page.hit, f"a process to stop at {step}")
    everyone = pids(daemon)
    daemon.process.send_signal(signal.SIGTERM)
    daemon.page.disarm()
    daemon.stop()
    C.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in everyone), "everyone to end")
    assert not os.path.exists(daemon.socket)
    daemon.start()
    check(daemon, made)


@pytest.mark.parametrize("step", ["take-over.standing-by", "hand-over.going", "journal.taking-over", "take-over.passed-on"])
def test_killed_parent(make_cekd, step):
    """Both generations end with it; the next start serves the same keys."""
    daemon = make_cekd(page=True)
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
    daemon.page.arm(step)
    hand_over(daemon, wait=False)
    C.wait_for(daemon.page.hit, f"a process to stop at {step}")
    daemon.kill()
    daemon.start()
    check(daemon, made)


def test_during_a_rotation(make_cekd):
    """A key that is being made is waited for, and meanwhile cekd serves."""
    daemon = make_cekd(page=True)
    with daemon.client() as client, daemon.client() as other:
        made = client.generate(daemon.key("A256KW"))
        daemon.page.arm("manage.generate.after")
        id = client.send(rotate_key=pb.RotateKeyRequest(key="A256KW", active_kid=made.kid))
        C.wait_for(daemon.page.hit, "the manage worker to have generated")
        drain(daemon)
        daemon.process.send_signal(signal.SIGUSR2)
        C.wait_for(lambda: "the new processes stand by" in daemon.log_text(), "the heir to stand by")
        for _ in range(20):
            assert other.unwrap(made).unwrap.cek == made.cek
        daemon.page.disarm()
        assert status_name(client.reply(id)) == "OK"
        daemon.wait_notified("READY=1")
    daemon.wait_ready()
    with daemon.client() as client:
        key = client.ok(describe_key=pb.DescribeKeyRequest(key="A256KW")).key.key
        assert [v.state for v in key.version] == [pb.STATE_DEACTIVATED, pb.STATE_ACTIVE]
        assert client.unwrap(made).unwrap.cek == made.cek
        assert not client.ok(fsck=pb.FsckRequest()).fsck.finding


def test_killed_broker_fails_nothing(make_cekd):
    """Without a hand-over: of 32 in flight none fails, since libcek asks once more."""
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
    load = Load(daemon, made, connections=1, depth=32, timeout_ms=60000)
    for _ in range(3):
        time.sleep(0.2)  # for the load to be under way, not for anything to be ready
        daemon.kill_child("cekd-broker")
    ok, failed, stall, status = load.stop()
    print(f"killed broker: {ok} unwraps, longest stall {stall:.3f} s")
    assert failed == 0, status


@pytest.mark.parametrize("activated", [False, True])
def test_restart_fails_nothing(make_cekd, activated):
    """A plain restart, with a socket that the service manager holds and without: gateways wait a little longer."""
    daemon = make_cekd(start=False)
    listener = None
    if activated:
        listener = C.socket.socket(C.socket.AF_UNIX, C.socket.SOCK_STREAM)
        listener.bind(daemon.socket)
        os.chmod(daemon.socket, 0o666)
        listener.listen(128)
        name = next(iter(daemon.config.listeners))
        command = daemon.command

        def with_listener():
            script = f'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={name} exec "$@"'
            return ["/bin/sh", "-c", script, "sh", *command()]
        daemon.command = with_listener
        daemon.preexec = lambda: os.dup2(listener.fileno(), 3)
        daemon.pass_fds = (3,)
    daemon.start()
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
    load = Load(daemon, made, timeout_ms=60000)
    for _ in range(3):
        daemon.restart()
        with daemon.client() as client:  # those that waited have had their turn: no request is repeated twice
            C.wait_for(lambda: client.ok(status=pb.StatusRequest()).status_reply.connections > load.connections, "all to be there again")
            for _ in range(200):
                assert client.unwrap(made).unwrap.cek == made.cek
    ok, failed, stall, status = load.stop()
    print(f"restart, activated={activated}: {ok} unwraps, longest stall {stall:.3f} s")
    assert failed == 0, status
    daemon.stop()
    if listener:
        listener.close()
