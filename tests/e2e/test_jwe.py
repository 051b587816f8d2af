# SPDX-License-Identifier: Apache-2.0
"""libcek-jose against a real daemon: the published tokens, its cache of CEKs, and ECDH-ES tokens without a kid."""

import json
import os
import re
import shutil
import signal

import cekd as C
import pytest
from cekd import pb
from jwcrypto import jwe, jwk
from jwe_gateway import INNER, Gateway

VECTORS = C.SOURCE / "tests" / "vectors"


def public_jwks(daemon, *names):
    return json.loads(daemon.cekctl("jwks", *names).stdout)["keys"]


def encrypt(public, alg, enc="A256GCM", kid=True):
    header = {"alg": alg, "enc": enc, "cty": "JWT"} | ({"kid": public["kid"]} if kid else {})
    token = jwe.JWE(INNER, json.dumps(header), algs=[alg, enc])
    token.add_recipient(jwk.JWK(**public))
    return token.serialize(compact=True)


# ---- published tokens -----------------------------------------------------------------------------------------------

CASES = json.loads((VECTORS / "jwe.json").read_text())["tests"]


def member(file, path):
    value = json.loads((VECTORS / file).read_text())
    for step in path:
        value = value[step]
    return value


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_published(shared, tmp_path, case):
    """With the published key in the token; a kid of the key is the kid that the token names."""
    token, name = member(case["file"], case["token"]), "-"
    if case["expect"] == "OK":
        key = member(case["file"], case["key"])
        name = "v-" + C.b64(jwk.JWK(**key).thumbprint().encode())[:20].replace("_", "-")
        if name not in {listed["name"] for listed in shared.json("key", "list")["keys"]}:
            (tmp_path / "key.jwk").write_text(json.dumps(key))
            kid = ["--kid", key["kid"]] if "kid" in key else []
            shared.cekctl("key", "import", name, "--alg", case["alg"], "--jwk", tmp_path / "key.jwk", *kid)
    with Gateway(shared, name, **({"ALLOW_ZIP": "1"} if case.get("allow_zip") else {})) as gateway:
        answer = gateway.ask(token if isinstance(token, str) else json.dumps(token))
    if case["expect"] == "OK":
        outcome, _, key_name, _, plaintext = answer.split(" ", 4)
        assert (outcome, key_name, plaintext) == ("OK", name, member(case["file"], case["plaintext"]))
    else:
        assert answer.split(" ")[0] == case["expect"]


def test_program_of_the_manual(daemon):
    """libcek-jose(3)'s gateway, on a key as it wants one; a changed token gives it nothing."""
    daemon.key("ECDH-ES+A256KW", name="api-tokens")
    token = encrypt(public_jwks(daemon, "api-tokens")[0], "ECDH-ES+A256KW")
    program = C.BUILD / "client" / "jose" / "examples" / "jwe_decrypt"
    env = os.environ | {"CEK_SOCKET": str(daemon.socket)}
    assert C.run([program, token], env=env).stdout == INNER
    head, _, tag = token.rpartition(".")
    done = C.run([program, f"{head}.{'B' if tag[0] == 'A' else 'A'}{tag[1:]}"], check=False, env=env)
    assert done.returncode == 1 and not done.stdout and done.stderr == "the token cannot be opened\n"


def http_table(header, prefix):
    """A table of libcek-jose(3): code → HTTP status. It has a row for each constant of the header's first enum."""
    page = (C.SOURCE / "man" / "libcek-jose.3").read_text()
    table = dict(re.findall(rf"^\.It Dv ({prefix}\w+) Ta (\d+) Ta", page, re.M))
    values = re.search(r"^enum \{(.*?)^\};", (C.SOURCE / "client" / header).read_text(), re.M | re.S)[1]
    assert table.keys() == set(re.findall(r"^\t(CEK_\w+) =", values, re.M))
    assert set(table.values()) == {"200", "401", "500", "503"}
    return table


def test_every_result_has_an_http_status():
    codes = http_table("jose/cek-jose.h", "CEK_JWE_")
    statuses = http_table("cek.h", "CEK_(?!JWE_)")
    temporary = {"DEADLINE", "UNAVAILABLE", "OVERLOADED", "E_CONNECT", "E_DISCONNECTED", "E_TIMEOUT"}
    assert {name for name in temporary if statuses["CEK_" + name] != "503"} == set()
    assert codes["CEK_JWE_UNAVAILABLE"] == "503" and codes["CEK_JWE_FAILED"] == statuses["CEK_FAILED"] == "401"


