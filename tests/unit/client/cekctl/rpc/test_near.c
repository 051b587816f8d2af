/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/rpc/near.c: words that are no value of a closed list. tests/e2e has names of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/cekctl/rpc/near.h"
#include "client/cekctl/rpc/rpc.h"

static void test_all_values_when_none_is_near(void **state)
{
	char hint[REACH_TEXT] = "before";

	assert_true(near_no_value("CRV", "brainpool", hint));
	assert_string_equal(hint, "there are: P-256, P-384, P-521, X25519");
	assert_true(near_no_value("ENC", "chacha20", hint));
	assert_string_equal(hint, "there are: A128CBC-HS256, A192CBC-HS384, A256CBC-HS512, A128GCM, A192GCM, A256GCM");
}

/* The first and the last of a list too. */
static void test_the_nearest_value(void **state)
{
	char hint[REACH_TEXT];

	assert_true(near_no_value("ENC", "A128CBC-HS25", hint));
	assert_string_equal(hint, "did you mean A128CBC-HS256?");
	assert_true(near_no_value("CRV", "X25591", hint));
	assert_string_equal(hint, "did you mean X25519?");
}

static void test_no_hint(void **state)
{
	char hint[REACH_TEXT] = "before";

	for (size_t i = 0; near_value("CRV", i); i++)
		assert_false(near_no_value("CRV", near_value("CRV", i), hint));
	assert_false(near_no_value("ALG", "RSA1_5", hint)); /* refused with a reason of its own */
	assert_false(near_no_value("NAME", "any", hint));   /* no closed list */
	assert_string_equal(hint, "before");
}

static void test_which_word_and_status(void **state)
{
	struct ctl ctl = {.n_given = 3};
	char hint[REACH_TEXT] = "before";

	ctl.given[0].kind = "NAME";
	ctl.given[0].word = "k";
	ctl.given[1].kind = "CRV";
	ctl.given[1].word = "P-256";
	ctl.given[2].kind = "ENC";
	ctl.given[2].word = "A128GCN";
	near_hint(&ctl, CEK_DENIED, hint);
	assert_string_equal(hint, "before");
	near_hint(&ctl, CEK_UNSUPPORTED, hint);
	assert_string_equal(hint, "did you mean A128GCM?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_values_when_none_is_near),
		cmocka_unit_test(test_the_nearest_value),
		cmocka_unit_test(test_no_hint),
		cmocka_unit_test(test_which_word_and_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
