/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/internal.pb-c.h"
#include "proto/job_sequence.h"

static struct job_sequence job(unsigned op, enum job_state at)
{
	return (struct job_sequence){.op = (uint8_t)op, .state = (uint8_t)at};
}

static void test_a_job_is_answered_once(void **state)
{
	struct job_sequence one = job(CEK__INTERNAL__V1__JOB__OP_UNWRAP, JOB_GIVEN);
	char how[SEQUENCE_HOW_MAX];

	(void)state;
	assert_true(job_sequence_take(&one, 17, 17, false, how));
	assert_int_equal(one.state, JOB_DONE);
	assert_false(job_sequence_take(&one, 17, 17, false, how));
	assert_string_equal(how, "answered job 17, which it was not given, or not before others");
}

static void test_a_job_that_was_not_given(void **state)
{
	struct job_sequence waits = job(CEK__INTERNAL__V1__JOB__OP_UNWRAP, JOB_WAITS);
	struct job_sequence given = job(CEK__INTERNAL__V1__JOB__OP_UNWRAP, JOB_GIVEN);
	char how[SEQUENCE_HOW_MAX];

	(void)state;
	assert_false(job_sequence_take(&waits, 17, 17, false, how));
	assert_false(job_sequence_take(&given, 16, 17, false, how));
	assert_int_equal(given.state, JOB_GIVEN);
	assert_false(job_sequence_take(NULL, 0, 0, false, how));
	assert_string_equal(how, "answered job 0, which it was not given, or not before others");
}

/* Which ones are answered in parts is said by the table of operations. */
static void test_parts(void **state)
{
	char how[SEQUENCE_HOW_MAX];

	(void)state;
	for (unsigned op = 0; op < 2 * SEQUENCE_KINDS; op++) {
		struct job_sequence one = job(op, JOB_GIVEN);
		const bool in_parts = op == CEK__INTERNAL__V1__JOB__OP_INVENTORY;

		assert_int_equal(job_sequence_take(&one, 5, 5, true, how), in_parts);
		assert_int_equal(one.state, in_parts ? JOB_PARTLY_ANSWERED : JOB_GIVEN);
		if (!in_parts)
			assert_string_equal(how, "answered job 5 in parts, which is answered once");
	}
}

static void test_parts_have_an_end(void **state)
{
	struct job_sequence one = job(CEK__INTERNAL__V1__JOB__OP_INVENTORY, JOB_GIVEN), other;
	char how[SEQUENCE_HOW_MAX];

	(void)state;
	for (int i = 0; i < 4096; i++)
		assert_true(job_sequence_take(&one, 5, 5, true, how));
	other = one;
	assert_true(job_sequence_take(&other, 5, 5, false, how));
	assert_false(job_sequence_take(&one, 5, 5, true, how));
	assert_string_equal(how, "answered job 5 in too many parts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_job_is_answered_once),
		cmocka_unit_test(test_a_job_that_was_not_given),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_parts_have_an_end),
	};

	return cmocka_run_group_tests_name("job_sequence", tests, NULL, NULL);
}
