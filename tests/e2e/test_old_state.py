# SPDX-License-Identifier: Apache-2.0
"""The state directories of earlier releases, tests/fixtures/state-*: each is folded, by the daemon as it is now, into what
it was when it was kept, and goes on from there."""

import json
import os
import pathlib
import shutil
import time

import cekd as C
import pytest
from cekd import pb, status_name
from google.protobuf.json_format import MessageToDict

DAY = 86400
FIXTURES = sorted((pathlib.Path(__file__).resolve().parents[1] / "fixtures").glob("state-*"))
RULES = {"all": {"anyone": True, "operations": ["*"], "keys": ["*"]}}


class Old:
    """A daemon on a copy of the fixture, with the owners that an installation has; not started."""

    def __init__(self, fixture, where, make_cekd):
        self.record = json.loads((fixture / "record.json").read_text())
        token = C.Token(where)
        shutil.copytree(fixture / "tokens", token.tokens)
        token.conf.write_text(f"directories.tokendir = {token.tokens}\nobjectstore.backend = file\n")
        shutil.copy(fixture / "pin", token.pin_file)
        token.pin_file.chmod(0o400)
        for path in [token.tokens, *token.tokens.rglob("*")]:
            give(path)
        self.daemon = make_cekd(start=False, token=token, page=True, rules=RULES, destroy_wait_min=60)
        for name in ("keys.jsonl", "audit.jsonl"):
            shutil.copy(fixture / name, self.daemon.state / name)

    def start_at(self, seconds):
        """With its clock that long after the moment that was recorded; a copied journal asks first."""
        self.daemon.page.shift(self.record["time"] + seconds - time.time())
        self.daemon.spawn()
        C.wait_for(self.asks, f"cekd to ask\n{self.daemon.log_text()}")

    def asks(self):
        assert self.daemon.process.poll() is None, self.daemon.log_text()
        try:
            return "restored journal" in self.daemon.status().why_not_ready
        except (ConnectionError, FileNotFoundError):
            return False

    def confirm(self):
        self.daemon.cekctl("restore", "confirm", "--head", self.record["keys.jsonl"], "--yes")
        self.daemon.wait_ready()

    def keys(self):
        with self.daemon.client() as client:
            names = [key.name for key in client.ok(list_keys=pb.ListKeysRequest()).list_keys.key]
            return [client.ok(describe_key=pb.DescribeKeyRequest(key=name)).key.key for name in names]

    def check_tokens(self):
        for token in self.record["tokens"]:
            done = self.daemon.cekctl("jwe", "decrypt", "--key", token["key"], input=token["jwe"], check=False)
            assert (done.returncode == 0) == token["opens"], (token, done.stderr)
            assert done.stdout == (token["plaintext"] if token["opens"] else "")


def give(path):
    """As `cekctl token init --user` leaves it."""
    mine = path.name == "token.object"
    if C.ROOT:
        os.chown(path, 0 if mine else C.UID_TOKEN, C.UID_TOKEN)
    path.chmod(0o700 if path.is_dir() else 0o440 if mine and C.ROOT else 0o600)


def lacks(now, then, where=""):
    """What was recorded and is not so now. What a later release says in addition is no difference, nor are other words for
    it, nor that it thinks a version to be needed longer."""
    if isinstance(then, dict):
        if not isinstance(now, dict):
            return [f"{where}: {now} for {then}"]
        later = {"overlap_end"} & now.keys() if int(now.get("overlap_end", 0)) >= int(then.get("overlap_end", 0)) else set()
        return [line for name in then.keys() - {"why"} - later
                for line in lacks(now.get(name), then[name], f"{where}.{name}")]
    if isinstance(then, list):
        if not isinstance(now, list) or len(now) != len(then):
            return [f"{where}: {now} for {then}"]
        return [line for i, pair in enumerate(zip(now, then)) for line in lacks(*pair, f"{where}[{i}]")]
    return [] if now == then else [f"{where}: {now} for {then}"]


@pytest.fixture(params=FIXTURES, ids=lambda path: path.name)
def old(request, make_cekd):
    where = C.folder("cekd-old-")
    yield Old(request.param, where, make_cekd)
    shutil.rmtree(where, ignore_errors=True)


def test_there_is_one():
    assert FIXTURES and all((path / "record.json").exists() for path in FIXTURES)


def test_every_state_is_kept(old):
    """The fixture is worth something only if each state and provenance is in it."""
    versions = [version for key in old.record["keys"] for version in key["version"]]
    assert {v["state"].removeprefix("STATE_") for v in versions} == {
        "PRE_ACTIVE", "ACTIVE", "DEACTIVATED", "SUSPENDED", "COMPROMISED", "DESTROYED", "WAITING"}
    assert {v["provenance"].removeprefix("PROVENANCE_") for v in versions} == {"GENERATED", "IMPORTED", "ADOPTED"}
    assert any(v.get("alias") for v in versions) and any(key.get("schedule") for key in old.record["keys"])


def test_folds_to_what_it_was(old):
    """Each version of each key, before the journal is confirmed; and nothing of the token is missing."""
    old.start_at(60)
    assert lacks([MessageToDict(key, preserving_proto_field_name=True) for key in old.keys()], old.record["keys"]) == []
    with old.daemon.client() as client:
        assert [(f.kind, f.key, f.what) for f in client.ok(fsck=pb.FsckRequest()).fsck.finding] == []
    for name in ("keys.jsonl", "audit.jsonl"):
        old.daemon.cekctl("audit", "verify", old.daemon.state / name, "--expect", old.record[name])


def test_opens_what_it_opened(old):
    """And nothing else; as soon as it is confirmed, and after the next start."""
    old.start_at(60)
    old.confirm()
    old.check_tokens()
    old.daemon.restart()
    old.check_tokens()


def test_goes_on(old):
    """Its keys rotate, wrap and are destroyed; what is due happens."""
    old.start_at(60)
    old.confirm()
    with old.daemon.client() as client:
        for key in old.keys():
            if not any(v.state == pb.STATE_ACTIVE for v in key.version):
                continue
            client.rotate(key.name)
            made = client.generate(key.name)
            assert status_name(client.unwrap(made)) == "OK"
    old.check_tokens()
    old.daemon.page.shift(old.record["time"] + 40 * DAY - time.time())

    def waits():
        return [v.kid for key in old.keys() for v in key.version if v.state == pb.STATE_WAITING]
    C.wait_for(lambda: not waits(), "the destruction that was waited for")
    old.daemon.restart()
    old.daemon.cekctl("fsck")


def test_years_later(old):
    """By today's clock, whenever today is: tokens open under versions that nothing has ended meanwhile."""
    old.start_at(max(time.time() - old.record["time"], 2 * 365 * DAY))
    old.confirm()
    states = {kid: v.state for key in old.keys() for v in key.version for kid in (v.kid, *v.alias)}
    still = [token for token in old.record["tokens"] if token["opens"]
             and states[token["kid"]] in (pb.STATE_ACTIVE, pb.STATE_DEACTIVATED)]
    assert len(still) >= len([t for t in old.record["tokens"] if t["opens"]]) - 1
    for token in still:
        opened = old.daemon.cekctl("jwe", "decrypt", "--key", token["key"], input=token["jwe"])
        assert opened.stdout == token["plaintext"]
