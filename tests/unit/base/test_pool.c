/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items in locked memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"

enum { ITEM = 4096, SLABS_KEPT = 16, SLABS = SLABS_KEPT + 4 };

static size_t count_slabs(const struct pool *pool)
{
	size_t n = 0;

	for (const struct link *link = pool->slabs.next; link != &pool->slabs; link = link->next)
		n++;
	return n;
}

static void test_items_are_aligned_and_apart(void **state)
{
	struct pool pool;
	uint8_t *a, *b;

	(void)state;
	pool_init(&pool, 100);
	a = pool_take(&pool);
	b = pool_take(&pool);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal((uintptr_t)a % 16, 0);
	assert_int_equal((uintptr_t)b % 16, 0);
	assert_true(a > b ? a - b >= 100 : b - a >= 100);
	pool_give(&pool, a, 100);
	pool_give(&pool, b, 100);
	pool_give(&pool, NULL, 0);
	assert_int_equal(pool.in_use, 0);
	pool_deinit(&pool);
}

/* A slab is a page table entry's work, sixteen locked pages and their wiping: a load at the edge of one must not pay it
 * each time. */
static void test_sixteen_empty_slabs_stay(void **state)
{
	struct pool pool;
	void **items;
	size_t n;

	(void)state;
	pool_init(&pool, ITEM);
	n = SLABS * pool.per_slab;
	items = calloc(n, sizeof(*items));
	assert_non_null(items);
	for (size_t i = 0; i < n; i++) {
		items[i] = pool_take(&pool);
		assert_non_null(items[i]);
	}
	assert_int_equal(count_slabs(&pool), SLABS);
	for (size_t i = 0; i < n; i++)
		pool_give(&pool, items[i], ITEM);
	assert_int_equal(count_slabs(&pool), SLABS_KEPT);
	assert_int_equal(pool.items, SLABS_KEPT * pool.per_slab);
	/* Up and down within them: the same slabs. */
	for (size_t i = 0; i < SLABS_KEPT * pool.per_slab; i++)
		items[i] = pool_take(&pool);
	assert_int_equal(count_slabs(&pool), SLABS_KEPT);
	for (size_t i = 0; i < SLABS_KEPT * pool.per_slab; i++)
		pool_give(&pool, items[i], ITEM);
	assert_int_equal(count_slabs(&pool), SLABS_KEPT);
	pool_deinit(&pool);
	free(items);
}

static void test_what_was_used_is_wiped(void **state)
{
	struct pool pool;
	uint8_t *item, *again;

	(void)state;
	pool_init(&pool, 256);
	item = pool_take(&pool);
	assert_non_null(item);
	memset(item, 0x5a, 256);
	pool_give(&pool, item, 256);
	again = pool_take(&pool); /* the last one given back is the next one taken */
	assert_ptr_equal(again, item);
	for (size_t i = sizeof(struct link); i < 256; i++)
		assert_int_equal(again[i], 0);
	pool_give(&pool, again, 0);
	pool_deinit(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items_are_aligned_and_apart),
		cmocka_unit_test(test_sixteen_empty_slabs_stay),
		cmocka_unit_test(test_what_was_used_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
