# SPDX-License-Identifier: Apache-2.0
"""The audit journal: chained, complete, without secrets; no service without it."""

import hashlib
import json
import os
import resource
import signal

import cekd as C
import pytest
from cekd import pb, status_name


def check_chain(path):
    """The chain as cekd-journal(5) tells it, independently of cekctl: prev is the SHA-256 of the line before."""
    previous = "0" * 64
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        assert line.endswith(b"\n")
        record = json.loads(line)
        assert record["seq"] == number
        assert record["prev"] == previous, f"line {number}"
        previous = hashlib.sha256(line[:-1]).hexdigest()
    return number


def test_every_decided_request_has_its_record(make_cekd):
    daemon = make_cekd()
    with daemon.client() as client:
        for alg in ("A256KW", "RSA-OAEP"):
            daemon.key(alg)
        made = client.generate("A256KW")
        C.wait_for(lambda: [r["op"] for r in daemon.audit_records()].count("generate"), "the records so far")
        before = len(daemon.audit_records())
        expected = []

        def call(op, key, status, **kwargs):
            assert status_name(client.call(**kwargs)) == status
            expected.append((op, key, status))
        call("unwrap", "A256KW", "OK", unwrap=client.unwrap_request(made))
        call("unwrap", "A256KW", "FAILED", unwrap=client.unwrap_request(made, encrypted_key=bytes(40)))
        call("unwrap", None, "UNKNOWN_KEY", unwrap=client.unwrap_request(made, kid="absent"))
        call("wrap", "A256KW", "OK", wrap=pb.WrapRequest(key="A256KW", enc="A256GCM", cek=os.urandom(32)))
        call("generate", "RSA-OAEP", "OK", generate_cek=pb.GenerateCekRequest(key="RSA-OAEP", enc="A256GCM"))
        call("rewrap", "A256KW", "OK", rewrap=pb.RewrapRequest(kid=made.kid, alg="A256KW", enc="A256GCM",
                                                               encrypted_key=made.encrypted_key))
        call("create", "new", "OK", create_key=pb.CreateKeyRequest(key="new", alg="A128KW"))
        call("rotate", "A256KW", "OK", rotate_key=pb.RotateKeyRequest(key="A256KW", active_kid=made.kid))
        call("create", "new", "CONFLICT", create_key=pb.CreateKeyRequest(key="new", alg="A128KW"))
        C.wait_for(lambda: len(daemon.audit_records()) >= before + len(expected), "the records of all of them")
        records = daemon.audit_records()[before:]
    decided = [(r["op"], r.get("key"), r["status"]) for r in records if r["op"] in {e[0] for e in expected}]
    assert [(op, status) for op, _, status in decided] == [(op, status) for op, _, status in expected]
    assert all(key == wanted for (_, key, _), (_, wanted, _) in zip(decided, expected) if wanted and key)
    first = records[0]
    assert first["uid"] == os.geteuid() and first["listener"] == "main" and first["pid"] == os.getpid()
    assert first["kid"] == made.kid and first["alg"] == "A256KW"
    assert first["ek"] == hashlib.sha256(made.encrypted_key).hexdigest()[:16]


def test_chain(make_cekd):
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        for _ in range(30):
            client.unwrap(made)
    daemon.restart()
    with daemon.client() as client:
        client.unwrap(made)
    daemon.stop()
    assert check_chain(daemon.audit) > 30
    assert check_chain(daemon.keys) >= 3
    for path in (daemon.audit, daemon.keys):
        daemon.cekctl("audit", "verify", path)


@pytest.mark.parametrize("change", ["flip", "drop", "swap", "insert"])
def test_verify_finds_a_change(make_cekd, change):
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        for _ in range(5):
            client.unwrap(made)
    daemon.stop()
    lines = daemon.audit.read_bytes().splitlines(keepends=True)
    if change == "flip":
        lines[2] = lines[2].replace(b'"OK"', b'"KO"')
    elif change == "drop":
        del lines[2]
    elif change == "swap":
        lines[2:4] = lines[3:1:-1]
    else:
        lines.insert(2, lines[2])
    changed = daemon.where / "changed.jsonl"
    changed.write_bytes(b"".join(lines))
    done = daemon.cekctl("audit", "verify", changed, check=False)
    assert done.returncode == 1 and done.stderr + done.stdout


