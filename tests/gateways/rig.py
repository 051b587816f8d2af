# SPDX-License-Identifier: Apache-2.0
"""What stands around a gateway: issuer, upstream, an authorisation service that misbehaves, and a client.

Issuer     signs JWTs and encrypts them with a public key of cekd
Upstream   answers with the head of the request that it got
StandIn    takes the place of cek-auth and does what its mode says
ask        one request, with the headers exactly as they are given
"""

import asyncio
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import cekd as C
from jwcrypto import jwe, jwk, jws

KEY = "api"
ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example"
OTHER_AUDIENCE = "https://other.example"
SIGNED_BY = {"ES256": {"kty": "EC", "crv": "P-256"}, "ES384": {"kty": "EC", "crv": "P-384"},
             "RS256": {"kty": "RSA", "size": 2048}, "EdDSA": {"kty": "OKP", "crv": "Ed25519"}}
# What cek-auth promises in the profile "api" of the examples.
CLAIMS = ("X-Jwt-Sub", "X-Jwt-Scope")


def free_port():
    """Free now, on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def compact(value):
    return json.dumps(value, separators=(",", ":"))


class Issuer:
    """Its keys are made once; signers() is the JWK Set that a gateway gets."""

    def __init__(self, algs=("RS256",), name="signer"):
        self.keys = {alg: jwk.JWK.generate(**SIGNED_BY[alg], alg=alg, use="sig", kid=f"{name}-{alg}") for alg in algs}
        self.alg = algs[0]

    def signers(self):
        return compact({"keys": [key.export_public(as_dict=True) for key in self.keys.values()]})

    def sign(self, claims, alg=None, typ="at+jwt"):
        alg = alg or self.alg
        signed = jws.JWS(compact(claims).encode())
        signed.add_signature(self.keys[alg], alg=alg,
                             protected=compact({"alg": alg, "typ": typ, "kid": self.keys[alg].get("kid")}))
        return signed.serialize(compact=True)

    def jwt(self, alg=None, **claims):
        return self.sign(self.claims(**claims), alg)

    @staticmethod
    def claims(sub="alice", seconds=3600, pad=0, **claims):
        """Good ones; None leaves one out, pad makes them so many bytes longer."""
        now = int(time.time())
        all_claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + seconds, "scope": "read write",
                      "jti": os.urandom(8).hex(), "pad": "x" * pad or None} | claims
        return {name: value for name, value in all_claims.items() if value is not None}


def encrypt(inner, public, alg="RSA-OAEP-256", enc="A256GCM", **header):
    """public: a JWK of cekd, as jwcrypto's or as its members. header: members beside those that are always there, or in their place."""
    token = jwe.JWE(inner.encode(), compact({"alg": alg, "enc": enc, "cty": "JWT", "kid": public["kid"]} | header),
                    algs=[alg, enc, "DEF"])
    token.add_recipient(public if isinstance(public, jwk.JWK) else jwk.JWK(**public))
    return token.serialize(compact=True)


def public_jwk(daemon, key=KEY):
    return json.loads(daemon.cekctl("jwks", key).stdout)["keys"][0]


def sanitized(module):
    return module.exists() and b"__asan_init" in module.read_bytes()


def sanitizer(module, where):
    """What a module with sanitizers needs of its surroundings: their library comes with the program, and Debian's nginx has none.
    nginx leaves some memory to the system at its end, so leaks are not looked for."""
    if not sanitized(module):
        return {}
    content = module.read_bytes()
    compiler, name = ("clang", "libclang_rt.asan-x86_64.so") if b"clang version" in content else ("gcc", "libasan.so")
    library = C.run([compiler, f"-print-file-name={name}"]).stdout.strip()
    log = where / "sanitizer"
    log.mkdir()
    log.chmod(0o777)
    return {"LD_PRELOAD": library, "ASAN_OPTIONS": f"log_path={log}/report:detect_leaks=0:detect_odr_violation=0",
            "UBSAN_OPTIONS": f"log_path={log}/report:print_stacktrace=1"}


class Loop:
    """An event loop in a thread; what is started in it ends with it."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(C.PATIENCE)

    def stop(self):
        async def cancel_all():
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.do(cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(C.PATIENCE)
        self.loop.close()


UPSTREAM = """
import asyncio, sys

