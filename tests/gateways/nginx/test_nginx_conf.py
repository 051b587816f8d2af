# SPDX-License-Identifier: Apache-2.0
"""What the module reads: each fault of a configuration is named, and the manual page has all that the code has."""

import re

import cekd as C
import nginx_rig as R
import pytest

pytestmark = R.needs_nginx

SOURCES = C.SOURCE / "gateways" / "nginx"
PAGE = (C.SOURCE / "man" / "ngx_http_cekd_module.7").read_text()

COMPLETE = """
    auth_jwt_cekd unix:/run/cekd/cekd.sock key=api;
    auth_jwt_key_file keys.json;
    auth_jwt api;
    auth_jwt_type nested;
"""


@pytest.fixture(scope="module")
def check(make_nginx_module):
    """check(server, http) → what nginx -t says, and whether it is content."""
    nginx = make_nginx_module("/nowhere", "", start=False)
    (nginx.where / "keys.json").write_text(R.Issuer().jwks())

    def check(server, http=""):
        nginx.write(server, http)
        code, text = nginx.check()
        return code == 0, text

    check.where = nginx.where
    return check


def test_complete(check):
    content, text = check(COMPLETE)
    assert content, text


@pytest.mark.parametrize("server,why", [
    ("auth_jwt api;", "auth_jwt is on, but there is no auth_jwt_key_file"),
    ("auth_jwt api; auth_jwt_type nested; auth_jwt_key_file keys.json;", "auth_jwt is on, but there is no auth_jwt_cekd"),
    ("auth_jwt api; auth_jwt_type encrypted;", "auth_jwt is on, but there is no auth_jwt_cekd"),
    ("auth_jwt api; auth_jwt_key_file keys.json; auth_jwt_reencrypt key=partner;", "auth_jwt is on, but there is no auth_jwt_cekd"),
    ("auth_jwt api token=cookie;", '"token=cookie" is not "token=$variable"'),
    ("auth_jwt api cookie=$a;", '"cookie=$a" is not "token=$variable"'),
    ("auth_jwt a; auth_jwt b;", "is duplicate"),
    ("auth_jwt_type jwe;", 'invalid value "jwe"'),
    ("auth_jwt_key_file none.json;", 'none.json" cannot be used as a JWK Set of signers: No such file'),
    ("auth_jwt_key_file /;", '"/" cannot be used as a JWK Set of signers: it is no regular file'),
    ("auth_jwt_key_file bad.json;", 'bad.json" cannot be used as a JWK Set of signers: '),
    ("auth_jwt_key_file private.json;", 'private.json" cannot be used as a JWK Set of signers: '),
    ("auth_jwt_key_file empty.json;", "it has no public key for signatures"),
    ("auth_jwt_key_file $host.json;", "has a variable"),
    ("auth_jwt_key_cache soon;", "is no time"),
    ("auth_jwt_leeway x;", "invalid value"),
    (COMPLETE + "auth_jwt_leeway 2d;", "auth_jwt_leeway is at most 1d"),
    ("auth_jwt_require;", "invalid number of arguments"),
    ("auth_jwt_require 1;", '"1" does not begin with a variable'),
    ("auth_jwt_require error=403;", "names no variable"),
    ("auth_jwt_require $host error=404;", '"error=404" is neither'),
    ("auth_jwt_cekd /run/cekd.sock key=api;", '"/run/cekd.sock" is no socket'),
    ("auth_jwt_cekd unix:cekd.sock key=api;", '"unix:cekd.sock" is no socket'),
    (f"auth_jwt_cekd unix:/{'x' * 107} key=api;", "is no socket"),
    ("auth_jwt_cekd unix:/cekd.sock api;", '"api" is not "key=NAME"'),
    ("auth_jwt_cekd unix:/cekd.sock key=;", '"key=" is not "key=NAME"'),
    ("auth_jwt_cekd unix:/cekd.sock;", "invalid number of arguments"),
    ("auth_jwt_jwe_algs RSA1_5;", '"RSA1_5" is no algorithm of "auth_jwt_jwe_algs"'),
    ("auth_jwt_jwe_algs dir;", '"dir" is no algorithm'),
    ("auth_jwt_jwe_encs A256;", '"A256" is no algorithm'),
    ("auth_jwt_jws_algs HS256;", '"HS256" is no algorithm'),
    ("auth_jwt_jws_algs none;", '"none" is no algorithm'),
    ("auth_jwt_jws_algs RS256; auth_jwt_jws_algs RS256;", "is duplicate"),
    (COMPLETE + "auth_jwt_max_header 8193;", "auth_jwt_max_header is from 1 to 8k"),
    (COMPLETE + "auth_jwt_max_header 0;", "auth_jwt_max_header is from 1 to 8k"),
    (COMPLETE + "auth_jwt_max_token 0;", "auth_jwt_max_token is from 1 to 64m"),
    (COMPLETE + "auth_jwt_max_token 65m;", "auth_jwt_max_token is from 1 to 64m"),
    (COMPLETE + "auth_jwt_max_plaintext 0;", "auth_jwt_max_plaintext is at least 1"),
    ("auth_jwt_max_token x;", "invalid value"),
    ("auth_jwt_cache 100;", 'takes "off", or how many keys and for how long'),
    ("auth_jwt_cache 0 60s;", '"0" is no number from 1 to 65536'),
    ("auth_jwt_cache 65537 60s;", '"65537" is no number from 1 to 65536'),
    ("auth_jwt_cache 10 0s;", '"0s" is no time from 1s to 1d'),
    ("auth_jwt_cache 10 86401s;", '"86401s" is no time from 1s to 1d'),
    ('auth_jwt_scope "a b";', '"a b" is no scope'),
    ('auth_jwt_scope "";', '"" is no scope'),
    ('auth_jwt_scope "a\\"b";', "is no scope"),
    ("auth_jwt_deny_file denied;", 'cannot be used as a deny list: line 2 is none of "jti VALUE"'),
    ("auth_jwt_reencrypt enc=A256GCM;", 'needs "key=NAME"'),
    ("auth_jwt_reencrypt key=a key=b;", '"key=b" is none of'),
    ("auth_jwt_reencrypt key=a alg=RSA-OAEP;", '"alg=RSA-OAEP" is not for a key of cekd'),
    ("auth_jwt_reencrypt jwk=keys.json;", "it has no public key for encryption"),
    ("auth_jwt_reencrypt jwk=partner.json;", 'partner.json" cannot be used as a JWK to encrypt for: its first key has no alg: name one'),
    ("auth_jwt_reencrypt jwk=partner.json alg=ECDH-ES;", "alg: does not fit the JWK's kty"),
    ("auth_jwt_reencrypt key=a jwk=partner.json;", '"jwk=partner.json" is none of'),
    ("auth_jwt_forward yes;", 'invalid value "yes"'),
    ("auth_jwt_claim_set $a sub;", "is not allowed here"),
    ("auth_jwt_status;", "is not allowed here"),
])
def test_each_fault_is_named(check, server, why):
    (check.where / "bad.json").write_text("{")
    (check.where / "empty.json").write_text('{"keys": []}')
    (check.where / "private.json").write_text(R.Issuer().key.export_private())
    (check.where / "denied").write_text("jti x\nnobody\n")
    (check.where / "partner.json").write_text(R.jwk.JWK.generate(kty="RSA", size=2048).export_public())
    content, text = check(server)
    assert not content and why in text, text
    assert re.search(r"nginx\.conf:\d+", text) or "auth_jwt is on" in text or re.search("is (from|at)", text)


