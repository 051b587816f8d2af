/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/locked.h"

static bool is_zero(const struct arena *arena)
{
	for (size_t i = 0; i < arena->size; i++)
		if (arena->base[i])
			return false;
	return true;
}

/* What one operation left behind is not there for the next. */
static void test_spare_is_wiped(void **state)
{
	struct arena *first = locked_get(100), *second;

	(void)state;
	assert_true(first->size >= LOCKED_SPARE_SIZE);
	memset(arena_alloc(first, 100), 's', 100);
	assert_null(locked_put(first));
	second = locked_get(LOCKED_SPARE_SIZE);
	assert_ptr_equal(second, first);
	assert_int_equal(second->used, 0);
	assert_true(is_zero(second));
	assert_non_null(arena_alloc(second, LOCKED_SPARE_SIZE));
	locked_put(second);
	assert_null(locked_put(NULL));
}

static void test_large(void **state)
{
	size_t size = 16 * LOCKED_SPARE_SIZE; /* more than a page anywhere */
	struct arena *large = locked_get(size), *spare;

	(void)state;
	assert_true(large->size >= size);
	assert_true(is_zero(large));
	locked_put(large);
	spare = locked_get(1);
	assert_true(spare->size < size); /* the large one was not kept */
	locked_put(spare);
}

/* More at once than are kept: each is its own, and those that do not fit are unmapped. */
static void test_many(void **state)
{
	struct arena *arena[2 * LOCKED_SPARES];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < 2 * LOCKED_SPARES; i++) {
			arena[i] = locked_get(64);
			assert_true(is_zero(arena[i]));
			for (size_t k = 0; k < i; k++)
				assert_ptr_not_equal(arena[i], arena[k]);
			memset(arena_alloc(arena[i], 64), (int)i + 1, 64);
		}
		for (size_t i = 0; i < 2 * LOCKED_SPARES; i++)
			locked_put(arena[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spare_is_wiped),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
