# SPDX-License-Identifier: Apache-2.0
"""Objects that other programs and ceremonies put into the token, by pkcs11-tool."""

import json
import os
import signal
import subprocess

import cekd as C
from cekd import pb, status_name


def p11(daemon, *args):
    """pkcs11-tool on the daemon's token; what it makes belongs to the worker's uid."""
    subprocess.run(["pkcs11-tool", "--module", C.MODULE, "--token-label", "cekd", "--login", "--pin",
                    daemon.token.pin_file.read_text().strip(), *args],
                   check=True, capture_output=True, timeout=C.PATIENCE,
                   env=os.environ | {"SOFTHSM2_CONF": str(daemon.token.conf)})
    if C.ROOT:
        for path in daemon.token.tokens.glob("*/*"):
            if path.name not in ("token.object", "token.lock"):
                os.chown(path, C.UID_TOKEN, C.UID_TOKEN)


def pair(daemon, kind, id, label, usage):
    p11(daemon, "--keypairgen", "--key-type", kind, "--id", id, "--label", label, usage)


def findings(daemon):
    with daemon.client() as client:
        return client.ok(fsck=pb.FsckRequest()).fsck.finding


def test_ec_key_without_public_half(daemon):
    """Refused with the reason; the worker lives, no change is open, and nobody says that the key is to be deleted."""
    pair(daemon, "EC:prime256v1", "41", "ceremony", "--usage-derive")
    p11(daemon, "--delete-object", "--type", "pubkey", "--id", "41")
    before = daemon.workers("manage")
    for which in (["--id", "41"], ["--label", "ceremony"]):
        adopted = daemon.cekctl("key", "adopt", "e", "--alg", "ECDH-ES", "--insist", *which, check=False)
        assert adopted.returncode == 6 and "public key object" in adopted.stderr, adopted.stderr
    assert "signal" not in daemon.log_text()
    assert not [text for text in daemon.status().warning if "began and did not end" in text]
    assert [(f.kind, f.cka_id) for f in findings(daemon)] == [("foreign", b"\x41")]
    assert "delete" not in daemon.cekctl("fsck", check=False).stdout
    after = daemon.workers("manage")
    assert len(after) == 1 and (not before or before == after)


def test_adopted_after_an_import(daemon, tmp_path):
    """The manage worker begins anew to see what others have made meanwhile, also if it has made a transport key."""
    (tmp_path / "key.jwk").write_text(json.dumps({"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODw"}))
    daemon.cekctl("key", "import", "i", "--alg", "A128KW", "--jwk", tmp_path / "key.jwk")
    pair(daemon, "rsa:2048", "42", "late", "--usage-decrypt")
    daemon.cekctl("key", "adopt", "late", "--alg", "RSA-OAEP-256", "--insist", "--id", "42")
    daemon.cekctl("key", "import", "again", "--alg", "A128KW", "--jwk", tmp_path / "key.jwk")


def test_journal_that_lost_adopted_keys(make_cekd):
    """They bear no mark of cekd: it starts, and says what the token holds."""
    daemon = make_cekd()
    pair(daemon, "rsa:2048", "41", "ceremony", "--usage-decrypt")
    daemon.cekctl("key", "adopt", "r", "--alg", "RSA-OAEP-256", "--insist", "--id", "41")
    assert not warnings(daemon, "does not know")
    daemon.stop()
    for path in (daemon.keys, daemon.audit):
        path.unlink()
    daemon.start()
    said = "token holds 1 key the journal does not know"
    assert len(warnings(daemon, said)) == 1 and daemon.log_text().count(said) == 1
    daemon.cekctl("key", "adopt", "r", "--alg", "RSA-OAEP-256", "--insist", "--id", "41")
    daemon.cekctl("fsck")
    assert not warnings(daemon, "does not know")


def warnings(daemon, of):
    return [text for text in daemon.status().warning if of in text]


def adopt(daemon, name, alg, id):
    daemon.cekctl("key", "adopt", name, "--alg", alg, "--insist", "--id", id)
    with daemon.client() as client:
        return client.generate(name)


