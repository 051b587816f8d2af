# SPDX-License-Identifier: Apache-2.0
"""A part of cekd that is there and does nothing: for how long whom it hurts. `pytest -s` prints the table."""

import collections
import contextlib
import os
import pathlib
import re
import signal
import threading
import time

import cekd as C
import pytest
from cekd import pb, status_name

pytestmark = [pytest.mark.long,
              pytest.mark.skipif("CEKD_WRAP" in os.environ, reason="under valgrind everything is too slow to be judged")]

HANG, CALL = 2, 3  # seconds of the configuration
# No worker is replaced for another reason: a sanitizer keeps freed memory.
OPTIONS = {"hang_seconds": HANG, "call_timeout": CALL, "worker_memory": 65536}
# What nobody may have to wait for, under a load of 20: the bound and a call are told by a clock that such a load slows down.
PAUSE = 45
PAIRS = ("broker journal", "broker use0", "journal use0", "use0 use1", "broker manage", "journal manage")


def pid_of(daemon, part):
    if part in ("broker", "journal"):
        return daemon.child(f"cekd-{part}")
    kind, index = ("manage", 0) if part == "manage" else ("use", int(part[-1]))
    return C.wait_for(lambda: daemon.workers(kind).get(index), f"{part} to run")


def key_is_made(daemon, name):
    with daemon.client() as client:
        return status_name(client.call(create_key=pb.CreateKeyRequest(key=name, alg="A128KW")))


class Gateway(threading.Thread):
    """Asks for one thing after the other, on a new connection when the old one is closed."""

    def __init__(self, daemon, ask):
        super().__init__(daemon=True)
        self.path, self.ask = daemon.socket, ask
        self.over = threading.Event()
        self.statuses = collections.Counter()
        self.closed = 0
        self.wrong = 0
        self.began = None  # the question that is open
        self.pauses = []

    def run(self):
        client = None
        while not self.over.is_set():
            self.began = self.began or time.monotonic()
            try:
                client = client or C.Client(self.path)
                reply, good = self.ask(client)
            except (ConnectionError, FileNotFoundError, OSError):
                self.closed += client is not None
                client = None
                continue
            self.statuses[status_name(reply)] += 1
            self.wrong += not good
            if status_name(reply) == "OK":
                self.pauses.append(time.monotonic() - self.began)
                self.began = None
        if client:
            client.close()

    def pause(self):
        """The longest time without an answer that was OK since it was asked last."""
        pauses, self.pauses = self.pauses, []
        return max(pauses, default=0)


class Load:
    """Gateways that unwrap, and one who asks for Status and Metrics."""

    def __init__(self, daemon, n=4):
        with daemon.client() as client:
            made = client.generate(daemon.key("A256KW"))

            def unwrap(client):
                reply = client.call(deadline_ms=60000, unwrap=client.unwrap_request(made))
                return reply, status_name(reply) != "OK" or reply.unwrap.cek == made.cek

            def look(client):
                client.ok(metrics=pb.MetricsRequest())
                return client.call(status=pb.StatusRequest()), True
        self.daemon = daemon
        self.gateways = [Gateway(daemon, unwrap) for _ in range(n)]
        self.watcher = Gateway(daemon, look)
        for thread in [*self.gateways, self.watcher]:
            thread.start()

    def each_answered(self):
        """Wait until each has had one more answer that was OK."""
        before = [gateway.statuses["OK"] for gateway in self.gateways]
        C.wait_for(lambda: all(g.statuses["OK"] > b for g, b in zip(self.gateways, before)), "an answer for each")

    def pauses(self):
        self.each_answered()
        return max(gateway.pause() for gateway in self.gateways), self.watcher.pause()

    def stop(self):
        for thread in [*self.gateways, self.watcher]:
            thread.over.set()
        for thread in [*self.gateways, self.watcher]:
            thread.join(C.PATIENCE)
            assert not thread.is_alive()

    def total(self):
        return sum((gateway.statuses for gateway in self.gateways), collections.Counter())

    def closed(self):
        return sum(gateway.closed for gateway in self.gateways)


def served_as_before(daemon, load):
    """After the load: what was answered was written down, and no CEK was another one's."""
    load.stop()
    assert all(gateway.wrong == 0 for gateway in load.gateways)
    daemon.stop()
    written = collections.Counter(r["status"] for r in daemon.audit_records() if r["op"] == "unwrap")
    for status, n in load.total().items():
        assert n <= written[status] <= n + load.closed(), (status, load.total(), written, load.closed())
    daemon.cekctl("audit", "verify", daemon.audit)
    daemon.cekctl("audit", "verify", daemon.keys)


def row(table, case, number, unwraps, looks, load, before):
    failed = load.total() - before
    del failed["OK"]
    table.append(f"{number.name:8} {case:16} {unwraps:9.2f} s {looks:11.2f} s   "
                 + (", ".join(f"{n} {status}" for status, n in sorted(failed.items())) or "none"))


