# SPDX-License-Identifier: Apache-2.0
"""cek-auth by itself, over its sockets."""

import contextlib
import os
import re
import signal
import socket

import cekd as C
import gateways
import pytest
import rig
import stack as S

PROMISED = ("authorization", "x-jwt-sub", "x-jwt-scope")


class Connection:
    """HTTP over one connection to a Unix socket: answer() reads one with its body."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(C.PATIENCE)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def ask(self, path="/v1/auth/api", *headers, method="GET", body=""):
        lines = [f"{method} {path} HTTP/1.1", "Host: cek-auth", *(f"{name}: {value}" for name, value in headers), "", body]
        self.socket.sendall("\r\n".join(lines).encode())
        return self.answer(method)

    def answer(self, method="GET"):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.file.readline()
            if not line:
                return None
            head += line
        answer = rig.Answer(head.decode("latin-1"))
        if method != "HEAD":
            answer.body = self.file.read(int(answer.headers.get("content-length", 0))).decode("latin-1")
        return answer


@contextlib.contextmanager
def connected(path):
    connection = Connection(path)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def auth(stack):
    with connected(stack.auth.socket) as connection:
        yield connection


def nothing(answer, *statuses):
    """No answer is kept by anybody, whatever it is about (RFC 9110 section 15.1: 404, 405 and 414 would be)."""
    assert answer.status in statuses and not any(name in answer.headers for name in PROMISED), answer
    assert answer.headers["cache-control"] == "no-store" and answer.head.lower().count("\r\ncache-control:") == 1, answer


def expect(answer, inner, sub="alice", scope="read write"):
    assert answer.status == 200 and answer.body == "", answer
    assert answer.headers["authorization"] == f"Bearer {inner}"
    assert answer.headers["x-jwt-sub"] == sub and answer.headers["x-jwt-scope"] == scope
    assert answer.headers["content-length"] == "0" and answer.headers["cache-control"] == "no-store"
    assert "close" not in answer.headers.get("connection", "")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "MKCOL", "BREW"])
def test_any_method_on_one_connection(stack, auth, method):
    token, inner = stack.token()
    for _ in range(3):
        expect(auth.ask("/v1/auth/api", rig.bearer(token), method=method), inner)


@pytest.mark.parametrize("path", ["/v1/auth/api", "/v1/auth/api/", "/v1/auth/api/a/b.c?d=e", "/v1/auth/api?x", "/v1/auth/api/../b",
                                  "/v1/auth/api/%2e%2e/%2e%2e/b", "/v1/auth/api//v1/auth/b", "/v1/auth/api/%ff?%00"])
def test_profile_and_below(stack, auth, path):
    token, inner = stack.token()
    expect(auth.ask(path, rig.bearer(token)), inner)


@pytest.mark.parametrize("path", ["/", "/api", "/v1/auth", "/v1/auth/", "/v1/auth/none", "/v1/auth/apiary", "/v1/auth/api;a",
                                  "/v1/auth/../auth/api", "//v1/auth/api", "/v1/auth/%61pi", "/v1/auth/a/../api", "/?/v1/auth/api"])
def test_no_profile(stack, auth, path):
    token, _ = stack.token()
    nothing(auth.ask(path, rig.bearer(token)), 404)


def test_promised_headers_are_always_there(stack, auth):
    token, inner = stack.token(sub=None, scope=None)
    expect(auth.ask("/v1/auth/api", rig.bearer(token)), inner, sub="", scope="")


def test_refusals_are_not_stored(stack, auth):
    for headers in ([], [rig.bearer("x")], [("Authorization", "Basic x")]):
        answer = auth.ask("/v1/auth/api", *headers)
        nothing(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer"), answer


@pytest.mark.parametrize("method, path", [("CONNECT", "/v1/auth/api"), ("CONNECT", "api.example:443"), ("TRACE", "/v1/auth/api"),
                                          ("TRACE", "*")])
def test_methods_that_are_about_the_connection(stack, auth, method, path):
    token, _ = stack.token()
    nothing(auth.ask(path, rig.bearer(token), method=method), 405, *[400] * (not path.startswith("/")))


@pytest.mark.parametrize("headers, body", [([("Content-Length", "1")], "x"), ([("Content-Length", "100000")], "x" * 100_000),
                                           ([("Transfer-Encoding", "chunked")], "1\r\nx\r\n0\r\n\r\n")])
def test_body_is_refused(stack, auth, headers, body):
    token, _ = stack.token()
    answer = auth.ask("/v1/auth/api", rig.bearer(token), *headers, method="POST", body=body)
    nothing(answer, 413)


def test_empty_body_is_none(stack, auth):
    token, inner = stack.token()
    expect(auth.ask("/v1/auth/api", rig.bearer(token), ("Content-Length", "0"), method="POST"), inner)


@pytest.mark.parametrize("header", [("If-Match", '"x"'), ("If-None-Match", "*"), ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
                                    ("If-Modified-Since", "Thu, 01 Jan 2099 00:00:00 GMT"), ("Range", "bytes=0-1")])
def test_conditions_are_the_apis(stack, auth, header):
    """Gateways hand on what their client wants to know of the API's answer."""
    token, inner = stack.token()
    expect(auth.ask("/v1/auth/api", rig.bearer(token), header, method="PUT"), inner)


