/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/broker/base/turn.c: limits that are given, and those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "daemon/broker/base/turn.h"

enum { FILES = 1024 };

static void set_files(rlim_t files)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = files;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void test_defaults(void **state)
{
	const Limits none = CEK__INTERNAL__V1__LIMITS__INIT;
	struct turn turn;

	set_files(FILES);
	turn_set_limits(&turn, &none);
	assert_int_equal(turn.connections_wanted, 10240);
	assert_int_equal(turn.limits.connections, FILES - 256);
	assert_int_equal(turn.limits.connections_per_uid, FILES - 256);
	assert_int_equal(turn.limits.requests_per_connection, 128);
	assert_int_equal(turn.limits.requests_per_uid, 1024);
	assert_int_equal(turn.limits.queue_per_worker, 16);
	assert_int_equal(turn.limits.queue, 4096);
	assert_int_equal(turn.limits.output_bytes, 262144);
	assert_int_equal(turn.output_per_user, 16 * 262144);
	assert_int_equal(turn.limits.silent_seconds, 30);
	assert_int_equal(turn.limits.stalled_seconds, 30);
	assert_int_equal(turn.limits.deadline_ms, 10000);
	assert_int_equal(turn.limits.manage_deadline_ms, 120000);
	assert_int_equal(turn.limits.versions_tried, 8);
}

/* The least that is none of the defaults. */
static void test_what_is_given(void **state)
{
	Limits given = CEK__INTERNAL__V1__LIMITS__INIT;
	struct turn turn;

	given.connections = 1;
	given.connections_per_uid = 2;
	given.requests_per_connection = 3;
	given.requests_per_uid = 4;
	given.queue_per_worker = 5;
	given.queue = 6;
	given.output_bytes = 7;
	given.silent_seconds = 8;
	given.stalled_seconds = 9;
	given.deadline_ms = 10;
	given.manage_deadline_ms = 11;
	given.versions_tried = 12;
	turn_set_limits(&turn, &given);
	assert_int_equal(turn.connections_wanted, 1);
	assert_int_equal(turn.limits.connections, 1);
	assert_int_equal(turn.limits.connections_per_uid, 2);
	assert_int_equal(turn.limits.requests_per_connection, 3);
	assert_int_equal(turn.limits.requests_per_uid, 4);
	assert_int_equal(turn.limits.queue_per_worker, 5);
	assert_int_equal(turn.limits.queue, 6);
	assert_int_equal(turn.limits.output_bytes, 7);
	assert_int_equal(turn.output_per_user, 16 * 7);
	assert_int_equal(turn.limits.silent_seconds, 8);
	assert_int_equal(turn.limits.stalled_seconds, 9);
	assert_int_equal(turn.limits.deadline_ms, 10);
	assert_int_equal(turn.limits.manage_deadline_ms, 11);
	assert_int_equal(turn.limits.versions_tried, 12);
}

/* 256 are left for the rest, or half of few. */
static void test_connections_that_descriptors_suffice_for(void **state)
{
	static const struct {
		rlim_t files;
		uint32_t connections;
	} rows[] = {{1024, 768}, {513, 257}, {512, 256}, {510, 255}, {64, 32}};
	Limits given = CEK__INTERNAL__V1__LIMITS__INIT;
	struct turn turn;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_files(rows[i].files);
		for (uint32_t more = 0; more < 2; more++) {
			given.connections = rows[i].connections + more;
			turn_set_limits(&turn, &given);
			assert_int_equal(turn.limits.connections, rows[i].connections);
			assert_int_equal(turn.connections_wanted, given.connections);
		}
		given.connections = rows[i].connections - 1;
		turn_set_limits(&turn, &given);
		assert_int_equal(turn.limits.connections, rows[i].connections - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_what_is_given),
		cmocka_unit_test(test_connections_that_descriptors_suffice_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
