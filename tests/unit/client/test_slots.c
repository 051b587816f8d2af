/* SPDX-License-Identifier: Apache-2.0 */
/* client/slots.c: slots are their taker's alone, and go with the last of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/slots.h"

static void test_slots(void **state)
{
	enum { N = 5 * SLAB_SLOTS };
	struct slots *slots = slots_new();
	struct slots_slab *slabs[N];
	void *taken[N];

	for (unsigned i = 0; i < N; i++) {
		taken[i] = slots_take(slots, &slabs[i]);
		assert_non_null(taken[i]);
		assert_int_equal((uintptr_t)taken[i] % 16, 0);
		for (unsigned j = 0; j < i; j++)
			assert_ptr_not_equal(taken[i], taken[j]);
	}
	slots_give(slabs[3], taken[3]);
	assert_ptr_equal(slots_take(slots, &slabs[3]), taken[3]);
	slots_close(slots);
	for (unsigned i = 0; i < N; i++)
		slots_give(slabs[i], taken[i]);
	slots_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
