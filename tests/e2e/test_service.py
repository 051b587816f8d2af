# SPDX-License-Identifier: Apache-2.0
"""The unit of systemd: what it takes away is not needed; a PIN as a credential; the first start with SoftHSM."""

import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import time

import cekd as C
import pytest

pytestmark = pytest.mark.skipif(not C.ROOT, reason="needs root: the unit starts cekd as root")
UNIT = C.SOURCE / "packaging" / "systemd" / "cekd.service.in"
FENCE = C.SOURCE / "tests" / "e2e" / "fence.py"
GID_GATEWAYS = 64015
ALICE = {"user": C.UID_ALICE, "group": C.UID_ALICE}


def fence_is_missing():
    if C.sanitized() or os.environ.get("CEKD_WRAP"):
        return "sanitizers and valgrind need what the unit takes away"
    done = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True)
    return done.stderr.strip()


@pytest.fixture
def behind_the_fence():
    why = fence_is_missing()
    if why:
        pytest.skip(why)

    def fence(daemon, groups=(C.UID_JOURNAL, GID_GATEWAYS)):
        command = daemon.command
        options = [word for gid in groups for word in ("--group", gid)]
        daemon.command = lambda: ["/usr/bin/python3", FENCE, "--write", daemon.where, *options, UNIT, *command()]
        return daemon
    return fence


def gateway_for_a_group(where_is):
    return {"main": {"path": where_is("cekd.sock"), "mode": "0660", "group": str(GID_GATEWAYS)}}


@pytest.fixture
def where():
    path = C.folder("cekd-service-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


def owner(path):
    st = os.stat(path)
    return st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)


def test_cekd_needs_nothing_that_the_unit_takes_away(make_cekd, behind_the_fence, where):
    daemon = make_cekd(start=False)
    daemon.config.listeners["main"] |= {"mode": "0660", "group": str(GID_GATEWAYS)}
    plain = make_cekd()
    behind_the_fence(daemon).start()
    with open(f"/proc/{daemon.process.pid}/status") as file:
        text = dict(line.split(":", 1) for line in file)
    assert int(text["CapBnd"], 16) == 1 << 5 | 1 << 6 | 1 << 7  # KILL, SETGID, SETUID
    assert owner(daemon.socket) == (0, GID_GATEWAYS, 0o660)
    assert owner(daemon.keys) == (0, C.UID_JOURNAL, 0o640)
    assert daemon.status().sandbox == plain.status().sandbox
    assert daemon.status().split_uids
    for alg in ("RSA-OAEP-256", "ECDH-ES+A256KW", "A256GCMKW"):
        with daemon.client() as client:
            wrapped = client.generate(daemon.key(alg))
            client.rotate(daemon.key(alg))
            assert C.status_name(client.unwrap(wrapped)) == "OK"
    for name in ("cekd-token", "cekd-broker", "cekd-journal"):
        daemon.kill_child(name)
    daemon.restart()
    with daemon.client() as client:
        assert C.status_name(client.unwrap(wrapped)) == "OK"
    warnings = [line for line in daemon.log_text().splitlines() if "locked" in line or "permitted" in line]
    assert warnings == []


def test_journals_of_a_cekd_that_could_give_them_away(make_cekd, behind_the_fence):
    """They belong to the journal's user, whose files a root without rights over those of others cannot just open."""
    daemon = make_cekd()
    with daemon.client() as client:
        wrapped = client.generate(daemon.key("A256KW"))
    daemon.stop()
    assert owner(daemon.keys) == (C.UID_JOURNAL, C.UID_JOURNAL, 0o640)
    behind_the_fence(daemon).start()
    with daemon.client() as client:
        assert C.status_name(client.unwrap(wrapped)) == "OK"
    assert owner(daemon.keys) == (C.UID_JOURNAL, C.UID_JOURNAL, 0o640)


def test_journal_of_a_stranger(make_cekd, behind_the_fence):
    daemon = make_cekd(start=False)
    daemon.keys.touch(mode=0o640)
    os.chown(daemon.keys, C.UID_ALICE, C.UID_ALICE)
    code, daemon.process = behind_the_fence(daemon).spawn().process.wait(C.PATIENCE), None
    daemon.notify.close()
    assert code == 1 and daemon.log_text().count("keys.jsonl: belongs to another user") == 1, daemon.log_text()


