# SPDX-License-Identifier: Apache-2.0
"""The module among nginx's own: levels and their merging, other access modules, redirects, sub-requests, HTTP/2, reloaded files."""

import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

import cekd as C
import nginx_rig as R
import pytest
from jwcrypto import jwe, jwk
from test_nginx_tokens import INVALID, REALM

pytestmark = R.needs_nginx

HTTP = """
  auth_jwt_cekd unix:{cekd} key=api;
  auth_jwt_type nested;
"""

SERVER = """
    auth_jwt_key_file keys.json;
    auth_jwt_key_file more.json;
    auth_jwt_deny_file denied;
    auth_jwt api;
    root {where}/www;
    proxy_set_header X-Sub $jwt_claim_sub;
    proxy_set_header X-Partner $jwt_reencrypted;

    location / {
      proxy_pass http://{upstream};
      location /open/ { auth_jwt off; proxy_pass http://{upstream}; }
      location /scoped/ { auth_jwt_scope admin; proxy_pass http://{upstream};
        location /scoped/again/ { auth_jwt other; proxy_pass http://{upstream}; } }
      location /undenied/ { auth_jwt_deny_file off; proxy_pass http://{upstream}; }
    }
    location /post/ { limit_except GET { auth_jwt_scope write; } proxy_pass http://{upstream}; }
    location /if/ { set $x ""; if ($arg_a) { set $x 1; }
      proxy_set_header X-If $x; proxy_set_header X-Sub $jwt_claim_sub; proxy_pass http://{upstream}; }
    location /any-address/ { satisfy any; allow 127.0.0.1; deny all; proxy_pass http://{upstream}; }
    location /any-password/ { satisfy any; auth_basic basic; auth_basic_user_file {where}/users; proxy_pass http://{upstream}; }
    location /all/ { deny all; proxy_pass http://{upstream}; }
    location /error/ { error_page 401 =403 @sorry; proxy_pass http://{upstream}; }
    location @sorry { auth_jwt off; return 403 sorry; }
    location /error-here/ { error_page 401 /page.html; proxy_pass http://{upstream}; }
    location /page.html { }
    location /redirected/ { try_files /none /scoped$uri; }
    location /same/ { rewrite ^ /moved/ last; }
    location /moved/ { proxy_pass http://{upstream}; }
    location /first/ { try_files /none /kept$uri; }
    location /stripped/ { auth_jwt_forward strip; try_files /none /scoped$uri; }
    location /kept/ { auth_jwt_forward off; proxy_pass http://{upstream}; }
    location /sub/ { auth_request /check; proxy_pass http://{upstream}; }
    location = /check { internal; proxy_pass_request_body off; proxy_set_header Content-Length "";
      proxy_pass http://{upstream}/check; }
    location /accel/ { proxy_pass http://127.0.0.1:{accel}; }
    location /to-jwk/ { auth_jwt_reencrypt jwk=partner.json enc=A128GCM alg=RSA-OAEP-256; proxy_pass http://{upstream}; }
    location /to-own/ { auth_jwt_reencrypt jwk=own.json; proxy_pass http://{upstream}; }
    location /to-key/ { auth_jwt_reencrypt key=partner; proxy_pass http://{upstream}; }
    location /to-nobody/ { auth_jwt_reencrypt key=none; proxy_pass http://{upstream}; }
"""

ACCEL = """
  server { listen 127.0.0.1:{accel}; location / { add_header X-Accel-Redirect /scoped/again/; return 200; } }
  server { listen 127.0.0.1:{h2} http2; auth_jwt_key_file keys.json; auth_jwt api; location / { proxy_pass http://{upstream}; } }
"""


