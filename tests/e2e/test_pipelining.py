# SPDX-License-Identifier: Apache-2.0
"""Many requests on one connection: out of order by id, deadlines, full queues, an orderly end."""

import os
import signal

import cekd as C
import pytest
from cekd import pb, status_name


def test_out_of_order(make_cekd):
    """A slow generation delays no unwrap: its reply comes last although it was asked first."""
    daemon = make_cekd(page=True)
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        daemon.page.arm("manage.generate.before")
        slow = client.send(create_key=pb.CreateKeyRequest(key="slow", alg="RSA-OAEP", bits=2048))
        C.wait_for(daemon.page.hit, "the manage worker to stop before it generates")
        quick = [client.send(unwrap=client.unwrap_request(made)) for _ in range(20)]
        order = [client.recv() for _ in quick]
        assert sorted(reply.id for reply in order) == quick
        assert all(reply.unwrap.cek == made.cek for reply in order)
        daemon.page.disarm()
        assert status_name(client.reply(slow)) == "OK"


def test_many_at_once(shared, client):
    made = client.generate(shared.key("A256KW"))
    ids = {client.send(unwrap=client.unwrap_request(made)) for _ in range(200)}
    for _ in range(200):
        reply = client.recv()
        assert reply.unwrap.cek == made.cek
        ids.remove(reply.id)
    assert not ids


def test_many_clients(shared):
    clients = [shared.client() for _ in range(30)]
    wrapped = [client.generate(shared.key("A256KW")) for client in clients]
    for client, made in zip(clients, wrapped):
        for number in range(10):
            client.send(id=number + 1000, unwrap=client.unwrap_request(made))
    for client, made in zip(clients, wrapped):
        assert {client.recv().unwrap.cek for _ in range(10)} == {made.cek}
        client.close()


def test_one_byte_at_a_time(shared, client):
    made = client.generate(shared.key("A128KW"))
    body = pb.Request(id=3, unwrap=client.unwrap_request(made)).SerializeToString()
    for byte in len(body).to_bytes(4, "big") + body:
        client.send_bytes(bytes([byte]))
    assert client.reply(3).unwrap.cek == made.cek


@pytest.fixture
def small(make_cekd):
    daemon = make_cekd(workers=1, limits={"queue": 4, "queue_per_worker": 1})
    daemon.key("A128KW")
    yield daemon
    if daemon.process:
        daemon.signal_workers(signal.SIGCONT)


def test_full_queue(small):
    """The worker stands still: beyond the queue's bound the answer is OVERLOADED, and the queued ones are served later."""
    with small.client() as client:
        made = client.generate("A128KW")
        small.signal_workers(signal.SIGSTOP)
        ids = [client.send(unwrap=client.unwrap_request(made)) for _ in range(30)]
        first = [client.recv() for _ in range(25)]
        assert {status_name(reply) for reply in first} == {"OVERLOADED"}
        small.signal_workers(signal.SIGCONT)
        rest = [client.recv() for _ in range(5)]  # four in the queue, perhaps one with the worker
        served = [reply for reply in rest if status_name(reply) != "OVERLOADED"]
        assert len(served) >= 4 and all(reply.unwrap.cek == made.cek for reply in served)
        assert {reply.id for reply in first + rest} == set(ids)


def test_deadline(small):
    with small.client() as client:
        made = client.generate("A128KW")
        small.signal_workers(signal.SIGSTOP)
        assert status_name(client.call(deadline_ms=30, unwrap=client.unwrap_request(made))) == "DEADLINE"
        small.signal_workers(signal.SIGCONT)
        assert client.unwrap(made).unwrap.cek == made.cek


def test_the_daemons_own_deadline(make_cekd):
    daemon = make_cekd(workers=1, limits={"deadline_ms": 500})
    with daemon.client() as client:
        key = daemon.key("A128KW")

        def generated():  # this has half a second as well, which is little on a loaded machine
            reply = client.call(generate_cek=pb.GenerateCekRequest(key=key, enc="A256GCM"))
            return reply.generate_cek if reply.status == pb.STATUS_OK else None
        made = C.wait_for(generated, "a CEK")
        daemon.signal_workers(signal.SIGSTOP)
        try:
            longer = client.call(deadline_ms=1000000, unwrap=client.unwrap_request(made))
            assert status_name(longer) == "DEADLINE"
        finally:
            daemon.signal_workers(signal.SIGCONT)


