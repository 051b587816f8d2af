# SPDX-License-Identifier: Apache-2.0
"""joserfc, given the whole set: it takes one of its keys at random, those that are not active yet too."""

import json

from joserfc import jwe
from joserfc.jwk import KeySet

import mint

kept = mint.Kept(lambda text: KeySet.import_key_set(json.loads(text)))
mint.run(lambda: jwe.encrypt_compact({"alg": mint.ALG, "enc": mint.ENC, "cty": "JWT"}, mint.CLAIMS, kept.get(),
                                     algorithms=[mint.ALG, mint.ENC]))
