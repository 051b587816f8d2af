/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWK Sets of strangers, and (first octet 0xff) the reply of a daemon. What parses can be written, parses again to the
 * same, and can be encrypted for.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/jose/cek-jose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encrypt_for(const struct cek_jwk *jwk)
{
	struct cek_jwe_params params = {.enc = "A256GCM"};
	char *token = NULL;

	if (!jwk->alg)
		params.alg = jwk->public_key.n.len > 0 ? "RSA-OAEP-256" : "ECDH-ES";
	/* FAILED: a point of small order, an RSA key that is none. */
	if ((cek_jwe_encrypt_to(jwk, &params, "x", 1, &token, NULL) == CEK_JWE_OK) != (token != NULL))
		abort();
	free(token);
}

static void check(const cek_jwks *jwks)
{
	char *text = NULL, *again = NULL;
	cek_jwks *copy = NULL;

	if (cek_jwks_write(jwks, true, &text, NULL) != CEK_JWE_OK ||
		cek_jwks_parse(text, strlen(text), &copy, NULL) != CEK_JWE_OK ||
		cek_jwks_count(copy) != cek_jwks_count(jwks) ||
		cek_jwks_write(copy, true, &again, NULL) != CEK_JWE_OK || strcmp(text, again) != 0)
		abort();
	free(text);
	free(again);
	cek_jwks_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char thumbprint[CEK_JWE_THUMBPRINT_SIZE];
	cek_jwks *jwks = NULL;
	int code;

	if (size > 0 && data[0] == 0xff)
		code = cek_jwks_from_reply(data + 1, size - 1, &jwks, NULL);
	else
		code = cek_jwks_parse((const char *)data, size, &jwks, NULL);
	if ((code == CEK_JWE_OK) != (jwks != NULL))
		abort();
	if (!jwks)
		return 0;
	for (size_t i = 0; i < cek_jwks_count(jwks) && i < 4; i++) {
		const struct cek_jwk *jwk = cek_jwks_get(jwks, i);

		if (jwk->kid && !cek_jwks_find(jwks, jwk->kid))
			abort();
		if (cek_jwk_thumbprint(&jwk->public_key, thumbprint) != CEK_JWE_OK)
			abort();
		encrypt_for(jwk);
	}
	check(jwks);
	cek_jwks_free(jwks);
	return 0;
}
