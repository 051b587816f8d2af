# SPDX-License-Identifier: Apache-2.0
"""The module when cekd, nginx or a client goes away, stops or comes back; whose uid it has; what it writes and keeps."""

import os
import pwd
import re
import signal
import socket
import threading
import time

import cekd as C
import nginx_rig as R
import pytest
from test_nginx_tokens import INVALID

pytestmark = R.needs_nginx

HTTP = """
  auth_jwt_cekd unix:{cekd} key=api;
  auth_jwt_key_file keys.json;
  auth_jwt_type nested;
"""

SERVER = """
    location / { auth_jwt api; proxy_set_header X-Sub $jwt_claim_sub; proxy_pass http://{upstream}; }
    location /cached/ { auth_jwt api; auth_jwt_cache 1000 60s; proxy_pass http://{upstream}; }
    location /quick/ { auth_jwt api; auth_jwt_timeout 300ms; proxy_pass http://{upstream}; }
    location /patient/ { auth_jwt api; auth_jwt_timeout 60s; proxy_pass http://{upstream}; }
    location /argument/ { auth_jwt api token=$arg_token; proxy_pass http://{upstream}; }
    location /local/ { auth_jwt api; try_files /none @local; }
    location @local { return 200 "$jwt_claim_sub"; }
    location /page/ { auth_jwt api; error_page 401 503 =200 @page; }
    location @page { return 200 "page"; }
    location /two/ { auth_jwt api; auth_jwt_cekd unix:{cekd} key=second key=api; proxy_pass http://{upstream}; }
    location /status { auth_jwt_status; }
"""


class Site:
    def __init__(self, daemon, make_nginx, **options):
        self.daemon, self.issuer = daemon, R.Issuer()
        daemon.key("RSA-OAEP-256", name="api")
        self.key = R.key_of(daemon, "api")
        self.nginx = make_nginx(daemon.socket, SERVER, start=False, http=HTTP, **options)
        (self.nginx.where / "keys.json").write_text(self.issuer.jwks())
        self.nginx.start()

    def token(self, **claims):
        return R.encrypt(self.key, self.issuer.sign(**claims))

    def get(self, *args, **kwargs):
        return self.nginx.get(*args, **kwargs)

    def counter(self, name):
        lines = self.get("/status").body.decode().splitlines()
        return next(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


@pytest.fixture
def site(make_cekd, make_nginx):
    return Site(make_cekd(), make_nginx)


def timed(function):
    begun = time.monotonic()
    return function(), time.monotonic() - begun


def temporary(answer):
    assert (answer.status, answer.headers["Retry-After"], answer.challenge) == (503, "1", None)
    return True


def test_each_worker_connects_as_its_own_user(site):
    site.get(token=site.token())
    uids = {record["uid"] for record in site.daemon.audit_records() if record["op"] == "unwrap"}
    assert uids == {pwd.getpwnam(R.USER).pw_uid if C.ROOT else os.geteuid()}


def test_cekd_that_is_away_stopped_or_restarted(site):
    assert site.get(token=site.token()).status == 200
    broker = site.daemon.child("cekd-broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        answer, seconds = timed(lambda: site.get(token=site.token()))
        assert temporary(answer)
        assert 1.8 <= seconds < 2 + C.PATIENCE / 60, "by its own time-out, not by luck"
        answer, seconds = timed(lambda: site.get("/quick/", token=site.token()))
        assert temporary(answer) and 0.3 <= seconds < 1.8
        assert site.get(token="x").status == 401, "what needs no cekd is told meanwhile"
    finally:
        os.kill(broker, signal.SIGCONT)
    C.wait_for(lambda: site.get(token=site.token()).status == 200, "cekd to go on")
    site.daemon.stop()
    assert temporary(site.get(token=site.token()))
    for token in (site.token(), "x"):
        answer = site.get("/page/", token)
        assert (answer.status, answer.body, answer.headers["Retry-After"], answer.challenge) == (200, b"page", None, None)
    site.daemon.start()
    C.wait_for(lambda: site.get(token=site.token()).status == 200, "the new cekd to be found")


def test_never_there(make_cekd, make_nginx):
    site = Site(make_cekd(), make_nginx)
    site.daemon.stop()
    for _ in range(3):
        answer, seconds = timed(lambda: site.get(token=site.token()))
        assert temporary(answer) and seconds < 2 + C.PATIENCE / 60
    site.daemon.start()
    assert site.get(token=site.token()).status == 200, "found at once, however long it was away"


def test_a_worker_that_has_never_seen_cekd_waits_for_it(site):
    """nginx reloads while cekd restarts: the new worker knows nothing of the cekd that was there."""
    site.daemon.stop()
    site.nginx.reload()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(site.get("/patient/", site.token()).status)) for _ in range(5)]
    for thread in threads:
        thread.start()
    C.wait_for(lambda: temporary(site.get(token=site.token())), "the other requests to be asked meanwhile")
    assert answers == []
    site.daemon.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 5


