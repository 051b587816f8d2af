# SPDX-License-Identifier: Apache-2.0
"""States and moves of versions (SP 800-57 terms), with the clock in the test's hand."""

import json
import os
import re
import signal

import cekd as C
import pytest
from cekd import pb, status_name

HOUR, DAY = 3600, 86400


@pytest.fixture(scope="module")
def shared(make_cekd_module):
    return make_cekd_module(destroy_wait_min=60)


@pytest.fixture
def clocked(make_cekd):
    return make_cekd(page=True, destroy_wait_min=60)


counter = iter(range(1000000))


@pytest.fixture
def key(client):
    """A key with a deactivated and an active version: (name, wrapped under the old one, wrapped under the new one)."""
    name = f"key-{next(counter)}"
    client.ok(create_key=pb.CreateKeyRequest(key=name, alg="A128KW"))
    old = client.generate(name)
    client.rotate(name)
    return name, old, client.generate(name)


def version(client, kid):
    key = client.ok(describe_key=pb.DescribeKeyRequest(kid=kid)).key.key
    return next(v for v in key.version if v.kid == kid)


def active(client, name):
    key = client.ok(describe_key=pb.DescribeKeyRequest(key=name)).key.key
    return [v.kid for v in key.version if v.state == pb.STATE_ACTIVE]


def stands(client, kid):
    """Its state, and where it goes back to."""
    seen = version(client, kid)
    return tuple(pb.State.Name(s).removeprefix("STATE_") for s in (seen.state, seen.resumes_to))


def state(client, kid):
    return pb.State.Name(version(client, kid).state).removeprefix("STATE_")


def move(client, kid, to, **more):
    return client.call(set_key_state=pb.SetKeyStateRequest(kid=kid, state=getattr(pb, f"STATE_{to}"), **more))


def ctl(daemon, verb, kid, *options, **more):
    """cekctl key VERB; a kid may begin with "-"."""
    return daemon.cekctl("key", verb, *options, "--", kid, **more)


def destroy(client, kid, **more):
    return client.call(destroy_version=pb.DestroyVersionRequest(kid=kid, **more))


def opens(client, wrapped):
    reply = client.unwrap(wrapped)
    if reply.status == pb.STATUS_OK:
        assert reply.unwrap.cek == wrapped.cek
    return status_name(reply)


def test_rotation(client, key):
    name, old, new = key
    assert (state(client, old.kid), state(client, new.kid)) == ("DEACTIVATED", "ACTIVE")
    assert opens(client, old) == opens(client, new) == "OK"
    assert client.wrap(name, os.urandom(32)).kid == new.kid


@pytest.mark.parametrize("which", [0, 1])
def test_suspend_and_resume(client, key, which):
    name, *wrapped = key
    made = wrapped[which]
    before = state(client, made.kid)
    assert status_name(move(client, made.kid, "SUSPENDED", reason="rehearsal")) == "OK"
    assert opens(client, made) == "UNUSABLE"
    assert opens(client, made) == "UNUSABLE"
    assert version(client, made.kid).refused == 2
    refused = 2
    if which == 1:
        reply = client.call(generate_cek=pb.GenerateCekRequest(key=name, enc="A256GCM"))
        assert status_name(reply) == "UNUSABLE"
    assert status_name(move(client, made.kid, before)) == "OK"
    assert state(client, made.kid) == before and opens(client, made) == "OK"
    assert version(client, made.kid).refused == refused  # what the rehearsal has shown


def test_rotation_while_the_active_one_is_suspended(shared, client, key):
    """At most one version is active: what was suspended as active comes back deactivated."""
    name, _, new = key
    assert status_name(move(client, new.kid, "SUSPENDED")) == "OK"
    assert stands(client, new.kid) == ("SUSPENDED", "ACTIVE")
    client.rotate(name)
    newest = client.generate(name)
    assert newest.kid != new.kid
    assert stands(client, new.kid) == ("SUSPENDED", "DEACTIVATED")
    assert status_name(move(client, new.kid, "ACTIVE")) == "CONFLICT"
    ctl(shared, "resume", new.kid)
    assert stands(client, new.kid) == ("DEACTIVATED", "UNSPECIFIED")
    assert active(client, name) == [newest.kid]
    assert opens(client, new) == "OK"
    assert client.generate(name).kid == newest.kid


def test_compromise(client, key):
    name, old, new = key
    assert status_name(move(client, old.kid, "COMPROMISED", reason="laptop lost")) == "OK"
    assert opens(client, old) == "UNUSABLE" and opens(client, new) == "OK"
    for to in ("ACTIVE", "DEACTIVATED", "SUSPENDED"):
        assert status_name(move(client, old.kid, to)) == "CONFLICT", to
    assert state(client, old.kid) == "COMPROMISED"


