#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/journal/serve/serve.h"
#include "proto/dgram.h"
#include "tests/unit/journal/journal_files.h"
#include "tests/unit/journal/journal_records.h"
#include "tests/unit/journal/store_calls.h"
#include "tests/unit/journal/store_memory.h"

typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__ToJournal ToJournal;
typedef Cek__Internal__V1__KeyRecord KeyRecord;

#define LOOK_LATER_US (UINT64_C(86400) * 1000000) /* the tests say when the files are looked at */

static struct journal_files files;
static struct journals journals;
static struct memory_journal journal; /* in place of the key journal's file */
static struct serve serve;
static int broker;     /* the other end of the journal's pair */
static int control;
static uint8_t buffer[DGRAM_MAX];

static int begin(struct store *store)
{
	int pair[2], control_pair[2];

	if (dgram_pair(pair) < 0 || dgram_pair(control_pair) < 0)
		return -1;
	broker = pair[1];
	control = control_pair[1];
	serve = (struct serve){
		.pair = {.fd = pair[0], .control_fd = control_pair[0]},
		.store = store,
		.audit = journals.audit,
		.evidence = &journals.evidence,
		.sandbox = "none",
	};
	if (serve_init(&serve) < 0)
		return -1;
	serve.look_due = clock_monotonic_us() + LOOK_LATER_US;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	journal_files_make(&files);
	journal_files_begin(&files, &journals);
	return begin(journals.store);
}

/* The keys elsewhere, the audit records in a file as ever, and durable at once. */
static int setup_waiting(void **state)
{
	int r;

	(void)state;
	journal_files_make(&files);
	journal_files_begin(&files, &journals);
	journal = (struct memory_journal){.head = chain_start()};
	r = begin(store_memory_open(&journal));
	serve.audit_durable = true;
	if (r < 0 || serve_announce(&serve) < 0)
		return -1;
	return recv(broker, buffer, sizeof(buffer), 0) > 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	journal_no_limit();
	serve_deinit(&serve);
	if (serve.store != journals.store)
		store_close(serve.store);
	text_deinit(&journal.text);
	journal_files_end(&journals);
	close(serve.pair.fd);
	close(serve.pair.control_fd);
	close(broker);
	close(control);
	journal_files_remove(&files);
	return 0;
}

/* NULL if nothing is there. */
static FromJournal *receive(void)
{
	FromJournal *message;
	ssize_t len = dgram_recv(broker, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);

	if (len == -EAGAIN)
		return NULL;
	assert_true(len > 0);
	message = cek__internal__v1__from_journal__unpack(NULL, (size_t)len, buffer);
	assert_non_null(message);
	return message;
}

static void done_with(FromJournal *message)
{
	cek__internal__v1__from_journal__free_unpacked(message, NULL);
}

static void check_nothing(void)
{
	assert_null(receive());
}

/* But for the look at the files. */
static void check_nothing_due(void)
{
	assert_true(serve_timeout(&serve) > 3600000);
}

static void check_audit_done(const char *instance, uint64_t written, uint64_t durable)
{
	FromJournal *message = receive();

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE);
	assert_string_equal(message->audit_done->instance, instance);
	assert_int_equal(message->audit_done->written, written);
	assert_int_equal(message->audit_done->durable, durable);
	done_with(message);
}

static void check_state(bool ok)
{
	FromJournal *message = receive();

	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE);
	assert_int_equal(message->state->ok, ok);
	assert_string_equal(message->state->sandbox, "none");
	assert_int_equal(ok, strcmp(message->state->keys, "ok") == 0 && strcmp(message->state->audit, "ok") == 0);
	done_with(message);
}

static void send_batch(const char *instance, uint64_t first, uint64_t last)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	struct journal_batch *batch = journal_batch_new(instance, first, last);

	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_AUDIT;
	message.audit = journal_batch_message(batch);
	assert_int_equal(dgram_send(broker, &message.base, NULL, 0), 0);
	journal_batch_free(batch);
}

static void send_append(uint64_t id, const char *key)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	Cek__Internal__V1__AppendKey append = CEK__INTERNAL__V1__APPEND_KEY__INIT;
	KeyRecord record = journal_key_record("version", key), *records[] = { &record };

	append.id = id;
	append.record = records;
	append.n_record = 1;
	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY;
	message.append_key = &append;
	assert_int_equal(dgram_send(broker, &message.base, NULL, 0), 0);
}

static void send_replay(uint64_t id)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	Cek__Internal__V1__Replay replay = CEK__INTERNAL__V1__REPLAY__INIT;

	replay.id = id;
	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY;
	message.replay = &replay;
	assert_int_equal(dgram_send(broker, &message.base, NULL, 0), 0);
}

static void test_announce(void **state)
{
	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	assert_int_equal(serve_readable(&serve), 0);
	check_nothing();
	check_nothing_due();
}

