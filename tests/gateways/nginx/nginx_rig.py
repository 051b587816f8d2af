# SPDX-License-Identifier: Apache-2.0
"""A real nginx with the module, an upstream that tells what it received, and tokens, for tests.

Nginx     Debian's nginx with a configuration of the test; as root, its workers are those of www-data
Upstream  answers with the request's headers as JSON
Issuer    signs JWTs with one key, of whichever kind

rig.py, of the folder above, has what other gateways need as well.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cekd as C
import pytest
import rig
from jwcrypto import jwk, jwt
from rig import free_port

MODULE = C.BUILD / "gateways" / "nginx" / "ngx_http_cekd_module.so"
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
USER = "www-data"

# Loud, not silent: what is skipped is told by pytest's summary (-ra).
needs_nginx = pytest.mark.skipif(not NGINX or not MODULE.exists(), reason="nginx or nginx-dev is not installed: the module "
                                 "was not built or cannot be run (scripts/install-packages gateway)")


class Upstream:
    """Answers any request with {"path", "headers": [[name, value], …]}."""

    def __enter__(self):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = json.dumps({"path": self.path, "headers": self.headers.items()}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def upstream(self):
        """Header name in lower case → the values that the upstream got."""
        assert self.status == 200, (self.status, self.body)
        found = {}
        for name, value in json.loads(self.body)["headers"]:
            found.setdefault(name.lower(), []).append(value)
        return found

    @property
    def challenge(self):
        return self.headers.get_all("WWW-Authenticate")


class Master:
    """A daemon's process, which is nobody's child here."""

    def __init__(self, pid):
        self.pid = pid

    def runs(self):
        try:
            return pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
        except OSError:
            return False

    def wait(self):
        C.wait_for(lambda: not self.runs(), "nginx to end")


class Nginx:
    """server is what stands in the server block, http what stands before it; {cekd}, {upstream} and {where} are filled in."""

    def __init__(self, where, socket, upstream, server, http="", level="info", workers=1, main="", module=MODULE):
        self.where, self.port, self.module = where, free_port(), module
        more = rig.sanitizer(module, where)
        self.env = os.environ | more
        main += "".join(f"env {name};\n" for name in more)  # an upgraded binary gets what is named
        self.error_log = where / "error.log"
        self.conf = where / "nginx.conf"
        self.fill = {"cekd": socket, "upstream": upstream, "where": where}
        self.main, self.level, self.workers = main, level, workers
        self.process = None
        self.write(server, http)

    def write(self, server, http=""):
        for name, value in self.fill.items():
            server, http = (text.replace("{" + name + "}", str(value)) for text in (server, http))
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temp = "".join(f"  {kind}_temp_path {self.where}/{kind};\n" for kind in kinds)
        self.conf.write_text(
            f"load_module {self.module};\n" + (f"user {USER};\n" if C.ROOT else "") + self.main +
            f"worker_processes {self.workers};\npid {self.where}/nginx.pid;\n"
            f"error_log {self.error_log} {self.level};\nevents {{ worker_connections 1024; }}\n"
            f"http {{\n  access_log {self.where}/access.log;\n{temp}{http}\n"
            f"  server {{\n    listen 127.0.0.1:{self.port} backlog=1024;\n{server}\n  }}\n}}\n")

    def command(self, *more):
        return [NGINX, "-p", str(self.where), "-c", str(self.conf), *more]

    def check(self):
        """What nginx -t says, and whether it is content."""
        done = subprocess.run(self.command("-t"), capture_output=True, text=True, timeout=C.PATIENCE, env=self.env)
        return done.returncode, done.stderr

    def start(self):
        with open(self.where / "out", "ab") as out:
            done = subprocess.run(self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env,
                                  timeout=C.PATIENCE)
        assert done.returncode == 0, self.log()
        # It listens before it becomes a daemon.
        C.wait_for(self.workers_of, f"nginx to run\n{self.log()}")
        self.process = Master(self.master())
        return self

    def log(self):
        paths = (self.where / "out", self.error_log, *self.where.glob("sanitizer/*"))
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    def master(self):
        def read():
            try:
                return (self.where / "nginx.pid").read_text().strip()  # empty before it is written
            except OSError:
                return None
        return int(C.wait_for(read, "nginx to write its pid"))

    def workers_of(self, master=None):
        """Pids of the workers that do not end already."""
        master, found = master or self.master(), []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, rest = int(stat.parent.name), stat.read_text().rsplit(") ", 1)[1].split()
                title = (stat.parent / "cmdline").read_bytes()
            except OSError:
                continue
            if int(rest[1]) == master and b"worker process" in title and b"shutting down" not in title:
                found.append(pid)
        return found

    def reload(self):
        before = set(self.workers_of())
        os.kill(self.master(), signal.SIGHUP)
        C.wait_for(lambda: (now := set(self.workers_of())) and not now & before, f"new workers\n{self.log()}")

    def upgrade(self):
        """As an upgrade of the binary: a new master takes the sockets over, then the old one ends."""
        old = self.master()
        os.kill(old, signal.SIGUSR2)
        C.wait_for(lambda: (self.where / "nginx.pid.oldbin").exists() and self.master() != old and self.workers_of(),
                   f"a second master\n{self.log()}")
        os.kill(old, signal.SIGQUIT)
        self.process.wait()
        self.process = Master(self.master())

    def stop(self):
        """By SIGQUIT, which waits for the requests that are open; the log must be clean."""
        if self.process is None:
            return
        process, self.process = self.process, None
        assert process.runs(), f"nginx has ended by itself\n{self.log()}"
        os.kill(process.pid, signal.SIGQUIT)
        try:
            process.wait()
        except AssertionError:
            os.kill(process.pid, signal.SIGKILL)
            raise AssertionError(f"nginx did not stop\n{self.log()[-20000:]}") from None
        log = self.log()
        fault = re.search(r".*(\[alert\]|\[crit\]|exited on signal).*", log)
        assert not fault, fault.group(0) + "\n" + log[-20000:]
        assert not C.SANITIZER.search(log), log

    def get(self, path="/", token=None, headers=(), method="GET", body=None):
        """One request on a connection of its own. headers: (name, value) as they are sent, also twice the same."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=C.PATIENCE)
        connection.putrequest(method, path)
        if token is not None:
            connection.putheader("Authorization", f"Bearer {token}")
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        answer = Answer(response, response.read())
        connection.close()
        return answer


class Issuer:
    def __init__(self, kid="signer", kty="EC", alg="ES256", **params):
        self.key = jwk.JWK.generate(kty=kty, kid=kid, **(params or {"crv": "P-256"}))
        self.alg = alg

    def jwks(self):
        return json.dumps({"keys": [dict(self.key.export_public(as_dict=True), use="sig", alg=self.alg)]})

    def claims(self, **claims):
        """Good ones; None leaves one out."""
        all_claims = rig.Issuer.claims(seconds=600, aud="api") | claims
        return {name: value for name, value in all_claims.items() if value is not None}

    def sign(self, header=None, **claims):
        token = jwt.JWT(header={"alg": self.alg, "typ": "at+jwt", "kid": self.key["kid"]} | (header or {}),
                        claims=self.claims(**claims))
        token.make_signed_token(self.key)
        return token.serialize()


def key_of(daemon, name):
    """The active version of cekd's key, as an issuer gets it."""
    return jwk.JWK(**rig.public_jwk(daemon, name))


def encrypt(key, plaintext, **header):
    """key: as key_of() gives it."""
    return rig.encrypt(plaintext, key, **header)
