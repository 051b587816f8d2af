# SPDX-License-Identifier: Apache-2.0
"""What a broken or hostile client can do: each gets its status or is disconnected at a bound that the configuration
names, and the daemon goes on."""

import random
import select
import socket
import struct
import time

import cekd as C
import pytest
from cekd import pb, status_name

LIMITS = {"connections": 40, "connections_per_user": 30, "requests_per_connection": 8, "output_bytes": 131072}


@pytest.fixture(scope="module")
def shared(make_cekd_module):
    return make_cekd_module(limits=LIMITS)


@pytest.fixture(scope="module")
def short_of_time(make_cekd_module):
    """Waits for nobody longer than a second: for tests of that alone, since on a loaded machine nobody is faster."""
    return make_cekd_module(limits=LIMITS | {"silent_seconds": 1, "stalled_seconds": 1})


def check_serving(daemon, broker, made_by):
    def serves():
        try:
            with daemon.client() as client:
                return made_by(client)
        except ConnectionError:
            return None  # over connections_per_user, or over its time: those of the test are not all forgotten yet
    C.wait_for(serves, "cekd to serve")
    assert daemon.child("cekd-broker") == broker, "the broker was replaced"


@pytest.fixture(autouse=True)
def still_serves(shared):
    broker = shared.child("cekd-broker")
    yield
    check_serving(shared, broker, lambda client: client.unwrap(client.generate(shared.key("A128KW"))).unwrap.cek)


@pytest.fixture
def impatient(short_of_time):
    broker = short_of_time.child("cekd-broker")
    yield short_of_time
    check_serving(short_of_time, broker, lambda client: client.call(status=pb.StatusRequest()).status == pb.STATUS_OK)


def varint(number):
    """As protobuf writes it."""
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def hung_up(client):
    """Wait, without reading, until cekd has closed the connection."""
    poll = select.poll()
    poll.register(client.socket, 0)
    assert poll.poll(C.PATIENCE * 1000), "cekd keeps the connection"


def answers(client):
    return [status_name(reply) for reply in client.wait_closed()]


@pytest.mark.parametrize("size", [65537, 1 << 20, 0x7fffffff, 0xffffffff])
def test_frame_too_long(client, size):
    client.send_bytes(struct.pack(">I", size))
    assert set(answers(client)) <= {"TOO_LARGE"}


def test_frame_of_nothing(client):
    client.send_bytes(bytes(4))
    assert set(answers(client)) <= {"MALFORMED"}


@pytest.mark.parametrize("sent", [1, 3, 4, 5, 30])
def test_truncated_frame(client, sent):
    frame = struct.pack(">I", 60) + bytes(60)
    client.send_bytes(frame[:sent])
    client.socket.shutdown(socket.SHUT_WR)
    assert set(answers(client)) <= {"MALFORMED"}


def test_truncated_frame_and_gone(shared):
    for sent in range(1, 20):
        with shared.client() as client:
            client.send_bytes((struct.pack(">I", 60) + bytes(60))[:sent])


@pytest.mark.parametrize("seed", range(20))
def test_garbage(shared, seed):
    """A body that is no message, or one by chance: an error, or an end."""
    chance = random.Random(seed)
    with shared.client() as client:
        client.send_frame(chance.randbytes(chance.randrange(1, 400)))
        client.socket.shutdown(socket.SHUT_WR)
        assert "OK" not in answers(client)


def test_garbage_stream(shared):
    for seed in range(20):
        with shared.client() as client:
            try:
                client.send_bytes(random.Random(seed).randbytes(50000))
                client.socket.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                continue
            assert "OK" not in answers(client)


def test_mutated_requests(shared):
    """A good request with one byte changed: never a crash, never a CEK other than its own."""
    chance = random.Random(7)
    with shared.client() as client:
        made = client.generate(shared.key("A128KW"))
        good = pb.Request(id=1, unwrap=client.unwrap_request(made)).SerializeToString()
    for _ in range(200):
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        with shared.client() as client:
            client.send_frame(bytes(bad))
            client.socket.shutdown(socket.SHUT_WR)
            for reply in client.wait_closed():
                assert reply.status != pb.STATUS_OK or reply.unwrap.cek == made.cek or not reply.unwrap.cek


def test_flood_of_small_fields(shared):
    """64 KiB of two-byte fields must not become megabytes (docs/facts.md): refused, or answered within the bound."""
    with shared.client() as client:
        client.send_frame(b"\x82\x02\x00" * 21000)
        client.socket.shutdown(socket.SHUT_WR)
        assert "OK" not in answers(client)


