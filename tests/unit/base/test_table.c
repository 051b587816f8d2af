/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/table.h"

enum { MANY = 1000 };

static void test_what_was_put_is_found_until_it_is_removed(void **state)
{
	struct table table = {0};
	int values[MANY];
	char key[16];

	for (int i = 0; i < MANY; i++) {
		size_t len = (size_t)snprintf(key, sizeof(key), "key-%d", i);

		assert_int_equal(table_put(&table, key, len, &values[i]), 0);
		assert_int_equal(table_put(&table, key, len, &values[0]), -EEXIST);
	}
	for (int i = 0; i < MANY; i += 2)
		table_remove(&table, key, (size_t)snprintf(key, sizeof(key), "key-%d", i));
	table_remove(&table, "none", 4);
	assert_int_equal(table.count, MANY / 2);
	for (int i = 0; i < MANY; i++) {
		size_t len = (size_t)snprintf(key, sizeof(key), "key-%d", i);

		assert_ptr_equal(table_get(&table, key, len), i % 2 == 0 ? NULL : &values[i]);
	}
	assert_int_equal(table_put(&table, "key-0", 5, &values[1]), 0);
	assert_ptr_equal(table_get(&table, "key-0", 5), &values[1]);
	table_deinit(&table);
}

static void test_nothing_is_removed_from_nothing(void **state)
{
	struct table table = {0};

	table_remove(&table, "none", 4);
	assert_int_equal(table.count, 0);
	table_deinit(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_put_is_found_until_it_is_removed),
		cmocka_unit_test(test_nothing_is_removed_from_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