/* However many batches came together: one acknowledgement, one write, and durability when its time has come. */
static void test_audit(void **state)
{
	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	for (uint64_t i = 0; i < 8; i++)
		send_batch("one", 2 * i + 1, 2 * i + 2);
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 16, 0);
	check_nothing();
	assert_int_equal(journal_files_lines(files.audit), 17);
	assert_int_equal(serve_timeout(&serve), 0); /* sync_us is 0 here */
	assert_int_equal(serve_time(&serve), 0);
	check_audit_done("one", 16, 16);
	check_nothing_due();
	send_batch("one", 16, 16); /* known, but the broker did not hear of it */
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 16, 16);
	check_nothing();
}

static void test_sync_waits(void **state)
{
	int timeout;

	(void)state;
	serve.sync_us = 3600 * UINT64_C(1000000);
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	send_batch("one", 1, 1);
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 1, 0);
	timeout = serve_timeout(&serve);
	assert_true(timeout > 3000000 && timeout <= 3600000);
	assert_int_equal(serve_time(&serve), 0);
	check_nothing();
}

/* After records, unless replies wait for the disk. */
static void test_rest(void **state)
{
	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	assert_int_equal(serve_rest(&serve), 0);
	send_batch("one", 1, 1);
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 1, 0);
	assert_true(serve.rest_until > 0);
	serve.rest_until = UINT64_MAX;
	assert_true(serve_rest(&serve) > 0);
	serve.rest_until = 1;
	assert_int_equal(serve_rest(&serve), 0);
	assert_int_equal(serve_readable(&serve), 0);
	assert_int_equal(serve.rest_until, 0);
	serve.audit_durable = true;
	send_batch("one", 2, 2);
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 2, 2);
	assert_int_equal(serve.rest_until, 0);
}

static void test_no_rest_while_more_waits(void **state)
{
	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	for (uint64_t n = 1; n <= 300; n++)
		send_batch("one", n, n);
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 256, 0);
	assert_int_equal(serve.rest_until, 0);
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 300, 0);
	assert_true(serve.rest_until > 0);
}

static void test_audit_durable(void **state)
{
	(void)state;
	serve.audit_durable = true;
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	send_batch("one", 1, 5);
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 5, 5);
	check_nothing_due();
}

static void test_append(void **state)
{
	FromJournal *message;

	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	send_append(7, "a");
	send_append(8, "\xff");
	assert_int_equal(serve_readable(&serve), 0);
	message = receive();
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_int_equal(message->appended->id, 7);
	assert_true(message->appended->ok);
	assert_int_equal(message->appended->last_seq, 1);
	done_with(message);
	message = receive();
	assert_non_null(message);
	assert_int_equal(message->appended->id, 8);
	assert_false(message->appended->ok);
	assert_string_equal(message->appended->why, "record 1 of 1 (version) holds a string that is not UTF-8");
	done_with(message);
	check_nothing();
}

/* Where the keys are kept may wait for a network: what the unwraps need, the audit records, passes by. The end of
 * the wait is an event beside the pair and cekd. */
static void test_an_append_that_takes_time(void **state)
{
	struct pollfd fds[SERVE_FDS] = {[SERVE_CONTROL] = {.fd = -1}};
	FromJournal *message;

	(void)state;
	store_memory_hold(serve.store, true);
	send_append(1, "a");
	send_batch("one", 1, 2);
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 2, 2);
	check_nothing();
	serve.rest_until = clock_monotonic_us() + 900000; /* at rest, too */
	store_memory_hold(serve.store, false);
	assert_int_equal(serve_wait(&serve, fds), 0);
	assert_int_equal(fds[SERVE_PAIR].revents, 0);
	assert_int_equal(fds[SERVE_STORE].revents, POLLIN);
	assert_int_equal(serve_time(&serve), 0);
	message = receive();
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_int_equal(message->appended->id, 1);
	assert_true(message->appended->ok);
	done_with(message);
	check_nothing();
}

static unsigned count_appended(void)
{
	FromJournal *message;
	unsigned n = 0;

	while ((message = receive())) {
		assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
		assert_int_equal(message->appended->id, ++n);
		done_with(message);
	}
	return n;
}

