/* SPDX-License-Identifier: Apache-2.0 */
/* The table of algorithms has every alg that JOSE names here, and keys must fit. */
#include "daemon/token/algs/mech.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void has_every_alg(void **state)
{
	size_t n = 0;

	(void)state;
	for (; alg_row(n); n++) {
		const struct mech *mech = mech_find(alg_row(n)->name);

		assert_non_null(mech);
		assert_non_null(mech->unwrap);
		assert_non_null(mech->wrap);
	}
	assert_int_equal(n, 14);
	assert_null(mech_find("RSA1_5"));
	assert_null(mech_find("rsa-oaep"));
	assert_null(mech_find(""));
}

static void keys_must_fit(void **state)
{
	struct key rsa = {.class = CKO_PRIVATE_KEY, .type = CKK_RSA, .modulus_len = 256, .modulus_bits = 2048};
	struct key aes = {.class = CKO_SECRET_KEY, .type = CKK_AES, .value_len = 32};
	struct key ec = {.class = CKO_PRIVATE_KEY, .type = CKK_EC, .curve = curve_find("P-256")};
	struct key other = {.class = CKO_PRIVATE_KEY, .type = CKK_EC};

	(void)state;
	assert_true(mech_key_fits(&rsa, alg_find("RSA-OAEP-512")));
	assert_false(mech_key_fits(&rsa, alg_find("A256KW")));
	assert_false(mech_key_fits(&rsa, alg_find("ECDH-ES")));
	rsa.modulus_bits = 2047;
	assert_false(mech_key_fits(&rsa, alg_find("RSA-OAEP")));
	rsa.modulus_bits = 4096;
	assert_true(mech_key_fits(&rsa, alg_find("RSA-OAEP")));
	rsa.modulus_bits = 4097;
	assert_false(mech_key_fits(&rsa, alg_find("RSA-OAEP")));
	assert_true(mech_key_fits(&aes, alg_find("A256KW")));
	assert_true(mech_key_fits(&aes, alg_find("A256GCMKW")));
	assert_false(mech_key_fits(&aes, alg_find("A128KW")));
	assert_false(mech_key_fits(&aes, alg_find("ECDH-ES+A256KW")));
	aes.value_len = 0; /* SoftHSM does not tell the length of an unwrapped key */
	assert_true(mech_key_fits(&aes, alg_find("A128KW")));
	assert_true(mech_key_fits(&ec, alg_find("ECDH-ES+A128KW")));
	assert_false(mech_key_fits(&ec, alg_find("A128KW")));
	assert_false(mech_key_fits(&other, alg_find("ECDH-ES")));
}

static void params_are_what_was_wrapped(void **state)
{
	struct wrapped wrapped = {.gcm = true, .iv = "iv", .tag = "tag"};
	Cek__V1__AlgParams params;
	Cek__V1__PublicKey epk;

	(void)state;
	mech_params(&wrapped, &params, &epk);
	assert_int_equal(params.iv.len, 12);
	assert_int_equal(params.tag.len, 16);
	assert_null(params.epk);
	wrapped = (struct wrapped){.curve = curve_find("P-521"), .point = {4, 1}};
	mech_params(&wrapped, &params, &epk);
	assert_int_equal(params.iv.len, 0);
	assert_string_equal(params.epk->crv, "P-521");
	assert_int_equal(params.epk->x.len, 66);
	assert_int_equal(params.epk->x.data[0], 1);
	assert_ptr_equal(params.epk->y.data, wrapped.point + 67);
	wrapped.curve = curve_find("X25519");
	mech_params(&wrapped, &params, &epk);
	assert_int_equal(params.epk->x.data[0], 4);
	assert_int_equal(params.epk->y.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_every_alg),
		cmocka_unit_test(keys_must_fit),
		cmocka_unit_test(params_are_what_was_wrapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
