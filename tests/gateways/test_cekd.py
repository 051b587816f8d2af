# SPDX-License-Identifier: Apache-2.0
"""All gateways at once while cekd's keys and cekd itself come and go."""

import concurrent.futures
import contextlib
import os
import signal
import time

import cekd as C
import gateways
import load
import pytest
import rig
import stack as S

pytestmark = pytest.mark.long
TOKENS = 40
RELOADS = 3
# Of what a gateway waits for cek-auth, and cek-auth for cekd, the sum; and that HAProxy's client tries again.
ANSWER_SECONDS = 10


@pytest.fixture(scope="module")
def every(make_cekd_module):
    """(stack, the gateways that are installed, all running)"""
    reason = gateways.CekAuth().missing()
    if reason:
        pytest.skip(reason)
    with S.stacked(make_cekd_module()) as stack, contextlib.ExitStack() as cleanup:
        there = [kind for kind in gateways.ALL if not kind().missing()]
        yield stack, [cleanup.enter_context(stack.gateway(kind)) for kind in there]


@pytest.fixture
def loads(every):
    stack, running = every
    tokens = [stack.token(sub=f"user-{i}") for i in range(TOKENS)]
    made = {gateway.label: load.Load(gateway.port, tokens) for gateway in running}
    yield made
    for one in made.values():
        one.stop()


def ask_all(running, token):
    with concurrent.futures.ThreadPoolExecutor(len(running)) as pool:
        asked = {gateway.label: pool.submit(_timed, gateway.port, token) for gateway in running}
        return {label: future.result() for label, future in asked.items()}


def _timed(port, token):
    start = time.monotonic()
    return rig.ask(port, [rig.bearer(token)]), time.monotonic() - start


def wait_served(loads, moment, status=200, more=10):
    """Until each gateway has given so many answers of this status to requests that were sent after the moment."""
    for label, one in loads.items():
        C.wait_for(lambda: one.since(moment).get(status, 0) >= more, f"{label}: {more} answers {status}: {one.since(moment)}")


def test_rotation_and_suspension(every, loads):
    """A rotation is not noticed. From the moment that "key suspend" is over nothing passes, and nothing else fails."""
    stack, _ = every
    start = time.monotonic()
    wait_served(loads, start)
    stack.daemon.cekctl("key", "rotate", rig.KEY)
    wait_served(loads, time.monotonic())
    before = time.monotonic()
    stack.daemon.cekctl("key", "suspend", stack.public["kid"])
    suspended = time.monotonic()
    wait_served(loads, suspended, status=401)
    resuming = time.monotonic()
    stack.daemon.cekctl("key", "resume", stack.public["kid"])
    resumed = time.monotonic()
    wait_served(loads, resumed)
    for label, one in loads.items():
        assert set(one.since(start, before)) == {200}, (label, one.since(start, before))
        assert set(one.since(suspended, resuming)) == {401}, (label, one.since(suspended, resuming))
        assert set(one.since(start)) == {200, 401}, (label, one.since(start))
        assert set(one.since(resumed)) == {200}, (label, one.since(resumed))
        assert not one.wrong(), label


def test_broker_killed(every, loads):
    """Requests that were with the broker are asked again; those that come while there is none may be told to try again."""
    stack, _ = every
    start = time.monotonic()
    wait_served(loads, start)
    killed = time.monotonic()
    stack.daemon.kill_child("cekd-broker")
    wait_served(loads, time.monotonic())
    served = time.monotonic()
    wait_served(loads, served)
    for label, one in loads.items():
        assert set(one.since(start, killed)) == {200}, (label, one.since(start, killed))
        assert set(one.since(start)) <= {200, 503}, (label, one.since(start))
        assert set(one.since(served)) == {200}, (label, one.since(served))
        assert not one.wrong(), label


def test_cekd_restarted(every, loads):
    stack, _ = every
    start = time.monotonic()
    wait_served(loads, start)
    stack.daemon.restart()
    wait_served(loads, time.monotonic())
    served = time.monotonic()
    wait_served(loads, served)
    for label, one in loads.items():
        assert set(one.since(start)) <= {200, 503}, (label, one.since(start))
        assert set(one.since(served)) == {200}, (label, one.since(served))
        assert not one.wrong(), label


def test_cek_auth_reloaded(every, loads):
    """nginx closes the connections that gateways keep; one that is closed under a question may cost that one request."""
    stack, _ = every
    start = time.monotonic()
    wait_served(loads, start)
    for _ in range(RELOADS):
        os.kill(stack.auth.process.pid, signal.SIGHUP)
        wait_served(loads, time.monotonic())
    for label, one in loads.items():
        found = one.since(start)
        assert set(found) <= {200, 502, 503}, (label, found)
        assert sum(found.values()) - found[200] <= RELOADS * load.CLIENTS, (label, found)
        assert not one.wrong(), label


def test_cekd_stopped(every):
    """It hangs: each gateway says so in time, and does not let anything pass."""
    stack, running = every
    token, inner = stack.token()
    broker = stack.daemon.child("cekd-broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        for label, (answer, seconds) in ask_all(running, token).items():
            assert answer.status == 503 and answer.got is None, (label, answer)
            assert answer.headers.get("retry-after"), (label, answer)
            assert seconds < ANSWER_SECONDS, (label, seconds)
    finally:
        os.kill(broker, signal.SIGCONT)
    stack.daemon.wait_ready()
    for gateway in running:
        C.wait_for(lambda: rig.ask(gateway.port, [rig.bearer(token)]).status == 200, f"{gateway.label} to serve again")


def test_cekd_killed(every):
    stack, running = every
    token, inner = stack.token()
    stack.daemon.kill()
    for label, (answer, seconds) in ask_all(running, token).items():
        assert answer.status == 503 and answer.got is None, (label, answer)
        assert seconds < ANSWER_SECONDS, (label, seconds)
    stack.daemon.start()
    for gateway in running:
        answer = C.wait_for(lambda: _good(gateway.port, token), f"{gateway.label} to serve again")
        assert answer.upstream("authorization") == [f"Bearer {inner}"]


def _good(port, token):
    answer = rig.ask(port, [rig.bearer(token)])
    return answer if answer.status == 200 else None