def processor(pid):
    """Clock ticks that it has used."""
    with open(f"/proc/{pid}/stat") as file:
        return sum(int(field) for field in file.read().rsplit(")", 1)[1].split()[11:13])


def test_waiting_for_the_journal_costs_nothing(make_cekd):
    """The broker is started after it: until then nothing is due."""
    daemon = make_cekd(page=True)
    daemon.stop()
    daemon.page.arm("journal.not-ready")
    daemon.spawn()
    C.wait_for(daemon.page.hit, "the journal, which is not ready yet")
    before = processor(daemon.process.pid)
    time.sleep(1)
    assert processor(daemon.process.pid) - before < 5
    daemon.page.disarm()
    daemon.wait_ready()


def test_listener_for_a_group_that_cekd_is_not_in(make_cekd, behind_the_fence):
    """From the start, and in a hand-over, which keeps the groups of the start."""
    daemon = make_cekd(start=False)
    daemon.config.listeners["main"] |= {"group": str(GID_GATEWAYS)}
    behind_the_fence(daemon, groups=[C.UID_JOURNAL]).start()
    assert owner(daemon.socket) == (0, GID_GATEWAYS, 0o666)
    other = daemon.where / "other.sock"
    daemon.config.listeners["other"] = {"path": str(other), "mode": "0660", "group": str(C.UID_BOB)}
    daemon.conf.write_text(daemon.config.text())
    daemon.process.send_signal(signal.SIGUSR2)
    C.wait_for(lambda: other.exists() and owner(other) == (0, C.UID_BOB, 0o660), "the heir's listener")
    with open(f"/proc/{daemon.process.pid}/status") as file:
        text = dict(line.split(":", 1) for line in file)
    assert str(C.UID_BOB) not in text["Gid"].split() + text["Groups"].split()


def test_listener_for_an_owner_that_the_unit_cannot_make(make_cekd, behind_the_fence):
    daemon = make_cekd(start=False)
    daemon.config.listeners["main"] |= {"owner": str(C.UID_ALICE), "group": str(GID_GATEWAYS)}
    process = behind_the_fence(daemon).spawn().process
    assert process.wait(C.PATIENCE) == 1
    daemon.process = None
    daemon.notify.close()
    assert "SocketUser=" in daemon.log_text()
    assert not os.path.exists(daemon.socket)


def test_ready_without_a_token(make_cekd):
    """A boot does not wait for a card: the manager is told what cekd waits for, and peers get UNAVAILABLE at once."""
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
    daemon.stop()
    away = daemon.token.where / "away"
    daemon.token.tokens.rename(away)
    daemon.spawn()
    daemon.wait_notified("READY=1")
    status = daemon.status()
    assert not status.ready and status.why_not_ready
    with daemon.client() as client:
        begun = time.monotonic()
        refused = client.unwrap(made)
        assert (C.status_name(refused), refused.message) == ("UNAVAILABLE", "the token is not available")
        assert time.monotonic() - begun < C.PATIENCE / 2
    C.wait_for(lambda: "no CEK is served so far: waiting for the token: " in daemon.log_text(), "the log to say so")
    away.rename(daemon.token.tokens)
    daemon.wait_ready()
    with daemon.client() as client:
        assert C.status_name(client.unwrap(made)) == "OK"


@pytest.mark.parametrize("told", [True, False])
def test_pin_as_a_credential(make_cekd, behind_the_fence, where, told, monkeypatch):
    """As systemd lays it out: a folder of root's that only root may enter, and a file in it. With the variable unset, as
    when cekd --check is run by hand, the default leads to the same place."""
    folder = where / "cekd.service"
    folder.mkdir(mode=0o700)
    pin_file = '${CREDENTIALS_DIRECTORY:-%s}/cekd.pin' % folder
    daemon = make_cekd(start=False, pin_file=pin_file)
    shutil.move(daemon.token.pin_file, folder / "cekd.pin")
    (folder / "cekd.pin").chmod(0o400)
    folder.chmod(0o500)
    if told:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    else:
        monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    behind_the_fence(daemon).start()
    assert daemon.status().ready
    C.run([daemon.programs / "cekd", "-c", daemon.conf, "--check", "--programs", daemon.programs])


