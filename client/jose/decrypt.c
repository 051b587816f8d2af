/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cek_jwe_decrypt: parse, look into the cache, ask cekd for the CEK, decrypt. Only an ECDH-ES token without kid takes
 * more than one question: cekd cannot tell which version a sender meant, as every one derives some CEK; the tag tells.
 */
#include <stdlib.h>

#include "client/jose/cache.h"
#include "client/jose/error.h"
#include "client/jose/op.h"
#include "client/jose/open.h"

struct decryption {
	struct cek_jwe_op op; /* first */
	cek_conn *conn;
	struct pending *pending;
	unsigned candidate;
	uint64_t deadline; /* ms as cache_now(), 0 = none */
	cek_jwe *jwe;      /* what the cache opened, if the callback has to wait for the next turn, */
	int code;          /* and what came of that */
	cek_jwe_cache *cache;
	uint8_t id[CACHE_ID_LEN];
	cek_jwe_callback *callback;
	void *userdata;
};

/* What is left of the caller's time, as libcek wants it. */
static int remaining(const struct decryption *decryption)
{
	uint64_t now;

	if (decryption->deadline == 0)
		return -1;
	now = cache_now();
	return now < decryption->deadline ? (int)(decryption->deadline - now) : 0;
}

static struct cek_unwrap arguments(const struct decryption *decryption)
{
	const struct pending *pending = decryption->pending;

	return (struct cek_unwrap){
		.kid = pending->header.kid,
		.key = pending->key,
		.alg = pending->header.alg->name,
		.enc = pending->header.enc->name,
		.encrypted_key = pending->encrypted_key,
		.params = pending->header.params,
		.candidate = decryption->candidate,
	};
}

/* Whether another version of the key may have been meant. */
static bool has_another(const struct decryption *decryption, const cek_result *result)
{
	const struct jwe_header *header = &decryption->pending->header;
	unsigned next = decryption->candidate + 1;

	return header->alg->family == ALG_ECDH && header->alg->key_bits == 0 && !header->kid &&
		next < cek_result_candidates(result) && next < decryption->pending->max_versions;
}

/* What an answer of cekd comes to. false: ask again, for the next candidate. */
static bool settle(struct decryption *decryption, const cek_result *result, cek_jwe **ret_jwe,
	struct cek_jwe_error *error)
{
	struct cached cached = {cek_result_cek(result), cek_result_key(result), cek_result_kid(result)};
	int code;

	if (cek_result_status(result) != CEK_OK) {
		jwe_error_result(error, cek_result_status(result), result);
		return true;
	}
	code = pending_open(decryption->pending, cached.cek, cached.key, cached.version, false, ret_jwe);
	if (code == CEK_JWE_FAILED && has_another(decryption, result)) {
		decryption->candidate++;
		return false;
	}
	if (code == CEK_JWE_OK && decryption->cache)
		cache_store(decryption->cache, decryption->id, cache_now(), cek_result_epoch(result), &cached);
	jwe_error_code(error, code);
	return true;
}

/* Whether the cache has answered, and with which code. */
static bool ask_cache(struct decryption *decryption, cek_jwe **ret_jwe, int *ret_code)
{
	struct cached cached;

	if (!decryption->cache ||
		!cache_find(decryption->cache, decryption->conn, decryption->id, cache_now(), &cached))
		return false;
	*ret_code = pending_open(decryption->pending, cached.cek, cached.key, cached.version, true, ret_jwe);
	return true;
}

static int prepare(struct decryption *decryption, cek_conn *conn, const struct cek_jwe_policy *policy,
	const char *token, size_t len, int timeout_ms, struct cek_jwe_error *error)
{
	int code = pending_new(policy, token, len, &decryption->pending, error);

	if (code != CEK_JWE_OK)
		return code;
	decryption->conn = conn;
	decryption->deadline = timeout_ms < 0 ? 0 : cache_now() + (uint64_t)timeout_ms;
	decryption->cache = policy->cache;
	if (policy->cache && !cache_id(policy->cache, decryption->pending, decryption->id))
		return jwe_error_code(error, CEK_JWE_NOMEM);
	return CEK_JWE_OK;
}

/* ---- without waiting --------------------------------------------------------------------------------------------- */

static void finish(struct decryption *decryption, cek_jwe *jwe, const struct cek_jwe_error *error)
{
	cek_jwe_callback *callback = decryption->callback;
	void *userdata = decryption->userdata;

	pending_free(decryption->pending);
	free(decryption);
	callback(jwe, error, userdata);
}

