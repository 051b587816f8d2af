/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c, when something is wrong: with the files, with the broker. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "proto/dgram.h"
#include "tests/unit/journal/serve/broker_end.h"
#include "tests/unit/journal/serve/serve_rig.h"

typedef Cek__Internal__V1__FromJournal FromJournal;

static void test_full_disk(void **state)
{
	FromJournal *message;

	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	serve_rig_read();
	journal_limit_size(100);
	broker_send_batch(broker, "one", 1, 2);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_state(broker, false);
	broker_check_nothing(broker);
	broker_send_batch(broker, "one", 3, 3);
	broker_send_append(broker, 5, "version", "a", "");
	assert_int_equal(serve_readable(&serve), 0);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_false(message->appended->ok);
	broker_done(message);
	broker_check_state(broker, false);
	assert_true(serve.report.retry_due > 0);
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	broker_check_nothing(broker);
	journal_no_limit();
	assert_true(serve.report.retry_due > 1);
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	broker_check_audit_done(broker, "one", 3, 3);
	broker_check_state(broker, true);
	broker_check_nothing(broker);
	serve_rig_nothing_due();
	assert_int_equal(journal_files_lines(files.audit), 4);
}

/* However much waits for the disk, the rest is served. */
static void test_much_waits_for_a_full_disk(void **state)
{
	FromJournal *message;

	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	serve_rig_read();
	journal_limit_size(100);
	for (uint64_t i = 0; i < 64; i++) { /* 64 * 100 lines of some 400 bytes */
		broker_send_batch(broker, "one", 100 * i + 1, 100 * i + 100);
		assert_int_equal(serve_readable(&serve), 0);
	}
	broker_check_state(broker, false);
	assert_true(audit_state(serve.audit).gathered > 2 << 20);
	broker_send_append(broker, 5, "version", "a", "");
	assert_int_equal(serve_readable(&serve), 0);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	broker_done(message);
}

/* The files are looked at once a second, also when nothing is written. */
static void test_file_moved_away(void **state)
{
	char elsewhere[128];
	FromJournal *message;

	(void)state;
	snprintf(elsewhere, sizeof(elsewhere), "%s.moved", files.audit);
	serve.look_due = 0;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	assert_int_equal(serve_time(&serve), 0);
	broker_check_nothing(broker);
	assert_true(serve_timeout(&serve) <= 1000);
	assert_int_equal(rename(files.audit, elsewhere), 0);
	serve.look_due = 0;
	assert_int_equal(serve_timeout(&serve), 0);
	assert_int_equal(serve_time(&serve), 0);
	broker_check_state(broker, false);
	/* Nothing is acknowledged, and a broker that begins now is told before it hears of the keys. */
	broker_send_batch(broker, "one", 1, 2);
	broker_send_replay(broker, 9);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_state(broker, false);
	message = broker_receive(broker);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
	broker_done(message);
	broker_check_nothing(broker);
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	broker_check_nothing(broker);
	assert_int_equal(rename(elsewhere, files.audit), 0);
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	broker_check_audit_done(broker, "one", 2, 2);
	broker_check_state(broker, true);
	assert_int_equal(journal_files_lines(files.audit), 3);
	/* The same while nothing waits to be written. */
	assert_int_equal(rename(files.audit, elsewhere), 0);
	serve.look_due = 0;
	assert_int_equal(serve_time(&serve), 0);
	broker_check_state(broker, false);
	assert_int_equal(rename(elsewhere, files.audit), 0);
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	broker_check_audit_done(broker, "one", 2, 2);
	broker_check_state(broker, true);
}