def test_not_allowed_is_not_the_clients_fault(make_cekd, make_nginx):
    rules = {"most": {"anyone": True, "operations": [o for o in C.OPERATIONS if o != "unwrap"], "keys": ["*"]}}
    site = Site(make_cekd(rules=rules), make_nginx)
    answer = site.get(token=site.token())
    assert (answer.status, answer.challenge, answer.headers["Retry-After"]) == (500, None, None)
    assert "[error]" in site.nginx.log()


def test_one_of_two_keys_is_not_allowed(make_cekd, make_nginx):
    """Tokens of the other one are opened all the same."""
    rules = {"most": {"anyone": True, "operations": [o for o in C.OPERATIONS if o != "unwrap"], "keys": ["*"]},
             "some": {"anyone": True, "operations": ["unwrap"], "keys": ["api"]}}
    site = Site(make_cekd(rules=rules), make_nginx)
    site.daemon.key("RSA-OAEP-256", name="second")
    assert site.get("/two/", site.token()).status == 200
    assert site.get("/two/", R.encrypt(R.key_of(site.daemon, "second"), site.issuer.sign())).status == 401
    assert 'refused: unwrap on key second' in site.daemon.log_text()


def test_state_of_the_key(site):
    """Rotation loses nobody; a suspended version opens nothing, from its cache neither."""
    old = site.token()
    assert site.get("/cached/", old).status == 200
    C.wait_for(lambda: site.get("/cached/", old).status == 200 and site.counter("auth_jwt_opened_from_cache_total") > 0, "a hit")
    with site.daemon.client() as client:
        client.rotate("api")
    former = site.key["kid"]
    site.key = R.key_of(site.daemon, "api")
    assert site.key["kid"] != former
    assert [site.get(where, token).status for where in ("/", "/cached/") for token in (old, site.token())] == [200] * 4
    site.daemon.cekctl("key", "suspend", former)
    for where in ("/", "/cached/"):
        answer = site.get(where, old)
        assert (answer.status, answer.challenge) == (401, [INVALID])
    assert site.get(token=site.token()).status == 200


def test_a_client_that_leaves_cancels_its_question(site):
    assert site.get(token=site.token()).status == 200
    broker, worker = site.daemon.child("cekd-broker"), site.nginx.workers_of()[0]
    os.kill(broker, signal.SIGSTOP)
    try:
        request = f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {site.token()}\r\n\r\n".encode()
        for early in (True, False):  # they left before nginx read what they asked, or afterwards
            if early:
                os.kill(worker, signal.SIGSTOP)
            clients = [socket.create_connection(("127.0.0.1", site.nginx.port)) for _ in range(10)]
            for client in clients:
                client.sendall(request)
            if not early:
                assert site.get("/status").status == 200
            for client in clients:
                client.close()
            os.kill(worker, signal.SIGCONT)
        timed_out = 'auth_jwt_requests_total{outcome="unavailable"}'
        C.wait_for(lambda: site.counter("auth_jwt_left_total") + site.counter(timed_out) == 20, "the clients to be noticed")
        assert site.counter("auth_jwt_left_total") == 20, "not by a time-out"
    finally:
        os.kill(broker, signal.SIGCONT)
    C.wait_for(lambda: site.get(token=site.token()).status == 200, "cekd to go on")


