# SPDX-License-Identifier: Apache-2.0
"""A journal's file that is removed, moved, replaced or cut short while cekd runs: nothing more counts as written down."""

import ctypes
import hashlib
import json
import os
import shutil
import subprocess

import cekd as C
import pytest
from cekd import pb, status_name

FILES = {"keys.jsonl": "journal", "audit.jsonl": "audit"}


def told(daemon, name):
    """What Status says of the file."""
    return getattr(daemon.status(), FILES[name])


def wait_refuses(daemon, name, text):
    C.wait_for(lambda: text in told(daemon, name), f"status to say that {name} {text}")
    status = daemon.status()
    assert not status.ready and status.why_not_ready == "the journal does not write"
    assert str(daemon.state / name) in told(daemon, name)


def create(client, name):
    return client.call(create_key=pb.CreateKeyRequest(key=name, alg="A128KW"))


def check_refused(daemon, wrapped):
    with daemon.client() as client:
        for reply in (client.unwrap(wrapped), create(client, "refused"), client.call(fsck=pb.FsckRequest()),
                      client.call(unwrap=client.unwrap_request(wrapped, kid="", key="nowhere"))):
            assert status_name(reply) == "UNAVAILABLE"
    refused = daemon.cekctl("fsck", check=False)
    assert refused.returncode == 5 and "UNAVAILABLE" in refused.stderr


def check_serves(daemon, wrapped, new):
    daemon.wait_ready()
    with daemon.client() as client:
        assert client.unwrap(wrapped).unwrap.cek == wrapped.cek
        assert status_name(create(client, new)) == "OK"


def verify(daemon):
    for path in (daemon.keys, daemon.audit):
        daemon.cekctl("audit", "verify", path)


@pytest.fixture
def served(make_cekd):
    daemon = make_cekd()
    with daemon.client() as client:
        return daemon, client.generate(daemon.key("A128KW", name="old"))


@pytest.mark.parametrize("name", FILES)
def test_moved_away_and_back(served, name):
    daemon, wrapped = served
    path, away = daemon.state / name, daemon.state / "away"
    os.rename(path, away)
    wait_refuses(daemon, name, "was moved away while cekd runs")
    check_refused(daemon, wrapped)
    path.write_text("")
    wait_refuses(daemon, name, "is another file now")
    check_refused(daemon, wrapped)
    os.rename(away, path)
    check_serves(daemon, wrapped, "new")
    os.link(path, away)  # a copy by a link
    check_serves(daemon, wrapped, "newer")
    away.unlink()
    daemon.restart()
    with daemon.client() as client:
        assert {key.name for key in client.ok(list_keys=pb.ListKeysRequest()).list_keys.key} == {"old", "new", "newer"}
    verify(daemon)


def test_no_key_is_made_whose_record_would_be_lost(served):
    """At once, not only when cekd has noticed by itself."""
    daemon, _ = served
    os.rename(daemon.keys, daemon.state / "away")
    with daemon.client() as client:
        assert status_name(create(client, "lost")) == "UNAVAILABLE"
    os.rename(daemon.state / "away", daemon.keys)
    with daemon.client() as client:
        # The refusal may overtake the news that nothing is written: being ready proves nothing yet.
        C.wait_for(lambda: status_name(create(client, "lost")) == "OK", "the journal to write again")
        found = client.ok(fsck=pb.FsckRequest()).fsck.finding
        assert not found, found


def test_moved_between_write_and_answer(make_cekd):
    daemon = make_cekd(page=True)
    with daemon.client() as client:
        daemon.page.arm("journal.after-write")
        request = client.send(create_key=pb.CreateKeyRequest(key="lost", alg="A128KW"))
        C.wait_for(daemon.page.hit, "cekd-journal to write")
        os.rename(daemon.keys, daemon.state / "away")
        daemon.page.disarm()
        assert status_name(client.reply(request)) == "UNAVAILABLE"
        wait_refuses(daemon, "keys.jsonl", "was moved away")
        os.rename(daemon.state / "away", daemon.keys)
        daemon.wait_ready()
        assert not [line for line in daemon.keys.read_text().splitlines() if "lost" in line]
        assert status_name(create(client, "lost")) == "OK"
    verify(daemon)