def test_headers_of_64_kib(stack, auth):
    token, inner = stack.sized(60_000)
    expect(auth.ask("/v1/auth/api", rig.bearer(token)), inner)
    small, inner = stack.token()
    many = [(f"X-{i}", "y" * 1000) for i in range(60)]
    expect(auth.ask("/v1/auth/api", rig.bearer(small), *many), inner)


def test_headers_over_64_kib(stack, auth):
    answer = auth.ask("/v1/auth/api", rig.bearer("x" * 70_000))
    nothing(answer, 400)
    assert "xxxxxxxx" not in stack.auth.log_text()


def test_nothing_is_logged(stack, auth):
    token, inner = stack.token(sub="the-secret-subject")
    expect(auth.ask("/v1/auth/api/path-of-the-client?access_token=abc", rig.bearer(token)), inner, sub="the-secret-subject")
    auth.ask("/v1/auth/api", rig.bearer(token[:-4]))
    log = stack.auth.where / "access.log"
    C.wait_for(lambda: 'profile="api" status=401' in log.read_text(), "the access log to be written")
    text = log.read_text() + stack.auth.log_text()
    for word in (token[:40], inner[:40], "the-secret-subject", "access_token", "path-of-the-client"):
        assert word not in text, word


def test_pipelined(stack, auth):
    """Answers come in the order of the questions."""
    pairs = [stack.token(sub=f"user-{i}") for i in range(8)]
    auth.socket.sendall("".join(f"GET /v1/auth/api HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer {token}\r\n\r\n"
                                for token, _ in pairs).encode())
    for i, (_, inner) in enumerate(pairs):
        expect(auth.answer(), inner, sub=f"user-{i}")


def test_reload_keeps_what_is_open(stack):
    """A second profile is there after a reload; nobody's connection is lost without an answer."""
    token, inner = stack.token()
    profiles = stack.auth.where / "profiles"
    text = (profiles / "api.conf").read_text()
    with connected(stack.auth.socket) as auth:
        expect(auth.ask("/v1/auth/api", rig.bearer(token)), inner)
        (profiles / "second.conf").write_text(text.replace("location = /api", "location = /second"))
        os.kill(stack.auth.process.pid, signal.SIGHUP)

        def served():
            with connected(stack.auth.socket) as other:
                return other.ask("/v1/auth/second", rig.bearer(token)).status == 200
        C.wait_for(served, "the new profile")
    (profiles / "second.conf").unlink()


def refused(stack, tmp_path, profile):
    """What "nginx -t" says of cek-auth with this profile beside the one that is there."""
    where = tmp_path / "check"
    other = gateways.CekAuth()
    other.configure(where, stack.daemon.socket, stack.signers)
    assert other.check(where).returncode == 0
    (where / "profiles" / "bad.conf").write_text(profile)
    done = other.check(where)
    assert done.returncode != 0, done.stderr
    return done.stderr


