# SPDX-License-Identifier: Apache-2.0
"""What reaches a real upstream through each gateway, and what does not."""

import time

import pytest
import rig
from jwcrypto import jwk

SPOOFED = [(name, "mallory") for name in (*rig.CLAIMS, "X_Jwt_Sub", "X_Jwt_Scope", "X-Jwt_Sub", "x_jwt-sub", "X_jWT-Scope",
                                         "x-jwt_scope", "x-jwt-sub")]


def expect(answer, inner, sub="alice", scope="read write"):
    assert answer.status == 200 and answer.got is not None, answer
    assert answer.upstream("Authorization") == [f"Bearer {inner}"]
    assert answer.upstream("X-Jwt-Sub") == [sub] * bool(sub)
    assert answer.upstream("X-Jwt-Scope") == [scope] * bool(scope)
    assert "mallory" not in answer.body, answer.body


def refuse(answer, *statuses):
    """Nothing reached the upstream, and nothing of the reason came out."""
    assert answer.status in statuses and answer.got is None, answer
    assert "authorization:" not in answer.body.lower(), answer


@pytest.mark.parametrize("method, path, body", [("GET", "/", ""), ("POST", "/a/b?c=d", "x" * 5000), ("DELETE", "/a%20b/c", ""),
                                                ("PUT", "/v1/auth/other", "y"), ("OPTIONS", "/", "")])
def test_inner_jwt_reaches_the_upstream(stack, gateway, method, path, body):
    token, inner = stack.token()
    answer = rig.ask(gateway.port, [rig.bearer(token), *SPOOFED], method=method, path=path, body=body)
    expect(answer, inner)
    assert answer.body.startswith(f"{method} "), answer.body


def test_scheme_in_any_case(stack, gateway):
    token, inner = stack.token()
    expect(rig.ask(gateway.port, [("authorization", f"bEARER {token}")]), inner)


def test_claims_that_are_not_there(stack, gateway):
    """A client's own headers do not take their places."""
    token, inner = stack.token(sub=None, scope=None)
    expect(rig.ask(gateway.port, [rig.bearer(token), *SPOOFED]), inner, sub=None, scope=None)


def test_claims_that_may_not_stand_in_a_header(stack, gateway):
    token, inner = stack.token(sub="alice\r\nX-Admin: 1")
    answer = rig.ask(gateway.port, [rig.bearer(token), *SPOOFED])
    expect(answer, inner, sub=None)
    assert not answer.upstream("X-Admin")


@pytest.mark.parametrize("size", [6000, 9000, 13000, 40000])
def test_large_tokens(stack, gateway, size):
    token, inner = stack.sized(size)
    assert abs(len(token) - size) < 50
    expect(rig.ask(gateway.port, [rig.bearer(token)]), inner)


def test_too_large(stack, gateway):
    """Over what any of them takes: the client's fault, and no answer is a 5xx."""
    answer = rig.ask(gateway.port, [rig.bearer("x" * 120_000)])
    refuse(answer, 0, 400, 401, 413, 414, 431)


def test_no_token(gateway):
    answer = rig.ask(gateway.port, SPOOFED)
    refuse(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer realm="), answer
    assert "error" not in answer.headers["www-authenticate"], answer


def bad_tokens(stack):
    token, inner = stack.token()
    stranger = rig.Issuer()
    foreign = jwk.JWK.generate(kty="RSA", size=2048, kid="foreign").export_public(as_dict=True)
    none = f'{rig.C.b64(b"""{"alg":"none"}""")}.{inner.split(".")[1]}.'
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    return {
        "expired": stack.token(seconds=-600)[0],
        "not yet": stack.token(nbf=int(time.time()) + 3600)[0],
        "of another issuer": stack.token(iss="https://other.example")[0],
        "for another audience": stack.token(aud=rig.OTHER_AUDIENCE)[0],
        "forged": rig.encrypt(stranger.jwt(), stack.public),
        "unsigned": rig.encrypt(none, stack.public),
        "not a JWT": rig.encrypt("alice", stack.public),
        "for a foreign key": rig.encrypt(inner, foreign),
        "for a foreign key under our kid": rig.encrypt(inner, foreign | {"kid": stack.public["kid"]}),
        "changed": flipped,
        "not encrypted": inner,
        "cut": token[:len(token) // 2],
        "nothing": "x",
    }


def test_bad_tokens(stack, gateway):
    """One text for all of them but what the client may know: that its token is too old."""
    texts = set()
    for name, token in bad_tokens(stack).items():
        answer = rig.ask(gateway.port, [rig.bearer(token), *SPOOFED])
        refuse(answer, 401)
        texts.add(answer.headers["www-authenticate"])
        assert 'error="invalid_token"' in answer.headers["www-authenticate"], (name, answer)
    assert len(texts) == 1, texts


def test_two_headers(stack, gateway):
    """Whatever the gateway makes of them, it is not one of the two."""
    token, inner = stack.token()
    for headers in ([rig.bearer(token), rig.bearer(token)], [rig.bearer(token), ("Authorization", "Basic YTpi")],
                    [("Authorization", f"Bearer {token}, Bearer {token}")]):
        refuse(rig.ask(gateway.port, headers), 400, 401)


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Bearer ", "Digest x", ""])
def test_no_bearer_token(gateway, value):
    refuse(rig.ask(gateway.port, [("Authorization", value)]), 400, 401)


@pytest.mark.parametrize("path", ["/../other", "/%2e%2e/other", "/..%2fother", "//../../v1/auth/other", "/?/v1/auth/other", "/other"])
def test_path_cannot_choose_the_profile(stack, gateway, path):
    """Some gateways append their client's path to the one of the profile: a token that another profile takes is not taken."""
    other, _ = stack.token(aud=rig.OTHER_AUDIENCE)
    assert stack.ask_auth("/v1/auth/other", other) == 200 and stack.ask_auth("/v1/auth/api", other) == 401
    refuse(rig.ask(gateway.port, [rig.bearer(other)], path=path), 400, 401, 404)  # 404: Apache wants no %2F
    token, inner = stack.token()
    answer = rig.ask(gateway.port, [rig.bearer(token)], path=path)
    if answer.status == 200:
        expect(answer, inner)
    else:
        refuse(answer, 400, 404)