def test_compromise_and_rotate_in_one_step(client, key):
    name, _, new = key
    assert status_name(move(client, new.kid, "COMPROMISED", rotate=True)) == "OK"
    assert opens(client, new) == "UNUSABLE"
    made = client.generate(name)
    assert made.kid != new.kid and opens(client, made) == "OK"


def test_compromise_of_the_active_one_stops_wrapping(client, key):
    name, _, new = key
    assert status_name(move(client, new.kid, "COMPROMISED")) == "OK"
    assert status_name(client.call(generate_cek=pb.GenerateCekRequest(key=name, enc="A256GCM"))) == "UNUSABLE"
    client.rotate(name)
    assert client.generate(name).kid != new.kid


def in_state(client, state):
    """A fresh version in this state; public, so that it can be published first."""
    name = f"in-{next(counter)}"
    client.ok(create_key=pb.CreateKeyRequest(key=name, alg="ECDH-ES+A128KW"))

    def versions():
        return client.ok(describe_key=pb.DescribeKeyRequest(key=name)).key.key.version
    if state == "PRE_ACTIVE":
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key=name, schedule=pb.Schedule(period=DAY, lead=DAY)))
        C.wait_for(lambda: len(versions()) == 2, "a version to be published")
        return versions()[1].kid
    kid = versions()[0].kid
    if state in ("SUSPENDED, ROTATED", "SUSPENDED, WAITING"):
        assert move(client, kid, "SUSPENDED").status == pb.STATUS_OK
    if state not in ("ACTIVE", "SUSPENDED"):
        client.rotate(name)
    if state in ("SUSPENDED", "COMPROMISED"):
        assert move(client, kid, state).status == pb.STATUS_OK
    if state in ("WAITING", "SUSPENDED, WAITING", "DESTROYED"):
        assert destroy(client, kid, force=True, wait=60 if state == "DESTROYED" else DAY).status == pb.STATUS_OK
    return kid


# From each state to each that a request can ask for: what comes of it. What is not here is refused.
LEGAL = {
    "PRE_ACTIVE": {"ACTIVE", "SUSPENDED", "COMPROMISED", "WAITING"},
    "ACTIVE": {"DEACTIVATED", "SUSPENDED", "COMPROMISED"},
    "DEACTIVATED": {"SUSPENDED", "COMPROMISED", "WAITING"},
    "SUSPENDED": {"ACTIVE", "DEACTIVATED", "SUSPENDED", "COMPROMISED", "WAITING"},  # it was active before
    "COMPROMISED": {"WAITING"},
    "SUSPENDED, ROTATED": {"DEACTIVATED", "SUSPENDED", "COMPROMISED", "WAITING"},    # the same, another one is active
    "WAITING": {"DEACTIVATED", "COMPROMISED"},                                      # it was deactivated before
    "SUSPENDED, WAITING": {"SUSPENDED", "COMPROMISED"},                             # it was active before that
    "DESTROYED": set(),
}
ASKED = [to for to in LEGAL if to != "DESTROYED" and "," not in to]


@pytest.mark.long
@pytest.mark.parametrize("states", [list(LEGAL)[n::3] for n in range(3)], ids=lambda states: states[0])
def test_every_move(clocked, states):
    """The whole table: legal moves are made, all others are refused with the reason and change nothing."""
    with clocked.client() as client:
        kids = {(old, to): in_state(client, old) for old in states for to in ASKED}
        clocked.page.shift(120)
        for (old, to), kid in kids.items():
            C.wait_for(lambda: state(client, kid) == old.split(", ROTATED")[0].split(", ")[-1], f"{kid} to be {old}")
        for (old, to), kid in kids.items():
            was = stands(client, kid)
            reply = destroy(client, kid, force=True, wait=DAY) if to == "WAITING" else move(client, kid, to)
            states = [v.state for v in client.ok(describe_key=pb.DescribeKeyRequest(kid=kid)).key.key.version]
            if to in LEGAL[old]:
                assert status_name(reply) == "OK" and state(client, kid) == to, (old, to, reply)
            else:
                assert status_name(reply) == "CONFLICT" and len(reply.message) > 20, (old, to, reply)
                assert stands(client, kid) == was, (old, to)
            if old != "PRE_ACTIVE":  # which becomes active in place of another one
                assert states[1:] in ([], [pb.STATE_ACTIVE]), (old, to)


def test_compromise_activates_what_is_published(clocked):
    with clocked.client() as client:
        published = in_state(client, "PRE_ACTIVE")
        key = client.ok(describe_key=pb.DescribeKeyRequest(kid=published)).key.key
        active = next(v.kid for v in key.version if v.state == pb.STATE_ACTIVE)
        reply = move(client, active, "COMPROMISED", rotate=True)
        assert [v.state for v in reply.key.key.version] == [pb.STATE_COMPROMISED, pb.STATE_ACTIVE], reply
        assert client.generate(key.name).kid == published


