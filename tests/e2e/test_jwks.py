# SPDX-License-Identifier: Apache-2.0
"""cekctl jwks: what issuers get is a whole set that they can use, or the one from before."""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from types import SimpleNamespace

import cekd as C
import pytest
from cekd import pb
from test_hostile import daemon as hostile

READS = 11_875  # of which 1,572 were no JSON, when "cekctl jwks > file" wrote it


@pytest.fixture
def daemon(make_cekd):
    return make_cekd()


def kids(text):
    return [key["kid"] for key in json.loads(text)["keys"]]


def active(daemon, name):
    return daemon.json("key", "show", name)["active"]


class Follower:
    """cekctl jwks NAME… --output FILE --follow, with the service manager that it tells."""

    def __init__(self, daemon, tmp_path, *args):
        self.log = tmp_path / "follower.log"
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(tmp_path / "notify"))
        self.notify.settimeout(C.PATIENCE)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(arg) for arg in (C.CEKCTL, "jwks", *args, "--follow")], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env=daemon.cekctl_env(NOTIFY_SOCKET=str(tmp_path / "notify")))

    def ready(self):
        assert self.notify.recv(4096) == b"READY=1"

    def says(self, text, times=1):
        C.wait_for(lambda: self.log.read_text().count(text) >= times or self.ended(), f"{text}\n{self.log.read_text()}")
        assert self.process.poll() is None, self.log.read_text()

    def ended(self):
        return self.process.poll() is not None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(C.PATIENCE) == 0, self.log.read_text()
        assert not C.SANITIZER.search(self.log.read_text())


@pytest.fixture
def follow(tmp_path):
    with contextlib.ExitStack() as stack:
        def start(daemon, *args):
            follower = Follower(daemon, tmp_path, *args)
            stack.callback(follower.notify.close)
            stack.callback(follower.process.wait)
            stack.callback(follower.process.kill)
            return follower
        yield start


# ---- what a set holds -----------------------------------------------------------------------------------------------


def test_names_are_demanded(daemon):
    assert "UNUSABLE" in daemon.cekctl("jwks", check=False).stderr  # there is none
    daemon.key("RSA-OAEP-256", name="one")
    daemon.key("A256KW", name="secret")
    assert kids(daemon.cekctl("jwks").stdout) == [active(daemon, "one")]  # there is only one
    daemon.key("ECDH-ES", "P-256", name="two")
    refused = daemon.cekctl("jwks", check=False)
    assert refused.returncode == 2 and refused.stdout == "" and "--every-key" in refused.stderr
    assert kids(daemon.cekctl("jwks", "--every-key").stdout) == [active(daemon, "one"), active(daemon, "two")]
    assert daemon.cekctl("jwks", "one", "--every-key", check=False).returncode == 2


def test_a_key_without_a_version_for_issuers(daemon, tmp_path):
    daemon.key("RSA-OAEP-256", name="one")
    daemon.key("RSA-OAEP-256", name="other")
    daemon.key("A256KW", name="secret")
    file = tmp_path / "set.json"
    daemon.cekctl("jwks", "one", "other", "--output", file)
    before = file.read_bytes()
    daemon.cekctl("key", "suspend", "other/active", "--force")
    for args in (["other"], ["one", "other"], ["secret"], ["one", "secret"], ["other", "--all"], ["other", "--format", "pem"]):
        done = daemon.cekctl("jwks", *args, "--output", file, check=False)
        assert done.returncode == 1 and "UNUSABLE" in done.stderr, (args, done)
        assert file.read_bytes() == before
        assert daemon.cekctl("jwks", *args, check=False).stdout == ""
    done = daemon.cekctl("jwks", "absent", "--output", file, check=False)
    assert done.returncode == 3 and file.read_bytes() == before
    daemon.stop()
    done = daemon.cekctl("jwks", "one", "--output", file, check=False)
    assert done.returncode == 5 and file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["set.json"]


