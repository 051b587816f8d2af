/* SPDX-License-Identifier: Apache-2.0 */
/* OAEP decoding: Wycheproof's messages of every length, and the shift for tokens that cut leading zeros off. */
#include "daemon/token/algs/oaep.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static size_t hex(const json_t *json, const char *member, uint8_t *ret_data, size_t size)
{
	const char *text = json_string_value(json_object_get(json, member));
	size_t n = 0;

	for (; text && text[0] && text[1]; text += 2) {
		unsigned value = 0;

		assert_true(n < size && sscanf(text, "%2x", &value) == 1);
		ret_data[n++] = (uint8_t)value;
	}
	return n;
}

/* What CKM_RSA_X_509 does. False for a number that is not below the modulus, or not as long. */
static bool raw_decrypt(EVP_PKEY *key, const uint8_t *in, size_t len, uint8_t *ret_em, size_t *ret_len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool done;

	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	done = EVP_PKEY_decrypt(ctx, ret_em, ret_len, in, len) == 1;
	ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	return done;
}

static void check_test(EVP_PKEY *key, const EVP_MD *hash, const json_t *test, unsigned *opened, unsigned *refused)
{
	static uint8_t in[1024], em[OAEP_EM_MAX], message[OAEP_EM_MAX], want[OAEP_EM_MAX];
	const bool label = json_string_length(json_object_get(test, "label")) > 0;
	const bool valid = strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;
	size_t len = hex(test, "ct", in, sizeof(in)), em_len = sizeof(em), message_len = 0, want_len;
	bool opens = raw_decrypt(key, in, len, em, &em_len) &&
		oaep_decode(hash, em, em_len, message, &message_len) == 0;

	assert_int_equal(ERR_peek_error(), 0);
	if (opens != (valid && !label))
		fail_msg("case %d", (int)json_integer_value(json_object_get(test, "tcId")));
	if (opens) {
		want_len = hex(test, "msg", want, sizeof(want));
		assert_int_equal(message_len, want_len);
		assert_memory_equal(message, want, want_len);
	}
	*(opens ? opened : refused) += 1;
}

static void wycheproof(void **state)
{
	static const struct {
		const char *file;
		unsigned hash;
	} files[] = {
		{"rsa_oaep_2048_sha1_mgf1sha1", 1},
		{"rsa_oaep_2048_sha256_mgf1sha256", 256},
		{"rsa_oaep_3072_sha256_mgf1sha256", 256},
		{"rsa_oaep_2048_sha384_mgf1sha384", 384},
		{"rsa_oaep_2048_sha512_mgf1sha512", 512},
		{"rsa_oaep_3072_sha512_mgf1sha512", 512},
	};

	(void)state;
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
		unsigned opened = 0, refused = 0;
		json_t *json, *group, *test;
		char path[512];
		size_t i, j;

		snprintf(path, sizeof(path), "%s/wycheproof/%s_test.json", getenv("CEK_VECTORS"), files[f].file);
		json = json_load_file(path, 0, NULL);
		if (!json) {
			printf("# MISSING: %s; set CEK_VECTORS\n", path);
			skip();
		}
		json_array_foreach(json_object_get(json, "testGroups"), i, group)
		{
			static uint8_t der[4096];
			const uint8_t *at = der;
			EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at,
				(long)hex(group, "privateKeyPkcs8", der, sizeof(der)));

			assert_non_null(key);
			json_array_foreach(json_object_get(group, "tests"), j, test)
				check_test(key, oaep_hash(files[f].hash), test, &opened, &refused);
			EVP_PKEY_free(key);
		}
		printf("# %s: %u opened, %u refused\n", files[f].file, opened, refused);
		assert_true(opened >= 9 && refused > 20);
		json_decref(json);
	}
}

static void encode(const EVP_MD *hash, const uint8_t *message, size_t len, uint8_t *ret_em, size_t em_len)
{
	EVP_PKEY *key = EVP_RSA_gen((unsigned)em_len * 8);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t encrypted[OAEP_EM_MAX];
	size_t n = sizeof(encrypted);

	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, encrypted, &n, message, len), 1);
	assert_true(raw_decrypt(key, encrypted, n, ret_em, &em_len));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
}

/* Each byte of an encoded message counts, and every way to spoil it looks the same. */
static void notices_every_byte(void **state)
{
	uint8_t em[256], bad[256], message[256] = "a content-encryption key", out[256];
	size_t len = 0;

	(void)state;
	encode(oaep_hash(256), message, 32, em, sizeof(em));
	assert_int_equal(oaep_decode(oaep_hash(256), em, sizeof(em), out, &len), 0);
	assert_int_equal(len, 32);
	assert_memory_equal(out, message, 32);
	assert_int_equal(oaep_decode(oaep_hash(384), em, sizeof(em), out, &len), -EBADMSG);
	for (size_t i = 0; i < sizeof(em); i++) {
		/* The message itself is not protected by OAEP: its last 32 bytes may change. */
		memcpy(bad, em, sizeof(em));
		bad[i] ^= 1;
		len = 77;
		if (oaep_decode(oaep_hash(256), bad, sizeof(bad), out, &len) == 0)
			assert_true(i >= sizeof(em) - 32);
		else
			assert_int_equal(len, 77);
		assert_int_equal(ERR_peek_error(), 0);
	}
}

static void pads_on_the_left(void **state)
{
	static const size_t sizes[] = {256, 384, 512, 258};

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (size_t len = 0; len <= sizes[s]; len++) {
			uint8_t em[OAEP_EM_MAX], want[OAEP_EM_MAX] = {0};

			memset(em, 0xee, sizeof(em));
			for (size_t i = 0; i < len; i++)
				em[i] = want[sizes[s] - len + i] = (uint8_t)(i * 3 + 1);
			oaep_left_pad(em, sizes[s], len);
			assert_memory_equal(em, want, sizes[s]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wycheproof),
		cmocka_unit_test(notices_every_byte),
		cmocka_unit_test(pads_on_the_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
