/* SPDX-License-Identifier: Apache-2.0 */
/* Thumbprints (RFC 7638 section 3.1, RFC 8037 appendix A.3) and public keys in three forms. */
#include "daemon/token/p11/public.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/base64url.h"

enum { OCTETS_MAX = 512 };

static size_t b64u(const char *text, uint8_t *ret_data)
{
	ssize_t len = b64u_decode(text, strlen(text), ret_data, OCTETS_MAX);

	assert_true(len > 0);
	return (size_t)len;
}

static void rfc7638(void **state)
{
	char path[512], kid[KID_LEN];
	json_t *json, *jwk;
	uint8_t n[OCTETS_MAX], e[OCTETS_MAX];
	Cek__V1__PublicKey jose = CEK__V1__PUBLIC_KEY__INIT;
	struct public_half half;

	(void)state;
	snprintf(path, sizeof(path), "%s/tests/vectors/rfc/rfc7638_3.1.json", getenv("CEK_SOURCE"));
	json = json_load_file(path, 0, NULL);
	assert_non_null(json);
	jwk = json_object_get(json, "jwk");
	jose.kty = (char *)(uintptr_t) "RSA";
	jose.n = (ProtobufCBinaryData){b64u(json_string_value(json_object_get(jwk, "n")), n), n};
	jose.e = (ProtobufCBinaryData){b64u(json_string_value(json_object_get(jwk, "e")), e), e};
	assert_true(public_from_jose(&jose, &half));
	public_thumbprint(&half, kid);
	assert_string_equal(kid, json_string_value(json_object_get(json, "thumbprint_sha256")));
	json_decref(json);
}

/* The curve differs, but the form of an OKP thumbprint is that of RFC 8037 appendix A.3; this value is sha256sum's. */
static void thumbprint_of_x25519(void **state)
{
	Cek__V1__PublicKey jose = CEK__V1__PUBLIC_KEY__INIT, back;
	uint8_t x[OCTETS_MAX];
	struct public_half half;
	char kid[KID_LEN];

	(void)state;
	jose.kty = (char *)(uintptr_t) "OKP";
	jose.crv = (char *)(uintptr_t) "X25519";
	jose.x = (ProtobufCBinaryData){b64u("3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08", x), x};
	assert_true(public_from_jose(&jose, &half));
	public_thumbprint(&half, kid);
	assert_string_equal(kid, "giQqigT_IKcuzHl0FVJ3k5ts3_TWNAxvsC08UZsfcM8");
	public_to_jose(&half, &back);
	assert_string_equal(back.kty, "OKP");
	assert_int_equal(back.x.len, 32);
	assert_memory_equal(back.x.data, x, 32);
	assert_int_equal(back.y.len, 0);
}

static void takes_a_point_by_its_own_kty_alone(void **state)
{
	static const char *const ktys[] = {"EC", "OKP", "oct", "RSA", "ec", ""};
	Cek__V1__PublicKey jose = CEK__V1__PUBLIC_KEY__INIT;
	uint8_t x[OCTETS_MAX], y[OCTETS_MAX]; /* the base point */
	struct public_half half;

	(void)state;
	jose.crv = (char *)(uintptr_t) "P-256";
	jose.x = (ProtobufCBinaryData){b64u("axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", x), x};
	jose.y = (ProtobufCBinaryData){b64u("T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU", y), y};
	for (size_t i = 0; i < sizeof(ktys) / sizeof(ktys[0]); i++) {
		jose.kty = (char *)(uintptr_t)ktys[i];
		assert_int_equal(public_from_jose(&jose, &half), i == 0);
	}
}

static void refuses_what_is_incomplete(void **state)
{
	uint8_t x[66] = {1}, zero_n[256] = {0}, no_e[sizeof((struct public_half){0}.e) + 1] = {0};
	Cek__V1__PublicKey jose = CEK__V1__PUBLIC_KEY__INIT;
	struct public_half half;

	(void)state;
	assert_false(public_from_jose(&jose, &half));
	jose.kty = (char *)(uintptr_t) "oct";
	assert_false(public_from_jose(&jose, &half));
	jose.kty = (char *)(uintptr_t) "RSA";
	assert_false(public_from_jose(&jose, &half));
	jose.n = (ProtobufCBinaryData){sizeof(zero_n), zero_n};
	jose.e = (ProtobufCBinaryData){1, x};
	assert_false(public_from_jose(&jose, &half));
	zero_n[0] = 0x80;
	assert_true(public_from_jose(&jose, &half));
	jose.e = (ProtobufCBinaryData){1, no_e};
	assert_false(public_from_jose(&jose, &half));
	no_e[sizeof(no_e) - 1] = 3;
	jose.e.len = sizeof(no_e);
	assert_false(public_from_jose(&jose, &half));
	jose.e = (ProtobufCBinaryData){sizeof(no_e) - 1, no_e + 1};
	assert_true(public_from_jose(&jose, &half));
	assert_int_equal(half.e_len, 1);
	jose.n.len = 513;
	assert_false(public_from_jose(&jose, &half));
	jose = (Cek__V1__PublicKey)CEK__V1__PUBLIC_KEY__INIT;
	jose.kty = (char *)(uintptr_t) "EC";
	jose.crv = (char *)(uintptr_t) "X25519";
	jose.x = (ProtobufCBinaryData){32, x};
	assert_false(public_from_jose(&jose, &half));
	jose.y = (ProtobufCBinaryData){32, x};
	assert_false(public_from_jose(&jose, &half)); /* a point of that curve, but not as an EC key */
	jose.y.len = 0;
	jose.crv = (char *)(uintptr_t) "P-256";
	assert_false(public_from_jose(&jose, &half));
	jose.y = (ProtobufCBinaryData){32, x};
	assert_false(public_from_jose(&jose, &half)); /* off the curve */
	jose.kty = (char *)(uintptr_t) "OKP";
	jose.crv = (char *)(uintptr_t) "X25519";
	jose.x.len = 31;
	assert_false(public_from_jose(&jose, &half));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc7638),
		cmocka_unit_test(thumbprint_of_x25519),
		cmocka_unit_test(takes_a_point_by_its_own_kty_alone),
		cmocka_unit_test(refuses_what_is_incomplete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