def test_whom_it_would_harm(daemon):
    daemon.key("RSA-OAEP-256", name="one")
    daemon.key("RSA-OAEP-256", name="two")
    daemon.key("ECDH-ES", "X25519", name="x")
    assert daemon.cekctl("jwks", "one").stderr == daemon.cekctl("jwks", "x").stderr == ""
    assert "one and two are both for RSA-OAEP-256" in daemon.cekctl("jwks", "one", "two").stderr
    text = daemon.cekctl("jwks", "one", "x").stderr
    assert "go-jose" in text and "both for" not in text
    for n in range(3):
        daemon.cekctl("key", "rotate", "one", "--yes")
    assert daemon.cekctl("jwks", "one", "--all").stderr == ""  # versions of one key share its alg


@pytest.mark.slow
@pytest.mark.long
def test_a_set_that_nimbus_does_not_read(daemon):
    with daemon.client() as client:
        client.ok(create_key=pb.CreateKeyRequest(key="long", alg="ECDH-ES", crv="P-521"))
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key="long", schedule=pb.Schedule(overlap=3600)))
        while len(daemon.cekctl("jwks", "long", "--all").stdout) <= 51_200:
            assert "Nimbus" not in daemon.cekctl("jwks", "long", "--all").stderr
            for _ in range(40):
                client.rotate("long")
    assert "reads no more than 51200" in daemon.cekctl("jwks", "long", "--all").stderr


@pytest.mark.parametrize("alg, crv", [("RSA-OAEP-256", None), ("ECDH-ES", "P-256"), ("ECDH-ES", "X25519")])
def test_pem(daemon, alg, crv):
    from cryptography.hazmat.primitives import serialization as ser
    name = daemon.key(alg, crv)
    daemon.cekctl("key", "rotate", name, "--yes")
    public = json.loads(daemon.cekctl("jwks", name).stdout)["keys"][0]
    key = ser.load_pem_public_key(daemon.cekctl("jwks", name, "--format", "pem").stdout.encode())
    if crv == "X25519":
        assert key.public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw) == C.unb64(public["x"])
    else:
        number = key.public_numbers().n if alg.startswith("RSA") else key.public_numbers().x
        assert number == int.from_bytes(C.unb64(public["n" if alg.startswith("RSA") else "x"]), "big")


def test_pem_is_of_one_key(daemon):
    daemon.key("RSA-OAEP-256", name="one")
    daemon.key("ECDH-ES", "P-256", name="two")
    for args in (["one", "two"], ["--every-key"], ["one", "--all"]):
        assert daemon.cekctl("jwks", *args, "--format", "pem", check=False).returncode == 2


def test_max_age(make_cekd):
    daemon = make_cekd(page=True)
    daemon.key("ECDH-ES", "P-256", name="k")
    refused = daemon.cekctl("jwks", "k", "--max-age", check=False)
    assert refused.returncode == 1 and "--jwks-max-age" in refused.stderr
    daemon.cekctl("key", "schedule", "k", "--jwks-max-age", "1h")
    assert daemon.cekctl("jwks", "k", "--max-age").stdout == "max-age=3600\n"
    daemon.cekctl("key", "suspend", "k/active", "--for", "10m", "--force")
    daemon.key("ECDH-ES", "P-256", name="other")
    daemon.cekctl("key", "schedule", "other", "--jwks-max-age", "30m")
    age = int(daemon.cekctl("jwks", "--every-key", "--max-age").stdout.removeprefix("max-age="))
    assert 0 < age <= 600  # then k is back
    assert daemon.cekctl("jwks", "other", "--max-age").stdout == "max-age=1800\n"


# ---- the file -------------------------------------------------------------------------------------------------------