/* What does not fit into the queue stays in the pair, which is not looked at meanwhile. */
static void test_many_appends_that_take_time(void **state)
{
	struct pollfd fds[SERVE_FDS] = {[SERVE_CONTROL] = {.fd = -1}};

	(void)state;
	store_memory_hold(serve.store, true);
	for (uint64_t id = 1; id <= KEY_QUEUE_MAX + 5; id++)
		send_append(id, "a");
	assert_int_equal(serve_readable(&serve), 0);
	assert_true(key_queue_full(&serve.keys));
	assert_int_equal(serve_readable(&serve), 0);
	assert_int_equal(serve.keys.n, KEY_QUEUE_MAX);
	serve.look_due = 1;
	assert_int_equal(serve_wait(&serve, fds), 0);
	assert_int_equal(fds[SERVE_PAIR].revents, 0);
	check_nothing();
	store_memory_hold(serve.store, false);
	assert_int_equal(serve_time(&serve), 0);
	assert_int_equal(serve_wait(&serve, fds), 0);
	assert_int_equal(fds[SERVE_PAIR].revents, POLLIN);
	assert_int_equal(serve_readable(&serve), 0);
	while (serve.keys.busy)
		assert_int_equal(serve_time(&serve), 0);
	assert_int_equal(count_appended(), KEY_QUEUE_MAX + 5);
}

/* The end comes while one is under way: it is waited for, after the audit records have become durable. */
static void test_finish_with_an_append_under_way(void **state)
{
	FromJournal *message;

	(void)state;
	store_memory_hold(serve.store, true);
	send_append(1, "a");
	assert_int_equal(serve_readable(&serve), 0);
	send_append(2, "b");
	send_batch("one", 1, 2);
	store_memory_hold(serve.store, false);
	assert_int_equal(serve_finish(&serve), 0);
	for (uint64_t id = 1; id <= 2; id++) {
		message = receive();
		assert_non_null(message);
		assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
		assert_int_equal(message->appended->last_seq, id);
		done_with(message);
	}
	check_audit_done("one", 2, 2);
	assert_int_equal(journal.head.seq, 2);
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
	check_state(true);
	send_replay(99);
	pid = fork(); /* 600 kB may be more than the socket holds: serve waits for its reader */
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(serve_readable(&serve) == 0 ? 0 : 1);
	while (!end) {
		FromJournal *message;
		struct pollfd readable = { .fd = broker, .events = POLLIN };

		assert_int_equal(poll(&readable, 1, 60000), 1);
		message = receive();
		assert_non_null(message);
		assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
		assert_int_equal(message->replay->id, 99);
		for (size_t i = 0; i < message->replay->n_record; i++)
			assert_int_equal(message->replay->record[i]->seq, ++seq);
		end = message->replay->end;
		batches++;
		done_with(message);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(seq, n);
	assert_true(batches > 4 && batches < 8);
	check_nothing();
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
		KeyRecord record = journal_key_record("state", "a"), *records[] = { &record };

		record.reason = reason;
		outcome = store_call_append(serve.store, records, 1).outcome;
	}
	free(reason);
	assert_int_equal(outcome, STORE_DONE);
	assert_true(len > STORE_RECORD_MAX - 100);
	send_replay(1);
	assert_int_equal(serve_readable(&serve), 0);
	message = receive();
	assert_non_null(message);
	assert_int_equal(message->replay->n_record, 1);
	assert_int_equal(strlen(message->replay->record[0]->reason), len + 1);
	assert_true(message->replay->end);
	done_with(message);
}

static void test_full_disk(void **state)
{
	FromJournal *message;

	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	journal_limit_size(100);
	send_batch("one", 1, 2);
	assert_int_equal(serve_readable(&serve), 0);
	check_state(false);
	check_nothing();
	send_batch("one", 3, 3);
	send_append(5, "a");
	assert_int_equal(serve_readable(&serve), 0);
	message = receive();
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_false(message->appended->ok);
	done_with(message);
	check_state(false);
	assert_true(serve.report.retry_due > 0);
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	check_nothing();
	journal_no_limit();
	assert_true(serve.report.retry_due > 1);
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	check_audit_done("one", 3, 3);
	check_state(true);
	check_nothing();
	check_nothing_due();
	assert_int_equal(journal_files_lines(files.audit), 4);
}

/* However much waits for the disk, the rest is served. */
static void test_much_waits_for_a_full_disk(void **state)
{
	FromJournal *message;

	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	journal_limit_size(100);
	for (uint64_t i = 0; i < 64; i++) { /* 64 * 100 lines of some 400 bytes */
		send_batch("one", 100 * i + 1, 100 * i + 100);
		assert_int_equal(serve_readable(&serve), 0);
	}
	check_state(false);
	assert_true(audit_state(serve.audit).gathered > 2 << 20);
	send_append(5, "a");
	assert_int_equal(serve_readable(&serve), 0);
	message = receive();
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	done_with(message);
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
	check_state(true);
	assert_int_equal(serve_time(&serve), 0);
	check_nothing();
	assert_true(serve_timeout(&serve) <= 1000);
	assert_int_equal(rename(files.audit, elsewhere), 0);
	serve.look_due = 0;
	assert_int_equal(serve_timeout(&serve), 0);
	assert_int_equal(serve_time(&serve), 0);
	check_state(false);
	/* Nothing is acknowledged, and a broker that begins now is told before it hears of the keys. */
	send_batch("one", 1, 2);
	send_replay(9);
	assert_int_equal(serve_readable(&serve), 0);
	check_state(false);
	message = receive();
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
	done_with(message);
	check_nothing();
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	check_nothing();
	assert_int_equal(rename(elsewhere, files.audit), 0);
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	check_audit_done("one", 2, 2);
	check_state(true);
	assert_int_equal(journal_files_lines(files.audit), 3);
	/* The same while nothing waits to be written. */
	assert_int_equal(rename(files.audit, elsewhere), 0);
	serve.look_due = 0;
	assert_int_equal(serve_time(&serve), 0);
	check_state(false);
	assert_int_equal(rename(elsewhere, files.audit), 0);
	serve.report.retry_due = 1;
	assert_int_equal(serve_time(&serve), 0);
	check_audit_done("one", 2, 2);
	check_state(true);
}

