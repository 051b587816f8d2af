/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/store_contract.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/journal/journal_records.h"
#include "tests/unit/journal/store_calls.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

static struct store *open_one(void **state)
{
	const struct store_maker *maker = *state;
	struct store *store = maker->open();

	assert_non_null(store);
	assert_true(store_state(store).ok);
	assert_string_equal(store_state(store).text, "ok");
	return store;
}

/* One record; must be taken. */
static void append(struct store *store, const char *key)
{
	KeyRecord record = journal_key_record("version", key), *records[] = {&record};
	struct store_call call = store_call_append(store, records, 1);

	assert_int_equal(call.outcome, STORE_DONE);
	assert_string_equal(call.why, "");
	assert_int_equal(record.seq, call.head.seq);
}

struct seen {
	unsigned n;
	int end_at; /* after so many, 0 = never */
	char keys[16][8];
	uint64_t seq[16];
	bool more[16];
	struct chain_head head;
};

static int see(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	struct seen *seen = userdata;

	assert_int_equal(record->seq, head->seq);
	seen->seq[seen->n] = record->seq;
	seen->more[seen->n] = record->more;
	snprintf(seen->keys[seen->n], sizeof(seen->keys[0]), "%s", record->key);
	seen->head = *head;
	seen->n++;
	return seen->end_at > 0 && (int)seen->n == seen->end_at ? -ECANCELED : 0;
}

static void see_others(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	(void)see(userdata, record, head);
}

static void check_head(const struct store *store, const struct chain_head *head)
{
	struct chain_head end = store_state(store).head;

	assert_int_equal(end.seq, head->seq);
	assert_string_equal(end.hash, head->hash);
}

static unsigned count(struct store *store)
{
	struct seen seen = {0};

	assert_int_equal(store_read_from(store, 1, see, &seen), 0);
	return seen.n;
}

void contract_empty(void **state)
{
	struct store *store = open_one(state);
	struct chain_head start = chain_start();

	check_head(store, &start);
	assert_false(store_state(store).refused);
	assert_true(strlen(store_state(store).identity) > 0);
	assert_int_equal(count(store), 0);
	store_turn(store); /* nothing is ready */
	store_look(store);
	store_retry(store);
	assert_true(store_state(store).ok);
	store_close(store);
}

/* Never from inside append; the records are not needed any more then. */
void contract_append_is_told_later(void **state)
{
	struct store *store = open_one(state);
	struct chain_head head = store_state(store).head;
	KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};
	char key[] = "a";
	struct store_call call = {0};
	struct seen seen = {0};

	record.key = key;
	assert_int_equal(store_append(store, records, 1, &head, store_call_done, &call), 0);
	assert_int_equal(call.n, 0);
	key[0] = 'X';
	memset(&record, 0xff, sizeof(record));
	store_call_wait(store, &call);
	assert_int_equal(call.outcome, STORE_DONE);
	assert_int_equal(call.head.seq, 1);
	check_head(store, &call.head);
	store_turn(store);
	assert_int_equal(call.n, 1);
	assert_int_equal(store_read_from(store, 1, see, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.keys[0], "a");
	assert_string_equal(seen.head.hash, call.head.hash);
	store_close(store);
}

void contract_records_are_read_in_order(void **state)
{
	struct store *store = open_one(state);
	KeyRecord first = journal_key_record("version", "a"), second = journal_key_record("state", "b");
	KeyRecord *records[] = {&first, &second};
	struct seen all = {0}, rest = {0}, none = {0}, one = {.end_at = 1};

	second.more = 1; /* the journal's own member, whatever the broker says */
	assert_int_equal(store_call_append(store, records, 2).outcome, STORE_DONE);
	assert_int_equal(first.seq, 1);
	assert_int_equal(second.seq, 2);
	append(store, "c");
	assert_int_equal(store_read_from(store, 1, see, &all), 0);
	assert_int_equal(all.n, 3);
	assert_string_equal(all.keys[0], "a");
	assert_string_equal(all.keys[1], "b");
	assert_string_equal(all.keys[2], "c");
	assert_true(all.more[0]);
	assert_false(all.more[1]);
	assert_false(all.more[2]);
	check_head(store, &all.head);
	assert_int_equal(store_read_from(store, 2, see, &rest), 0);
	assert_int_equal(rest.n, 2);
	assert_int_equal(rest.seq[0], 2);
	assert_int_equal(store_read_from(store, 4, see, &none), 0);
	assert_int_equal(none.n, 0);
	assert_int_equal(store_read_from(store, 1, see, &one), -ECANCELED); /* what see() returned */
	assert_int_equal(one.n, 1);
	assert_true(store_state(store).ok);
	store_close(store);
}