@pytest.mark.parametrize("to", ["PRE_ACTIVE", "DESTROYED", "WAITING", "UNSPECIFIED"])
def test_moves_that_no_request_makes(client, key, to):
    reply = move(client, key[1].kid, to)
    assert status_name(reply) in ("MALFORMED", "CONFLICT") and reply.message


def test_illegal_moves(client, key):
    _, old, new = key
    for kid, to in ((old.kid, "ACTIVE"), (old.kid, "DEACTIVATED"), (new.kid, "ACTIVE")):
        reply = move(client, kid, to)
        assert status_name(reply) == "CONFLICT" and reply.message
    assert status_name(destroy(client, new.kid)) == "CONFLICT"  # the active one
    assert status_name(destroy(client, new.kid, force=True)) == "CONFLICT"


def test_destruction_of_a_used_version_is_refused_with_evidence(client, key):
    _, old, _ = key
    assert opens(client, old) == "OK"
    reply = destroy(client, old.kid)
    assert status_name(reply) == "CONFLICT"
    assert f" by main/{os.geteuid()}, " in reply.message, reply.message
    assert opens(client, old) == "OK"


def test_waiting_period_and_take_back(client, key):
    _, old, _ = key
    assert status_name(destroy(client, old.kid, force=True, reason="gone")) == "OK"
    waiting = version(client, old.kid)
    assert waiting.state == pb.STATE_WAITING and waiting.until > 0
    assert opens(client, old) == "UNUSABLE"
    assert status_name(move(client, old.kid, "DEACTIVATED")) == "OK"
    assert opens(client, old) == "OK"


# How a version came to wait for its destruction ("rotate": another one becomes active), and how it stands when that is
# taken back: its state, and the one that it goes back to from there.
TAKEN_BACK = {
    "deactivated": (["rotate", "destroy"], ("DEACTIVATED", "UNSPECIFIED")),
    "suspended": (["suspend", "destroy"], ("SUSPENDED", "ACTIVE")),
    "suspended, then rotated": (["suspend", "rotate", "destroy"], ("SUSPENDED", "DEACTIVATED")),
    "rotated while it waits": (["suspend", "destroy", "rotate"], ("SUSPENDED", "DEACTIVATED")),
    "suspended with an end": (["suspend until", "rotate", "destroy"], ("SUSPENDED", "DEACTIVATED")),
    "suspended as deactivated": (["rotate", "suspend", "destroy"], ("SUSPENDED", "DEACTIVATED")),
    "taken back twice": (["suspend until", "destroy", "keep", "destroy", "rotate"], ("SUSPENDED", "DEACTIVATED")),
    "compromised": (["rotate", "COMPROMISED", "destroy"], ("COMPROMISED", "UNSPECIFIED")),
    "compromised while it waited": (["suspend", "destroy", "COMPROMISED", "destroy"], ("COMPROMISED", "UNSPECIFIED")),
}


@pytest.fixture(scope="module")
def taken_back(make_cekd_module):
    """Every row of TAKEN_BACK after cekctl key keep and a restart: {row: (key, wrapped, active kids before, end)}."""
    daemon = make_cekd_module(destroy_wait_min=60)
    seen = {}
    with daemon.client() as client:
        for number, (row, (path, _)) in enumerate(TAKEN_BACK.items()):
            name = f"back-{number}"
            client.ok(create_key=pb.CreateKeyRequest(key=name, alg="A128KW"))
            made, end = client.generate(name), 0
            for step in path:
                if step == "rotate":
                    client.rotate(name)
                elif step == "destroy":
                    assert status_name(destroy(client, made.kid, force=True)) == "OK", row
                elif step == "COMPROMISED":
                    assert status_name(move(client, made.kid, step)) == "OK", row
                elif step == "keep":
                    ctl(daemon, "keep", made.kid)
                else:
                    ctl(daemon, "suspend", made.kid, *(["--for", "1h"] if step == "suspend until" else []))
                    end = version(client, made.kid).until
            assert state(client, made.kid) == "WAITING" and opens(client, made) == "UNUSABLE"
            before = active(client, name)
            refused = ctl(daemon, "suspend", made.kid, check=False)  # no way to take it back unnoticed
            assert refused.returncode == 6 and "CONFLICT" in refused.stderr, refused.stderr
            assert state(client, made.kid) == "WAITING"
            ctl(daemon, "keep", made.kid, "--reason", "still needed")
            seen[row] = name, made, before, end
    daemon.restart()
    return daemon, seen


