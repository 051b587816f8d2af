/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "proto/dgram.h"
#include "tests/unit/journal/journal_records.h"
#include "tests/unit/journal/serve/broker_end.h"
#include "tests/unit/journal/serve/serve_rig.h"
#include "tests/unit/journal/store_calls.h"
#include "tests/unit/journal/store_memory.h"

typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__KeyRecord KeyRecord;

static void test_announce(void **state)
{
	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_nothing(broker);
	serve_rig_nothing_due();
}

/* Told once, and again when it has changed by much: not each second. */
static void test_room(void **state)
{
	const unsigned before = broker_rooms;

	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	for (int i = 0; i < 3; i++) {
		serve.look_due = 1;
		assert_int_equal(serve_time(&serve), 0);
		broker_check_nothing(broker);
	}
	assert_int_equal(broker_rooms, before + 1);
	serve.report.told_free *= 2;
	serve.look_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	broker_check_nothing(broker);
	assert_int_equal(broker_rooms, before + 2);
}

/* However many batches came together: one acknowledgement, one write, and durability when its time has come. */
static void test_audit(void **state)
{
	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	for (uint64_t i = 0; i < 8; i++)
		broker_send_batch(broker, "one", 2 * i + 1, 2 * i + 2);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 16, 0);
	broker_check_nothing(broker);
	assert_int_equal(journal_files_lines(files.audit), 17);
	assert_int_equal(serve_timeout(&serve), 0); /* sync_us is 0 here */
	assert_int_equal(serve_time(&serve), 0);
	broker_check_audit_done(broker, "one", 16, 16);
	serve_rig_nothing_due();
	broker_send_batch(broker, "one", 16, 16); /* known, but the broker did not hear of it */
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 16, 16);
	broker_check_nothing(broker);
}

static void test_sync_waits(void **state)
{
	int timeout;

	(void)state;
	serve.sync_us = 3600 * UINT64_C(1000000);
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	broker_send_batch(broker, "one", 1, 1);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 1, 0);
	timeout = serve_timeout(&serve);
	assert_true(timeout > 3000000 && timeout <= 3600000);
	assert_int_equal(serve_time(&serve), 0);
	broker_check_nothing(broker);
}

/* After records, unless replies wait for the disk. */
static void test_rest(void **state)
{
	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	assert_int_equal(serve_rest(&serve), 0);
	broker_send_batch(broker, "one", 1, 1);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 1, 0);
	assert_true(serve.rest_until > 0);
	serve.rest_until = UINT64_MAX;
	assert_true(serve_rest(&serve) > 0);
	serve.rest_until = 1;
	assert_int_equal(serve_rest(&serve), 0);
	assert_int_equal(serve_readable(&serve), 0);
	assert_int_equal(serve.rest_until, 0);
	serve.audit_durable = true;
	broker_send_batch(broker, "one", 2, 2);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 2, 2);
	assert_int_equal(serve.rest_until, 0);
}

static void test_no_rest_while_more_waits(void **state)
{
	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	for (uint64_t n = 1; n <= 300; n++)
		broker_send_batch(broker, "one", n, n);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 256, 0);
	assert_int_equal(serve.rest_until, 0);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 300, 0);
	assert_true(serve.rest_until > 0);
}

static void test_audit_durable(void **state)
{
	(void)state;
	serve.audit_durable = true;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	broker_send_batch(broker, "one", 1, 5);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 5, 5);
	serve_rig_nothing_due();
}

static void test_append(void **state)
{
	FromJournal *message;

	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	serve_rig_read();
	broker_send_append(broker, 7, "version", "a", "");
	broker_send_append(broker, 8, "version", "\xff", "");
	assert_int_equal(serve_readable(&serve), 0);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_int_equal(message->appended->id, 7);
	assert_true(message->appended->ok);
	assert_int_equal(message->appended->last_seq, 1);
	broker_done(message);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->appended->id, 8);
	assert_false(message->appended->ok);
	assert_string_equal(message->appended->why, "record 1 of 1 (version) holds a string that is not UTF-8");
	broker_done(message);
	broker_check_nothing(broker);
}

