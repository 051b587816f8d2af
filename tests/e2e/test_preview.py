# SPDX-License-Identifier: Apache-2.0
"""What a change would do, asked of the daemon: judged as the change, told in words and as the key that it would leave, and nothing
done."""

import os

import cekd as C
import pytest
from cekd import pb, status_name

DAY = 86400


@pytest.fixture
def daemon(make_cekd):
    return make_cekd(destroy_wait=7 * DAY, destroy_wait_min=60)


def previewed(client, **change):
    return client.call(preview=pb.PreviewRequest(**change))


def told(client, **change):
    reply = previewed(client, **change)
    assert status_name(reply) == "OK", reply
    return reply.preview


def state_of(daemon):
    """All that a preview must leave alone."""
    objects = sorted(path.name for path in daemon.token.tokens.rglob("*.object"))
    return daemon.keys.read_bytes(), objects


def versions(key):
    return [(v.number, pb.State.Name(v.state).removeprefix("STATE_")) for v in key.version]


def changes(client, daemon):
    """One of each kind that can be previewed, on a ring that allows it: what it is, and how it is asked for."""
    old = client.ok(create_key=pb.CreateKeyRequest(key="k", alg="A256KW")).key.key.version[0].kid
    active = client.ok(rotate_key=pb.RotateKeyRequest(key="k", active_kid=old)).key.key.version[1].kid
    suspended = client.ok(create_key=pb.CreateKeyRequest(key="s", alg="A256KW")).key.key.version[0].kid
    client.ok(set_key_state=pb.SetKeyStateRequest(kid=suspended, state=pb.STATE_SUSPENDED))
    return {
        "create": {"create_key": pb.CreateKeyRequest(key="new", alg="ECDH-ES+A256KW")},
        "rotate": {"rotate_key": pb.RotateKeyRequest(key="k", active_kid=active)},
        "suspend": {"set_key_state": pb.SetKeyStateRequest(kid=old, state=pb.STATE_SUSPENDED)},
        "resume": {"set_key_state": pb.SetKeyStateRequest(kid=suspended, state=pb.STATE_ACTIVE)},
        "compromise": {"set_key_state": pb.SetKeyStateRequest(kid=active, state=pb.STATE_COMPROMISED)},
        "compromise and rotate": {"set_key_state": pb.SetKeyStateRequest(kid=active, state=pb.STATE_COMPROMISED,
                                                                         rotate=True)},
        "destroy": {"destroy_version": pb.DestroyVersionRequest(kid=old)},
        "import": {"import_key": pb.ImportKeyRequest(key="imported", alg="A256KW", kid="theirs")},
        "adopt": {"adopt_key": pb.AdoptKeyRequest(key="adopted", alg="A256KW", label="none")},
        "schedule": {"set_key_schedule": pb.SetKeyScheduleRequest(key="k", schedule=pb.Schedule(period=DAY))},
        "alias": {"alias": pb.AliasRequest(kid=old, alias="old-name")},
    }


def test_nothing_changes(daemon):
    with daemon.client() as client:
        all_changes = changes(client, daemon)
        before, epoch = state_of(daemon), client.ok(status=pb.StatusRequest()).epoch
        for name, change in all_changes.items():
            reply = previewed(client, **change)
            assert status_name(reply) == ("CONFLICT" if name == "adopt" else "OK"), (name, reply)
            assert name == "adopt" or reply.preview.will, name
            assert reply.epoch == epoch
        assert state_of(daemon) == before
    daemon.restart()
    assert [line for line in daemon.keys.read_text().splitlines() if '"type":"open"' not in line] == \
        [line for line in before[0].decode().splitlines() if '"type":"open"' not in line]


def test_audited_as_a_preview_and_not_as_the_change(daemon):
    with daemon.client() as client:
        kid = client.ok(create_key=pb.CreateKeyRequest(key="k", alg="A256KW")).key.key.version[0].kid
        told(client, set_key_state=pb.SetKeyStateRequest(kid=kid, state=pb.STATE_COMPROMISED))
        record = C.wait_for(lambda: [r for r in daemon.audit_records() if r["op"] == "preview"], "the audit record")[0]
        assert (record["key"], record["kid"], record["status"], record["detail"]) == ("k", kid, "OK", "of state")
        text = client.ok(metrics=pb.MetricsRequest()).metrics.text
        assert 'cekd_requests_total{operation="preview",status="OK"} 1' in text and 'operation="state"' not in text


