# SPDX-License-Identifier: Apache-2.0
"""Errors of the configuration name file and line and say what to do; nothing is started."""

import os
import re
import signal
import socket
import subprocess
import time

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
    "no number": (5, 'workers = "many"', "workers must be from 1 to 64"),
    "no worker": (5, "workers = 0", "workers must be from 1 to 64"),
    "too many workers": (5, "workers = 100000", "workers must be from 1 to 64"),
    "negative": (5, "workers = -1", "workers must be from 1 to 64"),
    "PIN in the URI": (2, 'token = "pkcs11:token=cekd?pin-value=1234"', "pin-value would put the PIN"),
    "no URI": (2, 'token = "cekd"', "token: it must start with pkcs11:"),
    "relative module": (1, 'module = "libsofthsm2.so"', "module must be an absolute path"),
    "unknown operation": (11, '  operations = {"unwarp"}', "unwarp"),
    "unknown listener": (10, '  anyone = true  listeners = {"nowhere"}', "nowhere"),
    "unknown user": (10, '  users = {"no-such-user-here"}', "no-such-user-here"),
    "unknown group": (10, '  groups = {"no-such-group-here"}', "no-such-group-here"),
    "socket path too long": (7, f'  path = "/{"x" * 120}"', "path is longer than a socket's may be"),
    "no socket path": (7, "  mode = \"0600\"", "path is missing"),
    "wrong mode": (7, '  path = "/tmp/x.sock"  mode = "rw-rw-rw-"', "mode is not an octal number"),
    "wrong sandbox": (5, 'sandbox = "sometimes"', "sandbox must be"),
    "two rules of one name": (9, 'rule "all" { anyone = true operations = {"unwrap"} keys = {"*"} }\nrule "all" {', "duplicate title 'all'"),
    "syntax": (5, "workers = = 2", '"=" where a value should stand'),
    "a limit of nothing": (5, "limits { connections = 0 }", "connections must be from 1"),
    "unknown limit": (5, "limits { connektions = 5 }", "connektions"),
    "variable that is not set": (12, '  keys = {"${CEKD_NOT_SET}*"}', 'rule "all": keys: the environment variable CEKD_NOT_SET'),
    "variable that is empty": (12, '  keys = {"${CEKD_EMPTY}*"}', "CEKD_EMPTY is empty"),
    "variable in a default": (12, '  keys = {"${CEKD_NOT_SET:-${CEKD_EMPTY}}*"}', 'rule "all": keys: "$" in the default of ${CEKD_NOT_SET}'),
    "dollar before a default": (12, '  keys = {"$${CEKD_NOT_SET:-{CEKD_EMPTY}}*"}', '"{" in the default of ${CEKD_NOT_SET}'),
    "variable outside of a string": (7, "  path = ${CEKD_NOT_SET}", 'listener "main": path: the environment variable'),
    "escape that is none": (12, '  keys = {"api\\*"}', "no escape"),
    "a key pattern without quotes": (12, "  keys = {*}", "double quotes"),
    "NUL": (12, '  keys = {"*\\x00-api"}', "no escape"),
    "no listener named": (10, "  anyone = true  listeners = {}", "listeners is empty"),
    "an empty list and another": (12, '  keys = {}  keys = {"*"}', "twice"),
    "a number that is none": (5, 'skew = ""', "skew must be from 0"),
    "octal": (5, "workers = 010", "workers must be from 1 to 64"),
    "a section that is not closed": (8, "", "a } is missing"),
}


def check(tmp_path, text, **environment):
    conf = tmp_path / "cekd.conf"
    conf.write_text(text)
    programs = C.default_programs()
    done = subprocess.run([programs / "cekd", "-c", conf, "--check", "--programs", programs], capture_output=True,
                          text=True, timeout=C.PATIENCE, env=os.environ | environment)
    assert not C.SANITIZER.search(done.stderr), done.stderr
    return done


@pytest.fixture
def good(tmp_path, first_token):
    (tmp_path / "pin").write_text("1234")
    users = "".join(f'user-{kind} = "{uid}"\n' for kind, uid in (
        ("broker", C.UID_BROKER), ("token", C.UID_TOKEN), ("journal", C.UID_JOURNAL)))
    return GOOD.format(module=C.MODULE, where=tmp_path) + users + \
        f'module-environment = {{"SOFTHSM2_CONF={first_token.conf}"}}\n'


USERS = "".join(f'user-{kind} = "{uid}"\n'
                for kind, uid in (("broker", C.UID_BROKER), ("token", C.UID_TOKEN), ("journal", C.UID_JOURNAL)))


def test_good(tmp_path, good):
    done = check(tmp_path, good)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line, text, word", BAD.values(), ids=BAD.keys())
def test_error_names_file_and_line(tmp_path, good, line, text, word):
    lines = good.splitlines()
    lines[line - 1] = text
    done = check(tmp_path, "\n".join(lines) + "\n", CEKD_EMPTY="")
    assert done.returncode not in (0, None) and done.returncode > 0
    where = re.search(r"cekd\.conf:(\d+): (.*)", done.stderr)
    assert where, done.stderr
    assert word in where.group(2), done.stderr
    # An error that needs the whole section is named at its beginning or end.
    assert abs(int(where.group(1)) - line) <= 6, done.stderr


def test_variable(tmp_path, good):
    """${NAME:-default}, and the line of what is wrong behind a comment."""
    text = "# a comment\n" + good.replace('{"*"}', '{"${CEKD_TENANT:-none}-*"}')
    for environment in {}, {"CEKD_TENANT": ""}, {"CEKD_TENANT": "t"}:
        done = check(tmp_path, text, **environment)
        assert done.returncode == 0, done.stderr
    done = check(tmp_path, text + "wokers = 1\n")
    assert f"cekd.conf:{len(text.splitlines()) + 1}: " in done.stderr, done.stderr


