"""Rotation that nobody notices: clients work without pause while keys are rotated."""

import os
import threading

import cekd as C
import pytest
from cekd import pb, status_name

ROTATIONS = 100


@pytest.mark.parametrize("alg", ["A256KW", "A256GCMKW", "ECDH-ES+A256KW"])
def test_rotation_under_load(make_cekd, alg):
    """No request fails; every CEK that was ever wrapped still unwraps byte for byte."""
    daemon = make_cekd()
    key = daemon.key(alg)
    stop = threading.Event()
    wrapped, faults = [], []

    def gateway(number):
        mine = []
        with daemon.client() as client:
            while not stop.is_set():
                cek = os.urandom(32)
                made = client.call(wrap=pb.WrapRequest(key=key, enc="A256GCM", cek=cek))
                if made.status != pb.STATUS_OK:
                    faults.append(f"wrap: {status_name(made)} {made.message}")
                    break
                mine.append((cek, made.wrap))
                for cek, made in (mine[-1], mine[len(mine) // 2], mine[0]):
                    opened = client.unwrap(made)
                    if opened.unwrap.cek != cek:
                        faults.append(f"unwrap: {status_name(opened)} {opened.message}")
                        stop.set()
        wrapped.extend(mine)
    threads = [threading.Thread(target=gateway, args=[n]) for n in range(3)]
    for thread in threads:
        thread.start()
    kids = set()
    with daemon.client() as client:
        for _ in range(ROTATIONS):
            reply = client.rotate(key).key.key
            kids |= {v.kid for v in reply.version if v.state == pb.STATE_ACTIVE}
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults, faults[:5]
    assert len(kids) == ROTATIONS
    assert len({made.kid for _, made in wrapped}) > ROTATIONS // 4, "the load was not there while the key rotated"
    daemon.restart()
    with daemon.client() as client:
        sample = wrapped[::max(1, len(wrapped) // 1000)]
        ids = {}
        for cek, made in sample:
            ids[client.send(unwrap=client.unwrap_request(made))] = cek
            if len(ids) == 50:
                assert all(client.reply(id).unwrap.cek == cek for id, cek in ids.items())
                ids = {}
        assert all(client.reply(id).unwrap.cek == cek for id, cek in ids.items())


def test_issuer_that_caches_the_jwks(make_cekd):
    """A jwcrypto issuer keeps the JWKS for its max-age across two scheduled rotations: none of its tokens is refused."""
    from jwcrypto import jwe, jwk
    hour, day = 3600, 86400
    daemon = make_cekd(page=True)
    key = daemon.key("ECDH-ES+A256KW", "P-256")
    with daemon.client() as client:
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key=key, schedule=pb.Schedule(
            period=10 * day, lead=2 * day, token_lifetime=hour, jwks_max_age=day)))
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
        chosen = next(iter(keys["keys"]))
        header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": chosen["kid"]}
        token = jwe.JWE(f"made at {now}".encode(), recipient=chosen, protected=header)
        kids.add(chosen["kid"])
        tokens = [t for t in tokens if now - t[0] <= hour] + [(now, token.serialize(compact=True))]
        for made, text in tokens:
            done = daemon.cekctl("jwe", "decrypt", "--key", key, "--alg", "ECDH-ES+A256KW", "--enc", "A256GCM", input=text)
            assert done.stdout.strip() == f"made at {made}"
    assert len(kids) == 3, "the key was not rotated twice"
