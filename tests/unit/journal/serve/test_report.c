/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker is told of the journals, and what it knows already. */
#include "daemon/journal/serve/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "proto/dgram.h"
#include "tests/unit/journal/serve/broker_end.h"
#include "tests/unit/journal/store_memory.h"

static struct memory_journal journal;
static struct control control = {.fd = -1}; /* nobody */
static struct pair pair;
static struct report report;
static struct store *store;
static int broker; /* the other end of the pair */
static struct audit_state present;

static struct audit_state tell(const struct audit *audit)
{
	(void)audit;
	return present;
}

static const struct audit_ops audit_ops = {.state = tell};
static struct audit audit = {.ops = &audit_ops};

static int setup(void **state)
{
	int fds[2];

	(void)state;
	if (dgram_pair(fds) < 0)
		return -1;
	broker = fds[1];
	pair = (struct pair){.fd = fds[0], .control = &control};
	if (pair_init(&pair) < 0)
		return -1;
	journal = (struct memory_journal){.head = chain_start()};
	store = store_memory_open(&journal);
	present = (struct audit_state){.text = "ok", .ok = true};
	report = (struct report){.pair = &pair, .store = store, .audit = &audit, .sandbox = "none"};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	text_deinit(&journal.text);
	pair_deinit(&pair);
	close(pair.fd);
	close(broker);
	return 0;
}

static void test_a_state_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(report_send_if_new(&report), 0);
	broker_check_state(broker, true);
	assert_int_equal(report.retry_due, 0);
	assert_int_equal(report_send_if_new(&report), 0);
	broker_check_nothing(broker);
	present = (struct audit_state){.text = "full"};
	assert_int_equal(report_send_if_new(&report), 0);
	broker_check_state(broker, false);
	assert_true(report.retry_due > 0);
	assert_int_equal(report_send_if_new(&report), 0);
	broker_check_nothing(broker);
	present = (struct audit_state){.text = "ok", .ok = true};
	assert_int_equal(report_send_if_new(&report), 0);
	broker_check_state(broker, true);
	assert_int_equal(report.retry_due, 0);
}

static void check_room(uint64_t free, bool told)
{
	const unsigned before = broker_rooms;

	present.free = free;
	assert_int_equal(report_send_if_new(&report), 0);
	broker_check_nothing(broker); /* reads, and counts */
	assert_int_equal(broker_rooms - before, told);
}

/* A sixteenth up or down of what was told last is not worth a message, a byte more is. */
static void test_room_by_a_sixteenth(void **state)
{
	(void)state;
	assert_int_equal(report_send_if_new(&report), 0);
	broker_check_state(broker, true);
	check_room(1600, false); /* not known */
	present.free_known = true;
	check_room(1600, true);
	check_room(1600, false);
	check_room(1601, false);
	check_room(1599, false);
	check_room(1700, false);
	check_room(1500, false);
	check_room(1701, true);
	check_room(1595, false);
	check_room(1594, true);
	check_room(15, true);
	check_room(14, true); /* of so little each byte */
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_a_state_is_told_once),
		ROW(test_room_by_a_sixteenth),
	};

	log_open("test");
	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