def test_faults_at_the_top_level(check):
    for http, why in (("auth_jwt_claim_set sub sub;", '"sub" is no variable'), ("auth_jwt_claim_set $a;", "invalid number of arguments"),
                      ("auth_jwt_claim_set $a x; auth_jwt_claim_set $a y;", 'the duplicate "a" variable')):
        content, text = check("", http)
        assert not content and why in text, text


def test_edges_that_pass(check):
    for server in (COMPLETE + "auth_jwt_max_header 8k; auth_jwt_max_token 64m; auth_jwt_leeway 1d; auth_jwt_cache 65536 1d;",
                   "auth_jwt off;", "auth_jwt_key_cache 1h;", f"auth_jwt_cekd unix:/{'x' * 106} key=api;",
                   COMPLETE + "location /a { auth_jwt off; auth_jwt_deny_file off; auth_jwt_reencrypt off; auth_jwt_cache off; }"):
        content, text = check(server)
        assert content, text


def test_a_configuration_of_nginx_plus_is_taken(check):
    """The directives of nginx.org's page, in its examples' words, where cekd does not stand for something else."""
    http = """
      auth_jwt_claim_set $email info e-mail;
      auth_jwt_claim_set $job info "job title";
      auth_jwt_header_set $kid kid;
      map $jwt_claim_iss $valid_jwt_iss { "good" 1; }
    """
    server = """
      location / { auth_jwt "closed site"; auth_jwt_key_file keys.json; auth_jwt_key_cache 1h; auth_jwt_leeway 10s;
        auth_jwt_require $valid_jwt_iss; }
      location /cookie { auth_jwt "closed site" token=$cookie_auth_token; auth_jwt_key_file keys.json; auth_jwt_key_file keys.json;
        auth_jwt_require $valid_jwt_iss $email error=403; auth_jwt_type signed; }
    """
    content, text = check(server, http)
    assert content, text


