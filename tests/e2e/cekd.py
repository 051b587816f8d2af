# SPDX-License-Identifier: Apache-2.0
"""A real cekd on a real SoftHSM token, for tests.

Token   a token in a folder of its own, made by `cekctl token init`
Cekd    the daemon: writes its configuration, starts it, waits until it says READY=1, stops it
Client  cek.proto over the socket, byte by byte where a test wants that; shares no code with libcek
"""

import base64
import json
import mmap
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CEKD_BUILD", SOURCE / "build")).resolve()
CEKCTL = BUILD / "client" / "cekctl" / "cekctl"
VECTORS = pathlib.Path(os.environ.get("CEK_VECTORS", SOURCE.parent / "shared" / "vectors"))
MODULE = os.environ.get("CEKD_MODULE", "/usr/lib/softhsm/libsofthsm2.so")

# Bounds against a test that never ends, not expectations: a machine may be slow, valgrind is.
PATIENCE = 120

# As root, the processes of cekd get these uids (they need no name in passwd) and peers of tests the others.
UID_BROKER, UID_TOKEN, UID_JOURNAL = 64001, 64002, 64003
UID_ALICE, UID_BOB = 64011, 64012
ROOT = os.geteuid() == 0

PROGRAMS = ("cekd", "cekd-broker", "cekd-token", "cekd-journal")
OPERATIONS = ("unwrap wrap generate rewrap create rotate state destroy import adopt schedule list public status metrics "
              "watch fsck restore").split()
ENC_LEN = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32, "A128CBC-HS256": 32, "A192CBC-HS384": 48, "A256CBC-HS512": 64}
ALGS = ["RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512", "A128KW", "A192KW", "A256KW", "A128GCMKW",
        "A192GCMKW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"]
CURVES = ["P-256", "P-384", "P-521", "X25519"]

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|: runtime error: "
                       r"|^==\d+== ", re.M)


def folder(prefix):
    """A new folder that other uids may pass through; pytest's own are closed to them."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("CEKD_TMP", "/tmp")))
    path.chmod(0o755)
    return path


def folder_in_memory(prefix):
    """The same on a tmpfs if there is one: for the state of a daemon that is changed so often that a disk would take most of
    the time, in tests that do not ask what is on it."""
    memory = pathlib.Path("/dev/shm")
    if not memory.is_dir() or not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 32 << 20:
        return folder(prefix)
    path = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=memory))
    path.chmod(0o755)
    return path


def _messages():
    where = folder("cekd-proto-")
    try:
        subprocess.run(["protoc", f"--proto_path={SOURCE / 'proto'}", f"--python_out={where}", "cek.proto"], check=True)
        sys.path.insert(0, str(where))
        import cek_pb2
        return cek_pb2
    finally:
        shutil.rmtree(where)


pb = _messages()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def status_name(reply):
    return pb.Status.Name(reply.status).removeprefix("STATUS_")


def wait_for(condition, what, patience=PATIENCE):
    """Ask until condition() is true; returns what it gave."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {patience} s for {what}"
        time.sleep(0.01)


def run(args, check=True, **kwargs):
    """subprocess.run with text in and out; a sanitizer report in its stderr is a failure in any case."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=PATIENCE * 2, **kwargs)
    assert not SANITIZER.search(done.stderr), done.stderr
    assert done.returncode >= 0, f"{args[0]} died of signal {-done.returncode}: {done.stderr}"
    if check:
        assert done.returncode == 0, f"{' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Token:
    """A SoftHSM token named "cekd" with its softhsm2.conf and PIN file, readable for the worker's uid only."""

    def __init__(self, where):
        self.where = where
        self.conf = where / "softhsm2.conf"
        self.pin_file = where / "pin"
        self.tokens = where / "tokens"

    @classmethod
    def init(cls, where):
        token = cls(where)
        args = [CEKCTL, "token", "init", "--module", MODULE, "--label", "cekd", "--softhsm-dir", where,
                "--pin-file", token.pin_file, "--so-pin-file", where / "so-pin"]
        if ROOT:
            args += ["--user", UID_TOKEN]
        run(args, env=os.environ | {"SOFTHSM2_CONF": str(token.conf)})
        return token

    def copy(self, where):
        shutil.copytree(self.where, where, symlinks=True)
        for path in [where, *where.rglob("*")]:
            of = os.stat(self.where / path.relative_to(where))
            os.chown(path, of.st_uid, of.st_gid)
        copied = Token(where)
        copied.conf.write_text(self.conf.read_text().replace(str(self.where), str(where)))
        return copied