class FirstStart:
    """What cekd-softhsm-init has on a machine: its configuration, cekctl, a state directory."""

    def __init__(self, where):
        self.where = where
        self.etc, self.state = where / "etc" / "cekd", where / "var" / "lib" / "cekd"
        self.token = self.state / "softhsm"
        (where / "bin").mkdir()
        (where / "bin" / "cekctl").symlink_to(C.CEKCTL)
        self.etc.mkdir(parents=True)
        self.state.mkdir(parents=True, mode=0o711)
        values = {"bindir": where / "bin", "sysconfdir": where / "etc", "localstatedir": where / "var"}
        for name, mode in (("cekd-softhsm-init", 0o755), ("cekd.conf", 0o644), ("softhsm2.conf", 0o644)):
            text = (C.SOURCE / "softhsm-conf" / f"{name}.in").read_text()
            for key, value in values.items():
                text = text.replace(f"@{key}@", str(value))
            path = self.etc / name
            path.write_text(text)
            path.chmod(mode)
        self.script = self.etc / "cekd-softhsm-init"

    def command(self, what):
        return [self.script, what]

    def run(self, what, check=True, **env):
        return C.run(self.command(what), check=check, env=os.environ | {"CEKD_TOKEN_USER": str(C.UID_TOKEN)} | env)

    def tokens(self):
        return sorted(path.name for path in (self.token / "tokens").iterdir())


@pytest.fixture
def first_start(where):
    return FirstStart(where)


def test_first_start_makes_a_token(first_start):
    first_start.run("token")
    tokens = first_start.tokens()
    assert len(tokens) == 1
    assert owner(first_start.token) == (0, 0, 0o711)
    assert owner(first_start.token / "pin") == (0, 0, 0o400)
    assert owner(first_start.token / "pin.so") == (0, 0, 0o400)
    assert owner(first_start.token / "tokens") == (C.UID_TOKEN, C.UID_TOKEN, 0o700)
    assert owner(first_start.token / "tokens" / tokens[0] / "token.object") == (0, C.UID_TOKEN, 0o440)
    assert not (first_start.state / "softhsm.new").exists() and not (first_start.token / "softhsm2.conf").exists()
    pin = (first_start.token / "pin").read_text()
    first_start.run("token")
    assert first_start.tokens() == tokens and (first_start.token / "pin").read_text() == pin


def test_machines_share_no_token(where):
    made = []
    for name in ("a", "b"):
        (where / name).mkdir()
        made.append(FirstStart(where / name))
        made[-1].run("token")
    assert made[0].tokens() != made[1].tokens()
    assert (made[0].token / "pin").read_text() != (made[1].token / "pin").read_text()


@pytest.mark.parametrize("rows", range(1, 8))
def test_first_start_that_is_killed(first_start, where, rows):
    """After each of its commands in turn: the next start makes a whole token, and only one."""
    text = first_start.script.read_text()
    before, body = text.split('	rm -rf "$token.new"\n')
    lines = ['	rm -rf "$token.new"\n', *body.splitlines(keepends=True)]
    # Two of the lines are one command.
    commands = [line for line in lines if not line.startswith(("	#", "\t\t"))]
    cut = lines.index(commands[rows - 1]) + 1
    while lines[cut].startswith("\t\t"):
        cut += 1
    killed = first_start.etc / "killed"
    killed.write_text(before + "".join(lines[:cut]) + "	kill -KILL $$\n" + "".join(lines[cut:]))
    killed.chmod(0o755)
    done = subprocess.run([killed, "token"], env=os.environ | {"CEKD_TOKEN_USER": str(C.UID_TOKEN)}, capture_output=True)
    assert done.returncode == -9, done
    first_start.run("token")
    assert len(first_start.tokens()) == 1
    assert not (first_start.state / "softhsm.new").exists()


def test_journal_whose_token_is_gone(first_start):
    """No second token in silence: what was encrypted for the first one would be lost."""
    (first_start.state / "keys.jsonl").write_text('{"seq":1,"type":"version"}\n')
    done = first_start.run("token", check=False)
    assert done.returncode == 1 and "bring it back" in done.stderr
    assert not first_start.token.exists()


@pytest.mark.parametrize("name", ["cekd.conf", "softhsm2.conf"])
def test_configuration_with_another_token(first_start, name):
    conf = first_start.etc / name
    first_start.run("used")
    conf.write_text(conf.read_text().replace("softhsm", "hsm"))
    assert first_start.run("used", check=False).returncode == 1
    assert "nothing to do" in first_start.run("token").stdout
    assert not first_start.token.exists()


