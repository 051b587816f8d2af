# SPDX-License-Identifier: Apache-2.0
"""Peers that do what hurts most, many at a time: others are served, and what one user may hold and cause is bounded. How long
others wait is not asked here, since a test cannot tell a busy machine from a busy broker: scripts/bench --victims does."""

import pathlib
import re
import time

import cekd as C
import hostile
import pytest
from cekd import pb, status_name

pytestmark = pytest.mark.skipif(not C.ROOT, reason="needs other users")

RULES = {
    "victim": {"users": ["0"], "operations": C.OPERATIONS, "keys": ["*"]},
    "others": {"anyone": True, "operations": ["list", "public", "watch"], "keys": ["*"]},
}
LIMITS = {"connections": 4096, "connections_per_user": 2048}
# Of a user frames in parts, replies, requests; records on their way; and what the broker has at rest.
MEMORY_MOST = (64 * 65540 + 16 * (1 << 20) + (24 << 20)) >> 10


@pytest.fixture(scope="module")
def shared(make_cekd_module):
    daemon = make_cekd_module(limits=LIMITS, rules=RULES)
    for i in range(10):
        daemon.key("ECDH-ES+A256KW", "P-256", f"key-{i}")
    daemon.key("A256KW", name="a")
    return daemon


@pytest.fixture
def hostile_peers(shared):
    made = []

    def start(*kinds, uid=C.UID_BOB):
        begun = [hostile.Hostile(shared.socket, kind, uid, number) for kind, number in kinds]
        made.extend(begun)
        for peer in begun:
            peer.started()
    yield start
    ended = [peer.kind for peer in made if not peer.running()]
    for peer in made:
        peer.stop()
    assert not ended


def memory_kib(daemon):
    """Of the broker. Not what is locked of it, which has a limit of its own that nobody need notice."""
    status = pathlib.Path(f"/proc/{daemon.child('cekd-broker')}/status").read_text()
    return int(re.search(r"RssAnon:\s*(\d+)", status).group(1))


def check_mix(daemon, start, seed, unwraps):
    """In a mix of hostile peers every unwrap of another user is answered, in memory and with log lines that have a bound."""
    broker, lines, began = daemon.child("cekd-broker"), len(daemon.log_text().splitlines()), time.monotonic()
    mix = hostile.mix(seed)
    with daemon.client() as victim:
        start(*mix)  # they may fill the socket's backlog
        made = victim.generate("a")
        for _ in range(unwraps):
            reply = victim.unwrap(made)
            assert status_name(reply) == "OK" and reply.unwrap.cek == made.cek, (mix, reply)
            assert memory_kib(daemon) < MEMORY_MOST, mix
        assert victim.ok(status=pb.StatusRequest()).status_reply.ready
    assert daemon.child("cekd-broker") == broker, mix
    # A burst, ten a second, and a line about the rest now and then; of one user, and of this one.
    most = 2 * (20 + 10 * (time.monotonic() - began) + 10)
    assert len(daemon.log_text().splitlines()) - lines <= most, (mix, daemon.log_text()[-4000:])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mix(shared, hostile_peers, seed):
    check_mix(shared, hostile_peers, seed, 30)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 40))
def test_many_mixes(shared, hostile_peers, seed):
    check_mix(shared, hostile_peers, seed, 100)


def test_half_frames_of_one_user(shared):
    """They took all locked memory. Others of this user are served meanwhile, and one of them when it becomes whole."""
    def peer():
        before, peers = memory_kib(shared), []
        for _ in range(400):
            one = shared.client()
            one.send_bytes(bytes((0, 1, 0, 0)) + bytes(50000))
            peers.append(one)
        with shared.client() as other:
            answers = {status_name(other.call(get_public_keys=pb.GetPublicKeysRequest())) for _ in range(3)}
        held = memory_kib(shared) - before
        peers[-1].send_bytes(bytes(65536 - 50000))
        for one in peers[:-1]:  # which hold what it may need
            one.close()
        answers.add(status_name(peers[-1].recv()))
        return held, sorted(answers)
    held, answers = C.as_uid(C.UID_ALICE, peer)
    assert answers == ["MALFORMED", "OK"] and held < 6 << 10, held


def lines_of_nobody(daemon):
    """Each of its connections is refused with a line in the log."""
    before = daemon.log_text().count("so that no rule can name it")

    def peer():
        for _ in range(500):
            daemon.client().close()
    C.as_uid(65534, peer)
    return daemon.log_text().count("so that no rule can name it") - before


def test_lines_of_nobody(shared):
    """There were thousands a second."""
    began = time.monotonic()
    assert 1 <= lines_of_nobody(shared) <= 20 + 10 * (time.monotonic() - began) + 1


@pytest.mark.slow
def test_lines_that_are_left_out_are_counted(shared):
    lines_of_nobody(shared)
    said = r"\d+ more lines like these, within \d+ s, were caused by uid 65534 at listener main"
    C.wait_for(lambda: re.search(said, shared.log_text()), "the line that counts the others")


def test_a_name_many_times(shared):
    """A key is one key, however often it is named, and there is a bound of names."""
    with shared.client() as client:
        entries = client.ok(get_public_keys=pb.GetPublicKeysRequest(key=["key-1"] * 256)).public_keys.entry
        assert [entry.key for entry in entries] == ["key-1"]
        assert status_name(client.call(get_public_keys=pb.GetPublicKeysRequest(key=["key-1"] * 257))) == "TOO_LARGE"
