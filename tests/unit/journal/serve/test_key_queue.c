/* SPDX-License-Identifier: Apache-2.0 */
/* On a store that completes appends later (store_memory.h), without anything that reads the pair. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/journal/serve/key_queue.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"
#include "tests/unit/journal/journal_records.h"
#include "tests/unit/journal/serve/broker_end.h"
#include "tests/unit/journal/store_calls.h"
#include "tests/unit/journal/store_memory.h"

typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__ToJournal ToJournal;
typedef Cek__Internal__V1__KeyRecord KeyRecord;

static struct memory_journal journal;
static struct store *store;
static struct control control = {.fd = -1}; /* nobody */
static struct pair pair;
static struct evidence evidence;
static struct report report;
static struct arena arena;
static struct key_queue queue;
static int broker; /* the other end of the pair */

/* An audit journal of which nothing but its state is asked. */
static struct audit_state well(const struct audit *audit)
{
	(void)audit;
	return (struct audit_state){.text = "ok", .ok = true};
}

static const struct audit_ops audit_ops = {.state = well};
static struct audit audit = {.ops = &audit_ops};

static int setup(void **state)
{
	int fds[2];

	(void)state;
	if (dgram_pair(fds) < 0 || arena_init(&arena, 2 << 20) < 0)
		return -1;
	broker = fds[1];
	pair = (struct pair){.fd = fds[0], .control = &control};
	if (pair_init(&pair) < 0)
		return -1;
	journal = (struct memory_journal){.head = chain_start()};
	store = store_memory_open(&journal);
	evidence = (struct evidence){0};
	report = (struct report){.pair = &pair, .store = store, .audit = &audit, .sandbox = "none"};
	queue = (struct key_queue){
		.pair = &pair,
		.store = store,
		.evidence = &evidence,
		.report = &report,
		.arena = &arena,
	};
	key_queue_init(&queue);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	key_queue_deinit(&queue);
	store_close(store);
	text_deinit(&journal.text);
	pair_deinit(&pair);
	arena_deinit(&arena);
	close(pair.fd);
	close(broker);
	return 0;
}

/* What the broker has sent. */
static int take(void)
{
	ssize_t len = pair_receive(&pair);
	ToJournal *message;

	assert_true(len > 0);
	arena_reset(&arena);
	message = cek__internal__v1__to_journal__unpack(arena_allocator(&arena), (size_t)len, pair.buffer);
	assert_non_null(message);
	return key_queue_take(&queue, message, pair.buffer, (size_t)len);
}

static int take_append(uint64_t id, const char *type, const char *key, const char *head)
{
	broker_send_append(broker, id, type, key, head);
	return take();
}

static int take_replay(uint64_t id)
{
	broker_send_replay(broker, id);
	return take();
}

static int setup_read(void **state)
{
	int r = setup(state);

	if (r == 0 && take_replay(0) == 0)
		broker_done(broker_receive(broker));
	return r;
}

/* The journal has this line there. */
static void check_line(uint64_t seq, const char *hash)
{
	struct chain_head line = {.seq = seq};
	char why[STORE_WHY_MAX];

	assert_int_equal(strlen(hash), CHAIN_HEX);
	memcpy(line.hash, hash, sizeof(line.hash));
	assert_int_equal(store_holds(store, &line, why), 0);
}

/* seq 0: it was refused, and why begins so. */
static void check_appended(uint64_t id, uint64_t seq, const char *why)
{
	FromJournal *message = broker_receive(broker);

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_int_equal(message->appended->id, id);
	assert_int_equal(message->appended->ok, seq > 0);
	assert_int_equal(message->appended->last_seq, seq);
	if (seq > 0)
		check_line(seq, message->appended->hash);
	if (strncmp(message->appended->why, why, strlen(why)) != 0 || (seq > 0 && message->appended->why[0]))
		fail_msg("\"%s\", not \"%s\"", message->appended->why, why);
	broker_done(message);
}

