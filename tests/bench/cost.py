# SPDX-License-Identifier: Apache-2.0
"""What a request costs the broker, in instructions and memory."""

import concurrent.futures
import os
import resource
import shutil
import socket
import subprocess

import cekd as C
import contenders

LIMITS = {"connections": 10240, "connections_per_user": 10240, "silent_seconds": 3600, "requests_per_connection": 256,
          "requests_per_user": 16384, "queue": 16384}


def unique_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))


def memory(daemon):
    """Unique set of each process in KiB; of several workers the largest."""
    found = {"cekd": unique_kib(daemon.process.pid)}
    for name, pids in sorted(daemon.children().items()):
        found[name] = max(unique_kib(pid) for pid in pids)
    return found


def memory_under_load(bench, case):
    """While 8 clients ask."""
    command = [bench.programs / "bench-client", case.path, "8", "8", "1"]
    with subprocess.Popen([str(word) for word in command], env=bench.client_env, stdout=subprocess.DEVNULL) as client:
        highest = {}
        while client.poll() is None:
            for name, kib in memory(bench.daemon).items():
                highest[name] = max(kib, highest.get(name, 0))
    return highest


def idle_connection(daemon):
    """Waits when cekd's backlog is full."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(daemon.socket))
    return connection


def all_busy(bench, case, number, room):
    """Requests a second with one open on each of so many connections. libcek has two descriptors a connection: more than
    fit into one client process are spread over several, which run long enough that all of them are connected most of it."""
    processes = -(-2 * number // room)
    share = -(-number // processes)
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
        return sum(pool.map(lambda _: contenders.rate(bench.client(case, share, 1, max(bench.seconds, number / 5000))),
                            range(processes)))


def connections(bench, case, numbers):
    """One client with 64 requests open while all other connections stand idle, then all of them with one request each."""
    held, rows = [], []
    broker = bench.daemon.child("cekd-broker")
    first = unique_kib(broker)
    for number in numbers:
        while len(held) < number - 1:
            held.append(idle_connection(bench.daemon))
        bench.client(case, 1, 64)  # warms up
        kib = unique_kib(broker)
        rates = [contenders.rate(bench.client(case, 1, 64)) for _ in range(bench.rounds)]
        rows.append({"connections": number, "µs a request": round(1e6 / max(rates), 1), "broker KiB": kib,
                     "KiB a connection": round((kib - first) / number, 2) if number > 1 else ""})
    for client in held:
        client.close()
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100
    for row in rows:
        rates = [all_busy(bench, case, row["connections"], room) for _ in range(bench.rounds)]
        row["µs, all busy"] = round(1e6 / max(rates), 1)
    return rows


def _programs(where, out):
    """cekd's programs, the broker under callgrind."""
    where.mkdir()
    out.mkdir()
    out.chmod(0o777)
    for name in C.PROGRAMS:
        shutil.copy2(C.BUILD / "daemon" / name, where / name)
    (where / "cekd-broker").rename(where / "broker")
    (where / "cekd-broker").write_text(
        f"#!/bin/sh\nexec valgrind -q --tool=callgrind --callgrind-out-file={out}/%p {where}/broker\n")
    (where / "cekd-broker").chmod(0o755)
    return where


def _total(out):
    """Instructions in callgrind's files."""
    return sum(int(line.split()[1]) for path in out.iterdir() for line in path.read_text().splitlines()
               if line.startswith("totals:"))


def _count(bench, wanted, number, requests):
    """All instructions of a broker that has served so many requests with so many connections open."""
    where = C.folder("cekd-callgrind-")
    token = bench.daemon.token.copy(where / "token")
    daemon = C.Cekd(where, token, programs=_programs(where / "programs", where / "out"), sandbox="off", limits=LIMITS)
    try:
        daemon.start_confirmed()  # the copy of the token holds keys, and this journal is new
        case = contenders.Case(daemon, *wanted)
        held = [idle_connection(daemon) for _ in range(number - 1)]
        contenders.run(bench.programs / "bench-client", case.path, 1, 64, f"{requests}x",
                       env=os.environ | {"CEK_SOCKET": str(daemon.socket)})
        for client in held:
            client.close()
        daemon.stop()
        return _total(where / "out")
    finally:
        if daemon.process:
            daemon.process.kill()
        shutil.rmtree(where)


def instructions(bench, cases, requests=2000):
    """For each ((alg, crv, bits), connections): of the broker a request, from the difference of two runs."""
    rows = []
    for wanted, number in cases:
        few, many = (_count(bench, wanted, number, n) for n in (requests, 3 * requests))
        rows.append({"operation": " ".join(str(part) for part in wanted if part), "connections": number,
                     "instructions a request": round((many - few) / (2 * requests))})
    return rows