PROFILE = "location = /bad {{ auth_jwt x; auth_jwt_key_file {signers}; {more} }}"


@pytest.mark.parametrize("more, says", [
    ("", "no auth_jwt_promise"),
    ("auth_jwt_promise Authorization a; auth_jwt off;", "no auth_jwt"),
    ("auth_jwt_promise Authorization a; auth_jwt_promise authorization b;", "twice"),
    ("auth_jwt_promise 'X Y' a;", "names no header"),
    ("auth_jwt_promise Content-Length 1;", "has by itself"),
    ("auth_jwt_promise X $no_such_variable;", "no_such_variable"),
])
def test_profile_that_does_not_load(stack, tmp_path, more, says):
    text = PROFILE.format(signers=stack.signers, more=more)
    if "off" in more:
        text = text.replace("auth_jwt x; ", "")
    assert says in refused(stack, tmp_path, text)


def test_same_profile_twice(stack, tmp_path):
    text = (stack.auth.where / "profiles" / "api.conf").read_text()
    assert 'duplicate location "/api"' in refused(stack, tmp_path, text)


def test_manual_page_has_the_directives():
    code = (C.SOURCE / "gateways" / "nginx" / "service.c").read_text()
    page = (C.SOURCE / "man" / "cek-auth.8").read_text()
    directives = set(re.findall(r'ngx_string\("(auth_jwt_\w+)"\)', code))
    assert len(directives) == 3
    assert {name for name in directives if not re.search(rf"^\.BI?R? {name} ", page, re.M)} == set()


def counted(status):
    """What /metrics says: name with its labels → number. Each has its help and type before it."""
    page = status.ask("/metrics")
    assert page.status == 200 and page.headers["content-type"] == "text/plain; version=0.0.4", page
    lines = page.body.splitlines()
    numbers = {name: int(number) for name, number in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}
    for name in {name.partition("{")[0] for name in numbers}:
        assert f"# TYPE {name} counter" in lines and any(line.startswith(f"# HELP {name} ") for line in lines)
    return numbers


def test_status_socket(stack, auth):
    token, inner = stack.token()
    with connected(stack.auth.status) as status:
        before = counted(status)
        for _ in range(3):
            expect(auth.ask("/v1/auth/api", rig.bearer(token)), inner)
        nothing(auth.ask("/v1/auth/api", rig.bearer("x")), 401)
        nothing(auth.ask("/v1/auth/api"), 401)
        nothing(auth.ask("/v1/auth/none", rig.bearer(token)), 404)
        grown = {name: n - before[name] for name, n in counted(status).items() if n != before[name]}
        outcome = 'auth_jwt_requests_total{outcome="%s"}'
        assert grown == {outcome % "accepted": 3, outcome % "malformed": 1, outcome % "no_token": 1, "auth_jwt_opened_total": 3}
        health, ready = status.ask("/health"), status.ask("/ready")
        assert (health.status, ready.status) == (200, 200), (health, ready)
        for path in ("/v1/auth/api", "/api", "/"):
            assert status.ask(path, rig.bearer(token)).status == 404, path
    for path in ("/health", "/ready", "/metrics"):
        nothing(auth.ask(path, rig.bearer(token)), 404)


def test_ready(make_cekd):
    """Of a cekd that hangs, that is not there, and that came back."""
    reason = gateways.CekAuth().missing()
    if reason:
        pytest.skip(reason)
    with S.stacked(make_cekd()) as stack:
        def ready():
            with connected(stack.auth.status) as status:
                return status.ask("/ready").status
        assert ready() == 200
        broker = stack.daemon.child("cekd-broker")
        os.kill(broker, signal.SIGSTOP)
        C.wait_for(lambda: ready() == 503, "cek-auth to miss cekd")
        os.kill(broker, signal.SIGCONT)
        C.wait_for(lambda: ready() == 200, "cek-auth to have cekd again")
        stack.daemon.kill()
        C.wait_for(lambda: ready() == 503, "cek-auth to miss cekd")
        with connected(stack.auth.status) as status:
            assert status.ask("/health").status == 200
        stack.daemon.start()
        C.wait_for(lambda: ready() == 200, "cek-auth to have cekd again")
