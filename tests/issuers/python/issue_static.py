# SPDX-License-Identifier: Apache-2.0
"""An issuer that was given a public key once, as PEM, and has no kid for it. Its configuration is read at the start alone."""

import json
import urllib.request

from jwcrypto import jwe, jwk

import mint

with urllib.request.urlopen(mint.URL, timeout=10) as answer:
    key = jwk.JWK.from_pem(answer.read())


def issue():
    token = jwe.JWE(mint.CLAIMS, json.dumps({"alg": mint.ALG, "enc": mint.ENC}))
    token.add_recipient(key)
    return token.serialize(compact=True)


mint.run(issue)
