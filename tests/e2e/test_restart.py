# SPDX-License-Identifier: Apache-2.0
"""What a restart must keep: the same ring, folded from the journal."""

import cekd as C
from cekd import pb


def ring(daemon):
    keys = sorted(key["name"] for key in daemon.json("key", "list")["keys"])
    return {name: daemon.json("key", "show", name) for name in keys}


def test_restart_folds_to_the_same_ring(make_cekd):
    daemon = make_cekd()
    with daemon.client() as client:
        wrapped = []
        for alg, crv in (("A256KW", None), ("RSA-OAEP-256", None), ("ECDH-ES+A256KW", "P-256"), ("A256GCMKW", None)):
            name = daemon.key(alg, crv)
            for _ in range(2):
                wrapped.append(client.generate(name))
                client.unwrap(wrapped[-1])
                client.rotate(name)
        kid = wrapped[0].kid
        client.ok(set_key_state=pb.SetKeyStateRequest(kid=kid, state=pb.STATE_SUSPENDED, reason="rehearsal"))
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(
            key="A256KW", schedule=pb.Schedule(period=86400 * 90, lead=3600, overlap=7200)))
    before = ring(daemon)
    assert len(before) == 4
    for _ in range(2):
        daemon.restart()
        assert ring(daemon) == before
    with daemon.client() as client:
        for made in wrapped[1:]:
            assert client.unwrap(made).unwrap.cek == made.cek
        assert C.status_name(client.unwrap(wrapped[0])) == "UNUSABLE"


def test_broker_restart_folds_to_the_same_ring(daemon):
    with daemon.client() as client:
        for _ in range(3):
            client.ok(create_key=pb.CreateKeyRequest(key=f"k{_}", alg="A128KW"))
    before = ring(daemon)
    daemon.kill_child("cekd-broker")
    assert ring(daemon) == before


def test_second_daemon_on_one_token(make_cekd):
    """A second cekd with a journal of its own reports the keys of the first and touches none."""
    first = make_cekd()
    with first.client() as client:
        made = client.generate(first.key("A128KW"))
    second = make_cekd(start=False, token=first.token).start_confirmed()
    with second.client() as client:
        findings = client.ok(fsck=pb.FsckRequest()).fsck.finding
        assert findings and all(finding.kind in ("foreign", "orphan") for finding in findings), findings
        other = client.generate(second.key("A128KW"))
        assert client.unwrap(other).unwrap.cek == other.cek
    second.stop()
    with first.client() as client:
        assert client.unwrap(made).unwrap.cek == made.cek
    first.restart()
    with first.client() as client:
        assert client.unwrap(made).unwrap.cek == made.cek


def test_two_daemons_with_one_state_directory(make_cekd):
    """The second does not start: two writers would break the chain."""
    first = make_cekd()
    second = make_cekd(start=False, token=first.token, state_directory=str(first.state))
    second.spawn()
    assert second.process.wait(C.PATIENCE) != 0
    second.process = None
    assert f"{first.state}: another cekd uses it" in second.log_text()
    with first.client() as client:
        assert client.unwrap(client.generate(first.key("A128KW"))).unwrap.cek


def test_fsck(daemon):
    """fsck tells what is missing in the token; the key comes back with its object."""
    with daemon.client() as client:
        before = set(daemon.token.tokens.rglob("*.object"))
        lost = client.generate(daemon.key("A128KW"))
        objects = set(daemon.token.tokens.rglob("*.object")) - before
        assert objects
        kept = client.generate(daemon.key("A256KW"))
        assert not client.ok(fsck=pb.FsckRequest()).fsck.finding
    daemon.stop()
    hidden = [(path, path.rename(daemon.token.where / path.name)) for path in objects]
    daemon.start()
    with daemon.client() as client:
        findings = client.ok(fsck=pb.FsckRequest()).fsck.finding
        assert [(f.kind, f.key) for f in findings] == [("missing", "A128KW")] and findings[0].advice
        assert C.status_name(client.unwrap(lost)) == "UNUSABLE"
        assert client.unwrap(kept).unwrap.cek == kept.cek
    for path, away in hidden:
        away.rename(path)
    daemon.restart()
    with daemon.client() as client:
        assert client.unwrap(lost).unwrap.cek == lost.cek
        assert not client.ok(fsck=pb.FsckRequest()).fsck.finding
