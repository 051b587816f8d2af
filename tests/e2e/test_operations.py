# SPDX-License-Identifier: Apache-2.0
"""The runbooks of docs/operations.md, each command as it stands there, on a real cekd.

Substituted are the variables of its section "Names", nothing else; systemctl and journalctl are programs that speak for this
test's daemon. A runbook has a function here with its heading's name: it brings about what the runbook is for, yields for each
block of commands, gets what that printed, and looks at what came of it.
"""

import json
import os
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import threading

import cekd as C
import pytest
from cekd import pb, status_name

TEXT = (C.SOURCE / "docs" / "operations.md").read_text()
RUNBOOKS = {heading: re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
            for heading, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)}
NAMES = re.findall(r"^(?:export )?(\w+)=", RUNBOOKS.pop("Names")[0], re.M)

UNITS = re.search('^UNITS="(.*)"$', TEXT, re.M)[1]

# Asks this test to do it: "systemctl start cekd.service".
SPEAKER = """#!{python}
import socket, sys
with socket.socket(socket.AF_UNIX) as to:
    to.connect({path!r})
    to.sendall("\\n".join([{name!r}, *sys.argv[1:]]).encode())
    to.shutdown(socket.SHUT_WR)
    status, _, text = to.makefile().read().partition(" ")
sys.stdout.write(text)
sys.exit(int(status))
"""


needs_hand_over = pytest.mark.skipif("CEKD_WRAP" in os.environ, reason="valgrind does not know CLONE_PARENT")