@pytest.mark.parametrize("name", FILES)
def test_removed(served, name):
    daemon, wrapped = served
    (daemon.state / name).unlink()
    wait_refuses(daemon, name, "was removed while cekd runs")
    assert "was removed while cekd runs" in daemon.log_text()
    check_refused(daemon, wrapped)
    # A journal or a broker that is started again gets no new and empty file instead.
    for child in ("cekd-journal", "cekd-broker"):
        victim = daemon.child(child)
        os.kill(victim, 9)
        C.wait_for(lambda: victim not in daemon.children().get(child, [victim]), f"another {child}")

        def refuses():
            try:
                return "was removed while cekd runs" in told(daemon, name)
            except (ConnectionError, FileNotFoundError):
                return False
        C.wait_for(refuses, "the trouble to be told again")
        check_refused(daemon, wrapped)
    assert not (daemon.state / name).exists()
    # What Status says is the way back: the file is still there behind its descriptor.
    words = told(daemon, name).split()
    shutil.copyfile(words[words.index("copy") + 1], daemon.state / name)
    wait_refuses(daemon, name, "was replaced by another file")
    daemon.stop()
    daemon.spawn()
    if name == "keys.jsonl":
        C.wait_for(lambda: answers(daemon), "cekd to answer")
        assert "restored journal" in daemon.status().why_not_ready
        daemon.cekctl("restore", "confirm", "--yes")
    check_serves(daemon, wrapped, "new")
    verify(daemon)


def answers(daemon):
    try:
        status = daemon.status()
    except (ConnectionError, FileNotFoundError):
        return False
    return status.journal == "ok" and [w for w in status.worker if w.state == "ready"]