@pytest.mark.parametrize("row", TAKEN_BACK)
def test_a_destruction_taken_back_leaves_what_was(taken_back, row):
    """cekctl key keep: the version stands as before, nothing else changed, and so it does in the ring folded anew."""
    daemon, seen = taken_back
    name, made, before, end = seen[row]
    with daemon.client() as client:
        assert stands(client, made.kid) == TAKEN_BACK[row][1]
        assert active(client, name) == before
        assert version(client, made.kid).until == end
        assert opens(client, made) == ("OK" if TAKEN_BACK[row][1][0] == "DEACTIVATED" else "UNUSABLE")
        if TAKEN_BACK[row][1][0] == "SUSPENDED":
            ctl(daemon, "resume", made.kid)
            assert state(client, made.kid) == TAKEN_BACK[row][1][1] and opens(client, made) == "OK"
            assert active(client, name) == (before or [made.kid])


def test_a_published_version_is_kept_as_published(clocked):
    with clocked.client() as client:
        kid = in_state(client, "PRE_ACTIVE")
        name = client.ok(describe_key=pb.DescribeKeyRequest(kid=kid)).key.key.name
        before = active(client, name)
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key=name, schedule=pb.Schedule()))  # no further one
        for suspended in (False, True):
            if suspended:
                assert status_name(move(client, kid, "SUSPENDED")) == "OK"
            assert status_name(destroy(client, kid)) == "OK"
            ctl(clocked, "keep", kid)
        assert stands(client, kid) == ("SUSPENDED", "PRE_ACTIVE")
        ctl(clocked, "resume", kid)
        assert stands(client, kid) == ("PRE_ACTIVE", "UNSPECIFIED") and active(client, name) == before


def test_the_end_of_a_suspension_passes_while_destruction_waits(clocked):
    """Taken back then, the version is suspended, and that is over at once; another one is active."""
    with clocked.client() as client:
        name = clocked.key("A128KW")
        made = client.generate(name)
        now = version(client, made.kid).created // 1_000_000
        assert status_name(move(client, made.kid, "SUSPENDED", until=(now + HOUR) * 1_000_000)) == "OK"
        client.rotate(name)
        newest = client.generate(name)
        assert status_name(destroy(client, made.kid, force=True, wait=DAY)) == "OK"
        clocked.page.shift(HOUR + 60)
        ctl(clocked, "keep", made.kid)
        C.wait_for(lambda: state(client, made.kid) == "DEACTIVATED", "the suspension to end")
        assert active(client, name) == [newest.kid] and opens(client, made) == "OK"
        clocked.page.shift(2 * DAY)
        assert client.generate(name).kid == newest.kid
        assert state(client, made.kid) == "DEACTIVATED"


def test_waiting_period_has_a_minimum(client, key):
    reply = destroy(client, key[1].kid, force=True, wait=59)
    assert status_name(reply) in ("MALFORMED", "CONFLICT") and reply.message
    assert opens(client, key[1]) == "OK"


def test_usage_evidence(client, key):
    _, old, new = key
    for _ in range(3):
        client.unwrap(new)
    seen = version(client, new.kid)
    assert (seen.unwraps, seen.wraps) == (3, 1) and seen.last_used
    assert [(p.peer, p.unwraps, p.wraps) for p in seen.peers] == [(f"main/{os.geteuid()}", 3, 1)]
    assert version(client, old.kid).unwraps == 0


def test_suspension_with_an_end(clocked):
    with clocked.client() as client:
        made = client.generate(clocked.key("A128KW"))
        now = version(client, made.kid).created // 1_000_000
        assert status_name(move(client, made.kid, "SUSPENDED", until=(now + HOUR) * 1_000_000)) == "OK"
        assert opens(client, made) == "UNUSABLE"
        clocked.page.shift(HOUR / 2)
        assert opens(client, made) == "UNUSABLE"
        clocked.page.shift(HOUR + 60)
        C.wait_for(lambda: opens(client, made) == "OK", "the suspension to end")
        assert state(client, made.kid) == "ACTIVE"


def test_destruction(clocked):
    """After the waiting period the object is destroyed in the token, and the kid stays as a tombstone."""
    with clocked.client() as client:
        clocked.key("A128KW")
        old = client.generate("A128KW")
        client.rotate("A128KW")
        assert status_name(destroy(client, old.kid, force=True, wait=DAY)) == "OK"
        objects = len(list(clocked.token.tokens.rglob("*.object")))
        clocked.page.shift(DAY - 600)
        assert state(client, old.kid) == "WAITING"
        clocked.page.shift(DAY + 60)
        C.wait_for(lambda: state(client, old.kid) == "DESTROYED", "the destruction")
        assert len(list(clocked.token.tokens.rglob("*.object"))) == objects - 1
        assert opens(client, old) == "UNUSABLE"
        assert status_name(move(client, old.kid, "DEACTIVATED")) == "CONFLICT"
        assert not client.ok(fsck=pb.FsckRequest()).fsck.finding
    clocked.restart()
    with clocked.client() as client:
        assert state(client, old.kid) == "DESTROYED"
        assert client.unwrap(client.generate("A128KW")).unwrap.cek