def test_the_key_as_it_would_be_is_the_one_that_it_becomes(daemon):
    with daemon.client() as client:
        for name, change in changes(client, daemon).items():
            if name in ("import", "adopt", "compromise"):
                continue  # need more than this, or spoil what follows
            would = told(client, **change).key
            op = dict(change)
            became = client.ok(**op).key.key
            assert versions(would) == versions(became), name
            assert [list(v.alias) for v in would.version] == [list(v.alias) for v in became.version], name
            assert would.schedule == became.schedule and would.max_uses == became.max_uses, name
            assert (would.alg, would.bits, would.crv) == (became.alg, became.bits, became.crv), name


def test_who_used_it_last_and_what_stops(daemon):
    with daemon.client() as client:
        kid = client.ok(create_key=pb.CreateKeyRequest(key="k", alg="A256KW")).key.key.version[0].kid
        made = client.generate("k")
        client.unwrap(made)
        preview = told(client, set_key_state=pb.SetKeyStateRequest(kid=kid, state=pb.STATE_COMPROMISED))
        assert preview.ask and preview.kid == kid
        assert preview.last.peer == f"main/{os.geteuid()}" and preview.last.unwraps == 1 and preview.last.last_used > 0
        stops = "\n".join(preview.stops)
        assert f"version 1 ({kid}) can be opened any more" in stops and "nothing can be wrapped with key k" in stops
        assert f"by main/{os.geteuid()}: 1 unwrap and 1 wrap by 1 user" in stops
        unused = told(client, destroy_version=pb.DestroyVersionRequest(
            kid=client.rotate("k").key.key.version[0].kid, force=True))
        assert unused.ask and "for ever" in "\n".join(unused.will)
        assert any("not known without a token lifetime: cekctl key schedule k" in line for line in unused.warning)


def test_a_suspension_does_not_ask(daemon):
    with daemon.client() as client:
        kid = client.ok(create_key=pb.CreateKeyRequest(key="k", alg="A256KW")).key.key.version[0].kid
        assert not told(client, set_key_state=pb.SetKeyStateRequest(kid=kid, state=pb.STATE_SUSPENDED)).ask


def test_a_rotation_asks_if_the_schedule_says_otherwise_and_the_version_is_used(daemon):
    with daemon.client() as client:
        kid = client.ok(create_key=pb.CreateKeyRequest(key="k", alg="A256KW")).key.key.version[0].kid

        def asks():
            preview = told(client, rotate_key=pb.RotateKeyRequest(key="k", active_kid=kid))
            return preview.ask, any("the schedule says otherwise" in line for line in preview.warning)
        assert asks() == (False, False)
        client.generate("k")
        assert asks() == (False, False)
        client.ok(set_key_schedule=pb.SetKeyScheduleRequest(key="k", schedule=pb.Schedule(
            period=90 * DAY, lead=DAY, overlap=3600)))
        assert asks() == (True, True)


REFUSED = {
    "the move is illegal": ({"set_key_state": {"state": pb.STATE_ACTIVE}}, "CONFLICT"),
    "a reason of 201 bytes": ({"set_key_state": {"state": pb.STATE_SUSPENDED, "reason": "x" * 201}}, "MALFORMED"),
    "the wait is too short": ({"destroy_version": {"wait": 1}}, "MALFORMED"),
    "active": ({"destroy_version": {}}, "CONFLICT"),
    "an alias that is taken": ({"alias": {"alias": "KID"}}, "CONFLICT"),
}


@pytest.mark.parametrize("change, status", REFUSED.values(), ids=REFUSED.keys())
def test_the_same_refusals_with_the_same_words(make_cekd_module, request, change, status):
    daemon = make_cekd_module()
    with daemon.client() as client:
        kid = client.ok(create_key=pb.CreateKeyRequest(key="k", alg="A256KW")).key.key.version[0].kid
        (op, fields), = change.items()
        message = {"set_key_state": pb.SetKeyStateRequest, "destroy_version": pb.DestroyVersionRequest,
                   "alias": pb.AliasRequest}[op](kid=kid, **{k: kid if v == "KID" else v for k, v in fields.items()})
        preview, real = previewed(client, **{op: message}), client.call(**{op: message})
    assert status_name(preview) == status_name(real) == status
    assert preview.message == real.message