/* All records in one datagram, of these keys, each one letter. */
static void check_replay(uint64_t id, const char *keys)
{
	FromJournal *message = broker_receive(broker);

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
	assert_int_equal(message->replay->id, id);
	assert_true(message->replay->end);
	assert_string_equal(message->replay->file, "memory");
	check_line(strlen(keys), message->replay->hash);
	assert_int_equal(message->replay->n_record, strlen(keys));
	for (size_t i = 0; i < strlen(keys); i++)
		assert_int_equal(message->replay->record[i]->key[0], keys[i]);
	broker_done(message);
}

static void let_go(void)
{
	store_memory_hold(store, false);
	while (queue.busy) {
		assert_true(store_wait(store).fd >= 0);
		assert_int_equal(key_queue_turn(&queue), 0);
	}
}

/* What comes after an append that is under way is done after it, in order. */
static void test_order(void **state)
{
	(void)state;
	store_memory_hold(store, true);
	assert_int_equal(take_append(1, "version", "a", ""), 0);
	assert_int_equal(take_append(2, "version", "b", ""), 0);
	assert_int_equal(take_replay(3), 0);
	assert_int_equal(take_append(4, "version", "c", ""), 0);
	assert_int_equal(key_queue_turn(&queue), 0);
	broker_check_nothing(broker);
	assert_int_equal(queue.n, 3);
	let_go();
	check_appended(1, 1, "");
	check_appended(2, 2, "");
	check_replay(3, "ab");
	check_appended(4, 3, "");
	broker_check_nothing(broker);
	assert_int_equal(queue.n, 0);
}

/* Of a failed append nothing is left, and those behind it are none the worse for it. */
static void test_a_failed_append_is_dropped(void **state)
{
	(void)state;
	store_memory_hold(store, true);
	store_memory_next(store, STORE_FAILED, false);
	assert_int_equal(take_append(1, "version", "a", ""), 0);
	assert_int_equal(take_append(2, "version", "\xff", ""), 0);
	assert_int_equal(take_append(3, "version", "c", ""), 0);
	assert_int_equal(take_replay(4), 0);
	let_go();
	check_appended(1, 0, "the server is away");
	check_appended(2, 0, "record 1 of 1 (version) holds a string that is not UTF-8");
	check_appended(3, 1, "");
	check_replay(4, "c");
	broker_check_nothing(broker);
}

/* Neither yes nor no would be true: the broker compares with what the next journal reads. */
static void test_unknown_is_no_answer(void **state)
{
	(void)state;
	store_memory_hold(store, true);
	store_memory_next(store, STORE_UNKNOWN, true);
	assert_int_equal(take_append(1, "version", "a", ""), 0);
	assert_int_equal(take_replay(2), 0);
	store_memory_hold(store, false);
	assert_int_equal(key_queue_turn(&queue), -EREMOTEIO);
	assert_int_equal(key_queue_turn(&queue), -EREMOTEIO);
	broker_check_nothing(broker);
	assert_int_equal(queue.n, 1);
}

/* The broker does not know their records, so nothing of its own may follow them, until it has read them. */
static void test_others(void **state)
{
	struct store *other = store_memory_open(&journal);
	KeyRecord record = journal_key_record("version", "x"), *records[] = {&record};

	(void)state;
	assert_int_equal(take_append(1, "version", "a", ""), 0);
	check_appended(1, 1, "");
	assert_int_equal(store_call_append(other, records, 1).outcome, STORE_DONE);
	assert_int_equal(key_queue_turn(&queue), 0);
	assert_true(queue.behind);
	broker_check_nothing(broker);
	assert_int_equal(take_append(2, "version", "b", ""), 0);
	check_appended(2, 0, "the journal ends with seq 2");
	assert_int_equal(take_append(3, "version", "b", ""), 0); /* having been told so is not having read them */
	check_appended(3, 0, "the journal ends with seq 2");
	assert_int_equal(take_replay(4), 0);
	check_replay(4, "ax");
	assert_false(queue.behind);
	assert_int_equal(take_append(5, "version", "b", ""), 0);
	check_appended(5, 3, "");
	store_close(other);
}

