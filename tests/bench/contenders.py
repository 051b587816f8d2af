# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench measures in turns: cekd and what stands beside it."""

import json
import os
import pathlib
import signal
import statistics
import subprocess

import cekd as C

TARGETS = {  # alg, crv, bits → the least ratio to direct (None: no target)
    ("RSA-OAEP", None, 2048): 0.97, ("RSA-OAEP-256", None, 2048): 0.97, ("RSA-OAEP", None, 3072): None,
    ("RSA-OAEP-256", None, 3072): None, ("A256KW", None, None): 1.6, ("A256GCMKW", None, None): 1.5,
    ("ECDH-ES+A256KW", "P-256", None): 1.1, ("ECDH-ES+A256KW", "X25519", None): None,
}
CLIENTS = {"cekd, one lone": (1, 1), "cekd, one pipelined": (1, 64), "cekd, 8 clients": (8, 8),
           "cekd, 64 clients": (64, 4)}
COUNTED = ("cekd, one pipelined", "cekd, 8 clients", "cekd, 64 clients")
THREADS = (1, 2, 4)
PATIENCE = 120  # seconds, for what does not end
ECHO_BYTES = 400  # about an unwrap of RSA-2048
REMOTE = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so"


class Failed(Exception):
    pass


def run(program, *args, env=None):
    done = subprocess.run([str(program), *map(str, args)], capture_output=True, text=True, env=env, timeout=PATIENCE)
    if done.returncode != 0:
        raise Failed(f"{pathlib.Path(program).name} {' '.join(map(str, args))}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def rate(result):
    return result["ops"] / result["seconds"]


class Case:
    """One key of cekd, one encrypted key under it, and the file that the programs read."""

    def __init__(self, daemon, alg, crv, bits):
        self.alg, self.crv, self.bits = alg, crv, bits
        self.title = " ".join(str(part) for part in (alg, crv, bits) if part)
        self.key = self.title.replace(" ", "-").replace("+", ".")
        with daemon.client() as client:
            client.ok(create_key=C.pb.CreateKeyRequest(key=self.key, alg=alg, crv=crv or "", bits=bits or 0))
            made = client.generate(self.key)
            described = client.ok(describe_key=C.pb.DescribeKeyRequest(key=self.key)).key.key
        fields = {"alg": alg, "enc": "A256GCM", "kid": made.kid, "key": self.key, "module": C.MODULE, "crv": crv or "",
                  "pin_file": daemon.token.pin_file, "cka_id": described.version[0].cka_id.hex(), "cek": made.cek.hex(),
                  "encrypted_key": made.encrypted_key.hex(), "iv": made.params.iv.hex(), "tag": made.params.tag.hex(),
                  "epk_x": made.params.epk.x.hex(), "epk_y": made.params.epk.y.hex()}
        self.path = daemon.where / f"{self.key}.case"
        self.path.write_text("".join(f"{name}={value}\n" for name, value in fields.items()))


class Series:
    """The results of one contender over the rounds."""

    def __init__(self):
        self.rates, self.histogram = [], {}

    def add(self, result):
        self.rates.append(rate(result))
        for ns, count in result["histogram"]:
            self.histogram[ns] = self.histogram.get(ns, 0) + count

    def percentile(self, part):
        total, seen = sum(self.histogram.values()), 0
        for ns, count in sorted(self.histogram.items()):
            seen += count
            if seen >= total * part:
                return round(ns / 1000, 1)
        return 0.0

    def summary(self):
        return {"ops_per_second": round(statistics.median(self.rates), 1), "rounds": [round(r, 1) for r in self.rates],
                "p50_us": self.percentile(.5), "p99_us": self.percentile(.99), "histogram": sorted(self.histogram.items())}


class Bench:
    """The programs of a build, a daemon that they ask, and how long each of them runs."""

    def __init__(self, programs, daemon, rounds, seconds):
        self.programs, self.daemon, self.rounds, self.seconds = programs, daemon, rounds, seconds
        self.remote = None
        self.client_env = os.environ | {"CEK_SOCKET": str(daemon.socket)}
        self.token_env = os.environ | {"SOFTHSM2_CONF": str(daemon.token.conf)}

    def client(self, case, connections, depth, until=None):
        return run(self.programs / "bench-client", case.path, connections, depth, until or self.seconds, env=self.client_env)

    def start_remote(self):
        """p11-kit's own server for the token. It can do neither AES key wrap nor parameters of GCM and ECDH."""
        if not pathlib.Path(REMOTE).exists():
            return
        where = self.daemon.where / "remote"
        where.mkdir(mode=0o700)
        # It goes to the background and keeps its output open: a file, not a pipe.
        with open(where / "said", "w+") as said:
            subprocess.run(["p11-kit", "server", "--sh", "--name", where / "socket", "--provider", C.MODULE,
                            "pkcs11:"], env=self.token_env | {"XDG_RUNTIME_DIR": str(where)}, stdin=subprocess.DEVNULL, stdout=said,
                           stderr=subprocess.DEVNULL, check=True, timeout=PATIENCE)
            said.seek(0)
            words = dict(line.split(";")[0].split("=", 1) for line in said if "=" in line)
        self.remote = {name: value.strip("'\"") for name, value in words.items()}

    def stop_remote(self):
        if self.remote:
            os.kill(int(self.remote["P11_KIT_SERVER_PID"]), signal.SIGTERM)
            self.remote = None

    def contenders(self, case):
        """Name → a function that measures once. An echo also from a peer that is as slow as the token, since a processor
        that has slept longer wakes up later."""
        token = Series()
        token.add(run(self.programs / "bench-direct", case.path, 1, 0.1, env=self.token_env))
        wait = token.percentile(.5)
        found = {"echo": lambda: run(self.programs / "bench-echo", ECHO_BYTES, self.seconds / 2),
                 "slow echo": lambda: run(self.programs / "bench-echo", ECHO_BYTES, self.seconds / 2, wait)}
        for n in THREADS:
            found[f"direct, {n} thread{'s' if n > 1 else ''}"] = lambda n=n: run(
                self.programs / "bench-direct", case.path, n, self.seconds, env=self.token_env)
        for name, (connections, depth) in CLIENTS.items():
            found[name] = lambda c=connections, d=depth: self.client(case, c, d)
        found["OpenSSL, key in process"] = lambda: run(
            self.programs / "bench-openssl", case.path, case.bits or 0, self.seconds)
        if self.remote and case.alg == "RSA-OAEP":
            found["p11-kit remote"] = lambda: run(self.programs / "bench-direct", case.path, 1, self.seconds, REMOTE,
                                                  env=self.token_env | self.remote)
        return found

    def in_turns(self, contenders):
        series = {name: Series() for name in contenders}
        for _ in range(self.rounds):
            for name, once in contenders.items():
                series[name].add(once())
        return {name: s.summary() for name, s in series.items()}

    def unwraps(self, case, target):
        results = self.in_turns(self.contenders(case))
        return {"target": target, "ratios": ratios(results), "results": results}

    def tokens(self, alg):
        """Whole tokens through libcek-jose at 1, 10 and 100 uses a token, beside libcjose with the key in the process."""
        jwk, case = self._jwk(alg)
        contenders = {}
        if (self.programs / "bench-local").exists():
            contenders["libcjose, key in process"] = lambda: run(self.programs / "bench-local", case, jwk, self.seconds)
        for uses, depth in ((1, 1), (1, 64), (10, 1), (10, 64), (100, 1)):
            name = f"libcek-jose, {uses} use{'s' if uses > 1 else ''} a token" + (", pipelined" if depth > 1 else "")
            contenders[name] = lambda u=uses, d=depth: run(
                self.programs / "bench-jose", case, u, d, self.seconds, env=self.client_env)
        return self.in_turns(contenders)

    def _jwk(self, alg):
        from jwcrypto import jwk
        where, name = self.daemon.where, f"jose-{alg}"
        key = jwk.JWK.generate(kty="oct", size=256) if alg == "A256KW" else jwk.JWK.generate(kty="RSA", size=2048)
        path, tokens, case = (where / f"{name}.{end}" for end in ("jwk", "tokens", "case"))
        path.write_text(key.export() + "\n")
        self.daemon.cekctl("key", "import", name, "--alg", alg, "--jwk", path)
        tokens.write_text("".join(
            self.daemon.cekctl("jwe", "encrypt", "--key", name, "--enc", "A256GCM", input="x" * 600).stdout.strip() + "\n"
            for _ in range(256)))
        case.write_text(f"alg={alg}\nenc=A256GCM\nkey={name}\ntoken_file={tokens}\nmodule={C.MODULE}\n")
        return path, case


def ratios(results):
    """Of each round, the best of cekd by the best of direct; then the median."""
    direct = [name for name in results if name.startswith("direct")]
    of_round = [max(results[name]["rounds"][i] for name in COUNTED) / max(results[name]["rounds"][i] for name in direct)
                for i in range(len(results["echo"]["rounds"]))]
    added = results["cekd, one lone"]["p50_us"] - results["direct, 1 thread"]["p50_us"]
    echo, slow = results["echo"]["p50_us"], results["slow echo"]["p50_us"]
    return {"direct": max(results[name]["ops_per_second"] for name in direct),
            "cekd": max(results[name]["ops_per_second"] for name in COUNTED),
            "ratio": round(statistics.median(of_round), 2), "added_us": round(added, 1), "echo_us": echo,
            "slow_echo_us": slow, "added_in_echoes": round(added / echo, 1),
            "added_in_slow_echoes": round(added / slow, 1)}