/* Replies may have left on the strength of what is gathered. */
static void test_log_of_what_was_not_written(void **state)
{
	char text[4096] = "";
	int saved = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC);

	(void)state;
	assert_true(saved >= 0 && log >= 0);
	journal_limit_size(100);
	broker_send_batch(broker, "one", 1, 2);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_state(broker, false);
	broker_send_batch(broker, "one", 3, 3);
	journal_no_limit(); /* the log must be written */
	dup2(log, STDERR_FILENO);
	audit_log_rest(serve.audit);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_true(pread(log, text, sizeof(text) - 1, 0) > 0);
	close(log);
	assert_non_null(strstr(text, "audit.jsonl: {\"seq\":2,"));
	assert_non_null(strstr(text, "\"n\":2,"));
	assert_null(strstr(text, "\"n\":3,"));
	assert_int_equal(serve_finish(&serve), 0);
	broker_check_audit_done(broker, "one", 3, 3);
	assert_int_equal(journal_files_lines(files.audit), 4);
}

/* At the end nobody is waited for, although the pair is full. */
static void test_finish_without_a_reader(void **state)
{
	char full[DGRAM_MAX / 2] = {0};

	(void)state;
	while (send(serve.pair.fd, full, sizeof(full), MSG_DONTWAIT) > 0)
		;
	broker_send_batch(broker, "one", 1, 1);
	assert_int_equal(serve_finish(&serve), 0);
	assert_int_equal(journal_files_lines(files.audit), 2);
}

static void test_rubbish_does_not_stop_it(void **state)
{
	(void)state;
	assert_int_equal(send(broker, "\xff\xff\xff", 3, 0), 3);
	assert_int_equal(send(broker, "\x7a\x00", 2, 0), 2); /* field 15: a message from a later version */
	broker_send_batch(broker, "one", 1, 1);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_audit_done(broker, "one", 1, 0);
	assert_false(serve.pair.closed);
}

static void test_no_replay_of_a_refused_journal(void **state)
{
	int fd = journal_files_open(files.keys);

	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	broker_check_state(broker, true);
	assert_int_equal(write(fd, "{}\n", 3), 3);
	close(fd);
	broker_send_replay(broker, 1);
	assert_int_equal(serve_readable(&serve), 0);
	broker_check_state(broker, false);
	broker_check_nothing(broker);
}

static void ask_and_drain(void)
{
	Cek__Internal__V1__AreYouThere question = CEK__INTERNAL__V1__ARE_YOU_THERE__INIT;
	Cek__Internal__V1__Drain drain = CEK__INTERNAL__V1__DRAIN__INIT;
	Cek__Internal__V1__Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_ARE_YOU_THERE;
	message.are_you_there = &question;
	assert_int_equal(dgram_send(control, &message.base, NULL, 0), 0);
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN;
	message.drain = &drain;
	assert_int_equal(dgram_send(control, &message.base, NULL, 0), 0);
}

static void check_alive(void)
{
	uint8_t buffer[64];
	const ssize_t len = recv(control, buffer, sizeof(buffer), MSG_DONTWAIT);
	Cek__Internal__V1__Control *message = len > 0 ? cek__internal__v1__control__unpack(NULL, (size_t)len, buffer)
						      : NULL;

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE);
	cek__internal__v1__control__free_unpacked(message, NULL);
}

/* A broker that reads nothing, and cekd that asks, is answered, and wants the end. */
static void test_control_ends_the_wait(void **state)
{
	char full[DGRAM_MAX / 2] = {0};

	(void)state;
	while (send(serve.pair.fd, full, sizeof(full), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	ask_and_drain();
	broker_send_batch(broker, "one", 1, 1);
	assert_int_equal(serve_readable(&serve), 0);
	assert_int_equal(journal_files_lines(files.audit), 2);
	check_alive();
	assert_true(serve.pair.control->end);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, serve_rig_setup, serve_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_full_disk),
		ROW(test_much_waits_for_a_full_disk),
		ROW(test_file_moved_away),
		ROW(test_log_of_what_was_not_written),
		ROW(test_finish_without_a_reader),
		ROW(test_rubbish_does_not_stop_it),
		ROW(test_no_replay_of_a_refused_journal),
		ROW(test_control_ends_the_wait),
	};

	log_open("test");
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("serve_trouble", tests, NULL, NULL);
}
