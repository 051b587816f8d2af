/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/ring/moves.h"

/* PADSCXW: pre-active, active, deactivated, suspended, compromised, destroyed, waiting. */
static const enum state order[] = {STATE_PRE_ACTIVE, STATE_ACTIVE, STATE_DEACTIVATED, STATE_SUSPENDED,
	STATE_COMPROMISED, STATE_DESTROYED, STATE_WAITING};

enum { STATES = sizeof(order) / sizeof(order[0]) };

struct row {
	enum state from, before;
	bool other;        /* another version of the key is active */
	const char *moves; /* y: it may go there */
	enum state back;
};

/* Every state, with every state before it where it remembers one, alone and beside an active version. */
static const struct row table[] = {
	/*                                                     PADSCXW */
	{STATE_PRE_ACTIVE, STATE_NONE, false, "-y-yy-y", STATE_NONE},
	{STATE_PRE_ACTIVE, STATE_NONE, true, "-y-yy-y", STATE_NONE},
	{STATE_ACTIVE, STATE_NONE, false, "--yyy--", STATE_NONE},
	{STATE_DEACTIVATED, STATE_NONE, false, "---yy-y", STATE_NONE},
	{STATE_DEACTIVATED, STATE_NONE, true, "---yy-y", STATE_NONE},
	{STATE_COMPROMISED, STATE_NONE, false, "------y", STATE_NONE},
	{STATE_COMPROMISED, STATE_NONE, true, "------y", STATE_NONE},
	{STATE_DESTROYED, STATE_NONE, false, "-------", STATE_NONE},
	{STATE_DESTROYED, STATE_NONE, true, "-------", STATE_NONE},
	{STATE_SUSPENDED, STATE_PRE_ACTIVE, false, "y--yy-y", STATE_PRE_ACTIVE},
	{STATE_SUSPENDED, STATE_PRE_ACTIVE, true, "y--yy-y", STATE_PRE_ACTIVE},
	{STATE_SUSPENDED, STATE_ACTIVE, false, "-yyyy-y", STATE_ACTIVE},
	{STATE_SUSPENDED, STATE_ACTIVE, true, "--yyy-y", STATE_DEACTIVATED},
	{STATE_SUSPENDED, STATE_DEACTIVATED, false, "--yyy-y", STATE_DEACTIVATED},
	{STATE_SUSPENDED, STATE_DEACTIVATED, true, "--yyy-y", STATE_DEACTIVATED},
	{STATE_WAITING, STATE_PRE_ACTIVE, false, "y---yy-", STATE_PRE_ACTIVE},
	{STATE_WAITING, STATE_PRE_ACTIVE, true, "y---yy-", STATE_PRE_ACTIVE},
	{STATE_WAITING, STATE_DEACTIVATED, false, "--y-yy-", STATE_DEACTIVATED},
	{STATE_WAITING, STATE_DEACTIVATED, true, "--y-yy-", STATE_DEACTIVATED},
	{STATE_WAITING, STATE_SUSPENDED, false, "---yyy-", STATE_SUSPENDED},
	{STATE_WAITING, STATE_SUSPENDED, true, "---yyy-", STATE_SUSPENDED},
	{STATE_WAITING, STATE_COMPROMISED, false, "----yy-", STATE_COMPROMISED},
	{STATE_WAITING, STATE_COMPROMISED, true, "----yy-", STATE_COMPROMISED},
};

static struct version other = {.state = STATE_ACTIVE};
static struct key key;

static struct version version_in(const struct row *row)
{
	key.active = row->other ? &other : NULL;
	return (struct version){.key = &key, .state = row->from, .before = row->before};
}

static bool may(const struct version *version, enum state to)
{
	const char *why = move_refused(version, to);

	assert_true(!why || strlen(why) > 20);
	assert_true(!why || strcmp(why, "there is no such state to go to") != 0);
	return !why;
}

static void test_every_move(void **state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct version version = version_in(&table[i]);

		assert_int_equal(strlen(table[i].moves), STATES);
		for (int to = 0; to < STATES; to++)
			assert_int_equal(may(&version, order[to]), table[i].moves[to] == 'y');
		assert_int_equal(move_back(&version), table[i].back);
		assert_non_null(move_refused(&version, STATE_NONE));
		assert_non_null(move_refused(&version, STATE_COUNT));
	}
}

/* Whatever a state that remembers none has there: it makes no difference. */
static void test_only_what_ends_remembers(void **state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct version version = version_in(&table[i]);

		if (table[i].before != STATE_NONE)
			continue;
		for (int before = STATE_PRE_ACTIVE; before < STATE_COUNT; before++) {
			version.before = (enum state)before;
			for (int to = 0; to < STATES; to++)
				assert_int_equal(may(&version, order[to]), table[i].moves[to] == 'y');
			assert_int_equal(move_back(&version), STATE_NONE);
		}
	}
}