def directives_of_the_code():
    """Name → the letters of its contexts."""
    text = (SOURCES / "module.c").read_text()
    table = text[text.index("static ngx_command_t commands[]"):text.index("ngx_null_command")]
    letters = {"EVERYWHERE": "hsle", "LEVELS": "hsl", "NGX_HTTP_MAIN_CONF": "h", "NGX_HTTP_LOC_CONF": "l"}
    return {name: letters[where] for name, where in re.findall(r'ngx_string\("(auth_jwt\w*)"\),\s*(\w+)', table)}


def test_directives_of_the_page():
    items = re.findall(r"^\.It Ic (auth_jwt\w*).*\n\.No \[([hsle]+)", PAGE, re.M)
    assert len(items) == len(dict(items)) and dict(items) == directives_of_the_code()


def test_variables_of_the_page():
    code = set(re.findall(r'ngx_string\("(jwt_\w+)"\)', (SOURCES / "variables.c").read_text()))
    assert set(re.findall(r"^\.It Va \$(jwt_\w+)", PAGE, re.M)) == code


def test_outcomes_of_the_page():
    text = (SOURCES / "refuse.c").read_text()
    code = {name: status for name, status in re.findall(r'\[NGX_CEKD_\w+\] = \{"(\w+)", (NGX_\w+)', text)}
    statuses = {"401": "NGX_HTTP_UNAUTHORIZED", "403": "NGX_HTTP_FORBIDDEN", "503": "NGX_HTTP_SERVICE_UNAVAILABLE",
                "500": "NGX_HTTP_INTERNAL_SERVER_ERROR"}
    section = PAGE[PAGE.index(".Sh ANSWERS"):PAGE.index(".Sh SECURITY")]
    page = {name: statuses.get(status, "NGX_OK") for names, status in re.findall(r"^\.It (.*)\n(?:(\d+))?", section, re.M)
            for name in names.split(" , ")}
    assert page == code


def test_algorithms_of_the_page():
    text = (SOURCES / "names.c").read_text()
    for name, directive in (("jws_algs", "jws_algs"), ("jwe_encs", "jwe_encs")):
        words = re.findall(r'"([\w+-]+)"', re.search(r"ngx_cekd_" + name + r"\[\] = \{(.*?)NULL", text, re.S)[1])
        item = PAGE[PAGE.index(f".It Ic auth_jwt_{directive}"):].split(".It ", 2)[1]
        assert all(re.search(rf"{re.escape(word)}[,.]", item) for word in words), directive
    assert re.findall(r'"([\w+-]+)"', re.search(r"ngx_cekd_jwe_algs\[\] = \{(.*?)NULL", text, re.S)[1]) == C.ALGS


def test_example_of_the_page(check):
    example = PAGE[PAGE.index(".Bd -literal -compact"):PAGE.index(".Ed")].split("\n", 1)[1]
    server = example[example.index("server {") + len("server {"):example.rindex("}\n}")]
    server = server.replace("/etc/nginx/issuer.jwks", "keys.json").replace("http://backend", "http://127.0.0.1:1")
    content, text = check(server)
    assert content, text
