# SPDX-License-Identifier: Apache-2.0
"""jwcrypto, with the first key that has the alg: it keeps the order of the set."""

import json

from jwcrypto import jwe, jwk

import mint

kept = mint.Kept(lambda text: mint.first(json.loads(text)["keys"]))


def issue():
    key = kept.get()
    token = jwe.JWE(mint.CLAIMS, json.dumps({"alg": mint.ALG, "enc": mint.ENC, "kid": key["kid"]}))
    token.add_recipient(jwk.JWK(**key))
    return token.serialize(compact=True)


mint.run(issue)
