# SPDX-License-Identifier: Apache-2.0
"""Why somebody may do something, or may not: for the log's readers, for who may ask, and not for anybody else."""

import ctypes
import os

import cekd as C
import pytest
from cekd import pb, status_name

root_only = pytest.mark.skipif(not C.ROOT, reason="only root can become other users")
GROUP = 64055


@pytest.fixture(scope="module")
def shared(make_cekd_module):
    where = C.folder("cekd-sockets-")
    me = str(os.geteuid())
    daemon = make_cekd_module(
        listeners={"admin": {"path": str(where / "admin.sock"), "mode": "0666"},
                   "gateway": {"path": str(where / "gateway.sock"), "mode": "0666"}},
        rules={"operator": {"listeners": ["admin"], "users": [me], "keys": ["*"], "operations": C.OPERATIONS},
               "gateways": {"listeners": ["gateway"], "users": [str(C.UID_ALICE)], "groups": [str(GROUP)],
                            "keys": ["api-*"], "operations": ["unwrap", "generate"]}})
    daemon.key("A128KW", name="api-a")
    daemon.key("A128KW", name="payroll")
    return daemon


def explain(shared, **fields):
    with shared.client("admin") as client:
        return client.ok(explain=pb.ExplainRequest(**fields)).explain


def other(shared, uid, **fields):
    return explain(shared, other=True, uid=uid, listener="gateway", **fields)


def test_a_rule_that_allows_is_named(shared):
    told = other(shared, C.UID_ALICE, operation="unwrap", key="api-a")
    assert told.allowed and told.rule == "gateways" and not told.missing, told
    assert sorted(told.operations) == ["generate", "unwrap"]
    assert (told.uid, told.listener) == (C.UID_ALICE, "gateway")


@pytest.mark.parametrize("fields, missing, words", [
    ({"uid": C.UID_BOB, "operation": "unwrap", "key": "api-a"}, "user", f"users {C.UID_ALICE} and groups {GROUP}"),
    ({"uid": C.UID_ALICE, "operation": "unwrap", "key": "payroll"}, "key", "on the keys api-*"),
    ({"uid": C.UID_ALICE, "operation": "rotate", "key": "api-a"}, "operation", "not the operation rotate"),
], ids=lambda value: value.split()[0] if isinstance(value, str) else "")
def test_the_nearest_rule_and_what_it_lacks(shared, fields, missing, words):
    told = other(shared, fields.pop("uid"), **fields)
    assert not told.allowed and told.rule == "gateways", told
    assert list(told.missing) == [missing] and words in told.why, told


def test_another_listener(shared):
    told = explain(shared, other=True, uid=C.UID_ALICE, operation="unwrap", key="api-a", listener="admin")
    assert not told.allowed and told.rule == "operator" and list(told.missing) == ["user"], told
    told = explain(shared, other=True, uid=os.geteuid(), operation="unwrap", key="api-a", listener="gateway")
    assert not told.allowed and list(told.missing) == ["user"] and told.rule == "gateways", told
    told = explain(shared, other=True, uid=os.geteuid(), operation="rotate", key="other", listener="gateway")
    assert not told.allowed and list(told.missing) == ["listener"] and told.rule == "operator", told


def test_a_group_counts(shared):
    assert not other(shared, C.UID_BOB, gid=[1], operation="unwrap", key="api-a").allowed
    assert other(shared, C.UID_BOB, gid=[1, GROUP], operation="unwrap", key="api-a").allowed


def test_operations_without_a_key(shared):
    assert explain(shared, operation="status", key="whatever").allowed


def test_a_key_that_is_not_there(shared):
    told = other(shared, C.UID_ALICE, operation="unwrap", key="api-none")
    assert told.allowed and "no key of this name" in told.why, told


def test_a_user_that_is_not_mapped(shared):
    told = other(shared, 65534, operation="unwrap", key="api-a")
    assert not told.allowed and "does not map" in told.why, told


@pytest.mark.parametrize("fields, word", [({"operation": "nonsense"}, "operation"), ({"key": "a b"}, "key"),
                                          ({"listener": "none"}, "listener"),
                                          ({"other": True, "gid": [1] * 1025}, "gid")], ids=lambda v: str(v)[:20])
def test_malformed(shared, fields, word):
    with shared.client("admin") as client:
        reply = client.call(explain=pb.ExplainRequest(**fields))
    assert status_name(reply) == "MALFORMED" and word in reply.message, reply


