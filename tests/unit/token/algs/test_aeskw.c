/* SPDX-License-Identifier: Apache-2.0 */
/* Both directions of AES key wrap in both ways of a token, on a token of this file that "wraps" by putting eight bytes
 * in front. */
#include "daemon/token/algs/aeskw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/token/p11/ckr.h"

enum { OVERHEAD = 8, CEK = 32 };

static struct {
	unsigned ciphers, objects, alive; /* calls of either way; session objects that are there */
	uint8_t value[128];               /* of the one object */
	CK_ULONG value_len;
	CK_RV read, wrap; /* what C_GetAttributeValue and C_WrapKey say */
	size_t more;      /* bytes that come out beyond what should */
} fake;

static CK_RV begin(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	assert_int_equal(mechanism->mechanism, CKM_AES_KEY_WRAP);
	assert_int_equal(key, 7);
	return CKR_OK;
}

static CK_RV put_in_front(const CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *len)
{
	assert_true(*len >= in_len + OVERHEAD);
	memset(out, 0xa6, OVERHEAD);
	memcpy(out + OVERHEAD, in, in_len);
	*len = in_len + OVERHEAD + fake.more;
	return CKR_OK;
}

static CK_RV encrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out, CK_ULONG_PTR len)
{
	fake.ciphers++;
	return put_in_front(in, in_len, out, len);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out, CK_ULONG_PTR len)
{
	fake.ciphers++;
	memcpy(out, in + OVERHEAD, in_len - OVERHEAD);
	*len = in_len - OVERHEAD + fake.more;
	return CKR_OK;
}

static const CK_ATTRIBUTE *attribute(const CK_ATTRIBUTE *template, CK_ULONG n, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < n; i++)
		if (template[i].type == type)
			return &template[i];
	return NULL;
}

/* A session object that can be read: nothing of it may stay, or outlive the session. */
static void assert_carries(const CK_ATTRIBUTE *template, CK_ULONG n)
{
	assert_false(*(CK_BBOOL *)attribute(template, n, CKA_TOKEN)->pValue);
	assert_false(*(CK_BBOOL *)attribute(template, n, CKA_SENSITIVE)->pValue);
	assert_true(*(CK_BBOOL *)attribute(template, n, CKA_EXTRACTABLE)->pValue);
	assert_int_equal(*(CK_OBJECT_CLASS *)attribute(template, n, CKA_CLASS)->pValue, CKO_SECRET_KEY);
	assert_int_equal(*(CK_KEY_TYPE *)attribute(template, n, CKA_KEY_TYPE)->pValue, CKK_GENERIC_SECRET);
}

static CK_RV unwrap_key(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key, CK_BYTE_PTR in,
	CK_ULONG in_len, CK_ATTRIBUTE_PTR template, CK_ULONG n, CK_OBJECT_HANDLE_PTR object)
{
	assert_carries(template, n);
	fake.objects++;
	fake.alive++;
	fake.value_len = in_len - OVERHEAD;
	memcpy(fake.value, in + OVERHEAD, fake.value_len);
	fake.value_len += fake.more;
	*object = 9;
	return CKR_OK;
}

static CK_RV create(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG n, CK_OBJECT_HANDLE_PTR object)
{
	const CK_ATTRIBUTE *value = attribute(template, n, CKA_VALUE);

	assert_carries(template, n);
	fake.alive++;
	fake.value_len = value->ulValueLen;
	memcpy(fake.value, value->pValue, fake.value_len);
	*object = 9;
	return CKR_OK;
}

static CK_RV wrap_key(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key,
	CK_OBJECT_HANDLE object, CK_BYTE_PTR out, CK_ULONG_PTR len)
{
	fake.objects++;
	assert_int_equal(object, 9);
	return fake.wrap == CKR_OK ? put_in_front(fake.value, fake.value_len, out, len) : fake.wrap;
}

static CK_RV get_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR template, CK_ULONG n)
{
	assert_int_equal(template->type, CKA_VALUE);
	if (fake.read != CKR_OK)
		return fake.read;
	memcpy(template->pValue, fake.value, fake.value_len);
	template->ulValueLen = fake.value_len;
	return CKR_OK;
}

static CK_RV destroy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	assert_int_equal(object, 9);
	fake.alive--;
	return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
	.C_EncryptInit = begin,
	.C_Encrypt = encrypt,
	.C_DecryptInit = begin,
	.C_Decrypt = decrypt,
	.C_UnwrapKey = unwrap_key,
	.C_CreateObject = create,
	.C_WrapKey = wrap_key,
	.C_GetAttributeValue = get_value,
	.C_DestroyObject = destroy,
};

static struct token token;