def hurt(daemon, load, parts, number, table):
    """Stop or kill these parts, and see that they are replaced and nobody else is."""
    if "manage" in parts:
        assert key_is_made(daemon, f"k{len(table)}-{number}") == "OK"
    case = " and ".join(parts)
    victims = {part: pid_of(daemon, part) for part in parts}
    bystanders = {pid for pids in daemon.children().values() for pid in pids} - set(victims.values())
    load.pauses()
    before = load.total()
    for pid in victims.values():
        os.kill(pid, number)
    if "manage" in parts:
        assert key_is_made(daemon, f"m{len(table)}-{number}") in ("OK", "UNAVAILABLE")
    for part, pid in victims.items():
        C.wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), f"the end of {part}")
    daemon.wait_ready()
    unwraps, looks = load.pauses()
    row(table, case, number, unwraps, looks, load, before)
    now = {pid for pids in daemon.children().values() for pid in pids}
    if "broker" not in parts:  # with it all workers go
        assert bystanders <= now, case
        assert looks < PAUSE
    assert unwraps < PAUSE


def show(table):
    print("\nsignal   whom             unwraps pause  Status pauses   answers that were not OK")
    print("\n".join(table))


def run_cases(daemon, cases):
    table = []
    load = Load(daemon)
    for parts, number in cases:
        hurt(daemon, load, parts.split(), number, table)
    assert key_is_made(daemon, "afterwards") == "OK"
    show(table)
    served_as_before(daemon, load)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_alone(make_cekd, number):
    daemon = make_cekd(**OPTIONS)
    run_cases(daemon, [(part, number) for part in ("broker", "journal", "use0", "use1", "manage")])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("cases", [PAIRS[:3], PAIRS[3:]])
def test_in_pairs(make_cekd, cases):
    daemon = make_cekd(**OPTIONS)
    run_cases(daemon, [(parts, signal.SIGSTOP) for parts in cases])


def processes(daemon):
    return sorted(pid for pids in daemon.children().values() for pid in pids)


def test_a_machine_that_was_stopped(make_cekd):
    """All processes for longer than the bound: nobody is taken for one who hangs. A worker's own alarm, call-timeout, does
    not know that it was stopped, and is longer here."""
    daemon = make_cekd(**OPTIONS | {"call_timeout": 60})
    load = Load(daemon)
    for order in (1, -1):
        load.each_answered()
        before = [daemon.process.pid, *processes(daemon)][::order]
        for pid in before:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(2 * HANG + 1)
        for pid in before:
            os.kill(pid, signal.SIGCONT)
        load.each_answered()
        daemon.wait_ready()
        assert [daemon.process.pid, *processes(daemon)][::order] == before
    assert "killed" not in daemon.log_text()
    served_as_before(daemon, load)


def metric(client, name):
    text = client.ok(metrics=pb.MetricsRequest()).metrics.text
    return float(re.search(rf"^{name} (.*)$", text, re.M).group(1))


def test_status_does_not_wait_for_the_journal(make_cekd):
    """Also on a connection whose replies wait for their records, and when the pair is full; and it says what is wrong."""
    daemon = make_cekd(hang_seconds=12)
    journal = daemon.child("cekd-journal")
    refused = pb.WrapRequest(key="none" * 15, enc="A128GCM", cek=bytes(16))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.client()) for _ in range(4)]
        client, other = clients[:2]
        assert metric(client, "cekd_late_processes") == 0
        os.kill(journal, signal.SIGSTOP)
        waiting = [(who, who.send(wrap=refused)) for _ in range(6000) for who in clients]
        for who in clients:
            who.ok(status=pb.StatusRequest())
        status = C.wait_for(lambda: (s := other.ok(status=pb.StatusRequest()).status_reply) and not s.ready and s,
                            "Status to say what is wrong")
        assert "the journal does not answer since 20" in status.why_not_ready
        row = next(process for process in status.process if process.kind == "journal")
        assert (row.pid, row.late) == (journal, True)
        assert row.owes_ms >= 3000
        assert metric(client, "cekd_late_processes") == 1
        assert metric(client, "cekd_oldest_record_seconds") >= 3
        assert metric(client, "cekd_ready") == 0
        assert metric(client, "cekd_audit_unacknowledged_bytes") > 2 << 20  # more than the pair holds
        shown = [line.split() for line in daemon.cekctl("status").stdout.splitlines()]
        assert ["journal", "NO", str(journal)] in [line[:3] for line in shown]
        row = next(process for process in daemon.json("status")["processes"] if process["kind"] == "journal")
        assert row["late"] and row["owes_ms"] >= 3000
        # All of this before it was replaced.
        assert daemon.child("cekd-journal") == journal
        assert sum(len(replies) for who in clients for replies in who.others.values()) < len(waiting)
        assert {status_name(who.reply(id)) for who, id in waiting} == {"UNKNOWN_KEY"}
    assert daemon.child("cekd-journal") != journal
    C.wait_for(lambda: "the journal answers again, after" in daemon.log_text(), "the log to say so")
    text = daemon.log_text()
    assert "the journal does not answer since" in text
    assert re.search(r"journal \(pid \d+\): killed: it did not a", text)
    daemon.wait_ready()
    daemon.stop()
    assert sum(record["op"] == "wrap" for record in daemon.audit_records()) == len(waiting)


