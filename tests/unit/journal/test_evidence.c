/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/journal/evidence.h"

static void add(struct evidence *evidence, const char *text)
{
	json_t *line = json_loads(text, 0, NULL);

	assert_non_null(line);
	evidence_line(evidence, line);
	json_decref(line);
}

static void add_change(struct evidence *evidence, unsigned epoch)
{
	char text[200];

	snprintf(text, sizeof(text),
		"{\"type\":\"request\",\"op\":\"state\",\"status\":\"OK\",\"key\":\"k\",\"kid\":\"v%u\",\"detail\":"
		"\"done\",\"epoch\":%u}",
		epoch, epoch);
	add(evidence, text);
}

static void test_a_normal_life_is_no_evidence(void **state)
{
	struct evidence evidence = {0};

	add(&evidence, "{\"type\":\"open\"}");
	add_change(&evidence, 2);
	add(&evidence, "{\"type\":\"open\",\"epoch\":5}");
	add_change(&evidence, 7);
	add(&evidence, "{\"type\":\"request\",\"op\":\"unwrap\",\"status\":\"OK\",\"epoch\":7}");
	evidence_end(&evidence, 7);
	assert_false(evidence.outlived);
	assert_null(evidence_later(&evidence, 0));
}

static void test_a_shorter_journal_is_noticed_with_what_it_misses(void **state)
{
	struct evidence evidence = {0};

	add_change(&evidence, 4);
	add_change(&evidence, 5);
	add_change(&evidence, 6);
	evidence_end(&evidence, 4);
	assert_true(evidence.outlived);
	assert_non_null(strstr(evidence_later(&evidence, 0), "v5"));
	assert_non_null(strstr(evidence_later(&evidence, 1), "v6"));
	assert_null(evidence_later(&evidence, 2));
	assert_false(evidence_more_later(&evidence));
}

/* As many as are remembered, and one more: then it is said that there were others. */
static void test_more_changes_than_are_remembered(void **state)
{
	for (unsigned n = EVIDENCE_LATER_MAX; n <= EVIDENCE_LATER_MAX + 1; n++) {
		struct evidence evidence = {0};

		for (unsigned i = 0; i < 40 + n; i++)
			add_change(&evidence, 1 + i);
		evidence_end(&evidence, 40);
		assert_non_null(evidence_later(&evidence, EVIDENCE_LATER_MAX - 1));
		assert_null(evidence_later(&evidence, EVIDENCE_LATER_MAX));
		assert_int_equal(evidence_more_later(&evidence), n > EVIDENCE_LATER_MAX);
		evidence_clear(&evidence);
		assert_false(evidence_more_later(&evidence));
	}
}

/* Any request tells how long the journal was; only changes are told. */
static void test_a_use_is_evidence_and_no_change(void **state)
{
	struct evidence evidence = {0};

	add(&evidence, "{\"type\":\"request\",\"op\":\"unwrap\",\"status\":\"FAILED\",\"epoch\":9}");
	add(&evidence,
		"{\"type\":\"request\",\"op\":\"state\",\"status\":\"OK\",\"epoch\":9}"); /* which left it as it was */
	evidence_end(&evidence, 8);
	assert_true(evidence.outlived);
	assert_null(evidence_later(&evidence, 0));
}

/* The journal that was put in place has grown beyond the old one in the meantime. */
static void test_growing_does_not_wear_it_out(void **state)
{
	struct evidence evidence = {0};

	add_change(&evidence, 5);
	add(&evidence, "{\"type\":\"open\",\"epoch\":3}");
	add_change(&evidence, 40);
	add(&evidence, "{\"type\":\"open\",\"epoch\":41}");
	evidence_end(&evidence, 50);
	assert_true(evidence.outlived);
	assert_int_equal(evidence.ends, 3);
	assert_non_null(strstr(evidence_later(&evidence, 0), "v5"));
	assert_null(evidence_later(&evidence, 1));
}

static void test_a_confirmation_ends_it(void **state)
{
	struct evidence evidence = {0};

	add_change(&evidence, 50);
	add(&evidence, "{\"type\":\"open\",\"epoch\":3}");
	add(&evidence, "{\"type\":\"request\",\"op\":\"restore\",\"status\":\"OK\",\"epoch\":3}"); /* only looked */
	add(&evidence,
		"{\"type\":\"request\",\"op\":\"restore\",\"status\":\"OK\",\"detail\":\"confirmed\",\"epoch\":5}");
	add_change(&evidence, 6);
	evidence_end(&evidence, 6);
	assert_false(evidence.outlived);
}

/* A look, a refusal and a word that another operation uses are no confirmation. */
static void test_nothing_else_confirms(void **state)
{
	static const char *const lines[] = {
		"{\"type\":\"request\",\"op\":\"restore\",\"status\":\"OK\",\"epoch\":3}",
		"{\"type\":\"request\",\"op\":\"restore\",\"status\":\"OK\",\"detail\":\"looked\",\"epoch\":3}",
		"{\"type\":\"request\",\"op\":\"restore\",\"status\":\"DENIED\",\"detail\":\"confirmed\",\"epoch\":3}",
		"{\"type\":\"request\",\"op\":\"schedule\",\"status\":\"OK\",\"detail\":\"confirmed\",\"epoch\":3}",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct evidence evidence = {0};

		add_change(&evidence, 50);
		add(&evidence, lines[i]);
		evidence_end(&evidence, 3);
		assert_true(evidence.outlived);
		assert_non_null(strstr(evidence_later(&evidence, 0), "v50"));
	}
}

/* What stood in the places before a confirmation is not taken for a change that found no room after it. */
static void test_a_confirmation_leaves_nothing_behind(void **state)
{
	struct evidence evidence = {0};

	for (unsigned epoch = 100; epoch <= 100 + EVIDENCE_LATER_MAX; epoch++)
		add_change(&evidence, epoch);
	add(&evidence,
		"{\"type\":\"request\",\"op\":\"restore\",\"status\":\"OK\",\"detail\":\"confirmed\",\"epoch\":5}");
	for (unsigned epoch = 6; epoch < 6 + EVIDENCE_LATER_MAX; epoch++)
		add_change(&evidence, epoch);
	evidence_end(&evidence, 5);
	assert_true(evidence.outlived);
	assert_non_null(strstr(evidence_later(&evidence, EVIDENCE_LATER_MAX - 1), "v21"));
	assert_false(evidence_more_later(&evidence));
}

static void test_the_latest_changes_are_kept(void **state)
{
	struct evidence evidence = {0};
	size_t n = 0;

	for (unsigned epoch = 10; epoch < 10 + 3 * EVIDENCE_LATER_MAX; epoch++)
		add_change(&evidence, epoch);
	evidence_end(&evidence, 9);
	while (evidence_later(&evidence, n))
		n++;
	assert_int_equal(n, EVIDENCE_LATER_MAX);
	assert_non_null(strstr(evidence_later(&evidence, n - 1), "v57"));
	assert_non_null(strstr(evidence_later(&evidence, 0), "v42"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_normal_life_is_no_evidence),
		cmocka_unit_test(test_a_shorter_journal_is_noticed_with_what_it_misses),
		cmocka_unit_test(test_more_changes_than_are_remembered),
		cmocka_unit_test(test_a_use_is_evidence_and_no_change),
		cmocka_unit_test(test_growing_does_not_wear_it_out),
		cmocka_unit_test(test_a_confirmation_ends_it),
		cmocka_unit_test(test_nothing_else_confirms),
		cmocka_unit_test(test_a_confirmation_leaves_nothing_behind),
		cmocka_unit_test(test_the_latest_changes_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
