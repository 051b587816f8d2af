/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/alg.h"

/* Every row, as RFC 7518 section 4.1 and RFC 8037 name them, and nothing else. */
static void test_algs(void **state)
{
	static const struct {
		const char *name;
		size_t encrypted_len; /* of a CEK of 32 bytes, RSA-2048 */
	} rows[] = {
		{"RSA-OAEP", 256},
		{"RSA-OAEP-256", 256},
		{"RSA-OAEP-384", 256},
		{"RSA-OAEP-512", 256},
		{"A128KW", 40},
		{"A192KW", 40},
		{"A256KW", 40},
		{"ECDH-ES", 0},
		{"ECDH-ES+A128KW", 40},
		{"ECDH-ES+A192KW", 40},
		{"ECDH-ES+A256KW", 40},
		{"A128GCMKW", 32},
		{"A192GCMKW", 32},
		{"A256GCMKW", 32},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct alg *alg = alg_find(rows[i].name);

		assert_non_null(alg);
		assert_ptr_equal(alg, alg_row(i));
		assert_int_equal(alg_encrypted_key_len(alg, 2048, 32), rows[i].encrypted_len);
		assert_null(alg_refusal(rows[i].name));
	}
	assert_null(alg_row(i));
	assert_int_equal(alg_encrypted_key_len(alg_find("RSA-OAEP"), 4096, 64), ENCRYPTED_KEY_MAX);
	assert_int_equal(alg_find("RSA-OAEP")->hash_bits, 1);
	assert_int_equal(alg_find("RSA-OAEP-384")->hash_bits, 384);
	assert_int_equal(alg_find("A192KW")->key_bits, 192);
	assert_int_equal(alg_find("ECDH-ES")->key_bits, 0);
	assert_int_equal(alg_find("ECDH-ES+A128KW")->key_bits, 128);
}

static void test_encs(void **state)
{
	static const struct enc rows[] = {
		{"A128CBC-HS256", 32, false},
		{"A192CBC-HS384", 48, false},
		{"A256CBC-HS512", 64, false},
		{"A128GCM", 16, true},
		{"A192GCM", 24, true},
		{"A256GCM", 32, true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct enc *enc = enc_find(rows[i].name);

		assert_non_null(enc);
		assert_ptr_equal(enc, enc_row(i));
		assert_int_equal(enc->cek_len, rows[i].cek_len);
		assert_int_equal(enc->gcm, rows[i].gcm);
		assert_true(enc->cek_len <= CEK_LEN_MAX);
	}
	assert_null(enc_row(i));
}

static void test_curves(void **state)
{
	(void)state;
	assert_int_equal(curve_find("P-256")->field_len, 32);
	assert_int_equal(curve_find("P-384")->field_len, 48);
	assert_int_equal(curve_find("P-521")->field_len, 66);
	assert_int_equal(curve_find("X25519")->field_len, 32);
	assert_string_equal(curve_find("X25519")->kty, "OKP");
	assert_string_equal(curve_find("P-521")->kty, "EC");
	assert_ptr_equal(curve_row(3), curve_find("X25519"));
	assert_null(curve_row(4));
}

/* Byte for byte. */
static void test_unknown_names(void **state)
{
	static const char *const names[] = {"", "rsa-oaep", "RSA-OAEP ", "RSA-OAEP-2", "A256", "a256gcm", "P-256K",
		"X448", "Ed25519"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_null(alg_find(names[i]));
		assert_null(enc_find(names[i]));
		assert_null(curve_find(names[i]));
		assert_null(alg_refusal(names[i]));
	}
	assert_null(alg_find(NULL));
	assert_null(enc_find(NULL));
	assert_null(curve_find(NULL));
	assert_null(alg_refusal(NULL));
}

static void test_refusals(void **state)
{
	static const char *const names[] = {
		"RSA1_5",
		"dir",
		"none",
		"PBES2-HS256+A128KW",
		"PBES2-HS384+A192KW",
		"PBES2-HS512+A256KW",
		"HS256",
		"HS384",
		"HS512",
		"RS256",
		"RS384",
		"RS512",
		"PS256",
		"PS384",
		"PS512",
		"ES256",
		"ES384",
		"ES512",
		"ES256K",
		"EdDSA",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *why = alg_refusal(names[i]);

		assert_null(alg_find(names[i]));
		assert_non_null(why);
		assert_memory_equal(why, names[i], strcspn(names[i], "-"));
		assert_null(strchr(why, '\n'));
	}
}

static void test_key_names(void **state)
{
	char name[KEY_NAME_MAX + 2];

	(void)state;
	assert_true(key_name_valid("a"));
	assert_true(key_name_valid("api-2.example_X"));
	assert_true(key_name_valid("-"));
	assert_false(key_name_valid(NULL));
	assert_false(key_name_valid(""));
	assert_false(key_name_valid(".hidden"));
	assert_false(key_name_valid("a/b"));
	assert_false(key_name_valid("a b"));
	assert_false(key_name_valid("a*"));
	assert_false(key_name_valid("schl\xc3\xbcssel"));
	memset(name, 'x', sizeof(name));
	name[KEY_NAME_MAX] = 0;
	assert_true(key_name_valid(name));
	name[KEY_NAME_MAX] = 'x';
	name[KEY_NAME_MAX + 1] = 0;
	assert_false(key_name_valid(name));
}

static void test_kids(void **state)
{
	char kid[KID_MAX + 2];

	(void)state;
	assert_true(kid_valid("k"));
	assert_true(kid_valid("any thing \x01/\xff"));
	assert_false(kid_valid(NULL));
	assert_false(kid_valid(""));
	memset(kid, 'x', sizeof(kid));
	kid[KID_MAX] = 0;
	assert_true(kid_valid(kid));
	kid[KID_MAX] = 'x';
	kid[KID_MAX + 1] = 0;
	assert_false(kid_valid(kid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algs),
		cmocka_unit_test(test_encs),
		cmocka_unit_test(test_curves),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_key_names),
		cmocka_unit_test(test_kids),
	};

	return cmocka_run_group_tests_name("alg", tests, NULL, NULL);
}