class Service:
    """cekd as a service manager has it: its configuration is what stands in the file."""

    def __init__(self, daemon, where):
        self.daemon = daemon
        daemon.conf.write_text(daemon.config.text())
        daemon.config.text = daemon.conf.read_text
        service = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    answer = f"0 {service.asked(*self.rfile.read().decode().splitlines())}"
                except Exception as error:
                    answer = f"1 {error}\n"
                self.wfile.write(answer.encode())

        self.server = socketserver.UnixStreamServer(str(where / "service"), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def asked(self, program, *words):
        if program == "journalctl":
            assert words[:2] == ("-u", "cekd"), words
            return self.daemon.log_text()
        if words == ("kill", "--kill-whom=main", "--signal=USR2", "cekd.service"):
            self.daemon.process.send_signal(signal.SIGUSR2)
            return ""
        verb, *units = words
        if words[:2] == ("disable", "--now"):
            verb, units = "stop", units[1:]
        # A stop of the service alone ends with the next gateway that connects: systemd has the sockets.
        assert units == UNITS.split(), words
        if verb in ("stop", "restart"):
            self.daemon.stop()
        if verb in ("start", "restart"):
            self.daemon.spawn()
            self.daemon.wait_notified("READY=1")  # as Type=notify has it
        if verb == "reload":
            self.daemon.process.send_signal(signal.SIGHUP)
        assert verb in ("start", "stop", "restart", "reload"), verb
        return ""

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Operator:
    """A shell at night: variables that one block sets are there in the next."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.where = daemon.where
        self.bin = self.where / "bin"
        self.bin.mkdir()
        self.saved = self.where / "variables"
        self.saved.touch()
        self.backup = self.where / "backup"
        self.service = Service(daemon, self.where)
        for name in ("systemctl", "journalctl"):
            (self.bin / name).write_text(SPEAKER.format(python=sys.executable, path=str(self.where / "service"), name=name))
            (self.bin / name).chmod(0o755)
        (self.bin / "cekctl").symlink_to(C.CEKCTL)
        (self.bin / "cekd").write_text(f'#!/bin/sh\nexec {daemon.programs}/cekd --programs {daemon.programs} "$@"\n')
        (self.bin / "cekd").chmod(0o755)  # as an installed one, which knows where the others are
        self.variables = {
            "CONF": daemon.conf, "STATE": daemon.state, "TOKEN": daemon.token.where, "PIN": daemon.token.pin_file,
            "MODULE": C.MODULE, "LABEL": "cekd", "SOFTHSM2_CONF": daemon.token.conf, "CEK_SOCKET": daemon.socket,
            "KEY": "api", "BACKUP": self.backup, "JWKS": self.where / "jwks", "NEW": self.where / "new", "UPGRADE": "true",
            "UNITS": UNITS}

    def sh(self, block):
        # The umask of "A backup", which comes first.
        script = f"umask 077\nset -eu\n. {self.saved}\nset -a\n{block}set +a\nexport -p >{self.saved}\n"
        env = {"PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.where)} | {
            name: str(value) for name, value in self.variables.items()}
        done = subprocess.run(["sh", "-c", script], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=C.PATIENCE * 2, cwd=self.where)
        assert done.returncode == 0, f"exit {done.returncode}\n{block}\n{done.stdout}"
        return done.stdout

    # what a gateway sees

    def make(self, key="api"):
        with self.daemon.client() as client:
            return client.generate(key)

    def opens(self, made):
        with self.daemon.client() as client:
            reply = client.unwrap(made)
        assert reply.status != pb.STATUS_OK or reply.unwrap.cek == made.cek
        return status_name(reply)

    def versions(self, key="api"):
        """kid → state."""
        with self.daemon.client() as client:
            versions = client.ok(describe_key=pb.DescribeKeyRequest(key=key)).key.key.version
        return {version.kid: pb.State.Name(version.state).removeprefix("STATE_").lower() for version in versions}

    def do(self, heading, *which):
        """Commands of another runbook that one refers to."""
        return [self.sh(RUNBOOKS[heading][i]) for i in which]


def rotate(o):
    with o.daemon.client() as client:
        client.rotate("api")
    return o.make()


def a_backup(o):
    made = o.make()
    yield
    assert {path.name for path in o.backup.iterdir()} == {"keys.jsonl", "tokens", "audit.jsonl"}
    yield
    told = yield
    head = (o.backup / "heads").read_text().split()[1]
    assert head.split(":")[1] in told and o.opens(made) == "OK"


def the_pin(o):
    made, before = o.make(), o.daemon.token.pin_file.read_text()
    mode = o.daemon.token.pin_file.stat()
    workers = o.daemon.workers()
    yield
    after = o.daemon.token.pin_file.stat()
    assert o.daemon.token.pin_file.read_text() != before
    assert (after.st_mode, after.st_uid, after.st_gid) == (mode.st_mode, mode.st_uid, mode.st_gid)
    assert o.opens(made) == "OK" and o.daemon.workers() == workers  # nobody has noticed
    told = yield
    assert "handed over" in told and o.opens(made) == "OK" and not {*o.daemon.workers().values()} & {*workers.values()}


def publishing_the_jwk_set(o):
    told = yield
    assert told.splitlines()[-1] == "max-age=3600"
    assert [key["kid"] for key in json.loads((o.where / "jwks" / "api.json").read_text())["keys"]] == [*o.versions()]
    yield


def the_token_is_older_than_the_journal(o):
    old = o.make()
    older = o.where / "older"
    shutil.copytree(o.daemon.token.tokens, older)
    give_as(o.daemon.token.tokens, older)
    lost = rotate(o)
    o.do("A backup", 0)  # the newer one
    with_newer, o.daemon.token.tokens = o.daemon.token.tokens, o.daemon.token.tokens
    o.daemon.stop()
    shutil.rmtree(with_newer)
    older.rename(with_newer)
    o.daemon.spawn()
    C.wait_for(lambda: answers(o), "cekd to answer")
    assert o.opens(lost) == "UNUSABLE" and o.opens(old) == "OK"
    seen = yield
    assert "missing" in seen and lost.kid in seen and "no object in the token" in seen
    yield
    assert o.opens(lost) == o.opens(old) == "OK"
    told = yield
    assert o.make().kid not in (old.kid, lost.kid) and o.make().kid in told
    yield


def the_journal_is_older_than_the_token(o):
    old = o.make()
    o.do("A backup", 0, 1)
    bad, later = rotate(o), rotate(o)
    with o.daemon.client() as client:
        client.ok(set_key_state=pb.SetKeyStateRequest(kid=old.kid, state=pb.STATE_COMPROMISED))
    o.variables["COMPROMISED"] = old.kid
    seen = yield  # all is well yet
    assert "NOT IN IT" not in seen
    seen = yield
    assert "NOT IN IT" in seen and old.kid in seen
    assert o.opens(later) == "UNAVAILABLE"
    yield
    yield
    assert o.opens(old) == "UNUSABLE" and o.opens(later) == "UNKNOWN_KEY"
    yield
    assert o.opens(bad) == o.opens(later) == "OK"
    assert o.versions() == {old.kid: "compromised", bad.kid: "deactivated", later.kid: "deactivated"}
    yield
    assert o.opens(o.make()) == "OK"
    yield


def a_compromise(o):
    made = o.make()
    for _ in range(3):
        assert o.opens(made) == "OK"
    yield
    assert o.opens(made) == "UNUSABLE" and o.opens(o.make()) == "OK"
    told = yield
    assert made.kid not in told and o.make().kid in told
    told = yield
    assert re.search(rf"\b3 OK main {os.geteuid()}\b", told), told
    yield
    yield
    assert o.versions()[made.kid] == "waiting"


def a_dead_hsm(o):
    made = o.make()
    away = o.daemon.token.where / "away"
    o.daemon.token.tokens.rename(away)
    o.daemon.stop()
    o.daemon.spawn()
    C.wait_for(lambda: answers(o), "cekd to answer")
    seen = yield
    assert "NOT ready" in seen and "token" in seen and o.opens(made) in ("UNAVAILABLE", "DEADLINE")
    away.rename(o.daemon.token.tokens)
    yield
    assert o.opens(made) == "OK"


def a_new_hsm(o):
    made = o.make()
    yield
    yield
    assert "handed over" in (yield)
    o.daemon.token.tokens.rename(o.where / "off")  # the old one
    yield
    assert o.opens(made) == "OK" and o.opens(rotate(o)) == "OK"


def a_key_ceremony(o):
    yield
    told = yield
    assert "refused" in told and "sign" in told
    yield
    told = yield
    kid = o.make("ceremony").kid
    assert kid in told
    told = yield
    assert told.startswith(f"{kid} adopted ") and "sign" in told
    assert o.opens(o.make("ceremony")) == "OK"


def moving_to_another_host(o):
    made = o.make()
    yield
    yield
    assert not (o.daemon.state / "keys.jsonl").exists() and not o.daemon.token.tokens.exists()
    yield
    yield
    yield
    assert o.opens(made) == "OK" and o.opens(rotate(o)) == "OK"


def handing_the_audit_journal_over(o):
    made = o.make()
    assert o.opens(made) == "OK"
    made.kid += "x"
    assert o.opens(made) == "UNKNOWN_KEY"
    yield
    told = yield
    assert "unwrap" in told and "UNKNOWN_KEY" in told and " create api " in told
    yield


def an_upgrade(o):
    made = o.make()
    yield
    assert "handed over" in (yield)
    yield
    assert o.opens(made) == "OK"


PLAYS = {heading: heading.lower().replace(" ", "_") for heading in RUNBOOKS if RUNBOOKS[heading]}


def give_as(model, path):
    """The owner of what was copied by hand."""
    of = os.stat(model)
    for item in (path, *path.rglob("*")):
        like = model / item.relative_to(path)
        of = os.stat(like) if like.exists() else of
        os.chown(item, of.st_uid, of.st_gid)


def answers(o):
    try:
        return o.daemon.status().journal == "ok"
    except (ConnectionError, FileNotFoundError):
        return False


@pytest.fixture
def operator(make_cekd):
    daemon = make_cekd()
    daemon.key("RSA-OAEP-256", name="api")
    operator = Operator(daemon)
    yield operator
    operator.service.close()


@needs_hand_over
@pytest.mark.parametrize("heading", PLAYS)
def test_runbook(operator, heading):
    play = globals()[PLAYS[heading]](operator)
    next(play)
    blocks = RUNBOOKS[heading]
    for i, block in enumerate(blocks):
        printed = operator.sh(block)
        print(f"{block}\n{printed}")
        try:
            play.send(printed)
        except StopIteration:
            assert i + 1 == len(blocks), f"{heading}: {len(blocks)} blocks of commands, a play for {i + 1}"
            return
    raise AssertionError(f"{heading}: the play goes on after {len(blocks)} blocks of commands")


def test_all_commands_are_run():
    """No block is of another kind, no name is substituted that the page does not explain."""
    assert len(re.findall(r"^```", TEXT, re.M)) == 2 * (1 + sum(map(len, RUNBOOKS.values())))
    assert len(PLAYS) >= 11
    assert set(NAMES) == {"CONF", "STATE", "TOKEN", "PIN", "MODULE", "LABEL", "SOFTHSM2_CONF", "CEK_SOCKET", "KEY", "BACKUP", "JWKS",
                          "NEW", "UPGRADE", "UNITS"}
    assert "`$COMPROMISED`" in TEXT
    headings = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in RUNBOOKS}
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= headings
