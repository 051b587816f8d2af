# SPDX-License-Identifier: Apache-2.0
"""What the issuers in Python have in common: a set that is kept as long as its Cache-Control says, and a token every 100 ms."""

import json
import re
import sys
import threading
import time
import urllib.request

URL, ALG, ENC = sys.argv[1:4]
CLAIMS = json.dumps({"iss": "test", "sub": "somebody"}).encode()


class Kept:
    """What stands at URL, fetched again when it is older than max-age."""

    def __init__(self, read):
        self.read, self.value, self.until = read, None, 0

    def get(self):
        if time.monotonic() >= self.until:
            asked = time.monotonic()
            with urllib.request.urlopen(URL, timeout=10) as answer:
                age = re.search(r"max-age=(\d+)", answer.headers.get("Cache-Control", ""))
                self.value = self.read(answer.read())
            self.until = asked + int(age[1] if age else 0)
        return self.value


def first(keys):
    """What most glue does: the first key of the set that has the alg."""
    return next(key for key in keys if key.get("alg") == ALG)


def run(mint):
    """Print "MILLISECONDS TOKEN" or "MILLISECONDS !ERROR" until standard input ends. The time is that before the token is begun."""
    end = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), end.set()), daemon=True).start()
    while not end.is_set():
        began = time.time_ns() // 1_000_000
        try:
            text = mint()
        except Exception as error:  # whatever a library raises is what the issuer's user sees
            text = f"!{type(error).__name__}: {error}".replace("\n", " ")
        print(began, text, flush=True)
        end.wait(max(0, 0.1 - (time.time_ns() / 1e9 - began / 1e3)))