static void check_refused(struct store *store, KeyRecord bad, const char *why)
{
	KeyRecord good = journal_key_record("version", "a"), *records[] = {&good, &bad, &good};
	struct store_call call = store_call_append(store, records, 3);

	assert_int_equal(call.outcome, STORE_REFUSED);
	assert_string_equal(call.why, why);
	assert_true(store_state(store).ok);
	assert_int_equal(count(store), 0);
}

/* The second record of three cannot be written. */
void contract_all_or_none(void **state)
{
	struct store *store = open_one(state);
	char *reason = calloc(1, STORE_RECORD_MAX + 1);
	KeyRecord bad = journal_key_record("version", "\xff");
	struct store_call call = store_call_append(store, NULL, 0);

	assert_non_null(reason);
	assert_int_equal(call.outcome, STORE_REFUSED);
	assert_string_equal(call.why, "no records");
	check_refused(store, bad, "record 2 of 3 (version) holds a string that is not UTF-8");
	bad = journal_key_record("", "a");
	check_refused(store, bad, "record 2 of 3 () has no type, no time or a value without a name");
	bad = journal_key_record("version", "a");
	bad.time = 0;
	check_refused(store, bad, "record 2 of 3 (version) has no type, no time or a value without a name");
	memset(reason, 'x', STORE_RECORD_MAX);
	bad = journal_key_record("version", "a");
	bad.reason = reason;
	check_refused(store, bad, "record 2 of 3 (version) holds a number, a time or a text that is too large");
	free(reason);
	append(store, "a");
	assert_int_equal(store_state(store).head.seq, 1);
	store_close(store);
}

void contract_one_at_a_time(void **state)
{
	struct store *store = open_one(state);
	struct chain_head head = store_state(store).head;
	KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};
	struct store_call first = {0}, second = {0};

	assert_int_equal(store_append(store, records, 1, &head, store_call_done, &first), 0);
	assert_int_equal(store_append(store, records, 1, &head, store_call_done, &second), -EBUSY);
	assert_int_equal(store_sync(store, store_call_done, &second), -EBUSY);
	store_call_wait(store, &first);
	assert_int_equal(first.outcome, STORE_DONE);
	store_turn(store);
	assert_int_equal(first.n, 1);
	assert_int_equal(second.n, 0);
	assert_int_equal(count(store), 1);
	store_close(store);
}

struct chained {
	struct store *store;
	struct store_call first, second;
};

static void ask_again(void *userdata, const struct store_result *result)
{
	struct chained *chained = userdata;
	KeyRecord record = journal_key_record("version", "b"), *records[] = {&record};

	assert_int_equal(store_append(chained->store, records, 1, &result->head, store_call_done, &chained->second), 0);
	assert_int_equal(chained->second.n, 0);
	store_call_done(&chained->first, result);
}

void contract_done_may_ask_again(void **state)
{
	struct chained chained = {.store = open_one(state)};
	struct chain_head head = store_state(chained.store).head;
	KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};

	assert_int_equal(store_append(chained.store, records, 1, &head, ask_again, &chained), 0);
	store_call_wait(chained.store, &chained.first);
	assert_string_equal(chained.first.why, "");
	assert_int_equal(chained.first.head.seq, 1);
	store_call_wait(chained.store, &chained.second);
	assert_int_equal(chained.second.outcome, STORE_DONE);
	assert_int_equal(chained.second.head.seq, 2);
	store_close(chained.store);
}

static void check_conflict(struct store *store, const struct chain_head *expected)
{
	KeyRecord record = journal_key_record("version", "x"), *records[] = {&record};
	struct chain_head before = store_state(store).head;
	struct store_call call = {0};

	assert_int_equal(store_append(store, records, 1, expected, store_call_done, &call), 0);
	store_call_wait(store, &call);
	assert_int_equal(call.outcome, STORE_CONFLICT);
	assert_true(strlen(call.why) > 0);
	assert_int_equal(call.head.seq, before.seq);
	check_head(store, &before);
	assert_true(store_state(store).ok);
}

