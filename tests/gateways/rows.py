#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tests/gateways/rows.py: prints the table of gateways/README.md, a row for each gateway that is installed.

What a gateway does with a token and with what cek-auth answers, asked of the running one; an authorisation service that
misbehaves takes cek-auth's place.
"""

import os
import pathlib
import sys

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import gateways  # noqa: E402
import rig  # noqa: E402

HEAD = ["gateway", "cek-auth: connections", "tokens of 6, 9, 13, 60 kB", "two Authorization headers", "cek-auth says 503",
        "hangs", "is away", "a 200 without the headers"]
SIZES = (6000, 9000, 13000, 60000)
SPOOFED = [("X-Jwt-Sub", "mallory"), ("X-Jwt-Scope", "everything")]


def said(answer):
    return f"{answer.status}, Retry-After" if "retry-after" in answer.headers else str(answer.status)


def same(words):
    """One word for what is everywhere the same."""
    return words[0] if len(set(words)) == 1 else ", ".join(words)


def connections(port, stand_in):
    """Each process or thread of a gateway may have one of its own."""
    questions = 4 * os.cpu_count()
    for _ in range(questions):
        rig.ask(port, [rig.bearer("t")])
    return "one a request" if stand_in.connections == questions else "kept" if stand_in.connections <= os.cpu_count() else "some"


def two(port, stand_in):
    """What cek-auth is asked about."""
    before = len(stand_in.seen)
    answer = rig.ask(port, [rig.bearer("first"), rig.bearer("last")])
    if len(stand_in.seen) == before:
        return said(answer)
    lines = [line for line in stand_in.seen[-1].lower().split("\r\n") if line.startswith("authorization:")]
    if len(lines) == 2:
        return "both are asked about"
    return {(True, True): "joined with a comma", (True, False): "the first", (False, True): "the last"}[
        "first" in lines[0], "last" in lines[0]]


def without_headers(port, stand_in):
    """What the API is sent of what the client said, when cek-auth does not keep its promise."""
    answer = rig.ask(port, [rig.bearer("t"), *SPOOFED])
    if answer.got is None:
        return said(answer)
    got = answer.upstream("authorization") + answer.upstream("x-jwt-sub")
    if not got:
        return "nothing passes"
    return "the client's own pass" if "mallory" in got else "the text of a placeholder passes"


def measure(kind, upstream):
    gateway = kind()
    with rig.folder() as auth, rig.folder() as where:
        stand_in = rig.StandIn(auth / "auth.sock")
        try:
            with gateway.run(where, upstream.port, stand_in.path):
                row = [gateway.label, connections(gateway.port, stand_in),
                       same([said(rig.ask(gateway.port, [rig.bearer("t" * size)])) for size in SIZES]),
                       two(gateway.port, stand_in)]
                for mode in ("503", "hang"):
                    stand_in.mode = mode
                    row.append(said(rig.ask(gateway.port, [rig.bearer("t")])))
                stand_in.refuse()
                row.append(said(rig.ask(gateway.port, [rig.bearer("t")])))
                stand_in.accept()
                stand_in.mode = "bare"
                return [*row, without_headers(gateway.port, stand_in)]
        finally:
            stand_in.stop()


def line(cells):
    return "| " + " | ".join(cells) + " |"


def main():
    print(line(HEAD))
    print("|" + " --- |" * len(HEAD))
    upstream = rig.Upstream()
    try:
        for kind in gateways.ALL:
            if not kind.asks_cek_auth:
                continue
            reason = kind().missing()
            print(f"skipped: {reason}" if reason else line(measure(kind, upstream)), file=sys.stderr if reason else sys.stdout)
    finally:
        upstream.stop()


if __name__ == "__main__":
    main()
