# SPDX-License-Identifier: Apache-2.0
"""scripts/with-cekd: a throw-away daemon around a command, several at a time, as root and as an ordinary user."""

import os
import subprocess

import cekd as C
import pytest

WITH_CEKD = C.SOURCE / "scripts" / "with-cekd"
WALK = ("cekctl key create k --alg A256KW && cekctl jwe encrypt --key k --enc A256GCM | cekctl jwe decrypt --key k "
        "&& echo ' in' $CEK_SOCKET")
ENV = os.environ | {"CEK_BUILD": str(C.BUILD)}


def start(command, **kwargs):
    return subprocess.Popen([WITH_CEKD, *command], env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **kwargs)


def reachable():
    """Whether other users may pass through to checkout and build."""
    return all(path.stat().st_mode & 1 for start in (C.BUILD, C.SOURCE) for path in [start, *start.parents])


@pytest.mark.parametrize("user", [None, C.UID_ALICE])
def test_several_at_a_time(user):
    if user and not (C.ROOT and reachable()):
        pytest.skip("needs root, and folders that other users may pass through")
    kwargs = {"user": user, "group": user, "extra_groups": []} if user else {}
    started = [start(["sh", "-c", WALK], **kwargs) for _ in range(3)]
    sockets = set()
    for process in started:
        out, err = process.communicate("hello", timeout=C.PATIENCE * 2)
        assert process.returncode == 0, err
        assert "hello in /" in out, out
        sockets.add(out.split()[-1])
    assert len(sockets) == 3
    assert not any(os.path.exists(path) for path in sockets)


def test_status_is_the_commands():
    process = start(["sh", "-c", "exit 7"])
    process.communicate(timeout=C.PATIENCE * 2)
    assert process.returncode == 7