def opens(daemon, wrapped):
    with daemon.client() as client:
        reply = client.unwrap(wrapped)
        return status_name(reply) if reply.unwrap.cek == wrapped.cek else f"{status_name(reply)} {reply.message}"


def test_same_cka_id_in_another_class_type_or_pair(daemon):
    """Class, key type and public half tell which key is meant, whatever other programs call theirs."""
    pair(daemon, "rsa:2048", "61", "mine", "--usage-decrypt")
    pair(daemon, "EC:prime256v1", "62", "mine", "--usage-derive")
    p11(daemon, "--keygen", "--key-type", "aes:32", "--id", "63", "--label", "mine")
    made = [adopt(daemon, "r", "RSA-OAEP-256", "61"), adopt(daemon, "e", "ECDH-ES", "62"),
            adopt(daemon, "a", "A256KW", "63")]
    for id in ("61", "62", "63"):
        pair(daemon, "rsa:2048", id, "theirs", "--usage-decrypt")
        pair(daemon, "EC:prime256v1", id, "theirs", "--usage-derive")
    for _ in range(2):
        assert [opens(daemon, wrapped) for wrapped in made] == ["OK"] * 3
        with daemon.client() as client:
            again = [client.generate(key) for key in "rea"]
        assert [opens(daemon, wrapped) for wrapped in again] == ["OK"] * 3
        assert sorted((f.kind, f.key) for f in findings(daemon)) == [("twin", "a"), ("twin", "e"), ("twin", "r")]
        daemon.restart()
    # Only the twins are left: no CEK under them.
    for kind, id in (("privkey", "61"), ("privkey", "62"), ("secrkey", "63")):
        p11(daemon, "--delete-object", "--type", kind, "--id", id, "--label", "mine")
    daemon.restart()
    assert [opens(daemon, wrapped).split()[0] for wrapped in made] == ["UNUSABLE"] * 3
    with daemon.client() as client:
        for key in "rea":
            reply = client.call(generate_cek=pb.GenerateCekRequest(key=key, enc="A256GCM"))
            assert status_name(reply) == "UNUSABLE", reply


def test_destroys_its_own_only(make_cekd):
    daemon = make_cekd(page=True, destroy_wait_min=60)
    pair(daemon, "rsa:2048", "61", "mine", "--usage-decrypt")
    made = adopt(daemon, "r", "RSA-OAEP-256", "61")
    pair(daemon, "rsa:2048", "61", "theirs", "--usage-sign")
    p11(daemon, "--keygen", "--key-type", "aes:32", "--id", "61", "--label", "theirs")
    with daemon.client() as client:
        client.rotate("r")
        client.ok(destroy_version=pb.DestroyVersionRequest(kid=made.kid, force=True, wait=60))
        daemon.page.shift(120)
        C.wait_for(lambda: client.ok(describe_key=pb.DescribeKeyRequest(key="r")).key.key.version[0].state
                   == pb.STATE_DESTROYED, "the destruction")
    left = [(f.kind, f.cka_id) for f in findings(daemon)]
    assert left == [("foreign", b"\x61")] * 2, left  # the AES key, and the pair as one
    assert "delete" not in daemon.cekctl("fsck", check=False).stdout


def test_keys_that_nothing_tells_apart(daemon):
    """UNUSABLE, in all workers and for as long as it lasts; served again when only one is left."""
    p11(daemon, "--keygen", "--key-type", "aes:32", "--id", "62", "--label", "mine")
    made = adopt(daemon, "a", "A256KW", "62")
    p11(daemon, "--keygen", "--key-type", "aes:32", "--id", "62", "--label", "theirs")
    daemon.restart()
    for _ in range(20):
        assert opens(daemon, made).startswith("UNUSABLE the token has several keys")
    assert warnings(daemon, "key a: ") and "several keys" in daemon.log_text()
    found = findings(daemon)
    assert [(f.kind, f.key) for f in found] == [("twin", "a")] and "not used" in found[0].what
    p11(daemon, "--delete-object", "--type", "secrkey", "--id", "62", "--label", "theirs")
    C.wait_for(lambda: opens(daemon, made) == "OK", "the key to be served again")
    assert not warnings(daemon, "key a: ") and not findings(daemon)


