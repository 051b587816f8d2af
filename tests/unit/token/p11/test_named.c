/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several objects is meant, when one of them goes or the token fails meanwhile. */
#include "daemon/token/p11/named.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/token/p11/ckr.h"

enum { OBJECTS = 2 };

static CK_ULONG found;
static CK_RV says[OBJECTS]; /* to the question at_type about an object */
static CK_ATTRIBUTE_TYPE at_type;
static CK_ULONG value_len[OBJECTS];

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	(void)session;
	(void)template;
	(void)n;
	found = 0;
	return CKR_OK;
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *ret_n)
{
	(void)session;
	assert_true(max >= OBJECTS);
	for (*ret_n = 0; found < OBJECTS; found++)
		objects[(*ret_n)++] = found + 1;
	return CKR_OK;
}

static CK_RV find_objects_final(CK_SESSION_HANDLE session)
{
	(void)session;
	return CKR_OK;
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attribute,
	CK_ULONG n)
{
	const CK_KEY_TYPE type = CKK_AES;
	const CK_BBOOL yes = CK_TRUE;
	const void *value = &yes;
	CK_ULONG len = sizeof(yes);

	(void)session;
	assert_int_equal(n, 1);
	assert_in_range(object, 1, OBJECTS);
	if (attribute->type == at_type && says[object - 1] != CKR_OK)
		return says[object - 1];
	if (attribute->type == CKA_VALUE_LEN)
		value = &value_len[object - 1], len = sizeof(CK_ULONG);
	else if (attribute->type == CKA_KEY_TYPE)
		value = &type, len = sizeof(type);
	assert_true(attribute->ulValueLen >= len);
	memcpy(attribute->pValue, value, len);
	attribute->ulValueLen = len;
	return CKR_OK;
}

static CK_RV find(CK_OBJECT_HANDLE *ret_object)
{
	static CK_FUNCTION_LIST functions = {
		.C_FindObjectsInit = find_objects_init,
		.C_FindObjects = find_objects,
		.C_FindObjectsFinal = find_objects_final,
		.C_GetAttributeValue = get_attribute_value,
	};
	static const uint8_t id[16];
	struct session session = {.f = &functions};
	const struct finder finder = {.session = &session};
	const struct name name = {.id = id, .id_len = sizeof(id), .alg = alg_find("A256KW")};

	return named_find(&finder, &name, ret_object);
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBJECTS; i++) {
		says[i] = CKR_OK;
		value_len[i] = 32;
	}
	return 0;
}

static void two_that_fit_are_ambiguous(void **state)
{
	CK_OBJECT_HANDLE object = 0;

	(void)state;
	assert_int_equal(find(&object), CKR_CEKD_AMBIGUOUS);
	value_len[0] = 16;
	assert_int_equal(find(&object), CKR_OK);
	assert_int_equal(object, 2);
	value_len[1] = 16;
	assert_int_equal(find(&object), CKR_CEKD_MISSING);
	value_len[0] = 0; /* it does not tell */
	assert_int_equal(find(&object), CKR_OK);
	assert_int_equal(object, 1);
}

/* What is asked of an object, in that order. */
static const CK_ATTRIBUTE_TYPE asked[] = {CKA_KEY_TYPE, CKA_VALUE_LEN, CKA_DECRYPT, CKA_UNWRAP};

/* Another program has destroyed it since it was found, or since the question before. */
static void one_that_is_gone_is_none(void **state)
{
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		CK_OBJECT_HANDLE object = 0;

		(void)setup(state);
		at_type = asked[i];
		says[0] = CKR_OBJECT_HANDLE_INVALID;
		assert_int_equal(find(&object), CKR_OK);
		assert_int_equal(object, 2);
		says[1] = CKR_OBJECT_HANDLE_INVALID;
		assert_int_equal(find(&object), CKR_CEKD_MISSING);
	}
}

/* Which one it is stays open: the other one must not be taken for it. */
static void an_error_says_nothing_of_the_object(void **state)
{
	CK_OBJECT_HANDLE object = 0;

	(void)state;
	for (size_t i = 0; i < OBJECTS * sizeof(asked) / sizeof(asked[0]); i++) {
		at_type = asked[i / OBJECTS];
		says[i % OBJECTS] = CKR_DEVICE_ERROR;
		assert_int_equal(find(&object), CKR_DEVICE_ERROR);
		says[i % OBJECTS] = CKR_OK;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(two_that_fit_are_ambiguous, setup),
		cmocka_unit_test_setup(one_that_is_gone_is_none, setup),
		cmocka_unit_test_setup(an_error_says_nothing_of_the_object, setup),
	};

	return cmocka_run_group_tests_name("named", tests, NULL, NULL);
}