/* Nothing speaks against the journal any more once that is durable, and not before. */
static void test_restored(void **state)
{
	(void)state;
	evidence.outlived = true;
	store_memory_next(store, STORE_FAILED, false);
	assert_int_equal(take_append(1, "restored", "", ""), 0);
	check_appended(1, 0, "the server is away");
	assert_true(evidence.outlived);
	store_memory_hold(store, true);
	assert_int_equal(take_append(2, "restored", "", ""), 0);
	assert_true(evidence.outlived);
	let_go();
	check_appended(2, 1, "");
	assert_false(evidence.outlived);
	evidence.outlived = true;
	assert_int_equal(take_append(3, "version", "a", ""), 0);
	check_appended(3, 2, "");
	assert_true(evidence.outlived);
}

static void test_a_line_that_must_be_there(void **state)
{
	char head[128];

	(void)state;
	assert_int_equal(take_append(1, "version", "a", ""), 0);
	check_appended(1, 1, "");
	snprintf(head, sizeof(head), "1:%s", store_state(store).head.hash);
	assert_int_equal(take_append(2, "version", "b", head), 0);
	check_appended(2, 2, "");
	assert_int_equal(take_append(3, "version", "c", head), 0); /* it need not be the last one */
	check_appended(3, 3, "");
	head[0] = '2';
	assert_int_equal(take_append(4, "version", "d", head), 0);
	check_appended(4, 0, "head: no such line");
	assert_int_equal(take_append(5, "version", "d", "0:0"), 0);
	check_appended(5, 0, "head: not SEQ:HASH");
	assert_int_equal(store_state(store).head.seq, 3);
}

/* A journal that has started meanwhile does not know how much of the chain the broker knows. */
static void test_nothing_is_appended_unread(void **state)
{
	struct store *other = store_memory_open(&journal);
	KeyRecord record = journal_key_record("version", "x"), *records[] = {&record};

	(void)state;
	assert_int_equal(store_call_append(other, records, 1).outcome, STORE_DONE);
	assert_int_equal(take_append(1, "version", "a", ""), 0);
	broker_check_nothing(broker);
	assert_false(queue.busy);
	assert_false(queue.behind);
	assert_int_equal(take_replay(2), 0);
	check_replay(2, "x");
	/* Told by the subscription after it was read: nothing new. */
	assert_int_equal(key_queue_turn(&queue), 0);
	assert_false(queue.behind);
	assert_int_equal(take_append(3, "version", "a", ""), 0);
	check_appended(3, 2, "");
	store_close(other);
}

static void test_full(void **state)
{
	(void)state;
	store_memory_hold(store, true);
	for (uint64_t id = 0; id <= KEY_QUEUE_MAX; id++) {
		assert_false(key_queue_full(&queue));
		assert_int_equal(take_append(id, "version", "a", ""), 0);
	}
	assert_true(key_queue_full(&queue));
	let_go();
	assert_false(key_queue_full(&queue));
	for (uint64_t id = 0; id <= KEY_QUEUE_MAX; id++)
		check_appended(id, id + 1, "");
}

static void on_alarm(int signal)
{
	(void)signal;
	store_memory_hold(store, false);
}

/* The end waits until the store has answered, which nothing but time brings about here. */
static void test_finish_waits(void **state)
{
	const struct itimerval soon = {.it_value = {.tv_usec = 50000}};

	(void)state;
	signal(SIGALRM, on_alarm);
	store_memory_hold(store, true);
	assert_int_equal(take_append(1, "version", "a", ""), 0);
	assert_int_equal(take_append(2, "version", "b", ""), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(key_queue_finish(&queue), 0);
	check_appended(1, 1, "");
	check_appended(2, 2, "");
	broker_check_nothing(broker);
	assert_false(queue.busy);
}

/* Who reads a long journal says once a second that it is there. */
static void test_busy(void **state)
{
	FromJournal *message;

	(void)state;
	for (int i = 0; i < 3; i++)
		store->busy(store->busy_userdata);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_BUSY);
	broker_done(message);
	broker_check_nothing(broker);
	queue.busy_due = 0;
	store->busy(store->busy_userdata);
	broker_done(broker_receive(broker));
}