void contract_expected_head(void **state)
{
	struct store *store = open_one(state);
	struct chain_head first, other;

	append(store, "a");
	first = other = store_state(store).head;
	append(store, "b");
	check_conflict(store, &first);
	other.seq = 2; /* the right place, another line */
	check_conflict(store, &other);
	other.seq = 3;
	check_conflict(store, &other);
	assert_int_equal(count(store), 2);
	append(store, "c");
	assert_int_equal(count(store), 3);
	store_close(store);
}

void contract_holds(void **state)
{
	struct store *store = open_one(state);
	struct chain_head first, last;
	char why[STORE_WHY_MAX] = "";

	append(store, "a");
	first = store_state(store).head;
	append(store, "b");
	last = store_state(store).head;
	assert_int_equal(store_holds(store, &first, why), 0);
	assert_int_equal(store_holds(store, &last, why), 0);
	last.seq = 1;
	assert_int_equal(store_holds(store, &last, why), -ENOENT);
	assert_true(strlen(why) > 0);
	last.seq = 3;
	why[0] = 0;
	assert_int_equal(store_holds(store, &last, why), -ENOENT);
	assert_true(strlen(why) > 0);
	assert_true(store_state(store).ok);
	store_close(store);
}

void contract_sync_is_told_later(void **state)
{
	struct store *store = open_one(state);
	struct store_call call = {0};

	append(store, "a");
	assert_int_equal(store_sync(store, store_call_done, &call), 0);
	assert_int_equal(call.n, 0);
	store_call_wait(store, &call);
	assert_int_equal(call.outcome, STORE_DONE);
	check_head(store, &call.head);
	assert_int_equal(store_call_sync(store).head.seq, 1);
	store_close(store);
}

void contract_told_is_durable(void **state)
{
	struct store *store = open_one(state);
	char identity[STORE_IDENTITY_MAX];
	struct chain_head head;

	append(store, "a");
	append(store, "b");
	head = store_state(store).head;
	snprintf(identity, sizeof(identity), "%s", store_state(store).identity);
	store_close(store);
	store = open_one(state);
	check_head(store, &head);
	assert_string_equal(store_state(store).identity, identity);
	assert_int_equal(count(store), 2);
	append(store, "c");
	assert_int_equal(store_state(store).head.seq, 3);
	store_close(store);
}

/* What was under way is written or not; nobody is called for it. */
void contract_close_is_silent(void **state)
{
	struct store *store = open_one(state);
	struct chain_head head = store_state(store).head;
	KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};
	struct store_call call = {0};

	assert_int_equal(store_append(store, records, 1, &head, store_call_done, &call), 0);
	store_close(store);
	assert_int_equal(call.n, 0);
	store = open_one(state);
	assert_true(count(store) <= 1);
	store_turn(store);
	assert_int_equal(call.n, 0);
	store_close(store);
}

void contract_others(void **state)
{
	const struct store_maker *maker = *state;
	struct store *store = open_one(state), *other = maker->open_other ? maker->open_other() : NULL;
	struct seen seen = {0}, theirs = {0};
	struct chain_head stale;

	store_subscribe(store, see_others, &seen);
	append(store, "a");
	if (!other) { /* nobody else can write: its own are not told */
		store_turn(store);
		assert_int_equal(seen.n, 0);
		store_close(store);
		return;
	}
	store_subscribe(other, see_others, &theirs);
	stale = store_state(store).head;
	append(other, "b");
	append(other, "c");
	assert_int_equal(seen.n, 0);
	while (seen.n < 2)
		store_call_turn(store);
	assert_string_equal(seen.keys[0], "b");
	assert_string_equal(seen.keys[1], "c");
	check_head(store, &seen.head);
	check_conflict(store, &stale);
	append(store, "d");
	while (theirs.n < 1)
		store_call_turn(other);
	assert_string_equal(theirs.keys[0], "d");
	assert_int_equal(seen.n, 2);
	assert_int_equal(theirs.n, 1);
	store_subscribe(store, NULL, NULL);
	append(other, "e");
	store_turn(store);
	assert_int_equal(seen.n, 2);
	store_close(other);
	store_close(store);
}