def test_destruction_after_downtime(clocked):
    with clocked.client() as client:
        clocked.key("A128KW")
        old = client.generate("A128KW")
        client.rotate("A128KW")
        assert status_name(destroy(client, old.kid, force=True, wait=HOUR)) == "OK"
    clocked.stop()
    clocked.page.shift(2 * HOUR)
    clocked.start()
    with clocked.client() as client:
        C.wait_for(lambda: state(client, old.kid) == "DESTROYED", "the destruction")


def warns_of_the_clock(daemon):
    return any("clock" in w for w in daemon.status().warning)


def waits(client, daemon):
    """A version that is to be destroyed in an hour, and one of another key whose suspension ends then: their kids."""
    daemon.key("A128KW")
    old = client.generate("A128KW")
    client.rotate("A128KW")
    client.ok(create_key=pb.CreateKeyRequest(key="other", alg="A128KW"))
    other = client.generate("other")
    assert status_name(destroy(client, old.kid, force=True, wait=HOUR)) == "OK"
    assert status_name(move(client, other.kid, "SUSPENDED", until=version(client, old.kid).until)) == "OK"
    assert not warns_of_the_clock(daemon)
    return old.kid, other.kid


@pytest.mark.parametrize("down", [False, True], ids=["running", "down"])
@pytest.mark.parametrize("jump", [-2 * DAY, 8 * DAY], ids=["backwards", "a week forwards"])
def test_a_clock_that_jumps_stops_what_is_scheduled(clocked, jump, down):
    """Also when its time comes by that clock, and over a restart: until an operator confirms it (SIGHUP). A clock that was
    set back and right again has neither shortened the waiting period nor begun it anew."""
    with clocked.client() as client:
        old, other = waits(client, clocked)
    if down:
        clocked.stop()
    clocked.page.set_clock(jump)
    if down:
        clocked.start()
    with clocked.client() as client:
        C.wait_for(lambda: warns_of_the_clock(clocked), "Status to warn of the clock")
        if not down:
            jumped = re.search(r"the clock jumped (back|ahead) by ([0-9]+) days? ?", clocked.log_text())
            assert jumped.group(1) == ("back" if jump < 0 else "ahead")
            assert abs(int(jumped.group(2)) - abs(jump) // DAY) <= 1, jumped.group()
        clocked.page.set_clock(0)
        clocked.page.shift(HOUR + 60)
        opens(client, client.generate("A128KW"))
        assert (state(client, old), state(client, other)) == ("WAITING", "SUSPENDED") and warns_of_the_clock(clocked)
        os.kill(clocked.process.pid, signal.SIGHUP)
        C.wait_for(lambda: state(client, old) == "DESTROYED", "the destruction")
        C.wait_for(lambda: state(client, other) == "ACTIVE", "the suspension to end")
        assert not warns_of_the_clock(clocked)


def test_a_confirmed_clock_ends_no_waiting_period(clocked):
    """cekd was down, and the clock is right years later: the machine was not up for the waiting period."""
    with clocked.client() as client:
        old, other = waits(client, clocked)
    clocked.stop()
    clocked.page.set_clock(3 * 365 * DAY)
    clocked.start()
    with clocked.client() as client:
        C.wait_for(lambda: warns_of_the_clock(clocked), "Status to warn of the clock")
        os.kill(clocked.process.pid, signal.SIGHUP)
        C.wait_for(lambda: state(client, other) == "ACTIVE", "the suspension to end")
        assert state(client, old) == "WAITING" and not warns_of_the_clock(clocked)
        clocked.page.shift(HOUR + 60)
        C.wait_for(lambda: state(client, old) == "DESTROYED", "the destruction")


@pytest.mark.parametrize("off, confirmed", [(2 * HOUR, False), (21 * DAY, True)], ids=["hours", "three weeks"])
def test_a_machine_that_was_off(clocked, monkeypatch, off, confirmed):
    """Nobody saw the time pass. What time does happens after another boot, but for a destruction after more than a day."""
    monkeypatch.setenv("CEKD_BOOT", "one")
    clocked.restart()
    with clocked.client() as client:
        old, other = waits(client, clocked)
    clocked.stop()
    clocked.page.shift(off)
    monkeypatch.setenv("CEKD_BOOT", "two")
    clocked.start()
    with clocked.client() as client:
        C.wait_for(lambda: state(client, other) == "ACTIVE", "the suspension to end")
        if confirmed:
            assert state(client, old) == "WAITING" and warns_of_the_clock(clocked)
            os.kill(clocked.process.pid, signal.SIGHUP)
        C.wait_for(lambda: state(client, old) == "DESTROYED", "the destruction")
        assert not warns_of_the_clock(clocked)


def test_a_kid_is_used_once(clocked):
    """Also after its version is destroyed; and a key's name stays with its tombstones."""
    from jwcrypto import jwk
    path = clocked.where / "key.jwk"
    path.write_text(jwk.JWK.generate(kty="oct", size=256).export(private_key=True))
    path.chmod(0o600)
    clocked.cekctl("key", "import", "first", "--alg", "A256KW", "--jwk", path, "--kid", "issuer-1")
    with clocked.client() as client:
        key = client.ok(describe_key=pb.DescribeKeyRequest(key="first")).key.key
        cka_id = key.version[0].cka_id
        if key.version[0].state == pb.STATE_ACTIVE:
            client.rotate("first")
        objects = {path: path.read_bytes() for path in clocked.token.tokens.rglob("*.object")}
        assert status_name(destroy(client, "issuer-1", force=True, wait=60)) == "OK"
        clocked.page.shift(120)
        C.wait_for(lambda: state(client, "issuer-1") == "DESTROYED", "the destruction")
        assert status_name(client.call(create_key=pb.CreateKeyRequest(key="first", alg="A256KW"))) == "CONFLICT"
    again = clocked.cekctl("key", "import", "second", "--alg", "A256KW", "--jwk", path, "--kid", "issuer-1",
                           check=False)
    assert again.returncode == 6 and "CONFLICT" in again.stderr, again.stderr
    # The token comes back from a backup that still has the object.
    gone = [path for path in objects if not path.exists()]
    assert len(gone) == 1
    for path in gone:
        path.write_bytes(objects[path])
        if C.ROOT:
            os.chown(path, C.UID_TOKEN, C.UID_TOKEN)
    clocked.restart()
    found = json.loads(clocked.cekctl("fsck", "--json", check=False).stdout)["findings"]
    assert [f["kind"] for f in found] == ["orphan"] and found[0]["kid"] == "issuer-1"
    adopted = clocked.cekctl("key", "adopt", "third", "--alg", "A256KW", "--id", cka_id.hex(), "--insist",
                             check=False)
    assert adopted.returncode == 6 and "CONFLICT" in adopted.stderr, adopted.stderr


def test_gcm_wraps_are_counted_in_durable_blocks(make_cekd):
    """After SIGKILL all wraps of the block that was reserved count as made; at the limit the key rotates by itself."""
    limit = 4000
    with_limit = {"CEK_TEST_GCM_WRAP_LIMIT": str(limit)}
    os.environ.update(with_limit)
    try:
        daemon = make_cekd()
    finally:
        for name in with_limit:
            del os.environ[name]
    key = daemon.key("A128GCMKW")

    def reserved(kid):
        lines = [json.loads(line) for line in daemon.keys.read_text().splitlines()]
        return [line["reserved"] for line in lines if line.get("kid") == kid and "reserved" in line]
    with daemon.client() as client:
        first = client.generate(key)
    block = reserved(first.kid)[0]
    assert block == limit // 8
    for kills in range(1, 4):
        daemon.kill_child("cekd-broker")
        with daemon.client() as client:
            made = client.generate(key)
            assert made.kid == first.kid
            assert reserved(first.kid)[-1] >= (kills + 1) * block
    with daemon.client() as client:
        kids = {}
        for _ in range(limit // 50):
            ids = [client.send(generate_cek=pb.GenerateCekRequest(key=key, enc="A256GCM")) for _ in range(50)]
            for id in ids:
                reply = client.reply(id)
                assert status_name(reply) == "OK", reply
                kids[reply.generate_cek.kid] = kids.get(reply.generate_cek.kid, 0) + 1
        assert len(kids) == 2, kids
        assert kids[first.kid] + 4 + 3 * (block - 1) <= limit
        assert client.unwrap(first).unwrap.cek == first.cek


def test_scheduled_rotation(clocked):
    """Published first, active after the lead time, the old one deactivated and still opening."""
    with clocked.client() as client:
        name = clocked.key("ECDH-ES+A256KW", "P-256")
        first = client.generate(name)
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(
            key=name, schedule=pb.Schedule(period=30 * DAY, lead=2 * DAY, token_lifetime=HOUR, jwks_max_age=HOUR)))

        def states():
            key = client.ok(describe_key=pb.DescribeKeyRequest(key=name)).key.key
            return [pb.State.Name(v.state).removeprefix("STATE_") for v in key.version]
        assert states() == ["ACTIVE"]
        clocked.page.shift(28 * DAY + 60)
        C.wait_for(lambda: states() == ["ACTIVE", "PRE_ACTIVE"], "the next version to be published")
        entries = client.ok(get_public_keys=pb.GetPublicKeysRequest(key=[name])).public_keys.entry
        assert [e.state for e in entries if e.kid != first.kid] == [pb.STATE_PRE_ACTIVE]
        assert client.generate(name).kid == first.kid
        clocked.page.shift(30 * DAY + 60)
        C.wait_for(lambda: states() == ["DEACTIVATED", "ACTIVE"], "the next version to become active")
        assert client.generate(name).kid != first.kid
        assert opens(client, first) == "OK"
        plan = client.ok(rotate_key=pb.RotateKeyRequest(key=name, plan=True)).key.key
        assert plan.plan and all(event.what and event.time for event in plan.plan)
        assert states() == ["DEACTIVATED", "ACTIVE"]


def test_missed_steps_happen_once(clocked):
    """Three periods of downtime: one rotation, not three."""
    with clocked.client() as client:
        name = clocked.key("A128KW")
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key=name, schedule=pb.Schedule(period=10 * DAY)))
    clocked.stop()
    clocked.page.shift(35 * DAY)
    clocked.start()
    with clocked.client() as client:
        def versions():
            return len(client.ok(describe_key=pb.DescribeKeyRequest(key=name)).key.key.version)
        C.wait_for(lambda: versions() == 2, "the missed rotation")
        clocked.page.shift(36 * DAY)
        client.unwrap(client.generate(name))
        assert versions() == 2


