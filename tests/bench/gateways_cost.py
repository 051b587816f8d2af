# SPDX-License-Identifier: Apache-2.0
"""What a request costs in front of an API: CPU time of gateway, cek-auth and cekd together, and requests a second.

The gateways are those of tests/gateways with their examples, one process each where they can be told, without access
logs. Tokens are RSA-OAEP-256 with 2048 bits; without "verified" they hold claims alone, else a signed JWT. "distinct":
no cache, so that cekd unwraps each; "repeated": the cache, and few tokens. All in turns; the ratio to nginx alone is the
median of the rounds' own. The upstream's and the client's time is left out.

nginx alone gets the same tokens and sends its upstream the same headers, Authorization as long as that of the others: all
that differs is who looks at the token. The upstream's answer is the same for all.

CLIENTS ask at a time, first with everything on one processor, client and upstream too; then on all of them; then one asks
alone. In a virtual machine it costs microseconds to wake a processor that sleeps, which whoever does it is charged with:
on several processors a gateway that works longer lets its upstream sleep more often. On one none sleeps.
"""

import contextlib
import os
import pathlib
import re
import statistics
import subprocess

import gateways
import rig

TOKENS = 500
FEW = 50
CLIENTS = 32
PAD = 300  # characters in claims
ANSWER = 600  # characters
UNVERIFIED = ("auth_jwt_key_file", "auth_jwt_jws_algs", "auth_jwt_issuer", "auth_jwt_audience")
TARGETS = {"nginx, module: repeated": 1.7, "nginx, auth_request: repeated": 3.5}
VERIFIED = ("RS256", "ES256", "EdDSA")

ECHO = """worker_processes 1; daemon off; pid {where}/upstream.pid; error_log stderr crit;
events {{ worker_connections 2048; }}
http {{ access_log off; keepalive_requests 100000000; large_client_header_buffers 4 64k; {temporary}
	server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{answer}"; }} }}
	server {{ listen unix:{where}/null.sock; location / {{
		add_header Authorization "{authorization}"; add_header X-Jwt-Sub user-1; add_header X-Jwt-Scope "read write"; return 200; }} }}
}}
"""

WRK = """local tokens, i = {}, 0
for line in io.lines(os.getenv("TOKENS")) do
	tokens[#tokens + 1] = "GET / HTTP/1.1\\r\\nHost: bench\\r\\nAuthorization: Bearer " .. line .. "\\r\\n\\r\\n"
end
function request()
	i = i % #tokens + 1
	return tokens[i]
end
"""