def test_event_loop_of_the_manual(make_cekd):
    """libcek-jose(3)'s loop: every kind of answer but a lack of memory, as the table there has it, for many tokens at once."""
    codes = http_table("jose/cek-jose.h", "CEK_JWE_")
    sockets = C.folder("cekd-sockets-")
    daemon = make_cekd(rules={
        "all": {"listeners": ["main"], "anyone": True, "operations": C.OPERATIONS, "keys": ["*"]},
        "looks": {"listeners": ["looks"], "anyone": True, "operations": ["status"], "keys": ["*"]}},
        listeners={name: {"path": str(sockets / name), "mode": "0666"} for name in ("main", "looks")})
    daemon.key("ECDH-ES+A256KW", name="api-tokens")
    good = encrypt(public_jwks(daemon, "api-tokens")[0], "ECDH-ES+A256KW")
    head, _, tag = good.rpartition(".")
    header, _, rest = good.partition(".")
    unknown = C.b64(json.dumps(json.loads(C.unb64(header)) | {"kid": "nobody"}).encode()) + "." + rest
    foreign = C.b64(json.dumps({"alg": "dir", "enc": "A256GCM"}).encode()) + "." + rest
    asked = [("OK", good), ("MALFORMED", "no.token"), ("POLICY", foreign), ("NO_KEY", unknown),
             ("FAILED", f"{head}.{'B' if tag[0] == 'A' else 'A'}{tag[1:]}"),
             ("TOO_LARGE", C.b64(b"{" + b" " * 9000 + b"}") + "." + rest)]
    program = C.BUILD / "client" / "jose" / "examples" / "jwe_loop"

    def ask(socket, tokens):
        done = C.run([program], input="".join(f"{token}\n" for token in tokens), env=os.environ | {"CEK_SOCKET": str(socket)})
        lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
        said = dict(line.split(" ")[:2] for line in done.stderr.splitlines())
        assert sorted(int(number) for number, *_ in lines) == list(range(1, len(tokens) + 1))
        return {int(number): (said.get(number, "OK"), status, jwt) for number, status, jwt in lines}

    answers = ask(daemon.socket, [token for _, token in asked] * 50)
    for number, (said, status, jwt) in answers.items():
        name = asked[(number - 1) % len(asked)][0]
        assert (said, status, jwt) == (name, codes["CEK_JWE_" + name], INNER if name == "OK" else "")
    assert ask(daemon.config.listeners["looks"]["path"], [good])[1] == ("DENIED", codes["CEK_JWE_DENIED"], "")
    assert ask(sockets / "nobody", [good])[1] == ("UNAVAILABLE", codes["CEK_JWE_UNAVAILABLE"], "")
    daemon.stop()
    shutil.rmtree(sockets)


# ---- the cache ------------------------------------------------------------------------------------------------------

@pytest.fixture
def token(daemon):
    daemon.key("ECDH-ES+A256KW", name="tokens")
    return encrypt(public_jwks(daemon, "tokens")[0], "ECDH-ES+A256KW")


def unwraps(daemon, key):
    """As cekd counts them: audit.jsonl gets its lines a moment after the answer."""
    with daemon.client() as client:
        described = client.ok(describe_key=pb.DescribeKeyRequest(key=key)).key.key
        return sum(version.unwraps for version in described.version)


def test_cache(daemon, token):
    """The second time costs cekd nothing; what a hit gives is what cekd gave."""
    with Gateway(daemon, "tokens") as gateway:
        assert gateway.ask(token).startswith("OK ASKED tokens ")
        gateway.warm(token)
        before = unwraps(daemon, "tokens")
        assert before > 0
        answers = {gateway.ask(token) for _ in range(20)}
        assert len(answers) == 1 and answers.pop().endswith(INNER)
        assert unwraps(daemon, "tokens") == before
        stats = gateway.stats()
        assert stats["hits"] >= 20 and stats["entries"] == 1 and stats["live"]


@pytest.mark.parametrize("state", [pb.STATE_SUSPENDED, pb.STATE_COMPROMISED])
def test_cache_dropped_by_state(daemon, token, state):
    """No hit after the change was answered: cekd has told the watch by then, or does before it answers."""
    with Gateway(daemon, "tokens") as gateway, daemon.client() as operator:
        gateway.warm(token)
        kid = public_jwks(daemon, "tokens")[0]["kid"]
        operator.ok(set_key_state=pb.SetKeyStateRequest(kid=kid, state=state, reason="test"))
        # An answer to anybody may overtake the watch's by a moment.
        C.wait_for(lambda: gateway.ask(token).startswith("NO_KEY "), "the cache to be dropped")
        assert gateway.stats()["entries"] == 0
        assert gateway.ask(token).startswith("NO_KEY ")


def test_idle_cache_learns_of_a_rotation(daemon, token):
    with Gateway(daemon, "tokens") as gateway, daemon.client() as operator:
        gateway.warm(token)
        kid = public_jwks(daemon, "tokens")[0]["kid"]
        operator.ok(rotate_key=pb.RotateKeyRequest(key="tokens", active_kid=kid))
        C.wait_for(lambda: gateway.ask("idle") == "open" and gateway.stats()["entries"] == 0, "the cache to be dropped")
        assert gateway.ask(token).startswith("OK ASKED ")  # the old version still unwraps
        gateway.warm(token)