def told(daemon):
    """What the service manager was told since the last time."""
    lines = []
    daemon.notify.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            lines += daemon.notify.recv(4096).decode().splitlines()
    return lines


def test_the_watchdog_lives_on_both_loops(make_cekd, monkeypatch):
    """A cekd that is stopped cannot be replaced by its children: the service manager notices, and Status."""
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    daemon = make_cekd(**OPTIONS)
    daemon.wait_notified("WATCHDOG=1")
    before = processes(daemon)
    daemon.process.send_signal(signal.SIGSTOP)
    told(daemon)
    with daemon.client() as client:
        warning = C.wait_for(lambda: [w for w in client.ok(status=pb.StatusRequest()).status_reply.warning
                                      if "cekd itself does not answer since" in w], "Status to warn")
        assert warning
        assert "WATCHDOG=1" not in told(daemon)
    daemon.process.send_signal(signal.SIGCONT)
    daemon.wait_notified("WATCHDOG=1")
    daemon.wait_ready()
    assert processes(daemon) == before
    broker = daemon.child("cekd-broker")
    os.kill(broker, signal.SIGSTOP)
    told(daemon)
    C.wait_for(lambda: f"broker (pid {broker}) does not answer" in daemon.log_text(), "it to be noticed")
    assert "WATCHDOG=1" not in told(daemon)
    daemon.wait_notified("WATCHDOG=1")
    assert daemon.child("cekd-broker") != broker


def test_nobody_is_killed_inside_a_login(make_cekd):
    """The token may be rewriting itself. The others serve; no other one logs in meanwhile."""
    daemon = make_cekd(page=True, hang_seconds=1, call_timeout=1)
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        C.wait_for(lambda: len(daemon.workers()) == 2, "both workers")
        daemon.page.arm("token.login")
        os.kill(daemon.workers()[0], signal.SIGKILL)
        hung = C.wait_for(daemon.page.hit, "its successor to log in")
        os.kill(hung, signal.SIGSTOP)  # before its own alarm
        daemon.page.disarm()
        C.wait_for(lambda: f"(pid {hung}) was not ready for" in daemon.log_text(), "cekd to notice")
        assert "inside a login: it is not killed" in daemon.log_text()
        for _ in range(20):
            assert client.unwrap(made).unwrap.cek == made.cek
        assert pathlib.Path(f"/proc/{hung}").exists()
        os.kill(hung, signal.SIGCONT)
    daemon.wait_ready()
    assert f"(pid {hung}) was not ready for" in daemon.log_text()


FREEZERS = [path for path in (pathlib.Path("/sys/fs/cgroup/unified"), pathlib.Path("/sys/fs/cgroup"))
            if (path / "cgroup.procs").exists() and (path / "cgroup.controllers").exists()]


@pytest.fixture
def frozen():
    """A function that freezes a process."""
    if not FREEZERS or not os.access(FREEZERS[0] / "cgroup.procs", os.W_OK):
        pytest.skip("there is no cgroup v2 that this user may write")
    group = FREEZERS[0] / f"cekd-test-{os.getpid()}"
    group.mkdir()
    if not (group / "cgroup.freeze").exists():
        group.rmdir()
        pytest.skip("this kernel's cgroups cannot be frozen")

    def freeze(pid):
        (group / "cgroup.procs").write_text(str(pid))
        (group / "cgroup.freeze").write_text("1")
        C.wait_for(lambda: "frozen 1" in (group / "cgroup.events").read_text(), "the cgroup to freeze")
    yield freeze
    (group / "cgroup.freeze").write_text("0")
    C.wait_for(lambda: "populated 0" in (group / "cgroup.events").read_text(), "the cgroup to be empty")
    group.rmdir()


@pytest.mark.parametrize("part", ["broker", "journal", "use0"])
def test_frozen(make_cekd, frozen, part):
    daemon = make_cekd(**OPTIONS)
    load = Load(daemon)
    victim = pid_of(daemon, part)
    load.pauses()
    frozen(victim)
    C.wait_for(lambda: not pathlib.Path(f"/proc/{victim}").exists(), "its end")
    daemon.wait_ready()
    assert load.pauses()[0] < PAUSE
    served_as_before(daemon, load)