class Config:
    """The text of cekd.conf. Options by their names with _ for -, e.g. call_timeout=5; None leaves one out."""

    def __init__(self, where, token, limits=None, rules=None, listeners=None, **options):
        self.options = {
            "module": MODULE, "token": "pkcs11:token=cekd", "pin_file": str(token.pin_file),
            "module_environment": [f"SOFTHSM2_CONF={token.conf}"],
            "module_paths": [], "state_directory": str(where / "state"), "workers": 2,
        }
        if ROOT:
            self.options |= {"user_broker": str(UID_BROKER), "user_token": str(UID_TOKEN),
                             "user_journal": str(UID_JOURNAL)}
        self.options |= options
        self.listeners = listeners or {"main": {"path": str(where / "cekd.sock"), "mode": "0666"}}
        self.rules = rules if rules is not None else {
            "all": {"anyone": True, "operations": OPERATIONS, "keys": ["*"]}}
        # Under valgrind a key may take longer to make than a client may be silent.
        self.limits = ({"silent_seconds": 3600} if os.environ.get("CEKD_WRAP") else {}) | (limits or {})

    @staticmethod
    def _value(value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, (list, tuple)):
            return "{" + ", ".join(Config._value(str(v)) for v in value) + "}"
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'

    def _lines(self, options, indent=""):
        return "".join(f"{indent}{name.replace('_', '-')} = {self._value(value)}\n"
                       for name, value in options.items() if value is not None)

    def text(self):
        text = self._lines(self.options)
        for kind, sections in (("listener", self.listeners), ("rule", self.rules)):
            for name, options in sections.items():
                text += f'{kind} "{name}" {{\n{self._lines(options, "  ")}}}\n'
        if self.limits:
            text += f'limits {{\n{self._lines(self.limits, "  ")}}}\n'
        return text


class TestPage:
    """The page of daemon/shared/testhook.h."""
    __test__ = False
    SIZE = 4096

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(self.SIZE))
        path.chmod(0o666)
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), self.SIZE)

    def shift(self, seconds):
        """So much time has passed for the daemon, more than for the machine."""
        self.page[0:8] = struct.pack("=q", int(seconds * 1_000_000))

    def set_clock(self, seconds):
        """Somebody has set the daemon's real time ahead by that: no time has passed."""
        self.page[80:88] = struct.pack("=q", int(seconds * 1_000_000))

    def arm(self, step):
        self.page[72:76] = bytes(4)
        self.page[8:72] = step.encode().ljust(64, b"\0")

    def disarm(self):
        self.page[8:72] = bytes(64)

    def hit(self):
        """The pid of the process that stopped at the armed step, or 0."""
        return struct.unpack("=I", self.page[72:76])[0]


