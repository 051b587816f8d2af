"""Lists that no single frame holds: they come whole, page by page, or with a mark; never cut without a word."""

import json
import threading

import cekd as C
import pytest
from cekd import pb, status_name

# P-521 and the longest of names: entries so long that few versions take more than a frame. Making one takes a while.
MANY = "many-" + "x" * 59
VERSIONS = 260


def active(key):
    return next(version.kid for version in key.version if version.state == pb.STATE_ACTIVE)


def rotate(client, name, kid):
    return active(client.ok(rotate_key=pb.RotateKeyRequest(key=name, active_kid=kid)).key.key)


@pytest.fixture(scope="module")
def shared(make_cekd_module):
    daemon = make_cekd_module()
    daemon.key("ECDH-ES", "X25519", name="few")
    daemon.key("ECDH-ES", "P-521", name=MANY)
    daemon.key("A256KW", name="aes")
    daemon.kids = []  # of MANY, oldest first
    with daemon.client() as client:
        daemon.few = active(client.ok(describe_key=pb.DescribeKeyRequest(key="few")).key.key)
        daemon.kids.append(active(client.ok(describe_key=pb.DescribeKeyRequest(key=MANY)).key.key))
        while len(daemon.kids) < VERSIONS:
            daemon.kids.append(rotate(client, MANY, daemon.kids[-1]))
    return daemon


def jwks(daemon, *args):
    return [key["kid"] for key in json.loads(daemon.cekctl("jwks", *args).stdout)["keys"]]


def pages(client, **changes):
    """All replies of a set, by hand."""
    replies = [client.ok(get_public_keys=pb.GetPublicKeysRequest(pages=True, **changes)).public_keys]
    while not replies[-1].end:
        replies.append(client.ok(get_public_keys=pb.GetPublicKeysRequest(
            pages=True, after=replies[-1].next, **changes)).public_keys)
    return replies


def test_jwks_gives_every_key(shared):
    kids = shared.kids[::-1]
    assert jwks(shared, "--all") == [shared.few, *kids]
    assert jwks(shared) == [shared.few, kids[0]]
    assert jwks(shared, "--all", MANY) == kids
    assert jwks(shared, "--all", MANY, "few", "aes") == [shared.few, *kids]


def test_public_keys_by_hand(shared):
    with shared.client() as client:
        replies = pages(client)
    kids = [entry.kid for reply in replies for entry in reply.entry]
    assert len(replies) > 1 and kids == [shared.few, *shared.kids[::-1]]
    for reply in replies[:-1]:
        assert reply.next and len(reply.next) <= 128 and not reply.end
        assert reply.ByteSize() > 60000
    assert replies[-1].end and not replies[-1].next


def test_without_pages_a_set_fits_or_fails(shared):
    with shared.client() as client:
        for names in ([], [MANY], [MANY, "few"]):
            reply = client.call(get_public_keys=pb.GetPublicKeysRequest(key=names))
            assert status_name(reply) == "TOO_LARGE" and "name fewer keys" in reply.message, reply
        reply = client.ok(get_public_keys=pb.GetPublicKeysRequest(key=["few"])).public_keys
        assert [entry.kid for entry in reply.entry] == [shared.few] and reply.end and not reply.next


def test_pages_that_nobody_gave(shared):
    with shared.client() as client:
        good = client.ok(get_public_keys=pb.GetPublicKeysRequest(pages=True)).public_keys.next
        for after in ("x", "0", good + ".", good + " ", " " + good, good + "0" * 70, "1.2.3.4", "-1.2.3.4.5", "é",
                      "9" * 60000):
            reply = client.call(get_public_keys=pb.GetPublicKeysRequest(pages=True, after=after))
            assert status_name(reply) in ("MALFORMED", "CONFLICT"), (after[:80], reply)
        reply = client.call(get_public_keys=pb.GetPublicKeysRequest(after=good))
        assert status_name(reply) == "MALFORMED", reply
        epoch, rules = good.split(".")[:2]
        for tail in ("0.99999.7", "1.18446744073709551615.0", "4294967295.0.0", "1.0.4294967295", "0.0.0"):
            reply = client.call(get_public_keys=pb.GetPublicKeysRequest(pages=True, after=f"{epoch}.{rules}.{tail}"))
            assert status_name(reply) == "OK", (tail, reply)


def test_a_change_between_two_pages(shared):
    with shared.client() as client:
        first = client.ok(get_public_keys=pb.GetPublicKeysRequest(pages=True))
        shared.kids.append(rotate(client, MANY, shared.kids[-1]))
        reply = client.call(get_public_keys=pb.GetPublicKeysRequest(pages=True, after=first.public_keys.next))
        assert status_name(reply) == "CONFLICT" and reply.epoch > first.epoch, reply
        kids = [entry.kid for reply in pages(client) for entry in reply.entry]
        assert kids == [shared.few, *shared.kids[::-1]]


def test_jwks_while_keys_rotate(shared):
    """Each set is one that was, whole: a number of the versions from the first on, the youngest of them in front."""
    stop, faults = threading.Event(), []

    def go_on():
        try:
            with shared.client() as client:
                while not stop.is_set() and len(shared.kids) < VERSIONS + 100:
                    shared.kids.append(rotate(client, MANY, shared.kids[-1]))
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        sets = [jwks(shared, "--all") for _ in range(10)]
    finally:
        stop.set()
        thread.join()
    assert not faults
    for kids in sets:
        assert kids == [shared.few, *shared.kids[:len(kids) - 1][::-1]]
    assert len(sets[0]) > VERSIONS and len(sets[-1]) >= len(sets[0])