@pytest.mark.parametrize("name", FILES)
def test_cut_short(served, name):
    """logrotate's copytruncate, an editor: what is left cannot be gone on with until it was read again."""
    daemon, wrapped = served
    path = daemon.state / name
    good = path.read_bytes()
    os.truncate(path, len(good) // 2)
    wait_refuses(daemon, name, "was cut short by somebody else")
    check_refused(daemon, wrapped)
    assert path.stat().st_size == len(good) // 2
    with open(path, "r+b") as file:
        file.write(good)
    check_refused(daemon, wrapped)
    daemon.restart()
    check_serves(daemon, wrapped, "new")
    verify(daemon)


def test_written_by_somebody_else(served):
    daemon, wrapped = served
    whole = daemon.keys.stat().st_size
    with open(daemon.keys, "ab") as file:
        file.write(b"x\n")
    wait_refuses(daemon, "keys.jsonl", "was written by somebody else")
    check_refused(daemon, wrapped)
    assert daemon.keys.read_bytes()[whole:] == b"x\n"
    daemon.stop()
    os.truncate(daemon.keys, whole)
    daemon.start()
    check_serves(daemon, wrapped, "new")


def start_refused(daemon):
    """It is not ready then, but says why."""
    daemon.spawn()

    def answers():
        try:
            return daemon.status().journal != "ok"
        except (ConnectionError, FileNotFoundError):
            assert daemon.process.poll() is None, daemon.log_text()
    C.wait_for(answers, "cekd to say what is wrong")


def write_as(daemon, release, **line):
    """Two lines of a good chain, as a later cekd would have written them: that it started, and something of its own."""
    lines = daemon.keys.read_bytes().splitlines()
    for members in ({"type": "open", "version": release}, line):
        head = {"seq": len(lines) + 1, "time": json.loads(lines[-1])["time"],
                "prev": hashlib.sha256(lines[-1]).hexdigest()}
        lines.append(json.dumps(head | members, separators=(",", ":")).encode())
    daemon.keys.write_bytes(b"\n".join(lines) + b"\n")


@pytest.mark.parametrize("line", [{"type": "version", "quorum": 3}, {"type": "state", "state": "on_holiday"}],
                         ids=["member", "value"])
def test_written_by_a_later_release(served, line):
    """What is not known must not be overlooked; which cekd knows it is said."""
    daemon, wrapped = served
    daemon.stop()
    before = daemon.keys.read_bytes()
    write_as(daemon, "7.8.9", **line)
    written = daemon.keys.read_bytes()
    start_refused(daemon)
    wait_refuses(daemon, "keys.jsonl", "this journal was written by cekd 7.8.9 or newer; install it")
    check_refused(daemon, wrapped)
    daemon.stop()
    assert daemon.keys.read_bytes() == written
    daemon.keys.write_bytes(before)
    write_as(daemon, "0.0.1", **line)
    start_refused(daemon)
    wait_refuses(daemon, "keys.jsonl", "nothing was changed: restore the file")


def test_a_type_of_a_later_release(served):
    daemon, _ = served
    daemon.stop()
    before = daemon.keys.read_bytes()
    write_as(daemon, "7.8.9", type="quorum", key="old")
    written = daemon.keys.read_bytes()
    daemon.spawn()
    C.wait_for(lambda: "(quorum): of a type that this version of cekd does not know: this journal was written by cekd 7.8.9 or "
               "newer; install it" in daemon.log_text(), "the release to be named")
    daemon.process.wait(C.PATIENCE)
    assert daemon.keys.read_bytes() == written
    daemon.notify.close()
    daemon.process = None
    daemon.keys.write_bytes(before)


def test_directory_moved_away(served):
    """Its files are where they were in it, but the next start would not look there."""
    daemon, wrapped = served
    away = daemon.where / "away"
    os.rename(daemon.state, away)
    for text in ("its directory is gone", "another directory stands there now"):
        wait_refuses(daemon, "keys.jsonl", text)
        assert text in told(daemon, "audit.jsonl")
        check_refused(daemon, wrapped)
        if not daemon.state.exists():
            daemon.state.mkdir(mode=0o711)
    daemon.state.rmdir()
    os.rename(away, daemon.state)
    check_serves(daemon, wrapped, "new")
    daemon.restart()
    check_serves(daemon, wrapped, "newer")
    verify(daemon)


def test_audit_records_wait_for_their_file(served):
    """What was answered before it was noticed is written when the file is back: no gap in the count."""
    daemon, wrapped = served
    away = daemon.state / "away"
    with daemon.client() as client:
        os.rename(daemon.audit, away)
        replies = [status_name(client.unwrap(wrapped)) for _ in range(200)]
        assert set(replies) <= {"OK", "UNAVAILABLE"}
        wait_refuses(daemon, "audit.jsonl", "was moved away")
        os.rename(away, daemon.audit)
        check_serves(daemon, wrapped, "new")
    daemon.stop()
    lines = [json.loads(line) for line in daemon.audit.read_text().splitlines()]
    counted = [line["n"] for line in lines if line["type"] == "request"]
    assert counted == list(range(1, len(counted) + 1))
    opened = [line for line in lines if line.get("op") == "unwrap" and line["status"] == "OK"]
    assert len(opened) == replies.count("OK") + 1


def mounted(volume, state):
    """For preexec: a mount namespace of its own, in which the volume is mounted there. False: not allowed here."""
    new_namespace, private, bind = 0x20000, 1 << 14 | 1 << 18, 1 << 12
    libc = ctypes.CDLL(None, use_errno=True)
    return (libc.unshare(new_namespace) == 0 and libc.mount(None, b"/", None, private, None) == 0 and
            libc.mount(bytes(volume), bytes(state), None, bind, None) == 0)


def test_volume_that_is_unmounted(make_cekd):
    """While cekd runs, lazily, so that its files stay open; then at the start; then it is mounted again."""
    daemon = make_cekd(start=False)
    volume = daemon.where / "volume"
    volume.mkdir(mode=0o711)
    if not C.ROOT or subprocess.run(["true"], preexec_fn=lambda: mounted(volume, daemon.state) or os._exit(9)).returncode:
        pytest.skip("may not mount")
    daemon.preexec = lambda: mounted(volume, daemon.state)
    daemon.start()
    with daemon.client() as client:
        wrapped = client.generate(daemon.key("A128KW", name="old"))
    assert (volume / "keys.jsonl").exists() and not daemon.keys.exists()
    C.run(["nsenter", "--target", daemon.process.pid, "--mount", "umount", "--lazy", daemon.state])
    wait_refuses(daemon, "keys.jsonl", "another directory stands there now")
    check_refused(daemon, wrapped)
    daemon.stop()
    daemon.preexec = None
    daemon.spawn()
    C.wait_for(lambda: answers(daemon) and "is the state directory mounted?" in daemon.status().why_not_ready,
               f"cekd to ask\n{daemon.log_text()}")
    with daemon.client() as client:
        assert status_name(client.unwrap(wrapped)) == "UNAVAILABLE"
    daemon.stop()
    assert daemon.keys.exists()
    daemon.preexec = lambda: mounted(volume, daemon.state)
    daemon.start()
    check_serves(daemon, wrapped, "new")


def test_an_audit_journal_that_is_gone_at_a_start(served):
    """It may have been moved away on purpose, so cekd serves; but it does not keep silent."""
    daemon, wrapped = served
    told = "audit.jsonl is empty, but the key journal is not"
    assert told not in daemon.log_text()
    daemon.restart()
    assert told not in daemon.log_text()
    daemon.stop()
    daemon.audit.unlink()
    daemon.start()
    check_serves(daemon, wrapped, "new")
    assert told in daemon.log_text()
