# SPDX-License-Identifier: Apache-2.0
"""Objects that go away while cekd uses them: no CEK under a key that is not there, whatever a worker keeps of it."""

import shutil
import struct
import time

import cekd as C
import pytest
from cekd import pb, status_name

ALGS = ["A256KW", "A256GCMKW", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"]


def objects_of(daemon, alg):
    """Make a key; its name and the files of its objects."""
    before = set(daemon.token.tokens.rglob("*.object"))
    return daemon.key(alg), set(daemon.token.tokens.rglob("*.object")) - before


def hide(daemon, paths):
    return [(path, path.rename(daemon.token.where / path.name)) for path in paths]


def statuses(client, made, n=8):
    """Wrap and unwrap, several at once so that both workers have a part; what was answered, by key."""
    ids = {}
    for key, wrapped in made.items():
        for _ in range(n):
            ids[client.send(generate_cek=pb.GenerateCekRequest(key=key, enc="A256GCM"))] = key
            ids[client.send(unwrap=client.unwrap_request(wrapped))] = key
    found = {key: set() for key in made}
    for id, key in ids.items():
        found[key].add(status_name(client.reply(id)))
    return found


def try_for(seconds, client, made, expected):
    """Constantly; never anything but expected."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = statuses(client, made)
        assert found == {key: {expected} for key in made}, found


def warnings(daemon):
    return [text for text in daemon.status().warning if "no object for version" in text]


@pytest.mark.long
def test_deleted_while_in_use(daemon):
    keys = dict(objects_of(daemon, alg) for alg in ALGS)
    assert all(keys.values())
    kept = daemon.key("A128KW")
    with daemon.client() as client:
        made = {key: client.generate(key) for key in keys}
        other = {kept: client.generate(kept)}
        try_for(1, client, made | other, "OK")
        hidden = hide(daemon, set().union(*keys.values()))
        C.wait_for(lambda: all(found == {"UNUSABLE"} for found in statuses(client, made).values()), "it to be seen")
        try_for(5, client, made, "UNUSABLE")
        try_for(1, client, other, "OK")
        told = warnings(daemon)
        assert len(told) == len(ALGS) and all(any(f"key {key}: " in text for text in told) for key in keys), told
        for key in keys:
            assert f"key {key}: the token has no object for version 1 any more" in daemon.log_text()
        daemon.kill_child("cekd-token")
        try_for(1, client, made, "UNUSABLE")
        for path, away in hidden:
            away.rename(path)
        C.wait_for(lambda: all(found == {"OK"} for found in statuses(client, made).values()), "the keys to be back")
        try_for(3, client, made | other, "OK")
    assert not warnings(daemon)
    for key in keys:
        assert f"key {key}: the object of version 1 is back" in daemon.log_text()


def test_copies_of_a_destroyed_key_are_dropped(make_cekd):
    """Nothing of a destroyed key stays in the workers: neither is it used again, so that nobody else would notice."""
    daemon = make_cekd(start=False, page=True, destroy_wait_min=60)
    shim, page = daemon.where / "cekd-shim.so", daemon.where / "shim"
    shutil.copy2(C.BUILD / "tests" / "token" / "cekd-shim.so", shim)
    shim.chmod(0o755)
    page.write_bytes(bytes(4096))
    page.chmod(0o666)
    daemon.config.options["module"] = str(shim)
    daemon.config.options["module_environment"] += [f"CEKD_SHIM={page}", f"CEKD_SHIM_MODULE={C.MODULE}"]
    daemon.start()

    def copies():
        return struct.unpack_from("=i", page.read_bytes())[0]

    with daemon.client() as client:
        made = {key: client.generate(key) for key in (daemon.key("A256KW"), daemon.key("RSA-OAEP"))}
        C.wait_for(lambda: statuses(client, made) and copies() == 4, "both workers to have used both keys")
        client.rotate("A256KW")
        kid = made["A256KW"].kid
        client.ok(destroy_version=pb.DestroyVersionRequest(kid=kid, force=True, wait=60))
        daemon.page.shift(120)
        C.wait_for(lambda: client.ok(describe_key=pb.DescribeKeyRequest(kid=kid)).key.key.version[0].state
                   == pb.STATE_DESTROYED, "the destruction")
        C.wait_for(lambda: copies() == 2, "the workers to drop their copies")


def test_each_of_many_is_told(daemon):
    """More at once than one user may cause lines: that the token has lost them is not his doing."""
    before = set(daemon.token.tokens.rglob("*.object"))
    with daemon.client() as client:
        keys = [daemon.key("A128KW", name=f"many-{i}") for i in range(36)]
        made = {key: client.generate(key) for key in keys}
        hide(daemon, set(daemon.token.tokens.rglob("*.object")) - before)
        C.wait_for(lambda: all(found == {"UNUSABLE"} for found in statuses(client, made, 1).values()), "it to be seen")
    log = daemon.log_text()
    assert [key for key in made if f"key {key}: the token has no object for version 1 any more" not in log] == []