def test_a_dollar_and_the_value_behind_it_are_no_variable(make_cekd, monkeypatch):
    """An unset one would open the rule to all keys."""
    monkeypatch.setenv("CEKD_TEN", "{CEKD_NOT_SET}")
    monkeypatch.delenv("CEKD_NOT_SET", raising=False)
    daemon = make_cekd(rules={"some": {"anyone": True, "operations": ["create", "list"], "keys": ["$${CEKD_TEN}*", "mine"]}})
    with daemon.client() as client:
        assert C.status_name(client.call(create_key=C.pb.CreateKeyRequest(key="mine", alg="A128KW"))) == "OK"
        assert C.status_name(client.call(create_key=C.pb.CreateKeyRequest(key="other", alg="A128KW"))) == "UNKNOWN_KEY"


def test_cut_at_every_byte(tmp_path, good):
    """No prefix with an open section, list or string, or half a word, is another configuration."""
    whole = good + "limits { connections = 10 }\nworker-memory = 128\n"
    taken = [n for n in range(len(whole)) if check(tmp_path, whole[:n]).returncode == 0]
    lines = whole.splitlines(keepends=True)
    ends = [sum(map(len, lines[:i + 1])) for i in range(len(lines))]
    complete = {end for line, end in zip(lines, ends) if not line.startswith("  ") and not line.rstrip().endswith("{")}
    complete |= {end - 1 for end in complete if whole[end - 2] in '}"'}
    assert set(taken) <= complete, [whole[:n][-40:] for n in set(taken) - complete]
    assert len(taken) > len(USERS.splitlines())


@pytest.mark.parametrize("damage", ['"${CEKD_NOT_SET}*"', '"*', '"*"}'], ids=["variable", "string", "section"])
def test_reload_of_a_faulty_file_changes_nothing(make_cekd, damage):
    """Not even for the good file that comes after it."""
    daemon = make_cekd(rules={"all": {"anyone": True, "operations": ["status", "create"], "keys": ["a-*"]}})
    good = daemon.conf.read_text()
    assert good.endswith('keys = {"a-*"}\n}\n')
    daemon.conf.write_text(good.removesuffix('"a-*"}\n}\n') + damage)
    daemon.process.send_signal(signal.SIGHUP)
    C.wait_for(lambda: "the configuration stays as it was" in daemon.log_text(), "the reload to be refused")
    assert f"cekd.conf:{good.count(chr(10)) - 1}: " in daemon.log_text()
    create = C.pb.CreateKeyRequest(key="b", alg="A256KW")
    with daemon.client() as client:
        assert C.status_name(client.call(create_key=create)) != "OK"
        daemon.conf.write_text(good.replace("a-*", "b*"))
        daemon.process.send_signal(signal.SIGHUP)
        C.wait_for(lambda: "rules and limits are in force" in daemon.log_text(), "the reload")
        C.wait_for(lambda: C.status_name(client.call(create_key=create)) == "OK", "the new rule")


def test_missing_file(tmp_path):
    done = subprocess.run([C.BUILD / "daemon" / "cekd", "-c", tmp_path / "none.conf", "--check"], capture_output=True,
                          text=True, timeout=C.PATIENCE)
    assert done.returncode != 0 and "none.conf: No such file or directory" in done.stderr


@pytest.mark.parametrize("mode", [0o644, 0o440, 0o400])
def test_readable_pin_file_is_named(tmp_path, good, mode):
    """Beside its owner only root should read the PIN."""
    (tmp_path / "pin").chmod(mode)
    done = check(tmp_path, good)
    assert done.returncode == 0, done.stderr
    named = f"pin-file {tmp_path}/pin: others than its owner have access (mode {mode:04o})" in done.stderr
    assert named == (mode != 0o400), done.stderr


@pytest.mark.parametrize("mode, owner, words", [(0o666, 0, "mode 0666"), (0o664, 0, "mode 0664"),
                                                (0o644, C.UID_BOB, "belongs"), (0o644, 0, None)])
def test_configuration_that_others_can_write_is_named(tmp_path, good, mode, owner, words):
    conf = tmp_path / "cekd.conf"
    conf.touch()
    conf.chmod(mode)
    if owner:
        if not C.ROOT:
            pytest.skip("not root: cannot give files away")
        os.chown(conf, owner, owner)
    done = check(tmp_path, good)
    assert done.returncode == 0, done.stderr
    assert words in done.stderr if words else "every right" not in done.stderr


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


def test_reload_is_told_to_the_service_manager(daemon):
    """RELOADING=1, then READY=1: when the broker has taken the rules, or when it is clear that it will not."""
    def reload():
        daemon.process.send_signal(signal.SIGHUP)
        daemon.notify.settimeout(C.PATIENCE)
        while True:
            lines = daemon.notify.recv(4096).decode().splitlines()
            if "RELOADING=1" in lines:
                break
        assert lines[1].startswith("MONOTONIC_USEC=") and 0 < int(lines[1].split("=")[1]) <= time.monotonic() * 1e6
        daemon.wait_notified("READY=1")
    reload()
    assert "cekd-broker: new rules and limits are in force" in daemon.log_text()
    daemon.conf.write_text(daemon.conf.read_text() + "nonsense = 1\n")
    reload()
    assert "the configuration stays as it was" in daemon.log_text()
