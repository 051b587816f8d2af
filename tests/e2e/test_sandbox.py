# SPDX-License-Identifier: Apache-2.0
"""What a taken-over process of cekd cannot do, tried from inside; and that none outlives cekd."""

import os
import pathlib
import select
import shutil
import signal
import struct

import cekd as C
import pytest
from cekd import pb

pytestmark = [pytest.mark.skipif(C.sanitized(), reason="a sanitizer needs calls and files of its own"),
              pytest.mark.skipif("CEKD_WRAP" in os.environ, reason="under valgrind there is no sandbox")]

PAGE = struct.Struct("=ii256s")  # tests/token/escape.c
TRIED = struct.Struct("=32si")
# What else a process may do, and how clone3 is hidden.
OUTCOMES = {"thread": 0, "clone3": 38, "read outside": 13, "write outside": 13, "end": 0}
EPERM = 1


def escape(daemon, outside):
    """What came of the tries of a thread that the module started, by name; its errno, or 0."""
    module, page = daemon.where / "cekd-escape.so", daemon.where / "escape"
    shutil.copy2(C.BUILD / "tests" / "token" / "cekd-escape.so", module)
    module.chmod(0o755)
    page.write_bytes(bytes(4096))
    page.chmod(0o666)
    daemon.config.options |= {"module": str(module), "workers": 1}
    daemon.config.options["module_environment"] += [f"CEKD_SHIM={page}", f"CEKD_SHIM_MODULE={C.MODULE}"]
    daemon.start()
    daemon.wait_ready()
    with open(page, "r+b") as file:
        file.write(PAGE.pack(1, 0, str(outside).encode()))

    def tried():
        data = page.read_bytes()
        n = PAGE.unpack_from(data)[1]
        rows = [TRIED.unpack_from(data, PAGE.size + i * TRIED.size) for i in range(n)]
        found = {name.rstrip(b"\0").decode(): error for name, error in rows}
        return found if "end" in found else None
    return C.wait_for(tried, "the thread to have tried")


@pytest.fixture
def outside():
    where = C.folder("cekd-outside-")
    path = where / "secret"
    path.write_text("secret")
    path.chmod(0o666)
    yield path
    shutil.rmtree(where)


def test_thread_of_the_module(make_cekd, outside):
    """It was there before anything else of the worker."""
    daemon = make_cekd(start=False)
    found = escape(daemon, outside)
    status = daemon.status()
    if "landlock" not in status.sandbox or "no landlock" in status.sandbox:
        for name in ("read outside", "write outside"):
            del found[name]
    if not C.ROOT:
        assert found.pop("outlive") == 0  # during a login it has to be allowed
    assert len(found) > 20
    assert found == {name: OUTCOMES.get(name, EPERM) for name in found}
    assert outside.read_text() == "secret"
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
        assert client.unwrap(made).unwrap.cek == made.cek


def test_paths_of_the_module(make_cekd, outside):
    """What the configuration allows is open, and nothing else of its folder's neighbours."""
    daemon = make_cekd(start=False, module_paths=[str(outside.parent)])
    found = escape(daemon, outside)
    assert (found["read outside"], found["write outside"]) == (0, 0)


def processes_of(daemon):
    return {pid: name for name, pids in daemon.children().items() for pid in pids}


def test_none_outlives_cekd(make_cekd):
    """Each ends with it, without a word from anybody, and lets go of the state directory."""
    daemon = make_cekd()
    daemon.key("A128KW")  # the manage worker as well
    pids = processes_of(daemon)
    assert set(pids.values()) == {"cekd-broker", "cekd-journal", "cekd-token"} and len(pids) == 5
    poll, watched = select.poll(), {}
    for pid, name in pids.items():
        fd = os.pidfd_open(pid)
        watched[fd] = name
        poll.register(fd, select.POLLIN)
        if name == "cekd-token":  # it cannot end by itself
            os.kill(pid, signal.SIGSTOP)
    try:
        os.kill(daemon.process.pid, signal.SIGKILL)
        while watched:
            ready = poll.poll(C.PATIENCE * 1000)
            assert ready, f"still there: {sorted(watched.values())}"
            for fd, _ in ready:
                poll.unregister(fd)
                os.close(fd)
                del watched[fd]
    finally:
        for fd in watched:
            os.close(fd)
    daemon.kill()
    daemon.start()
    daemon.wait_ready()


@pytest.mark.slow
def test_journal_that_hangs_ends_as_well(make_cekd):
    """It has ten seconds."""
    daemon = make_cekd(page=True)
    daemon.page.arm("journal.before-write")
    journal = daemon.child("cekd-journal")
    with daemon.client() as client:
        client.send(status=pb.StatusRequest())
        C.wait_for(daemon.page.hit, "the journal to hang")
        os.kill(daemon.process.pid, signal.SIGKILL)
        C.wait_for(lambda: not pathlib.Path(f"/proc/{journal}").exists(), "the journal to end")
    daemon.kill()
    daemon.start()
    daemon.wait_ready()
def test_no_process_keeps_the_pin_file(make_cekd):
    """Neither after the first login nor after one that it did later."""
    daemon = make_cekd()
    pin = os.stat(daemon.token.pin_file)

    def keepers():
        found = []
        for pid in [daemon.process.pid, *processes_of(daemon)]:
            for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                try:
                    st = link.stat()
                except OSError:
                    continue
                if (st.st_dev, st.st_ino) == (pin.st_dev, pin.st_ino):
                    found.append((pid, link.name))
        return found
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW"))
        assert client.unwrap(made).unwrap.cek == made.cek
    C.wait_for(lambda: len(daemon.workers()) == 2, "both workers")
    assert keepers() == []


def test_status_tells_what_is_in_force(make_cekd):
    """Of each process, as /proc has it."""
    daemon = make_cekd(hang_seconds=8)  # cekd looks when it asks who is there

    def all_seen():
        rows = daemon.status().process
        return rows if len(rows) >= 5 and all(row.HasField("seen") for row in rows) else None
    rows = C.wait_for(all_seen, "cekd to have looked at each of them")
    # The manage worker has looked for keys of cekd's in the token, and goes when it is idle.
    assert [row.kind for row in rows if row.kind != "manage"] == ["cekd", "broker", "journal", "use", "use"]
    for row in rows:
        with open(f"/proc/{row.pid}/status") as file:
            is_so = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        assert row.seen.uid == int(is_so["Uid"].split()[1])
        assert row.seen.threads == int(is_so["Threads"])
        assert row.seen.seccomp_filters == int(is_so["Seccomp_filters"]) > 0
        assert row.seen.no_new_privs == (is_so["NoNewPrivs"] == "1") is True
        assert "seccomp" in row.sandbox or row.kind == "cekd"
    shown = [line.split() for line in daemon.cekctl("status").stdout.splitlines() if "seccomp" in line]
    assert [line[0] for line in shown if line[0] in ("cekd", "broker", "journal", "worker")][:5] == [
        "cekd", "broker", "journal", "worker", "worker"]
