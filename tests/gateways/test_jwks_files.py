# SPDX-License-Identifier: Apache-2.0
"""The examples that serve the file of cekctl jwks --follow to issuers: whole, of now, and on while cekd is away."""

import contextlib
import email.utils
import json
import subprocess

import cekd as C
import gateways
import pytest
import rig

PATH = "/.well-known/jwks.json"


class JwksNginx(gateways.Nginx):
    name = "jwks-nginx"
    label = "nginx, a JWK Set"

    def upstream(self, port):
        return {}

    def asked(self, auth, stack):
        return {"/var/lib/cekd-jwks": stack}


class JwksCaddy(gateways.Caddy):
    name = "jwks-caddy"
    label = "Caddy, a JWK Set"
    upstream, asked = JwksNginx.upstream, JwksNginx.asked


@contextlib.contextmanager
def following(daemon, file):
    """cekctl jwks api --output FILE --follow, as cekd-jwks@api.service runs it."""
    command = [str(C.CEKCTL), "jwks", rig.KEY, "--output", str(file), "--follow"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=daemon.cekctl_env()) as process:
        try:
            C.wait_for(lambda: file.exists() or process.poll() is not None, "the file")
            assert process.poll() is None
            yield
        finally:
            process.terminate()


@pytest.fixture(params=(JwksNginx, JwksCaddy), ids=lambda kind: kind.name)
def served(request, make_cekd):
    """(daemon, ask, file) with a gateway that serves its key's set."""
    reason = request.param().missing()
    if reason:
        pytest.skip(reason)
    daemon = make_cekd()
    daemon.key("RSA-OAEP-256", name=rig.KEY)
    with rig.folder() as where, rig.folder() as sets:
        file = sets / f"{rig.KEY}.json"
        with following(daemon, file), request.param().run(where, None, None, sets) as gateway:
            yield daemon, lambda **more: rig.ask(gateway.port, path=more.pop("path", PATH), **more), file


def kids(answer):
    assert answer.status == 200, answer
    return [key["kid"] for key in json.loads(answer.body)["keys"]]


def test_set_of_a_key_through_rotation_and_absence(served):
    daemon, ask, _ = served
    first = ask()
    assert kids(first) == [rig.public_jwk(daemon)["kid"]]
    assert first.headers["content-type"] == "application/jwk-set+json"
    assert first.headers["cache-control"] == "public, max-age=300"
    daemon.cekctl("key", "rotate", rig.KEY)
    C.wait_for(lambda: kids(ask()) == [rig.public_jwk(daemon)["kid"]], "the rotation to be served")
    last = ask()
    assert kids(last) != kids(first)
    daemon.stop()
    assert ask().body == last.body


def test_never_not_modified(served):
    """Their validators have seconds: a client would keep the first of two sets that were written in one."""
    _, ask, file = served
    answer = ask()
    assert not {"etag", "last-modified"} & set(answer.headers), answer
    written = email.utils.formatdate(file.stat().st_mtime, usegmt=True)
    assert ask(headers=[("If-Modified-Since", written)]).body == answer.body == file.read_text()


def test_head_and_nothing_else(served):
    _, ask, _ = served
    head = ask(method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, "", ask().headers["content-length"])
    assert ask(method="POST", body="{}").status in (403, 404, 405)
    for path in ("/", "/api.json", "/.well-known/jwks.json/", "/.well-known/"):
        assert ask(path=path).status == 404, path
