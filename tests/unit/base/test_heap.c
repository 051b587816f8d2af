/* SPDX-License-Identifier: Apache-2.0 */
/* base/heap.c: nodes come out in the order of their keys, whatever was taken out between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/heap.h"

enum { NODES = 500 };

/* Every node's key is no smaller than its parent's, and every node knows its place. */
static void expect_whole(const struct heap *heap)
{
	for (size_t i = 0; i < heap->len; i++) {
		assert_int_equal(heap->nodes[i]->at, i + 1);
		assert_true(heap->nodes[(i - (i > 0)) / 2]->key <= heap->nodes[i]->key);
	}
}

static void test_order(void **state)
{
	static struct heap_node nodes[NODES];
	struct heap heap = {0};
	uint64_t last = 0;

	assert_null(heap_first(&heap));
	for (size_t i = 0; i < NODES; i++) {
		nodes[i].key = i * 7919 % 251; /* in no order, some twice */
		assert_int_equal(heap_add(&heap, &nodes[i]), 0);
		expect_whole(&heap);
	}
	for (size_t n = NODES; n > 0; n--) {
		struct heap_node *first = heap_first(&heap);

		assert_int_equal(heap.len, n);
		assert_true(first->key >= last);
		last = first->key;
		heap_remove(&heap, first);
		assert_int_equal(first->at, 0);
		expect_whole(&heap);
	}
	assert_null(heap_first(&heap));
	heap_deinit(&heap);
}

static void test_taken_from_anywhere(void **state)
{
	static struct heap_node nodes[NODES];
	struct heap heap = {0};

	srand(1);
	for (int round = 0; round < 5000; round++) {
		struct heap_node *node = &nodes[rand() % NODES];

		if (node->at > 0) {
			heap_remove(&heap, node);
		} else {
			node->key = (uint64_t)(rand() % 100);
			assert_int_equal(heap_add(&heap, node), 0);
		}
		expect_whole(&heap);
	}
	for (size_t i = 0; i < NODES; i++)
		heap_remove(&heap, &nodes[i]); /* those that are not in as well */
	assert_int_equal(heap.len, 0);
	heap_deinit(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_taken_from_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
