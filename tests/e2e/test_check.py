# SPDX-License-Identifier: Apache-2.0
"""cekd --check: a line for each thing that a start would find, nothing changed, no try of the PIN; the first thing that
would stop a start is the last line, its reason stands in the log."""

import hashlib
import json
import os
import re
import resource
import shutil
import subprocess

import cekd as C
import pytest

WHATS = ["configuration", "accounts", "rules", "programs", "module file", "PIN file", "state directory", "other cekd", "listeners", "limits",
         "sandbox of broker", "journal of keys", "audit journal", "sandbox of journal", "clock", "module", "token", "login",
         "sandbox of worker"]


class Checked:
    def __init__(self, done):
        self.code, self.stderr, self.text = done.returncode, done.stderr, done.stdout
        self.lines = {line[9:27].strip(): (line[:8].strip(), line[28:]) for line in done.stdout.splitlines()}

    def found(self, what):
        return self.lines[what][0]


def check(daemon, wrap=(), programs=None, **kwargs):
    programs = programs or daemon.programs
    daemon.conf.write_text(daemon.config.text())
    return Checked(C.run([*wrap, daemon.programs / "cekd", "-c", daemon.conf, "--check", "--programs", programs],
                         check=False, **kwargs))


def failed(done, what, reason):
    """The last line says where, the log says why."""
    assert done.code == 1, done.text
    assert done.text.splitlines()[-1].startswith(f"FAILED   {what} "), done.text
    assert [line for line in done.text.splitlines() if line.startswith("FAILED")] == done.text.splitlines()[-1:]
    assert reason in done.stderr, done.stderr