/* Everything that was appended, in order, in as many datagrams as it takes. */
static void test_replay(void **state)
{
	enum { APPEND = 100 };
	KeyRecord records[APPEND], *pointers[APPEND];
	const uint64_t n = 6 * APPEND;
	char *key = calloc(1, 1001);
	uint64_t seq = 0;
	unsigned batches = 0;
	bool end = false;
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(key);
	memset(key, 'k', 1000);
	for (size_t i = 0; i < APPEND; i++) {
		records[i] = journal_key_record("version", key);
		pointers[i] = &records[i];
	}
	for (uint64_t i = 0; i < n; i += APPEND)
		assert_int_equal(store_call_append(serve.store, pointers, APPEND).outcome, STORE_DONE);
	free(key);
	seq = 0;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	broker_send_replay(broker, 99);
	pid = fork(); /* 600 kB may be more than the socket holds: serve waits for its reader */
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(serve_readable(&serve) == 0 ? 0 : 1);
	while (!end) {
		FromJournal *message;
		struct pollfd readable = {.fd = broker, .events = POLLIN};

		assert_int_equal(poll(&readable, 1, 60000), 1);
		message = broker_receive(broker);
		assert_non_null(message);
		assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
		assert_int_equal(message->replay->id, 99);
		for (size_t i = 0; i < message->replay->n_record; i++)
			assert_int_equal(message->replay->record[i]->seq, ++seq);
		end = message->replay->end;
		batches++;
		broker_done(message);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(seq, n);
	assert_true(batches > 4 && batches < 8);
	broker_check_nothing(broker);
}

/* A key record as large as they may be travels in both directions. */
static void test_replay_of_the_largest_record(void **state)
{
	FromJournal *message;
	size_t len = STORE_RECORD_MAX;
	char *reason = calloc(1, len + 1);
	enum store_outcome outcome = STORE_REFUSED;

	(void)state;
	assert_non_null(reason);
	memset(reason, 'x', len);
	for (; outcome == STORE_REFUSED; reason[--len] = 0) {
		KeyRecord record = journal_key_record("state", "a"), *records[] = {&record};

		record.reason = reason;
		outcome = store_call_append(serve.store, records, 1).outcome;
	}
	free(reason);
	assert_int_equal(outcome, STORE_DONE);
	assert_true(len > STORE_RECORD_MAX - 100);
	broker_send_replay(broker, 1);
	assert_int_equal(serve_readable(&serve), 0);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->replay->n_record, 1);
	assert_int_equal(strlen(message->replay->record[0]->reason), len + 1);
	assert_true(message->replay->end);
	broker_done(message);
}

static void test_finish(void **state)
{
	(void)state;
	serve.sync_us = 3600 * UINT64_C(1000000);
	for (uint64_t i = 0; i < 8; i++)
		broker_send_batch(broker, "one", 2 * i + 1, 2 * i + 2);
	assert_int_equal(serve_finish(&serve), 0);
	broker_check_audit_done(broker, "one", 16, 16);
	close(broker);
	broker = -1;
	assert_int_equal(serve_readable(&serve), 0);
	assert_true(serve.pair.closed);
}

/* Where the keys are kept may wait for a network: what the unwraps need, the audit records, passes by. The end of
 * the wait is an event beside the pair and cekd. */