def descendants(pid):
    """The process and all below it."""
    children = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = stat.read_text()
            children.setdefault(int(text.rsplit(") ", 1)[1].split()[1]), []).append(int(text.split()[0]))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(pids):
    """Of all their threads so far."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(task.read_text().split()[0])
    return total / 1e9


def lean(text, verify, cache):
    """An nginx configuration with one worker and without a log of requests; of the module with or without verification and cache."""
    text = re.sub(r"worker_processes auto;", "worker_processes 1;", text)
    text = re.sub(r"access_log [^;]*;", "access_log off;\\n\\tkeepalive_requests 100000000;", text, count=1)
    text = re.sub(r"keepalive_requests 1000000000;", "", text)
    if not verify:
        text = text.replace("auth_jwt_type nested", "auth_jwt_type encrypted")
        text = re.sub(rf"^\s*(?:{'|'.join(UNVERIFIED)}) .*\n", "", text, flags=re.M)
        text = text.replace("$jwt_token", "$jwt_payload")  # of a promise of cek-auth, or of
        text = text.replace("proxy_set_header X-Jwt-Sub $jwt_claim_sub;",
                            'proxy_set_header Authorization "Bearer $jwt_payload";\nproxy_set_header X-Jwt-Sub $jwt_claim_sub;')
    if verify:
        text = re.sub(r"auth_jwt_jws_algs [^;]*;", f"auth_jwt_jws_algs {verify};", text)
    return text.replace("#auth_jwt_cache 10000 10s", "auth_jwt_cache 10000 1h") if cache else text


def hold(pids, processors):
    """All their threads on these processors."""
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(task.name), processors)


class Measured:
    """A gateway that runs, with what it asks."""

    def __init__(self, title, gateway, tokens, behind, upstream):
        self.title, self.gateway, self.tokens = title, gateway, tokens
        self.behind, self.upstream = behind, upstream
        self.rounds = []

    def round(self, script, seconds):
        everywhere = os.sched_getaffinity(0)
        self.rounds.append(self.run(script, seconds, CLIENTS, {max(everywhere)})
                           | {"µs, all": self.run(script, seconds, CLIENTS, everywhere)["µs"],
                              "µs, lone": self.run(script, seconds, 1, everywhere)["µs"]})

    def run(self, script, seconds, clients, processors):
        pids = [pid for process in [self.gateway.process, *self.behind] for pid in descendants(process.pid)]
        hold([*pids, *descendants(self.upstream.pid)], processors)
        before = cpu_seconds(pids)
        done = subprocess.run([gateways.program("wrk"), "-t1", f"-c{clients}", f"-d{seconds}s", "-s", script,
                               f"http://127.0.0.1:{self.gateway.port}/"], env=os.environ | {"TOKENS": str(self.tokens)},
                              capture_output=True, text=True, check=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, processors))
        spent = cpu_seconds(pids) - before
        requests, took = re.search(r"(\d+) requests in ([\d.]+)s", done.stdout).groups()
        wrong = re.search(r"Non-2xx.*|\b0 requests.*", done.stdout)
        assert not wrong, f"{self.title}: {wrong.group(0)}\n{self.gateway.log_text()[-2000:]}"
        return {"µs": 1e6 * spent / int(requests), "requests a second": int(requests) / float(took)}


class Bench:
    def __init__(self, daemon, where, cleanup, say):
        self.daemon, self.where, self.cleanup, self.say = daemon, where, cleanup, say
        self.issuer = rig.Issuer(VERIFIED)
        self.signers = where / "signers.json"
        self.signers.write_text(self.issuer.signers())
        daemon.cekctl("key", "create", rig.KEY, "--alg", "RSA-OAEP-256", "--size", "2048")
        self.public = rig.public_jwk(daemon)
        self.script = where / "wrk.lua"
        self.script.write_text(WRK)
        self.upstream = rig.free_port()
        self.measured = []
        self.authorization = "Bearer " + "x" * len(self.claims(1))
        self.process = self._start_upstream()

    def _start_upstream(self):
        conf = self.where / "upstream.conf"
        conf.write_text(ECHO.format(where=self.where, port=self.upstream, temporary=gateways.temporary(self.where),
                                    answer="x" * ANSWER, authorization=self.authorization))
        process = subprocess.Popen([gateways.program("nginx"), "-c", conf], stdin=subprocess.DEVNULL)
        self.cleanup.callback(process.wait)
        self.cleanup.callback(process.terminate)
        rig.C.wait_for(lambda: rig.connects(self.upstream) and rig.connects(self.where / "null.sock"), "the upstream")
        return process

    def claims(self, i):
        """Of a token that nobody signed."""
        return rig.compact(self.issuer.claims(f"user-{i}", pad=PAD))

    def tokens(self, alg, number):
        """A file of them; alg: of the JWTs inside, None: claims that are not signed."""
        path = self.where / f"{alg}.{number}"
        if not path.exists():
            inner = [self.issuer.jwt(alg, sub=f"user-{i}") if alg else self.claims(i)
                     for i in range(number)]
            path.write_text("".join(rig.encrypt(one, self.public) + "\n" for one in inner))
        return path

    def folder(self):
        return self.cleanup.enter_context(rig.folder())

    def auth(self, verify, cache):
        """A cek-auth of this kind."""
        where, auth = self.folder(), gateways.CekAuth()
        auth.change = lambda text: lean(text, verify, cache)
        return self.cleanup.enter_context(auth.serve(where, self.daemon.socket, self.signers))

    def add(self, title, kind, number=TOKENS, verify=None, cache=False, change=None, socket=None):
        """Start one. socket: what it asks in place of a cek-auth."""
        gateway, behind = kind(), []
        reason = gateway.missing()
        if reason:
            return self.say(f"skipped: {title}: {reason}")
        self.say(title)
        if gateway.asks_cek_auth and not socket:
            auth = self.auth(verify, cache)
            socket, behind = auth.socket, [auth.process]
        if verify is not None or not socket or behind:
            behind.append(self.daemon.process)
        gateway.change = lambda text: (change or (lambda same: same))(lean(text, verify, cache))
        self.cleanup.enter_context(gateway.run(self.folder(), self.upstream, socket, self))
        self.measured.append(Measured(title, gateway, self.tokens(verify, FEW if cache else number), behind, self.process))


def alone(text, authorization):
    """An nginx that asks nobody, and sends as much."""
    text = re.sub(r"^\s*auth_jwt.*\n", "", text, flags=re.M)
    for variable, value in ((r'"Bearer \$jwt_payload"', authorization), (r"\$jwt_claim_sub", "user-1"), (r"\$jwt_claim_scope", "read write")):
        text, n = re.subn(variable, f'"{value}"', text)
        assert n == 1, variable
    return text


def add_all(bench):
    bench.add("nginx alone", gateways.NginxModule, FEW, change=lambda text: alone(text, bench.authorization))
    bench.add("nginx, null auth", gateways.NginxAuthRequest, FEW, socket=bench.where / "null.sock")
    for cache, word in ((False, "distinct"), (True, "repeated")):
        for kind in gateways.ALL:
            bench.add(f"{kind.label}: {word}", kind, cache=cache)
    for alg in VERIFIED:
        bench.add(f"nginx, module: repeated, verified {alg}", gateways.NginxModule, verify=alg, cache=True)
    bench.add("nginx, auth_request: repeated, verified RS256", gateways.NginxAuthRequest, verify="RS256", cache=True)


def result(measured):
    """Medians, and the median of the rounds' own ratios to the first one."""
    rows = {}
    for one in measured:
        row = {name: statistics.median(entry[name] for entry in one.rounds) for name in one.rounds[0]}
        for name in ("µs", "µs, all", "µs, lone"):
            row[name.replace("µs", "ratio")] = statistics.median(entry[name] / first[name] for entry, first in zip(one.rounds, measured[0].rounds))
        rows[one.title] = row
    return rows


