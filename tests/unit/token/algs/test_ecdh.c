/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of the Z that a token gives, here one that gives whatever the test wants. Right ones: tests/token. */
#include "daemon/token/algs/ecdh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/token/algs/agree.h"

enum { CEK_LEN = 32, OBJECT = 7 };

static uint8_t z[POINT_MAX];
static size_t z_len;
static CK_RV derives;
static unsigned derived, destroyed;
static const char *curve; /* of the key; NULL = that of the ephemeral one */
static enum { WHOLE, NO_PARAMS, NO_EPK, WITH_ENCRYPTED_KEY } form;
static const char *enc; /* of the next unwrap */
static struct token token;

static CK_RV derive_key(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base,
	CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret_object)
{
	(void)session;
	(void)base;
	(void)template;
	(void)n;
	derived++;
	assert_int_equal(mechanism->mechanism, CKM_ECDH1_DERIVE);
	if (derives == CKR_OK)
		*ret_object = OBJECT;
	return derives;
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attribute,
	CK_ULONG n)
{
	(void)session;
	assert_int_equal(object, OBJECT);
	assert_int_equal(n, 1);
	assert_int_equal(attribute->type, CKA_VALUE);
	assert_true(attribute->ulValueLen >= z_len);
	memcpy(attribute->pValue, z, z_len);
	attribute->ulValueLen = z_len;
	return CKR_OK;
}

static CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	(void)session;
	assert_int_equal(object, OBJECT);
	destroyed++;
	return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
	.C_DeriveKey = derive_key,
	.C_GetAttributeValue = get_attribute_value,
	.C_DestroyObject = destroy_object,
};

static int setup(void **state)
{
	(void)state;
	token = (struct token){.session = {.f = &functions}};
	derives = CKR_OK;
	derived = destroyed = 0;
	curve = NULL;
	form = WHOLE;
	enc = "A256GCM";
	memset(z, 0, sizeof(z));
	return arena_init(&token.arena, 4096);
}

static int teardown(void **state)
{
	(void)state;
	arena_deinit(&token.arena);
	return 0;
}

/* ECDH-ES, from an ephemeral key that is the curve's own base point. */
static CK_RV unwrap(const char *crv, uint8_t ret_cek[CEK_LEN_MAX])
{
	static uint8_t nine[32] = {9};
	static uint8_t x[32] = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4,
		0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2,
		0x96};
	static uint8_t y[32] = {0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f,
		0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51,
		0xf5};
	const bool okp = strcmp(crv, "X25519") == 0;
	Cek__V1__AlgParams params = CEK__V1__ALG_PARAMS__INIT;
	Cek__V1__PublicKey epk = CEK__V1__PUBLIC_KEY__INIT;
	struct key key = {.curve = curve_find(curve ? curve : crv)};
	struct unwrap unwrap = {.alg = alg_find("ECDH-ES"), .enc = enc, .cek_len = CEK_LEN, .params = &params};

	epk.kty = (char *)(uintptr_t)curve_find(crv)->kty;
	epk.crv = (char *)(uintptr_t)crv;
	epk.x = (ProtobufCBinaryData){32, okp ? nine : x};
	if (!okp)
		epk.y = (ProtobufCBinaryData){32, y};
	if (form != NO_EPK)
		params.epk = &epk;
	if (form == NO_PARAMS)
		unwrap.params = NULL;
	if (form == WITH_ENCRYPTED_KEY) {
		unwrap.encrypted_key = nine;
		unwrap.encrypted_key_len = 1;
	}
	return ecdh_unwrap(&token, &key, &unwrap, ret_cek);
}

/* RFC 8037 section 3.2: what a point of small order gives is no secret. On P-256 x = 0 is a point like any other. */
static void refuses_a_z_of_zeros_on_x25519_alone(void **state)
{
	uint8_t cek[CEK_LEN_MAX] = {0}, want[CEK_LEN];

	(void)state;
	z_len = 32;
	assert_int_equal(unwrap("X25519", cek), CKR_ENCRYPTED_DATA_INVALID);
	assert_true(agree_all_zero(cek, sizeof(cek)));
	assert_int_equal(unwrap("P-256", cek), CKR_OK);
	assert_int_equal(agree_kdf(z, z_len, "A256GCM", NULL, 0, NULL, 0, want, CEK_LEN), 0);
	assert_memory_equal(cek, want, CEK_LEN);
	z[31] = 1;
	assert_int_equal(unwrap("X25519", cek), CKR_OK);
	assert_int_equal(agree_kdf(z, z_len, "A256GCM", NULL, 0, NULL, 0, want, CEK_LEN), 0);
	assert_memory_equal(cek, want, CEK_LEN);
	assert_int_equal(destroyed, 3);
}

/* Before the token has seen anything of it: its errors could not be about that. */
static void refuses_what_is_no_agreement_with_this_key(void **state)
{
	uint8_t cek[CEK_LEN_MAX] = {0};

	(void)state;
	for (form = NO_PARAMS; form <= WITH_ENCRYPTED_KEY; form++)
		assert_int_equal(unwrap("P-256", cek), CKR_ENCRYPTED_DATA_INVALID);
	form = WHOLE;
	curve = "P-384";
	assert_int_equal(unwrap("P-256", cek), CKR_ENCRYPTED_DATA_INVALID);
	curve = "P-256";
	assert_int_equal(unwrap("X25519", cek), CKR_ENCRYPTED_DATA_INVALID);
	assert_int_equal(derived, 0);
	assert_false(token.session.touched);
	z_len = 32;
	assert_int_equal(unwrap("P-256", cek), CKR_OK);
	assert_int_equal(derived, 1);
	assert_true(token.session.touched);
}

/* The canary (probe/canary.c) asks whether it works, not for a CEK. */
static void works_without_an_enc(void **state)
{
	uint8_t cek[CEK_LEN_MAX] = {0};

	(void)state;
	z_len = 32;
	z[0] = 1;
	enc = "";
	assert_int_equal(unwrap("P-256", cek), CKR_OK);
	assert_int_equal(unwrap("X25519", cek), CKR_OK);
}

/* Neither a Z of another length nor an error is taken for one, and the object goes in any case. */
static void takes_no_z_but_a_whole_one(void **state)
{
	uint8_t cek[CEK_LEN_MAX] = {0};

	(void)state;
	memset(z, 1, sizeof(z));
	z_len = 31;
	assert_int_equal(unwrap("P-256", cek), CKR_GENERAL_ERROR);
	z_len = 33;
	assert_int_equal(unwrap("P-256", cek), CKR_GENERAL_ERROR);
	assert_int_equal(destroyed, 2);
	derives = CKR_DEVICE_ERROR;
	assert_int_equal(unwrap("P-256", cek), CKR_DEVICE_ERROR);
	assert_int_equal(destroyed, 2);
	assert_true(agree_all_zero(cek, sizeof(cek)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refuses_a_z_of_zeros_on_x25519_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_agreement_with_this_key, setup, teardown),
		cmocka_unit_test_setup_teardown(works_without_an_enc, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_no_z_but_a_whole_one, setup, teardown),
	};

	return cmocka_run_group_tests_name("ecdh", tests, NULL, NULL);
}