def test_a_symmetric_version_opens_nothing_before_it_is_active(clocked):
    """Nobody can have wrapped under it; a public one was published, and opens what was encrypted for it."""
    with clocked.client() as client:
        for alg in ("A128KW", "A128GCMKW", "ECDH-ES+A128KW"):
            name = alg.split("+")[0]
            client.ok(create_key=pb.CreateKeyRequest(key=name, alg=alg))
            made = client.generate(name)
            client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key=name, schedule=pb.Schedule(period=DAY, lead=DAY)))

            def versions():
                return client.ok(describe_key=pb.DescribeKeyRequest(key=name)).key.key.version
            C.wait_for(lambda: len(versions()) == 2, "a version to be published")
            made.kid = versions()[1].kid
            assert state(client, made.kid) == "PRE_ACTIVE"
            assert status_name(client.unwrap(made)) == ("FAILED" if "ECDH" in alg else "UNUSABLE"), alg
            assert status_name(move(client, made.kid, "ACTIVE")) == "OK"
            assert status_name(client.unwrap(made)) == "FAILED", alg


def test_manual_rotation_resets_the_clock(clocked):
    with clocked.client() as client:
        name = clocked.key("A128KW")
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key=name, schedule=pb.Schedule(period=10 * DAY)))
        clocked.page.shift(9 * DAY)
        client.rotate(name)
        plan = client.ok(describe_key=pb.DescribeKeyRequest(key=name)).key.key
        active = next(v for v in plan.version if v.state == pb.STATE_ACTIVE)
        following = min(e.time for e in plan.plan if e.what == "activate" and e.time > active.activated)
        assert abs(following - active.activated - 10 * DAY * 1_000_000) < 60 * 1_000_000


