/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to the journal alone: the other end of its pair is in the test's hand, and what the link tells is counted.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/broker/journal/audit.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/journal/watch.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__ToJournal ToJournal;

struct test {
	struct turn turn;
	struct ring ring;
	struct audit audit;
	struct journal journal;
	int far;
	unsigned replayed, mute, changed, failed, hung;
	unsigned broke;
	int32_t hung_pid;
	char how[128];
	bool deaf; /* cekd takes no message */
	char why[200];
};

static void on_replayed(void *owner, const Cek__Internal__V1__ReplayBatch *last)
{
	((struct test *)owner)->replayed++;
}

static void on_mute(void *owner)
{
	((struct test *)owner)->mute++;
}

static void on_changed(void *owner)
{
	((struct test *)owner)->changed++;
}

static bool on_end(void *owner, int32_t pid, const char *how, bool broke)
{
	struct test *test = owner;

	test->hung += !broke;
	test->broke += broke;
	test->hung_pid = pid;
	snprintf(test->how, sizeof(test->how), "%s", how);
	return !test->deaf;
}

static void on_failed(void *owner, const char *why)
{
	struct test *test = owner;

	test->failed++;
	snprintf(test->why, sizeof(test->why), "%s", why);
	test->turn.stop = true;
}

static const struct journal_events events = {
	.replayed = on_replayed,
	.mute = on_mute,
	.changed = on_changed,
	.end = on_end,
	.failed = on_failed,
};

static int setup(void **state)
{
	struct test *test = calloc(1, sizeof(*test));
	int pair[2];

	if (!test || turn_init(&test->turn) < 0 || dgram_pair(pair) < 0 ||
		audit_init(&test->audit, &test->turn.pulse, "test", false) < 0)
		return -1;
	ring_init(&test->ring);
	test->far = pair[0];
	*state = test;
	return journal_init(&test->journal, &test->turn, &test->ring, &test->audit, pair[1], &events, test);
}

static int teardown(void **state)
{
	struct test *test = *state;

	journal_deinit(&test->journal);
	audit_deinit(&test->audit);
	ring_deinit(&test->ring);
	turn_deinit(&test->turn);
	if (test->far >= 0)
		close(test->far);
	free(test);
	return 0;
}

static void turn(struct test *test)
{
	turn_handle(&test->turn, false);
	journal_flush(&test->journal);
}

/* What the link has sent; freed by the caller. NULL: nothing. */
static ToJournal *take(struct test *test)
{
	static uint8_t data[DGRAM_MAX];
	ssize_t len = recv(test->far, data, sizeof(data), MSG_DONTWAIT);
	ToJournal *message = len > 0 ? cek__internal__v1__to_journal__unpack(NULL, (size_t)len, data) : NULL;

	assert_true(len <= 0 || message);
	return message;
}

static void say(struct test *test, const FromJournal *message)
{
	assert_int_equal(dgram_send(test->far, &message->base, NULL, 0), 0);
	turn(test);
}

/* Answer the question for all records with these, in two datagrams: the first holds so many of them. */
static void replay_in_two(struct test *test, KeyRecord *const *records, size_t n, size_t first)
{
	Cek__Internal__V1__ReplayBatch batch = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	ToJournal *question = take(test);

	assert_non_null(question);
	batch.id = question->replay->id;
	cek__internal__v1__to_journal__free_unpacked(question, NULL);
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY;
	message.replay = &batch;
	batch.record = (KeyRecord **)records;
	batch.n_record = first;
	say(test, &message);
	batch.record += first;
	batch.n_record = n - first;
	batch.end = true;
	say(test, &message);
}

/* Answer the question for all records with these. */
static void replay(struct test *test, KeyRecord *const *records, size_t n)
{
	Cek__Internal__V1__ReplayBatch batch = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	ToJournal *question = take(test);

	assert_non_null(question);
	assert_int_equal(question->what_case, CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY);
	batch.id = question->replay->id;
	batch.record = (KeyRecord **)records;
	batch.n_record = n;
	batch.end = true;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY;
	message.replay = &batch;
	cek__internal__v1__to_journal__free_unpacked(question, NULL);
	say(test, &message);
}

static void say_appended(struct test *test, uint64_t id, bool ok, uint64_t last_seq)
{
	Cek__Internal__V1__Appended appended = CEK__INTERNAL__V1__APPENDED__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;

	appended.id = id;
	appended.ok = ok;
	appended.last_seq = last_seq;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED;
	message.appended = &appended;
	say(test, &message);
}