def test_record_is_in_the_kernel_before_the_reply(daemon):
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        for _ in range(30):
            client.unwrap(made)
        # Its death takes nothing along: each record was on its way to the journal before its reply.
        daemon.kill_child("cekd-broker")
    C.wait_for(lambda: sum(r["op"] == "unwrap" for r in daemon.audit_records()) == 30, "the records of all 30 replies")


def test_durable(make_cekd):
    daemon = make_cekd(audit_durable=True)
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        ids = [client.send(unwrap=client.unwrap_request(made)) for _ in range(50)]
        assert all(client.reply(id).unwrap.cek == made.cek for id in ids)


def test_no_secret_in_journals_and_log(daemon):
    with daemon.client() as client:
        ceks = []
        for alg in ("A256KW", "RSA-OAEP-256", "A256GCMKW", "ECDH-ES"):
            made = client.generate(daemon.key(alg))
            client.unwrap(made)
            ceks.append(made.cek)
    daemon.stop()
    pin = daemon.token.pin_file.read_text().strip()
    for path in (daemon.audit, daemon.keys, daemon.log):
        text = path.read_bytes()
        assert pin.encode() not in text
        for cek in ceks:
            for form in (cek, cek.hex().encode(), cek.hex().upper().encode(), C.b64(cek).encode()):
                assert form not in text


def test_refuses_to_serve_when_it_cannot_write(make_cekd):
    """The files may not grow beyond 40 kB: from there on no request is answered with OK, and Status says why."""
    limit = 40000
    daemon = make_cekd(start=False)

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    daemon.preexec = small_files
    daemon.start()
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        served = 0
        for _ in range(2000):
            reply = client.unwrap(made)
            if reply.status != pb.STATUS_OK:
                break
            served += 1
        assert status_name(reply) == "UNAVAILABLE" and not reply.unwrap.cek
        for _ in range(20):
            assert status_name(client.unwrap(made)) == "UNAVAILABLE"
        status = client.call(status=pb.StatusRequest())
        if status.status == pb.STATUS_OK:
            assert not status.status_reply.ready
            assert "ok" != status.status_reply.audit
    daemon.stop()
    whole = [line for line in daemon.audit.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    # What was taken in when the disk was full already stands in the log.
    rest = [line.split(": ", 2)[2] for line in daemon.log_text().splitlines() if "not written to" in line]
    records = [json.loads(line) for line in whole + rest]
    assert sum(r.get("op") == "unwrap" and r["status"] == "OK" for r in records) >= served


def test_half_a_line_at_the_end(daemon):
    """A power cut in the middle of a write: the next start goes on after the last whole line, and says so."""
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        client.unwrap(made)
    daemon.stop()
    for path in (daemon.audit, daemon.keys):
        with open(path, "ab") as file:
            file.write(b'{"seq":')
    daemon.start()
    with daemon.client() as client:
        assert client.unwrap(made).unwrap.cek == made.cek
    daemon.stop()
    check_chain(daemon.audit)
    check_chain(daemon.keys)


def test_broken_key_journal_is_not_served(daemon):
    """A line in the middle was changed: no key is served from such a journal."""
    with daemon.client() as client:
        for number in range(4):
            client.ok(create_key=pb.CreateKeyRequest(key=f"k{number}", alg="A128KW"))
        made = client.generate("k1")
    daemon.stop()
    lines = daemon.keys.read_bytes().splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if b'"version"' in line and b'"k1"' in line)
    lines[number] = lines[number].replace(b'"k1"', b'"k9"')
    daemon.keys.write_bytes(b"".join(lines))
    daemon.spawn()

    def refused():
        if daemon.process.poll() is not None:
            return True
        try:
            with daemon.client() as client:
                return client.unwrap(made).status != pb.STATUS_OK and "keys.jsonl" in daemon.log_text()
        except (ConnectionError, FileNotFoundError):
            return False
    C.wait_for(refused, "cekd to refuse the journal")
    process, daemon.process = daemon.process, None
    process.kill()
    process.wait()
