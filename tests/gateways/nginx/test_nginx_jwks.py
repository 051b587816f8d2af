# SPDX-License-Identifier: Apache-2.0
"""auth_jwt_cekd_jwks: issuers get a whole set, of now or, if cekd cannot say, of before."""

import json
import os
import re
import signal
import socket
import time

import cekd as C
import nginx_rig as R
import pytest

pytestmark = R.needs_nginx

SERVER = """
    location = /jwks { auth_jwt_cekd_jwks unix:{cekd} api; }
    location = /both { auth_jwt_cekd unix:{cekd} key=api; auth_jwt_cekd_jwks api other; }
    location = /none { auth_jwt_cekd_jwks unix:{cekd} none; }
    location = /half { auth_jwt_cekd_jwks unix:{cekd} api none; }
    location = /secret { auth_jwt_cekd_jwks unix:{cekd} secret; }
"""


class Site:
    def __init__(self, daemon, make_nginx, server=SERVER, **options):
        self.daemon = daemon
        daemon.key("RSA-OAEP-256", name="api")
        daemon.key("ECDH-ES", "P-256", name="other")
        daemon.key("A256KW", name="secret")
        self.nginx = make_nginx(daemon.socket, server, **options)

    def get(self, path="/jwks", **kwargs):
        return self.nginx.get(path, **kwargs)

    def expected(self, *names):
        return [key["kid"] for key in json.loads(self.daemon.cekctl("jwks", *names).stdout)["keys"]]


@pytest.fixture
def site(make_cekd, make_nginx):
    return Site(make_cekd(), make_nginx)


def kids(answer):
    assert answer.status == 200, (answer.status, answer.body)
    return [key["kid"] for key in json.loads(answer.body)["keys"]]


def max_age(answer):
    return int(re.fullmatch(r"public, max-age=(\d+)", answer.headers["Cache-Control"])[1])


def nothing_yet(answer):
    assert (answer.status, answer.headers["Retry-After"], answer.headers["Cache-Control"]) == (503, "1", "no-store")
    assert answer.headers["ETag"] is None
    return True


def test_served_from_the_first_request_on(site):
    answer = site.get()
    assert kids(answer) == site.expected("api")
    assert json.loads(answer.body) == json.loads(site.daemon.cekctl("jwks", "api").stdout)
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert re.fullmatch('"[0-9a-f]{40}"', answer.headers["ETag"])
    assert max_age(answer) == 60, "nobody planned anything"
    assert kids(site.get("/both")) == site.expected("api", "other")


