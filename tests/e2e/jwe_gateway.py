# SPDX-License-Identifier: Apache-2.0
"""The gateway of the tests (jwe_gateway.c), asked line by line."""

import os
import subprocess

import cekd as C

GATEWAY = C.BUILD / "tests" / "e2e" / "jwe-gateway"
INNER = "header.claims.signature"


class Gateway:
    def __init__(self, daemon, key="-", **env):
        self.process = subprocess.Popen([GATEWAY, key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.PIPE,
                                        env=os.environ | {"CEK_SOCKET": str(daemon.socket)} | env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _, errors = self.process.communicate()
        assert self.process.returncode == 0 and not C.SANITIZER.search(errors), errors

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        return self.process.stdout.readline().rstrip("\n")

    def ask(self, line):
        self.say(line)
        return self.hear()

    def stats(self):
        names = ("hits", "misses", "entries", "live")
        return dict(zip(names, map(int, self.ask("stats").split())))

    def warm(self, token):
        """Until the watch stands and the token's CEK is kept."""
        C.wait_for(lambda: self.ask(token).split()[:2] == ["OK", "HIT"], "a hit in the cache")
