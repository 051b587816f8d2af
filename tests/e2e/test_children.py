# SPDX-License-Identifier: Apache-2.0
"""Children that die, tokens that go away: service afterwards, nothing accepted is lost."""

import os
import shutil
import signal

import cekd as C
import pytest
from cekd import pb, status_name


@pytest.mark.parametrize("name", ["cekd-broker", "cekd-journal", "cekd-token"])
def test_killed_child_is_replaced(daemon, name):
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
        before = daemon.cekctl("key", "show", "A256KW", "--json").stdout
        client.rotate("A256KW")
    for _ in range(3):
        daemon.kill_child(name)
        with daemon.client() as client:
            assert client.unwrap(made).unwrap.cek == made.cek
            assert client.generate("A256KW").kid != made.kid
    assert before != daemon.cekctl("key", "show", "A256KW", "--json").stdout
    daemon.cekctl("audit", "verify", daemon.audit)
    daemon.cekctl("audit", "verify", daemon.keys)


def test_status_counts_the_starts_of_each_worker(make_cekd):
    daemon = make_cekd(workers=3)
    C.wait_for(lambda: len(daemon.workers()) == 3, "all workers")
    assert {w.index: w.generation for w in daemon.status().worker if w.kind == "use"} == {0: 1, 1: 1, 2: 1}
    for _ in range(2):
        pid = daemon.workers()[1]
        os.kill(pid, signal.SIGKILL)
        C.wait_for(lambda: daemon.workers().get(1, pid) != pid, "another worker 1")
    assert {w.index: w.generation for w in daemon.status().worker if w.kind == "use"} == {0: 1, 1: 3, 2: 1}
    lines = [line.split() for line in daemon.cekctl("status").stdout.splitlines()]
    column = next(line for line in lines if line[:1] == ["WORKER"]).index("STARTS") + 1  # "use 1" are two words
    assert {line[1]: line[column] for line in lines if line[:1] == ["use"]} == {"0": "1", "1": "3", "2": "1"}
    workers = daemon.json("status")["workers"]
    assert {w["index"]: w["generation"] for w in workers if w["kind"] == "use"} == {0: 1, 1: 3, 2: 1}


def test_killed_manage_worker(daemon):
    daemon.key("A128KW")
    for number in range(3):
        pid = C.wait_for(lambda: daemon.workers("manage"), "the manage worker")[0]
        os.kill(pid, signal.SIGKILL)
        C.wait_for(lambda: daemon.workers("manage").get(0) != pid, "its end to be seen")
        with daemon.client() as client:
            client.ok(create_key=pb.CreateKeyRequest(key=f"after-{number}", alg="A128KW"))


def test_requests_behind_a_killed_worker(make_cekd):
    """The one that was being executed fails as UNAVAILABLE; those queued behind it are dispatched again."""
    daemon = make_cekd(workers=1, limits={"queue_per_worker": 4})
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        pid = daemon.workers()[0]
        os.kill(pid, signal.SIGSTOP)
        ids = [client.send(unwrap=client.unwrap_request(made)) for _ in range(10)]
        client.ok(list_keys=pb.ListKeysRequest())
        os.kill(pid, signal.SIGKILL)
        replies = {id: client.reply(id) for id in ids}
        lost = [id for id, reply in replies.items() if status_name(reply) == "UNAVAILABLE"]
        assert lost in ([], ids[:1]), {id: status_name(reply) for id, reply in replies.items()}
        assert all(replies[id].unwrap.cek == made.cek for id in ids if id not in lost)


def test_generation_is_not_repeated(make_cekd):
    """The manage worker dies while it generates: UNAVAILABLE, and no second object by itself."""
    daemon = make_cekd(page=True)
    with daemon.client() as client:
        daemon.page.arm("manage.generate.after")
        id = client.send(create_key=pb.CreateKeyRequest(key="k", alg="A128KW"))
        pid = C.wait_for(daemon.page.hit, "the manage worker to stop after it generated")
        os.kill(pid, signal.SIGKILL)
        daemon.page.disarm()
        assert status_name(client.reply(id)) == "UNAVAILABLE"
        assert status_name(client.call(describe_key=pb.DescribeKeyRequest(key="k"))) == "UNKNOWN_KEY"
        findings = client.ok(fsck=pb.FsckRequest()).fsck.finding
        assert [finding.kind for finding in findings] == ["orphan"], findings
        client.ok(create_key=pb.CreateKeyRequest(key="k", alg="A128KW"))


def test_killed_parent(daemon):
    """Its children end with it; the next start serves the same keys."""
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        assert client.unwrap(made).unwrap.cek == made.cek