/* What cekd has been told of the broker; NULL: nothing. */
static Cek__Internal__V1__Control *told(int fd)
{
	static uint8_t data[1024];
	const ssize_t len = dgram_recv(fd, MSG_DONTWAIT, data, sizeof(data), NULL, 0, NULL);

	return len > 0 ? cek__internal__v1__control__unpack(NULL, (size_t)len, data) : NULL;
}

static int take_lawful(uint64_t id)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	Cek__Internal__V1__AppendKey append = CEK__INTERNAL__V1__APPEND_KEY__INIT;
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT, *records[] = {&record};

	record.type = (char *)"rules";
	append.id = id;
	append.record = records;
	append.n_record = 1;
	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY;
	message.append_key = &append;
	assert_int_equal(dgram_send(broker, &message.base, NULL, 0), 0);
	return take();
}

/* Of so many records that were refused. */
static void check_told_of(uint64_t refused)
{
	FromJournal *message = broker_receive(broker);
	char text[32];

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE);
	(void)snprintf(text, sizeof(text), "append %u broke", (unsigned)refused);
	assert_non_null(strstr(message->state->law, text));
	broker_done(message);
}

/* A broker that breaks the law gets no answer, and no other word of it counts; but there is an end to that. */
static void test_the_law(void **state)
{
	static const uint8_t key[32];
	Cek__Internal__V1__Control *message;
	int fds[2];

	(void)state;
	assert_int_equal(dgram_pair(fds), 0);
	assert_int_equal(control_init(&control, fds[0], false), 0);
	assert_int_equal(law_new("boot", 0, key, &queue.law), 0);
	report.law = queue.law;
	for (uint64_t id = 1; id <= 3; id++) {
		assert_int_equal(take_append(id, "rules", "k", ""), 0); /* with a time of its own */
		message = told(fds[1]);
		assert_non_null(message);
		assert_int_equal(message->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_BROKE);
		assert_non_null(strstr(message->broke->how, "what the journal refuses: law: record 1 of 1 (rules)"));
		cek__internal__v1__control__free_unpacked(message, NULL);
		assert_int_equal(take_lawful(id), 0);
		assert_int_equal(report_send_if_new(&report), 0); /* it is not to ask anew: the next one is */
		broker_check_nothing(broker);
		assert_int_equal(take_replay(id), 0);
		broker_done(broker_receive(broker)); /* of no records */
		pair.sequence->state = BROKER_ASKS;  /* as pair_may_come() finds */
		assert_int_equal(report_send_if_new(&report), 0);
		check_told_of(id);
	}
	assert_int_equal(take_append(4, "rules", "k", ""), 0);
	assert_null(told(fds[1]));
	check_appended(4, 0, "law: record 1 of 1 (rules)");
	assert_int_equal(take_lawful(5), 0);
	let_go();
	check_appended(5, 1, "");
	queue.law = law_free(queue.law);
	control = (struct control){.fd = -1};
	close(fds[0]);
	close(fds[1]);
}

static void ignore(void *userdata, const struct store_result *result)
{
	(void)userdata;
	(void)result;
}

/* A store that does not even begin, which only a fault of ours can bring about, ends the journal. */
static void test_a_store_that_takes_no_append(void **state)
{
	(void)state;
	store_memory_hold(store, true);
	assert_int_equal(store_sync(store, ignore, NULL), 0);
	assert_int_equal(take_append(1, "version", "a", ""), -EBUSY);
	assert_false(queue.busy);
	broker_check_nothing(broker);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup_read, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_order),
		ROW(test_a_failed_append_is_dropped),
		ROW(test_unknown_is_no_answer),
		ROW(test_others),
		ROW(test_restored),
		ROW(test_a_line_that_must_be_there),
		cmocka_unit_test_setup_teardown(test_nothing_is_appended_unread, setup, teardown),
		ROW(test_full),
		ROW(test_finish_waits),
		ROW(test_busy),
		ROW(test_a_store_that_takes_no_append),
		ROW(test_the_law),
	};

	log_open("test");
	return cmocka_run_group_tests_name("key_queue", tests, NULL, NULL);
}