async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            for line in head.lower().split(b"\\r\\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line[15:]))
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(head) + head)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), limit=1 << 20, backlog=1024)
    async with server:
        await server.serve_forever()

asyncio.run(main())
"""


class Upstream:
    """A process of its own, so that it keeps up while the test is busy."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", UPSTREAM, str(self.port)], stdin=subprocess.DEVNULL)
        C.wait_for(lambda: connects(self.port), "the upstream")

    def stop(self):
        self.process.kill()
        self.process.wait()


class StandIn:
    """Listens where cek-auth would. Modes: "ok" answers with the promised headers, "bare" with none, "hang" never, "503"
    with that status; refuse() leaves nobody there."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.mode = "ok"
        self.seen = []
        self.connections = 0
        self.writers = set()
        self.server = None
        self.loop = Loop()
        self.accept()

    async def _serve(self, reader, writer):
        self.writers.add(writer)
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.seen.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
                if self.mode == "hang":
                    await reader.read()  # until the gateway has enough of it
                    break
                writer.write(self._answer().encode())
                await writer.drain()
        self.writers.discard(writer)
        writer.close()

    def _answer(self):
        head = {"ok": "200 OK\r\nAuthorization: Bearer inner.jwt.ok\r\nX-Jwt-Sub: alice\r\nX-Jwt-Scope: ",
                "bare": "200 OK", "503": "503 Service Unavailable\r\nRetry-After: 1"}[self.mode]
        return f"HTTP/1.1 {head}\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n"

    def accept(self):
        async def listen():
            self.path.unlink(missing_ok=True)
            self.server = await asyncio.start_unix_server(self._serve, str(self.path), limit=1 << 20)
            self.path.chmod(0o666)
        self.loop.do(listen())

    def refuse(self):
        async def close():
            self.server.close()
            for writer in list(self.writers):
                writer.transport.abort()
        self.loop.do(close())
        self.path.unlink(missing_ok=True)  # newer versions of asyncio do that themselves

    def stop(self):
        self.loop.stop()


@contextlib.contextmanager
def connected(address, patience=C.PATIENCE):
    """A socket: to a port of the loopback address, or the path of a Unix socket."""
    with socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX) as connection:
        connection.settimeout(patience)
        connection.connect(("127.0.0.1", address) if isinstance(address, int) else str(address))
        yield connection


def connects(address):
    """Whether somebody listens: a port of the loopback address, or the path of a Unix socket."""
    try:
        with connected(address):
            return True
    except OSError:
        return False


class Answer:
    """status, headers (in lower case, the last of several) and, if the upstream was reached, got: what it was sent."""

    def __init__(self, text):
        self.head, _, self.body = text.partition("\r\n\r\n")
        lines = self.head.split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0].startswith("HTTP/") else 0
        self.headers = dict(header(line) for line in lines[1:])
        self.got = None
        if self.status == 200 and "HTTP/1." in self.body.partition("\r\n")[0]:
            self.got = [header(line) for line in self.body.rstrip("\r\n").split("\r\n")[1:]]

    def upstream(self, name):
        """The values of a header that the upstream got, empty ones left out: to a program they are none."""
        return [value for header, value in self.got if header == name.lower() and value]

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


def header(line):
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def ask(address, headers=(), method="GET", path="/", body="", patience=C.PATIENCE):
    """The Answer; its status is 0 if the gateway closed without one."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *(f"{n}: {v}" for n, v in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    data = b""
    with connected(address, patience) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall("\r\n".join([*lines, "", body]).encode())
            while chunk := connection.recv(1 << 16):
                data += chunk
    return Answer(_unchunked(data.decode("latin-1")))


def _unchunked(text):
    """Some gateways chunk what they pass on to a connection that closes."""
    head, separator, body = text.partition("\r\n\r\n")
    if "transfer-encoding: chunked" not in head.lower():
        return text
    whole = ""
    while body:
        size, _, body = body.partition("\r\n")
        length = int(size.split(";")[0], 16)
        if not length:
            break
        whole, body = whole + body[:length], body[length + 2:]
    return head + separator + whole


def bearer(token):
    return ("Authorization", f"Bearer {token}")


@contextlib.contextmanager
def folder(prefix="gateway-"):
    """Short, for sockets, and open: gateways drop to other uids."""
    where = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    where.chmod(0o755)
    try:
        yield where
    finally:
        shutil.rmtree(where, ignore_errors=True)