def test_plan_changes_nothing(client, key):
    name, _, new = key
    before = client.call(list_keys=pb.ListKeysRequest()).epoch
    plan = client.ok(rotate_key=pb.RotateKeyRequest(key=name, plan=True)).key.key.plan
    assert [event for event in plan if event.what == "activate"]
    assert any(event.what == "retire" and event.why for event in plan)
    assert client.call(list_keys=pb.ListKeysRequest()).epoch == before
    assert client.generate(name).kid == new.kid


def test_when_it_is_safe_is_not_known(clocked):
    """Without a token lifetime and an overlap nobody knows when an old version is needed no more: not after a minute, nor
    after a year. Either of them tells."""
    with clocked.client() as client:
        name = clocked.key("A128KW")
        old = client.generate(name)
        unused, new = (client.rotate(name).key.key.version[-1].kid for _ in range(2))
        assert opens(client, old) == "OK"
        clocked.page.shift(300 * DAY)
        assert version(client, old.kid).overlap_end == 0
        shown = clocked.cekctl("key", "show", name).stdout
        assert shown.count("safe to retire") == 3 and "not known" in shown
        assert "overlap_end" not in json.dumps(clocked.json("key", "show", name))
        assert "not known" in clocked.cekctl("key", "rotate", name, "--plan").stdout
        refused = destroy(client, old.kid)
        assert status_name(refused) == "CONFLICT" and "not known" in refused.message, refused.message
        assert status_name(destroy(client, unused)) == "OK"  # nothing was ever encrypted for it
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key=name, schedule=pb.Schedule(token_lifetime=HOUR)))
        known = version(client, old.kid)
        assert known.overlap_end == known.last_used + (HOUR + 60) * 1_000_000 > known.deactivated + (HOUR + 60) * 1_000_000
        assert known.retire_why.startswith("last use 20") and "issuer" not in known.retire_why
        shown = clocked.cekctl("key", "show", name).stdout
        assert shown.count("not known") == shown.count("not known as long as it is active") == 1
        assert opens(client, old) == "OK"  # 300 days later: whoever encrypted this did not hear of the new version
        known = version(client, old.kid)
        assert known.overlap_end == known.last_used + (HOUR + 60) * 1_000_000
        refused = destroy(client, old.kid)
        for said in (known.retire_why, refused.message):
            assert "last use 20" in said and "an issuer still encrypts for it: last token of it at 20" in said, said
            assert f"by peer main/{os.geteuid()}" in said
        clocked.page.shift(300 * DAY + HOUR + 61)
        assert status_name(destroy(client, old.kid)) == "OK"
        assert version(client, new).state == pb.STATE_ACTIVE


