# SPDX-License-Identifier: Apache-2.0
"""How long a user waits for an unwrap beside hostile ones, set beside processes that only burn as much of the processor."""

import shutil
import statistics
import time

import cekd as C
import hostile
from cekd import pb

KEYS = 20  # that a list shows
LIMITS = {"connections": 10240, "connections_per_user": 8192}
RULES = {
    "victim": {"users": ["0"], "operations": C.OPERATIONS, "keys": ["*"]},
    "others": {"anyone": True, "operations": ["list", "public", "watch"], "keys": ["*"]},
}


def start(where):
    """A daemon in which everybody may look and only this user unwraps; and an unwrap, as it is sent."""
    (where / "first").mkdir()
    daemon = C.Cekd(where, C.Token.init(where / "first"), limits=LIMITS, rules=RULES).start()
    for i in range(KEYS):
        daemon.key("ECDH-ES+A256KW", "P-256", f"key-{i:02}")
    with daemon.client() as client:
        made = client.generate(daemon.key("A256KW", name="a"))
        frame = hostile.frame(pb.Request(id=1, unwrap=client.unwrap_request(made)).SerializeToString())
    return daemon, frame


def processor_time(pid):
    """Seconds that it has run."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


def latencies(client, broker, frame, seconds):
    """Of one unwrap after the other, in seconds, sorted: by the clock, and of the broker's own time, which does not count that
    other programs had the processor. A pause between them: this user does not take part in the race."""
    found, own = [], []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(found) < 20:
        before, before_own = time.perf_counter(), processor_time(broker)
        client.send_bytes(frame)
        reply = client.recv()
        found.append(time.perf_counter() - before)
        own.append(processor_time(broker) - before_own)
        assert reply.status == pb.STATUS_OK, reply
        time.sleep(0.0005)
    return found, own


def beside(daemon, frame, kinds, seconds):
    """Connected before the others come: they may fill the socket's backlog."""
    broker = daemon.child("cekd-broker")
    with daemon.client() as client:
        peers = [hostile.Hostile(daemon.socket, kind, C.UID_BOB if C.ROOT else None, number) for kind, number in kinds]
        try:
            for peer in peers:
                peer.started()
            time.sleep(0.2)
            found = latencies(client, broker, frame, seconds)
            assert all(peer.running() for peer in peers), [peer.kind for peer in peers if not peer.running()]
        finally:
            for peer in peers:
                peer.stop()
    return found


def p99(values):
    return 1e3 * sorted(values)[len(values) * 99 // 100]


def row(name, found, own, burnt):
    return {"beside": name, "unwraps": len(found), "median ms": 1e3 * statistics.median(found), "p99 ms": p99(found),
            "burning p99 ms": p99(burnt), "ratio": p99(found) / p99(burnt),
            "broker median ms": 1e3 * statistics.median(own), "broker p99 ms": p99(own)}


def measure(where, rounds, seconds, say):
    """A row a kind of attacker, and for mixes of them."""
    daemon, frame = start(where)
    try:
        mixes = [[(kind, None)] for kind in hostile.KINDS] + [hostile.mix(seed) for seed in range(4)]
        found, own = beside(daemon, frame, [], seconds)
        rows = [row("nobody", found, own, found)]
        for kinds in mixes:
            name = " ".join(kind for kind, _ in kinds)
            say(name)
            found, own, burnt = [], [], []
            for _ in range(rounds):
                burnt += beside(daemon, frame, [("burn", 1)] * len(kinds), seconds)[0]
                for all_of_it, more in zip((found, own), beside(daemon, frame, kinds, seconds)):
                    all_of_it += more
            rows.append(row(name, found, own, burnt))
        daemon.stop()
        return rows
    finally:
        if daemon.process:
            daemon.process.kill()
        shutil.rmtree(where, ignore_errors=True)


def report(rows):
    print("| beside | unwraps | median, ms | p99, ms | p99 beside burning, ms | ratio | the broker's own time, median | p99 |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- |")
    for one in rows:
        print("| {beside} | {unwraps} | {median ms:.2f} | {p99 ms:.2f} | {burning p99 ms:.2f} | {ratio:.2f} | "
              "{broker median ms:.2f} | {broker p99 ms:.2f} |".format(**one))