def test_head_and_other_methods(site):
    answer, head = site.get(), site.get(method="HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers[name] == answer.headers[name] is not None
    for method in ("POST", "PUT", "DELETE"):
        refused = site.get(method=method, body=b"{}")
        assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")


def test_not_modified_until_it_is(site):
    answer = site.get()
    known = [("If-None-Match", answer.headers["ETag"])]
    same = site.get(headers=known)
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    assert max_age(same) == max_age(answer)
    assert site.get(headers=[("If-None-Match", '"other"')]).status == 200
    site.daemon.cekctl("key", "rotate", "api")
    C.wait_for(lambda: site.get(headers=known).status == 200, "the rotation to be seen")


def test_a_rotation_is_seen_at_once_by_all_workers(make_cekd, make_nginx):
    site = Site(make_cekd(), make_nginx, workers=2)
    before = kids(site.get())
    site.daemon.cekctl("key", "rotate", "api")
    now, begun = site.expected("api"), time.monotonic()
    assert now != before
    C.wait_for(lambda: all(kids(site.get()) == now for _ in range(20)), "the rotation to be seen")
    assert time.monotonic() - begun < 1 + C.PATIENCE / 12, "by the watch, not by asking once a minute"
    site.daemon.cekctl("key", "rotate", "api")  # the watch stands still
    now = site.expected("api")
    C.wait_for(lambda: all(kids(site.get()) == now for _ in range(20)), "the second one to be seen")


def test_max_age_is_that_of_the_plan_and_runs_down(site):
    site.daemon.cekctl("key", "schedule", "api", "--jwks-max-age", "1h")
    C.wait_for(lambda: max_age(site.get()) > 60, "the plan to be seen")
    C.wait_for(lambda: 3500 < max_age(site.get()) < 3600, "time to pass")
    assert max_age(site.get("/both")) <= 3600


def test_cekd_away_and_back(site):
    before = site.get()
    site.daemon.stop()
    for _ in range(3):
        answer = site.get()
        assert (answer.status, answer.body, answer.headers["ETag"]) == (200, before.body, before.headers["ETag"])
    C.wait_for(lambda: "the set of before stays" in site.nginx.log(), "it to be told")
    site.daemon.start()
    site.daemon.cekctl("key", "rotate", "api")
    now = site.expected("api")
    assert now != kids(before)
    C.wait_for(lambda: kids(site.get()) == now, "the new cekd to be found")
    C.wait_for(lambda: "in step with cekd" in site.nginx.log(), "it to be told")


def test_cekd_that_hangs(site):
    before = site.get()
    broker = site.daemon.child("cekd-broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert site.get().body == before.body
        assert time.monotonic() - begun < 1 + C.PATIENCE / 60, "it is not waited for"
        site.nginx.reload()  # the new worker has no set; it waits for its question's end, and no longer
        assert nothing_yet(site.get())
    finally:
        os.kill(broker, signal.SIGCONT)
    C.wait_for(lambda: site.get().status == 200, "cekd to go on")
    assert site.get().body == before.body


def test_not_there_when_nginx_starts(site):
    site.daemon.stop()
    site.nginx.reload()
    assert nothing_yet(site.get())
    assert nothing_yet(site.get(method="HEAD"))
    site.daemon.start()
    C.wait_for(lambda: site.get().status == 200, "cekd to be found")
    assert kids(site.get()) == site.expected("api")


def test_never_empty_or_partial(site):
    """A name that is none, a key that has no public one, one of two: no set. A key that loses its last version: the one of before."""
    for path in ("/none", "/half", "/secret"):
        assert nothing_yet(site.get(path)), path
    before = site.get(), site.get("/both")
    site.daemon.cekctl("key", "suspend", kids(before[0])[0], "--force")
    C.wait_for(lambda: 'key "api" has no version to encrypt for' in site.nginx.log(), "the suspension to be seen")
    assert site.get().body == before[0].body
    C.wait_for(lambda: site.nginx.log().count('key "api" has no version to encrypt for; the set of before stays') >= 2, "both sets")
    assert site.get("/both").body == before[1].body
    site.daemon.cekctl("key", "rotate", "api")
    C.wait_for(lambda: kids(site.get()) == site.expected("api"), "the new version to be seen")
    site.daemon.key("RSA-OAEP-256", name="none")
    C.wait_for(lambda: site.get("/half").status == 200, "the new key to be seen")
    assert kids(site.get("/half")) == site.expected("api", "none")


@pytest.mark.long
def test_without_the_right_to_watch(make_cekd, make_nginx):
    rules = {"most": {"anyone": True, "operations": [o for o in C.OPERATIONS if o != "watch"], "keys": ["*"]}}
    site = Site(make_cekd(rules=rules), make_nginx)
    before = kids(site.get())
    C.wait_for(lambda: "cekd lets this user not watch" in site.nginx.log(), "it to be told")
    site.daemon.cekctl("key", "rotate", "api")
    C.wait_for(lambda: kids(site.get()) != before, "the set to be asked for again")


def test_a_client_that_leaves_while_it_waits(site):
    broker = site.daemon.child("cekd-broker")
    os.kill(broker, signal.SIGSTOP)
    try:
        site.nginx.reload()
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", site.nginx.port)) as client:
                client.sendall(b"GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n")
    finally:
        os.kill(broker, signal.SIGCONT)
    C.wait_for(lambda: site.get().status == 200, "cekd to go on")


@pytest.mark.parametrize("directive,why", [
    ("auth_jwt_cekd_jwks;", "invalid number of arguments"),
    ("auth_jwt_cekd_jwks api;", "names no socket"),
    ("auth_jwt_cekd_jwks unix:/run/cekd.sock;", "names no key of cekd"),
    ("auth_jwt_cekd_jwks unix:cekd.sock api;", '"unix:cekd.sock" is no socket'),
    ('auth_jwt_cekd_jwks unix:/run/cekd.sock "";', "one is empty"),
    ("auth_jwt_cekd_jwks unix:/a a; auth_jwt_cekd_jwks unix:/a b;", "is duplicate"),
])
def test_faults_of_the_configuration(make_nginx, directive, why):
    nginx = make_nginx("/nowhere", f"location = /jwks {{ {directive} }}", start=False)
    code, text = nginx.check()
    assert code != 0 and why in text, text