def test_the_file(daemon, tmp_path):
    daemon.key("RSA-OAEP-256", name="one")
    file = tmp_path / "set.json"
    os.umask(0o077)
    try:
        daemon.cekctl("jwks", "one", "--output", file)
    finally:
        os.umask(0o022)
    assert file.stat().st_mode & 0o777 == 0o644  # a web server reads it
    assert file.read_text() == daemon.cekctl("jwks", "one").stdout
    node = file.stat().st_ino
    daemon.cekctl("jwks", "one", "--output", file)
    assert file.stat().st_ino == node  # nothing to write: its ETag stays
    file.chmod(0o640)
    daemon.cekctl("key", "rotate", "one", "--yes")
    daemon.cekctl("jwks", "one", "--output", "set.json", cwd=tmp_path)
    assert file.stat().st_ino != node and file.stat().st_mode & 0o777 == 0o640
    assert kids(file.read_text()) == [active(daemon, "one")]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_killed_run_has_left(daemon, tmp_path):
    """It goes with the next change once nobody can be about to rename it; what is called otherwise, or is no file, stays."""
    daemon.key("RSA-OAEP-256", name="one")
    file, old, young = tmp_path / "set.json", tmp_path / ".set.json.aB3dEf", tmp_path / ".set.json.gH4iJk"
    stays = [tmp_path / name for name in (".set.json.bak", ".set.json.aB3dEfg", ".other.json.aB3dEf", "set.json.aB3dEf")]
    for path in (old, young, *stays):
        path.write_text("half of")
    link = tmp_path / ".set.json.aLink1"
    link.symlink_to(old)
    for path in (old, *stays):
        os.utime(path, (0, 0))
    os.utime(link, (0, 0), follow_symlinks=False)
    daemon.cekctl("jwks", "one", "--output", file)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (file, young, link, *stays)}


def test_what_is_no_file(daemon, tmp_path):
    daemon.key("RSA-OAEP-256", name="one")
    (tmp_path / "link").symlink_to("target")
    for name, text in (("link", "symbolic link"), (".", "not a regular file"), ("absent/set.json", "No such file"),
                       ("dir/", "not the name")):
        done = daemon.cekctl("jwks", "one", "--output", str(tmp_path / name) if name != "dir/" else name, check=False)
        assert done.returncode == 1 and text in done.stderr, done
    done = daemon.cekctl("jwks", "one", "--output", "", check=False)
    assert done.returncode == 2 and "is empty" in done.stderr, done
    assert not (tmp_path / "target").exists()


def test_hook_of_a_single_run(daemon, tmp_path):
    daemon.key("RSA-OAEP-256", name="one")
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\necho "$# $1" >> {tmp_path}/ran\n')
    hook.chmod(0o755)
    file = tmp_path / "set.json"
    for _ in range(2):
        daemon.cekctl("jwks", "one", "--output", file, "--hook", hook)
    assert (tmp_path / "ran").read_text() == f"1 {file}\n"  # the second changed nothing
    hook.write_text("#!/bin/sh\nexit 7\n")
    daemon.cekctl("key", "rotate", "one", "--yes")
    done = daemon.cekctl("jwks", "one", "--output", file, "--hook", hook, check=False)
    assert done.returncode == 1 and "exit status 7" in done.stderr
    assert kids(file.read_text()) == [active(daemon, "one")]
    for args in (["--hook", hook], ["--follow"]):
        assert daemon.cekctl("jwks", "one", *args, check=False).returncode == 2


# ---- following ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.long
def test_no_reader_ever_meets_half_a_set(daemon, follow, tmp_path):
    """As many reads as there were once, while the key rotates: each is a whole set with a version that was active then."""
    daemon.key("ECDH-ES+A256KW", "P-256", name="k")
    file = tmp_path / "set.json"
    follower = follow(daemon, "k", "--output", file)
    follower.ready()
    seen, faults, done = [], [], threading.Event()

    def read():
        n = 0
        while (n < READS or not done.is_set()) and not faults:
            try:
                (kid,) = kids(file.read_text())
                if seen[-1:] != [kid]:
                    seen.append(kid)
            except ValueError as error:
                faults.append(error)
            n += 1
    reader = threading.Thread(target=read)
    reader.start()
    made = [active(daemon, "k")]
    with daemon.client() as client:
        while reader.is_alive() and len(made) < 400:
            made.append(next(v.kid for v in client.rotate("k").key.key.version if v.state == pb.STATE_ACTIVE))
            if len(made) > 100:
                done.set()
        done.set()
    reader.join()
    C.wait_for(lambda: kids(file.read_text()) == made[-1:], "the last version")
    assert not faults and len(seen) > 5
    assert seen == [kid for kid in made if kid in seen]  # in their order, none twice
    follower.stop()