@pytest.mark.parametrize("copy_keys", [False, True])
def test_token_goes_away_and_comes_back(make_cekd, copy_keys):
    """Without copies of the keys in the session, operations fail and Status says so; with them it may go on."""
    daemon = make_cekd(copy_keys=copy_keys)
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
    away = daemon.token.where / "away"
    daemon.token.tokens.rename(away)
    with daemon.client() as client:
        statuses = []

        def noticed():
            reply = client.call(deadline_ms=1000, unwrap=client.unwrap_request(made))
            statuses.append(status_name(reply))
            status = daemon.status()
            return statuses[-1] != "OK" and not status.ready and status.why_not_ready
        if copy_keys:
            noticed()
        else:
            C.wait_for(noticed, "cekd to notice that the token is gone")
        assert set(statuses) <= {"OK", "UNAVAILABLE", "DEADLINE"}
    away.rename(daemon.token.tokens)
    daemon.wait_ready()
    with daemon.client() as client:
        C.wait_for(lambda: client.unwrap(made).unwrap.cek == made.cek, "the token to serve again")


def logins(daemon):
    """Those that failed: the worker says so, before it tells cekd."""
    return daemon.log_text().count("cekd-token: PIN: the token says CKR_PIN_INCORRECT")


def test_wrong_pin_stops_all_logins(make_cekd):
    """n workers that try again and again would lock a real token. SIGHUP after the PIN was put right starts them."""
    daemon = make_cekd(start=False, workers=3)
    right = daemon.token.pin_file.read_text()
    daemon.token.pin_file.chmod(0o600)
    daemon.token.pin_file.write_text("000000000")
    daemon.spawn()

    def told():
        try:
            return daemon.status()
        except (ConnectionError, FileNotFoundError):
            return None
    status = C.wait_for(lambda: (s := told()) and "CKR_PIN_INCORRECT" in s.why_not_ready and s, "Status to name the PIN")
    assert not status.ready
    assert logins(daemon) == 1
    with daemon.client() as client:
        assert status_name(client.call(unwrap=pb.UnwrapRequest(
            kid="k", alg="A128KW", enc="A128GCM", encrypted_key=bytes(24)))) in ("UNAVAILABLE", "UNKNOWN_KEY")
    C.wait_for(lambda: "cekd-token" not in daemon.children(), "the worker to end")
    assert logins(daemon) == 1, "another login was tried"
    daemon.token.pin_file.write_text(right)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_ready()
    with daemon.client() as client:
        assert client.unwrap(client.generate(daemon.key("A128KW"))).unwrap.cek


def test_wrong_pin_of_the_manage_worker(make_cekd):
    """It starts when something is to change, and its login is the last one. Who is logged in serves on."""
    daemon = make_cekd(workers=2)
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        for worker in daemon.workers("manage").values():
            os.kill(worker, signal.SIGKILL)
        C.wait_for(lambda: not daemon.workers("manage"), "the manage worker to end")
        right = daemon.token.pin_file.read_text()
        daemon.token.pin_file.chmod(0o600)
        daemon.token.pin_file.write_text("000000000")
        reply = client.call(create_key=pb.CreateKeyRequest(key="later", alg="A128KW"))
        assert status_name(reply) == "UNAVAILABLE", reply
        assert client.unwrap(made).unwrap.cek == made.cek
        again = client.call(create_key=pb.CreateKeyRequest(key="later", alg="A128KW"))
        assert status_name(again) == "UNAVAILABLE" and again.message == "the token is not available", again
        assert logins(daemon) == 1, "another login was tried"
        assert not [text for text in daemon.status().warning if "began and did not end" in text]
        daemon.token.pin_file.write_text(right)
        daemon.process.send_signal(signal.SIGHUP)
        C.wait_for(lambda: status_name(client.call(create_key=pb.CreateKeyRequest(key="later", alg="A128KW"))) == "OK",
                   "the manage worker to log in")
        assert client.unwrap(made).unwrap.cek == made.cek


