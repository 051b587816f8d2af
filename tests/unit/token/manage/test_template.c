/* SPDX-License-Identifier: Apache-2.0 */
/* What cekd puts into a token is protected, and may do what its alg needs and nothing else. */
#include "daemon/token/manage/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t id_bytes[] = {1, 2, 3};
static const ProtobufCBinaryData id = {sizeof(id_bytes), id_bytes};

static const CK_ATTRIBUTE *attribute(const struct template *template, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < template->n; i++)
		if (template->attribute[i].type == type)
			return &template->attribute[i];
	return NULL;
}

static bool is(const struct template *template, CK_ATTRIBUTE_TYPE type)
{
	const CK_ATTRIBUTE *flag = attribute(template, type);

	assert_non_null(flag);
	assert_int_equal(flag->ulValueLen, sizeof(CK_BBOOL));
	return *(const CK_BBOOL *)flag->pValue;
}

static void assert_protected(const struct template *template)
{
	assert_true(is(template, CKA_TOKEN));
	assert_true(is(template, CKA_PRIVATE));
	assert_true(is(template, CKA_SENSITIVE));
	assert_false(is(template, CKA_EXTRACTABLE));
	assert_false(is(template, CKA_SIGN));
	assert_int_equal(attribute(template, CKA_ID)->ulValueLen, sizeof(id_bytes));
	assert_memory_equal(attribute(template, CKA_LABEL)->pValue, "kek", 3);
}

/* The mechanisms, which are the last attribute. */
static CK_ULONG n_allowed(const struct template *template, CK_MECHANISM_TYPE *ret_first)
{
	const CK_ATTRIBUTE *last = &template->attribute[template->n - 1];

	assert_int_equal(last->type, CKA_ALLOWED_MECHANISMS);
	*ret_first = *(const CK_MECHANISM_TYPE *)last->pValue;
	return last->ulValueLen / sizeof(CK_MECHANISM_TYPE);
}

static void private_keys(void **state)
{
	const struct alg *rsa = alg_find("RSA-OAEP-256");
	struct facts facts = {0};
	struct template template;
	CK_MECHANISM_TYPE first;

	(void)state;
	template_private(&template, &facts, rsa, "kek", &id);
	assert_protected(&template);
	assert_true(is(&template, CKA_DECRYPT));
	assert_false(is(&template, CKA_DERIVE));
	assert_false(is(&template, CKA_UNWRAP));
	assert_int_equal(n_allowed(&template, &first), 2);
	assert_int_equal(first, CKM_RSA_PKCS_OAEP);
	facts.oaep[facts_hash_index(rsa)] = true;
	template_private(&template, &facts, rsa, "kek", &id);
	assert_int_equal(n_allowed(&template, &first), 1);
	template_private(&template, &facts, alg_find("ECDH-ES"), "kek", &id);
	assert_protected(&template);
	assert_true(is(&template, CKA_DERIVE));
	assert_false(is(&template, CKA_DECRYPT));
	assert_int_equal(n_allowed(&template, &first), 1);
	assert_int_equal(first, CKM_ECDH1_DERIVE);
}

static void secret_keys(void **state)
{
	struct facts facts = {.kw = KW_OBJECT};
	struct template template;
	CK_MECHANISM_TYPE first;

	(void)state;
	template_secret(&template, &facts, alg_find("A256KW"), "kek", &id);
	assert_protected(&template);
	assert_true(is(&template, CKA_WRAP) && is(&template, CKA_UNWRAP));
	assert_false(is(&template, CKA_ENCRYPT) || is(&template, CKA_DECRYPT));
	facts.kw = KW_CIPHER;
	template_secret(&template, &facts, alg_find("A256KW"), "kek", &id);
	assert_false(is(&template, CKA_WRAP) || is(&template, CKA_UNWRAP));
	assert_true(is(&template, CKA_ENCRYPT) && is(&template, CKA_DECRYPT));
	assert_int_equal(n_allowed(&template, &first), 1);
	assert_int_equal(first, CKM_AES_KEY_WRAP);
	facts.kw = KW_OBJECT;
	template_secret(&template, &facts, alg_find("A256GCMKW"), "kek", &id);
	assert_true(is(&template, CKA_ENCRYPT) && is(&template, CKA_DECRYPT));
	assert_int_equal(n_allowed(&template, &first), 1);
	assert_int_equal(first, CKM_AES_GCM);
}

static void the_mechanisms_can_be_taken_off_once(void **state)
{
	struct facts facts = {0};
	struct template template;
	CK_ULONG n;

	(void)state;
	template_private(&template, &facts, alg_find("ECDH-ES"), "kek", &id);
	n = template.n;
	assert_true(template_without_mechanisms(&template));
	assert_int_equal(template.n, n - 1);
	assert_false(template_without_mechanisms(&template));
	assert_int_equal(template.n, n - 1);
	assert_true(template_refused(CKR_ATTRIBUTE_TYPE_INVALID));
	assert_false(template_refused(CKR_DEVICE_ERROR));
}

static void what_is_too_much_is_left_out(void **state)
{
	struct template template = {.n = 0};

	(void)state;
	for (CK_ULONG i = 0; i < TEMPLATE_MAX + 3; i++)
		template_add(&template, CKA_VALUE, id_bytes, sizeof(id_bytes));
	assert_int_equal(template.n, TEMPLATE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_keys),
		cmocka_unit_test(secret_keys),
		cmocka_unit_test(the_mechanisms_can_be_taken_off_once),
		cmocka_unit_test(what_is_too_much_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