def test_it_follows_within_a_second(daemon, follow, tmp_path):
    daemon.key("RSA-OAEP-256", name="one")
    file = tmp_path / "set.json"
    follower = follow(daemon, "one", "--output", file)
    follower.ready()
    written = follower.log.read_text().count("written")
    daemon.cekctl("key", "rotate", "one", "--yes")
    C.wait_for(lambda: kids(file.read_text()) == [active(daemon, "one")], "the new version")
    follower.says("written", written + 1)
    assert follower.log.read_text().count("\n") == 2  # a line a change
    assert active(daemon, "one") in follower.log.read_text()
    # it asks when cekd tells of a change, and not otherwise
    asked = [record["op"] for record in daemon.audit_records() if record["op"] in ("public", "watch")]
    assert 2 <= len(asked) < 10
    follower.stop()


def test_cekd_goes_and_comes_back(daemon, follow, tmp_path):
    daemon.key("RSA-OAEP-256", name="one")
    file = tmp_path / "set.json"
    follower = follow(daemon, "one", "--output", file)
    follower.ready()
    before = file.read_bytes()
    daemon.stop()
    follower.says("stays as it is")
    assert file.read_bytes() == before
    daemon.start()
    daemon.cekctl("key", "rotate", "one", "--yes")
    C.wait_for(lambda: kids(file.read_text()) == [active(daemon, "one")], "the new version")
    follower.stop()


def test_cekd_is_not_there_yet(daemon, follow, tmp_path):
    daemon.key("RSA-OAEP-256", name="one")
    daemon.stop()
    file = tmp_path / "set.json"
    follower = follow(daemon, "one", "--output", file)
    follower.says("stays as it is")
    assert not file.exists()
    daemon.start()
    follower.ready()
    assert kids(file.read_text()) == [active(daemon, "one")]
    follower.stop()


def test_what_nobody_can_use_is_not_written(daemon, follow, tmp_path):
    """A wrong name, a key that loses its only version: the file waits, and goes on when that is mended."""
    daemon.key("RSA-OAEP-256", name="one")
    file = tmp_path / "set.json"
    follower = follow(daemon, "one", "late", "--output", file)
    follower.says("UNKNOWN_KEY")
    assert not file.exists()
    daemon.key("ECDH-ES", "P-256", name="late")
    follower.ready()
    before = file.read_bytes()
    assert kids(before) == [active(daemon, "late"), active(daemon, "one")]
    kid = active(daemon, "late")
    daemon.cekctl("key", "suspend", kid, "--force")
    follower.says("key late has no version to encrypt for")
    assert file.read_bytes() == before
    daemon.cekctl("key", "resume", kid)
    follower.says("in step with cekd again")
    assert file.read_bytes() == before
    follower.stop()


def test_hook_of_a_follower(daemon, follow, tmp_path):
    """It holds nothing up, however long it takes, and sees what changed meanwhile when it is run again."""
    daemon.key("RSA-OAEP-256", name="one")
    file, gate = tmp_path / "set.json", tmp_path / "gate"
    os.mkfifo(gate)
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\ncat "$1" >> {tmp_path}/ran\nread line < {gate}\n')
    hook.chmod(0o755)
    follower = follow(daemon, "one", "--output", file, "--hook", hook)
    follower.ready()
    first = file.read_text()
    C.wait_for(lambda: (tmp_path / "ran").exists() and (tmp_path / "ran").read_text() == first, "the hook")
    for _ in range(2):
        daemon.cekctl("key", "rotate", "one", "--yes")
        C.wait_for(lambda: kids(file.read_text()) == [active(daemon, "one")], "the new version")
    assert (tmp_path / "ran").read_text() == first  # it still runs
    gate.write_text("go\n")
    C.wait_for(lambda: (tmp_path / "ran").read_text() == first + file.read_text(), "the hook once more")
    follower.stop()  # and does not wait for it


def test_hook_that_fails(daemon, follow, tmp_path):
    daemon.key("RSA-OAEP-256", name="one")
    file = tmp_path / "set.json"
    follower = follow(daemon, "one", "--output", file, "--hook", tmp_path / "absent")
    follower.ready()
    follower.says("absent: No such file")
    daemon.cekctl("key", "rotate", "one", "--yes")
    follower.says("absent: No such file", 2)
    assert kids(file.read_text()) == [active(daemon, "one")]
    follower.stop()