def default_daemon(make_cekd, first_start):
    """A cekd with the configuration that is installed; only accounts and sockets are of this test."""
    first_start.run("token")
    daemon = make_cekd(start=False)
    run = daemon.where
    text = (first_start.etc / "cekd.conf").read_text().replace("/run/cekd", str(run))
    text = text.replace('{"cekd"}', f'{{"{GID_GATEWAYS}"}}').replace('group = "cekd"', f'group = "{GID_GATEWAYS}"')
    text = text.replace('"_cekd-jwks"', f'"{C.UID_BOB}"')
    text += "".join(f'user-{kind} = "{uid}"\n' for kind, uid in
                    (("broker", C.UID_BROKER), ("token", C.UID_TOKEN), ("journal", C.UID_JOURNAL)))
    daemon.config.text = lambda: text
    return daemon.start(), {"CEK_SOCKET": str(run / "operations.sock")}


def test_first_key_and_who_may_use_it(make_cekd, first_start):
    """A member of the group opens and makes tokens at once; root operates, on both sockets, and opens nothing."""
    daemon, operations = default_daemon(make_cekd, first_start)
    first_start.run("key", **operations)
    gateway = {"CEK_SOCKET": str(daemon.where / "cekd.sock")}
    member = {"user": C.UID_ALICE, "group": C.UID_ALICE, "extra_groups": [GID_GATEWAYS]}

    def cekctl(*args, env=gateway, check=True, **kwargs):
        return C.run([C.CEKCTL, *args], env=os.environ | env, check=check, **kwargs)
    token = cekctl("jwe", "encrypt", "--key", "api", "--enc", "A256GCM", input="hello", **member).stdout
    assert cekctl("jwe", "decrypt", "--key", "api", input=token, **member).stdout == "hello"
    assert "api" in cekctl("key", "list", **member).stdout
    cekctl("status", "--ready", **member)
    assert cekctl("key", "create", "mine", "--alg", "A256KW", check=False, **member).returncode != 0
    for env in (gateway, operations):
        cekctl("status", env=env)
        cekctl("key", "rotate", "api", env=env)
        assert cekctl("jwe", "decrypt", "--key", "api", env=env, check=False, input=token).returncode != 0
    before = cekctl("key", "list").stdout
    first_start.run("key", **operations)
    # Killed between the key and its mark.
    (first_start.token / "first-key").unlink()
    first_start.run("key", **operations)
    assert cekctl("key", "list").stdout == before and (first_start.token / "first-key").exists()


def test_first_key_is_tried_again(make_cekd, first_start):
    nobody = {"CEK_SOCKET": str(first_start.where / "nobody")}
    first_start.run("token")
    assert first_start.run("key", check=False, **nobody).returncode != 0
    assert not (first_start.token / "first-key").exists()


def test_publisher_of_a_key(make_cekd, first_start):
    """The user of cekd-jwks@NAME.service reads public keys at a socket of its own, and can do nothing else, anywhere."""
    daemon, operations = default_daemon(make_cekd, first_start)
    first_start.run("key", **operations)
    publisher = {"user": C.UID_BOB, "group": C.UID_BOB}

    def cekctl(*args, at="public.sock", as_whom=publisher, **kwargs):
        return C.run([C.CEKCTL, *args], env=os.environ | {"CEK_SOCKET": str(daemon.where / at)}, check=False, **as_whom, **kwargs)
    [key] = json.loads(cekctl("jwks", "api").stdout)["keys"]
    assert key["alg"] == "RSA-OAEP-256"
    for words in (["jwe", "encrypt", "--key", "api", "--enc", "A256GCM"], ["key", "list"], ["status"], ["key", "rotate", "api"]):
        assert cekctl(*words, input="hello").returncode == 4, words
    assert owner(daemon.where / "public.sock") == (0, C.UID_BOB, 0o660)
    for at in ("cekd.sock", "operations.sock"):
        assert cekctl("jwks", "api", at=at).returncode == 4
    for stranger in (ALICE, ALICE | {"extra_groups": [GID_GATEWAYS]}):
        assert cekctl("jwks", "api", as_whom=stranger).returncode == 4
