# SPDX-License-Identifier: Apache-2.0
"""Under load nothing that happens to cekd, its keys or nginx loses a client's request, or lets a wrong one through."""

import collections
import http.client
import os
import shutil
import signal
import subprocess
import threading
import time

import cekd as C
import nginx_rig as R
import pytest

pytestmark = [R.needs_nginx, pytest.mark.long]

TOKENS, CLIENTS = 24, 8

# The time-out is not what is tried here: at any load of the machine cekd comes back within it.
SERVER = """
    auth_jwt_cekd unix:{cekd} key=api;
    auth_jwt_key_file keys.json;
    auth_jwt_type nested;
    auth_jwt_timeout 60s;
    auth_jwt api;
    keepalive_requests 200;
    location / { try_files /none @jti; }
    location /cached/ { auth_jwt_cache 1000 60s; try_files /none @cached; }
    location @jti { add_header X-Jti $jwt_claim_jti; return 204; }
    location @cached { auth_jwt_cache 1000 60s; add_header X-Jti $jwt_claim_jti; return 204; }
"""


class Load:
    """Clients that ask again and again, each on a connection that it keeps. What is counted is what came, by what was expected:
    the jti of the answer must be that of the token."""

    def __init__(self, port, path, tokens, bad):
        self.port, self.path, self.tokens, self.bad = port, path, tokens, bad
        self.counts, self.wrong, self.lock, self.ends = collections.Counter(), [], threading.Lock(), threading.Event()

    def __enter__(self):
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self.threads:
            thread.join()

    def ask(self, connection, token):
        """The answer. A server may close a connection that is kept while nothing is asked on it (RFC 9112 section 9.3.1):
        then, and only then, the request goes out again on a new one."""
        kept = connection.sock is not None
        try:
            connection.request("GET", self.path, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()
            if not kept:
                raise
            connection.request("GET", self.path, headers={"Authorization": f"Bearer {token}"})
            response = connection.getresponse()
        response.read()
        return response

    def run(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=C.PATIENCE)
        names, turn = list(self.tokens), number
        while not self.ends.is_set():
            turn += 1
            name = names[turn % len(names)] if turn % 5 else None
            try:
                response = self.ask(connection, self.tokens[name] if name else self.bad)
                good = response.status == 204 and response.headers["X-Jti"] == name if name else response.status == 401
            except OSError as error:
                good, response = False, error
            with self.lock:
                self.counts["good" if good else "wrong"] += 1
                if not good:
                    self.wrong.append((name, getattr(response, "status", repr(response)), getattr(response, "headers", None)))
        connection.close()

    def more(self, n=60):
        """Wait until that many more were answered as they should."""
        until = self.counts["good"] + n
        C.wait_for(lambda: self.counts["good"] >= until or self.wrong, "requests to be answered")


class Site:
    def __init__(self, daemon, make_nginx, **options):
        self.daemon, self.issuer = daemon, R.Issuer()
        daemon.key("RSA-OAEP-256", name="api")
        self.key = R.key_of(daemon, "api")
        self.nginx = make_nginx(daemon.socket, SERVER, start=False, workers=2, level="notice", **options)
        (self.nginx.where / "keys.json").write_text(self.issuer.jwks())
        self.nginx.start()
        self.bad = R.encrypt(self.key, R.Issuer().sign())

    def tokens(self, n=TOKENS):
        names = [os.urandom(8).hex() for _ in range(n)]
        return {name: R.encrypt(self.key, self.issuer.sign(jti=name, exp=int(time.time()) + 3600)) for name in names}

    def rotate(self):
        with self.daemon.client() as client:
            client.rotate("api")
        self.key = R.key_of(self.daemon, "api")


@pytest.fixture
def site(make_cekd, make_nginx):
    return Site(make_cekd(), make_nginx)


@pytest.mark.parametrize("path", ["/", "/cached/"])
def test_nobody_is_lost(site, path):
    happenings = {
        "nothing": lambda: None,
        "nginx reloads": site.nginx.reload,
        "the broker is killed": lambda: site.daemon.kill_child("cekd-broker"),
        "the key is rotated": site.rotate,
        "nginx's binary is upgraded": site.nginx.upgrade,
        "cekd is restarted": site.daemon.restart,
        "nginx reloads while the broker is killed": lambda: (os.kill(site.daemon.child("cekd-broker"), signal.SIGKILL),
                                                              site.nginx.reload(), site.daemon.wait_ready()),
    }
    with Load(site.nginx.port, path, site.tokens(), site.bad) as load:
        for name, happens in happenings.items():
            load.more()
            happens()
            load.more()
            assert not load.wrong, f"{name}: {load.wrong[:3]} of {load.counts}\n{site.nginx.log()[-3000:]}"


@pytest.mark.parametrize("path", ["/", "/cached/"])
def test_a_suspended_key_opens_nothing_more(site, path):
    """Every request that begins after cekctl has returned is refused, and none of them with a fault of the server."""
    tokens = site.tokens()
    former = site.key["kid"]
    site.rotate()
    with Load(site.nginx.port, path, tokens, site.bad) as load:
        load.more()
        assert not load.wrong
        site.daemon.cekctl("key", "suspend", former)
        for token in list(tokens.values())[:10]:
            assert site.nginx.get(path, token).status == 401
        C.wait_for(lambda: len(load.wrong) > 50, "the load to be refused")
    assert {status for _, status, _ in load.wrong} == {401}


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_with_many_connections(site, tmp_path):
    """wrk, which sends as fast as it can: rotation, and the death of the broker."""
    tokens = tmp_path / "tokens"
    tokens.write_text("".join(token + "\n" for token in site.tokens(100).values()))
    script = tmp_path / "wrk.lua"
    script.write_text(f"""
local tokens, n = {{}}, 0
for line in io.lines("{tokens}") do tokens[#tokens + 1] = "Bearer " .. line end
request = function()
  n = n % #tokens + 1
  return wrk.format("GET", "/", {{["Authorization"] = tokens[n]}})
end
done = function(summary)
  local e = summary.errors
  io.write(string.format("SUMMARY %d %d %d %d %d %d\\n", summary.requests, e.status, e.connect, e.read, e.write, e.timeout))
end
""")
    wrk = subprocess.Popen(["wrk", "-t", "2", "-c", "64", "-d", "6s", "--timeout", "60s", "-s", str(script),
                            f"http://127.0.0.1:{site.nginx.port}/"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    site.rotate()
    site.daemon.kill_child("cekd-broker")
    site.rotate()
    out = wrk.communicate(timeout=C.PATIENCE)[0]
    counts = [int(word) for line in out.splitlines() if line.startswith("SUMMARY") for word in line.split()[1:]]
    # wrk looks at a connection's reading side alone; nginx closes one after keepalive_requests, which is no error.
    assert counts and counts[0] > 100 and counts[1:3] + counts[4:] == [0, 0, 0, 0], out