def measure(daemon, rounds, seconds, say):
    with rig.folder() as where, contextlib.ExitStack() as cleanup:
        bench = Bench(daemon, where, cleanup, say)
        add_all(bench)
        say("a round to warm up")
        for one in bench.measured:
            one.run(bench.script, 1, CLIENTS, os.sched_getaffinity(0))
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for one in bench.measured:
                one.round(bench.script, seconds)
        return result(bench.measured)


def report(rows):
    print("| | one processor: CPU µs a request | requests a second | times nginx alone | all: µs | times nginx alone "
          "| one request at a time: µs | times nginx alone |")
    print("| --- " * 8 + "|")
    for title, row in rows.items():
        print(f"| {title} | {row['µs']:.0f} | {row['requests a second']:,.0f} | {row['ratio']:.2f} | {row['µs, all']:.0f} "
              f"| {row['ratio, all']:.2f} | {row['µs, lone']:.0f} | {row['ratio, lone']:.2f} |")
    print()
    for title, target in TARGETS.items():
        if title in rows:
            told = "; ".join(f"{where} {ratio:.2f}, {'kept' if ratio <= target else 'MISSED'}" for where, ratio in (
                ("one processor", rows[title]["ratio"]), ("all", rows[title]["ratio, all"]),
                ("one request at a time", rows[title]["ratio, lone"])))
            print(f"{title}: at most {target} times nginx alone: {told}")