class Site:
    def __init__(self, daemon, make_nginx):
        self.daemon, self.issuer, self.second = daemon, R.Issuer(), R.Issuer("second", "RSA", "PS256", size=2048)
        for name in ("api", "partner"):
            daemon.key("RSA-OAEP-256", name=name)
        self.key = R.key_of(daemon, "api")
        self.partner = jwk.JWK.generate(kty="RSA", size=2048, kid="partner")
        self.h2, accel = R.free_port(), R.free_port()
        ports = {"{accel}": str(accel), "{h2}": str(self.h2)}
        server, http = SERVER, HTTP + ACCEL
        for name, port in ports.items():
            server, http = server.replace(name, port), http.replace(name, port)
        self.nginx = make_nginx(daemon.socket, server, start=False, http=http)
        self.write("keys.json", self.issuer.jwks())
        self.write("more.json", self.second.jwks())
        self.write("denied", "# nobody\n")
        self.write("users", "alice:{PLAIN}secret\n")
        self.write("partner.json", self.partner.export_public())
        self.write("own.json", json.dumps(self.partner.export_public(as_dict=True) | {"alg": "RSA-OAEP"}))
        (self.nginx.where / "www").mkdir()
        self.write("www/page.html", "a page")
        self.nginx.start()

    def write(self, name, text):
        """As an operator should: a new file by rename."""
        path = self.nginx.where / name
        path.with_name(path.name + ".new").write_text(text)
        path.with_name(path.name + ".new").rename(path)

    def token(self, issuer=None, **claims):
        return R.encrypt(self.key, (issuer or self.issuer).sign(**claims))

    def get(self, *args, **kwargs):
        return self.nginx.get(*args, **kwargs)


@pytest.fixture(scope="module")
def site(shared, make_nginx_module):
    return Site(shared, make_nginx_module)


def test_levels(site):
    assert site.get("/").status == 401
    assert site.get("/open/").status == 200
    assert site.get("/scoped/", site.token()).status == 403
    assert site.get("/scoped/", site.token(scope="admin")).status == 200
    inner = site.get("/scoped/again/", site.token())
    assert inner.challenge == ['Bearer realm="other", error="insufficient_scope", scope="admin"'], "inherited into the nested location"
    assert site.get("/", site.token(site.second)).status == 200, "two key files on one level"


def test_limit_except(site):
    assert site.get("/post/", site.token(scope="read")).status == 200
    assert site.get("/post/", site.token(scope="read"), method="POST", body=b"").status == 403
    assert site.get("/post/", site.token(scope="write"), method="POST", body=b"").status == 200


def test_if(site):
    assert site.get("/if/?a=1").status == 401
    got = site.get("/if/?a=1", site.token()).upstream
    assert got["x-if"] == ["1"] and got["x-sub"] == ["alice"]


def test_satisfy_any_by_address_takes_the_token_away(site):
    got = site.get("/any-address/", "x", headers=[("X-Sub", "root")]).upstream
    assert "authorization" not in got and "x-sub" not in got
    for value in ("Bearer\tx", "bEARER", "Bearer, Bearer x"):
        got = site.get("/any-address/", headers=[("Authorization", value)]).upstream
        assert "authorization" not in got, f"{value!r}: what others may take for a bearer token"
    assert site.get("/any-address/").status == 200
    assert site.get("/any-address/", site.token()).upstream["x-sub"] == ["alice"]
    basic = ("Authorization", "Basic YTpi")
    assert site.get("/any-address/", headers=[basic]).upstream["authorization"] == ["Basic YTpi"], "not a bearer token"


def test_satisfy_any_by_password(site):
    password = ("Authorization", "Basic " + C.base64.b64encode(b"alice:secret").decode())
    assert site.get("/any-password/", headers=[password]).status == 200
    assert site.get("/any-password/", site.token()).status == 200
    answer = site.get("/any-password/")
    assert answer.status == 401 and answer.challenge == [REALM, 'Basic realm="basic"']


def test_satisfy_all(site):
    assert site.get("/all/", site.token()).status == 403


def test_error_page(site):
    answer = site.get("/error/")
    assert (answer.status, answer.body, answer.challenge) == (403, b"sorry", None), "no challenge with what asks for nothing"
    answer = site.get("/error-here/", "x")
    assert answer.status == 401 and answer.challenge == [INVALID], "once, although its error page is refused as well"