def tree(*folders):
    return {path: (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for folder in folders for path in sorted(folder.rglob("*"))}


@pytest.fixture
def stopped(make_cekd):
    """A daemon that has a key and does not run."""
    daemon = make_cekd(page=True)
    daemon.key("A128KW")
    daemon.stop()
    return daemon


def test_all_is_well(stopped):
    before = tree(stopped.state)
    done = check(stopped)
    assert done.code == 0, done.stderr
    assert list(done.lines) == WHATS, done.text
    assert {done.found(what) for what in WHATS} <= {"ok", "note"}, done.text
    records = len(stopped.keys.read_text().splitlines())
    assert done.lines["journal of keys"][1] == f"keys.jsonl is whole: {records} records"
    assert f"{stopped.conf}: " in done.lines["configuration"][1] and "1 listener, 1 rule, 2 workers" in done.lines["configuration"][1]
    assert 'label "cekd"' in done.lines["token"][1] and f"{C.MODULE} loads: " in done.lines["module"][1]
    assert tree(stopped.state) == before
    stopped.start()


def test_first_start(make_cekd):
    """Nothing is made by looking."""
    daemon = make_cekd(start=False)
    done = check(daemon)
    assert done.code == 0 and done.found("journals") == "note", done.text
    assert list(daemon.state.iterdir()) == []
    daemon.state.rmdir()
    done = check(daemon)
    assert done.code == 0 and done.found("state directory") == "note" and done.found("journals") == "skipped", done.text
    assert not daemon.state.exists()


def test_beside_one_that_runs(make_cekd):
    """Its pid is told; the check disturbs nothing."""
    daemon = make_cekd()
    daemon.key("A128KW")
    done = check(daemon)
    assert done.code == 0, done.stderr
    assert done.lines["other cekd"] == ("note", f"one (pid {daemon.process.pid}) uses the state directory: a second one would "
                                                "not start")
    assert "WARNING" not in done.text
    with daemon.client() as client:
        client.unwrap(client.generate("A128KW"))


def wrong_pin(daemon):
    """And a token that can write down that it was tried: cekctl token init sees to it that it cannot."""
    pin = daemon.where / "wrong-pin"
    pin.write_text("0000")
    pin.chmod(0o400)
    daemon.config.options["pin_file"] = str(pin)
    for path in daemon.token.where.rglob("token.object"):
        if C.ROOT:
            os.chown(path, C.UID_TOKEN, C.UID_TOKEN)
        path.chmod(0o600)


def test_pin_is_never_tried(stopped):
    """The token would tell the next one."""
    wrong_pin(stopped)
    for _ in range(2):
        done = check(stopped)
        assert done.code == 0 and done.lines["login"] == ("ok", "not tried: it would spend a try of the PIN"), done.text
        assert "wrong try" not in done.stderr


def test_pin_that_was_wrong_before(stopped):
    wrong_pin(stopped)
    stopped.spawn()
    C.wait_for(lambda: "no further login is tried" in stopped.log_text(), "the login to fail")
    stopped.stop()
    done = check(stopped)
    assert done.code == 0 and "PIN: there was a wrong try since the last login" in done.stderr, done.stderr


def test_empty_pin_file(stopped):
    pin = stopped.where / "no-pin"
    pin.touch(0o400)
    stopped.config.options["pin_file"] = str(pin)
    failed(check(stopped), "PIN file", f"pin-file {pin}: it is empty")


@pytest.mark.parametrize("text", ["", "module = 1", 'nothing = "like this"', None])
def test_faulty_configuration(stopped, text):
    """Who reads standard output alone has a last line here, too."""
    conf = stopped.where / "other.conf"
    if text is not None:
        conf.write_text(text + "\n")
    done = Checked(C.run([stopped.programs / "cekd", "-c", conf, "--check", "--programs", stopped.programs], check=False))
    failed(done, "configuration", f"{conf}:")
    assert len(done.text.splitlines()) == 1 and "standard error says why" in done.text


def test_no_pin_file(stopped):
    pin = stopped.where / "no-pin"
    stopped.config.options["pin_file"] = str(pin)
    done = check(stopped)
    failed(done, "PIN file", f"pin-file {pin}: without it no worker can log in")
    stopped.config.options["pin_file"] = "/run/credentials/cekd.service/no-pin"
    assert check(stopped).lines["PIN file"] == (
        "note", "/run/credentials/cekd.service/no-pin: systemd lays it there when the service starts")


@pytest.mark.skipif(not C.ROOT, reason="needs root: files of other users")
def test_pin_file_of_somebody_else(stopped):
    pin = stopped.where / "pin"
    shutil.copy2(stopped.config.options["pin_file"], pin)
    os.chown(pin, C.UID_BOB, C.UID_BOB)
    stopped.config.options["pin_file"] = str(pin)
    done = check(stopped)
    assert done.code == 0 and f"belongs to uid {C.UID_BOB}, who can put another PIN there" in done.stderr


def test_missing_program(stopped):
    programs = stopped.where / "programs"
    shutil.copytree(stopped.programs, programs)
    (programs / "cekd-token").unlink()
    failed(check(stopped, programs=programs), "programs", f"{programs}/cekd-token: No such file or directory")


def test_module_that_is_none(stopped):
    module = stopped.where / "module.so"
    module.write_text("no library")
    stopped.config.options["module"] = str(module)
    failed(check(stopped), "token", f"module: {module} cannot be loaded")


def test_no_such_token(stopped):
    stopped.config.options["token"] = "pkcs11:token=other"
    failed(check(stopped), "token", 'token: none fits "pkcs11:token=other"; there is "cekd"')


def build_module(where, body):
    source, module = where / "module.c", where / "module.so"
    source.write_text(body)
    C.run(["cc", "-shared", "-fPIC", "-o", module, source])
    return str(module)


def test_module_that_hangs(stopped):
    """Within the bound of a call."""
    stopped.config.options |= {"call_timeout": 1, "module": build_module(stopped.where, """
        #include <unistd.h>
        __attribute__((constructor)) static void begin(void) { for (;;) pause(); }
        """)}
    failed(check(stopped), "token", "the token does not answer; ending")


def test_module_that_crashes(stopped):
    stopped.config.options["module"] = build_module(stopped.where, """
        __attribute__((constructor)) static void begin(void) { __builtin_trap(); }
        """)
    failed(check(stopped), "token", "ended by signal")


@pytest.mark.skipif(not C.ROOT, reason="needs root: uids of the children")
def test_module_is_loaded_by_the_worker_only(stopped):
    """By no process of root's."""
    told = stopped.where / "told"
    told.touch()
    told.chmod(0o666)
    stopped.config.options["module_paths"] = [told]
    stopped.config.options["module"] = build_module(stopped.where, f"""
        #include <stdio.h>
        #include <unistd.h>
        __attribute__((constructor)) static void begin(void)
        {{
            FILE *out = fopen("{told}", "a");
            fprintf(out, "%u\\n", (unsigned)getuid());
            fclose(out);
        }}
        """)
    assert check(stopped).code == 1  # it is no PKCS#11 module
    assert set(told.read_text().split()) == {str(C.UID_TOKEN)}


def test_state_directory_of_somebody_else(stopped):
    stopped.state.chmod(0o777)
    failed(check(stopped), "state directory", "has mode 0777")


def test_changed_line_of_the_key_journal(stopped):
    text = stopped.keys.read_text()
    stopped.keys.write_text(text.replace('"A128KW"', '"A192KW"', 1))
    before = tree(stopped.state)
    failed(check(stopped), "journals", "keys.jsonl:")
    assert tree(stopped.state) == before


def test_changed_line_of_the_audit_journal(stopped):
    text = stopped.audit.read_text()
    assert len(text.splitlines()) > 1
    stopped.audit.write_text(text.replace('"seq":1,', '"seq":1, ', 1))
    failed(check(stopped), "journals", "audit.jsonl:")


@pytest.mark.parametrize("name", ["keys", "audit"])
def test_unfinished_line(stopped, name):
    """A start cuts it off; the check only says so."""
    path = getattr(stopped, name)
    with open(path, "a") as file:
        file.write('{"seq":')
    before = tree(stopped.state)
    done = check(stopped)
    assert done.code == 0 and f"{path}: the last 7 bytes after seq" in done.stderr, done.stderr
    assert tree(stopped.state) == before
    stopped.start()
    assert b'{"seq":\n' not in path.read_bytes() + b"\n"


def test_journal_that_was_copied(stopped):
    shutil.copy2(stopped.keys, stopped.where / "copy")
    stopped.keys.unlink()
    shutil.copy2(stopped.where / "copy", stopped.keys)
    done = check(stopped)
    assert done.code == 0 and done.found("journal of keys") == "warning", done.text
    assert "cekctl restore show" in done.stderr


def test_audit_journal_that_is_older(stopped):
    """It knows of changes that the key journal does not."""
    lines = stopped.keys.read_bytes().splitlines(keepends=True)
    assert len(lines) > 2
    stopped.keys.write_bytes(lines[0])
    done = check(stopped)
    assert done.code == 0 and "knows of a longer life of the keys" in done.stderr, done.stderr


def test_clock_before_the_last_record(stopped):
    stopped.page.shift(86400)
    stopped.start()
    stopped.stop()
    done = check(stopped)
    assert done.code == 0 and done.found("clock") == "warning", done.text
    last = json.loads(stopped.keys.read_text().splitlines()[-1])["time"]
    assert last[:19] in done.lines["clock"][1] and re.search(
        r"the clock stands (1 day|23 hours 59 minutes)( \d+ seconds?)? before the journal's last record", done.stderr), done.stderr


@pytest.mark.skipif(not C.ROOT, reason="root's children have no right of their own to lock memory")
@pytest.mark.skipif(C.sanitized(), reason="a sanitizer locks no memory")
def test_no_memory_may_be_locked(stopped):
    done = check(stopped, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536)))
    assert done.code == 0 and done.found("limits") == "warning", done.text
    assert "64 KiB of locked memory" in done.lines["limits"][1] and "raise LimitMEMLOCK" in done.stderr


