# SPDX-License-Identifier: Apache-2.0
"""scripts/try-gateway: what README.md says to type brings a verified JWT to an API, as root and as an ordinary user."""

import os
import pathlib
import re
import subprocess

import cekd as C
import gateways
import pytest

pytestmark = pytest.mark.xdist_group("try-gateway")  # each looks for what is left behind
TRY = C.SOURCE / "scripts" / "try-gateway"


def reachable():
    """Whether other users may pass through to checkout and build."""
    return all(path.stat().st_mode & 1 for start in (C.BUILD, C.SOURCE) for path in [start, *start.parents])


def leftovers():
    return set(pathlib.Path("/tmp").glob("cekd-try-gateway.*"))


@pytest.mark.parametrize("user", [None, C.UID_ALICE])
def test_five_commands(user):
    reason = gateways.NginxModule().missing() or (None if gateways.program("curl") else "no curl here: apt-get install curl")
    if reason:
        pytest.skip(reason)
    if user and not (C.ROOT and reachable()):
        pytest.skip("needs root, and folders that other users may pass through")
    as_user = {"user": user, "group": user, "extra_groups": []} if user else {}
    before = leftovers()
    done = subprocess.run([TRY, "--no-install"], env=os.environ | {"CEK_BUILD": str(C.BUILD)}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=C.PATIENCE * 3, **as_user)
    assert done.returncode == 0, done.stdout + done.stderr
    commands = re.findall(r"^   \$ (.*)$", done.stdout, re.M)
    section = (C.SOURCE / "README.md").read_text().split("## Put it in front of your API\n")[1].split("\n## ")[0]
    assert len(commands) == 5 and commands == re.findall(r"^    (\S.*)$", section, re.M)
    assert "The API was asked: GET /hello" in done.stdout and "X-Jwt-Sub: alice" in done.stdout
    assert leftovers() == before
