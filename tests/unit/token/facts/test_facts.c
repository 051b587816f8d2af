/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a token, what is in doubt, and what is said of it. */
#include "daemon/token/facts/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/token/p11/ckr.h"

static void every_hash_and_curve_has_its_place(void **state)
{
	unsigned hashes = 0, curves = 0;

	(void)state;
	for (size_t i = 0; alg_row(i); i++)
		if (alg_row(i)->family == ALG_RSA_OAEP)
			hashes |= 1u << facts_hash_index(alg_row(i));
	for (size_t i = 0; curve_row(i); i++) {
		assert_int_equal(facts_curve_index(curve_row(i)), i);
		curves++;
	}
	assert_int_equal(hashes, 0xf);
	assert_int_equal(curves, FACTS_CURVES);
	assert_int_equal(facts_hash_index(alg_find("RSA-OAEP")), 0);
	assert_int_equal(facts_hash_index(alg_find("RSA-OAEP-256")), 1);
	assert_int_equal(facts_hash_index(alg_find("RSA-OAEP-512")), 3);
}

static void the_key_type_follows_from_how_it_is_made(void **state)
{
	const struct curve *curve = curve_find("X25519");
	struct facts facts = {0};

	(void)state;
	facts.curve[facts_curve_index(curve)].generate = CKM_EC_EDWARDS_KEY_PAIR_GEN;
	assert_int_equal(facts_key_type(&facts, curve), CKK_EC_EDWARDS);
	facts.curve[facts_curve_index(curve)].generate = CKM_MONTGOMERY_KEY_PAIR_GEN;
	assert_int_equal(facts_key_type(&facts, curve), CKK_MONTGOMERY);
	facts.curve[facts_curve_index(curve)].generate = CKM_EC_KEY_PAIR_GEN;
	assert_int_equal(facts_key_type(&facts, curve), CKK_EC);
}

/* A refusal is an answer; of what is none the first is kept. */
static void only_what_is_no_answer_is_in_doubt(void **state)
{
	static const CK_RV answers[] = {CKR_OK, CKR_MECHANISM_INVALID, CKR_KEY_SIZE_RANGE, CKR_ARGUMENTS_BAD,
		CKR_CEKD_WRONG};
	struct facts facts = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		facts_note(&facts, FACTS_AES, answers[i]);
	assert_int_equal(facts.doubt[FACTS_AES], CKR_OK);
	facts_note(&facts, FACTS_AES, CKR_DEVICE_ERROR);
	facts_note(&facts, FACTS_AES, CKR_GENERAL_ERROR);
	facts_note(&facts, FACTS_AES, CKR_OK);
	assert_int_equal(facts.doubt[FACTS_AES], CKR_DEVICE_ERROR);
	assert_int_equal(facts.doubt[FACTS_RSA], CKR_OK);
}

static void what_works_or_is_refused_is_settled(void **state)
{
	const struct alg *kw = alg_find("A256KW"), *ecdh = alg_find("ECDH-ES");
	const struct curve *p256 = curve_find("P-256"), *p384 = curve_find("P-384");
	struct facts facts = {0};

	(void)state;
	assert_true(facts_settled(&facts, kw, NULL));
	facts.doubt[FACTS_AES] = CKR_DEVICE_ERROR;
	assert_false(facts_settled(&facts, kw, NULL));
	facts.kw = KW_CIPHER;
	assert_true(facts_settled(&facts, kw, NULL));
	assert_false(facts_settled(&facts, alg_find("A256GCMKW"), NULL));
	/* Of ECDH-ES the curve of the key counts, and all of them if it is not known. */
	facts.doubt[FACTS_CURVE_0 + facts_curve_index(p384)] = CKR_GENERAL_ERROR;
	assert_true(facts_settled(&facts, ecdh, p256));
	assert_false(facts_settled(&facts, ecdh, p384));
	assert_false(facts_settled(&facts, ecdh, NULL));
	facts.curve[facts_curve_index(p384)].works = true;
	assert_true(facts_settled(&facts, ecdh, p384));
}

static void what_is_in_doubt_is_tried_again_after_its_pause(void **state)
{
	struct facts facts = {.pause_us = 3600000000, .tried_us = clock_monotonic_us()};

	(void)state;
	assert_true(facts_wait_us(&facts) == UINT64_MAX);
	facts.n_doubts = 1;
	assert_in_range(facts_wait_us(&facts), 1, facts.pause_us);
	facts.pause_us = 0;
	assert_int_equal(facts_wait_us(&facts), 0);
}

static void assert_described(const struct facts *facts, const char *alg, bool works, const char *part)
{
	const char *how = NULL;

	assert_int_equal(facts_describe(facts, alg_find(alg), &how), works);
	assert_non_null(how);
	assert_non_null(strstr(how, part));
}

static void a_line_says_how_or_why_not(void **state)
{
	struct facts facts = {0};

	(void)state;
	assert_described(&facts, "RSA-OAEP-256", false, "neither CKM_RSA_PKCS_OAEP");
	assert_described(&facts, "A128KW", false, "does not do CKM_AES_KEY_WRAP");
	assert_described(&facts, "A128GCMKW", false, "does not do CKM_AES_GCM");
	assert_described(&facts, "ECDH-ES", false, "on any of our curves");
	facts.oaep[1] = facts.raw_rsa = facts.gcm = true;
	facts.kw = KW_OBJECT;
	facts.curve[0].works = true;
	assert_described(&facts, "RSA-OAEP-256", true, "CKM_RSA_PKCS_OAEP in the token");
	assert_described(&facts, "RSA-OAEP", true, "OAEP decoding in the worker");
	assert_described(&facts, "A128KW", true, "C_UnwrapKey");
	assert_described(&facts, "A128GCMKW", true, "CKM_AES_GCM in the token");
	assert_described(&facts, "ECDH-ES", true, "Concat KDF in the worker");
	assert_described(&facts, "ECDH-ES+A128KW", true, "AES key wrap in the worker");
	facts.curve[1].works = true;
	assert_described(&facts, "ECDH-ES", true,
		"CKM_ECDH1_DERIVE in the token (P-256, P-384), Concat KDF in the worker");
	facts.curve[1].works = false;
	assert_described(&facts, "ECDH-ES", true, "CKM_ECDH1_DERIVE in the token (P-256), Concat KDF in the worker");
	facts.doubt[FACTS_CURVE_0 + 1] = CKR_DEVICE_ERROR;
	assert_described(&facts, "ECDH-ES", true, "on other curves not tried successfully yet: CKR_DEVICE_ERROR");
	facts.gcm = false;
	facts.doubt[FACTS_AES] = CKR_GENERAL_ERROR;
	assert_described(&facts, "A128GCMKW", false, "not tried successfully yet: the token says CKR_GENERAL_ERROR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_hash_and_curve_has_its_place),
		cmocka_unit_test(the_key_type_follows_from_how_it_is_made),
		cmocka_unit_test(only_what_is_no_answer_is_in_doubt),
		cmocka_unit_test(what_works_or_is_refused_is_settled),
		cmocka_unit_test(what_is_in_doubt_is_tried_again_after_its_pause),
		cmocka_unit_test(a_line_says_how_or_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
