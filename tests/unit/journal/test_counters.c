/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/journal/counters.h"

static void test_names(void **state)
{
	char name[COUNTERS_INSTANCE_MAX + 2];

	(void)state;
	memset(name, 'i', sizeof(name));
	name[COUNTERS_INSTANCE_MAX + 1] = 0;
	assert_false(counters_name_valid(name));
	name[COUNTERS_INSTANCE_MAX] = 0;
	assert_true(counters_name_valid(name));
	assert_false(counters_name_valid(""));
	assert_false(counters_name_valid(NULL));
}

static void test_the_latest(void **state)
{
	struct counters counters = {0};

	(void)state;
	assert_string_equal(counters_latest(&counters)->instance, "");
	counter_stands_at(counters_of(&counters, "one"), 7);
	counters_of(&counters, "two")->taken = 3;
	assert_string_equal(counters_latest(&counters)->instance, "two");
	assert_int_equal(counters_of(&counters, "one")->durable, 7);
	assert_string_equal(counters_latest(&counters)->instance, "one");
	assert_int_equal(counters_of(&counters, "two")->taken, 3);
}

/* Of all brokers, since one write holds the records of all. */
static void test_written_and_durable(void **state)
{
	struct counters counters = {0};

	(void)state;
	counters_of(&counters, "one")->taken = 5;
	counters_of(&counters, "two")->taken = 2;
	counters_written(&counters);
	counters_of(&counters, "two")->taken = 9;
	counters_durable(&counters);
	assert_int_equal(counters_of(&counters, "one")->durable, 5);
	assert_int_equal(counters_of(&counters, "two")->written, 2);
	assert_int_equal(counters_of(&counters, "two")->durable, 2);
	assert_int_equal(counters_of(&counters, "two")->taken, 9);
}

static void test_the_oldest_goes(void **state)
{
	struct counters counters = {0};
	char name[16];

	(void)state;
	for (unsigned i = 0; i < COUNTERS_INSTANCES; i++) {
		snprintf(name, sizeof(name), "i%u", i);
		counter_stands_at(counters_of(&counters, name), 1);
	}
	assert_int_equal(counters_of(&counters, "i0")->taken, 1); /* i1 is the oldest now */
	assert_int_equal(counters_of(&counters, "new")->taken, 0);
	assert_int_equal(counters_of(&counters, "i2")->taken, 1);
	assert_int_equal(counters_of(&counters, "i0")->taken, 1);
	assert_int_equal(counters_of(&counters, "i1")->taken, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_the_latest),
		cmocka_unit_test(test_written_and_durable),
		cmocka_unit_test(test_the_oldest_goes),
	};

	return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