@pytest.mark.skipif(not C.ROOT, reason="only root can become other users")
def test_users_take_turns(make_cekd):
    """One user's queue does not delay another's only request: it is executed right after what the worker has already."""
    daemon = make_cekd(workers=1, limits={"queue_per_worker": 1})
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        os.seteuid(C.UID_ALICE)
        try:
            greedy = daemon.client()
        finally:
            os.seteuid(0)
        with greedy:
            daemon.signal_workers(signal.SIGSTOP)
            try:
                ids = [greedy.send(unwrap=greedy.unwrap_request(made)) for _ in range(50)]
                greedy.ok(list_keys=pb.ListKeysRequest())  # answered after they were read
                mine = client.send(unwrap=client.unwrap_request(made))
                client.ok(list_keys=pb.ListKeysRequest())
            finally:
                daemon.signal_workers(signal.SIGCONT)
            assert client.reply(mine).unwrap.cek == made.cek
            assert all(greedy.reply(id).unwrap.cek == made.cek for id in ids)
    daemon.stop()
    order = [record["uid"] for record in daemon.audit_records() if record.get("op") == "unwrap"]
    assert len(order) == 51
    assert order.index(0) <= 2


def test_stop_loses_nothing(small):
    """SIGTERM with requests in flight: what was accepted is answered, then the connection ends, the exit status is 0."""
    with small.client() as client:
        made = client.generate("A128KW")
        small.signal_workers(signal.SIGSTOP)
        ids = [client.send(unwrap=client.unwrap_request(made)) for _ in range(4)]
        client.ok(list_keys=pb.ListKeysRequest())  # answered after the four were read
        small.process.send_signal(signal.SIGTERM)
        small.signal_workers(signal.SIGCONT)
        replies = client.wait_closed()
        assert sorted(reply.id for reply in replies) == ids
        assert all(reply.unwrap.cek == made.cek for reply in replies), replies
    small.stop()


@pytest.mark.parametrize("round_", range(5))
def test_stop_under_load(make_cekd, round_):
    """Every request that got an OK has its line in the audit journal; every accepted one got an answer."""
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        client.ok(list_keys=pb.ListKeysRequest())
        sent = 0
        for number in range(300):
            try:
                client.send(unwrap=client.unwrap_request(made))
            except (BrokenPipeError, ConnectionResetError):
                break
            sent += 1
            if number == 50 * round_:
                daemon.process.send_signal(signal.SIGTERM)
        replies = client.wait_closed()
        assert len(replies) <= sent and all(reply.unwrap.cek == made.cek for reply in replies)
        assert len(replies) > 0
    daemon.stop()
    recorded = [r for r in daemon.audit_records() if r.get("op") == "unwrap" and r["status"] == "OK"]
    assert len(recorded) == len(replies)


def test_stop_is_quick_with_idle_clients(make_cekd):
    daemon = make_cekd()
    clients = [daemon.client() for _ in range(5)]
    clients[0].ok(watch=pb.WatchRequest())
    daemon.stop()
    for client in clients:
        client.wait_closed()
        client.close()


def test_watch_tells_each_new_epoch(shared):
    shared.key("A128KW")  # a ring without keys has epoch 0
    with shared.client() as watcher, shared.client() as operator:
        id = watcher.send(watch=pb.WatchRequest())
        first = watcher.reply(id)
        assert first.watch.epoch == first.epoch > 0
        operator.ok(create_key=pb.CreateKeyRequest(key="watched", alg="A128KW"))
        seen = watcher.reply(id).watch.epoch
        assert seen > first.epoch
        reply = operator.rotate("watched")
        C.wait_for(lambda: watcher.reply(id).watch.epoch >= reply.epoch, "the epoch of the rotation")
        assert watcher.call(list_keys=pb.ListKeysRequest()).status == pb.STATUS_OK
