# SPDX-License-Identifier: Apache-2.0
"""Who may do what: by listener, user, group and key pattern; denied by default."""

import os
import re
import signal

import cekd as C
import pytest
from cekd import pb, status_name

root_only = pytest.mark.skipif(not C.ROOT, reason="only root can become other users")


@pytest.fixture(scope="module")
def shared(make_cekd_module):
    where = C.folder("cekd-sockets-")
    me = str(os.geteuid())
    daemon = make_cekd_module(
        listeners={"admin": {"path": str(where / "admin.sock"), "mode": "0600"},
                   "gateway": {"path": str(where / "gateway.sock"), "mode": "0666"}},
        rules={"operator": {"listeners": ["admin"], "users": [me], "keys": ["*"],
                            "operations": [op for op in C.OPERATIONS if op not in ("unwrap", "wrap", "generate")]},
               "wrap": {"listeners": ["admin"], "users": [me], "operations": ["wrap", "generate"], "keys": ["*"]},
               "alice": {"listeners": ["gateway"], "users": [str(C.UID_ALICE)], "keys": ["api-*"],
                         "operations": ["unwrap", "generate", "list"]},
               "bobs": {"listeners": ["gateway"], "groups": [str(C.UID_BOB)], "keys": ["api-b"],
                        "operations": ["unwrap"]},
               "all": {"anyone": True, "operations": ["public"], "keys": ["api-a"]}})
    for name in ("api-a", "api-b", "other"):
        daemon.key("A128KW", name=name)
    daemon.key("ECDH-ES", name="api-public")
    return daemon


@pytest.fixture(scope="module")
def made(shared):
    with shared.client("admin") as client:
        return {key: client.generate(key) for key in ("api-a", "api-b", "other")}


def unwrap_as(shared, uid, wrapped, **changes):
    def peer():
        with shared.client("gateway") as client:
            return status_name(client.unwrap(wrapped, **changes))
    return C.as_uid(uid, peer) if C.ROOT else peer()


def test_root_has_no_unwrap_of_its_own(shared, made):
    with shared.client("admin") as client:
        assert status_name(client.unwrap(made["api-a"])) == "DENIED"


@root_only
def test_key_patterns(shared, made):
    assert unwrap_as(shared, C.UID_ALICE, made["api-a"]) == "OK"
    assert unwrap_as(shared, C.UID_ALICE, made["api-b"]) == "OK"
    assert unwrap_as(shared, C.UID_ALICE, made["other"]) == "UNKNOWN_KEY"


@root_only
def test_group(shared, made):
    assert unwrap_as(shared, C.UID_BOB, made["api-b"]) == "OK"
    assert unwrap_as(shared, C.UID_BOB, made["api-a"]) == "UNKNOWN_KEY"


@root_only
def test_denied_by_default(shared, made):
    assert unwrap_as(shared, 64099, made["api-a"]) == "DENIED"

    def peer():
        with shared.client("gateway") as client:
            return [status_name(client.call(**op)) for op in (
                {"create_key": pb.CreateKeyRequest(key="x", alg="A128KW")}, {"list_keys": pb.ListKeysRequest()},
                {"status": pb.StatusRequest()}, {"metrics": pb.MetricsRequest()}, {"watch": pb.WatchRequest()},
                {"fsck": pb.FsckRequest()}, {"rotate_key": pb.RotateKeyRequest(key="api-a")},
                {"get_transport_key": pb.GetTransportKeyRequest()})]
    assert set(C.as_uid(64099, peer)) == {"DENIED"}


def test_listener_decides(shared, made):
    """The same user on another listener has other rights."""
    with shared.client("gateway") as client:
        for op in ({"list_keys": pb.ListKeysRequest()}, {"status": pb.StatusRequest()},
                   {"generate_cek": pb.GenerateCekRequest(key="api-a", enc="A128GCM")}):
            assert status_name(client.call(**op)) == "DENIED"
        assert status_name(client.call(get_public_keys=pb.GetPublicKeysRequest())) == "OK"


@root_only
def test_socket_mode(shared):
    def peer():
        try:
            shared.client("admin").close()
        except PermissionError:
            return "refused"
        return "connected"
    assert C.as_uid(C.UID_ALICE, peer) == "refused"


@root_only
def test_user_in_too_many_groups_is_named_once(make_cekd):
    """However often he connects."""
    daemon = make_cekd()
    script = ("import os, socket\n"
              "os.setgroups(range(70000, 71100)); os.setgid(%d); os.setuid(%d)\n"
              "for _ in range(5):\n"
              "    with socket.socket(socket.AF_UNIX) as peer:\n"
              "        peer.connect('%s')\n")
    for uid in (C.UID_ALICE, C.UID_BOB, C.UID_ALICE):
        C.run(["/usr/bin/python3", "-c", script % (uid, uid, daemon.socket)])
    with daemon.client() as client:
        client.ok(status=pb.StatusRequest())
    for uid in (C.UID_ALICE, C.UID_BOB):
        said = f"uid {uid} is in more than 1024 groups"
        C.wait_for(lambda said=said: said in daemon.log_text(), "the line in the log")
        assert daemon.log_text().count(said) == 1