def test_destruction_of_what_nothing_tells_apart(make_cekd):
    """It waits with one record and a warning, fsck says so, and SIGHUP tries again."""
    daemon = make_cekd(page=True, destroy_wait_min=60)
    p11(daemon, "--keygen", "--key-type", "aes:32", "--id", "63", "--label", "mine")
    made = adopt(daemon, "d", "A256KW", "63")
    p11(daemon, "--keygen", "--key-type", "aes:32", "--id", "63", "--label", "theirs")
    with daemon.client() as client:
        client.rotate("d")
        client.ok(destroy_version=pb.DestroyVersionRequest(kid=made.kid, force=True, wait=60))
    daemon.page.shift(120)
    C.wait_for(lambda: warnings(daemon, "several keys that could be version 1"), "the warning")
    C.wait_for(lambda: daemon.log_text().count("key d: destroy: CONFLICT") == 2, "the second try")
    assert daemon.keys.read_text().count('"op":"destroy"') == 1
    assert [f.kind for f in findings(daemon)] == ["twin"] and "destruction waits" in findings(daemon)[0].what
    tries = daemon.log_text().count("key d: destroy: ")
    daemon.process.send_signal(signal.SIGHUP)
    C.wait_for(lambda: daemon.log_text().count("key d: destroy: ") > tries, "another try")
    assert daemon.keys.read_text().count('"op":"destroy"') == 1


def test_a_key_of_others_is_no_object_to_adopt(make_cekd):
    """By CKA_ID and by label, of one version and of several, to be done or only looked at: as if the token had none."""
    where, me = C.folder("cekd-sockets-"), str(os.geteuid())
    daemon = make_cekd(
        listeners={name: {"path": str(where / name), "mode": "0600"} for name in ("main", "few")},
        rules={"all": {"listeners": ["main"], "users": [me], "keys": ["*"], "operations": C.OPERATIONS},
               "few": {"listeners": ["few"], "users": [me], "keys": ["ours-*"], "operations": ["adopt"]}})
    daemon.key("RSA-OAEP-256", name="theirs")
    objects = [version["cka_id"] for version in daemon.json("key", "show", "theirs")["versions"]]
    with daemon.client("few") as client:
        def told(**what):
            said = []
            for insist in (False, True):
                change = pb.AdoptKeyRequest(key="ours-1", alg="RSA-OAEP-256", insist=insist, **what)
                for reply in (client.call(adopt_key=change), client.call(preview=pb.PreviewRequest(adopt_key=change))):
                    said.append((reply.status, reply.reason, reply.message))
            return said

        nothing = told(label="nothing")
        assert {status for status, *_ in nothing} == {pb.STATUS_CONFLICT}
        assert told(label="theirs") == nothing == told(cka_id=b"\x07")
        daemon.cekctl("key", "rotate", "theirs")
        assert told(label="theirs") == nothing
        for id in objects:
            assert told(cka_id=bytes.fromhex(id)) == nothing
    assert "adopt: what was asked for is of a key that the peer may not use" in daemon.log_text()
    assert "law:" not in daemon.log_text()  # the journal heard of nothing that it must refuse


def test_two_adoptions_of_one_object_at_once(daemon):
    """Under two names: one of them has it, and the broker lives."""
    broker = daemon.child("cekd-broker")
    with daemon.client() as client:
        for number in range(3):
            id = f"4{number}"
            pair(daemon, "rsa:2048", id, "ceremony", "--usage-decrypt")
            asked = [client.send(adopt_key=pb.AdoptKeyRequest(key=f"{name}-{number}", alg="RSA-OAEP-256", insist=True,
                                                              cka_id=bytes.fromhex(id)))
                     for name in ("one", "two")]
            assert [client.reply(id).status for id in asked] == [pb.STATUS_OK, pb.STATUS_CONFLICT]
    assert daemon.child("cekd-broker") == broker
    assert "law:" not in daemon.log_text()