static int setup(void **state)
{
	(void)state;
	memset(&token, 0, sizeof(token));
	memset(&fake, 0, sizeof(fake));
	token.session.f = &functions;
	return arena_init(&token.arena, 4096);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(fake.alive, 0);
	arena_deinit(&token.arena);
	return 0;
}

static CK_RV wrap_and_unwrap(struct key *key, uint8_t *ret_cek)
{
	const struct alg *alg = alg_find("A256KW");
	const struct wrap wrap = {.alg = alg, .cek_len = CEK};
	struct wrapped wrapped = {.cek = "a CEK of thirty-two bytes, plain"};
	struct unwrap unwrap = {.alg = alg, .cek_len = CEK, .encrypted_key = wrapped.encrypted_key};
	CK_RV rv;

	key->handle = 7;
	rv = aeskw_wrap(&token, key, &wrap, &wrapped);
	if (rv != CKR_OK)
		return rv;
	assert_int_equal(wrapped.encrypted_key_len, CEK + OVERHEAD);
	unwrap.encrypted_key_len = wrapped.encrypted_key_len;
	return aeskw_unwrap(&token, key, &unwrap, ret_cek);
}

static void the_way_is_the_tokens_or_that_of_the_key(void **state)
{
	static const struct {
		enum kw_way kw;
		bool can_decrypt, can_unwrap, by_object;
	} rows[] = {
		{KW_CIPHER, true, true, false},
		{KW_CIPHER, true, false, false},
		{KW_CIPHER, false, true, true},
		{KW_CIPHER, false, false, false},
		{KW_OBJECT, true, false, true},
		{KW_OBJECT, false, true, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key key = {.can_decrypt = rows[i].can_decrypt, .can_unwrap = rows[i].can_unwrap};
		uint8_t cek[CEK_LEN_MAX];

		fake.ciphers = fake.objects = 0;
		token.facts.kw = rows[i].kw;
		assert_int_equal(wrap_and_unwrap(&key, cek), CKR_OK);
		assert_memory_equal(cek, "a CEK of thirty-two bytes, plain", CEK);
		assert_int_equal(fake.objects, rows[i].by_object ? 2 : 0);
		assert_int_equal(fake.ciphers, rows[i].by_object ? 0 : 2);
		assert_int_equal(fake.alive, 0);
	}
}

static void a_token_that_does_not_do_it_is_not_asked(void **state)
{
	struct key key = {.can_unwrap = true};
	uint8_t cek[CEK_LEN_MAX];

	(void)state;
	assert_int_equal(wrap_and_unwrap(&key, cek), CKR_MECHANISM_INVALID);
	assert_int_equal(fake.objects + fake.ciphers, 0);
}

static void what_has_another_length_is_no_cek(void **state)
{
	struct key key = {.handle = 7, .can_decrypt = true};
	uint8_t encrypted[CEK + 2 * OVERHEAD] = {0}, cek[CEK_LEN_MAX] = {0};
	struct unwrap unwrap = {.alg = alg_find("A256KW"), .cek_len = CEK, .encrypted_key = encrypted};

	(void)state;
	for (int way = KW_CIPHER; way <= KW_OBJECT; way++) {
		token.facts.kw = (enum kw_way)way;
		fake.ciphers = fake.objects = 0;
		fake.more = 0;
		unwrap.encrypted_key_len = CEK + 2 * OVERHEAD;
		assert_int_equal(aeskw_unwrap(&token, &key, &unwrap, cek), CKR_ENCRYPTED_DATA_INVALID);
		assert_int_equal(fake.ciphers + fake.objects, 0);
		unwrap.encrypted_key_len = CEK + OVERHEAD;
		fake.more = 8;
		assert_int_equal(aeskw_unwrap(&token, &key, &unwrap, cek), CKR_ENCRYPTED_DATA_INVALID);
		assert_int_equal(wrap_and_unwrap(&key, cek), CKR_GENERAL_ERROR);
	}
}

static void no_object_stays_when_a_call_fails(void **state)
{
	struct key key = {.can_unwrap = true};
	uint8_t cek[CEK_LEN_MAX];

	(void)state;
	token.facts.kw = KW_OBJECT;
	fake.read = CKR_DEVICE_ERROR;
	assert_int_equal(wrap_and_unwrap(&key, cek), CKR_DEVICE_ERROR);
	assert_int_equal(fake.alive, 0);
	fake.wrap = CKR_GENERAL_ERROR;
	assert_int_equal(wrap_and_unwrap(&key, cek), CKR_GENERAL_ERROR);
	assert_int_equal(fake.alive, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_way_is_the_tokens_or_that_of_the_key),
		TEST(a_token_that_does_not_do_it_is_not_asked),
		TEST(what_has_another_length_is_no_cek),
		TEST(no_object_stays_when_a_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