static void test_an_append_that_takes_time(void **state)
{
	struct pollfd fds[SERVE_FDS] = {[SERVE_CONTROL] = {.fd = -1}};
	FromJournal *message;

	(void)state;
	store_memory_hold(serve.store, true);
	broker_send_append(broker, 1, "version", "a", "");
	broker_send_batch(broker, "one", 1, 2);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 2, 2);
	broker_check_nothing(broker);
	serve.rest_until = clock_monotonic_us() + 900000; /* at rest, too */
	store_memory_hold(serve.store, false);
	assert_int_equal(serve_wait(&serve, fds), 0);
	assert_int_equal(fds[SERVE_PAIR].revents, 0);
	assert_int_equal(fds[SERVE_STORE].revents, POLLIN);
	assert_int_equal(serve_time(&serve), 0);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_int_equal(message->appended->id, 1);
	assert_true(message->appended->ok);
	broker_done(message);
	broker_check_nothing(broker);
}

/* The append's, then those of the questions behind it. */
static unsigned count_answers(void)
{
	FromJournal *message;
	unsigned n = 0;

	while ((message = broker_receive(broker))) {
		assert_int_equal(message->what_case,
			n == 0 ? CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED
			       : CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
		assert_int_equal(n == 0 ? message->appended->id : message->replay->id, n + 1);
		n++;
		broker_done(message);
	}
	return n;
}

/* What does not fit into the queue stays in the pair, which is not looked at meanwhile. */
static void test_much_behind_an_append_that_takes_time(void **state)
{
	struct pollfd fds[SERVE_FDS] = {[SERVE_CONTROL] = {.fd = -1}};

	(void)state;
	store_memory_hold(serve.store, true);
	broker_send_append(broker, 1, "version", "a", "");
	for (uint64_t id = 2; id <= KEY_QUEUE_MAX + 5; id++)
		broker_send_replay(broker, id);
	assert_int_equal(serve_readable(&serve), 0);
	assert_true(key_queue_full(&serve.keys));
	assert_int_equal(serve_readable(&serve), 0);
	assert_int_equal(serve.keys.n, KEY_QUEUE_MAX);
	serve.look_due = 1;
	assert_int_equal(serve_wait(&serve, fds), 0);
	assert_int_equal(fds[SERVE_PAIR].revents, 0);
	broker_check_nothing(broker);
	store_memory_hold(serve.store, false);
	assert_int_equal(serve_time(&serve), 0);
	assert_int_equal(serve_wait(&serve, fds), 0);
	assert_int_equal(fds[SERVE_PAIR].revents, POLLIN);
	assert_int_equal(serve_readable(&serve), 0);
	while (serve.keys.busy)
		assert_int_equal(serve_time(&serve), 0);
	assert_int_equal(count_answers(), KEY_QUEUE_MAX + 5);
}

/* The end comes while one is under way: it is waited for, after the audit records have become durable. */
static void test_finish_with_an_append_under_way(void **state)
{
	FromJournal *message;

	(void)state;
	store_memory_hold(serve.store, true);
	broker_send_append(broker, 1, "version", "a", "");
	assert_int_equal(serve_readable(&serve), 0);
	broker_send_replay(broker, 2);
	broker_send_batch(broker, "one", 1, 2);
	store_memory_hold(serve.store, false);
	assert_int_equal(serve_finish(&serve), 0);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_int_equal(message->appended->last_seq, 1);
	broker_done(message);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
	assert_true(message->replay->end);
	broker_done(message);
	broker_check_audit_done(broker, "one", 2, 2);
	assert_int_equal(journal.head.seq, 1);
}

static void check_accused(const char *how)
{
	static uint8_t buffer[DGRAM_MAX];
	const ssize_t len = dgram_recv(control, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);
	Cek__Internal__V1__Control *message = len > 0 ? cek__internal__v1__control__unpack(NULL, (size_t)len, buffer)
						      : NULL;

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_BROKE);
	assert_false(message->broke->cekd);
	assert_string_equal(message->broke->how, how);
	cek__internal__v1__control__free_unpacked(message, NULL);
}

static void check_not_accused(void)
{
	uint8_t byte;

	assert_int_equal(recv(control, &byte, 1, MSG_DONTWAIT), -1);
}

