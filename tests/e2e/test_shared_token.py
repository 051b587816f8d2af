# SPDX-License-Identifier: Apache-2.0
"""Several daemons on one token, each with a journal of its own: none touches or shadows the keys of another."""

import cekd as C
import pytest
from cekd import pb, status_name


@pytest.fixture
def pair(make_cekd):
    first = make_cekd(page=True, destroy_wait_min=60)
    second = make_cekd(token=first.token, page=True, destroy_wait_min=60)
    return first, second


def make(daemon, name):
    with daemon.client() as client:
        client.ok(create_key=pb.CreateKeyRequest(key=name, alg="A256KW"))
        return client.generate(name)


def findings(daemon):
    with daemon.client() as client:
        return client.ok(fsck=pb.FsckRequest()).fsck.finding


def version(client, kid):
    key = client.ok(describe_key=pb.DescribeKeyRequest(kid=kid)).key.key
    return next(v for v in key.version if v.kid == kid)


def opens(daemon, wrapped):
    with daemon.client() as client:
        reply = client.unwrap(wrapped)
        return status_name(reply) if reply.unwrap.cek == wrapped.cek else f"{status_name(reply)} {reply.message}"


def test_same_name_in_both(pair):
    first, second = pair
    ours, theirs = make(first, "api"), make(second, "api")
    assert ours.kid != theirs.kid
    for daemon, wrapped in ((first, ours), (second, theirs)):
        assert opens(daemon, wrapped) == "OK"
    # Neither knows the other's kid, and the name leads each to its own.
    for daemon, wrapped in ((first, theirs), (second, ours)):
        with daemon.client() as client:
            assert status_name(client.unwrap(wrapped)) == "UNKNOWN_KEY"
            assert status_name(client.unwrap(wrapped, kid="", key="api")) == "FAILED"
            for op in ({"destroy_version": pb.DestroyVersionRequest(kid=wrapped.kid, force=True, wait=60)},
                       {"set_key_state": pb.SetKeyStateRequest(kid=wrapped.kid, state=pb.STATE_COMPROMISED)}):
                assert status_name(client.call(**op)) == "UNKNOWN_KEY"


def test_second_one_comes_later(make_cekd):
    """With a journal without keys, on a token that has some: whether that is meant an operator says, once."""
    first = make_cekd(page=True)
    wrapped = make(first, "api")
    second = make_cekd(start=False, token=first.token, page=True)
    second.spawn()

    def asks():
        try:
            return "the token holds 1 that cekd made" in second.status().why_not_ready
        except (ConnectionError, FileNotFoundError):
            return False
    C.wait_for(asks, f"the second one to ask\n{second.log_text()}")
    with second.client() as client:
        assert status_name(client.unwrap(wrapped)) == "UNAVAILABLE"
        assert status_name(client.call(create_key=pb.CreateKeyRequest(key="api", alg="A256KW"))) == "UNAVAILABLE"
    second.cekctl("restore", "confirm", "--yes")
    second.wait_ready()
    second.restart()
    mine = make(second, "api")
    second.restart()
    first.restart()
    assert [opens(first, wrapped), opens(second, mine)] == ["OK", "OK"]
    with second.client() as client:
        assert status_name(client.unwrap(wrapped)) == "UNKNOWN_KEY"


def test_foreign_objects_are_reported_and_not_touched(pair):
    first, second = pair
    wrapped = [make(first, "api"), make(first, "other")]
    mine = make(second, "api")
    found = findings(second)
    with first.client() as client:
        ids = {version(client, w.kid).cka_id for w in wrapped}
    assert {f.kind for f in found} == {"foreign"} and {f.cka_id for f in found} == ids
    assert all(f.advice and f.what for f in found)
    assert [f.kind for f in findings(first)] == ["foreign"]
    shown = second.cekctl("fsck", check=False)
    assert shown.returncode == 1 and shown.stdout.count("foreign") == 2
    # The second one lives its life: rotation, destruction, restarts. The first one's keys are as they were.
    with second.client() as client:
        client.rotate("api")
        reply = client.call(destroy_version=pb.DestroyVersionRequest(kid=mine.kid, force=True, wait=60))
        assert reply.status == pb.STATUS_OK, reply
        second.page.shift(120)
        C.wait_for(lambda: version(client, mine.kid).state == pb.STATE_DESTROYED, "the destruction")
    second.restart()
    first.restart()
    assert [opens(first, w) for w in wrapped] == ["OK", "OK"]
    assert {f.kind for f in findings(second)} == {"foreign"}
    with second.client() as client:
        again = client.generate("api")
        assert client.unwrap(again).unwrap.cek == again.cek