static void say_state(struct test *test, bool ok, uint64_t keys_seq)
{
	Cek__Internal__V1__JournalState journal_state = CEK__INTERNAL__V1__JOURNAL_STATE__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;

	journal_state.ok = ok;
	journal_state.keys_seq = keys_seq;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE;
	message.state = &journal_state;
	say(test, &message);
}

static KeyRecord record(const char *type, uint64_t seq)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	record.type = (char *)type;
	record.seq = seq;
	return record;
}

static unsigned done_ok, done_not;

static void on_done(struct append *append, bool ok)
{
	*(ok ? &done_ok : &done_not) += 1;
}

static void test_the_ring_is_folded_from_the_replay(void **state)
{
	struct test *test = *state;
	KeyRecord open = record("open", 1), rules = record("rules", 2), *records[] = {&open, &rules};

	assert_false(journal_serving(&test->journal));
	replay(test, records, 2);
	assert_int_equal(test->replayed, 1);
	assert_int_equal(test->changed, 1);
	assert_int_equal(test->failed, 0);
	assert_true(journal_serving(&test->journal));
	assert_int_equal(test->ring.last_seq, 2);
	assert_int_equal(test->ring.epoch, 2);
	assert_true(test->ring.live);
}

/* A journal that stands by tells what there is, and the rest when it has taken over: what was half written comes twice.
 */
static void test_a_journal_that_stands_by(void **state)
{
	struct test *test = *state;
	Cek__Internal__V1__ReplayBatch batch = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	KeyRecord open = record("open", 1), rules = record("rules", 2), more = record("rules", 3);
	KeyRecord *first[] = {&open, &rules}, *rest[] = {&rules, &more};
	ToJournal *question = take(test);

	assert_non_null(question);
	batch.id = question->replay->id;
	cek__internal__v1__to_journal__free_unpacked(question, NULL);
	batch.record = first;
	batch.n_record = 2;
	batch.so_far = true;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY;
	message.replay = &batch;
	say(test, &message);
	assert_true(test->journal.standing_by);
	assert_int_equal(test->replayed, 0);
	assert_false(journal_serving(&test->journal));
	batch.record = rest;
	batch.so_far = false;
	batch.end = true;
	say(test, &message);
	assert_int_equal(test->failed, 0);
	assert_int_equal(test->replayed, 1);
	assert_false(test->journal.standing_by);
	assert_true(journal_serving(&test->journal));
	assert_int_equal(test->ring.last_seq, 3);
}

/* So many periods of the pulse go by. */
static void beat(struct test *test, unsigned periods)
{
	for (unsigned i = 0; i < periods; i++) {
		pulse_beat(&test->turn.pulse, test->turn.pulse.looked_us + test->turn.pulse.period_us);
		watch_judge(&test->journal);
	}
}

static void say_pid(struct test *test, bool ok, int32_t pid)
{
	Cek__Internal__V1__JournalState state = CEK__INTERNAL__V1__JOURNAL_STATE__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;

	state.ok = ok;
	state.pid = pid;
	state.keys_seq = test->ring.last_seq;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE;
	message.state = &state;
	say(test, &message);
}

/* One that owes an answer and gives none is told from one that has nothing to say; each is told of once. */
static void test_a_journal_that_does_not_answer(void **state)
{
	struct test *test = *state;
	struct append append = {.done = on_done};
	KeyRecord open = record("open", 1), rules = record("rules", 0), *records[] = {&open};

	pulse_init(&test->turn.pulse, 8, 0);
	replay(test, records, 1);
	test->journal.pid = 7;
	beat(test, 100);
	assert_int_equal(test->hung, 0);
	assert_int_equal(journal_append(&test->journal, &append, &(KeyRecord *){&rules}, 1), 0);
	turn(test);
	beat(test, 1);
	assert_int_equal(test->journal.late.since_us, 0);
	beat(test, 1);
	assert_int_not_equal(test->journal.late.since_us, 0);
	beat(test, 5);
	assert_int_equal(test->hung, 0);
	test->deaf = true;
	beat(test, 2);
	assert_int_equal(test->hung, 2); /* cekd could not be told */
	test->deaf = false;
	beat(test, 20);
	assert_int_equal(test->hung, 3);
	assert_int_equal(test->hung_pid, 7);
	say_appended(test, append.id, true, 2);
	beat(test, 20);
	assert_int_equal(test->journal.late.since_us, 0);
	assert_int_equal(test->hung, 3);
}

