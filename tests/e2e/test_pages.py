# SPDX-License-Identifier: Apache-2.0
"""Lists that no single frame holds: they come whole, page by page, or with a mark; never cut without a word."""

import json
import shutil
import socket
import struct
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
def state():
    where = C.folder_in_memory("cekd-pages-")
    yield where
    shutil.rmtree(where)


@pytest.fixture(scope="module")
def shared(state, make_cekd_module):
    daemon = make_cekd_module(state_directory=str(state / "state"))
    daemon.key("ECDH-ES", "X25519", name="few")
    daemon.key("ECDH-ES", "P-521", name=MANY)
    daemon.key("A256KW", name="aes")
    daemon.cekctl("key", "schedule", MANY, "--overlap", "7d")
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


@pytest.mark.long  # for the versions of MANY
def test_jwks_gives_every_key(shared):
    kids = shared.kids[::-1]
    assert jwks(shared, "--all", "--every-key") == [shared.few, *kids]
    assert jwks(shared, "--every-key") == [shared.few, kids[0]]
    assert jwks(shared, "--all", MANY) == kids
    assert jwks(shared, "--all", MANY, "few") == [shared.few, *kids]


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


def test_key_list_and_show_have_every_version(shared):
    listed = {key["name"]: key for key in shared.json("key", "list")["keys"]}
    assert [version["kid"] for version in listed[MANY]["versions"]] == shared.kids
    assert jwks(shared, "--all", MANY) == [version["kid"] for version in listed[MANY]["versions"]][::-1]
    assert all(not version["peers"] and "public_key" not in version for version in listed[MANY]["versions"])
    shown = shared.json("key", "show", MANY)
    assert [version["kid"] for version in shown["versions"]] == shared.kids
    assert [version["number"] for version in shown["versions"]] == list(range(1, len(shared.kids) + 1))
    assert all("public_key" in version for version in shown["versions"])
    assert "before" not in shown and "before" not in listed[MANY]
    assert shared.json("key", "show", "--kid", shared.kids[0]) == shown
    text = shared.cekctl("key", "list").stdout
    assert all(f" {kid} " in text for kid in shared.kids)
    text = shared.cekctl("key", "show", MANY).stdout
    assert [line.split()[1] for line in text.splitlines() if line.startswith("  kid")] == shared.kids


def test_the_answer_to_a_change_says_what_it_leaves_out(shared):
    changed = shared.json("key", "suspend", shared.kids[3])
    kids = [version["kid"] for version in changed["versions"]]
    assert kids[0] == shared.kids[3] and changed["active"] == shared.kids[-1]
    assert 1 < changed["before"] <= VERSIONS and kids[1:] == shared.kids[changed["before"] - 1:]
    assert changed["more_events"] > 0  # all of them are within their overlap
    assert f"version {shared.kids[3]} is deactivated, active is" in shared.cekctl("key", "resume", shared.kids[3]).stdout
    assert shared.cekctl("key", "rotate", "--plan", MANY).stdout.count(" activate ") == 1
    with shared.client() as client:
        reply = client.ok(describe_key=pb.DescribeKeyRequest(key=MANY, before=changed["before"])).key.key
        assert [version.kid for version in reply.version] == shared.kids[:changed["before"] - 1][-len(reply.version):]


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
        sets = [jwks(shared, "--all", "--every-key") for _ in range(10)]
        lists = [[version["kid"] for version in shared.json("key", "show", MANY)["versions"]] for _ in range(10)]
    finally:
        stop.set()
        thread.join()
    assert not faults
    for kids in sets:
        assert kids == [shared.few, *shared.kids[:len(kids) - 1][::-1]]
    for kids in lists:
        assert kids == shared.kids[:len(kids)] and len(kids) > VERSIONS
    assert len(sets[0]) > VERSIONS and len(sets[-1]) >= len(sets[0])


# ---- a daemon that never ends ------------------------------------------------------------------------------------