class Cekd:
    """One daemon. Folder layout: token/ state/ cekd.conf cekd.sock log page."""

    started = []  # of this test session, for the logs of failing tests

    def __init__(self, where, token, page=False, programs=None, **config):
        self.where = where
        self.token = token
        if page:  # who stops at a step is not to be taken for one that hangs
            config.setdefault("hang_seconds", 3600)
        self.config = Config(where, token, **config)
        self.socket = self.config.listeners[next(iter(self.config.listeners))]["path"]
        self.conf = where / "cekd.conf"
        self.log = where / "log"
        self.page = TestPage(where / "page") if page else None
        self.programs = programs or default_programs()
        self.process = None
        self.state = pathlib.Path(self.config.options["state_directory"])
        self.state.mkdir(exist_ok=True)
        self.preexec = None  # for a test that limits the daemon's resources
        self.pass_fds = ()

    @property
    def audit(self):
        return self.state / "audit.jsonl"

    @property
    def keys(self):
        return self.state / "keys.jsonl"

    def command(self):
        command = [self.programs / "cekd", "-c", self.conf, "--programs", self.programs]
        return command + (["--test-page", self.page.path] if self.page else [])

    def spawn(self):
        """Start without waiting; self.notify hears what it tells the service manager."""
        self.conf.write_text(self.config.text())
        name = self.where / "notify"
        name.unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(name))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(a) for a in self.command()], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=os.environ | {"NOTIFY_SOCKET": str(name)},
                                            preexec_fn=self.preexec, pass_fds=self.pass_fds, start_new_session=True)
        Cekd.started.append(self)
        return self

    def start(self):
        self.spawn()
        self.wait_notified("READY=1")
        return self

    def start_confirmed(self):
        """With a new journal, on a token with keys that cekd made: it asks whether that is meant, and here it is."""
        self.spawn()

        def asks():
            try:
                return "the token holds" in self.status().why_not_ready
            except (ConnectionError, FileNotFoundError):
                assert self.process.poll() is None, self.log_text()
        wait_for(asks, "cekd to ask for a confirmation")
        self.cekctl("restore", "confirm", "--yes")
        self.wait_ready()
        return self

    def wait_notified(self, line):
        end = time.monotonic() + PATIENCE
        self.notify.settimeout(0.2)
        while True:
            try:
                if line in self.notify.recv(4096).decode().splitlines():
                    return
            except TimeoutError:
                assert self.process.poll() is None, f"cekd ended with {self.process.returncode}\n{self.log_text()}"
                assert time.monotonic() < end, f"cekd has not said {line}\n{self.log_text()}"

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self, expect=0):
        """Orderly, by SIGTERM; the exit status and the log must be clean."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"cekd did not stop\n{self.log_text()}") from None
        finally:
            self.notify.close()
        assert code == expect, f"cekd ended with {code}\n{self.log_text()}"
        self.check_log()

    def kill(self):
        """SIGKILL to the parent; its children must follow by themselves."""
        children = self.children()
        process, self.process = self.process, None
        process.kill()
        process.wait()
        self.notify.close()
        if self.page:
            self.page.disarm()  # the journal outlives its parent until it has written what it has
        wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pids in children.values() for pid in pids),
                 "the children of a killed cekd to end")

    def check_log(self):
        report = SANITIZER.search(self.log_text())
        assert not report, f"{report.group(0)} in the log\n{self.log_text()}"

    def restart(self):
        self.stop()
        return self.start()

    def children(self):
        """Program name → pids of the direct children."""
        found = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                text, args = stat.read_text(), (stat.parent / "cmdline").read_text()
            except OSError:
                continue  # it has just ended
            pid, rest = int(text.split(" ", 1)[0]), text.rsplit(") ", 1)[1].split()
            if int(rest[1]) == self.process.pid and rest[0] != "Z":
                for arg in args.split("\0"):
                    name = os.path.basename(arg).removesuffix(".real")
                    if name in PROGRAMS:
                        found.setdefault(name, []).append(pid)
                        break
        return found

    def child(self, name):
        """The one pid of "cekd-broker", "cekd-journal"; the first use worker of "cekd-token"."""
        return wait_for(lambda: self.children().get(name), f"{name} to run")[0]

    def status(self):
        with self.client() as client:
            return client.ok(status=pb.StatusRequest()).status_reply

    def workers(self, kind="use"):
        """Pids of the workers of this kind that are ready, by index."""
        return {w.index: w.pid for w in self.status().worker if w.kind == kind and w.state == "ready"}

    def signal_workers(self, number):
        for pid in self.children()["cekd-token"]:
            os.kill(pid, number)

    def kill_child(self, name):
        """SIGKILL to a child and wait for a successor that serves."""
        victim = self.child(name)
        os.kill(victim, signal.SIGKILL)
        self.wait_replaced(name, victim)

    def wait_replaced(self, name, victim):
        wait_for(lambda: victim not in self.children().get(name, [victim]), f"another {name}")
        self.wait_ready()

    def wait_ready(self):
        def ready():
            try:
                with Client(self.socket) as client:
                    status = client.call(status=pb.StatusRequest())
            except (ConnectionError, FileNotFoundError):
                return False
            return status.status == pb.STATUS_OK and status.status_reply.ready and not any(
                worker.state != "ready" for worker in status.status_reply.worker if worker.kind == "use")
        wait_for(ready, f"cekd to serve again\n{self.log_text()}")

    def client(self, listener=None):
        return Client(self.config.listeners[listener]["path"] if listener else self.socket)

    def cekctl_env(self, **more):
        return os.environ | {"CEK_SOCKET": self.socket, "SOFTHSM2_CONF": str(self.token.conf)} | more

    def cekctl(self, *args, check=True, assume_yes=True, **kwargs):
        """Nobody is there to be asked, unless a test is about the question."""
        more = {"CEKCTL_ASSUME_YES": "1"} if assume_yes else {}
        return run([CEKCTL, *args], check=check, env=self.cekctl_env(**more), **kwargs)

    def json(self, *args):
        return json.loads(self.cekctl(*args, "--json").stdout)

    def key(self, alg, crv=None, name=None):
        """The name of a key of this alg (RSA: 2048 bits), made when first asked for."""
        name = name or "-".join(filter(None, [alg.replace("+", "."), crv]))
        with self.client() as client:
            request = pb.CreateKeyRequest(key=name, alg=alg, crv=crv or "", bits=2048 if alg.startswith("RSA") else 0)
            reply = client.call(create_key=request)
            assert status_name(reply) in ("OK", "CONFLICT"), reply
        return name

    def audit_records(self):
        """The requests; the journal's own "open" lines are left out."""
        lines = [json.loads(line) for line in self.audit.read_text().splitlines()]
        return [line for line in lines if line["type"] == "request"]


class Closed(ConnectionError):
    """cekd has closed the connection."""


