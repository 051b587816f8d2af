/* SPDX-License-Identifier: Apache-2.0 */
/* Points: on the curve or not, bare or in DER; and the names of the curves. */
#include "daemon/token/p11/curves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/err.h>

static size_t fresh_point(const struct curve *curve, uint8_t *ret_point)
{
	EVP_PKEY *key = strcmp(curve->kty, "OKP") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519")
						       : EVP_EC_gen(curves_group(curve));
	size_t len = 0;

	assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", ret_point, 160, &len), 1);
	EVP_PKEY_free(key);
	return len;
}

static void knows_every_curve_by_its_params(void **state)
{
	(void)state;
	for (size_t i = 0; curve_row(i); i++) {
		size_t len = 0;
		unsigned way = 0;
		const uint8_t *der;

		for (; (der = curves_params(curve_row(i), way, &len)); way++)
			assert_ptr_equal(curves_from_params(der, len), curve_row(i));
		assert_true(way >= 1);
		assert_null(curves_from_params(curves_params(curve_row(i), 0, &len), len - 1));
	}
	assert_null(curves_from_params((const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x0a", 7)); /* secp256k1 */
	assert_null(curves_from_params((const uint8_t *)"", 0));
}

static void refuses_points_off_the_curve(void **state)
{
	(void)state;
	for (size_t i = 0; curve_row(i); i++) {
		const struct curve *curve = curve_row(i);
		uint8_t point[160];
		size_t len = fresh_point(curve, point);
		EVP_PKEY *key;

		assert_true(curves_point_valid(curve, point, len));
		key = curves_public(curve, point, len);
		assert_non_null(key);
		EVP_PKEY_free(key);
		assert_false(curves_point_valid(curve, point, len - 1));
		assert_false(curves_point_valid(curve, point, len + 1));
		if (strcmp(curve->kty, "OKP") == 0)
			continue;
		point[len - 1] ^= 1;
		assert_false(curves_point_valid(curve, point, len));
		assert_null(curves_public(curve, point, len));
		point[len - 1] ^= 1;
		point[0] = 0x06; /* the hybrid form */
		assert_false(curves_point_valid(curve, point, len));
		memset(point + 1, 0, len - 1);
		point[0] = 0x04;
		assert_false(curves_point_valid(curve, point, len));
		memset(point + 1, 0xff, len - 1); /* not below p */
		assert_false(curves_point_valid(curve, point, len));
		assert_int_equal(ERR_peek_error(), 0);
	}
}

static void takes_points_bare_or_in_der(void **state)
{
	(void)state;
	for (size_t i = 0; curve_row(i); i++) {
		const struct curve *curve = curve_row(i);
		uint8_t der[170] = {0x04, 0x81};
		const uint8_t *point = NULL;
		size_t len = strcmp(curve->kty, "OKP") == 0 ? curve->field_len : 1 + 2 * curve->field_len, out = 0;
		size_t header = len < 128 ? 2 : 3;

		der[header - 1] = (uint8_t)len;
		assert_true(curves_point(curve, der, header + len, &point, &out));
		assert_ptr_equal(point, der + header);
		assert_int_equal(out, len);
		assert_true(curves_point(curve, der + header, len, &point, &out));
		assert_ptr_equal(point, der + header);
		assert_false(curves_point(curve, der, header + len - 1, &point, &out));
		der[header - 1]++;
		assert_false(curves_point(curve, der, header + len, &point, &out));
		der[header - 1]--;
		der[0] = 0x03;
		assert_false(curves_point(curve, der, header + len, &point, &out));
		assert_false(curves_point(curve, der, 0, &point, &out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_every_curve_by_its_params),
		cmocka_unit_test(refuses_points_off_the_curve),
		cmocka_unit_test(takes_points_bare_or_in_der),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