/* Its successor is given the time anew, for audit records and for the key journal; and so is one that cannot write. */
static void test_a_new_journal_has_its_own_time(void **state)
{
	struct test *test = *state;
	AuditRecord line = CEK__INTERNAL__V1__AUDIT_RECORD__INIT;
	KeyRecord open = record("open", 1), *records[] = {&open};

	pulse_init(&test->turn.pulse, 8, 0);
	replay(test, records, 1);
	say_pid(test, true, 7);
	replay(test, records, 1);
	assert_int_equal(audit_add(&test->audit, &line), 1);
	turn(test);
	beat(test, 8);
	assert_int_equal(test->hung, 1);
	assert_int_equal(test->hung_pid, 7);
	say_pid(test, true, 8);
	beat(test, 7);
	assert_int_equal(test->hung, 1);
	beat(test, 1);
	assert_int_equal(test->hung, 2);
	assert_int_equal(test->hung_pid, 8);
	say_pid(test, false, 9);
	beat(test, 100);
	assert_int_equal(test->hung, 2);
	assert_int_equal(test->journal.late.since_us, 0);
}

static void test_records_that_contradict_the_ring(void **state)
{
	struct test *test = *state;
	KeyRecord second = record("open", 2), *records[] = {&second};

	replay(test, records, 1);
	assert_int_equal(test->failed, 1);
	assert_non_null(strstr(test->why, "out of order"));
	assert_int_equal(test->replayed, 0);
	assert_false(journal_serving(&test->journal));
}

/* One batch after the other; each is applied once it is durable. */
static void test_appends(void **state)
{
	struct test *test = *state;
	struct append first = {.done = on_done}, second = {.done = on_done};
	KeyRecord rules = record("rules", 0), *records[] = {&rules};
	ToJournal *message;

	done_ok = done_not = 0;
	assert_int_equal(journal_append(&test->journal, &first, records, 1), -ENETDOWN);
	replay(test, NULL, 0);
	assert_int_equal(journal_append(&test->journal, &first, records, 1), 0);
	assert_int_equal(journal_append(&test->journal, &second, records, 1), 0);
	turn(test);
	message = take(test);
	assert_non_null(message);
	assert_int_equal(message->append_key->id, first.id);
	cek__internal__v1__to_journal__free_unpacked(message, NULL);
	assert_null(take(test));
	assert_int_equal(test->ring.epoch, 0);
	say_appended(test, first.id, true, 1);
	assert_int_equal(done_ok, 1);
	assert_int_equal(test->ring.epoch, 1);
	assert_int_equal(test->changed, 2);
	message = take(test);
	assert_non_null(message);
	assert_int_equal(message->append_key->id, second.id);
	cek__internal__v1__to_journal__free_unpacked(message, NULL);
	say_appended(test, second.id, false, 1);
	assert_int_equal(done_not, 1);
	assert_int_equal(test->ring.epoch, 1);
	assert_int_equal(test->journal.n_appends, 0);
}

/* Two records are on their way, and the journal starts anew. What was sent; freed by the caller. */
static ToJournal *lose_the_journal(struct test *test, struct append *append)
{
	KeyRecord rules = record("rules", 0), open = record("open", 0), *records[] = {&rules, &open};
	ToJournal *message;

	done_ok = done_not = 0;
	append->done = on_done;
	replay(test, NULL, 0);
	assert_int_equal(journal_append(&test->journal, append, records, 2), 0);
	turn(test);
	message = take(test);
	assert_non_null(message);
	assert_int_equal(message->append_key->n_record, 2);
	for (size_t i = 0; i < 2; i++)
		message->append_key->record[i]->seq = i + 1;
	message->append_key->record[0]->more = true;
	say_state(test, true, 2);
	return message;
}

/* Died with the append under way: the records of the next one say whether it was written. */
static void test_a_journal_that_starts_again(void **state)
{
	struct test *test = *state;
	struct append append = {0};
	ToJournal *sent = lose_the_journal(test, &append);

	replay(test, sent->append_key->record, 2);
	assert_int_equal(test->failed, 0);
	assert_int_equal(done_ok, 1);
	assert_int_equal(test->ring.last_seq, 2);
	assert_int_equal(test->replayed, 1); /* not once more */
	cek__internal__v1__to_journal__free_unpacked(sent, NULL);
}