class Client:
    """One connection. Replies may come in any order: call() sets aside those of other requests."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.buffer = b""
        self.next_id = 1
        self.others = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        self.socket.close()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send_frame(self, body):
        self.send_bytes(struct.pack(">I", len(body)) + body)

    def send(self, deadline_ms=0, id=None, **op):
        """Send one request, return its id."""
        request = pb.Request(id=id or self.next_id, deadline_ms=deadline_ms, **op)
        self.next_id = max(self.next_id, request.id) + 1
        self.send_frame(request.SerializeToString())
        return request.id

    def _fill(self, size):
        while len(self.buffer) < size:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed(f"{len(self.buffer)} bytes were left")
            self.buffer += data

    def recv_bytes(self):
        """The body of the next reply as it came."""
        self._fill(4)
        size = struct.unpack(">I", self.buffer[:4])[0]
        assert 0 < size <= 65536, size
        self._fill(4 + size)
        body, self.buffer = self.buffer[4:4 + size], self.buffer[4 + size:]
        return body

    def recv(self):
        return pb.Reply.FromString(self.recv_bytes())

    def reply(self, id):
        while id not in self.others:
            reply = self.recv()
            self.others.setdefault(reply.id, []).append(reply)
        replies = self.others[id]
        reply = replies.pop(0)
        if not replies:
            del self.others[id]
        return reply

    def call(self, **kwargs):
        return self.reply(self.send(**kwargs))

    def ok(self, **kwargs):
        reply = self.call(**kwargs)
        assert reply.status == pb.STATUS_OK, reply
        return reply

    def wait_closed(self):
        """Read until cekd closes; the replies that came before."""
        replies = []
        while True:
            try:
                replies.append(self.recv())
            except Closed:
                return replies

    # the operations of most tests, in short

    def generate(self, key, enc="A256GCM", **party):
        made = self.ok(generate_cek=pb.GenerateCekRequest(key=key, enc=enc, params=pb.AlgParams(**party))).generate_cek
        made.params.MergeFrom(pb.AlgParams(**party))  # the header holds what the sender chose
        return made

    def wrap(self, key, cek, enc="A256GCM", **party):
        made = self.ok(wrap=pb.WrapRequest(key=key, enc=enc, cek=cek, params=pb.AlgParams(**party))).wrap
        made.params.MergeFrom(pb.AlgParams(**party))
        return made

    def rotate(self, key):
        versions = self.ok(describe_key=pb.DescribeKeyRequest(key=key)).key.key.version
        active = [v.kid for v in versions if v.state == pb.STATE_ACTIVE]
        return self.ok(rotate_key=pb.RotateKeyRequest(key=key, active_kid=active[0] if active else ""))

    def unwrap_request(self, wrapped, enc="A256GCM", **changes):
        request = pb.UnwrapRequest(kid=wrapped.kid, alg=wrapped.alg, enc=enc, encrypted_key=wrapped.encrypted_key,
                                   params=wrapped.params)
        for name, value in changes.items():
            if name == "params":
                request.params.CopyFrom(value)
            else:
                setattr(request, name, value)
        return request

    def unwrap(self, wrapped, enc="A256GCM", **changes):
        """The reply to the unwrap of what wrap() or generate() gave."""
        return self.call(unwrap=self.unwrap_request(wrapped, enc, **changes))


def sanitized():
    """Whether the programs were built with a sanitizer: it keeps freed memory and maps terabytes."""
    return b"__asan_init" in (BUILD / "daemon" / "cekd-broker").read_bytes()


_programs = None


def default_programs():
    """cekd's programs in a folder that other uids can reach, wherever the build folder is. CEKD_WRAP="valgrind …" runs
    each of them, or those that CEKD_WRAPPED names, under that command."""
    global _programs
    if _programs is None:
        _programs = folder("cekd-programs-")
        wrapped = os.environ.get("CEKD_WRAPPED", " ".join(PROGRAMS)).split()
        for name in PROGRAMS:
            wrap = os.environ.get("CEKD_WRAP") if name in wrapped else None
            program = _programs / (name + ".real" if wrap else name)
            shutil.copy2(BUILD / "daemon" / name, program)
            program.chmod(0o755)
            if wrap:
                (_programs / name).write_text(f'#!/bin/sh\nexec {wrap} {program} "$@"\n')
                (_programs / name).chmod(0o755)
    return _programs


def drop_programs():
    if _programs is not None:
        shutil.rmtree(_programs, ignore_errors=True)


def as_uid(uid, function):
    """Run function() in a child process of that uid (root only) and return its value, which must be JSON."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(write, json.dumps(function()).encode())
            code = 0
        except BaseException as error:  # the child must not run on as a second pytest
            os.write(write, json.dumps(f"{type(error).__name__}: {error}").encode())
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read()
    status = os.waitpid(pid, 0)[1]
    assert status == 0, text.decode()
    return json.loads(text)


def readable(fd, seconds):
    return bool(select.select([fd], [], [], seconds)[0])
