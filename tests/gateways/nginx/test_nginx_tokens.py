# SPDX-License-Identifier: Apache-2.0
"""What the nginx module makes of a request's token: who goes through, what the upstream gets, what a client is told."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import cekd as C
import nginx_rig as R
import pytest
from jwcrypto import jwk, jws

pytestmark = R.needs_nginx

REALM = 'Bearer realm="api"'
INVALID = REALM + ', error="invalid_token"'

HTTP = """
  map $jwt_claim_sub $is_alice { alice 1; default 0; }
  auth_jwt_claim_set $city address city;
  auth_jwt_claim_set $groups groups;
  auth_jwt_claim_set $address address;
  auth_jwt_header_set $way alg;
"""

SERVER = """
    auth_jwt_cekd unix:{cekd} key=api;
    auth_jwt_key_file keys.json;
    auth_jwt_type nested;
    auth_jwt api;
    proxy_set_header X-Sub $jwt_claim_sub;
    proxy_set_header X-Absent $jwt_claim_absent;
    proxy_set_header X-Jwt $jwt_token;
    proxy_set_header X-Claims "$city|$groups|$address|$jwt_claim_exp|$jwt_claim_aud|$jwt_claim_admin|$jwt_claim_odd|$jwt_claim_real";
    proxy_set_header X-Header "$way|$jwt_header_enc|$jwt_header_kid|$jwt_header_typ|$jwt_header_cty|$jwt_header_p2c";
    proxy_set_header X-Payload $jwt_payload;
    proxy_set_header X-Outcome $jwt_outcome;

    location / { proxy_pass http://{upstream}; }
    location /strict/ {
      auth_jwt_issuer https://other.example https://issuer.example;
      auth_jwt_audience api;
      auth_jwt_typ at+jwt;
      auth_jwt_scope read write;
      auth_jwt_require_claims jti sub;
      auth_jwt_jwe_algs RSA-OAEP-256;
      auth_jwt_jwe_encs A256GCM;
      auth_jwt_jws_algs ES256;
      auth_jwt_leeway 30s;
      proxy_pass http://{upstream};
    }
    location /token/ { auth_jwt_max_token 2000; proxy_pass http://{upstream}; }
    location /header/ { auth_jwt_max_header 200; proxy_pass http://{upstream}; }
    location /plaintext/ { auth_jwt_max_plaintext 601; proxy_pass http://{upstream}; }
    location /zip/ { auth_jwt_allow_zip on; proxy_pass http://{upstream}; }
    location /eternal/ { auth_jwt_allow_no_exp on; proxy_pass http://{upstream}; }
    location /either/ { auth_jwt_allow_signed on; proxy_pass http://{upstream}; }
    location /sealed/ { auth_jwt_type encrypted; auth_jwt_jwe_algs RSA-OAEP-256; auth_jwt_allow_signed on; proxy_pass http://{upstream}; }
    location /signed/ { auth_jwt_type signed; proxy_pass http://{upstream}; }
    location /strip/ { auth_jwt_forward strip; proxy_pass http://{upstream}; }
    location /keep/ { auth_jwt_forward off; proxy_pass http://{upstream}; }
    location /cookie/ { auth_jwt api token=$cookie_token; proxy_pass http://{upstream}; }
    location /argument/ { auth_jwt api token=$arg_token; proxy_pass http://{upstream}; }
    location /alice/ { auth_jwt_require $is_alice $jwt_claim_jti; proxy_pass http://{upstream}; }
    location /alice403/ { auth_jwt_require $is_alice error=403; proxy_pass http://{upstream}; }
    location /both/ { auth_jwt_cekd unix:{cekd} key=api key=more; proxy_pass http://{upstream};
      location /both/cached/ { auth_jwt_cache 100 60s; proxy_pass http://{upstream}; } }
    location /cached/ { auth_jwt_cache 100 60s; proxy_pass http://{upstream}; }
    location /again/ { error_page 401 /again/page; proxy_pass http://{upstream}; }
    location /realm/ { auth_jwt "of $host\\\\$arg_realm"; proxy_pass http://{upstream}; }
    location /encrypted/ { auth_jwt_type encrypted; auth_jwt_cekd unix:{cekd} key=aes key=api; proxy_pass http://{upstream}; }
    location /twins/ { auth_jwt_type encrypted; auth_jwt_cekd unix:{cekd} key=aes key=twin; proxy_pass http://{upstream}; }
    location /anybody/ { auth_jwt_type encrypted; auth_jwt_jwe_algs RSA-OAEP-256; proxy_pass http://{upstream}; }
    location /status { auth_jwt off; auth_jwt_status; }
"""


AES = bytes(range(32))


def hint(kid):
    """Where a worker remembers which key this kid was of."""
    place = 0
    for character in kid.encode():
        place = place * 31 + character
    return place % 256


TWIN = next(kid for kid in map("twin{}".format, range(10_000)) if hint(kid) == hint("shared"))


class Site:
    def __init__(self, daemon, make_nginx):
        self.daemon, self.issuer = daemon, R.Issuer()
        for name in ("api", "more", "other"):
            daemon.key("RSA-OAEP-256", name=name)
        for name, kid in (("aes", "shared"), ("twin", TWIN)):
            daemon.cekctl("key", "import", name, "--alg", "A256KW", "--jwk", "-",
                          input=json.dumps({"kty": "oct", "kid": kid, "k": C.b64(AES)}))
        self.keys = {name: R.key_of(daemon, name) for name in ("api", "more", "other")}
        self.nginx = make_nginx(daemon.socket, SERVER, start=False, http=HTTP)
        (self.nginx.where / "keys.json").write_text(self.issuer.jwks())
        self.nginx.start()

    def sign(self, **claims):
        return self.issuer.sign(**claims)

    def sign_text(self, text):
        """The claims as they are spelled."""
        token = jws.JWS(text)
        token.add_signature(self.issuer.key, protected=json.dumps({"alg": self.issuer.alg, "typ": "at+jwt", "kid": "signer"}))
        return token.serialize(compact=True)

    def token(self, key="api", header=None, **claims):
        return R.encrypt(self.keys[key], self.sign(**claims), **(header or {}))

    def get(self, *args, **kwargs):
        return self.nginx.get(*args, **kwargs)

    def counters(self):
        lines = self.get("/status").body.decode().splitlines()
        return {name: int(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def refused(self, answer, status=401, challenge=INVALID):
        assert (answer.status, answer.challenge) == (status, [challenge])
        return True


@pytest.fixture(scope="module")
def site(shared, make_nginx_module):
    return Site(shared, make_nginx_module)


def test_inner_jwt_reaches_the_upstream(site):
    inner = site.sign()
    got = site.get(token=R.encrypt(site.keys["api"], inner)).upstream
    assert got["authorization"] == [f"Bearer {inner}"]
    assert (got["x-sub"], got["x-jwt"], got["x-payload"], got["x-outcome"]) == (["alice"], [inner], [inner], ["accepted"])


def test_with_a_body(site):
    assert site.get(token=site.token(), method="POST", body=b"x" * 100_000).status == 200


def test_what_a_client_claims_itself_does_not_go_through(site):
    spoofed = [("X-Sub", "root"), ("X-Absent", "root"), ("X-Jwt", "root"), ("X-Claims", "root")]
    got = site.get(token=site.token(), headers=spoofed).upstream
    assert got["x-sub"] == ["alice"]
    assert "x-absent" not in got
    assert "root" not in json.dumps(got)


def test_without_a_token(site):
    for headers in ([], [("Authorization", "Basic YTpi")], [("Authorization", "Bearer")], [("Authorization", "Bearer  ")],
                    [("Authorization", "Bearerx y")], [("Authorization", "")]):
        assert site.refused(site.get(headers=headers), challenge=REALM), headers


def test_the_scheme_is_read_in_any_case(site):
    for scheme in ("bearer", "BEARER", "bEaReR "):
        assert site.get(headers=[("Authorization", f"{scheme} {site.token()}")]).status == 200


def test_two_headers_or_a_comma_are_refused(site):
    good = site.token()
    assert site.get(headers=[("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")]).status == 400
    for value in (f"Bearer {good},Bearer {good}", f"Bearer {good}, {good}", f"Bearer {good} {good}", f"Bearer {good},"):
        assert site.refused(site.get(headers=[("Authorization", value)])), value


def bad_tokens(site):
    good, now = site.token(), int(time.time())
    head, key, iv, text, tag = good.split(".")
    stranger = R.Issuer()  # its kid is the signer's
    foreign = jwk.JWK.generate(kty="RSA", size=2048, kid=site.keys["api"]["kid"])
    flip = "A" if text[9] != "A" else "B"
    unsigned = C.b64(json.dumps(site.issuer.claims()).encode())
    return {
        "expired": site.token(exp=now - 10),
        "not yet": site.token(nbf=now + 600),
        "without exp": site.token(exp=None),
        "forged": R.encrypt(site.keys["api"], stranger.sign()),
        "unsigned": R.encrypt(site.keys["api"], ".".join([C.b64(b'{"alg":"none"}'), unsigned, ""])),
        "for another key": site.token(key="other"),
        "for nobody": R.encrypt(foreign, site.sign()),
        "not nested": site.sign(),
        "no JWT inside": R.encrypt(site.keys["api"], "hello"),
        "claims inside": R.encrypt(site.keys["api"], json.dumps(site.issuer.claims())),
        "line ends inside": R.encrypt(site.keys["api"], site.sign() + "\r\nX-Admin: 1"),
        "nothing inside": R.encrypt(site.keys["api"], ""),
        "changed": ".".join([head, key, iv, text[:9] + flip + text[10:], tag]),
        "short": ".".join([head, key, iv, text, tag[:-4]]),
        "four parts": ".".join([head, key, iv, text]),
        "empty parts": "....",
        "garbage": "x",
        "compressed": site.token(header={"zip": "DEF"}),
        "crit": site.token(header={"crit": ["exp"], "exp": now + 60}),
        "twice encrypted": R.encrypt(site.keys["api"], good),
        "header of garbage": C.b64(b'{"alg":') + good[len(head):],
    }


def test_whatever_is_wrong_with_a_token_is_told_alike(site):
    first = None
    for name, token in bad_tokens(site).items():
        answer = site.get(token=token)
        assert site.refused(answer), name
        first = first or answer.body
        assert answer.body == first, name


def test_policy(site):
    strict = "/strict/"
    now = int(time.time())
    assert site.get(strict, site.token()).status == 200
    assert site.get(strict, site.token(exp=now - 10)).status == 200, "leeway"
    assert site.get(strict, site.token(iss="https://other.example", aud=["x", "api"])).status == 200
    for claims in ({"iss": "https://issuer.example/"}, {"iss": None}, {"aud": "apis"}, {"aud": []}, {"jti": None},
                   {"sub": None}, {"exp": now - 100}):
        assert site.refused(site.get(strict, site.token(**claims))), claims
    key = site.keys["api"]
    for token in (R.encrypt(key, site.sign(), enc="A128GCM"), R.encrypt(key, site.sign(), alg="RSA-OAEP"),
                  R.encrypt(key, site.sign(header={"typ": "JWT"}))):
        assert site.refused(site.get(strict, token))


def test_scope(site):
    for scope in ("read", None, "readwrite", "READ WRITE"):
        answer = site.get("/strict/", site.token(scope=scope))
        assert site.refused(answer, 403, REALM + ', error="insufficient_scope", scope="read write"'), scope
    assert site.get("/strict/", site.token(scope="other write read")).status == 200
    assert site.refused(site.get("/strict/", site.token(scope="read", exp=1))), "expired comes first"


def test_claims_that_are_encrypted_alone(site):
    """As with NGINX Plus; but a public key, with which anybody encrypts, has to be allowed by name."""
    aes = jwk.JWK(kty="oct", kid="shared", k=C.b64(AES))
    claims = json.dumps(site.issuer.claims(groups=["a", "b"]), indent=1)

    def shared(text, key=aes):
        return R.encrypt(key, text, alg="A256KW", cty="json")

    got = site.get("/encrypted/", shared(claims)).upstream
    assert "authorization" not in got and "x-jwt" not in got
    assert (got["x-sub"], json.loads(got["x-payload"][0])) == (["alice"], json.loads(claims))
    assert got["x-claims"][0].split("|")[1] == "a,b"
    for token in (shared(json.dumps(site.issuer.claims(exp=1))), shared(claims[:-1]), shared("[]"), shared(site.sign()),
                  R.encrypt(site.keys["api"], claims), shared(claims, jwk.JWK.generate(kty="oct", size=256, kid="shared")),
                  site.sign(), claims):
        assert site.refused(site.get("/encrypted/", token.replace("\n", "")))
    assert site.get("/anybody/", R.encrypt(site.keys["api"], claims)).status == 200


def test_limits_by_name(site):
    """Each at its limit and one past."""
    api = site.keys["api"]

    def edge(where, limit, of, growth):
        """Which sizes about the limit pass; a character of padding makes the token grow by 1, 4/3 or 16/9."""
        passed = {}
        start = 300 + int((limit - len(of(300)[0])) / growth) - 4
        for n in range(start, start + 20):
            token = of(n)
            size = len(token[0])
            if abs(size - limit) <= 2:
                passed[size] = site.get(f"/{where}/", token[1]).status
            if size > limit + 2:
                break
        assert passed and passed == {size: 200 if size <= limit else 401 for size in passed}
        assert min(passed) <= limit < max(passed)

    def inner(n):
        return site.sign(pad="A" * n)

    def with_header(n):
        token = R.encrypt(api, site.sign(), x="x" * n)
        return C.unb64(token.split(".")[0]), token

    def whole(n):
        token = R.encrypt(api, inner(n))
        return token, token

    edge("header", 200, with_header, 1)
    edge("plaintext", 601, lambda n: ((jwt := inner(n)), R.encrypt(api, jwt)), 4 / 3)
    edge("token", 2000, whole, 16 / 9)


def test_zip_and_exp_when_allowed(site):
    assert site.get("/zip/", site.token(header={"zip": "DEF"})).status == 200
    assert site.get("/eternal/", site.token(exp=None)).status == 200
    assert site.refused(site.get("/eternal/", site.token(exp=1)))


def test_plain_jws_only_where_it_may(site):
    inner = site.sign()
    got = site.get("/either/", inner).upstream
    assert got["authorization"] == [f"Bearer {inner}"] and "x-payload" not in got
    assert site.get("/either/", site.token()).status == 200
    assert site.refused(site.get("/either/", R.Issuer().sign()))
    assert site.refused(site.get("/sealed/", inner))  # for nested ones only: an encrypted one needs no file of signers
    assert site.get("/signed/", inner).status == 200
    assert site.refused(site.get("/signed/", site.token()))


def test_where_the_jwt_goes(site):
    inner = site.sign()
    token = R.encrypt(site.keys["api"], inner)
    got = site.get("/strip/", token).upstream
    assert "authorization" not in got and got["x-jwt"] == [inner]
    assert site.get("/keep/", token).upstream["authorization"] == [f"Bearer {token}"]


def test_token_by_variable(site):
    inner = site.sign()
    token = R.encrypt(site.keys["api"], inner)
    for got in (site.get("/cookie/", headers=[("Cookie", f"a=b; token={token}")]).upstream,
                site.get(f"/argument/?token={token}").upstream,
                site.get("/cookie/", "ignored", headers=[("Cookie", f"token={token}")]).upstream):
        assert got["authorization"] == [f"Bearer {inner}"]
    assert site.refused(site.get("/cookie/", token), challenge=REALM)
    assert site.refused(site.get("/argument/?token=x,y"))


def test_require(site):
    assert site.get("/alice/", site.token()).status == 200
    assert site.refused(site.get("/alice/", site.token(sub="bob")))
    assert site.refused(site.get("/alice/", site.token(jti=None)))
    assert site.get("/alice403/", site.token()).status == 200
    assert site.refused(site.get("/alice403/", site.token(sub="bob")), 403, REALM + ', error="insufficient_scope"')


def test_claims_as_text(site):
    def claims(**claims):
        return site.get(token=site.token(**claims)).upstream["x-claims"][0].split("|")

    exp = int(time.time()) + 500
    got = claims(address={"city": "Köln", "n": 1}, groups=["a", 2, True, "c d"], exp=exp, aud=["x", "y"], admin=False, real=1.5)
    assert [got[0].encode("latin-1").decode(), *got[1:]] == [
        "Köln", "a,2,true,c d", got[2], str(exp), "x,y", "false", "", "1.5"]
    assert json.loads(got[2].encode("latin-1").decode()) == {"city": "Köln", "n": 1}


def test_lists_keep_the_spelling_of_numbers(site):
    """1e4 would be 10000.0 otherwise, for which what holds the list as it came is too small."""
    def odd(*elements):
        claims = json.dumps(site.issuer.claims()).replace("}", ', "odd": [%s]}' % ",".join(elements))
        return site.get(token=R.encrypt(site.keys["api"], site.sign_text(claims))).upstream["x-claims"][0].split("|")[6]

    assert odd("1e4", "0.1", '"a\\"b\\\\"', "99999999999999999999", "null", '"\\u0041"', "-7") == (
        '1e4,0.1,a"b\\,99999999999999999999,null,A,-7')
    for _ in range(3):
        assert odd(*["1e4"] * 800) == ",".join(["1e4"] * 800)


@pytest.mark.parametrize("odd", ["a\r\nX-Admin: 1", "a\nb", "a\rb", "\x01", "\x7f", "tab\there", None, ["a\r\nb"], ["a", "b,admin"],
                                 [["a"]], [{"a": 1}], ""])
def test_values_that_may_not_stand_in_a_header_are_empty(site, odd):
    got = site.get(token=site.token(odd=odd)).upstream
    assert got["x-claims"][0].split("|")[6] == "" and "x-admin" not in got


def test_header_of_the_token(site):
    key = site.keys["api"]
    got = site.get(token=site.token()).upstream["x-header"][0]
    assert got == f"RSA-OAEP-256|A256GCM|{key['kid']}||JWT|"
    assert site.get("/signed/", site.sign()).upstream["x-header"][0] == "ES256||signer|at+jwt||"


def test_several_keys(site):
    for path in ("/both/", "/both/cached/"):
        for name in ("api", "more", "more", "api"):
            assert site.get(path, site.token(key=name)).status == 200
    assert site.refused(site.get("/", site.token(key="more")))


def test_several_keys_ask_for_no_other(site):
    """A token for a key that is not named is unwrapped by none."""
    before = len(site.daemon.audit_records())
    assert site.refused(site.get("/both/", site.token(key="other")))
    assert site.refused(site.get("/both/", ".".join([C.b64(json.dumps({"alg": "RSA-OAEP-256", "enc": "A256GCM"}).encode()),
                                                     *site.token().split(".")[1:]]))), "without a kid none is asked about"
    assert site.get("/both/", site.token(key="more")).status == 200

    def keys():
        return [record["key"] for record in site.daemon.audit_records()[before:] if record["op"] == "unwrap"]
    C.wait_for(lambda: "more" in keys(), "the last one to be written down")
    assert "other" not in keys()


def test_several_keys_of_requests_at_once(site):
    """Of two kids that are remembered in one place, each request finds its key, whatever the others find meanwhile."""
    keys = [jwk.JWK(kty="oct", kid=kid, k=C.b64(AES)) for kid in ("shared", TWIN)]
    tokens = [R.encrypt(key, json.dumps(site.issuer.claims()), alg="A256KW") for key in keys]

    def ask(number):
        return site.get("/twins/", tokens[number % 2]).status
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(400))) == {200}


def unwraps(site):
    """The cache itself asks now and then whether cekd is there."""
    return sum(record.get("op") == "unwrap" for record in site.daemon.audit_records())


def test_several_keys_and_the_cache(site):
    """Of whichever key it is, what is answered from the cache is not asked about as well."""
    def hits():
        return site.counters()["auth_jwt_opened_from_cache_total"]

    for name in ("more", "api"):
        token, before = site.token(key=name), hits()
        C.wait_for(lambda: site.get("/both/cached/", token).status == 200 and hits() > before, "a hit")
        before, asked = hits(), unwraps(site)
        for _ in range(20):
            assert site.get("/both/cached/", token).status == 200
        misses = 20 - (hits() - before)
        assert misses < 10  # none, but for a watch that is late on a busy machine: that shuts the cache
        assert unwraps(site) - asked <= 2 * misses  # each of both keys


def test_cache(site):
    token, other = site.token(exp=int(time.time()) + 2), site.token()
    before = site.counters()
    assert site.get("/cached/", other).status == 200
    C.wait_for(lambda: site.get("/cached/", other).status == 200 and
               site.counters()["auth_jwt_opened_from_cache_total"] > before["auth_jwt_opened_from_cache_total"], "a hit")
    assert site.get("/", other).status == 200
    C.wait_for(lambda: site.get("/cached/", token).status == 401, "the token to expire, cached or not")
    assert site.refused(site.get("/cached/", token))


def test_realm_with_variables_cannot_end_its_quotes(site):
    answer = site.get('/realm/?realm="x', headers=[])
    assert answer.challenge == ['Bearer realm="of 127.0.0.1x"']


def test_status_page(site):
    before = site.counters()
    site.get(token=site.token())
    assert site.get("/again/").status == 401  # whose error page is refused as well
    site.get(token="x")
    after = site.counters()
    for outcome in ("accepted", "no_token", "malformed"):
        name = f'auth_jwt_requests_total{{outcome="{outcome}"}}'
        assert after[name] == before[name] + 1
    assert after["auth_jwt_opened_total"] == before["auth_jwt_opened_total"] + 1
    assert site.get("/status").headers["Content-Type"] == "text/plain; version=0.0.4"
    assert site.get("/status", method="POST", body=b"").status == 405
