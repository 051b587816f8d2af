/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may come when: each table as it is meant, in words of its own, and each of its rows once right and once broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/internal.pb-c.h"
#include "proto/sequence_tables.h"

struct expected {
	const struct sequence_table *table;
	const char *rules; /* a line a state that knows any: what may come, and the state after it; ~ is stale, + is 2
			    * descriptors, ?N answers a question of kind N, went and !N asks one, *N comes in parts */
};

static const struct expected all[] = {
	{&sequence_worker_to_broker, "1: hello>2\n2: result>2 results>2 news>2\n"},
	{&sequence_broker_to_worker,
		"1: unwrap>1 wrap>1 rewrap>1 forget>1\n"
		"2: generate>2 import>2 adopt>2 destroy>2 transport>2 inventory*4096>2\n"},
	{&sequence_journal_to_broker,
		"1: replay>2 audit_done>1 state>1 room>1 busy>1 replay of another question~>1 "
		"appended of another append~>1 state of one that was to end>1\n"
		"2: replay>2 appended>2 audit_done>2 state>2 room>2 busy>2 state of one that was to end>2\n"
		"3: replay~>3 appended~>3 audit_done~>3 state>1 room~>3 busy~>3 replay of another question~>3 "
		"appended of another append~>3 state of one that was to end~>3\n"},
	{&sequence_broker_to_journal,
		"1: replay>2 append_key~>1 audit>1\n"
		"2: replay>2 append_key>3 audit>2\n"
		"3: replay>3 audit>3\n"
		"4: replay>5\n"
		"6: replay>2 append_key~>6 audit>6\n"
		"3: went append_key>2\n"},
	{&sequence_cekd_to_broker,
		"2: worker_up+>2 worker_gone>2 drain>3 reload>2 are_you_there>2 broken>2\n"
		"3: worker_up+>3 worker_gone>3 reload>3 are_you_there>3 broken>3\n"},
	{&sequence_cekd_to_journal,
		"2: drain>3 reload>2 are_you_there>2\n3: reload>3 are_you_there>3\n"
		"4: drain>3 reload>4 take_over>2 are_you_there>4\n"},
	{&sequence_cekd_to_worker, "2: drain>3 pin?1>2\n3: pin?1>3\n2: went want_pin!1>2\n3: went want_pin!1>3\n"},
	{&sequence_broker_to_cekd,
		"1: ready>2 failing>1 want_worker>1 alive?1>1 state>1 reloaded?2>1 end_journal>1 broke>4\n"
		"2: failing>2 want_worker>2 alive?1>2 state>2 end_worker>2 reloaded?2>2 end_journal>2 broke>4\n"
		"4: ready>4 failing>4 want_worker>4 state>4\n"
		"1: went reload!2>1 went are_you_there!1>1\n"
		"2: went reload!2>2 went are_you_there!1>2\n"},
	{&sequence_journal_to_cekd,
		"1: ready>2 failing>1 alive?1>1\n2: failing>2 alive?1>2 broke>2\n"
		"1: went are_you_there!1>1\n2: went are_you_there!1>2\n"},
	{&sequence_worker_to_cekd,
		"1: ready>2 failing>1 want_pin>1 login_over>1 broke>4\n"
		"2: failing>2 want_pin>2 login_over>2 broke>4\n4: failing>4\n"},
	{&sequence_checked_to_cekd, "1: failing>2 checked>2\n"},
	{&sequence_heir_to_cekd,
		"1: standing_by>2 failing>1\n2: failing>2\n3: failing>3 serving>4\n2: went failing>3\n"},
	{&sequence_cekd_to_heir, "2: go>3\n4: offer>1 inheritance>5\n5: inheritance>5\n1: went offer>2\n"},
};

struct text {
	char at[2048];
	size_t len;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text->len += (size_t)vsnprintf(text->at + text->len, sizeof(text->at) - text->len, format, args);
	va_end(args);
	assert_true(text->len < sizeof(text->at));
}

static void add_rule(struct text *text, const struct sequence_table *table, unsigned kind,
	const struct sequence_rule *rule, bool went)
{
	add(text, " %s%s%s%s", went ? "went " : "", sequence_kind_name(table, kind), rule->stale ? "~" : "",
		rule->fds == 2 ? "+" : "");
	if (rule->answers > 0)
		add(text, "?%u", rule->answers);
	if (rule->asks > 0)
		add(text, "!%u", rule->asks);
	if (rule->parts > 0)
		add(text, "*%u", rule->parts);
	add(text, ">%u", rule->next);
}

static void add_rules(struct text *text, const struct sequence_table *table, bool went)
{
	for (unsigned state = 0; state < SEQUENCE_STATES; state++) {
		const struct sequence_rule *rules = went ? table->went[state] : table->came[state];
		const size_t before = text->len;

		for (unsigned kind = 0; kind < SEQUENCE_KINDS; kind++) {
			if (rules[kind].next == 0)
				continue;
			if (text->len == before)
				add(text, "%u:", state);
			add_rule(text, table, kind, &rules[kind], went);
		}
		if (text->len > before)
			add(text, "\n");
	}
}

static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct text text = {.len = 0};

		add_rules(&text, all[i].table, false);
		add_rules(&text, all[i].table, true);
		assert_string_equal(text.at, all[i].rules);
	}
}

static struct sequence in_state(const struct sequence_table *table, unsigned state, uint16_t open)
{
	struct sequence sequence;