/* Replies may have left on the strength of what is gathered. */
static void test_log_of_what_was_not_written(void **state)
{
	char text[4096] = "";
	int saved = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC);

	(void)state;
	assert_true(saved >= 0 && log >= 0);
	journal_limit_size(100);
	send_batch("one", 1, 2);
	assert_int_equal(serve_readable(&serve), 0);
	check_state(false);
	send_batch("one", 3, 3);
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
	check_audit_done("one", 3, 3);
	assert_int_equal(journal_files_lines(files.audit), 4);
}

/* At the end nobody is waited for, although the pair is full. */
static void test_finish_without_a_reader(void **state)
{
	char full[DGRAM_MAX / 2] = { 0 };

	(void)state;
	while (send(serve.pair.fd, full, sizeof(full), MSG_DONTWAIT) > 0)
		;
	send_batch("one", 1, 1);
	assert_int_equal(serve_finish(&serve), 0);
	assert_int_equal(journal_files_lines(files.audit), 2);
}

static void test_rubbish_does_not_stop_it(void **state)
{
	(void)state;
	assert_int_equal(send(broker, "\xff\xff\xff", 3, 0), 3);
	assert_int_equal(send(broker, "\x7a\x00", 2, 0), 2); /* field 15: a message from a later version */
	send_batch("one", 1, 1);
	assert_int_equal(serve_readable(&serve), 0);
	check_audit_done("one", 1, 0);
	assert_false(serve.pair.closed);
}

static void test_no_replay_of_a_refused_journal(void **state)
{
	int fd = journal_files_open(files.keys);

	(void)state;
	assert_int_equal(serve_announce(&serve), 0);
	check_state(true);
	assert_int_equal(write(fd, "{}\n", 3), 3);
	close(fd);
	send_replay(1);
	assert_int_equal(serve_readable(&serve), 0);
	check_state(false);
	check_nothing();
}

static void test_finish(void **state)
{
	(void)state;
	serve.sync_us = 3600 * UINT64_C(1000000);
	for (uint64_t i = 0; i < 8; i++)
		send_batch("one", 2 * i + 1, 2 * i + 2);
	assert_int_equal(serve_finish(&serve), 0);
	check_audit_done("one", 16, 16);
	close(broker);
	broker = -1;
	assert_int_equal(serve_readable(&serve), 0);
	assert_true(serve.pair.closed);
}

/* A broker that reads nothing, and cekd that wants the end. */
static void test_control_ends_the_wait(void **state)
{
	char full[DGRAM_MAX / 2] = { 0 };

	(void)state;
	while (send(serve.pair.fd, full, sizeof(full), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(send(control, "x", 1, 0), 1);
	send_batch("one", 1, 1);
	assert_int_equal(serve_readable(&serve), 0);
	assert_int_equal(journal_files_lines(files.audit), 2);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define ROW_WAITING(test) cmocka_unit_test_setup_teardown(test, setup_waiting, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_announce), ROW(test_audit), ROW(test_sync_waits), ROW(test_rest),
		ROW(test_no_rest_while_more_waits), ROW(test_audit_durable),
		ROW(test_append), ROW(test_replay),
		ROW(test_replay_of_the_largest_record), ROW(test_full_disk), ROW(test_file_moved_away),
		ROW(test_rubbish_does_not_stop_it), ROW(test_much_waits_for_a_full_disk),
		ROW(test_log_of_what_was_not_written),
		ROW(test_finish_without_a_reader), ROW(test_no_replay_of_a_refused_journal), ROW(test_finish),
		ROW(test_control_ends_the_wait), ROW_WAITING(test_an_append_that_takes_time),
		ROW_WAITING(test_many_appends_that_take_time), ROW_WAITING(test_finish_with_an_append_under_way),
	};

	log_open("test");
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("serve", tests, NULL, NULL);
}
