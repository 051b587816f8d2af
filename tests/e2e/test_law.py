# SPDX-License-Identifier: Apache-2.0
"""A broker that was taken over, with journal and manage worker as they are: what they refuse it, and what it can do all the
same (docs/threat-model.md)."""

import base64
import json
import time

import cekd as C
import pytest
from cekd import pb, status_name
from liar import Taken

HOUR, DAY = 3600, 86400


@pytest.fixture
def taken():
    taken = Taken()
    yield taken
    taken.close()


class World:
    """A daemon with key k: version 1 destroyed, 2 waiting, 3 deactivated, 4 active."""

    def __init__(self, daemon):
        self.daemon = daemon
        daemon.key("A128KW")
        with daemon.client() as client:
            self.made = [client.generate("A128KW")]
            for _ in range(3):
                client.rotate("A128KW")
                self.made.append(client.generate("A128KW"))
            kids = [made.kid for made in self.made]
            client.ok(destroy_version=pb.DestroyVersionRequest(kid=kids[0], force=True, wait=HOUR))
            daemon.page.shift(HOUR + 60)
            C.wait_for(lambda: client.ok(describe_key=pb.DescribeKeyRequest(kid=kids[0])).key.key.version[0].state ==
                       pb.STATE_DESTROYED, "version 1 to be destroyed")
            client.ok(destroy_version=pb.DestroyVersionRequest(kid=kids[1], force=True, wait=7 * DAY))
        daemon.stop()
        self.kids = kids
        self.ids = [base64.urlsafe_b64decode(kid + "==") for kid in kids]

    def objects(self):
        return len(list(self.daemon.token.tokens.rglob("*.object")))

    def now(self):
        return int((time.time() + HOUR + 60) * 1_000_000)

    def lines(self):
        return [json.loads(line) for line in self.daemon.keys.read_text().splitlines()]


@pytest.fixture
def world(make_cekd, taken):
    """It is the taken-over broker's."""
    world = World(make_cekd(page=True, destroy_wait_min=HOUR, workers=1))
    world.daemon.programs, world.real = taken.where, world.daemon.programs
    world.daemon.spawn()
    taken.take()
    yield world
    if world.daemon.programs == taken.where:
        taken.stop(world.daemon)


def lies(world):
    one, two, three, four = world.kids
    name = "A128KW"
    new = {"type": "version", "key": name, "alg": name, "kid": "new", "cka_id": b"new", "state": pb.STATE_ACTIVE,
           "provenance": pb.PROVENANCE_GENERATED}
    moved = {"type": "state", "key": name}
    return [
        (moved | {"kid": one, "state": pb.STATE_ACTIVE}, "it is destroyed"),
        (moved | {"kid": four, "state": pb.STATE_SUSPENDED, "time": 1}, "the journal's to give"),
        ({"type": "open", "version": "0.3.0", "file": "1:1"}, "another instance"),
        ({"type": "intent", "op": "destroy", "key": name, "alg": name, "kid": two, "cka_id": world.ids[1]},
         "waiting period is not over"),
        (moved | {"kid": two, "state": pb.STATE_DESTROYED}, "not begun"),
        (moved | {"kid": three, "state": pb.STATE_ACTIVE}, "becomes active once"),
        (moved | {"kid": three, "state": pb.STATE_WAITING, "until_time": world.now() + 1_000_000}, "shorter"),
        (new, "not begun"),
        (new | {"kid": three}, "kid was used before"),
        ({"type": "abandoned", "key": name, "op": "rotate", "cka_id": b"new"}, "no such change was begun"),
        ({"type": "erased", "key": name}, "no such type"),
    ]


def test_what_breaks_the_law_is_refused(world, taken):
    """The first three cost a broker its life; after them cekd itself may have a fault, and what breaks the law is refused all
    the same. Nothing of it stands in the journal."""
    before = world.lines()
    for number, (lie, text) in enumerate(lies(world)):
        answer = taken.append(lie)
        if number < 3:
            assert answer is None, (lie, answer)
            C.wait_for(lambda: text in world.daemon.log_text(), f"the log to say {text}")
            assert "wanted to append what the journal refuses" in world.daemon.log_text()
            taken.take()
        else:
            assert not answer.ok and answer.why.startswith("law: ") and text in answer.why, (lie, answer)
            assert text in world.daemon.log_text()
    assert "this is a fault of cekd" in world.daemon.log_text()
    answer = taken.append({"type": "clock"})  # not now: the journal before this one may have heard an operator
    assert not answer.ok and "no operator" in answer.why and "no operator" not in world.daemon.log_text()
    assert world.lines() == before
    taken.id += 1
    taken.journal.send(taken.pb.ToJournal(replay=taken.pb.Replay(id=taken.id)).SerializeToString())
    while not taken.hear("replay").end:  # the journal goes on
        continue
    assert taken.append({"type": "rules"}).ok


