/* SPDX-License-Identifier: Apache-2.0 */
/* cek_jwe_encrypt: cekd makes a CEK and wraps it, the content is encrypted here. */
#include <stdlib.h>
#include <string.h>

#include "client/jose/error.h"
#include "client/jose/locked.h"
#include "client/jose/op.h"
#include "client/jose/seal.h"

struct encryption {
	struct cek_jwe_op op; /* first */
	struct arena *arena;  /* the plaintext and all that params points to */
	struct cek_bytes plaintext;
	struct cek_jwe_params params; /* without key: cekd has it */
	cek_jwe_token_callback *callback;
	void *userdata;
};

/* Whether cekd's reply has what a token needs. */
static bool is_complete(const struct seal *seal)
{
	return seal->alg && seal->kid && kid_valid(seal->kid) && seal->cek.len == seal->enc->cek_len;
}

/* From cekd's answer to a token. */
static int finish_token(const struct cek_jwe_params *params, struct cek_bytes plaintext, const cek_result *result,
	char **ret_token, struct cek_jwe_error *error)
{
	const char *alg = cek_result_alg(result);
	struct seal seal = {
		.alg = alg ? alg_find(alg) : NULL,
		.enc = enc_find(params->enc),
		.kid = cek_result_kid(result),
		.typ = params->typ,
		.cty = params->cty,
		.params = cek_result_params(result),
		.cek = cek_result_cek(result),
		.encrypted_key = cek_result_encrypted_key(result),
		.plaintext = plaintext,
	};

	if (cek_result_status(result) != CEK_OK)
		return jwe_error_result(error, cek_result_status(result), result);
	if (!is_complete(&seal))
		return jwe_error_status(error, CEK_E_PROTOCOL, "cekd's reply is incomplete");
	if (seal.alg->family == ALG_ECDH) {
		seal.params.apu = params->apu; /* what the sender chose, and cekd derived with */
		seal.params.apv = params->apv;
	}
	return seal_token(&seal, ret_token, error);
}

static int check(const struct cek_jwe_params *params, size_t len, struct cek_jwe_error *error)
{
	int code = seal_check(params, len, error);

	if (code == CEK_JWE_OK && (!params->key || !key_name_valid(params->key)))
		code = jwe_error(error, CEK_JWE_MALFORMED, "key: missing, or not a key name");
	return code;
}

static struct cek_wrap arguments(const struct cek_jwe_params *params)
{
	return (struct cek_wrap){.key = params->key, .enc = params->enc, .apu = params->apu, .apv = params->apv};
}

/* ---- without waiting --------------------------------------------------------------------------------------------- */

static void encryption_free(struct encryption *encryption)
{
	locked_put(encryption->arena);
	free(encryption);
}

static void wrapped(cek_call *call, cek_result *result, void *userdata)
{
	struct encryption *encryption = userdata;
	cek_jwe_token_callback *callback = encryption->callback;
	void *callback_data = encryption->userdata;
	struct cek_jwe_error error;
	char *token = NULL;

	(void)call;
	finish_token(&encryption->params, encryption->plaintext, result, &token, &error);
	encryption_free(encryption);
	callback(token, &error, callback_data);
}

/* len bytes at data, in the arena, followed by a NUL. */
static struct cek_bytes keep(struct arena *arena, const void *data, size_t len)
{
	uint8_t *copy = arena_alloc(arena, len + 1);

	if (len > 0)
		memcpy(copy, data, len);
	return (struct cek_bytes){copy, len};
}

static const char *keep_string(struct arena *arena, const char *string)
{
	return string ? keep(arena, string, strlen(string)).data : NULL;
}

static struct encryption *encryption_new(const struct cek_jwe_params *params, const void *plaintext, size_t len)
{
	struct encryption *encryption = calloc(1, sizeof(*encryption));
	size_t size = len + params->apu.len + params->apv.len + 5 * 32;

	size += params->typ ? strlen(params->typ) : 0;
	size += params->cty ? strlen(params->cty) : 0;
	if (!encryption)
		return NULL;
	encryption->arena = locked_get(size);
	if (!encryption->arena) {
		free(encryption);
		return NULL;
	}
	encryption->plaintext = keep(encryption->arena, plaintext, len);
	encryption->params = (struct cek_jwe_params){
		.enc = enc_find(params->enc)->name,
		.typ = keep_string(encryption->arena, params->typ),
		.cty = keep_string(encryption->arena, params->cty),
		.apu = keep(encryption->arena, params->apu.data, params->apu.len),
		.apv = keep(encryption->arena, params->apv.data, params->apv.len),
	};
	return encryption;
}

int cek_jwe_encrypt_start(cek_conn *conn, const struct cek_jwe_params *params, const void *plaintext, size_t len,
	int timeout_ms, cek_jwe_token_callback *callback, void *userdata, cek_jwe_op **ret_op,
	struct cek_jwe_error *ret_error)
{
	struct cek_wrap args = arguments(params);
	struct encryption *encryption;
	int code = check(params, len, ret_error), status;

	if (code != CEK_JWE_OK)
		return code;
	encryption = encryption_new(params, plaintext, len);
	if (!encryption)
		return jwe_error_code(ret_error, CEK_JWE_NOMEM);
	encryption->callback = callback;
	encryption->userdata = userdata;
	status = cek_wrap_start(conn, &args, timeout_ms, wrapped, encryption, &encryption->op.call);
	code = jwe_error_status(ret_error, status, NULL);
	if (code != CEK_JWE_OK)
		encryption_free(encryption);
	else if (ret_op)
		*ret_op = &encryption->op;
	return code;
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

int cek_jwe_encrypt(cek_conn *conn, const struct cek_jwe_params *params, const void *plaintext, size_t len,
	int timeout_ms, char **ret_token, struct cek_jwe_error *ret_error)
{
	struct cek_wrap args = arguments(params);
	cek_result *result = NULL;
	int code = check(params, len, ret_error), status;

	if (code != CEK_JWE_OK)
		return code;
	status = cek_wrap(conn, &args, timeout_ms, &result);
	if (result)
		code = finish_token(params, (struct cek_bytes){plaintext, len}, result, ret_token, ret_error);
	else
		code = jwe_error_status(ret_error, status, NULL);
	cek_result_free(result);
	return code;
}
