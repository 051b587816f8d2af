/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/table.c: columns on a narrow terminal, and what is printed when memory runs out. */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cekctl/console/table.h"
#include "tests/unit/scarce.h"

enum { SHOWN = 1024 };

/* Printed where standard output is a terminal of so many columns; 0: none. */
static void print(const struct table *table, const char *columns, char shown[SHOWN])
{
	FILE *real = stdout;
	int kept = dup(STDOUT_FILENO), ends[2];

	assert_int_equal(columns ? openpty(&ends[0], &ends[1], NULL, NULL, NULL) : pipe(ends), 0);
	fflush(real);
	assert_true(dup2(ends[1], STDOUT_FILENO) >= 0);
	setenv("COLUMNS", columns ? columns : "", 1);
	memset(shown, 0, SHOWN);
	stdout = fmemopen(shown, SHOWN, "w");
	table_print(table, " ");
	fclose(stdout);
	stdout = real;
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	close(kept);
	close(ends[0]);
	close(ends[1]);
}

static const char *const head[] = {"A", "B", "C", NULL};
static const char *const row[] = {"abcdefghijklmnopqr", "abcdefghijklmnopqrstuvwxy", "ten", NULL};

static struct table *make(void)
{
	struct table *table = table_new(head);

	table_row(table, row);
	return table;
}

/* So wide are the first two columns of a terminal of so many. */
static void expect(const struct table *table, const char *columns, size_t first, size_t second)
{
	char shown[SHOWN], line[SHOWN];

	print(table, columns, shown);
	snprintf(line, sizeof(line), " %-*s  %-*s  C\n", (int)first, "A", (int)second, "B");
	assert_int_equal(strncmp(shown, line, strlen(line)), 0);
	assert_null(strstr(shown, "No room"));
	assert_null(strstr(shown, "memory"));
}

/* The widest gives its columns first, until it is as wide as the next one; then both, down to what a word needs. */
static void test_the_widest_column_becomes_narrower(void **state)
{
	struct table *table = make();

	expect(table, NULL, 18, 25);
	expect(table, "51", 18, 25);
	expect(table, "50", 18, 24);
	expect(table, "44", 18, 18);
	expect(table, "40", 16, 16);
	expect(table, "32", 12, 12);
	expect(table, "31", 12, 12);
	table_free(table);
}

/* Only when the rest is too wide even at its least, and then it is named. */
static void test_an_optional_column_is_left_out(void **state)
{
	struct table *table = make();
	char shown[SHOWN];

	table_optional(table, 0);
	expect(table, "32", 12, 12);
	print(table, "31", shown);
	assert_string_equal(shown,
		" B                          C\n"
		" abcdefghijklmnopqrstuvwxy  ten\n"
		"No room for: A; a wider terminal, a pipe and --json have it\n");
	table_free(table);
}

/* Each allocation in turn: it says so, and what there is of the table is printed. */
static void test_memory_runs_out(void **state)
{
	char shown[SHOWN];
	size_t n = 1;

	for (;; n++) {
		struct table *table;

		scarce_arm(n);
		scarce_on(true);
		table = make();
		scarce_on(false);
		print(table, NULL, shown);
		assert_int_equal(scarce_failed(), strstr(shown, " (memory ran out: ") != NULL);
		assert_int_equal(table != NULL, strstr(shown, "there is no table") == NULL);
		table_free(table);
		if (!scarce_failed())
			break;
	}
	assert_int_equal(n, 1 + 2 * (1 + 3) + 1); /* the table, two rows of three cells, and no failure */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_widest_column_becomes_narrower),
		cmocka_unit_test(test_an_optional_column_is_left_out),
		cmocka_unit_test(test_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