def test_the_same_permission(make_cekd):
    """Who may not do it is told no more by its preview: DENIED, or UNKNOWN_KEY for a foreign key as for none."""
    daemon = make_cekd(rules={"me": {"users": [str(os.geteuid())], "operations": ["destroy", "create"], "keys": ["mine"]},
                              "list": {"users": [str(os.geteuid())], "operations": ["create"], "keys": ["*"]}})
    with daemon.client() as client:
        foreign = client.ok(create_key=pb.CreateKeyRequest(key="other", alg="A256KW")).key.key.version[0].kid
        assert status_name(previewed(client, rotate_key=pb.RotateKeyRequest(key="mine"))) == "DENIED"
        answers = [previewed(client, destroy_version=pb.DestroyVersionRequest(kid=kid)) for kid in (foreign, "absent")]
        assert [status_name(a) for a in answers] == ["UNKNOWN_KEY"] * 2 and answers[0].message == answers[1].message


@pytest.mark.parametrize("preview, status", [
    (pb.PreviewRequest(), "MALFORMED"),
    (pb.PreviewRequest(rotate_key=pb.RotateKeyRequest(key="k", plan=True)), "MALFORMED"),
    (pb.PreviewRequest(restore=pb.RestoreRequest()), "MALFORMED"),
    (pb.PreviewRequest.FromString(bytes([0xfa, 0x3f, 0x00])), "UNSUPPORTED"),  # a change of a later release
], ids=["nothing", "a plan", "a look", "unknown"])
def test_what_is_no_change(shared, client, preview, status):
    before = len(shared.audit_records())
    assert status_name(client.call(preview=preview)) == status
    record = C.wait_for(lambda: shared.audit_records()[before:], "the audit record")[-1]
    assert (record["op"], record["status"]) == ("preview", status)


def test_an_adoption_is_looked_up_in_the_token(daemon):
    """What the object is only the token knows: it is asked, and the preview says what the adoption would say."""
    with daemon.client() as client:
        client.ok(create_key=pb.CreateKeyRequest(key="k", alg="A256KW"))
        taken = previewed(client, adopt_key=pb.AdoptKeyRequest(key="other", alg="A256KW", label="k"))
        real = client.call(adopt_key=pb.AdoptKeyRequest(key="other", alg="A256KW", label="k"))
        assert status_name(taken) == status_name(real) == "CONFLICT" and taken.message == real.message
        before = daemon.keys.read_bytes().count(b"\n")
        previewed(client, adopt_key=pb.AdoptKeyRequest(key="other", alg="A256KW", label="k"))
        assert daemon.keys.read_bytes().count(b"\n") == before


def test_import_without_the_key_itself(client):
    """The private key need not leave its owner for a preview; a real import without it is refused."""
    request = pb.ImportKeyRequest(key="theirs", alg="A256KW", kid="issuer-1")
    preview = told(client, import_key=request)
    assert preview.key.version[0].kid == "issuer-1" and preview.key.version[0].provenance == pb.PROVENANCE_IMPORTED
    assert status_name(client.call(import_key=request)) == "MALFORMED"


def test_a_key_with_very_many_aliases_and_users(client):
    """What a preview answers fits into a frame like any other answer about that key."""
    kid = client.ok(create_key=pb.CreateKeyRequest(key="wide", alg="A256KW")).key.key.version[0].kid
    for i in range(16):
        client.ok(alias=pb.AliasRequest(kid=kid, alias=f"{i:02}" + "x" * 254))
    assert status_name(client.call(alias=pb.AliasRequest(kid=kid, alias="one-too-many"))) == "CONFLICT"
    preview = told(client, alias=pb.AliasRequest(kid=kid, alias="00" + "x" * 254, remove=True))
    assert len(preview.key.version[0].alias) == 15


# What cekctl 0.1.0 sends for create, show, list, jwks and status: it knows none of this.
OLD_CLIENT = ["0801a2010b0a016b1206413235364b57", "0802fa01030a016b", "0803f20100", "080482020210 01".replace(" ", ""),
              "0805c20200"]


def test_an_old_client_is_served_as_before(daemon):
    with daemon.client() as client:
        replies = []
        for id, body in enumerate(OLD_CLIENT, 1):
            client.send_frame(bytes.fromhex(body))
            replies.append(client.reply(id))
    assert [status_name(reply) for reply in replies] == ["OK"] * 5, replies
    assert replies[0].key.key.version[0].state == pb.STATE_ACTIVE and replies[1].key.key.name == "k"
    assert replies[2].list_keys.key[0].name == "k" and replies[3].public_keys.end and replies[4].status_reply.version
