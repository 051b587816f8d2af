# SPDX-License-Identifier: Apache-2.0
"""Rotation that nobody notices: clients work without pause while keys are rotated."""

import os
import threading

import cekd as C
import pytest
from cekd import pb, status_name

pytestmark = pytest.mark.long
ROTATIONS = 100
OTHERS = 300 if int(os.environ.get("CEKD_KILLS", "50")) >= 500 else 30  # in the long run
WITNESS = C.BUILD / "tests" / "interop" / "witness"


class Gateway(threading.Thread):
    """Wraps and unwraps without pause: the newest CEK, one from the middle and the oldest of its own."""

    def __init__(self, daemon, key, stop):
        super().__init__()
        self.daemon, self.key, self.stop, self.mine, self.faults = daemon, key, stop, [], []

    def run(self):
        with self.daemon.client() as client:
            while not self.stop.is_set() and not self.faults:
                cek = os.urandom(32)
                made = client.call(wrap=pb.WrapRequest(key=self.key, enc="A256GCM", cek=cek))
                if made.status != pb.STATUS_OK:
                    self.faults.append(f"wrap: {status_name(made)} {made.message}")
                    return
                self.mine.append((cek, made.wrap))
                for cek, made in (self.mine[-1], self.mine[len(self.mine) // 2], self.mine[0]):
                    opened = client.unwrap(made)
                    if opened.unwrap.cek != cek:
                        self.faults.append(f"unwrap under {made.kid}: {status_name(opened)} {opened.message}")


def rotate_under_load(daemon, key, rotations):
    """All (cek, wrapped) that the gateways made meanwhile; no request may fail."""
    stop = threading.Event()
    gateways = [Gateway(daemon, key, stop) for _ in range(3)]
    for gateway in gateways:
        gateway.start()
    kids = set()
    try:
        with daemon.client() as client:
            for _ in range(rotations):
                reply = client.rotate(key).key.key
                kids |= {v.kid for v in reply.version if v.state == pb.STATE_ACTIVE}
    finally:
        stop.set()
        for gateway in gateways:
            gateway.join()
    faults = [fault for gateway in gateways for fault in gateway.faults]
    assert not faults, faults
    assert len(kids) == rotations
    wrapped = [row for gateway in gateways for row in gateway.mine]
    assert len({made.kid for _, made in wrapped}) > rotations // 4, "the load was not there while the key rotated"
    return wrapped


def every_nth(rows, n):
    return rows[::max(1, len(rows) // n)]


def assert_all_open(daemon, wrapped):
    """Each of them, byte for byte, many at once."""
    with daemon.client() as client:
        for start in range(0, len(wrapped), 50):
            ids = {client.send(unwrap=client.unwrap_request(made)): cek for cek, made in wrapped[start:start + 50]}
            for id, cek in ids.items():
                assert client.reply(id).unwrap.cek == cek


@pytest.mark.parametrize("alg, rotations", [("A256KW", ROTATIONS), ("A256GCMKW", OTHERS), ("ECDH-ES+A256KW", OTHERS)])
def test_rotation_under_load(make_cekd, alg, rotations):
    """No request fails; every CEK that was ever wrapped still unwraps byte for byte, also after a restart."""
    daemon = make_cekd()
    wrapped = rotate_under_load(daemon, daemon.key(alg), rotations)
    assert_all_open(daemon, wrapped)
    daemon.restart()
    assert_all_open(daemon, every_nth(wrapped, 300))


@pytest.mark.skipif(not WITNESS.exists(), reason="no libp11")
def test_rotation_under_load_with_a_witness(make_cekd):
    """OpenSSL through libp11 opens what was wrapped for a key while it rotated, one CEK of each version."""
    daemon = make_cekd()
    key = daemon.key("RSA-OAEP")
    wrapped = rotate_under_load(daemon, key, 5)
    assert_all_open(daemon, wrapped)
    with daemon.client() as client:
        known = {v.kid: v for v in client.ok(describe_key=pb.DescribeKeyRequest(key=key)).key.key.version}
    for cek, made in {made.kid: (cek, made) for cek, made in wrapped}.values():
        done = C.run([WITNESS, C.MODULE, "cekd", daemon.token.pin_file, known[made.kid].cka_id.hex(), "decrypt", "sha1"],
                     input=made.encrypted_key.hex() + "\n", env=os.environ | {"SOFTHSM2_CONF": str(daemon.token.conf)})
        assert bytes.fromhex(done.stdout) == cek


def retire_what_is_safe(daemon, key, now):
    """An operator who takes the timetable at its word: an old version is scheduled for destruction when that is safe."""
    with daemon.client() as client:
        for version in client.ok(describe_key=pb.DescribeKeyRequest(key=key)).key.key.version:
            if version.state == pb.STATE_DEACTIVATED and version.overlap_end < now:
                client.ok(destroy_version=pb.DestroyVersionRequest(kid=version.kid))


def test_issuer_that_caches_the_jwks(make_cekd):
    """A jwcrypto issuer keeps the JWKS for its max-age across two scheduled rotations, and old versions are retired as soon
    as the plan allows: none of its tokens is refused as long as it lives."""
    from jwcrypto import jwe, jwk
    day = 86400
    daemon = make_cekd(page=True)
    key = daemon.key("ECDH-ES+A256KW", "P-256")
    with daemon.client() as client:
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key=key, schedule=pb.Schedule(
            period=10 * day, lead=2 * day, token_lifetime=day // 4, jwks_max_age=day)))
        start = client.ok(describe_key=pb.DescribeKeyRequest(key=key)).key.key.version[0].activated // 1_000_000
    fetched, keys, kids, tokens = None, None, set(), []
    for now in range(0, 24 * day, day // 4):
        daemon.page.shift(now)
        due = 1 + (now + 2 * day) // (10 * day)

        def caught_up():
            with daemon.client() as client:
                versions = client.ok(describe_key=pb.DescribeKeyRequest(key=key)).key.key.version
            return len(versions) == due and versions[now // (10 * day)].state == pb.STATE_ACTIVE
        C.wait_for(caught_up, f"what is due after {now / day} days")
        if fetched is None or now - fetched >= day:
            keys, fetched = jwk.JWKSet.from_json(daemon.cekctl("jwks").stdout), now
        # The issuer may choose any key of its JWKS, also one that is published and not active yet.
        for chosen in keys["keys"]:
            header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": chosen["kid"]}
            token = jwe.JWE(f"made at {now}".encode(), recipient=chosen, protected=header)
            kids.add(chosen["kid"])
            tokens.append((now, chosen["kid"], token.serialize(compact=True)))
        # Each token is opened as soon as it is made, and once more at the end of its life.
        for made, kid, text in tokens:
            done = daemon.cekctl("jwe", "decrypt", "--key", key, "--alg", "ECDH-ES+A256KW", "--enc", "A256GCM", input=text)
            assert done.stdout.strip() == f"made at {made}", (now, kid)
        tokens = [token for token in tokens if now - token[0] < day // 4]
        retire_what_is_safe(daemon, key, (start + now) * 1_000_000)
    assert len(kids) == 3, "the key was not rotated twice"

    def states():
        with daemon.client() as client:
            return [v.state for v in client.ok(describe_key=pb.DescribeKeyRequest(key=key)).key.key.version]
    C.wait_for(lambda: states() == [pb.STATE_DESTROYED, pb.STATE_WAITING, pb.STATE_ACTIVE], "old versions to be retired")