/* cekd ends it; until the next one asks, its audit records are written and nothing else. It is accused once. */
static void test_a_broker_that_breaks_the_rules(void **state)
{
	(void)state;
	store_memory_hold(serve.store, true);
	broker_send_append(broker, 1, "version", "a", "");
	assert_int_equal(serve_readable(&serve), 0);
	check_not_accused();
	broker_send_append(broker, 2, "version", "b", "");
	assert_int_equal(serve_readable(&serve), 0);
	check_accused("sent \"append_key\" while another one was under way");
	broker_send_append(broker, 3, "version", "c", "");
	assert_int_equal(send(broker, "\xff", 1, 0), 1);
	broker_send_batch(broker, "one", 1, 2);
	assert_int_equal(serve_readable(&serve), 0);
	check_not_accused();
	broker_check_audit_done(broker, "one", 2, 2);
	broker_check_nothing(broker);
	store_memory_hold(serve.store, false);
	while (serve.keys.busy)
		assert_int_equal(serve_time(&serve), 0);
	assert_int_equal(journal.head.seq, 1);
	serve_rig_read(); /* the next one */
	broker_send_append(broker, 4, "version", "d", "");
	assert_int_equal(serve_readable(&serve), 0);
	while (serve.keys.busy)
		assert_int_equal(serve_time(&serve), 0);
	assert_int_equal(journal.head.seq, 2);
}

static void test_what_is_no_message(void **state)
{
	(void)state;
	assert_int_equal(send(broker, "\xff", 1, 0), 1);
	assert_int_equal(serve_readable(&serve), 0);
	check_accused("sent what is no message");
}

static void say(Cek__Internal__V1__Control__WhatCase what, const ProtobufCMessage *message)
{
	Cek__Internal__V1__Control outer = CEK__INTERNAL__V1__CONTROL__INIT;

	outer.what_case = what;
	outer.ready = (Cek__Internal__V1__Ready *)(uintptr_t)message; /* a union of pointers */
	assert_int_equal(dgram_send(control, &outer.base, NULL, 0), 0);
	control_read(serve.pair.control);
}

/* It is not replaced by its child, which ends. */
static void test_a_cekd_that_breaks_the_rules(void **state)
{
	const Cek__Internal__V1__TakeOver take_over = CEK__INTERNAL__V1__TAKE_OVER__INIT;
	const Cek__Internal__V1__AreYouThere are_you_there = CEK__INTERNAL__V1__ARE_YOU_THERE__INIT;

	(void)state;
	say(CEK__INTERNAL__V1__CONTROL__WHAT_ARE_YOU_THERE, &are_you_there.base);
	assert_false(serve.pair.control->end);
	say(CEK__INTERNAL__V1__CONTROL__WHAT_TAKE_OVER, &take_over.base); /* it does not stand by */
	assert_true(serve.pair.control->end);
	assert_false(serve.pair.control->take_over);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, serve_rig_setup, serve_rig_teardown)
#define ROW_WAITING(test) cmocka_unit_test_setup_teardown(test, serve_rig_setup_waiting, serve_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_announce),
		ROW(test_room),
		ROW(test_audit),
		ROW(test_sync_waits),
		ROW(test_rest),
		ROW(test_no_rest_while_more_waits),
		ROW(test_audit_durable),
		ROW(test_append),
		ROW(test_replay),
		ROW(test_replay_of_the_largest_record),
		ROW(test_finish),
		ROW_WAITING(test_an_append_that_takes_time),
		ROW_WAITING(test_much_behind_an_append_that_takes_time),
		ROW_WAITING(test_finish_with_an_append_under_way),
		ROW_WAITING(test_a_broker_that_breaks_the_rules),
		ROW(test_what_is_no_message),
		ROW(test_a_cekd_that_breaks_the_rules),
	};

	log_open("test");
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("serve", tests, NULL, NULL);
}
