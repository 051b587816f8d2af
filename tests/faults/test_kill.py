# SPDX-License-Identifier: Apache-2.0
"""SIGKILL to each process at each step of each life-cycle change. Afterwards the daemon starts, fsck is clean or names an
orphan, and no key that was ever acknowledged is lost. CEKD_KILLS says how many kills (25; scripts/test --full: 500)."""

import itertools
import os
import signal

import cekd as C
import pytest
from cekd import pb, status_name

KILLS = int(os.environ.get("CEKD_KILLS", "25"))
STEPS = [f"{op}.{step}" for op in ("create", "rotate", "import") for step in ("intended", "generated", "recorded")]
STEPS += [f"destroy.{step}" for step in ("intended", "done", "recorded")]
STEPS += [f"manage.{op}.{when}" for op in ("generate", "import", "destroy") for when in ("before", "after")]
STEPS += ["journal.before-write", "journal.after-write"]
VICTIMS = ["stopped", "parent", "cekd-broker", "cekd-journal", "use", "manage"]
CASES = list(itertools.islice(itertools.cycle(itertools.product(STEPS, VICTIMS)), KILLS))
if KILLS < len(STEPS) * len(VICTIMS):  # fewer than all: each step and each victim, spread evenly
    every = list(itertools.product(STEPS, VICTIMS))
    CASES = [every[i * len(every) // KILLS] for i in range(KILLS)]


def import_request(client, name):
    """An AES key for the token, wrapped as cek.proto says."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
    def ask():
        reply = client.call(get_transport_key=pb.GetTransportKeyRequest())
        return reply if reply.status == pb.STATUS_OK else None
    transport = C.wait_for(ask, "a transport key")
    public = transport.transport_key.public_key
    key = rsa.RSAPublicNumbers(int.from_bytes(public.e, "big"), int.from_bytes(public.n, "big")).public_key()
    aes = os.urandom(32)
    return pb.ImportKeyRequest(
        key=name, alg="A256KW", transport_id=transport.transport_key.id,
        wrapped_aes_key=key.encrypt(aes, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)),
        wrapped_key=aes_key_wrap_with_padding(aes, os.urandom(32)))


class World:
    """A daemon, and all that it ever acknowledged."""

    def __init__(self, make_cekd):
        self.daemon = make_cekd(page=True, destroy_wait_min=60, workers=1)
        self.wrapped = []    # (cek, wrapped) that must open
        self.gone = set()    # kids whose destruction was begun
        self.counter = itertools.count()
        self.shift = 0
        self.use_worker = None
        with self.daemon.client() as client:
            self.create(client)

    def create(self, client):
        name = f"k{next(self.counter)}"
        client.ok(create_key=pb.CreateKeyRequest(key=name, alg="A256KW"))
        self.remember(client, name)
        return name

    def remember(self, client, name):
        made = client.generate(name)
        self.wrapped.append((made.cek, made))
        return made

    def request(self, client, op):
        """The request that reaches the step; its name of a key, if it makes one."""
        name = f"k{next(self.counter)}"
        if op == "create":
            return name, {"create_key": pb.CreateKeyRequest(key=name, alg="A256KW")}
        if op == "import":
            return name, {"import_key": import_request(client, name)}
        name = self.create(client)
        if op == "rotate":
            return name, {"rotate_key": pb.RotateKeyRequest(key=name, active_kid=self.wrapped[-1][1].kid)}
        made = self.wrapped.pop()[1]
        client.rotate(name)
        self.remember(client, name)
        client.ok(destroy_version=pb.DestroyVersionRequest(kid=made.kid, force=True, wait=60))
        self.gone.add(made.kid)
        return None, None

    def pid_of(self, victim, stopped):
        """A worker that has not been asked for yet does not run: then the one that stopped dies."""
        children = self.daemon.children()
        if victim == "use":
            return self.use_worker if self.use_worker in children.get("cekd-token", []) else stopped
        if victim == "manage":
            return next((pid for pid in children.get("cekd-token", []) if pid != self.use_worker), stopped)
        return children.get(victim, [stopped])[0]

    def kill(self, victim, stopped):
        daemon = self.daemon
        if victim == "parent":
            daemon.kill()
            daemon.start()
            return
        pid = self.pid_of(victim, stopped)
        os.kill(pid, signal.SIGKILL)
        daemon.page.disarm()
        C.wait_for(lambda: pid not in itertools.chain(*daemon.children().values()), "the victim to end")
        daemon.wait_ready()

    def check(self, context):
        with self.daemon.client() as client:
            for cek, made in self.wrapped:
                reply = client.unwrap(made)
                assert reply.unwrap.cek == cek, f"{context}: {made.kid}: {status_name(reply)} {reply.message}"
            findings = client.ok(fsck=pb.FsckRequest()).fsck.finding
            assert all(f.kind in ("orphan", "partial") and f.advice for f in findings), f"{context}: {findings}"
            keys = client.ok(list_keys=pb.ListKeysRequest()).list_keys.key
            for key in keys:
                active = [v for v in key.version if v.state == pb.STATE_ACTIVE]
                assert len(active) <= 1, f"{context}: {key}"
            kids = [v.kid for key in keys for v in key.version]
            assert len(kids) == len(set(kids)), f"{context}: a kid stands there twice"


def strike(world, step, victim):
    daemon, op = world.daemon, step.split(".")[0]
    if op == "manage":
        op = {"generate": "create"}.get(step.split(".")[1], step.split(".")[1])
    if op == "journal":
        op = ("create", "rotate", "import")[VICTIMS.index(victim) % 3]
    with daemon.client() as client:
        name, request = world.request(client, op)
        world.use_worker = daemon.workers()[0]
        daemon.page.arm(step)
        id = client.send(**request) if request else None
        if op == "destroy":
            world.shift += 120
            daemon.page.shift(world.shift)
        stopped = C.wait_for(daemon.page.hit, f"a process to stop at {step}")
        world.kill(victim, stopped)
        try:
            status = status_name(client.reply(id)) if id else None
        except C.Closed:
            status = None
        if status == "OK":  # acknowledged: from now on it must be there
            with daemon.client() as again:
                world.remember(again, name)


@pytest.mark.long
@pytest.mark.parametrize("part", range(5))
def test_kills(make_cekd, part):
    world = World(make_cekd)
    for number, (step, victim) in enumerate(CASES[part::5]):
        context = f"kill {number}: {victim} at {step}"
        try:
            strike(world, step, victim)
            world.check(context)
        except AssertionError as error:
            raise AssertionError(f"{context}: {error}") from error
    world.daemon.stop()
    world.daemon.start()
    world.check("after a clean restart")
    for path in (world.daemon.keys, world.daemon.audit):
        world.daemon.cekctl("audit", "verify", path)
    with world.daemon.client() as client:
        for kid in world.gone:
            def destroyed():
                key = client.ok(describe_key=pb.DescribeKeyRequest(kid=kid)).key.key
                return next(v.state for v in key.version if v.kid == kid) == pb.STATE_DESTROYED
            C.wait_for(destroyed, f"{kid} to be destroyed")


@pytest.mark.parametrize("victim", ["stopped", "parent"])
@pytest.mark.parametrize("step", ["rotate.intended", "manage.generate.after", "rotate.generated", "rotate.recorded"])
def test_compromise_and_rotate(make_cekd, step, victim):
    """However far it came: the version is compromised, and another rotation gives the key a new active one."""
    world = World(make_cekd)
    daemon, made = world.daemon, world.wrapped.pop()[1]
    with daemon.client() as client:
        world.use_worker = daemon.workers()[0]
        daemon.page.arm(step)
        client.send(set_key_state=pb.SetKeyStateRequest(kid=made.kid, state=pb.STATE_COMPROMISED, rotate=True))
        world.kill(victim, C.wait_for(daemon.page.hit, f"a process to stop at {step}"))
    with daemon.client() as client:
        key = client.ok(describe_key=pb.DescribeKeyRequest(kid=made.kid)).key.key
        assert key.version[0].state == pb.STATE_COMPROMISED
        assert status_name(client.unwrap(made)) == "UNUSABLE"
        if step == "rotate.recorded":
            assert [v.state for v in key.version[1:]] == [pb.STATE_ACTIVE]
        client.rotate(key.name)
        world.remember(client, key.name)
    world.check(step)