@pytest.mark.parametrize("size", [100, 3000, 60000])
@pytest.mark.parametrize("op", ["unwrap", "wrap", "generate_cek", "rewrap"])
def test_unknown_fields_of_parameters(shared, client, op, size):
    """They are ignored, however long they are: nothing of them reaches a worker."""
    key = shared.key("ECDH-ES+A256KW", "P-256")
    made = client.generate(key)
    request = pb.Request(id=77, **{
        "unwrap": {"unwrap": client.unwrap_request(made)},
        "wrap": {"wrap": pb.WrapRequest(key=key, enc="A256GCM", cek=made.cek)},
        "generate_cek": {"generate_cek": pb.GenerateCekRequest(key=key, enc="A256GCM")},
        "rewrap": {"rewrap": pb.RewrapRequest(key=key, kid=made.kid, alg=made.alg, enc="A256GCM", params=made.params,
                                              encrypted_key=made.encrypted_key, to_key=shared.key("A128KW"))},
    }[op])
    parameters = getattr(request, op).params
    parameters.MergeFromString(b"\xa2\x06" + varint(size) + b"x" * size)  # field 100, kept and written again
    if op in ("unwrap", "rewrap"):
        parameters.epk.MergeFromString(b"\xa2\x06\x03abc")
    client.send_frame(request.SerializeToString())
    reply = client.reply(77)
    assert status_name(reply) == "OK", reply


def test_says_nothing(impatient):
    """silent_seconds: a connection that has sent no whole request by then is closed, and not before."""
    began = time.monotonic()
    with impatient.client() as client:
        assert client.wait_closed() == []
    assert time.monotonic() - began > 0.5


def test_says_half_a_frame(impatient):
    with impatient.client() as client:
        client.send_bytes(struct.pack(">I", 100) + b"x" * 50)
        assert set(answers(client)) <= {"DEADLINE", "MALFORMED"}


def test_does_not_read(impatient):
    """stalled_seconds, output_bytes: requests are not read beyond what can be answered, then the connection ends."""
    request = pb.Request(metrics=pb.MetricsRequest()).SerializeToString()
    frame = struct.pack(">I", len(request)) + request
    with impatient.client() as client:
        client.socket.setblocking(False)
        poll = select.poll()
        poll.register(client.socket, select.POLLOUT)
        try:
            while not poll.poll(C.PATIENCE * 1000)[0][1] & select.POLLHUP:
                client.socket.send(frame * 50)
        except (BrokenPipeError, ConnectionResetError):
            pass
        except BlockingIOError:
            hung_up(client)


def test_connections_of_one_user(shared):
    """connections_per_user: one more is closed, the others live."""
    clients = [shared.client() for _ in range(LIMITS["connections_per_user"])]
    try:
        for client in clients:
            client.ok(list_keys=pb.ListKeysRequest())
        with shared.client() as one_more:
            assert set(answers(one_more)) <= {"OVERLOADED"}
        clients.pop().close()

        def room():
            try:
                with shared.client() as again:
                    return again.call(list_keys=pb.ListKeysRequest()).status == pb.STATUS_OK
            except ConnectionError:
                return False
        C.wait_for(room, "a closed connection to make room")
    finally:
        for client in clients:
            client.close()


def test_open_requests_of_one_connection(shared, client):
    """requests_per_connection: the further ones are refused or wait, none is lost."""
    made = client.generate(shared.key("A128KW"))
    ids = [client.send(unwrap=client.unwrap_request(made)) for _ in range(100)]
    statuses = {status_name(client.reply(id)) for id in ids}
    assert "OK" in statuses and statuses <= {"OK", "OVERLOADED"}


def test_same_id_twice(shared, client):
    made = client.generate(shared.key("RSA-OAEP"))
    for _ in range(2):
        client.send(id=9, unwrap=client.unwrap_request(made))
    statuses = sorted(status_name(client.reply(9)) for _ in range(2))
    assert statuses in (["MALFORMED", "OK"], ["OK", "OK"])


@pytest.mark.skipif(C.sanitized(), reason="a sanitizer keeps freed memory")
def test_memory_stays_bounded(shared):
    def resident():
        with open(f"/proc/{shared.child('cekd-broker')}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def abuse():
        for seed in range(300):
            with shared.client() as client:
                try:
                    client.send_frame(random.Random(seed).randbytes(2000))
                    client.send_bytes(struct.pack(">I", 60000) + bytes(1000))
                except BrokenPipeError:
                    pass  # closed at once: those before are not all forgotten yet
    abuse()
    before = resident()
    for _ in range(3):
        abuse()
    C.wait_for(lambda: resident() - before < 1024, "the broker's memory to stay within 1 MiB")
