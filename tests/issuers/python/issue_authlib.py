# SPDX-License-Identifier: Apache-2.0
"""Authlib, with the first key that has the alg."""

import json

from authlib.jose import JsonWebEncryption, JsonWebKey

import mint

kept = mint.Kept(lambda text: mint.first(json.loads(text)["keys"]))


def issue():
    key = kept.get()
    header = {"alg": mint.ALG, "enc": mint.ENC, "kid": key["kid"]}
    return JsonWebEncryption().serialize_compact(header, mint.CLAIMS, JsonWebKey.import_key(key)).decode()


mint.run(issue)