/* They are compared up to the end, however they come. */
static void test_a_journal_that_starts_again_and_tells_it_in_parts(void **state)
{
	struct test *test = *state;
	struct append append = {0};
	ToJournal *sent = lose_the_journal(test, &append);

	replay_in_two(test, sent->append_key->record, 2, 1);
	assert_int_equal(test->failed, 0);
	assert_int_equal(done_ok, 1);
	assert_int_equal(test->ring.last_seq, 2);
	cek__internal__v1__to_journal__free_unpacked(sent, NULL);
}

/* The same once more, behind the same line: a journal that has it after all refuses it. */
static void test_what_was_not_written_is_sent_again(void **state)
{
	struct test *test = *state;
	struct append append = {0};
	ToJournal *sent = lose_the_journal(test, &append), *again;

	replay(test, NULL, 0);
	assert_int_equal(done_ok + done_not, 0);
	again = take(test);
	assert_non_null(again);
	assert_int_equal(again->append_key->id, append.id);
	cek__internal__v1__to_journal__free_unpacked(again, NULL);
	cek__internal__v1__to_journal__free_unpacked(sent, NULL);
	say_appended(test, append.id, true, 2);
	assert_int_equal(done_ok, 1);
}

/* As many records as were sent, but not these; or a part of them: nobody may take them for one's own. */
static void test_records_of_others_are_not_taken_for_ones_own(void **state)
{
	struct test *test = *state;
	static struct append append; /* the end of the link comes after that of this function */
	ToJournal *sent = lose_the_journal(test, &append);

	sent->append_key->record[1]->reserved++;
	replay(test, sent->append_key->record, 2);
	assert_int_equal(test->failed, 1);
	assert_non_null(strstr(test->why, "did not write"));
	assert_int_equal(done_ok, 0);
	cek__internal__v1__to_journal__free_unpacked(sent, NULL);
}

static void test_a_part_of_an_append(void **state)
{
	struct test *test = *state;
	static struct append append; /* the end of the link comes after that of this function */
	ToJournal *sent = lose_the_journal(test, &append);

	replay(test, sent->append_key->record, 1);
	assert_int_equal(test->failed, 1);
	assert_non_null(strstr(test->why, "a part"));
	assert_int_equal(done_ok, 0);
	cek__internal__v1__to_journal__free_unpacked(sent, NULL);
}

static void test_a_journal_that_does_not_write(void **state)
{
	struct test *test = *state;

	replay(test, NULL, 0);
	say_state(test, false, 0);
	assert_int_equal(test->mute, 1);
	assert_false(journal_serving(&test->journal));
	say_state(test, true, 0);
	assert_true(journal_serving(&test->journal));
	assert_int_equal(test->mute, 1);
}

static void test_fewer_records_than_before(void **state)
{
	struct test *test = *state;
	KeyRecord open = record("open", 1), *records[] = {&open};

	replay(test, records, 1);
	say_state(test, true, 0);
	assert_int_equal(test->failed, 1);
}

static void test_the_pair_is_closed(void **state)
{
	struct test *test = *state;

	close(test->far);
	test->far = -1;
	turn(test);
	assert_true(test->failed > 0);
}

static void say_audit_done(struct test *test, const char *instance, uint64_t written, uint64_t durable)
{
	Cek__Internal__V1__AuditDone done = CEK__INTERNAL__V1__AUDIT_DONE__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;

	done.instance = (char *)instance;
	done.written = written;
	done.durable = durable;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE;
	message.audit_done = &done;
	say(test, &message);
}

static void say_replay(struct test *test, uint64_t id)
{
	Cek__Internal__V1__ReplayBatch batch = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;

	batch.id = id;
	batch.end = true;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY;
	message.replay = &batch;
	say(test, &message);
}

/* Meant for the broker before this one: nobody's fault, until the first answer to a question of this one. */
static void test_answers_to_another_broker(void **state)
{
	struct test *test = *state;

	say_appended(test, 5, true, 1);
	say_replay(test, 6);
	say_audit_done(test, "other", 9, 9);
	assert_int_equal(test->broke, 0);
	assert_int_equal(test->replayed, 0);
	replay(test, NULL, 0);
	assert_int_equal(test->replayed, 1);
	say_audit_done(test, "other", 9, 9); /* audit records pass by */
	assert_int_equal(test->broke, 0);
	say_appended(test, 5, true, 1);
	assert_int_equal(test->broke, 1);
	assert_string_equal(test->how, "sent \"appended of another append\" while it serves");
}

