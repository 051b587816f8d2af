# SPDX-License-Identifier: Apache-2.0
"""Hostile peers, for tests and for scripts/bench --victims: each is a process of a user of its own that does one thing with
many connections, as fast as it can, until it is ended.

Run by path with a socket, a kind and a number of connections; says "started" when all are connected."""

import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import sys

READ = 1 << 16


def frame(body):
    return struct.pack(">I", len(body)) + body


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


# Numbers of Request.op and of fields (cek.proto), without protobuf: so these processes start quickly.
UNWRAP, LIST, PUBLIC, STATUS, WATCH, EXPLAIN = 10, 30, 32, 40, 42, 46


def request(op, body=b""):
    return frame(field(op, body))


def many(one, size=16384):
    return one * max(1, size // len(one))


# What is sent again and again. "a" is a key that everybody may see, and that nobody but the victim may use.
FLOODS = {
    "refused": lambda: many(request(UNWRAP, field(2, b"a") + field(3, b"A256KW") + field(4, b"A256GCM") + field(5, bytes(40)))),
    "unknown": lambda: many(request(LIST, field(1, b"-?"))),
    "list": lambda: many(request(LIST)),
    "public": lambda: many(request(PUBLIC)),
    "names": lambda: request(PUBLIC, field(1, b"a") * 8000),
    "explain": lambda: many(request(EXPLAIN)),
    "denied": lambda: many(request(STATUS)),
    "garbage": lambda: many(frame(b"\xff" * 9)),
    "fields": lambda: frame(b"\x82\x02\x00" * 21000),
}


def connected(path, number):
    peers = []
    for _ in range(number):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(path)
        peer.setblocking(False)
        peers.append(peer)
    return peers


def flood(path, number, data, read=True):
    """Whoever is closed connects again."""
    poll, peers = select.poll(), {}

    def add(peer):
        peers[peer.fileno()] = [peer, data]
        poll.register(peer, select.POLLOUT | (select.POLLIN if read else 0))
    for peer in connected(path, number):
        add(peer)
    yield
    while True:
        for fd, what in poll.poll():
            peer, left = peers[fd]
            try:
                if what & select.POLLIN and not peer.recv(READ):
                    raise ConnectionResetError
                if what & (select.POLLHUP | select.POLLERR):
                    raise ConnectionResetError
                if what & select.POLLOUT:
                    peers[fd][1] = left[peer.send(left):] or data
            except BlockingIOError:
                continue
            except ConnectionError:
                poll.unregister(fd)
                del peers[fd]
                peer.close()
                add(connected(path, 1)[0])


def half(path, number):
    """Frames that are never whole, as much of each as goes out; who is closed begins again."""
    yield from flood(path, number, struct.pack(">I", 65536) + bytes(60000) + struct.pack(">I", 65536), read=False)


def unread(path, number):
    yield from flood(path, number, many(request(PUBLIC)), read=False)


def connect(path, number):
    yield
    while True:
        for peer in connected(path, number):
            peer.close()


def malformed(path, number):
    """The stream is closed for each of them."""
    yield from flood(path, number, bytes(4) + struct.pack(">I", 1 << 31))


def watch(path, number):
    yield from flood(path, number, many(request(WATCH), 256))


def burn(path, number):
    """Takes the processor and nothing else."""
    yield
    while True:
        pass


KINDS = {name: (lambda path, number, make=make: flood(path, number, make())) for name, make in FLOODS.items()} | {
    "half": half, "unread": unread, "connect": connect, "malformed": malformed, "watch": watch, "burn": burn}

# As many connections as hurt most in an hour of trying.
CONNECTIONS = {"list": 20, "half": 4000, "unread": 500, "connect": 16}


class Hostile:
    """One of them, under a uid."""

    def __init__(self, path, kind, uid=None, number=None):
        command = [sys.executable, __file__, str(path), kind, str(number or CONNECTIONS.get(kind, 8))]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, user=uid, group=uid, extra_groups=[] if uid else None)
        self.kind = kind

    def started(self):
        assert self.process.stdout.readline() == b"started\n", self.kind
        return self

    def running(self):
        return self.process.poll() is None

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def mix(seed, most=4):
    """Some kinds, and how many connections each has."""
    chance = random.Random(seed)
    kinds = chance.sample(sorted(set(KINDS) - {"burn"}), chance.randrange(2, most + 1))
    return [(kind, chance.choice([1, 4, CONNECTIONS.get(kind, 8)])) for kind in kinds]


def main():
    path, kind, number = sys.argv[1:]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Ends with whoever started it.
    parent = os.getppid()
    signal.signal(signal.SIGALRM, lambda *_: os.getppid() == parent or os._exit(1))
    signal.setitimer(signal.ITIMER_REAL, 1, 1)
    steps = KINDS[kind](path, int(number))
    next(steps)
    print("started", flush=True)
    next(steps)


if __name__ == "__main__":
    main()