@pytest.fixture
def hostile():
    """hostile(answer): the path of a socket where answer(request, n) is the reply to the n-th request."""
    where = C.folder("cekd-hostile-")
    threads, sockets = [], []

    def serve(listener, answer):
        try:
            peer, _ = listener.accept()
            with peer, peer.makefile("rb") as stream:
                for n in range(10000):
                    head = stream.read(4)
                    if len(head) < 4:
                        return
                    request = pb.Request.FromString(stream.read(struct.unpack(">I", head)[0]))
                    reply = answer(request, n)
                    reply.id, reply.status, reply.epoch = request.id, pb.STATUS_OK, 7
                    body = reply.SerializeToString()
                    peer.sendall(struct.pack(">I", len(body)) + body)
        except OSError:
            pass

    def start(answer):
        path = where / f"{len(sockets)}.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        sockets.append(listener)
        threads.append(threading.Thread(target=serve, args=(listener, answer)))
        threads[-1].start()
        return path

    yield start
    for listener in sockets:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(C.PATIENCE)
        assert not thread.is_alive()
    shutil.rmtree(where)


def refused(path, *args):
    done = C.run([C.CEKCTL, "--socket", path, *args], check=False)
    assert done.returncode == 1 and not done.stdout, done
    return done.stderr


def listing(*names, more=True):
    return pb.Reply(list_keys=pb.ListKeysReply(key=[pb.Key(name=name, alg="A256KW") for name in names], more=more))


def described(*numbers, before):
    return pb.Reply(key=pb.KeyReply(key=pb.Key(name="a", alg="A256KW", before=before, version=[
        pb.Version(kid=f"k{number}", number=number, state=pb.STATE_DEACTIVATED) for number in numbers])))


@pytest.mark.parametrize("answer", [
    lambda request, n: listing("a"),
    lambda request, n: listing(),
    lambda request, n: listing("b", "a"),
    lambda request, n: listing(*"abc") if n == 0 else listing("c"),
    lambda request, n: listing("a" * 65),
], ids=["same", "none", "descending", "back", "long"])
def test_a_list_that_does_not_get_on(hostile, answer):
    assert "E_PROTOCOL" in refused(hostile(answer), "key", "list")


@pytest.mark.parametrize("answer", [
    lambda request, n: described(7, 8, before=7),
    lambda request, n: described(7, 8, before=7) if n == 0 else described(before=0),
    lambda request, n: described(7, 8, before=7) if n == 0 else described(5, 6, before=6),
    lambda request, n: described(7, 8, before=7) if n == 0 else described(6, 5, before=5),
], ids=["same", "none", "other", "descending"])
def test_versions_that_do_not_get_on(hostile, answer):
    assert "E_PROTOCOL" in refused(hostile(answer), "key", "show", "a")


def test_public_keys_without_end(hostile):
    entry = pb.PublicKeyEntry(key="a", kid="k", alg="ECDH-ES", state=pb.STATE_ACTIVE,
                              public_key=pb.PublicKey(kty="OKP", crv="X25519", x=bytes(32)))
    big = [entry] * 700
    assert "TOO_LARGE" in refused(hostile(lambda request, n: pb.Reply(
        public_keys=pb.PublicKeysReply(entry=big, next=str(n)))), "jwks")
    assert "E_PROTOCOL" in refused(hostile(lambda request, n: pb.Reply(
        public_keys=pb.PublicKeysReply(entry=[entry], next="1"))), "jwks")
    assert "E_PROTOCOL" in refused(hostile(lambda request, n: pb.Reply(
        public_keys=pb.PublicKeysReply(next=str(n)))), "jwks")
    assert "older" in refused(hostile(lambda request, n: pb.Reply(
        public_keys=pb.PublicKeysReply(entry=[entry] * 512))), "jwks")


def test_an_older_daemon_that_leaves_out_versions(hostile):
    done = C.run([C.CEKCTL, "--socket", hostile(lambda request, n: described(7, 8, before=0)), "key", "show", "a"])
    assert "leaves out the versions of a before number 7" in done.stderr