	sequence_init(&sequence, table, state);
	for (unsigned i = 0; i < SEQUENCE_QUESTIONS; i++)
		sequence.open[i] = open;
	return sequence;
}

static void assert_broken(struct sequence *sequence, unsigned kind, size_t n_fds, const char *because)
{
	char how[SEQUENCE_HOW_MAX] = "";

	assert_int_equal(sequence_take(sequence, kind, n_fds, how), SEQUENCE_BROKEN);
	assert_int_equal(sequence->state, 0);
	assert_non_null(strstr(how, because));
	assert_int_equal(sequence_take(sequence, kind, n_fds, how), SEQUENCE_BROKEN); /* nothing may follow */
}

static void check_row(const struct sequence_table *table, unsigned state, unsigned kind)
{
	const struct sequence_rule *rule = &table->came[state][kind];
	struct sequence sequence = in_state(table, state, 1);
	char how[SEQUENCE_HOW_MAX];

	if (rule->next == 0) {
		assert_broken(&sequence, kind, 0, table->states[state] ? table->states[state] : "broke the rules");
		return;
	}
	assert_int_equal(sequence_take(&sequence, kind, rule->fds, how), rule->stale ? SEQUENCE_STALE : SEQUENCE_FITS);
	assert_int_equal(sequence.state, rule->next);
	sequence = in_state(table, state, 1);
	assert_broken(&sequence, kind, rule->fds + 1u, "descriptors instead of");
	if (rule->answers == 0)
		return;
	sequence = in_state(table, state, 1);
	assert_int_equal(sequence_take(&sequence, kind, rule->fds, how), SEQUENCE_FITS);
	assert_broken(&sequence, kind, rule->fds, "for which it was not asked");
}

static void test_each_row_right_and_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (unsigned at = 0; at < SEQUENCE_STATES; at++) {
			for (unsigned kind = 0; kind < SEQUENCE_KINDS; kind++)
				check_row(all[i].table, at, kind);
		}
	}
}

static void test_kinds_beyond_the_table(void **state)
{
	struct sequence sequence = in_state(&sequence_worker_to_broker, CHILD_SERVES, 0);

	(void)state;
	assert_broken(&sequence, SEQUENCE_KINDS, 0, "sent \"a message that nobody knows\" while it serves");
	sequence = in_state(&sequence_worker_to_broker, CHILD_SERVES, 0);
	assert_broken(&sequence, UINT32_MAX, 0, "sent \"a message that nobody knows\" while it serves");
}

static void test_questions_are_counted(void **state)
{
	struct sequence sequence = in_state(&sequence_broker_to_cekd, CHILD_SERVES, 0);
	char how[SEQUENCE_HOW_MAX];

	(void)state;
	for (int i = 0; i < SEQUENCE_OPEN_MAX + 5; i++)
		sequence_sent(&sequence, CEK__INTERNAL__V1__CONTROL__WHAT_RELOAD);
	assert_int_equal(sequence.open[ASKED_RELOAD - 1], SEQUENCE_OPEN_MAX);
	assert_int_equal(sequence.open[ASKED_ALIVE - 1], 0);
	for (int i = 0; i < SEQUENCE_OPEN_MAX; i++)
		assert_int_equal(sequence_take(&sequence, CEK__INTERNAL__V1__CONTROL__WHAT_RELOADED, 0, how),
			SEQUENCE_FITS);
	assert_broken(&sequence, CEK__INTERNAL__V1__CONTROL__WHAT_RELOADED, 0, "for which it was not asked");
}

static void test_what_is_sent_moves_the_state(void **state)
{
	struct sequence sequence = in_state(&sequence_broker_to_journal, BROKER_APPENDS, 0);

	(void)state;
	sequence_sent(&sequence, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE);
	assert_int_equal(sequence.state, BROKER_APPENDS);
	sequence_sent(&sequence, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_int_equal(sequence.state, BROKER_ASKS);
}

static void test_what_cannot_be(void **state)
{
	struct sequence sequence = in_state(&sequence_worker_to_broker, CHILD_SERVES, 0);
	char how[SEQUENCE_HOW_MAX];

	(void)state;
	assert_int_equal(sequence_no_message(&sequence, how), SEQUENCE_BROKEN);
	assert_string_equal(how, "sent what is no message");
	assert_int_equal(sequence.state, 0);
	sequence = in_state(&sequence_worker_to_broker, CHILD_SERVES, 0);
	assert_int_equal(sequence_cannot_be(&sequence, "too much", how), SEQUENCE_BROKEN);
	assert_string_equal(how, "sent too much");
	assert_int_equal(sequence.state, 0);
}

static void test_pairs_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SEQUENCE_PAIRS; i++) {
		assert_true(strlen(sequence_pair_name(i)) > 0);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(sequence_pair_name(i), sequence_pair_name(k));
	}
	assert_string_equal(sequence_pair_name(SEQUENCE_PAIRS), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_each_row_right_and_broken),
		cmocka_unit_test(test_kinds_beyond_the_table),
		cmocka_unit_test(test_questions_are_counted),
		cmocka_unit_test(test_what_is_sent_moves_the_state),
		cmocka_unit_test(test_what_cannot_be),
		cmocka_unit_test(test_pairs_have_names),
	};

	return cmocka_run_group_tests_name("sequence", tests, NULL, NULL);
}