def refused(result, text):
    return result.outcome == 7 and text in result.text  # OUTCOME_INTERNAL


def test_the_manage_worker_acts_on_receipts_alone(world, taken):
    name, objects = "A128KW", world.objects()
    destroy = {"destroy": taken.pb.DestroyJob(cka_id=world.ids[3], alg=name)}
    assert refused(taken.ask(True, **destroy), "there is none")
    forged = taken.pb.Receipt(seq=1, hash="0" * 64, up=1, op="destroy", mac=bytes(32))
    assert refused(taken.ask(True, **destroy, receipt=forged), "did not give it")
    # Of what the journal does give receipts for: to make a version.
    fresh = bytes(range(16))
    begun = taken.append({"type": "intent", "op": "rotate", "key": name, "alg": name, "cka_id": fresh})
    assert begun.ok and len(begun.receipt.mac) == 32
    assert refused(taken.ask(True, **destroy, receipt=begun.receipt), "did not give it")
    other = taken.pb.Receipt.FromString(begun.receipt.SerializeToString())
    other.op = "destroy"
    assert refused(taken.ask(True, **destroy, receipt=other), "did not give it")
    generate = {"generate": taken.pb.GenerateJob(cka_id=fresh, alg=name, label=name)}
    for job in ({"import": taken.pb.ImportJob(cka_id=fresh, alg=name)},
                {"adopt": taken.pb.AdoptJob(cka_id=fresh, alg=name)},
                {"destroy": taken.pb.DestroyJob(cka_id=fresh, alg=name)}):
        assert refused(taken.ask(True, **job, receipt=begun.receipt), "for another operation"), job
    assert world.objects() == objects
    assert taken.ask(True, **generate, receipt=begun.receipt).outcome == 1  # OUTCOME_OK
    assert world.objects() == objects + 1
    assert refused(taken.ask(True, **generate, receipt=begun.receipt), "has been used")
    # One that waits to be destroyed, before its time: there is no receipt, in whatever way it is asked for.
    early = {"type": "intent", "op": "destroy", "key": name, "alg": name, "kid": world.kids[1], "cka_id": world.ids[1]}
    assert taken.append(early, renew=True) is None
    taken.take()
    assert world.objects() == objects + 1


def test_what_a_taken_over_broker_can_do(world, taken):
    """It opens what it likes, brings keys out of use, makes versions; and what it has put into a waiting period it destroys
    when that is over, if nobody sees it in the journal."""
    name, (_, _, three, four), (_, _, _, active) = "A128KW", world.kids, world.made
    unwrap = taken.pb.UnwrapJob(cka_id=world.ids[3], alg=name, cek_len=len(active.cek), encrypted_key=active.encrypted_key)
    assert taken.ask(False, unwrap=unwrap).cek == active.cek
    moved = {"type": "state", "key": name}
    assert taken.append(moved | {"kid": four, "state": pb.STATE_SUSPENDED}).ok
    assert taken.append(moved | {"kid": four, "state": pb.STATE_ACTIVE}).ok
    assert taken.append(moved | {"kid": three, "state": pb.STATE_WAITING, "until_time": world.now() + DAY * 1_000_000}).ok
    assert [line["state"] for line in world.lines()[-3:]] == ["suspended", "active", "waiting"]
    world.daemon.page.shift(HOUR + 60 + DAY + 60)
    objects = world.objects()
    begun = taken.append({"type": "intent", "op": "destroy", "key": name, "alg": name, "kid": three, "cka_id": world.ids[2]})
    assert begun.ok
    job = taken.pb.DestroyJob(cka_id=world.ids[2], alg=name)
    assert taken.ask(True, destroy=job, receipt=begun.receipt).outcome == 1
    assert world.objects() == objects - 1
    assert taken.append(moved | {"kid": three, "state": pb.STATE_DESTROYED}).ok
    taken.stop(world.daemon)
    world.daemon.programs = world.real
    world.daemon.start()
    with world.daemon.client() as client:
        assert client.unwrap(active).unwrap.cek == active.cek
        assert status_name(client.call(unwrap=client.unwrap_request(world.made[2]))) == "UNUSABLE"
