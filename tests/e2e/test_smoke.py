# SPDX-License-Identifier: Apache-2.0
"""One walk through everything; also the test that runs under valgrind."""

import os
import shutil

import cekd as C
import pytest


@pytest.mark.smoke
def test_smoke(make_cekd):
    daemon = make_cekd()
    cek = os.urandom(32)
    daemon.cekctl("key", "create", "api-aes", "--alg", "A256KW")
    daemon.cekctl("key", "create", "api-rsa", "--alg", "RSA-OAEP-256", "--size", "2048")
    with daemon.client() as client:
        for key in ("api-aes", "api-rsa"):
            wrapped = client.wrap(key, cek)
            assert client.unwrap(wrapped).unwrap.cek == cek
            flipped = bytes([wrapped.encrypted_key[0] ^ 1]) + wrapped.encrypted_key[1:]
            assert C.status_name(client.unwrap(wrapped, encrypted_key=flipped)) == "FAILED"
            daemon.cekctl("key", "rotate", key)
            assert client.unwrap(wrapped).unwrap.cek == cek
            assert client.wrap(key, cek).kid != wrapped.kid
        client.send_frame(b"\xff" * 40)
    daemon.restart()
    with daemon.client() as client:
        assert client.unwrap(wrapped).unwrap.cek == cek


@pytest.mark.skipif(not C.ROOT, reason="only root can become an ordinary user")
def test_ordinary_user(make_cekd):
    """Started by an ordinary user, cekd serves without the split and Status says so."""
    uid = C.UID_ALICE
    where = C.folder("cekd-user-")
    try:
        os.chown(where, uid, uid)
        token = C.Token(where / "token")
        own = {"user": uid, "group": uid, "extra_groups": []}
        token.where.mkdir()
        os.chown(token.where, uid, uid)
        # The build folder may be closed to this user.
        for path in (C.CEKCTL, C.BUILD / "client" / "libcek.so.0", C.BUILD / "client" / "jose" / "libcek-jose.so.0"):
            shutil.copy2(path, where)
        C.run([where / "cekctl", "token", "init", "--module", C.MODULE, "--label", "cekd", "--softhsm-dir", token.where,
               "--pin-file", token.pin_file],
              env=os.environ | {"SOFTHSM2_CONF": str(token.conf), "LD_LIBRARY_PATH": str(where)}, **own)
        daemon = make_cekd(start=False, token=token, user_broker=None, user_token=None, user_journal=None)
        for path in (daemon.where, daemon.state):
            os.chown(path, uid, uid)
        daemon.preexec = lambda: (os.setgroups([]), os.setgid(uid), os.setuid(uid))
        daemon.spawn()
        os.chown(daemon.where / "notify", uid, uid)
        daemon.wait_notified("READY=1")
        assert not daemon.status().split_uids
        with daemon.client() as client:
            assert client.unwrap(client.generate(daemon.key("A128KW"))).unwrap.cek
        daemon.stop()
    finally:
        shutil.rmtree(where)