static void test_a_replay_that_nobody_asked_for(void **state)
{
	struct test *test = *state;

	replay(test, NULL, 0);
	say_replay(test, test->journal.last_question + 1);
	assert_int_equal(test->broke, 1);
	assert_string_equal(test->how, "sent \"replay of another question\" while it serves");
}

static void test_a_replay_that_comes_twice(void **state)
{
	struct test *test = *state;

	replay(test, NULL, 0);
	say_replay(test, test->journal.last_question);
	assert_int_equal(test->broke, 1);
	assert_int_equal(test->replayed, 1);
}

/* No reply leaves because of it. */
static void test_an_acknowledgement_of_what_was_not_sent(void **state)
{
	struct test *test = *state;
	AuditRecord audit = CEK__INTERNAL__V1__AUDIT_RECORD__INIT;

	replay(test, NULL, 0);
	test->audit.durable = true;
	assert_int_equal(audit_add(&test->audit, &audit), 1);
	turn(test);
	say_audit_done(test, "test", 1, 1);
	assert_int_equal(test->broke, 0);
	assert_true(audit_releases(&test->audit, 1));
	for (int i = 0; i < 2; i++) {
		say_audit_done(test, "test", 2 - (uint64_t)i, 1 + (uint64_t)i);
		assert_int_equal(test->broke, 1); /* the second is not looked at any more */
		assert_string_equal(test->how, "sent an acknowledgement of audit records before they came");
		assert_false(audit_releases(&test->audit, 2));
	}
}

/* It is told to cekd until that hears it, and nothing counts but the state of the next one, which is asked again. */
static void test_a_journal_that_breaks_the_rules(void **state)
{
	struct test *test = *state;
	struct append append = {0};
	ToJournal *sent = lose_the_journal(test, &append);

	replay(test, NULL, 0);
	cek__internal__v1__to_journal__free_unpacked(sent, NULL);
	sent = take(test);
	assert_int_equal(sent->what_case, CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY);
	test->deaf = true;
	say_appended(test, append.id + 1, true, 2);
	assert_int_equal(test->broke, 1);
	watch_judge(&test->journal);
	assert_int_equal(test->broke, 2);
	test->deaf = false;
	watch_judge(&test->journal);
	watch_judge(&test->journal);
	assert_int_equal(test->broke, 3);
	say_appended(test, append.id, true, 2);
	assert_int_equal(send(test->far, "\xff", 1, 0), 1);
	assert_int_equal(send(test->far, "\x4a\x00", 2, 0), 2); /* of a kind that there is not */
	turn(test);
	assert_int_equal(test->broke, 3);
	assert_int_equal(done_ok + done_not, 0);
	for (size_t i = 0; i < 2; i++)
		sent->append_key->record[i]->seq = i + 1;
	say_state(test, true, 2);
	replay(test, sent->append_key->record, 2);
	assert_int_equal(done_ok, 1);
	assert_int_equal(test->failed, 0);
	cek__internal__v1__to_journal__free_unpacked(sent, NULL);
}

static void test_what_is_no_message(void **state)
{
	struct test *test = *state;

	assert_int_equal(send(test->far, "\xff", 1, 0), 1);
	turn(test);
	assert_int_equal(test->broke, 1);
	assert_string_equal(test->how, "sent what is no message");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_ring_is_folded_from_the_replay),
		TEST(test_a_journal_that_stands_by),
		TEST(test_a_journal_that_does_not_answer),
		TEST(test_a_new_journal_has_its_own_time),
		TEST(test_records_that_contradict_the_ring),
		TEST(test_appends),
		TEST(test_a_journal_that_starts_again),
		TEST(test_a_journal_that_starts_again_and_tells_it_in_parts),
		TEST(test_what_was_not_written_is_sent_again),
		TEST(test_records_of_others_are_not_taken_for_ones_own),
		TEST(test_a_part_of_an_append),
		TEST(test_a_journal_that_does_not_write),
		TEST(test_fewer_records_than_before),
		TEST(test_the_pair_is_closed),
		TEST(test_answers_to_another_broker),
		TEST(test_a_replay_that_nobody_asked_for),
		TEST(test_a_replay_that_comes_twice),
		TEST(test_an_acknowledgement_of_what_was_not_sent),
		TEST(test_a_journal_that_breaks_the_rules),
		TEST(test_what_is_no_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
