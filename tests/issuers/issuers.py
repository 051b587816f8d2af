# SPDX-License-Identifier: Apache-2.0
"""The issuers, the server that they fetch the set from, and one issuer as a running process."""

import functools
import http.server
import json
import os
import signal
import subprocess
import threading
import time

import cekd as C
import toolchains as T

ALG = "RSA-OAEP-256"


class Kind:
    """A section of docs/issuers.md. command() gives its argv or raises toolchains.Missing. It goes on with a set as long as
    Cache-Control or its setting says, or for those seconds in "always". One that is static is told anew by hand alone."""

    def __init__(self, name, command, enc="A256GCM", static=False, always=None, long_only=False):
        self.name, self.command, self.enc, self.static = name, command, enc, static
        self.always, self.long_only = always, long_only

    def keeps(self, times):
        """Seconds, as the page foretells."""
        return self.always or times.max_age


def _python(name, plain=False):
    def command():
        return [*(["/usr/bin/python3"] if plain else T.python()), T.HERE / "python" / f"issue_{name}.py"]
    return command


def _node(name):
    def command():
        start, folder = T.node()
        return [*start, folder / f"issue-{name}.mjs"]
    return command


KINDS = [
    Kind("oidc-provider", _node("oidc-provider"), enc="A128CBC-HS256"),
    Kind("Keycloak", lambda: ["/usr/bin/python3", T.HERE / "keycloak" / "issue_keycloak.py", T.keycloak()], enc="A128CBC-HS256",
         always=10, long_only=True),
    Kind("nimbus", lambda: [*T.java(), "Nimbus"]),
    Kind("jose4j", lambda: [*T.java(), "Jose4j"]),
    Kind("Authlib", _python("authlib")),
    Kind("joserfc", _python("joserfc")),
    Kind("jwcrypto", _python("jwcrypto", plain=True)),
    Kind("go-jose", lambda: [T.go() / "gojose"]),
    Kind("jwx", lambda: [T.go() / "jwx"]),
    Kind("panva-jose", _node("jose")),
    Kind("static-PEM", _python("static", plain=True), static=True),
]


class SetServer:
    """Serves the files of one folder, /NAME/FILE to the issuer NAME, with Cache-Control; remembers who got which kids when."""

    def __init__(self, folder, max_age):
        self.got = {}  # name of the issuer → [(time, kids)]
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name, file = self.path.strip("/").split("/")
                body = (folder / file).read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Cache-Control", f"max-age={max_age}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                server.got.setdefault(name, []).append((time.time(), server.kids(file, body)))

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    @staticmethod
    def kids(file, body):
        return [key["kid"] for key in json.loads(body)["keys"]] if file.endswith(".json") else []

    def url(self, kind):
        return f"http://127.0.0.1:{self.http.server_port}/{kind.name}/{'key.pem' if kind.static else 'set.json'}"

    def fetched_without(self, kind, kid, since):
        """When it first got, after that time, a set without this version; None if it has not."""
        return next((when for when, kids in self.got.get(kind.name, []) if when >= since and kids[:1] and kid not in kids), None)

    def stop(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


class Issuer:
    """One issuer, from start() to stop(); each of its tokens goes to took(issuer, began, text, its version)."""

    def __init__(self, kind, command, server, times, where, took):
        self.kind, self.command, self.server, self.times, self.took = kind, command, server, times, took
        self.log = where / f"{kind.name}.log"
        self.process, self.version = None, None

    def start(self, version=None):
        """version is what a static issuer has in its configuration."""
        self.version = version
        args = [*self.command, self.server.url(self.kind), ALG, self.kind.enc, self.times.max_age]
        clock = 60 / self.times.max_age if self.times.fast else 1
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(arg) for arg in args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            text=True, start_new_session=True,
                                            env=os.environ | {"CLOCK": str(clock), "PYTHONDONTWRITEBYTECODE": "1"})
        self.reader = threading.Thread(target=functools.partial(self._read, self.process, version), daemon=True)
        self.reader.start()

    def _read(self, process, version):
        for line in process.stdout:
            began, text = line.rstrip("\n").split(" ", 1)
            self.took(self, int(began) / 1000, text, version)

    def stop(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        process.stdin.close()
        try:
            process.wait(C.PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.kind.name} did not end\n{self.log.read_text()}") from None
        finally:
            self.kill(process)
        self.reader.join()
        process.stdout.close()

    @staticmethod
    def kill(process):
        """With whatever it has started and left behind."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
