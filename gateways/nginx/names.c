/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gateways/nginx/names.h"

const char *const ngx_cekd_jwe_algs[] = {"RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512", "A128KW", "A192KW",
	"A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW",
	"ECDH-ES+A256KW", NULL};
const char *const ngx_cekd_jwe_encs[] = {"A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384",
	"A256CBC-HS512", NULL};
const char *const ngx_cekd_jws_algs[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
	"ES512", "EdDSA", "Ed25519", "Ed448", NULL};
const char *const ngx_cekd_secret_algs[] = {"A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", NULL};

bool ngx_cekd_listed(ngx_cekd_list list, const char *word)
{
	for (; *list; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}