/* No version gets there; if one did, it would not be brought into use. */
static void test_impossible_memories_bring_nothing_back_into_use(void **state)
{
	static const struct row rows[] = {
		{STATE_WAITING, STATE_NONE, false, NULL, STATE_NONE},
		{STATE_WAITING, STATE_ACTIVE, false, NULL, STATE_NONE},
		{STATE_WAITING, STATE_ACTIVE, true, NULL, STATE_NONE},
		{STATE_WAITING, STATE_DESTROYED, false, NULL, STATE_NONE},
		{STATE_WAITING, STATE_WAITING, false, NULL, STATE_NONE},
		{STATE_SUSPENDED, STATE_NONE, false, NULL, STATE_NONE},
		{STATE_SUSPENDED, STATE_SUSPENDED, false, NULL, STATE_NONE},
		{STATE_SUSPENDED, STATE_COMPROMISED, false, NULL, STATE_NONE},
		{STATE_SUSPENDED, STATE_DESTROYED, false, NULL, STATE_NONE},
		{STATE_SUSPENDED, STATE_WAITING, false, NULL, STATE_NONE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct version version = version_in(&rows[i]);

		assert_false(may(&version, STATE_PRE_ACTIVE) || may(&version, STATE_ACTIVE) ||
			may(&version, STATE_DEACTIVATED));
	}
}

/* What releases that did not restore suspensions have written, and nobody else. */
static void test_old_journals_are_read(void **state)
{
	static const struct {
		enum state suspended;
		const char *moves;
	} rows[] = {
		/*                   PADSCXW */
		{STATE_PRE_ACTIVE, "y--yyy-"},
		{STATE_ACTIVE, "-yyyyy-"},
		{STATE_DEACTIVATED, "--yyyy-"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct version version = {.key = &key,
			.state = STATE_WAITING,
			.before = STATE_SUSPENDED,
			.suspension = {.before = rows[i].suspended}};

		for (int alone = 0; alone < 2; alone++) {
			key.active = alone ? NULL : &other;
			for (int to = 0; to < STATES; to++)
				assert_int_equal(move_recorded(&version, order[to]), rows[i].moves[to] == 'y');
		}
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct version version = version_in(&table[i]);

		for (int to = 0; to < STATES; to++)
			assert_int_equal(move_recorded(&version, order[to]), table[i].moves[to] == 'y');
	}
}

/* ---- the table of cekd(8) --------------------------------------------------------------------------------------- */

static const char *const names[STATES] = {"pre-active", "active", "deactivated", "suspended", "compromised",
	"destroyed", "waiting"};

static size_t state_of_name(const char *name, size_t len)
{
	size_t i = 0;

	while (i < STATES && (strlen(names[i]) != len || strncmp(names[i], name, len) != 0))
		i++;
	return i;
}

/* Rows "from|to|by|if" between .TS and .TE; what stands between T{ and T} is no row. */
static void read_page(bool ret_moves[STATES][STATES])
{
	const char *source = getenv("CEK_SOURCE");
	char line[512], path[512];
	bool in_table = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/man/cekd.8", source ? source : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		size_t from = state_of_name(line, strcspn(line, "|")), to, len;
		const char *rest = strchr(line, '|');

		if (strncmp(line, ".TS", 3) == 0 || strncmp(line, ".TE", 3) == 0)
			in_table = line[2] == 'S';
		if (!in_table || from == STATES || !rest)
			continue;
		len = strcspn(rest + 1, "|");
		to = state_of_name(rest + 1, len);
		assert_int_not_equal(to, STATES);
		assert_false(ret_moves[from][to]); /* twice */
		ret_moves[from][to] = true;
		rest += 1 + len; /* by what, which may stand in the lines below */
		assert_int_equal(*rest, '|');
		if (strcmp(rest, "|T{\n") == 0) {
			assert_non_null(fgets(line, sizeof(line), file));
			assert_true(strlen(line) > 4);
		} else {
			assert_true(strcspn(rest + 1, "|") > 3);
		}
	}
	fclose(file);
}

static void test_the_page_has_every_move_and_no_other(void **state)
{
	bool told[STATES][STATES] = {{false}}, possible[STATES][STATES] = {{false}};

	read_page(told);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (size_t from = 0; from < STATES; from++) {
			for (size_t to = 0; order[from] == table[i].from && to < STATES; to++) {
				struct version version = version_in(&table[i]);

				possible[from][to] |= !move_refused(&version, order[to]);
			}
		}
	}
	for (size_t from = 0; from < STATES; from++) {
		for (size_t to = 0; to < STATES; to++) {
			if (told[from][to] != possible[from][to])
				fail_msg("cekd(8) %s the move from %s to %s", told[from][to] ? "has" : "lacks",
					names[from], names[to]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_page_has_every_move_and_no_other),
		cmocka_unit_test(test_every_move),
		cmocka_unit_test(test_only_what_ends_remembers),
		cmocka_unit_test(test_impossible_memories_bring_nothing_back_into_use),
		cmocka_unit_test(test_old_journals_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
