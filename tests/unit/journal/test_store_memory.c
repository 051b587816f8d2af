/* SPDX-License-Identifier: Apache-2.0 */
/* The contract on the store that waits; and that it does wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/unit/journal/journal_records.h"
#include "tests/unit/journal/store_calls.h"
#include "tests/unit/journal/store_contract.h"
#include "tests/unit/journal/store_memory.h"

static struct memory_journal journal;

static struct store *open_store(void)
{
	return store_memory_open(&journal);
}

static const struct store_maker maker = {.open = open_store, .open_other = open_store};

static int setup(void **state)
{
	journal = (struct memory_journal){.head = chain_start()};
	*state = (void *)(uintptr_t)&maker;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	text_deinit(&journal.text);
	return 0;
}

static void test_it_waits(void **state)
{
	struct store *store = open_store();
	struct chain_head head = store_state(store).head;
	Cek__Internal__V1__KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};
	struct store_call call = {0};

	(void)state;
	store_memory_hold(store, true);
	assert_int_equal(store_append(store, records, 1, &head, store_call_done, &call), 0);
	for (unsigned i = 0; i < 10; i++)
		store_turn(store);
	assert_int_equal(call.n, 0);
	assert_int_equal(store_state(store).head.seq, 0);
	store_memory_hold(store, false);
	store_call_wait(store, &call);
	assert_int_equal(call.outcome, STORE_DONE);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CONTRACT(setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_waits, setup, teardown),
	};

	log_open("test");
	return cmocka_run_group_tests_name("store_memory", tests, NULL, NULL);
}
