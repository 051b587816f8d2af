# SPDX-License-Identifier: Apache-2.0
"""Keycloak: an encrypted ID token from its token endpoint, by a refresh token, for a client with "JWKS URL".
The folder of its distribution comes before the other arguments."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
home = sys.argv.pop(1)
import mint  # noqa: E402


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


port = free_port()
base = f"http://127.0.0.1:{port}"
java = {"JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m", "KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin"}


def call(path, data=None, token=None):
    """The answer to a form, or to an object of the administration."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} if token else {}
    body = json.dumps(data).encode() if token else urllib.parse.urlencode(data).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(base + path, body, headers), timeout=30) as answer:
            return json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{error.code} {error.read().decode(errors='replace')}") from None


def token_for(**form):
    return call("/realms/master/protocol/openid-connect/token", form)


def admin():
    """Keycloak takes its time to start: the token of its administrator once it has."""
    while True:
        try:
            return token_for(grant_type="password", client_id="admin-cli", username="admin", password="admin")["access_token"]
        except OSError:
            assert keycloak.poll() is None, "Keycloak ended"
            time.sleep(0.5)


# Its script starts another process: who starts this program ends its whole process group.
keycloak = subprocess.Popen(
    ["bash", f"{home}/bin/kc.sh", "start-dev", "--db=dev-mem", f"--http-port={port}", "--http-host=127.0.0.1", "--cache=local"],
    stdin=subprocess.DEVNULL, stdout=sys.stderr, env=os.environ | java)
try:
    call("/admin/realms/master/clients", {
        "clientId": "api", "secret": "secret", "directAccessGrantsEnabled": True, "redirectUris": ["https://api.example/"],
        "attributes": {
            "use.jwks.url": "true", "jwks.url": mint.URL, "id.token.encrypted.response.alg": mint.ALG,
            "id.token.encrypted.response.enc": mint.ENC}}, admin())
    client = {"client_id": "api", "client_secret": "secret"}
    session = token_for(grant_type="password", scope="openid", username="admin", password="admin", **client)
    mint.run(lambda: token_for(grant_type="refresh_token", refresh_token=session["refresh_token"], **client)["id_token"])
finally:
    keycloak.kill()
    keycloak.wait()
