# SPDX-License-Identifier: Apache-2.0
"""What JOSE knows and cekd refuses: one clear and stable answer at each layer. The protocol is asked byte by byte, cekctl
by its verbs, and libcek-jose through jwe decrypt; its own codes are in tests/unit (test_header.c, test_local.c, test_jwk.c)."""

import json

import cekd as C
import pytest
from cekd import pb, status_name
from jwcrypto import jwe, jwk

SIGNATURES = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "ES256K", "PS256", "PS384",
              "PS512", "EdDSA"]
PASSWORDS = ["PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"]
REASONS = ({"RSA1_5": "padding oracle", "dir": "leave the token", "none": "protects nothing"} |
           {alg: "not from passwords" for alg in PASSWORDS} | {alg: "signatures" for alg in SIGNATURES})
NONSENSE = {"A512KW": "", "RSA-OAEP-1024": "", "a256kw": "", "PBES2-HS999+A128KW": ""}
REFUSED = (REASONS | NONSENSE).items()


def transport(client):
    return client.ok(get_transport_key=pb.GetTransportKeyRequest()).transport_key


@pytest.mark.parametrize("alg, why", REFUSED)
def test_protocol(shared, client, alg, why):
    """Each operation that takes an alg; nothing is made."""
    made = client.generate(shared.key("A256KW"))
    envelope = {"wrapped_aes_key": bytes(256), "wrapped_key": bytes(64),
                "public_key": pb.PublicKey(kty="oct")}
    replies = {
        "unwrap": client.unwrap(made, alg=alg),
        "rewrap": client.call(rewrap=pb.RewrapRequest(kid=made.kid, alg=alg, enc="A256GCM",
                                                      encrypted_key=made.encrypted_key)),
        "create": client.call(create_key=pb.CreateKeyRequest(key="refused", alg=alg)),
        "import": client.call(import_key=pb.ImportKeyRequest(key="refused", alg=alg, transport_id=transport(client).id,
                                                             **envelope)),
        "adopt": client.call(adopt_key=pb.AdoptKeyRequest(key="refused", alg=alg, label="x")),
    }
    for operation, reply in replies.items():
        assert status_name(reply) == "UNSUPPORTED", (operation, reply)
        assert why in reply.message and reply.WhichOneof("result") is None, (operation, reply)
    assert status_name(client.call(describe_key=pb.DescribeKeyRequest(key="refused"))) == "UNKNOWN_KEY"


def one_line(done, code, text):
    assert done.returncode == code and done.stdout == "", done
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("cekctl: ") and text in done.stderr, done.stderr


@pytest.mark.parametrize("alg, why", REFUSED)
def test_cekctl_verbs(shared, tmp_path, alg, why):
    path = tmp_path / "key.jwk"
    path.write_text(jwk.JWK.generate(kty="oct", size=256).export())
    for verb in (["key", "create", "refused", "--alg", alg], ["key", "adopt", "refused", "--alg", alg, "--label", "x"],
                 ["key", "import", "refused", "--alg", alg, "--jwk", path]):
        done = shared.cekctl(*verb, check=False)
        one_line(done, 1, "UNSUPPORTED: ")
        assert why in done.stderr
    one_line(shared.cekctl("unwrap", "--key", shared.key("A256KW"), "--alg", alg, "--enc", "A256GCM", check=False,
                           input=C.b64(bytes(40))), 1, "UNSUPPORTED: ")
    done = shared.cekctl("jwe", "decrypt", "--alg", alg, check=False, input="")
    one_line(done, 2, f"--alg {alg}: {'' if why else 'unknown algorithm'}")
    assert why in done.stderr


@pytest.fixture(scope="module")
def token(shared):
    return shared.cekctl("jwe", "encrypt", "--key", shared.key("A256KW"), "--enc", "A256GCM", input="text").stdout.strip()


def with_header(token, **members):
    """A member None is taken out."""
    parts = token.split(".")
    header = {name: value for name, value in (json.loads(C.unb64(parts[0])) | members).items() if value is not None}
    return ".".join([C.b64(json.dumps(header).encode()), *parts[1:]])


def decrypt(shared, token, *args):
    return shared.cekctl("jwe", "decrypt", "--key", shared.key("A256KW"), *args, check=False, input=token)


@pytest.mark.parametrize("alg, why", REFUSED)
def test_token_with_alg(shared, token, alg, why):
    one_line(decrypt(shared, with_header(token, alg=alg)), 1, "POLICY: header, alg: ")
    assert why in decrypt(shared, with_header(token, alg=alg)).stderr


