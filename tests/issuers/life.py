# SPDX-License-Identifier: Apache-2.0
"""The life of a key under all issuers at once, and the judgement of each token by what docs/issuers.md foretells."""

import collections
import json
import subprocess
import threading
import time

import cekd as C
from gateway import Gateway
from issuers import ALG, Issuer, SetServer

KEY = "api"
# A failure is foretold only for these, by what is said to those who may use the key; without kid other versions were tried.
SAYS = {"suspended": "suspended", "compromised": "compromised"}

TABLES = []  # for the end of the run
Times = collections.namedtuple("Times", "fast max_age lead period lifetime again")
SHORT = Times(fast=True, max_age=2, lead=3, period=5, lifetime=15, again=4)
LONG = Times(fast=False, max_age=60, lead=75, period=150, lifetime=120, again=30)
# How much later than foretold an issuer may fetch, on a machine that is busy, and a token that it had begun may come.
SLACK, BEGUN = 10, 3


class Token:
    def __init__(self, issuer, step, began, text, version):
        self.issuer, self.step, self.began, self.text = issuer, step, began, text
        header = json.loads(C.unb64(text.split(".")[0]))
        self.kid = header.get("kid")
        self.version = self.kid or version


class Tally:
    """What happened to the tokens of one issuer in one step."""

    def __init__(self):
        self.minted = self.opened = self.again = self.foretold = 0