@pytest.mark.slow
@pytest.mark.long
def test_without_permission_to_watch(make_cekd, follow, tmp_path):
    daemon = make_cekd(listeners={
        "main": {"path": str(tmp_path / "main.sock"), "mode": "0666"},
        "public": {"path": str(tmp_path / "public.sock"), "mode": "0666"}}, rules={
        "all": {"anyone": True, "operations": C.OPERATIONS, "keys": ["*"], "listeners": ["main"]},
        "public": {"anyone": True, "operations": ["public"], "keys": ["one"], "listeners": ["public"]}})
    daemon.key("RSA-OAEP-256", name="one")
    file = tmp_path / "set.json"
    follower = follow(daemon, "one", "--output", file, "--socket", tmp_path / "public.sock")
    follower.ready()
    follower.says("may not watch")
    daemon.cekctl("key", "rotate", "one", "--yes")
    C.wait_for(lambda: kids(file.read_text()) == [active(daemon, "one")], "the new version")
    follower.stop()


def at(path):
    """Instead of a daemon: what answers at this socket."""
    return SimpleNamespace(cekctl_env=lambda **more: os.environ | {"CEK_SOCKET": str(path)} | more)


def framed(reply):
    body = reply.SerializeToString()
    return struct.pack(">I", len(body)) + body


def test_a_watch_without_a_word(follow, tmp_path):
    """A daemon that takes a watch and says nothing tells of no change: that is told, and tried again."""
    def silent(request):
        return b"" if request.WhichOneof("op") == "watch" else framed(pb.Reply(id=request.id, status=pb.STATUS_UNKNOWN_KEY))

    with hostile(silent) as path:
        follower = follow(at(path), "one", "--output", tmp_path / "set.json", "--timeout", "1s")
        follower.says("E_TIMEOUT: cekd does not say which epoch it is")
        follower.stop()


def test_who_may_not_watch_asks_seldom(follow, tmp_path):
    """Also when what is wrong is something that only a change can mend."""
    asked = []

    def denies(request):
        op = request.WhichOneof("op")
        asked.append(op)
        return framed(pb.Reply(id=request.id, status=pb.STATUS_DENIED if op == "watch" else pb.STATUS_UNKNOWN_KEY))

    with hostile(denies) as path:
        follower = follow(at(path), "one", "--output", tmp_path / "set.json")
        follower.says("UNKNOWN_KEY")
        time.sleep(2.5)  # every second, with the pauses of other faults, would be three times
        assert asked.count("get_public_keys") == 1 and asked.count("watch") == 1, asked
        follower.stop()


# ---- guards that know issuers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb, state", [("suspend", "suspended"), ("compromise", "compromised")])
def test_the_only_active_version_is_not_taken_from_issuers(daemon, verb, state):
    daemon.key("RSA-OAEP-256", name="k")
    kid = active(daemon, "k")
    epoch = daemon.json("status")["epoch"]
    for args in ([], ["--dry-run"]):
        refused = daemon.cekctl("key", verb, kid, *args, check=False)
        assert refused.returncode == 6 and "--rotate" in refused.stderr and "--force" in refused.stderr
        assert "nobody said how long" in refused.stderr
    assert daemon.json("status")["epoch"] == epoch
    daemon.cekctl("key", "schedule", "k", "--jwks-max-age", "5m")
    assert "for 5 minutes" in daemon.cekctl("key", verb, kid, check=False).stderr
    done = daemon.cekctl("key", verb, kid, "--rotate")
    assert "issuers go on encrypting for version 1 for 5 minutes" in done.stderr
    key = daemon.json("key", "show", "k")
    assert [v["state"] for v in key["versions"]] == [state, "active"]
    daemon.cekctl("key", "rotate", "k", "--yes")
    daemon.cekctl("key", verb, "k/2")  # which is not active any more: nothing to guard
    daemon.cekctl("key", verb, "k/3", "--force")
    assert daemon.json("key", "show", "k").get("active") is None


def test_nobody_encrypts_for_an_aes_key(daemon):
    daemon.key("A256KW", name="k")
    assert "issuers" not in daemon.cekctl("key", "suspend", active(daemon, "k")).stderr


