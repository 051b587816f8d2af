/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>

#include "client/jose/pkey.h"
#include "tests/unit/client/jose/vectors.h"

/* RFC 7518 appendix C, and RFC 3394 section 4. */
static void test_kdf_and_wrap(void **state)
{
	json_t *kdf = vectors_load("rfc/rfc7518_appendix_c.json"), *wrap = vectors_load("rfc/rfc3394_section4.json");
	uint8_t z[32], want[64], got[64], kek[32], key[64];
	const json_t *test;
	size_t i, ran = 0;

	(void)state;
	assert_int_equal(vectors_hex(kdf, "Z_hex", z, sizeof(z)), 32);
	assert_int_equal(vectors_b64u(kdf, "derived_key", want, sizeof(want)), 16);
	assert_int_equal(pkey_concat_kdf((struct cek_bytes){z, 32}, "A128GCM", (struct cek_bytes){"Alice", 5},
				 (struct cek_bytes){"Bob", 3}, 16, got),
		0);
	assert_memory_equal(got, want, 16);
	json_array_foreach(json_object_get(wrap, "tests"), i, test)
	{
		unsigned bits = (unsigned)vectors_hex(test, "kek", kek, sizeof(kek)) * 8;
		struct cek_bytes cek = {key, vectors_hex(test, "key", key, sizeof(key))};

		assert_int_equal(vectors_hex(test, "wrapped", want, sizeof(want)), cek.len + 8);
		assert_int_equal(pkey_aes_wrap(kek, bits, cek, got), 0);
		assert_memory_equal(got, want, cek.len + 8);
		ran++;
	}
	assert_int_equal(ran, 6);
	json_decref(kdf);
	json_decref(wrap);
}

/* Both sides of an agreement come to the same Z; the point is as long as the curve says. */
static void check_agreement(const char *crv)
{
	const struct curve *curve = curve_find(crv);
	bool ec = strcmp(curve->kty, "EC") == 0;
	EVP_PKEY *own = ec ? EVP_EC_gen(crv) : EVP_PKEY_Q_keygen(NULL, NULL, crv);
	uint8_t z[66], point[132], z2[66];
	size_t z_len = 0, len = sizeof(z2);
	struct cek_public_key key = {curve->kty, .crv = curve->name, .x = {point, curve->field_len}};
	EVP_PKEY *ephemeral;
	EVP_PKEY_CTX *ctx;

	assert_non_null(own);
	assert_int_equal(pkey_agree(own, curve, z, &z_len, point), 0);
	assert_int_equal(z_len, curve->field_len);
	if (ec)
		key.y = (struct cek_bytes){point + curve->field_len, curve->field_len};
	ephemeral = pkey_from_public(&key);
	assert_non_null(ephemeral);
	ctx = EVP_PKEY_CTX_new(own, NULL);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, ephemeral), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, z2, &len), 1);
	assert_int_equal(len, z_len);
	assert_memory_equal(z, z2, len);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(ephemeral);
	EVP_PKEY_free(own);
}

static void test_agreement(void **state)
{
	(void)state;
	for (size_t i = 0; curve_row(i); i++)
		check_agreement(curve_row(i)->name);
}

/* RFC 8037 section 3.2: points of small order would make Z zero. */
static void test_small_order(void **state)
{
	uint8_t x[32] = {0}, z[66], point[132];
	struct cek_public_key key = {"OKP", .crv = "X25519", .x = {x, 32}};
	size_t z_len = 0;

	(void)state;
	for (x[0] = 0; x[0] <= 1; x[0]++) {
		EVP_PKEY *pkey = pkey_from_public(&key);

		assert_non_null(pkey);
		assert_int_equal(pkey_agree(pkey, curve_find("X25519"), z, &z_len, point), -1);
		EVP_PKEY_free(pkey);
	}
	assert_int_equal(z_len, 0);
}

static void test_bad_keys(void **state)
{
	uint8_t x[66] = {1}, y[66] = {1};

	(void)state;
	assert_null(pkey_from_public(&(struct cek_public_key){0}));
	assert_null(pkey_from_public(&(struct cek_public_key){.kty = "oct"}));
	assert_null(pkey_from_public(&(struct cek_public_key){.kty = "RSA"}));
	assert_null(pkey_from_public(&(struct cek_public_key){.kty = "EC", .crv = "P-256", .x = {x, 32}}));
	for (size_t i = 0; curve_row(i); i++) { /* x = y = 2^(…) is on none of them */
		struct cek_bytes bx = {x, curve_row(i)->field_len}, by = {y, curve_row(i)->field_len};

		if (strcmp(curve_row(i)->kty, "EC") == 0)
			assert_null(pkey_from_public(
				&(struct cek_public_key){.kty = "EC", .crv = curve_row(i)->name, .x = bx, .y = by}));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kdf_and_wrap),
		cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_small_order),
		cmocka_unit_test(test_bad_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