def test_named_location(site):
    assert site.get("/local/", site.token()).body == b"alice"


def secrets_of(inner, token):
    return {"token": token, "part of it": token.split(".")[3][:40], "jwt": inner, "its payload": inner.split(".")[1][:40],
            "its signature": inner.split(".")[2][:40], "a claim": "very-secret-subject"}


def requests_of_all_kinds(site):
    inner = site.issuer.sign(sub="very-secret-subject", groups=["very-secret-subject"])
    token = R.encrypt(site.key, inner)
    expired = R.encrypt(site.key, site.issuer.sign(sub="very-secret-subject", exp=1))
    for path, value in (("/", token), ("/", expired), ("/", token[:-9]), ("/cached/", token), ("/local/", token), ("/", inner)):
        site.get(path, value)
    return inner, token


def test_nothing_of_a_token_is_logged(site):
    inner, token = requests_of_all_kinds(site)
    text = site.nginx.log() + (site.nginx.where / "access.log").read_text()
    assert "auth_jwt: " in text, "the faults are told"
    assert [name for name, secret in secrets_of(inner, token).items() if secret in text] == []


def test_nothing_is_logged_by_the_module_for_debugging(make_cekd, make_nginx):
    """At that level nginx itself writes the headers that it reads and sends, and the values of variables; the module nothing."""
    site = Site(make_cekd(), make_nginx, level="debug")
    inner, token = requests_of_all_kinds(site)
    own = re.compile(r"http2? header: |http proxy header|http script (var|copy)|^[A-Za-z-]+: |http (variable|args|uri|cookie)")
    secrets = secrets_of(inner, token).values()
    lines = [line for line in site.nginx.log().splitlines() if any(secret in line for secret in secrets)]
    assert lines, "nginx does so, which the manual page warns of"
    assert [line for line in lines if not own.search(line)] == []


def test_a_token_in_the_arguments_is_not_in_the_messages_about_it(site):
    token = site.token(exp=1)
    assert site.get(f"/argument/?token={token}").status == 401
    lines = [line for line in site.nginx.log().splitlines() if "auth_jwt: " in line]
    assert lines and not any(token[:40] in line for line in lines)


def in_memory(pid, needles):
    """Those of the byte strings that the memory of a process holds."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end = (int(part, 16) for part in line.split(" ", 1)[0].split("-"))
            if "r" not in line.split()[1] or "[vvar" in line or "[vsyscall" in line:
                continue
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, OverflowError, ValueError):
                continue
            found |= {name for name, needle in needles.items() if needle in data}
    return found


@pytest.mark.skipif(not C.ROOT, reason="needs root to read the memory of nginx's workers")
@pytest.mark.skipif(R.rig.sanitized(R.MODULE), reason="a sanitizer keeps freed memory, and maps terabytes")
def test_memory(make_cekd, make_nginx, tmp_path):
    """No private key in nginx; and of what went through it, once the requests are over, nothing that the module held."""
    from jwcrypto import jwk
    key = jwk.JWK.generate(kty="RSA", size=2048)
    private = tmp_path / "private.json"
    private.write_text(key.export_private())
    daemon = make_cekd()
    daemon.cekctl("key", "import", "api", "--alg", "RSA-OAEP-256", "--jwk", private)
    site = Site(daemon, make_nginx)
    inner = site.issuer.sign()
    for _ in range(50):
        assert site.get("/local/", R.encrypt(site.key, inner)).status == 200
    parts = {name: C.unb64(key.export_private(as_dict=True)[name]) for name in ("d", "p", "q")}
    needles = {f"{name}{how}": value for name, part in parts.items()
               for how, value in (("", part[:32]), (" as a number of OpenSSL's", part[:32][::-1]))}
    worker = site.nginx.workers_of()[0]
    more = {"jwt": inner.encode()[-60:], "name": b"ngx_http_cekd_module"}
    assert in_memory(worker, needles | more) == {"name"}, "and it is read at all"
    assert in_memory(site.nginx.master(), needles) == set()
