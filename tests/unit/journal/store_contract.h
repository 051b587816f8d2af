/* SPDX-License-Identifier: Apache-2.0 */
/* What every store must do (daemon/journal/store.h), as tests that run on each: a row of STORE_CONTRACT in its test
 * program, whose setup puts a maker into *state. */
#pragma once

#include "daemon/journal/store.h"

struct store_maker {
	/* One on the journal of this test, which is empty at first. */
	struct store *(*open)(void);

	/* Another one on the same journal at the same time; NULL: nobody else may write there. */
	struct store *(*open_other)(void);
};

void contract_empty(void **state);
void contract_append_is_told_later(void **state);
void contract_records_are_read_in_order(void **state);
void contract_all_or_none(void **state);
void contract_one_at_a_time(void **state);
void contract_done_may_ask_again(void **state);
void contract_expected_head(void **state);
void contract_holds(void **state);
void contract_sync_is_told_later(void **state);
void contract_told_is_durable(void **state);
void contract_close_is_silent(void **state);
void contract_others(void **state);

#define STORE_CONTRACT_ROW(test, setup, teardown) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define STORE_CONTRACT(setup, teardown)                                                  \
	STORE_CONTRACT_ROW(contract_empty, setup, teardown),                             \
		STORE_CONTRACT_ROW(contract_append_is_told_later, setup, teardown),      \
		STORE_CONTRACT_ROW(contract_records_are_read_in_order, setup, teardown), \
		STORE_CONTRACT_ROW(contract_all_or_none, setup, teardown),               \
		STORE_CONTRACT_ROW(contract_one_at_a_time, setup, teardown),             \
		STORE_CONTRACT_ROW(contract_done_may_ask_again, setup, teardown),        \
		STORE_CONTRACT_ROW(contract_expected_head, setup, teardown),             \
		STORE_CONTRACT_ROW(contract_holds, setup, teardown),                     \
		STORE_CONTRACT_ROW(contract_sync_is_told_later, setup, teardown),        \
		STORE_CONTRACT_ROW(contract_told_is_durable, setup, teardown),           \
		STORE_CONTRACT_ROW(contract_close_is_silent, setup, teardown),           \
		STORE_CONTRACT_ROW(contract_others, setup, teardown)
