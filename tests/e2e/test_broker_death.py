# SPDX-License-Identifier: Apache-2.0
"""A broker that dies or stops: what libcek and libcek-jose make of it for a gateway with many requests under way."""

import os
import signal
import time

import cekd as C
import pytest
from cekd import pb
from jwe_gateway import INNER, Gateway

OPEN, MANY = 40, 400
HOW, HOW_IDS = ["*{} {}", "@{} 60000 {}"], ["wait", "event-loop"]


@pytest.fixture
def daemon(make_cekd):
    daemon = make_cekd(workers=1, limits={"queue_per_worker": 64})
    daemon.key("RSA-OAEP-256", name="tokens")
    yield daemon
    if daemon.process:
        daemon.signal_workers(signal.SIGCONT)


def token_of(daemon):
    return daemon.cekctl("jwe", "encrypt", "--key", "tokens", "--enc", "A256GCM", input=INNER).stdout.strip()


def under_way(daemon):
    """Requests that the broker has read and its worker has not answered."""
    return sum(worker.queued for worker in daemon.status().worker if worker.kind == "use")


def kill_under_way(daemon, gateway, line):
    """The broker gets SIGKILL while it holds all that the line asks for; returns the gateway's answer."""
    victim = daemon.child("cekd-broker")
    daemon.signal_workers(signal.SIGSTOP)
    gateway.say(line)
    C.wait_for(lambda: under_way(daemon) >= OPEN, "the broker to hold the requests")
    os.kill(victim, signal.SIGKILL)
    daemon.signal_workers(signal.SIGCONT)
    answer = gateway.hear()
    daemon.wait_replaced("cekd-broker", victim)
    return answer


@pytest.mark.parametrize("how", HOW, ids=HOW_IDS)
def test_none_of_many_fails(daemon, how):
    """Five times in a row: each of them is asked for once more on the next connection."""
    line = how.format(OPEN, token_of(daemon))
    with Gateway(daemon, "tokens") as gateway:
        assert gateway.ask(line).split()[0] == str(OPEN)
        for _ in range(5):
            assert kill_under_way(daemon, gateway, line).split()[0] == str(OPEN)


def audited(daemon, op):
    return daemon.audit.read_text().count(f'"op":"{op}"')


@pytest.mark.parametrize("how", HOW, ids=HOW_IDS)
def test_none_of_many_fails_under_load(daemon, how):
    """It dies at any moment: while requests are written, read, at work, answered."""
    line = how.format(MANY, token_of(daemon))
    with Gateway(daemon, "tokens") as gateway:
        assert gateway.ask(line).split()[0] == str(MANY)
        for number in range(4):
            victim, before = daemon.child("cekd-broker"), audited(daemon, "unwrap")
            gateway.say(line)
            C.wait_for(lambda: audited(daemon, "unwrap") - before >= number * MANY // 5, "some answers")
            os.kill(victim, signal.SIGKILL)
            assert gateway.hear().split()[0] == str(MANY)
            daemon.wait_replaced("cekd-broker", victim)


@pytest.mark.slow
def test_time_limit_holds_across_the_repetition(daemon):
    """No broker comes back: each call ends with its own limit, which began when it was started."""
    token = token_of(daemon)
    with Gateway(daemon, "tokens") as gateway:
        assert gateway.ask(f"@{OPEN} 60000 {token}").split()[0] == str(OPEN)
        daemon.signal_workers(signal.SIGSTOP)
        begin = time.monotonic()
        gateway.say(f"@{OPEN} 6000 {token}")
        C.wait_for(lambda: under_way(daemon) >= OPEN, "the broker to hold the requests")
        os.kill(daemon.process.pid, signal.SIGSTOP)  # the parent: nobody starts another broker
        os.kill(daemon.child("cekd-broker"), signal.SIGKILL)
        assert gateway.hear() == "0 E_TIMEOUT 1"
        assert time.monotonic() - begin > 5.9
        os.kill(daemon.process.pid, signal.SIGCONT)
        daemon.signal_workers(signal.SIGCONT)
        daemon.wait_ready()
        assert gateway.ask(f"@{OPEN} 60000 {token}").split()[0] == str(OPEN)


# ---- stopped --------------------------------------------------------------------------------------------------------

def test_stopped_broker_shuts_the_cache(daemon):
    """Within the bound the cache serves no more; when the broker goes on, it does again, with what it held."""
    token = token_of(daemon)
    with Gateway(daemon, "tokens", TIMEOUT_MS="300") as gateway:
        assert gateway.ask("silence 2") == "0"
        gateway.warm(token)
        broker = daemon.child("cekd-broker")
        os.kill(broker, signal.SIGSTOP)
        try:
            C.wait_for(lambda: gateway.ask(token).startswith("UNAVAILABLE "), "the cache to be shut")
            assert gateway.stats()["entries"] == 1 and not gateway.stats()["live"]
            assert not gateway.ask(token).startswith("OK ")
        finally:
            os.kill(broker, signal.SIGCONT)
        gateway.warm(token)
        assert gateway.stats()["entries"] == 1 and gateway.stats()["live"]


def test_change_behind_a_stopped_broker(daemon):
    """The operator suspends the key while the broker stands: as soon as he has his answer, no token opens."""
    token = token_of(daemon)
    with Gateway(daemon, "tokens", TIMEOUT_MS="300") as gateway, daemon.client() as operator:
        assert gateway.ask("silence 2") == "0"
        gateway.warm(token)
        kid = daemon.json("key", "show", "tokens")["versions"][0]["kid"]
        broker = daemon.child("cekd-broker")
        os.kill(broker, signal.SIGSTOP)
        try:
            asked = operator.send(set_key_state=pb.SetKeyStateRequest(kid=kid, state=pb.STATE_SUSPENDED, reason="test"))
            C.wait_for(lambda: gateway.ask(token).startswith("UNAVAILABLE "), "the cache to be shut")
        finally:
            os.kill(broker, signal.SIGCONT)
        assert C.status_name(operator.reply(asked)) == "OK"
        C.wait_for(lambda: gateway.ask(token).startswith("NO_KEY "), "the cache to be dropped")
        assert gateway.stats()["entries"] == 0


def test_questions_are_few(daemon):
    """A cache that is asked all the time asks cekd no more than once a second, and an idle one not at all."""
    token = token_of(daemon)
    with Gateway(daemon, "tokens") as gateway:
        assert gateway.ask("silence 2") == "0"
        gateway.warm(token)
        begin, before = time.monotonic(), audited(daemon, "watch")
        C.wait_for(lambda: gateway.ask(token) and audited(daemon, "watch") - before >= 4, "four questions")
        assert time.monotonic() - begin > 2  # the first line may be of a question from before
