# SPDX-License-Identifier: Apache-2.0
"""What the nginx module makes of a request's token: who goes through, what the upstream gets, what a client is told."""

import json
import time

import cekd as C
import nginx_rig as R
import pytest

pytestmark = R.needs_nginx

REALM = 'Bearer realm="api"'
INVALID = REALM + ', error="invalid_token"'

SERVER = """
    auth_jwt_cekd unix:{cekd} key=api;
    auth_jwt_key_file keys.json;
    auth_jwt_type nested;
    location / {
      auth_jwt api;
      proxy_pass http://{upstream};
      proxy_set_header X-Sub $jwt_claim_sub;
      proxy_set_header X-Absent $jwt_claim_absent;
      proxy_set_header X-Jwt $jwt_token;
    }
"""


class Site:
    def __init__(self, daemon, make_nginx):
        self.issuer = R.Issuer()
        daemon.key("RSA-OAEP-256", name="api")
        self.key = R.key_of(daemon, "api")
        self.nginx = make_nginx(daemon.socket, SERVER, start=False)
        (self.nginx.where / "keys.json").write_text(self.issuer.jwks())
        self.nginx.start()

    def token(self, **claims):
        return R.encrypt(self.key, self.issuer.sign(**claims))

    def get(self, *args, **kwargs):
        return self.nginx.get(*args, **kwargs)


@pytest.fixture(scope="module")
def site(shared, make_nginx_module):
    return Site(shared, make_nginx_module)


def test_inner_jwt_reaches_the_upstream(site):
    inner = site.issuer.sign()
    got = site.get(token=R.encrypt(site.key, inner)).upstream
    assert got["authorization"] == [f"Bearer {inner}"]
    assert got["x-sub"] == ["alice"]
    assert got["x-jwt"] == [inner]
