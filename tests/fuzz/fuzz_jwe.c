/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token that a stranger sent: cek_jwe_decrypt_start() parses it and asks a connection that leads nowhere. Then what
 * the tag keeps a fuzzer from: the content is encrypted again under a known CEK, so that what comes after it is
 * reached.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/jose/content.h"
#include "client/jose/open.h"

static const char *const algs[] = {"RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512", "A128KW", "A192KW",
	"A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW",
	"ECDH-ES+A256KW", NULL};
static const char *const encs[] = {"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM",
	NULL};
static const uint8_t cek[64] = {1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *key_for_kid(const char *kid, void *userdata)
{
	(void)userdata;
	return kid && *kid == '.' ? NULL : "key";
}

static void done(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	(void)userdata;
	if (jwe || error->code == CEK_JWE_OK)
		abort(); /* nobody has answered */
}

static void start(const struct cek_jwe_policy *policy, const char *token, size_t size, int want)
{
	struct cek_jwe_error error = {.code = -1};
	cek_jwe_op *op = NULL;
	cek_conn *conn;

	if (cek_conn_new("/nonexistent", &conn) != CEK_OK)
		return;
	if (cek_jwe_decrypt_start(conn, policy, token, size, -1, done, NULL, &op, &error) != want ||
		error.code != want || memchr(error.details, '\0', sizeof(error.details)) == NULL)
		abort();
	if (op)
		cek_jwe_op_cancel(op);
	cek_conn_free(conn);
}

/* The first octets of the ciphertext as plaintext, under our CEK. */
static void seal_again(struct pending *pending)
{
	const struct enc *enc = pending->header.enc;
	struct content content = {enc, cek, {pending->aad.text, pending->aad.len}, pending->iv.data};
	size_t len = pending->ciphertext.len;
	struct cek_bytes plaintext = {pending->ciphertext.data, enc->gcm ? len : len - 1};
	uint8_t *ciphertext = malloc(len + 1);

	if (!ciphertext ||
		content_encrypt(&content, plaintext, ciphertext, (uint8_t *)(uintptr_t)pending->tag.data) != CEK_JWE_OK)
		abort();
	memcpy((uint8_t *)(uintptr_t)pending->ciphertext.data, ciphertext, len);
	free(ciphertext);
}

/* Everything that is handed over can be read: a sanitizer watches. */
static void check(const cek_jwe *jwe)
{
	struct cek_bytes plaintext = cek_jwe_plaintext(jwe);
	const char *optional[] = {cek_jwe_kid(jwe), cek_jwe_typ(jwe), cek_jwe_cty(jwe)};
	void *copy = malloc(plaintext.len + 1);

	if (!copy || plaintext.len > CEK_JWE_PLAINTEXT_DEFAULT)
		abort();
	memcpy(copy, plaintext.data, plaintext.len);
	free(copy);
	if (!alg_find(cek_jwe_alg(jwe)) || !enc_find(cek_jwe_enc(jwe)))
		abort();
	for (size_t i = 0; i < 3; i++)
		if (optional[i] && (strlen(optional[i]) == 0 || strlen(optional[i]) > KID_MAX))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cek_jwe_policy policy = {.algs = algs, .encs = encs, .key_for_kid = key_for_kid, .allow_zip = true};
	char *token = malloc(size + 1); /* exactly as long as it is said to be, but never of zero bytes */
	struct pending *pending = NULL;
	cek_jwe *jwe = NULL;
	int code;

	if (!token)
		return 0;
	memcpy(token, data, size);
	code = pending_new(&policy, token, size, &pending, NULL);
	start(&policy, token, size, code);
	if (code == CEK_JWE_OK && *token == 'e' && !cek_jwe_looks_compact(token, size))
		abort(); /* 'e': it begins with '{' */
	(void)cek_jwe_is_b64token(token, size);
	free(token);
	if (code != CEK_JWE_OK)
		return 0;
	seal_again(pending);
	code = pending_open(pending, (struct cek_bytes){cek, pending->header.enc->cek_len}, "key", "version", false,
		&jwe);
	if (code == CEK_JWE_OK)
		check(jwe);
	else if (!pending->header.zip)
		abort(); /* it was ours */
	cek_jwe_free(jwe);
	pending_free(pending);
	return 0;
}