def test_too_few_descriptors(stopped):
    """Who may not raise the limit."""
    stopped.config.limits["connections"] = 60000
    drop = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-all"] if C.ROOT else []
    done = check(stopped, wrap=[*drop, "prlimit", "--nofile=1024:1024"] if not C.ROOT else
                 ["prlimit", "--nofile=1024:1024", *drop])
    assert done.code == 0 and done.found("limits") == "warning", done.text
    assert "gets 1024 descriptors instead of 60256" in done.stderr


def test_users_without_an_account(make_cekd):
    daemon = make_cekd(start=False, rules={"r": {"users": ["4999"], "groups": ["4998"], "operations": ["status"], "keys": ["*"]}})
    done = check(daemon)
    assert done.code == 0
    assert done.lines["rules"] == ("note", 'rule "r": no user here has the number 4999; rule "r": no group here has the number '
                                           "4998")


def test_no_space_is_left(stopped):
    """A tiny file system of its own: its mount is named."""
    if not C.ROOT:
        pytest.skip("needs root: mounts")
    script = ('mount -t tmpfs -o size=64k,mode=0711 tmpfs "$1" && cp "$2"/* "$1"/ && '
              'head -c 200000 /dev/zero > "$1/fill" 2>/dev/null; shift 2; exec "$@"')
    saved = stopped.where / "saved"
    saved.mkdir()
    (saved / "note").write_text("x")
    done = check(stopped, wrap=["unshare", "-m", "sh", "-c", script, "sh", stopped.state, saved])
    failed(done, "state directory", f"{stopped.state}: no space is left there")