def test_cache_dropped_by_new_rules(daemon, token):
    """SIGHUP takes the right to unwrap away: what is cached goes with it."""
    with Gateway(daemon, "tokens") as gateway:
        gateway.warm(token)
        daemon.config.rules["all"]["operations"] = ["status", "watch"]
        daemon.conf.write_text(daemon.config.text())
        os.kill(daemon.process.pid, signal.SIGHUP)
        C.wait_for(lambda: not gateway.ask(token).startswith("OK "), "the cache to be dropped")
        assert gateway.stats()["entries"] == 0
        assert not gateway.ask(token).startswith("OK ")


@pytest.mark.slow
@pytest.mark.long  # libcek waits for a cekd that served
def test_cache_without_daemon(daemon, token):
    """A dead daemon has promised nothing: no hit, and hits again when there is a watch again."""
    with Gateway(daemon, "tokens") as gateway:
        gateway.warm(token)
        daemon.stop()
        assert gateway.ask(token).startswith("UNAVAILABLE ")
        stats = gateway.stats()
        assert stats["entries"] == 0 and not stats["live"]
        daemon.start()
        C.wait_for(lambda: gateway.ask(token).startswith("OK "), "the gateway to reconnect")
        gateway.warm(token)


def test_cache_needs_the_watch(make_cekd):
    """A peer that may not watch gets its CEKs from cekd each time."""
    operations = [name for name in C.OPERATIONS if name != "watch"]
    daemon = make_cekd(rules={"all": {"anyone": True, "operations": operations, "keys": ["*"]}})
    daemon.key("A256KW", name="tokens")
    token = daemon.cekctl("jwe", "encrypt", "--key", "tokens", "--enc", "A256GCM", input=INNER).stdout.strip()
    with Gateway(daemon, "tokens") as gateway:
        assert all(gateway.ask(token).startswith("OK ASKED ") for _ in range(5))
        assert not gateway.stats()["live"]


def test_many_at_once(daemon, token):
    """Without waiting for each: all open, good and bad ones, and the connection is fit afterwards."""
    head, _, tag = token.rpartition(".")
    changed = f"{head}.{'B' if tag[0] == 'A' else 'A'}{tag[1:]}"
    with Gateway(daemon, "tokens") as gateway:
        assert gateway.ask(f"*100 {token}") == "100"
        assert gateway.ask(f"*100 {changed}") == "0"
        assert gateway.ask(token).endswith(INNER)


@pytest.mark.parametrize("to", ["~", "~~"], ids=["key", "jwk"])
@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "ECDH-ES+A256KW"])
def test_encrypt_again(daemon, token, to, alg):
    """For another trust domain, without waiting: only its key opens the new token; and what opens not makes none."""
    daemon.key(alg, name="others")
    head, _, tag = token.rpartition(".")
    with Gateway(daemon, "tokens") as gateway, Gateway(daemon, "others") as other:
        made = gateway.ask(f"{to}others {token}")
        assert made.count(".") == 4 and made != token
        assert other.ask(made).startswith("OK ") and other.ask(made).endswith(" " + INNER)
        assert gateway.ask(made).startswith("NO_KEY ")
        assert gateway.ask(f"{to}others {head}.{'B' if tag[0] == 'A' else 'A'}{tag[1:]}") == "FAILED "
        assert gateway.ask(f"~nobody {token}").startswith("NO_KEY ")


# ---- no kid ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("alg, crv", [("ECDH-ES", "P-256"), ("ECDH-ES", "X25519"), ("ECDH-ES+A128KW", "P-384"),
                                      ("RSA-OAEP-256", None)])
def test_no_kid(daemon, alg, crv):
    """The caller names the key: each version that may unwrap is tried, within the bound."""
    name = daemon.key(alg, crv)
    tokens = []
    with daemon.client() as operator:
        for _ in range(3):
            active = operator.ok(describe_key=pb.DescribeKeyRequest(key=name)).key.key.version[-1].kid
            public = next(k for k in public_jwks(daemon, name) if k["kid"] == active)
            tokens.append(encrypt(public, alg, kid=False))
            operator.ok(rotate_key=pb.RotateKeyRequest(key=name, active_kid=active))
    with Gateway(daemon, name) as gateway:
        for token in tokens:
            assert gateway.ask(token).endswith(INNER), token
        head, _, tag = tokens[0].rpartition(".")
        changed = ("B" if tag[0] == "A" else "A") + tag[1:]
        assert gateway.ask(f"{head}.{changed}") == "FAILED "
    with Gateway(daemon, "other") as gateway:
        assert gateway.ask(tokens[0]).startswith("NO_KEY ")
    with Gateway(daemon) as gateway:
        assert gateway.ask(tokens[0]).startswith("NO_KEY header, kid: missing")