def test_who_still_uses_it(shared, client, key):
    """cekctl key show answers the question, and shows the numbers of a rehearsal of retirement."""
    _, old, _ = key
    assert opens(client, old) == "OK"
    assert status_name(move(client, old.kid, "SUSPENDED", reason="rehearsal")) == "OK"
    for _ in range(3):
        assert opens(client, old) == "UNUSABLE"
    shown = shared.cekctl("key", "show", "--kid", old.kid).stdout
    assert f"main/{os.geteuid()}" in shown and "suspended" in shown
    seen = next(v for v in shared.json("key", "show", "--kid", old.kid)["versions"] if v["kid"] == old.kid)
    assert (seen["unwraps"], seen["refused"]) == (1, 3) and seen["last_used"]


def test_suspension_over_a_restart(clocked):
    """Its end passes while cekd is down; the number of refused unwraps lives on until then."""
    with clocked.client() as client:
        made = client.generate(clocked.key("A128KW"))
        now = version(client, made.kid).created // 1_000_000
        assert status_name(move(client, made.kid, "SUSPENDED", until=(now + HOUR) * 1_000_000)) == "OK"
        assert opens(client, made) == opens(client, made) == "UNUSABLE"
    clocked.restart()
    with clocked.client() as client:
        assert version(client, made.kid).refused == 2
    clocked.stop()
    clocked.page.shift(2 * HOUR)
    clocked.start()
    with clocked.client() as client:
        C.wait_for(lambda: opens(client, made) == "OK", "the suspension to end")
        assert version(client, made.kid).refused >= 2


def test_limit_of_uses(client):
    client.ok(create_key=pb.CreateKeyRequest(key="limited", alg="A128KW", max_uses=20))
    first = client.generate("limited").kid

    def rotated():
        return client.generate("limited").kid != first
    C.wait_for(rotated, "the key to rotate by itself")
    key = client.ok(describe_key=pb.DescribeKeyRequest(key="limited")).key.key
    used = next(v for v in key.version if v.kid == first)
    assert used.wraps + used.unwraps <= 20


def test_watch_tells_of_a_compromise(shared, client, key):
    with shared.client() as watcher:
        id = watcher.send(watch=pb.WatchRequest())
        watcher.reply(id)
        reply = move(client, key[1].kid, "COMPROMISED")
        C.wait_for(lambda: watcher.reply(id).watch.epoch >= reply.epoch, "the new epoch")


def test_watch_tells_of_new_rules(make_cekd):
    """SIGHUP with other rules: a new epoch, so that gateways drop the CEKs that they may no longer ask for."""
    daemon = make_cekd()
    with daemon.client() as client, daemon.client() as watcher:
        made = client.generate(daemon.key("A128KW"))
        id = watcher.send(watch=pb.WatchRequest())
        before = watcher.reply(id).watch.epoch
        daemon.config.rules["all"]["operations"] = ["status", "watch", "list"]
        daemon.conf.write_text(daemon.config.text())
        os.kill(daemon.process.pid, signal.SIGHUP)
        assert watcher.reply(id).watch.epoch > before
        assert status_name(client.unwrap(made)) == "DENIED"


@pytest.mark.slow
def test_each_key_near_its_limit_is_told(make_cekd):
    """The lines are none of the user's who happens to have used them up, and may not cause as many."""
    daemon = make_cekd()
    keys = [f"limited-{i}" for i in range(24)]
    with daemon.client() as client:
        for key in keys:
            client.ok(create_key=pb.CreateKeyRequest(key=key, alg="A128KW", max_uses=3))
        for _ in range(3):
            ids = [client.send(generate_cek=pb.GenerateCekRequest(key=key, enc="A256GCM")) for key in keys]
            assert {status_name(client.reply(id)) for id in ids} == {"OK"}
        log = daemon.log_text()
        assert [key for key in keys if f"key {key}: its active version nears its limit of uses" not in log] == []