def test_read_only_file_system(stopped):
    if not C.ROOT:
        pytest.skip("needs root: mounts")
    script = 'mount -t tmpfs -o ro,mode=0711 tmpfs "$1"; shift; exec "$@"'
    done = check(stopped, wrap=["unshare", "-m", "sh", "-c", script, "sh", stopped.state])
    failed(done, "state directory", "mounted read-only")


def test_children_of_a_dead_cekd(stopped):
    """They hold the second lock; who holds it is told."""
    import fcntl
    with open(stopped.state / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = check(stopped)
    assert done.code == 0 and done.lines["other cekd"][0] == "note", done.text
    assert f"(pid {os.getpid()}) are still there" in done.lines["other cekd"][1]


def test_sandbox_that_is_required(stopped):
    """Under valgrind and sanitizers none can be entered."""
    stopped.config.options["sandbox"] = "required"
    done = check(stopped)
    if done.code == 0:
        assert "seccomp" in done.lines["sandbox of broker"][1], done.text
    else:
        failed(done, "limits", "cannot be met")


def test_somebody_who_may_not_look(stopped):
    if not C.ROOT:
        pytest.skip("needs root: another user")
    stopped.conf.write_text(stopped.config.text())
    closed = stopped.where / "closed"
    closed.mkdir(mode=0o700)
    stopped.config.options["state_directory"] = str(closed / "state")
    stopped.conf.write_text(stopped.config.text())
    command = [str(stopped.programs / "cekd"), "-c", str(stopped.conf), "--check", "--programs", str(stopped.programs)]

    def other():
        done = subprocess.run(command, capture_output=True, text=True)
        return [done.returncode, done.stdout]
    code, text = C.as_uid(C.UID_BOB, other)
    lines = {line[9:27].strip(): line[:8].strip() for line in text.splitlines()}
    assert code == 0, text
    assert [lines[what] for what in ("state directory", "other cekd", "journals", "token")] == ["skipped"] * 4, text


def test_output_that_nobody_reads(stopped):
    """No hash of ours changes, the exit status tells."""
    before = hashlib.sha256(stopped.keys.read_bytes()).hexdigest()
    stopped.conf.write_text(stopped.config.text())
    with open("/dev/full", "w") as full:
        done = subprocess.run([stopped.programs / "cekd", "-c", stopped.conf, "--check", "--programs", stopped.programs],
                              stdout=full, stderr=subprocess.PIPE, timeout=C.PATIENCE)
    assert done.returncode == 0
    assert hashlib.sha256(stopped.keys.read_bytes()).hexdigest() == before
