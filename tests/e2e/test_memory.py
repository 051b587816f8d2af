# SPDX-License-Identifier: Apache-2.0
"""The gateway holds no private key: a known RSA key is imported and used thousands of times, then the memory of client
and broker is searched for its parts. SoftHSM's worker, where they must be, is the positive control."""

import os
import signal
import subprocess

import cekd as C
import pytest
from jwcrypto import jwk

UNWRAPS = 3000
pytestmark = [pytest.mark.skipif(not C.ROOT, reason="only root may read the memory of processes that forbid it"),
              pytest.mark.skipif(C.sanitized(), reason="a sanitizer keeps freed memory and maps terabytes")]


def memory(pid):
    """All readable memory of a process, mapping by mapping."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            start, end = (int(number, 16) for number in span.split("-"))
            if "r" not in mode or "[vvar]" in line or "[vsyscall]" in line:
                continue
            try:
                mem.seek(start)
                yield mem.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue


def found(pid, needles):
    seen = set()
    for block in memory(pid):
        seen |= {name for name, needle in needles.items() if needle in block}
    return seen


def test_private_key_is_in_no_client_and_no_broker(make_cekd):
    daemon = make_cekd(workers=1)
    key = jwk.JWK.generate(kty="RSA", size=2048)
    parts = key.export(private_key=True, as_dict=True)
    needles = {}
    for name in ("d", "p", "q", "dp", "dq"):
        octets = C.unb64(parts[name])
        needles[name] = octets
        needles[name + " reversed"] = octets[::-1]
    path = daemon.where / "key.jwk"
    path.write_text(key.export(private_key=True))
    daemon.cekctl("key", "import", "known", "--alg", "RSA-OAEP-256", "--jwk", path)
    with daemon.client() as client:
        made = client.generate("known")
        assert made.kid == key.thumbprint()

    gateway = subprocess.Popen([C.BUILD / "tests" / "e2e" / "gateway", made.kid, "RSA-OAEP-256", "A256GCM", str(UNWRAPS)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env=os.environ | {"CEK_SOCKET": daemon.socket})
    try:
        gateway.stdin.write(made.encrypted_key.hex().encode() + b"\n;\n")
        gateway.stdin.flush()
        assert gateway.stdout.readline() == b"done\n"
        assert found(gateway.pid, needles) == set()
        assert found(daemon.child("cekd-broker"), needles) == set()
        assert found(daemon.child("cekd-journal"), needles) == set()
        assert found(daemon.process.pid, needles) == set()
    finally:
        gateway.stdin.close()
        assert gateway.wait(C.PATIENCE) == 0
    with daemon.client() as client:
        assert found_at_work(daemon, client, made, needles), "the search finds nothing even where the key is"


def found_at_work(daemon, client, made, needles):
    """SoftHSM keeps keys encrypted and has them open only while it works: look at a worker that was stopped at work."""
    pid = daemon.workers()[0]

    def look():
        ids = [client.send(unwrap=client.unwrap_request(made)) for _ in range(50)]
        client.reply(ids[0])
        os.kill(pid, signal.SIGSTOP)
        try:
            return found(pid, needles)
        finally:
            os.kill(pid, signal.SIGCONT)
            for id in ids[1:]:
                client.reply(id)
    return C.wait_for(look, "the private key to be in the worker's memory")


def test_cek_is_wiped_in_the_broker_and_the_worker(daemon):
    """CEKs pass through and are wiped: none of the last hundred stands there afterwards."""
    with daemon.client() as client:
        ceks = {}
        for alg in ("A256KW", "RSA-OAEP-256", "ECDH-ES+A256KW", "A256GCMKW"):
            name = daemon.key(alg)
            for number in range(25):
                made = client.generate(name, "A256CBC-HS512")
                assert client.unwrap(made, "A256CBC-HS512").unwrap.cek == made.cek
                ceks[f"{alg} {number}"] = made.cek
    assert found(daemon.child("cekd-broker"), ceks) == set()
    assert found(daemon.child("cekd-journal"), ceks) == set()


def test_pin_is_wiped(daemon):
    pin = {"PIN": daemon.token.pin_file.read_text().strip().encode()}
    daemon.key("A128KW")
    for name, pids in daemon.children().items():
        if name != "cekd-token":  # SoftHSM itself keeps it, masked
            assert all(found(pid, pin) == set() for pid in pids), name
    assert found(daemon.process.pid, pin) == set()
