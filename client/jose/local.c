/* SPDX-License-Identifier: Apache-2.0 */
/* cek_jwe_encrypt_to: what cekd does for cek_jwe_encrypt(), with a public key alone. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/jose/error.h"
#include "client/jose/header.h"
#include "client/jose/locked.h"
#include "client/jose/pkey.h"
#include "client/jose/seal.h"

/* All that is secret, in one arena; and the public parts, which the header needs. */
struct secrets {
	uint8_t cek[CEK_LEN_MAX];
	uint8_t z[HEADER_COORDINATE_MAX];
	uint8_t kek[32];
};

struct publics {
	uint8_t encrypted_key[ENCRYPTED_KEY_MAX];
	uint8_t point[2 * HEADER_COORDINATE_MAX];
};

static int choose_alg(const struct cek_jwk *to, const struct cek_jwe_params *params, const struct alg **ret_alg,
	struct cek_jwe_error *error)
{
	const char *name = to->alg ? to->alg : params->alg;
	const char *refusal = name ? alg_refusal(name) : NULL;
	const struct alg *alg;

	if (!name)
		return jwe_error(error, CEK_JWE_MALFORMED, "alg: neither the JWK nor the caller names one");
	if (refusal)
		return jwe_error(error, CEK_JWE_POLICY, "alg: %s", refusal);
	if (params->alg && strcmp(params->alg, name) != 0)
		return jwe_error(error, CEK_JWE_POLICY, "alg: not the JWK's own");
	alg = alg_find(name);
	if (!alg || (alg->family != ALG_RSA_OAEP && alg->family != ALG_ECDH))
		return jwe_error(error, CEK_JWE_POLICY, "alg: not one for a public key");
	if ((alg->family == ALG_RSA_OAEP) != (to->public_key.kty && strcmp(to->public_key.kty, "RSA") == 0))
		return jwe_error(error, CEK_JWE_MALFORMED, "alg: does not fit the JWK's kty");
	*ret_alg = alg;
	return CEK_JWE_OK;
}

static int wrap_rsa(EVP_PKEY *pkey, struct seal *seal, struct publics *publics)
{
	size_t len;

	if (pkey_rsa_oaep(pkey, seal->alg, seal->cek, publics->encrypted_key, &len) < 0)
		return -1;
	seal->encrypted_key = (struct cek_bytes){publics->encrypted_key, len};
	return 0;
}

/* Direct agreement derives the CEK, the others the key that wraps it; AlgorithmID says which (RFC 7518 section
 * 4.6.2). */
static int wrap_ecdh(EVP_PKEY *pkey, const struct curve *curve, struct seal *seal, struct secrets *secrets,
	struct publics *publics)
{
	bool direct = seal->alg->key_bits == 0;
	size_t len = direct ? seal->enc->cek_len : seal->alg->key_bits / 8;
	struct cek_public_key *epk = &seal->params.epk;
	struct cek_bytes z = {secrets->z, 0};

	if (pkey_agree(pkey, curve, secrets->z, &z.len, publics->point) < 0 ||
		pkey_concat_kdf(z, direct ? seal->enc->name : seal->alg->name, seal->params.apu, seal->params.apv, len,
			direct ? secrets->cek : secrets->kek) < 0)
		return -1;
	*epk = (struct cek_public_key){.kty = curve->kty, .crv = curve->name};
	epk->x = (struct cek_bytes){publics->point, curve->field_len};
	if (strcmp(curve->kty, "EC") == 0)
		epk->y = (struct cek_bytes){publics->point + curve->field_len, curve->field_len};
	if (direct)
		return 0;
	if (pkey_aes_wrap(secrets->kek, seal->alg->key_bits, seal->cek, publics->encrypted_key) < 0)
		return -1;
	seal->encrypted_key = (struct cek_bytes){publics->encrypted_key, seal->cek.len + 8};
	return 0;
}

static int wrap(const struct cek_jwk *to, struct seal *seal, struct secrets *secrets, struct publics *publics,
	struct cek_jwe_error *error)
{
	EVP_PKEY *pkey = pkey_from_public(&to->public_key);
	int rc = -1;

	if (!pkey)
		return jwe_error(error, CEK_JWE_MALFORMED, "JWK: not a good public key");
	if (seal->alg->family == ALG_RSA_OAEP && EVP_PKEY_get_bits(pkey) < RSA_BITS_MIN) {
		EVP_PKEY_free(pkey);
		return jwe_error(error, CEK_JWE_POLICY, "JWK: RSA below %d bits", RSA_BITS_MIN);
	}
	seal->cek = (struct cek_bytes){secrets->cek, seal->enc->cek_len};
	if (getrandom(secrets->cek, seal->cek.len, 0) == (ssize_t)seal->cek.len)
		rc = seal->alg->family == ALG_RSA_OAEP
			? wrap_rsa(pkey, seal, publics)
			: wrap_ecdh(pkey, curve_find(to->public_key.crv), seal, secrets, publics);
	EVP_PKEY_free(pkey);
	return jwe_error_code(error, rc == 0 ? CEK_JWE_OK : CEK_JWE_FAILED);
}

int cek_jwe_encrypt_to(const struct cek_jwk *to, const struct cek_jwe_params *params, const void *plaintext, size_t len,
	char **ret_token, struct cek_jwe_error *ret_error)
{
	struct seal seal = {.kid = to->kid, .typ = params->typ, .cty = params->cty, .plaintext = {plaintext, len}};
	struct arena *arena;
	struct publics publics;
	int code = seal_check(params, len, ret_error);

	if (code == CEK_JWE_OK)
		code = choose_alg(to, params, &seal.alg, ret_error);
	if (code != CEK_JWE_OK)
		return code;
	arena = locked_get(sizeof(struct secrets));
	if (!arena)
		return jwe_error_code(ret_error, CEK_JWE_NOMEM);
	seal.enc = enc_find(params->enc);
	if (seal.alg->family == ALG_ECDH) {
		seal.params.apu = params->apu;
		seal.params.apv = params->apv;
	}
	code = wrap(to, &seal, arena_alloc(arena, sizeof(struct secrets)), &publics, ret_error);
	if (code == CEK_JWE_OK)
		code = seal_token(&seal, ret_token, ret_error);
	locked_put(arena);
	return code;
}