def test_internal_redirects(site):
    """The token that came is looked at again, under the rules of where the request goes to."""
    inner = site.issuer.sign(scope="admin")
    got = site.get("/redirected/x", R.encrypt(site.key, inner)).upstream
    assert got["authorization"] == [f"Bearer {inner}"] and got["x-sub"] == ["alice"]
    assert site.get("/redirected/x", site.token()).status == 403
    token = site.token()
    assert site.get("/first/", token).upstream["authorization"] == [f"Bearer {token}"], "put back where it shall not be replaced"
    got = site.get("/stripped/x", R.encrypt(site.key, inner), headers=[(f"X-{i}", "x") for i in range(3)]).upstream
    assert got["authorization"] == [f"Bearer {inner}"] and got["x-2"] == ["x"], "taken out, and put in again"
    assert site.get("/same/", site.token()).upstream["x-sub"] == ["alice"]
    assert site.get("/accel/", site.token(scope="admin")).upstream["x-sub"] == ["alice"]
    assert site.get("/accel/", site.token()).status == 403


def test_sub_requests_see_the_inner_jwt(site):
    inner = site.issuer.sign()
    got = site.get("/sub/", R.encrypt(site.key, inner)).upstream
    assert got["authorization"] == [f"Bearer {inner}"]
    assert site.get("/sub/").status == 401


def curl_h2(site, *args):
    done = C.run(["curl", "-s", "-i", "--http2-prior-knowledge", "-m", str(C.PATIENCE), f"http://127.0.0.1:{site.h2}/", *args])
    return done.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_http2(site):
    inner = site.issuer.sign()
    out = curl_h2(site, "-H", f"Authorization: Bearer {R.encrypt(site.key, inner)}")
    assert out.startswith("HTTP/2 200") and f'"Bearer {inner}"' in out
    assert curl_h2(site).startswith("HTTP/2 401")
    assert curl_h2(site, "-H", f"Authorization: Bearer {site.token()}", "-d", "x" * 100000).startswith("HTTP/2 200")
    out = curl_h2(site, "-H", f"Authorization: Bearer {site.token(exp=1)}")
    assert out.startswith("HTTP/2 401") and INVALID in out
    out = curl_h2(site, "-H", "Authorization: Bearer a", "-H", "authorization: Bearer b")
    assert re.match(r"HTTP/2 40[01]", out)


def test_reencrypt(site):
    inner = site.issuer.sign()
    token = site.get("/to-jwk/", R.encrypt(site.key, inner)).upstream["x-partner"][0]
    opened = jwe.JWE()
    opened.deserialize(token, site.partner)
    assert opened.payload.decode() == inner
    header = opened.jose_header
    assert (header["alg"], header["enc"], header["kid"], header["cty"]) == ("RSA-OAEP-256", "A128GCM", "partner", "JWT")
    first, second = (site.get("/to-key/", R.encrypt(site.key, inner)).upstream["x-partner"][0] for _ in range(2))
    assert C.run([C.CEKCTL, "jwe", "decrypt", "--key", "partner"], input=first, env=site.daemon.cekctl_env()).stdout == inner
    assert not set(first.split(".")[1:]) & set(second.split(".")[1:]), "key, IV, text and tag are fresh"
    assert site.get("/to-nobody/", site.token()).status == 500, "the configuration's fault, not the client's"


def opened(site, path):
    """The header of the token that was made for the partner."""
    token = jwe.JWE()
    token.deserialize(site.get(path, site.token()).upstream["x-partner"][0], site.partner)
    return token.jose_header


@pytest.mark.parametrize("path, name, bad", [
    ("/to-own/", "own.json", {"alg": None}), ("/to-jwk/", "partner.json", jwk.JWK.generate(kty="EC", crv="P-256"))])
def test_a_partner_key_that_cannot_be_used_changes_nothing(site, path, name, bad):
    """Each request would be answered with 500 otherwise."""
    partner = json.loads((site.nginx.where / name).read_text())
    wrong = bad.export_public(as_dict=True) if isinstance(bad, jwk.JWK) else partner | bad
    before = site.nginx.log().count("what was read before stays")
    site.write(name, json.dumps({member: value for member, value in wrong.items() if value}))
    C.wait_for(lambda: site.nginx.log().count("what was read before stays") == before + 1, "the fault to be told")
    assert opened(site, path)["kid"] == partner["kid"]
    site.write(name, json.dumps(partner | {"kid": "renamed"}))
    C.wait_for(lambda: opened(site, path)["kid"] == "renamed", "a good one to be read")


