"""Errors of the configuration name file and line and say what to do; nothing is started."""

import os
import re
import socket
import subprocess

import cekd as C
import pytest

GOOD = """module = "{module}"
token = "pkcs11:token=cekd"
pin-file = "{where}/pin"
state-directory = "{where}"
workers = 2
listener "main" {{
  path = "{where}/cekd.sock"
}}
rule "all" {{
  anyone = true
  operations = {{"unwrap"}}
  keys = {{"*"}}
}}
"""

# What stands in place of line N, and a word that the error must hold.
BAD = {
    "unknown option": (5, "wokers = 2", "wokers"),
    "no number": (5, 'workers = "many"', "workers"),
    "no worker": (5, "workers = 0", "workers"),
    "too many workers": (5, "workers = 100000", "workers"),
    "negative": (5, "workers = -1", "workers"),
    "PIN in the URI": (2, 'token = "pkcs11:token=cekd?pin-value=1234"', "pin-value"),
    "no URI": (2, 'token = "cekd"', "token"),
    "relative module": (1, 'module = "libsofthsm2.so"', "module"),
    "unknown operation": (11, '  operations = {"unwarp"}', "unwarp"),
    "unknown listener": (10, '  anyone = true  listeners = {"nowhere"}', "nowhere"),
    "unknown user": (10, '  users = {"no-such-user-here"}', "no-such-user-here"),
    "unknown group": (10, '  groups = {"no-such-group-here"}', "no-such-group-here"),
    "socket path too long": (7, f'  path = "/{"x" * 120}"', "path"),
    "no socket path": (7, "  mode = \"0600\"", "path"),
    "wrong mode": (7, '  path = "/tmp/x.sock"  mode = "rw-rw-rw-"', "mode"),
    "wrong sandbox": (5, 'sandbox = "sometimes"', "sandbox"),
    "two rules of one name": (9, 'rule "all" { anyone = true operations = {"unwrap"} keys = {"*"} }\nrule "all" {', "all"),
    "syntax": (5, "workers = = 2", "="),
    "a limit of nothing": (5, "limits { connections = 0 }", "connections"),
    "unknown limit": (5, "limits { connektions = 5 }", "connektions"),
}


def check(tmp_path, text):
    conf = tmp_path / "cekd.conf"
    conf.write_text(text)
    done = subprocess.run([C.BUILD / "daemon" / "cekd", "-c", conf, "--check"], capture_output=True, text=True,
                          timeout=C.PATIENCE)
    assert not C.SANITIZER.search(done.stderr), done.stderr
    return done


@pytest.fixture
def good(tmp_path):
    (tmp_path / "pin").write_text("1234")
    users = "".join(f'user-{kind} = "{uid}"\n' for kind, uid in (
        ("broker", C.UID_BROKER), ("token", C.UID_TOKEN), ("journal", C.UID_JOURNAL)))
    return GOOD.format(module=C.MODULE, where=tmp_path) + users


USERS = "".join(f'user-{kind} = "{uid}"\n'
                for kind, uid in (("broker", C.UID_BROKER), ("token", C.UID_TOKEN), ("journal", C.UID_JOURNAL)))


def test_good(tmp_path, good):
    done = check(tmp_path, good)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line, text, word", BAD.values(), ids=BAD.keys())
def test_error_names_file_and_line(tmp_path, good, line, text, word):
    lines = good.splitlines()
    lines[line - 1] = text
    done = check(tmp_path, "\n".join(lines) + "\n")
    assert done.returncode not in (0, None) and done.returncode > 0
    where = re.search(r"cekd\.conf:(\d+): (.*)", done.stderr)
    assert where, done.stderr
    assert word in where.group(2), done.stderr
    # An error that needs the whole section is named at its beginning or end.
    assert abs(int(where.group(1)) - line) <= 6, done.stderr


def test_missing_file(tmp_path):
    done = subprocess.run([C.BUILD / "daemon" / "cekd", "-c", tmp_path / "none.conf", "--check"], capture_output=True,
                          text=True, timeout=C.PATIENCE)
    assert done.returncode != 0 and "none.conf" in done.stderr


def test_readable_pin_file_is_refused_or_named(tmp_path, good):
    """A PIN that everybody can read is said so."""
    (tmp_path / "pin").chmod(0o644)
    done = check(tmp_path, good + USERS)
    assert "pin" in done.stderr.lower()


def test_listener_handed_over(make_cekd):
    """LISTEN_FDS: a socket that the service manager made is used under its name."""
    daemon = make_cekd(start=False)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = daemon.where / "handed-over.sock"
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen(16)
    command = daemon.command()
    daemon.command = lambda: ["/bin/bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=main exec "$@" 3<&{listener.fileno()}',
                              "sh", *command]
    daemon.pass_fds = [listener.fileno()]
    daemon.start()
    listener.close()
    with C.Client(path) as client:
        assert client.ok(status=C.pb.StatusRequest()).status_reply.ready
    assert not os.path.exists(daemon.socket)
