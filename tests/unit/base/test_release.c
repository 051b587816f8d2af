/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/release.h"

static void test_later(void **state)
{
	static const char *const ascending[] = {"0.0.9", "0.1.0", "0.1.1", "0.2.0", "0.10.0", "1.0.0", "1.0.10"};
	size_t n = sizeof(ascending) / sizeof(ascending[0]);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++)
			assert_int_equal(release_later(ascending[i], ascending[j]), i > j);
	}
	assert_true(release_later("0.2.0~rc1", "0.1.0"));
}

static void test_what_is_no_release_is_not_later(void **state)
{
	static const char *const none[] = {"", "2", "2.1", "a.b.c", "latest"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_false(release_later(none[i], "0.1.0"));
		assert_false(release_later("0.1.0", none[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_what_is_no_release_is_not_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