def test_the_successor_comes_before_the_suspension(make_cekd):
    """Issuers have a version at every moment; what is suspended was deactivated, and is so again when it is resumed."""
    daemon = make_cekd(page=True)
    key = daemon.key("ECDH-ES+A256KW", "P-256")
    kid = active(daemon, key)
    told = json.loads(daemon.cekctl("key", "suspend", kid, "--rotate", "--for", "1h", "--dry-run", "--json").stdout)
    assert [v["state"] for v in told["key"]["versions"]] == ["suspended", "active"]
    assert any("made in the token and becomes active" in line for line in told["will"])
    assert any("issuers go on encrypting for version 1" in line for line in told["warnings"])
    daemon.page.arm("manage.generate.before")
    process = subprocess.Popen([str(C.CEKCTL), "key", "suspend", kid, "--rotate", "--for", "1h"], env=daemon.cekctl_env(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    C.wait_for(daemon.page.hit, "the rotation to begin")
    records = [json.loads(line) for line in daemon.keys.read_text().splitlines()]
    daemon.page.disarm()
    assert process.wait(C.PATIENCE) == 0
    assert not any(record["type"] == "state" for record in records)  # it was active as long as there was no other
    versions = daemon.json("key", "show", key)["versions"]
    assert [(v["state"], v.get("resumes_to")) for v in versions] == [("suspended", "deactivated"), ("active", None)]
    assert versions[0]["deactivated"] and versions[0]["until"]
    assert daemon.cekctl("key", "suspend", kid, "--rotate", check=False).returncode == 6  # not active
    daemon.restart()
    assert daemon.json("key", "show", key)["versions"][0]["state"] == "suspended"


def test_the_successor_that_is_published_already(make_cekd):
    daemon = make_cekd(page=True)
    key = daemon.key("RSA-OAEP-256")
    kid = active(daemon, key)
    daemon.cekctl("key", "schedule", key, "--period", "10d", "--lead", "5d", "--jwks-max-age", "1d", "--token-lifetime", "1h")
    daemon.page.shift(6 * 86400)
    C.wait_for(lambda: len(daemon.json("key", "show", key)["versions"]) == 2, "the second version")
    second = daemon.json("key", "show", key)["versions"][1]
    assert second["state"] == "pre-active"
    assert kids(daemon.cekctl("jwks", key).stdout) == [kid, second["kid"]]
    daemon.cekctl("key", "suspend", kid, "--rotate")
    key = daemon.json("key", "show", key)
    assert [v["state"] for v in key["versions"]] == ["suspended", "active"] and key["active"] == second["kid"]
    assert key["versions"][0]["deactivated"]


def test_a_lead_that_is_shorter_than_the_max_age(daemon):
    daemon.key("RSA-OAEP-256", name="k")
    given = ["key", "schedule", "k", "--period", "30d", "--lead", "10m", "--jwks-max-age", "1h"]
    refused = daemon.cekctl(*given, check=False)
    assert refused.returncode == 2 and "--lead of 1h" in refused.stderr
    assert daemon.json("key", "show", "k")["schedule"]["period"] == 0
    daemon.cekctl(*given, "--force")
    daemon.cekctl("key", "schedule", "k", "--token-lifetime", "1h")  # about something else
    assert daemon.cekctl("key", "schedule", "k", "--jwks-max-age", "2h", check=False).returncode == 2
    daemon.cekctl("key", "schedule", "k", "--lead", "1h")


# ---- what is said of a refusal --------------------------------------------------------------------------------------


def test_reasons_for_those_who_may_use_the_key(make_cekd, tmp_path):
    daemon = make_cekd(listeners={
        "main": {"path": str(tmp_path / "main.sock"), "mode": "0666"},
        "other": {"path": str(tmp_path / "other.sock"), "mode": "0666"}}, rules={
        "all": {"anyone": True, "operations": C.OPERATIONS, "keys": ["*"], "listeners": ["main"]},
        "other": {"anyone": True, "operations": ["unwrap"], "keys": ["mine"], "listeners": ["other"]}})
    daemon.key("RSA-OAEP-256", name="k")
    daemon.key("RSA-OAEP-256", name="mine")
    with daemon.client() as client, daemon.client("other") as stranger:
        wrapped = client.generate("k")

        def said(**changes):
            reply = client.unwrap(wrapped, **changes)
            theirs = stranger.unwrap(wrapped, **changes)
            assert (theirs.status, theirs.reason, theirs.message) == (
                pb.STATUS_UNKNOWN_KEY, pb.REASON_UNSPECIFIED, "no such key that this peer may use")
            return C.status_name(reply), pb.Reason.Name(reply.reason).removeprefix("REASON_")

        assert said(alg="RSA-OAEP") == ("MALFORMED", "ALG")
        assert said(kid="absent", key="k") == ("UNKNOWN_KEY", "UNKNOWN_KID")
        assert said(kid="absent") == ("UNKNOWN_KEY", "UNSPECIFIED")
        kid = wrapped.kid
        daemon.cekctl("key", "suspend", kid, "--force")
        assert said() == ("UNUSABLE", "SUSPENDED")
        assert said(kid="", key="k") == ("UNUSABLE", "NOT_ACTIVE")
        assert client.call(generate_cek=pb.GenerateCekRequest(key="k", enc="A256GCM")).reason == pb.REASON_NOT_ACTIVE
        daemon.cekctl("key", "destroy", kid, "--force")
        assert said() == ("UNUSABLE", "WAITING")
        daemon.cekctl("key", "compromise", kid)
        assert said() == ("UNUSABLE", "COMPROMISED")
        # the crypto says one thing to all
        bad = client.unwrap(client.generate("mine"), encrypted_key=bytes(256))
        assert (C.status_name(bad), bad.reason) == ("FAILED", pb.REASON_UNSPECIFIED)


def test_tokens_without_kid(make_cekd):
    daemon = make_cekd(limits={"versions_tried": 2})
    daemon.key("ECDH-ES+A256KW", "P-256", name="k")
    daemon.cekctl("key", "schedule", "k", "--token-lifetime", "1h", "--jwks-max-age", "5m")
    with daemon.client() as client:
        wrapped = client.generate("k")
        for _ in range(3):
            assert client.unwrap(wrapped, kid="", key="k").status == pb.STATUS_OK
        assert client.unwrap(wrapped).status == pb.STATUS_OK
        client.ok(rewrap=pb.RewrapRequest(key="k", alg=wrapped.alg, enc="A256GCM", encrypted_key=wrapped.encrypted_key,
                                          params=wrapped.params))
        assert daemon.json("key", "show", "k")["without_kid"] == 4
        assert re.search(r"^without kid: +4$", daemon.cekctl("key", "show", "k").stdout, re.M)
        assert 'cekd_unwraps_without_kid_total{key="k"} 4' in daemon.cekctl("metrics").stdout
        client.rotate("k")
        told = daemon.json("key", "rotate", "k", "--dry-run")
        assert told["asks"] and any("version 1 is not tried any more for tokens without kid" in line for line in told["warnings"])
        client.rotate("k")
        lost = client.unwrap(wrapped, kid="", key="k")
        assert lost.status == pb.STATUS_FAILED and lost.reason == pb.REASON_UNTRIED, lost
        assert client.unwrap(wrapped).status == pb.STATUS_OK
        assert not any("not tried" in line for line in daemon.json("key", "rotate", "k", "--dry-run")["warnings"] if "version 1 " in line)
    daemon.stop()
    daemon.start()
    assert daemon.json("key", "show", "k")["without_kid"] == 4, "counts outlive cekd"


def test_an_issuer_that_goes_on(make_cekd):
    daemon = make_cekd(page=True)
    daemon.key("ECDH-ES+A256KW", "P-256", name="k")
    daemon.cekctl("key", "schedule", "k", "--token-lifetime", "10m", "--jwks-max-age", "5m")
    with daemon.client() as client:
        wrapped = client.generate("k")
        client.rotate("k")
        assert client.unwrap(wrapped).status == pb.STATUS_OK
        assert "an issuer still encrypts" not in daemon.cekctl("status").stdout
        daemon.page.shift(86400)
        assert client.unwrap(wrapped).status == pb.STATUS_OK
    text = f"an issuer still encrypts for version 1: last token of it at"
    assert any(text in line and f"by peer main/{os.geteuid()}" in line for line in daemon.json("status")["warnings"])
    assert "an issuer still encrypts for it" in daemon.cekctl("key", "show", "k").stdout
    assert 'cekd_late_issuer_versions{key="k"} 1' in daemon.cekctl("metrics").stdout