@root_only
def test_foreign_and_absent_look_the_same(shared, made):
    """UNKNOWN_KEY byte for byte, for every operation of this peer."""
    def peer():
        answers = []
        for kid, key in ((made["other"].kid, "other"), ("absent-kid-of-the-same-length-as-the-other-has"[:len(made["other"].kid)],
                                                       "nokey")):
            for op in ({"unwrap": pb.UnwrapRequest(kid=kid, alg="A128KW", enc="A256GCM", encrypted_key=bytes(40))},
                       {"unwrap": pb.UnwrapRequest(key=key, alg="A128KW", enc="A256GCM", encrypted_key=bytes(40))},
                       {"unwrap": pb.UnwrapRequest(kid=kid, alg="RSA-OAEP", enc="A256GCM", encrypted_key=bytes(256))},
                       {"generate_cek": pb.GenerateCekRequest(key=key, enc="A256GCM")},
                       {"describe_key": pb.DescribeKeyRequest(key=key)},
                       {"describe_key": pb.DescribeKeyRequest(kid=kid)}):
                with shared.client("gateway") as client:
                    client.send(**op)
                    answers.append(client.recv_bytes().hex())
        return answers
    answers = C.as_uid(C.UID_ALICE, peer)
    half = len(answers) // 2
    assert answers[:half] == answers[half:]
    assert {status_name(pb.Reply.FromString(bytes.fromhex(a))) for a in answers} == {"UNKNOWN_KEY"}


@root_only
def test_list_shows_only_what_one_may_use(shared):
    def peer():
        with shared.client("gateway") as client:
            keys = client.ok(list_keys=pb.ListKeysRequest()).list_keys.key
            return [[key.name, key.operations] for key in keys]
    seen = dict(C.as_uid(C.UID_ALICE, peer))
    assert sorted(seen) == ["api-a", "api-b", "api-public"]
    assert sorted(seen["api-a"].split()) == ["generate", "list", "public", "unwrap"]


@root_only
def test_rewrap_to_another_key_needs_unwrap_on_the_first(shared, made):
    with shared.client("admin") as client:
        reply = client.call(rewrap=pb.RewrapRequest(
            kid=made["other"].kid, alg="A128KW", enc="A256GCM", encrypted_key=made["other"].encrypted_key, to_key="api-a"))
        assert status_name(reply) in ("DENIED", "UNKNOWN_KEY"), reply


def test_reload(make_cekd):
    """SIGHUP: the rules are read again; a file with an error changes nothing and is reported."""
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        rules = daemon.config.rules
        daemon.config.rules = {"less": {"anyone": True, "operations": ["list", "status"], "keys": ["*"]}}
        daemon.conf.write_text(daemon.config.text() + "nonsense\n")
        daemon.process.send_signal(signal.SIGHUP)
        C.wait_for(lambda: "the file ends inside nonsense" in daemon.log_text(), "the error to be reported")
        assert client.unwrap(made).unwrap.cek == made.cek
        daemon.conf.write_text(daemon.config.text())
        daemon.process.send_signal(signal.SIGHUP)
        C.wait_for(lambda: status_name(client.unwrap(made)) == "DENIED", "the new rules")
        daemon.config.rules = rules
        daemon.conf.write_text(daemon.config.text())
        daemon.process.send_signal(signal.SIGHUP)
        C.wait_for(lambda: client.unwrap(made).unwrap.cek == made.cek, "the old rules")


def test_reload_with_a_rule_for_a_new_listener(make_cekd):
    """Listeners come with a restart of cekd only: until then no broker could start with a rule that names a new one."""
    daemon = make_cekd()
    with daemon.client() as client:
        made = client.generate(daemon.key("A128KW"))
        text = daemon.config.text()
        daemon.conf.write_text(text + f"""
listener "later" {{ path = "{daemon.socket}2" }}
rule "later" {{ listeners = {{"later"}} anyone = true operations = {{"unwrap"}} keys = {{"*"}} }}
""")
        daemon.process.send_signal(signal.SIGHUP)
        C.wait_for(lambda: 'rule "later"' in daemon.log_text(), "the rule to be reported")
        assert client.unwrap(made).unwrap.cek == made.cek
    daemon.kill_child("cekd-broker")
    with daemon.client() as client:
        assert client.unwrap(made).unwrap.cek == made.cek


def test_operations_are_the_same_everywhere():
    """What a rule can grant stands in the broker, in the configuration and in two manual pages."""
    source = next(C.SOURCE.glob("daemon/broker/**/permission.c")).read_text()
    granted = re.findall(r'\[PERMISSION_\w+\] = "(\w+)"', source)
    config = next(text for text in (path.read_text() for path in C.SOURCE.glob("daemon/parent/config/*.c"))
                  if re.search(r'"unwrap",\s*"wrap"', text))
    accepted = re.search(r"operations\[\] = \{(.*?)\}", config, re.S)[1]
    assert len(granted) > 15 and granted == re.findall(r'"(\w+)"', accepted)
    assert sorted(granted) == sorted(C.OPERATIONS)
    for page in ("cekd.conf.5", "cekd-journal.5"):
        text = (C.SOURCE / "man" / page).read_text()
        listed = re.search(r"^unwrap, wrap, generate,.*?(?=;)", text, re.M | re.S)[0]
        assert re.findall(r"[a-z]+", listed.replace(" or ", " ")) == granted, page
