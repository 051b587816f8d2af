/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of an heir: on the files of another one, which it leaves alone until it is told to take over. Memory may
 * run out meanwhile. */
#include "daemon/journal/serve/stand_by.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/journal/file/audit_file.h"
#include "daemon/journal/file/store_file.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"
#include "tests/unit/journal/journal_files.h"
#include "tests/unit/journal/journal_records.h"
#include "tests/unit/journal/serve/broker_end.h"
#include "tests/unit/journal/store_calls.h"
#include "tests/unit/scarce.h"

typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__KeyRecord KeyRecord;

static struct journal_files files;
static struct evidence evidence;
static struct control control;
static struct serve serve;
static int broker, cekd; /* the other ends */

/* One key and the audit journal's "open", of a cekd that has ended. */
static void write_files(void)
{
	KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};
	struct journals other;

	journal_files_make(&files);
	journal_files_begin(&files, &other);
	assert_int_equal(store_call_append(other.store, records, 1).outcome, STORE_DONE);
	journal_files_end(&other);
}

static int setup(void **state)
{
	struct audit_file_setup audit = {.version = "test"};
	int pair[2], control_pair[2];

	(void)state;
	write_files();
	if (dgram_pair(pair) < 0 || dgram_pair(control_pair) < 0 || control_init(&control, control_pair[0], true) < 0)
		return -1;
	broker = pair[1];
	cekd = control_pair[1];
	evidence = (struct evidence){0};
	serve = (struct serve){
		.pair = {.fd = pair[0], .control = &control},
		.evidence = &evidence,
		.sandbox = "none",
	};
	audit.fd = journal_files_open(files.audit);
	audit.directory = files.at;
	audit.path = files.directory;
	if (store_file_stand_by(journal_files_open(files.keys), files.at, files.directory, &serve.store) < 0 ||
		audit_file_stand_by(&audit, &evidence, &serve.audit) < 0)
		return -1;
	return serve_init(&serve);
}

static int teardown(void **state)
{
	(void)state;
	serve_deinit(&serve);
	audit_close(serve.audit);
	store_close(serve.store);
	close(serve.pair.fd);
	close(broker);
	if (control.fd >= 0)
		close(control.fd);
	close(cekd);
	journal_files_remove(&files);
	return 0;
}

static void say(Cek__Internal__V1__Control__WhatCase what)
{
	Cek__Internal__V1__TakeOver take_over = CEK__INTERNAL__V1__TAKE_OVER__INIT;
	Cek__Internal__V1__Drain drain = CEK__INTERNAL__V1__DRAIN__INIT;
	Cek__Internal__V1__Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = what;
	if (what == CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN)
		message.drain = &drain;
	else
		message.take_over = &take_over;
	assert_int_equal(dgram_send(cekd, &message.base, NULL, 0), 0);
}

static void check_replay(bool so_far, size_t n)
{
	FromJournal *message = broker_receive(broker);

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
	assert_int_equal(message->replay->id, 5);
	assert_int_equal(message->replay->so_far, so_far);
	assert_int_equal(message->replay->end, !so_far);
	assert_int_equal(message->replay->n_record, n);
	broker_done(message);
}

/* What calls it is done with then: later sends wait for the broker again. */
static void test_takes_over(void **state)
{
	(void)state;
	broker_send_replay(broker, 5);
	say(CEK__INTERNAL__V1__CONTROL__WHAT_TAKE_OVER);
	assert_int_equal(stand_by(&serve), 1);
	check_replay(true, 1);
	check_replay(false, 0);
	broker_check_nothing(broker);
	assert_true(serve.keys.read);
	assert_int_equal(serve.pair.sequence->state, BROKER_ASKS);
	assert_false(control_calls(&control));
	assert_int_equal(journal_files_lines(files.audit), 2);
}

static void test_takes_over_unasked(void **state)
{
	(void)state;
	say(CEK__INTERNAL__V1__CONTROL__WHAT_TAKE_OVER);
	assert_int_equal(stand_by(&serve), 1);
	broker_check_nothing(broker);
	assert_false(serve.keys.read);
	assert_int_equal(serve.pair.sequence->state, BROKER_UNHEARD);
	assert_false(control_calls(&control));
	assert_int_equal(journal_files_lines(files.audit), 2);
}

/* The hand-over is given up, or one of the others has ended: the files belong to somebody else still. */
static void test_ends_without_a_trace(void **state)
{
	(void)state;
	say(CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN);
	assert_int_equal(stand_by(&serve), 0);
	control.end = false;
	close(broker);
	broker = -1;
	assert_int_equal(stand_by(&serve), 0);
	assert_true(serve.pair.closed);
	assert_int_equal(journal_files_lines(files.audit), 1);
}

static void test_ends_with_cekd(void **state)
{
	(void)state;
	close(cekd);
	cekd = -1;
	assert_int_equal(stand_by(&serve), 0);
	assert_false(serve.pair.closed);
	assert_int_equal(journal_files_lines(files.audit), 1);
}

/* A broker that stands by may ask, and nothing else. It is told of, and the journal stands by for the next one. */
static void test_accuses_its_broker(void **state)
{
	static char much[DGRAM_MAX + 1];

	for (int i = 0; i < 2; i++) {
		if (i == 0)
			broker_send_append(broker, 1, "version", "b", "");
		else
			assert_int_equal(send(broker, much, sizeof(much), 0), sizeof(much));
		close(broker);
		broker = -1;
		assert_int_equal(stand_by(&serve), 0);
		assert_true(serve.pair.closed);
		assert_int_equal(serve.pair.sequence->state, BROKER_ACCUSED);
		assert_int_equal(journal_files_lines(files.keys), 1);
		if (i == 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
	}
}

/* Each allocation fails once: it ends with that, or with an audit journal that does not serve. */
static void test_memory_runs_out(void **state)
{
	size_t n = 0;
	int r;

	do {
		if (n > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		broker_send_replay(broker, 5);
		say(CEK__INTERNAL__V1__CONTROL__WHAT_TAKE_OVER);
		scarce_arm(++n);
		scarce_on(true);
		r = stand_by(&serve);
		scarce_on(false);
		assert_true(n < 1000);
		if (r != -ENOMEM)
			assert_int_equal(r, 1);
		assert_int_equal(r == 1 && audit_state(serve.audit).ok, !scarce_failed());
	} while (scarce_failed());
	assert_true(n > 1);
}

/* The parts of struct serve itself, which is taken down as it is. */
static void test_memory_runs_out_at_the_start(void **state)
{
	size_t n = 0;
	int r;

	(void)state;
	do {
		serve_deinit(&serve);
		serve = (struct serve){
			.pair = {.fd = serve.pair.fd, .control = &control},
			.store = serve.store,
			.audit = serve.audit,
			.evidence = &evidence,
			.sandbox = "none",
		};
		scarce_arm(++n);
		scarce_on(true);
		r = serve_init(&serve);
		scarce_on(false);
		assert_true(n < 1000);
		assert_int_equal(r, scarce_failed() ? -ENOMEM : 0);
	} while (scarce_failed());
	assert_int_equal(n, 4); /* buffer, sequence, arena; then all is there */
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_takes_over),
		ROW(test_takes_over_unasked),
		ROW(test_ends_without_a_trace),
		ROW(test_ends_with_cekd),
		ROW(test_accuses_its_broker),
		ROW(test_memory_runs_out),
		ROW(test_memory_runs_out_at_the_start),
	};

	log_open("test");
	return cmocka_run_group_tests_name("stand_by", tests, NULL, NULL);
}