class Life:
    def __init__(self, daemon, kinds, times, where):
        self.daemon, self.times = daemon, times
        self.lock = threading.RLock()
        self.step, self.steps = "start", []
        self.tallies = collections.defaultdict(Tally)  # (step, name of the issuer)
        self.faults = collections.defaultdict(list)  # name of the issuer → what nobody foretold
        self.bad = []  # [kid, state, from, certainly from, certainly until, until]: when a version unwraps nothing
        self.moved = []  # (step, kid, since): sets that no longer have it
        self.kept = collections.defaultdict(float)  # name → longest time that it went on with a set
        self.last = {}  # name → the last token that opened
        self.server = SetServer(where, times.max_age)
        self.gateways = [Gateway(daemon, KEY, self.opened_first), Gateway(daemon, KEY, self.opened_again)]
        self.issuers = [Issuer(kind, command, self.server, times, where, self.took) for kind, command in kinds]
        self.files = where
        self.followers = []

    # ---- tokens -----------------------------------------------------------------------------------------------------

    def took(self, issuer, began, text, version):
        with self.lock:
            if text.startswith("!"):
                self.fault(issuer, self.step, f"made no token: {text[1:]}")
                return
            token = Token(issuer, self.step, began, text, version)
            self.tallies[self.step, issuer.kind.name].minted += 1
        self.gateways[0].put(0, token)

    def opened_first(self, token, before, after, answer):
        with self.lock:
            tally = self.tallies[token.step, token.issuer.kind.name]
            if self.judge(token, before, after, answer, "at once"):
                tally.opened += 1
                self.last[token.issuer.kind.name] = token
            else:
                tally.foretold += 1
        self.gateways[1].put(token.began + self.times.again, token)

    def opened_again(self, token, before, after, answer):
        with self.lock:
            if before > token.began + self.times.lifetime:
                return  # the machine was too slow: it is no token any more
            tally = self.tallies[token.step, token.issuer.kind.name]
            if self.judge(token, before, after, answer, "again"):
                tally.again += 1
            else:
                tally.foretold += 1

    def judge(self, token, before, after, answer, when):
        """Whether it was opened; a fault if that is not what the page foretells."""
        states = [row for row in self.bad if row[0] == token.version and after >= row[2] and before <= row[5]]
        surely = [row for row in states if before >= row[3] and after <= row[4]]
        opened = answer.startswith("OK ")
        if opened and surely:
            self.fault(token.issuer, token.step, f"{when}: opened although {surely[0][1]}")
        if not opened and not states:
            self.fault(token.issuer, token.step, f"{when}: {answer}")
        elif not opened and token.kid and not any(SAYS[row[1]] in answer for row in states):
            self.fault(token.issuer, token.step, f"{when}: {answer}, not that it is {states[0][1]}")
        if not opened:
            self.check_begun(token, when)
        return opened

    def check_begun(self, token, when):
        """Once an issuer has fetched a set without the version, it may not go on with it."""
        for _, kid, since in self.moved:
            fetched = self.server.fetched_without(token.issuer.kind, kid, since) if kid == token.kid else None
            if fetched and token.began > fetched + BEGUN:
                self.fault(token.issuer, token.step, f"{when}: made {token.began - fetched:.1f} s after it got the new set")

    def fault(self, issuer, step, text):
        self.faults[issuer.kind.name].append(f"{step}: {text}")

    # ---- steps ------------------------------------------------------------------------------------------------------

    def begin(self, step):
        with self.lock:
            self.step = step
            self.steps.append(step)

    def active(self):
        return self.daemon.json("key", "show", KEY)["active"]

    def state_of(self, kid, state, *command):
        """Run the command that makes it so."""
        row = [kid, state, time.time(), float("inf"), float("inf"), float("inf")]
        with self.lock:
            self.bad.append(row)
        self.daemon.cekctl(*command)
        row[3] = time.time()
        return row

    def resume(self, row):
        row[4] = time.time()
        self.daemon.cekctl("key", "resume", row[0])
        row[5] = time.time()

    def follow(self, file, *args):
        """What publishes for real: the file is there when this returns."""
        with open(self.files / f"{file}.log", "wb") as log:
            self.followers.append(subprocess.Popen(
                [str(C.CEKCTL), "jwks", KEY, "--output", str(self.files / file), "--follow", *args], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=self.daemon.cekctl_env()))
        C.wait_for((self.files / file).exists, f"{file}\n{(self.files / f'{file}.log').read_text()}")

    def each_opens(self, condition, what):
        """Until every issuer has had a token opened for which this holds."""
        end = time.monotonic() + C.PATIENCE + 3 * self.times.period
        while left := self.without_token(condition):
            assert time.monotonic() < end, f"{', '.join(left)}: no token {what}; {self.some_faults()}"
            for issuer in self.issuers:
                assert issuer.process.poll() is None, f"{issuer.kind.name} ended\n{issuer.log.read_text()}"
            time.sleep(0.05)

    def without_token(self, condition):
        with self.lock:
            names = [issuer.kind.name for issuer in self.issuers]
            return [name for name in names if not ((token := self.last.get(name)) and condition(token))]

    def some_faults(self):
        return {name: faults[:3] for name, faults in self.faults.items()}

    def deploy(self):
        """Whoever has a static key gets the new one."""
        kid = self.active()
        pem = self.daemon.cekctl("jwks", KEY, "--format", "pem").stdout
        if any(issuer.kind.static for issuer in self.issuers):
            C.wait_for(lambda: (self.files / "key.pem").read_text() == pem, "the new PEM file")
        for issuer in self.issuers:
            if issuer.kind.static:
                issuer.stop()
                issuer.start(kid)

    def moves_on(self, old, since):
        """Until all have fetched a set without a version and use another one; how long each took is what it keeps a set."""
        with self.lock:
            self.moved.append((self.step, old, since))
        self.deploy()

        def fetched(kind):
            return self.server.fetched_without(kind, old, since)
        self.each_opens(lambda token: token.version != old and (
            token.issuer.kind.static or (fetched(token.issuer.kind) or float("inf")) < token.began), "under another version")
        for issuer in self.issuers:
            if not issuer.kind.static:
                took = fetched(issuer.kind) - since
                self.kept[issuer.kind.name] = max(self.kept[issuer.kind.name], took)
                keeps = issuer.kind.keeps(self.times)
                if took > keeps + SLACK:
                    self.fault(issuer, self.step, f"went on for {took:.0f} s, not {keeps}")

    # ---- the life ---------------------------------------------------------------------------------------------------

    def run(self):
        times = self.times
        self.daemon.cekctl("key", "create", KEY, "--alg", ALG, "--size", "2048")
        self.daemon.cekctl("key", "schedule", KEY, "--jwks-max-age", f"{times.max_age}s", "--token-lifetime", f"{times.lifetime}s")
        self.follow("set.json")
        self.follow("key.pem", "--format", "pem")
        first = self.active()
        self.begin("create")
        for issuer in self.issuers:
            issuer.start(first)
        self.each_opens(lambda token: True, "at all")
        self.scheduled()
        self.by_hand()
        self.suspended()
        self.compromised()
        self.destroyed(first)
        self.begin("end")
        for issuer in self.issuers:
            issuer.stop()
        for gateway in self.gateways:
            gateway.finish()

    def scheduled(self):
        times = self.times
        self.begin("rotation by schedule")
        self.daemon.cekctl("key", "schedule", KEY, "--period", f"{times.period}s", "--lead", f"{times.lead}s")
        for number in (1, 2):
            old = self.active()
            C.wait_for(lambda: self.active() != old, "the rotation", C.PATIENCE + times.period + times.lead)
            if number == 2:
                self.daemon.cekctl("key", "schedule", KEY, "--period", "0")
            self.moves_on(old, time.time())

    def by_hand(self):
        self.begin("rotation by hand")
        old = self.active()
        since = time.time()
        self.daemon.cekctl("key", "rotate", KEY, "--yes")
        self.moves_on(old, since)

    def suspended(self):
        self.begin("suspend --rotate")
        kid = self.active()
        row = self.state_of(kid, "suspended", "key", "suspend", kid, "--rotate")
        self.moves_on(kid, row[2])
        self.resume(row)
        self.begin("suspend --force")
        kid = self.active()
        row = self.state_of(kid, "suspended", "key", "suspend", kid, "--force")
        minted = {issuer.kind.name: self.tallies[self.step, issuer.kind.name].minted for issuer in self.issuers}
        C.wait_for(lambda: all(self.tallies[self.step, name].minted > had + 5 for name, had in minted.items()),
                   "issuers to go on with the last set")
        self.begin("resume")
        self.resume(row)
        resumed = time.time()
        self.each_opens(lambda token: token.began > resumed, "after the end of the suspension")

    def compromised(self):
        self.begin("compromise --rotate")
        kid = self.active()
        row = self.state_of(kid, "compromised", "key", "compromise", kid, "--rotate", "--yes")
        self.moves_on(kid, row[2])

    def destroyed(self, first):
        """The first version, as soon as that is safe."""
        self.begin("destroy")

        def destroy():
            done = self.daemon.cekctl("key", "destroy", first, "--wait", "1s", "--yes", check=False)
            return done.returncode == 0
        C.wait_for(destroy, "the first version to be safe to destroy", C.PATIENCE + self.times.lifetime + self.times.max_age)
        C.wait_for(lambda: self.daemon.json("key", "show", KEY)["versions"][0]["state"] == "destroyed", "the destruction")
        destroyed = time.time()
        self.each_opens(lambda token: token.began > destroyed, "after the destruction")

    def stop(self):
        for issuer in self.issuers:
            if issuer.process:
                issuer.kill(issuer.process)
        for gateway in self.gateways:
            gateway.kill()
        for follower in self.followers:
            follower.terminate()
            assert follower.wait(C.PATIENCE) == 0
        self.server.stop()

    # ---- the table --------------------------------------------------------------------------------------------------

    def table(self):
        steps = [step for step in self.steps if step != "end"]
        names = [issuer.kind.name for issuer in self.issuers]
        rows = [["tokens opened at once/again, +failures foretold", *names]]
        for step in steps:
            cells = [self.tallies[step, name] for name in names]
            rows.append([step, *(f"{one.opened}/{one.again}" + (f" +{one.foretold}" if one.foretold else "") for one in cells)])
        rows.append(["went on with a set for, s", *(f"{self.kept[name]:.1f}" if name in self.kept else "-" for name in names)])
        rows.append(["not foretold", *(str(len(self.faults[name])) for name in names)])
        # An issuer a line: there are more of them than a line is wide. The titles have lines of their own.
        head, *body = zip(*rows)
        lines = [head[0] + ":", *(f"({number}) {title}" for number, title in enumerate(head[1:], 1))]
        columns = [["", *(f"({number})" for number in range(1, len(head)))], *body]
        widths = [max(len(row[i]) for row in columns) for i in range(len(head))]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in columns]
        return "\n".join(lines)
