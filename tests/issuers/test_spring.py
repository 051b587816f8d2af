# SPDX-License-Identifier: Apache-2.0
"""Spring's resource side behind a gateway, as docs/issuers.md says: it takes the JWT that was in the token, and never the token."""

import http.server
import json
import subprocess
import threading
import time

import cekd as C
import pytest
import toolchains as T
from jwcrypto import jwk, jws

ISSUER = "https://issuer.example"


@pytest.fixture(scope="module")
def command():
    try:
        return [*T.spring(), "Resource"]
    except T.Missing as missing:
        pytest.skip(f"Spring: {missing}")


@pytest.fixture(scope="module")
def signer():
    return jwk.JWK.generate(kty="RSA", size=2048, kid="signer", use="sig", alg="RS256")


@pytest.fixture(scope="module")
def url(signer):
    body = json.dumps({"keys": [signer.export_public(as_dict=True)]}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/set.json"
    server.shutdown()
    server.server_close()


def signed(signer, **changes):
    now = int(time.time())
    token = jws.JWS(json.dumps({"iss": ISSUER, "sub": "somebody", "iat": now, "exp": now + 600} | changes))
    token.add_signature(signer, protected=json.dumps({"alg": "RS256", "kid": "signer", "typ": "JWT"}))
    return token.serialize(compact=True)


def test_what_a_gateway_hands_on(make_cekd, command, signer, url):
    daemon = make_cekd()
    key = daemon.key("RSA-OAEP-256")
    tokens = [daemon.cekctl("jwe", "encrypt", "--key", key, "--enc", "A256GCM", input=inner).stdout.strip()
              for inner in (signed(signer), signed(signer, iss="https://other.example"))]
    inner = [daemon.cekctl("jwe", "decrypt", "--key", key, input=token).stdout.strip() for token in tokens]
    done = subprocess.run([str(arg) for arg in (*command, url, "RS256", ISSUER)], input="\n".join([*inner, tokens[0]]) + "\n",
                          capture_output=True, text=True, timeout=C.PATIENCE)
    opened, foreign, outer = done.stdout.splitlines()
    assert opened == "+somebody"
    assert foreign.startswith("-") and "iss" in foreign, foreign
    assert outer.startswith("-"), outer