@pytest.mark.parametrize("members, text", [
    ({"crit": ["exp"], "exp": 1}, "POLICY: header, crit: no extension is understood"),
    ({"crit": ["b64"], "b64": True}, "POLICY: header, crit: no extension is understood"),
    ({"crit": []}, "POLICY: header, crit: no extension is understood"),
    ({"zip": "DEF"}, "POLICY: header, zip: not allowed by the caller"),
    ({"zip": "GZIP"}, "POLICY: header, zip: not DEF"),
    ({"enc": "A512GCM"}, "POLICY: header, enc: not one that cekd knows"),
    ({"enc": "A128GCM"}, "MALFORMED: encrypted key: wrong length for alg and enc"),
    ({"alg": None}, "MALFORMED: header, alg: missing"),
    ({"enc": None}, "MALFORMED: header, enc: missing"),
    ({"kid": 5}, "MALFORMED: header, kid: not a string"),
    ({"kid": "no such kid"}, "NO_KEY: "),
], ids=lambda value: json.dumps(value) if isinstance(value, dict) else "")
def test_token_with_member(shared, token, members, text):
    one_line(decrypt(shared, with_header(token, **members)), 3 if text.startswith("NO_KEY") else 1, text)


def test_token_with_zip_allowed(shared, token):
    """Allowed, it is read: this one was not made with it, so its tag is wrong."""
    one_line(decrypt(shared, with_header(token, zip="DEF"), "--allow-zip"), 1, "FAILED: the token cannot be opened")


def test_token_with_zip_bomb(shared):
    """A sender with the public key: 250,000 bytes come out, and not one more."""
    public = json.loads(shared.cekctl("jwks", shared.key("RSA-OAEP-256")).stdout)["keys"][0]
    key = jwk.JWK.from_json(json.dumps(public))
    for size in (250000, 250001, 10000000):
        made = jwe.JWE(bytes(size), json.dumps({"alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": "DEF",
                                                "kid": public["kid"]}))
        made.add_recipient(key)
        done = shared.cekctl("jwe", "decrypt", "--key", shared.key("RSA-OAEP-256"), "--allow-zip", check=False,
                             input=made.serialize(compact=True))
        if size == 250000:
            assert done.returncode == 0 and done.stdout == "\0" * size
        else:
            one_line(done, 1, "TOO_LARGE: ")


def test_token_of_another_alg_of_the_same_kind(shared):
    """RFC 8725 section 3.1: well-formed, known and of the right length, but not the key's own."""
    made = shared.cekctl("jwe", "encrypt", "--key", shared.key("RSA-OAEP"), "--enc", "A256GCM", input="text").stdout.strip()
    done = shared.cekctl("jwe", "decrypt", "--key", "RSA-OAEP", check=False, input=with_header(made, alg="RSA-OAEP-256"))
    one_line(done, 1, "MALFORMED: alg: the key's is RSA-OAEP")


@pytest.mark.parametrize("own, other", [("RSA-OAEP", "RSA-OAEP-256"), ("A256KW", "A256GCMKW"), ("A256KW", "A128KW"),
                                        ("ECDH-ES", "ECDH-ES+A128KW")])
def test_alg_other_than_the_keys_own(shared, client, own, other):
    made = client.generate(shared.key(own))
    for named in ({}, {"kid": "", "key": shared.key(own)}):
        reply = client.unwrap(made, alg=other, **named)
        assert status_name(reply) == "MALFORMED" and reply.message.startswith("alg"), reply
    done = shared.cekctl("unwrap", "--kid", made.kid, "--alg", other, "--enc", "A256GCM", check=False,
                         input=C.b64(made.encrypted_key))
    one_line(done, 1, "MALFORMED: alg")


@pytest.mark.parametrize("bits", [512, 1024, 2047, 2049, 8192])
def test_rsa_sizes(shared, client, bits):
    reply = client.call(create_key=pb.CreateKeyRequest(key="small", alg="RSA-OAEP-256", bits=bits))
    assert status_name(reply) == "UNSUPPORTED" and "2048" in reply.message, reply
    one_line(shared.cekctl("key", "create", "small", "--alg", "RSA-OAEP-256", "--size", str(bits), check=False), 1,
             "UNSUPPORTED: ")


def test_import_of_small_rsa(shared, client, tmp_path):
    """cekctl does not even send it; cekd refuses it as well."""
    key = jwk.JWK.generate(kty="RSA", size=1024)
    path = tmp_path / "small.jwk"
    for text in (key.export(), key.export_to_pem(private_key=True, password=None).decode()):
        path.write_text(text)
        one_line(shared.cekctl("key", "import", "small", "--alg", "RSA-OAEP", "--jwk", path, check=False), 1,
                 "MALFORMED: RSA keys below 2048 bits are refused")
    public = pb.PublicKey(kty="RSA", n=C.unb64(key.export(as_dict=True)["n"]), e=b"\1\0\1")
    reply = client.call(import_key=pb.ImportKeyRequest(key="small", alg="RSA-OAEP", transport_id=transport(client).id,
                                                       wrapped_aes_key=bytes(256), wrapped_key=bytes(64),
                                                       public_key=public))
    assert status_name(reply) in ("UNSUPPORTED", "MALFORMED"), reply
    assert status_name(client.call(describe_key=pb.DescribeKeyRequest(key="small"))) == "UNKNOWN_KEY"