def as_stranger(shared, uid, *requests):
    def peer():
        with shared.client("gateway") as client:
            replies = [client.call(explain=pb.ExplainRequest(**fields)) for fields in requests]
        return [[status_name(r), r.explain.allowed, r.explain.rule, r.explain.why, list(r.explain.operations),
                 r.message] for r in replies]
    return C.as_uid(uid, peer)


@root_only
def test_somebody_whom_no_rule_names_learns_so_and_no_more(shared):
    mine, foreign, absent = as_stranger(shared, 64099, {"operation": "unwrap"}, {"operation": "unwrap", "key": "payroll"},
                                        {"operation": "unwrap", "key": "absent"})
    assert mine == ["OK", False, "", 'no rule names uid 64099 at listener "gateway"', [], ""]
    assert foreign == mine and absent == mine


@root_only
def test_a_foreign_key_looks_as_one_that_is_not_there(shared):
    foreign, absent, mine = as_stranger(shared, C.UID_ALICE, {"operation": "unwrap", "key": "payroll"},
                                        {"operation": "unwrap", "key": "absent"}, {"operation": "unwrap", "key": "api-a"})
    assert foreign == absent and not foreign[1] and "on a key of this name" in foreign[3]
    assert mine == ["OK", True, "", "", ["unwrap", "generate"], ""]


@root_only
def test_others_are_for_who_may_do_fsck(shared):
    about, elsewhere = as_stranger(shared, C.UID_ALICE, {"other": True, "uid": C.UID_BOB}, {"listener": "admin"})
    assert about[0] == "DENIED" and elsewhere[0] == "DENIED"


@root_only
def test_the_log_says_which_rule_would(shared):
    """To the peer it is DENIED; who reads the log learns what to change, once."""
    def peer():
        with shared.client("gateway") as client:
            return [status_name(client.call(unwrap=pb.UnwrapRequest(key="api-a", alg="A128KW", enc="A256GCM",
                                                                    encrypted_key=bytes(40)))) for _ in range(20)]
    assert set(C.as_uid(64077, peer)) == {"DENIED"}
    lines = [line for line in shared.log_text().splitlines() if "refused: unwrap on key api-a to uid 64077" in line]
    assert len(lines) == 1 and 'rule "gateways" allows it to users' in lines[0], shared.log_text()


def test_audited_and_counted(shared):
    explain(shared, operation="unwrap", key="payroll")
    C.wait_for(lambda: any(r["op"] == "explain" and r.get("key") == "payroll" and r["status"] == "OK"
                           for r in shared.audit_records()), "the audit record")
    with shared.client("admin") as client:
        assert 'operation="explain"' in client.ok(metrics=pb.MetricsRequest()).metrics.text


def test_features(shared):
    with shared.client("admin") as client:
        assert {"explain", "preview", "alias"} <= set(client.ok(status=pb.StatusRequest()).status_reply.features)


def enter_user_namespace():
    """In the child that will be cekd: a user namespace with its own users in it and no others. From the outside a helper maps
    them."""
    pid, (read, write), (done, tell) = os.getpid(), os.pipe(), os.pipe()
    if os.fork() == 0:
        os.close(write)
        os.read(read, 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write(f"0 0 {C.UID_JOURNAL + 1}\n")
        os.write(tell, b"x")
        os._exit(0)
    clone_newuser = 0x10000000
    if ctypes.CDLL(None, use_errno=True).unshare(clone_newuser) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    os.write(write, b"x")
    os.close(tell)
    assert os.read(done, 1) == b"x"
    for fd in (read, write, done):
        os.close(fd)
    os.wait()


@root_only
def test_a_user_outside_of_the_user_namespace(make_cekd):
    """Whom cekd's namespace does not map is told so: not that nobody may not."""
    daemon = make_cekd(start=False)
    daemon.preexec = enter_user_namespace
    daemon.start()

    def peer():
        with daemon.client() as client:
            notice = client.recv()
            client.wait_closed()
        done = C.run([C.CEKCTL, "status"], check=False, env=os.environ | {"CEK_SOCKET": str(daemon.socket)})
        return notice.id, status_name(notice), notice.message, done.returncode, done.stderr
    id, status, message, code, stderr = C.as_uid(C.UID_ALICE, peer)
    assert (id, status) == (0, "DENIED") and "does not map this user" in message
    assert code != 0 and "DENIED" in stderr and len(stderr.splitlines()) == 1, stderr
    assert "the kernel shows as uid 65534 (often called nobody), so that no rule can name it" in daemon.log_text()