def test_deny_list_is_read_again(site):
    token, other = site.token(jti="one", sid="s 1"), site.token(jti="two", sub="bob")
    assert [site.get(token=t).status for t in (token, other)] == [200, 200]
    for entry, gone in (("jti one", token), ("sid  s 1 ", token), ("sub\tbob", other)):
        site.write("denied", f"# a comment\n\n{entry}\r\njti onetwo\n")
        C.wait_for(lambda: site.get(token=gone).status == 401, f"{entry} to be refused")
        answer = site.get(token=gone)
        assert answer.challenge == [INVALID]
        assert site.get(token=other if gone == token else token).status == 200
        assert site.get("/undenied/", token=gone).status == 200
    site.write("denied", "")
    C.wait_for(lambda: site.get(token=other).status == 200, "the list to be empty")


def test_a_large_deny_list_is_read_between_requests(site):
    """One of 8 MiB, the same entry many times among the others: requests are answered while it is read."""
    gone, kept = site.token(jti="one"), site.token(jti="two")
    entries = [f"jti {C.b64(os.urandom(24))}" for _ in range(150_000)]
    entries[1::2] = ["sub nobody"] * (len(entries) // 2)
    text = "\n".join(["jti one", *entries, ""]) + "#" * 4_000_000 + "\n"

    def between():
        """The messages of the requests that were refused meanwhile."""
        site.write("denied", "")
        C.wait_for(lambda: site.get(token=gone).status == 200, "the list to be empty")
        begun = len(site.nginx.log())
        site.write("denied", text)
        until = time.monotonic() + C.PATIENCE
        while "has changed and was read again" not in (log := site.nginx.log()[begun:]):
            assert site.get(token="x").status == 401 and time.monotonic() < until
        steps = log.partition("is read in steps")[2].partition("has changed and was read again")[0]
        return steps.count("auth_jwt: ")
    C.wait_for(between, "a request to come between two steps")
    assert (site.get(token=gone).status, site.get(token=kept).status) == (401, 200)
    assert site.get(token=site.token(sub="nobody")).status == 401
    site.write("denied", "jti two\n" + text.replace("#", "x", 1))
    C.wait_for(lambda: "is none of" in site.nginx.log()[-2000:], "the fault at its end to be told")
    assert (site.get(token=gone).status, site.get(token=kept).status) == (401, 200), "what was read before stays"
    site.write("denied", "")
    C.wait_for(lambda: site.get(token=gone).status == 200, "the list to be empty")


def test_a_deny_list_that_is_replaced_while_it_is_read(site):
    """Each of them is whole, however often that happens."""
    token, denied, begun = site.token(jti="one"), site.nginx.where / "denied", len(site.nginx.log())
    lists, new = [denied.with_name(f"denied.{number}") for number in range(2)], denied.with_name("denied.new")
    for path in lists:
        path.write_text("jti one\n" + ("#" * 99_999 + "\n") * 160)
    stop = threading.Event()

    def replace():
        for path in itertools.cycle(lists):
            if stop.is_set():
                return
            os.link(path, new)
            new.rename(denied)
    replacing = threading.Thread(target=replace)
    replacing.start()
    until = time.monotonic() + C.PATIENCE
    while "cannot be used" not in (log := site.nginx.log()[begun:]) and log.count("was read again") < 2 and time.monotonic() < until:
        site.get(token="x")
    stop.set()
    replacing.join()
    for path in lists:
        path.unlink()
    assert "cannot be used" not in log and "was read again" in log
    C.wait_for(lambda: site.get(token=token).status == 401, "the list to be read")
    site.write("denied", "")
    C.wait_for(lambda: site.get(token=token).status == 200, "the list to be empty")


@pytest.mark.skipif(R.rig.sanitized(R.MODULE), reason="a sanitizer ends a process without memory")
def test_a_deny_list_that_a_worker_has_no_memory_for(site):
    """It is read when there is some, although it does not change again."""
    token, begun = site.token(jti="one"), len(site.nginx.log())
    assert site.get(token=token).status == 200
    (worker,) = site.nginx.workers_of()
    status = pathlib.Path(f"/proc/{worker}/status").read_text()
    uid, gid, used = (int(re.search(rf"^{name}:\s+(\d+)", status, re.M)[1]) for name in ("Uid", "Gid", "VmSize"))

    def limit(size):
        """By the worker's own user: root may be without CAP_SYS_RESOURCE."""
        subprocess.run(["prlimit", f"--pid={worker}", f"--as={size}:"], user=uid, group=gid, check=True)
    limit((used + 1024) * 1024)
    site.write("denied", "jti one\n" + ("#" * 99_999 + "\n") * 80)
    C.wait_for(lambda: "as a deny list: no memory" in site.nginx.log()[begun:], "the fault to be told")
    assert site.get(token=token).status == 200
    limit("unlimited")
    C.wait_for(lambda: site.get(token=token).status == 401, "the list to be read")
    site.write("denied", "")
    C.wait_for(lambda: site.get(token=token).status == 200, "the list to be empty")


@pytest.mark.parametrize("text,why", [("jti one\nnonsense\n", "line 2 is none of"), ("jti one\njti tw", "its last line has no end, as of a list that is still being written"),
                                      ("jtione\n", "line 1 is none of"), ("exp 1\n", "line 1 is none of")])
def test_a_bad_deny_list_changes_nothing(site, text, why):
    site.write("denied", "jti kept\n")
    kept = site.token(jti="kept")
    C.wait_for(lambda: site.get(token=kept).status == 401, "kept to be refused")
    before = site.nginx.log().count(why)
    site.write("denied", text)
    C.wait_for(lambda: site.nginx.log().count(why) == before + 1, "the fault to be told")
    assert site.get(token=kept).status == 401
    assert site.get(token=site.token(jti="one")).status == 200
    site.write("denied", "")
    C.wait_for(lambda: site.get(token=kept).status == 200, "the list to be empty")


def test_a_file_is_read_when_there_are_descriptors_again(shared, make_nginx):
    """A deny list that comes while clients have taken all of them counts nevertheless, as soon as it can be read."""
    limit, issuer = 40, R.Issuer()
    nginx = make_nginx(shared.socket, "auth_jwt api; auth_jwt_key_file keys.json; auth_jwt_deny_file denied; root {where};",
                       start=False, main=f"worker_rlimit_nofile {limit};\n")
    (nginx.where / "keys.json").write_text(issuer.jwks())
    (nginx.where / "denied").write_text("sub nobody\n")
    token = nginx.start() and issuer.sign()
    assert nginx.get("/none", token).status == 404
    descriptors = pathlib.Path(f"/proc/{nginx.workers_of()[0]}/fd")
    clients = []
    while (n := len(os.listdir(descriptors))) < limit:
        clients.append(socket.create_connection(("127.0.0.1", nginx.port)))
        C.wait_for(lambda: len(os.listdir(descriptors)) > n, "the connection to be accepted")
    (nginx.where / "new").write_text("sub alice\n")
    (nginx.where / "new").rename(nginx.where / "denied")
    C.wait_for(lambda: "Too many open files" in nginx.log(), "the list to be looked at in vain")
    for client in clients:
        client.close()
    C.wait_for(lambda: nginx.get("/none", token).status == 401, "the list to be read")


def test_key_files_are_read_again(site):
    third = R.Issuer("third", "OKP", "EdDSA", crv="Ed25519")
    token = site.token(third)
    assert site.get(token=token).status == 401
    site.write("more.json", third.jwks())
    C.wait_for(lambda: site.get(token=token).status == 200, "the new key to be known")
    assert site.get(token=site.token(site.second)).status == 401, "the former one is gone"
    for bad in ("{", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "AAAA"}]}'):
        before = site.nginx.log().count("what was read before stays")
        site.write("more.json", bad)
        C.wait_for(lambda: site.nginx.log().count("what was read before stays") == before + 1, "the fault to be told")
        assert site.get(token=token).status == 200
    before = site.nginx.log().count("what was read before stays")
    (site.nginx.where / "more.json").unlink()
    C.wait_for(lambda: site.nginx.log().count("what was read before stays") == before + 1, "the absence to be told")
    assert site.get(token=token).status == 200
    site.write("more.json", site.second.jwks())
    C.wait_for(lambda: site.get(token=site.token(site.second)).status == 200, "the second signer's key to be back")
