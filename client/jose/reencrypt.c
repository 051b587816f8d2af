/* SPDX-License-Identifier: Apache-2.0 */
/* cek_jwe_reencrypt: decrypt, then encrypt. Nothing is asked for the second before the first has come to its end. */
#include <stdlib.h>
#include <string.h>

#include "client/jose/cache.h"
#include "client/jose/error.h"
#include "client/jose/op.h"

/* What the caller wants made of an opened token; what he left out is the token's own. */
static struct cek_jwe_params params_for(const struct cek_jwe_params *params, const cek_jwe *jwe)
{
	struct cek_jwe_params to = *params;

	to.enc = params->enc ? params->enc : cek_jwe_enc(jwe);
	to.typ = params->typ ? params->typ : cek_jwe_typ(jwe);
	to.cty = params->cty ? params->cty : cek_jwe_cty(jwe);
	return to;
}

static int remaining(int timeout_ms, uint64_t start)
{
	uint64_t used = cache_now() - start;

	if (timeout_ms < 0)
		return -1;
	return used < (uint64_t)timeout_ms ? timeout_ms - (int)used : 0;
}

int cek_jwe_reencrypt(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token, size_t len,
	const struct cek_jwe_params *params, int timeout_ms, char **ret_token, struct cek_jwe_error *ret_error)
{
	uint64_t start = cache_now();
	struct cek_jwe_params to;
	struct cek_bytes plaintext;
	cek_jwe *jwe = NULL;
	int code = cek_jwe_decrypt(conn, policy, token, len, timeout_ms, &jwe, ret_error);

	if (code != CEK_JWE_OK)
		return code;
	to = params_for(params, jwe);
	plaintext = cek_jwe_plaintext(jwe);
	code = cek_jwe_encrypt(conn, &to, plaintext.data, plaintext.len, remaining(timeout_ms, start), ret_token,
		ret_error);
	cek_jwe_free(jwe);
	return code;
}

/* ---- without waiting --------------------------------------------------------------------------------------------- */

struct reencryption {
	struct cek_jwe_op op; /* first */
	cek_conn *conn;
	struct cek_jwe_params params;
	bool to_jwk;
	struct cek_jwk to;
	char *kept; /* one allocation for what these two point to */
	uint64_t start;
	int timeout_ms;
	cek_jwe_token_callback *callback;
	void *userdata;
};

/* Copy what the caller's structs point to; it goes when he returns. False without memory. */
static bool keep(struct reencryption *reencryption)
{
	struct cek_jwe_params *params = &reencryption->params;
	struct cek_public_key *key = &reencryption->to.public_key;
	const char **strings[] = {&params->key, &params->enc, &params->alg, &params->cty, &params->typ,
		&reencryption->to.kid, &reencryption->to.alg, &key->kty, &key->crv};
	struct cek_bytes *octets[] = {&params->apu, &params->apv, &key->n, &key->e, &key->x, &key->y};
	enum { STRINGS = sizeof(strings) / sizeof(strings[0]), OCTETS = sizeof(octets) / sizeof(octets[0]) };
	size_t size = 1;
	char *to;

	for (size_t i = 0; i < STRINGS; i++)
		size += *strings[i] ? strlen(*strings[i]) + 1 : 0;
	for (size_t i = 0; i < OCTETS; i++)
		size += octets[i]->len;
	reencryption->kept = to = malloc(size);
	if (!to)
		return false;
	for (size_t i = 0; i < STRINGS; i++) {
		if (!*strings[i])
			continue;
		size = strlen(*strings[i]) + 1;
		*strings[i] = memcpy(to, *strings[i], size);
		to += size;
	}
	for (size_t i = 0; i < OCTETS; i++) {
		if (octets[i]->len > 0)
			octets[i]->data = memcpy(to, octets[i]->data, octets[i]->len);
		to += octets[i]->len;
	}
	return true;
}

static void reencryption_free(struct reencryption *reencryption)
{
	free(reencryption->kept);
	free(reencryption);
}

static void finish(char *token, const struct cek_jwe_error *error, void *userdata)
{
	struct reencryption *reencryption = userdata;
	cek_jwe_token_callback *callback = reencryption->callback;
	void *callback_data = reencryption->userdata;

	reencryption_free(reencryption);
	callback(token, error, callback_data);
}

/* False: there will be no callback, and *ret_error says why. */
static bool encrypt(struct reencryption *reencryption, const cek_jwe *jwe, char **ret_token,
	struct cek_jwe_error *ret_error)
{
	struct cek_jwe_params params = params_for(&reencryption->params, jwe);
	struct cek_bytes plaintext = cek_jwe_plaintext(jwe);

	if (reencryption->to_jwk) {
		cek_jwe_encrypt_to(&reencryption->to, &params, plaintext.data, plaintext.len, ret_token, ret_error);
		return false;
	}
	return cek_jwe_encrypt_start(reencryption->conn, &params, plaintext.data, plaintext.len,
		       remaining(reencryption->timeout_ms, reencryption->start), finish, reencryption,
		       &reencryption->op.inner, ret_error) == CEK_JWE_OK;
}

static void opened(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	struct reencryption *reencryption = userdata;
	struct cek_jwe_error last = *error;
	char *token = NULL;
	bool waits = jwe && encrypt(reencryption, jwe, &token, &last);

	cek_jwe_free(jwe);
	if (!waits)
		finish(token, &last, reencryption);
}

int cek_jwe_reencrypt_start(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token, size_t len,
	const struct cek_jwe_params *params, const struct cek_jwk *to, int timeout_ms, cek_jwe_token_callback *callback,
	void *userdata, cek_jwe_op **ret_op, struct cek_jwe_error *ret_error)
{
	struct reencryption *reencryption = calloc(1, sizeof(*reencryption));
	struct cek_jwe_policy deferred = policy ? *policy : (struct cek_jwe_policy){0};
	int code;

	deferred.deferred = true;
	if (!reencryption)
		return jwe_error_code(ret_error, CEK_JWE_NOMEM);
	*reencryption = (struct reencryption){
		.conn = conn,
		.params = *params,
		.to_jwk = to,
		.start = cache_now(),
		.timeout_ms = timeout_ms,
		.callback = callback,
		.userdata = userdata,
	};
	if (to)
		reencryption->to = *to;
	code = keep(reencryption) ? cek_jwe_decrypt_start(conn, &deferred, token, len, timeout_ms, opened, reencryption,
					    &reencryption->op.inner, ret_error)
				  : jwe_error_code(ret_error, CEK_JWE_NOMEM);
	if (code != CEK_JWE_OK)
		reencryption_free(reencryption);
	else if (ret_op)
		*ret_op = &reencryption->op;
	return code;
}