static void unwrapped(cek_call *call, cek_result *result, void *userdata);

static int ask(struct decryption *decryption)
{
	struct cek_unwrap args = arguments(decryption);

	return cek_unwrap_start(decryption->conn, &args, remaining(decryption), unwrapped, decryption,
		&decryption->op.call);
}

static void unwrapped(cek_call *call, cek_result *result, void *userdata)
{
	struct decryption *decryption = userdata;
	struct cek_jwe_error error;
	cek_jwe *jwe = NULL;
	int status;

	(void)call;
	if (!settle(decryption, result, &jwe, &error)) {
		status = ask(decryption);
		if (status == CEK_OK)
			return;
		jwe_error_status(&error, status, NULL);
	}
	finish(decryption, jwe, &error);
}

/* What the cache has opened. */
static void recalled(cek_call *call, cek_result *result, void *userdata)
{
	struct decryption *decryption = userdata;
	struct cek_jwe_error error;
	cek_jwe *jwe = decryption->jwe;

	(void)call;
	if (cek_result_status(result) == CEK_OK) {
		jwe_error_code(&error, decryption->code);
	} else {
		jwe_error_status(&error, cek_result_status(result), NULL);
		jwe = cek_jwe_free(jwe);
	}
	finish(decryption, jwe, &error);
}

/* Answer from the cache, now or in the next turn, or ask cekd. A status of libcek; *ret_done: there was a callback. */
static int proceed(struct decryption *decryption, bool deferred, bool *ret_done)
{
	struct cek_jwe_error error;

	if (!ask_cache(decryption, &decryption->jwe, &decryption->code))
		return ask(decryption);
	if (deferred)
		return cek_defer_start(decryption->conn, recalled, decryption, &decryption->op.call);
	*ret_done = true;
	jwe_error_code(&error, decryption->code);
	finish(decryption, decryption->jwe, &error);
	return CEK_OK;
}

int cek_jwe_decrypt_start(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token, size_t len,
	int timeout_ms, cek_jwe_callback *callback, void *userdata, cek_jwe_op **ret_op,
	struct cek_jwe_error *ret_error)
{
	struct decryption *decryption = calloc(1, sizeof(*decryption));
	bool done = false;
	int code;

	if (!decryption)
		return jwe_error_code(ret_error, CEK_JWE_NOMEM);
	decryption->callback = callback;
	decryption->userdata = userdata;
	code = prepare(decryption, conn, policy, token, len, timeout_ms, ret_error);
	if (code == CEK_JWE_OK && ret_op)
		*ret_op = NULL; /* before a callback can run, and for it */
	if (code == CEK_JWE_OK)
		code = jwe_error_status(ret_error, proceed(decryption, policy->deferred, &done), NULL);
	if (code == CEK_JWE_OK && !done && ret_op)
		*ret_op = &decryption->op;
	if (code != CEK_JWE_OK) {
		cek_jwe_free(decryption->jwe);
		pending_free(decryption->pending);
		free(decryption);
	}
	return code;
}

void cek_jwe_op_cancel(cek_jwe_op *op)
{
	while (op && op->inner)
		op = op->inner;
	if (op)
		cek_call_cancel(op->call);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static void ask_and_wait(struct decryption *decryption, cek_jwe **ret_jwe, struct cek_jwe_error *error)
{
	bool settled = false;

	while (!settled) {
		struct cek_unwrap args = arguments(decryption);
		cek_result *result = NULL;
		int status = cek_unwrap(decryption->conn, &args, remaining(decryption), &result);

		settled = !result || settle(decryption, result, ret_jwe, error);
		if (!result)
			jwe_error_status(error, status, NULL);
		cek_result_free(result);
	}
}

int cek_jwe_decrypt(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token, size_t len, int timeout_ms,
	cek_jwe **ret_jwe, struct cek_jwe_error *ret_error)
{
	struct decryption decryption = {0};
	struct cek_jwe_error error;
	int code = prepare(&decryption, conn, policy, token, len, timeout_ms, &error);

	if (code == CEK_JWE_OK) {
		if (decryption.cache) {
			cache_ask(decryption.cache, conn, cache_now());
			cek_conn_process(conn); /* a new epoch may be waiting to be read */
		}
		if (ask_cache(&decryption, ret_jwe, &code)) {
			jwe_error_code(&error, code);
		} else {
			ask_and_wait(&decryption, ret_jwe, &error);
			code = error.code;
		}
	}
	pending_free(decryption.pending);
	if (ret_error)
		*ret_error = error;
	return code;
}