# The first of them that starts says what the test wants and then ignores that its pair is closed; the others are real.
# It answers whether it is there, as it must.
LIAR = """#!/usr/bin/python3
import array, os, signal, socket, sys
try:
    os.mkdir({once!r})
except FileExistsError:
    os.execv({real!r}, [{real!r}] + sys.argv[1:])

def receive():
    data, ancillary, flags, address = control.recvmsg(1 << 20, 4096)
    return data, array.array("i", b"".join(part for level, kind, part in ancillary))

def say(to, lies):
    for lie in lies:
        to.send(bytes.fromhex(lie))

control = socket.socket(fileno=3)
pair = socket.socket(fileno=receive()[1][0])  # with the broker, or the broker's with the journal
say(control, ["2200"])  # Control.ready
say(pair, {to_pair!r})
say(control, {to_cekd!r})
while True:
    data, fds = receive()
    if data[:1] == b"\\x0a":  # Control.worker_up
        worker = socket.socket(fileno=os.dup(fds[0]))
        say(worker, {to_worker!r})
    elif data[:1] == b"\\x6a":  # Control.are_you_there
        say(control, ["3a00"])
    elif not data:
        signal.pause()
"""
HELLO = "0a00"  # FromWorker
ALIVE, STATE, CHECKED = "3a00", "4a00", "a20100"  # Control
ACCUSES = "f201061204" + b"lied".hex()  # Control.broke
GENERATE = "0a050801a20100"  # ToWorker, of job 1
LIES = {
    "a worker says hello twice": (
        "cekd-token", {"to_pair": [HELLO, HELLO]}, "worker_to_broker", 'it sent "hello" while it serves'),
    "a worker has no job": (
        "cekd-token", {"to_pair": [HELLO, "12020807"]}, "worker_to_broker", "it answered job 7, which it was not given"),
    "a worker sends no message": (
        "cekd-token", {"to_pair": [HELLO, "ffffff"]}, "worker_to_broker", "it sent what is no message"),
    "a worker asks for what is the broker's": (
        "cekd-token", {"to_pair": [HELLO], "to_cekd": [STATE]}, "worker_to_cekd", 'it sent "state" while it serves'),
    "a worker accuses its broker": (
        "cekd-token", {"to_pair": [HELLO], "to_cekd": [ACCUSES]}, "broker_to_worker", "it lied"),
    "a journal says what nobody knows": (
        "cekd-journal", {"to_pair": ["4a00"]}, "journal_to_broker", "it sent \"a message that nobody knows\""),
    "a journal sends no message": (
        "cekd-journal", {"to_pair": ["ffffff"]}, "journal_to_broker", "it sent what is no message"),
    "a journal was not to check": (
        "cekd-journal", {"to_cekd": [CHECKED]}, "journal_to_cekd", 'it sent "checked" while it serves'),
    "a broker sends the journal no message": (
        "cekd-broker", {"to_pair": ["ffffff"]}, "broker_to_journal", "it sent what is no message"),
    "a broker makes a use worker generate": (
        "cekd-broker", {"to_worker": [GENERATE]}, "broker_to_worker", 'it sent "generate" to a use worker'),
    "a broker was not to check": (
        "cekd-broker", {"to_cekd": [CHECKED]}, "broker_to_cekd", 'it sent "checked" while it serves'),
}


def put_liar(programs, name, lies):
    """The programs of the build, of which this one is a liar."""
    for each in C.PROGRAMS:
        shutil.copy2(C.default_programs() / each, programs / each)
    (programs / name).rename(programs / f"{name}.real")
    once = programs / "once"
    once.mkdir(mode=0o777)
    once.chmod(0o777)
    lies = {"to_pair": [], "to_cekd": [], "to_worker": []} | lies
    (programs / name).write_text(LIAR.format(once=str(once / "done"), real=str(programs / f"{name}.real"), **lies))
    (programs / name).chmod(0o755)


def assert_serves(daemon):
    """Soon; until then nobody hears more than that it does not."""
    def made():
        try:
            with daemon.client() as client:
                reply = client.call(create_key=pb.CreateKeyRequest(key="k", alg="A128KW"))
                assert status_name(reply) in ("OK", "CONFLICT", "UNAVAILABLE"), reply
                reply = client.call(generate_cek=pb.GenerateCekRequest(key="k", enc="A256GCM"))
                assert status_name(reply) in ("OK", "UNAVAILABLE", "UNKNOWN_KEY"), reply
                return status_name(reply) == "OK" and client.unwrap(reply.generate_cek).unwrap.cek
        except (ConnectionError, FileNotFoundError):
            return None
    C.wait_for(made, "it to serve")


@pytest.mark.parametrize("lie", LIES)
def test_who_breaks_the_sequence_is_ended(make_cekd, lie):
    """It does not end by itself, so cekd ends it, says so and counts; its place is taken by another."""
    name, lies, pair, how = LIES[lie]
    programs = C.folder("cekd-liar-")
    try:
        put_liar(programs, name, lies)
        daemon = make_cekd(programs=programs, workers=1)
        C.wait_for(lambda: f"killed: {how}" in daemon.log_text(), "the liar to be killed")
        assert_serves(daemon)
        with daemon.client() as client:
            text = client.ok(metrics=pb.MetricsRequest()).metrics.text
        counts = dict(line.split() for line in text.splitlines() if line.startswith("cekd_broken_sequences_total"))
        assert len(counts) == 11 and {of: n for of, n in counts.items() if n != "0"} == {
            f'cekd_broken_sequences_total{{pair="{pair}"}}': "1"}
        daemon.stop()
    finally:
        shutil.rmtree(programs)


def test_broker_restart_keeps_the_audit_counter(daemon):
    """Records of both brokers stand in one chain, none twice."""
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        for _ in range(20):
            client.unwrap(made)
    daemon.kill_child("cekd-broker")
    with daemon.client() as client:
        for _ in range(20):
            client.unwrap(made)
    daemon.stop()
    assert sum(r.get("op") == "unwrap" for r in daemon.audit_records()) == 40


def test_journal_restart_loses_no_record(daemon):
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        answered = 0
        for round_ in range(4):
            ids = [client.send(unwrap=client.unwrap_request(made)) for _ in range(40)]
            victim = daemon.child("cekd-journal")
            os.kill(victim, signal.SIGKILL)
            answered += sum(status_name(client.reply(id)) == "OK" for id in ids)
            daemon.wait_replaced("cekd-journal", victim)
    daemon.stop()
    records = [r for r in daemon.audit_records() if r.get("op") == "unwrap" and r["status"] == "OK"]
    assert len(records) == answered
    daemon.cekctl("audit", "verify", daemon.audit)
