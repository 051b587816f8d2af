/* SPDX-License-Identifier: Apache-2.0 */
/* The program cekd-journal, started as cekd does, with a stub for cekd and for the broker. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
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

#include "daemon/shared/testhook.h"
#include "proto/dgram.h"
#include "tests/unit/journal/journal_files.h"
#include "tests/unit/journal/journal_records.h"

typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__ToJournal ToJournal;
typedef Cek__Internal__V1__KeyRecord KeyRecord;

static struct journal_files files;
static char program[512];
static int pair[2]; /* as cekd keeps it: 0 for the journal, 1 for the broker */
static int control; /* cekd's end */
static pid_t pid;
static int page_fd = -1; /* with test hooks only */
static uint8_t buffer[DGRAM_MAX];

static void start(void)
{
	int fds[2];

	assert_int_equal(dgram_pair(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (fds[0] == 3)
			fcntl(3, F_SETFD, 0);
		else
			dup2(fds[0], 3);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(fds[0]);
	control = fds[1];
}

static void send_setup(size_t n_fds, bool stands_by)
{
	Cek__Internal__V1__Setup setup = CEK__INTERNAL__V1__SETUP__INIT;
	Cek__Internal__V1__JournalSetup journal = CEK__INTERNAL__V1__JOURNAL_SETUP__INIT;
	static const uint8_t key[32];
	int fds[6] = {pair[0], journal_files_open(files.keys), journal_files_open(files.audit),
		journal_files_directory(&files), memfd_create("receipts", MFD_CLOEXEC), page_fd};

	assert_int_equal(write(fds[4], key, sizeof(key)), sizeof(key));

	journal.directory = files.directory;
	journal.sync_ms = 1;
	journal.stand_by = stands_by;
	journal.version = (char *)"1.0";
	setup.role_case = CEK__INTERNAL__V1__SETUP__ROLE_JOURNAL;
	setup.journal = &journal;
	setup.sandbox = (char *)"auto";
	setup.test_clock = page_fd >= 0;
	assert_int_equal(dgram_send(control, &setup.base, fds, n_fds + (page_fd >= 0)), 0);
	close(fds[1]);
	close(fds[2]);
	close(fds[3]);
	close(fds[4]);
}

/* Waits; the harness has a time limit of its own. */
static FromJournal *receive(void)
{
	struct pollfd readable = {.fd = pair[1], .events = POLLIN};
	FromJournal *message;
	ssize_t len;

	assert_int_equal(poll(&readable, 1, -1), 1);
	len = dgram_recv(pair[1], 0, buffer, sizeof(buffer), NULL, 0, NULL);
	assert_true(len > 0);
	message = cek__internal__v1__from_journal__unpack(NULL, (size_t)len, buffer);
	assert_non_null(message);
	if (message->what_case == CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_ROOM) { /* comes when it has changed */
		cek__internal__v1__from_journal__free_unpacked(message, NULL);
		return receive();
	}
	return message;
}

static void receive_state(void)
{
	FromJournal *message = receive();

	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE);
	assert_true(message->state->ok);
	assert_true(strlen(message->state->sandbox) > 0);
	cek__internal__v1__from_journal__free_unpacked(message, NULL);
}

static void receive_audit_done(uint64_t durable)
{
	for (uint64_t seen = 0; seen < durable;) {
		FromJournal *message = receive();

		assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE);
		assert_true(message->audit_done->durable >= seen);
		seen = message->audit_done->durable;
		assert_true(seen <= durable);
		cek__internal__v1__from_journal__free_unpacked(message, NULL);
	}
}

static void receive_ready(void)
{
	Cek__Internal__V1__Control *message;
	ssize_t len = dgram_recv(control, 0, buffer, sizeof(buffer), NULL, 0, NULL);

	assert_true(len > 0);
	message = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_READY);
	cek__internal__v1__control__free_unpacked(message, NULL);
}

static void start_whole(void)
{
	start();
	send_setup(5, false);
	receive_state();
	receive_ready();
}

static int wait_status(void)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	pid = 0;
	close(control);
	return status;
}

static int drained_status(void)
{
	Cek__Internal__V1__Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Drain drain = CEK__INTERNAL__V1__DRAIN__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN;
	message.drain = &drain;
	assert_int_equal(dgram_send(control, &message.base, NULL, 0), 0);
	return wait_status();
}

static void kill_it(void)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_true(WIFSIGNALED(wait_status()));
}

static void send_batch(uint64_t first, uint64_t last)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	struct journal_batch *batch = journal_batch_new("one", first, last);

	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_AUDIT;
	message.audit = journal_batch_message(batch);
	assert_int_equal(dgram_send(pair[1], &message.base, NULL, 0), 0);
	journal_batch_free(batch);
}

static void send_append(const char *key, uint64_t id)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	Cek__Internal__V1__AppendKey append_key = CEK__INTERNAL__V1__APPEND_KEY__INIT;
	KeyRecord first = journal_key_record("rules", key), second = journal_key_record("rules", key),
		  *records[] = {&first, &second};

	first.time = second.time = 0; /* the journal's to give */
	append_key.id = id;
	append_key.record = records;
	append_key.n_record = 2;
	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY;
	message.append_key = &append_key;
	assert_int_equal(dgram_send(pair[1], &message.base, NULL, 0), 0);
}

/* Two records, the last of which gets this seq. */
static void append(const char *key, uint64_t seq)
{
	FromJournal *answer;

	send_append(key, seq);
	answer = receive();
	assert_int_equal(answer->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED);
	assert_true(answer->appended->ok);
	assert_int_equal(answer->appended->last_seq, seq);
	cek__internal__v1__from_journal__free_unpacked(answer, NULL);
}

/* so_far: there may be more. */
static void check_replay_of(uint64_t n, bool so_far)
{
	ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	Cek__Internal__V1__Replay replay = CEK__INTERNAL__V1__REPLAY__INIT;
	FromJournal *answer;

	replay.id = 1;
	message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY;
	message.replay = &replay;
	assert_int_equal(dgram_send(pair[1], &message.base, NULL, 0), 0);
	answer = receive();
	assert_int_equal(answer->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
	assert_int_equal(answer->replay->n_record, n);
	assert_int_equal(answer->replay->so_far, so_far);
	assert_int_equal(answer->replay->end, !so_far);
	cek__internal__v1__from_journal__free_unpacked(answer, NULL);
}

static void check_replay(uint64_t n)
{
	check_replay_of(n, false);
}

static int setup(void **state)
{
	const char *build = getenv("CEK_BUILD");

	(void)state;
	if (!build) {
		print_error("CEK_BUILD must name the build folder\n");
		return -1;
	}
	snprintf(program, sizeof(program), "%s/daemon/cekd-journal", build);
	journal_files_make(&files);
	return dgram_pair(pair);
}

static int teardown(void **state)
{
	(void)state;
	if (pid > 0)
		kill_it();
	close(pair[0]);
	close(pair[1]);
	journal_files_remove(&files);
	return 0;
}

static void test_life(void **state)
{
	(void)state;
	start_whole();
	check_replay(0);
	append("a", 2);
	send_batch(1, 100);
	receive_audit_done(100);
	assert_int_equal(kill(pid, SIGTERM), 0); /* it ends when cekd says so */
	append("b", 4);
	send_batch(101, 101);
	assert_int_equal(drained_status(), 0);
	receive_audit_done(101);
	assert_int_equal(journal_files_lines(files.keys), 4);
	assert_int_equal(journal_files_lines(files.audit), 102);
}

/* Records sent to a dead journal wait in the pair; a killed one forgets nothing that it had acknowledged. */
static void test_killed(void **state)
{
	(void)state;
	start_whole();
	check_replay(0);
	append("a", 2);
	send_batch(1, 10);
	receive_audit_done(10);
	kill_it();
	send_batch(9, 20);
	start_whole();
	receive_audit_done(20);
	check_replay(2);
	append("b", 4);
	kill_it();
	start_whole();
	check_replay(4);
	assert_int_equal(journal_files_lines(files.audit), 3 + 20);
}

#ifdef CEK_TEST_HOOKS
static volatile struct testhook_page *page;

static void arm(const char *step)
{
	page->hit_pid = 0;
	memcpy((char *)(uintptr_t)page->armed, step, strlen(step) + 1);
}

static void kill_when_hit(void)
{
	while (page->hit_pid != (uint32_t)pid)
		sched_yield();
	arm("");
	kill_it();
}

/* Killed right before a write nothing of it is there, right after it everything; in both cases it goes on. */
static void test_killed_around_a_write(void **state)
{
	(void)state;
	page_fd = memfd_create("page", MFD_CLOEXEC);
	assert_true(page_fd >= 0);
	assert_int_equal(ftruncate(page_fd, sizeof(*page)), 0);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	assert_true(page != MAP_FAILED);
	start_whole();
	check_replay(0);
	arm("journal.before-write");
	send_append("a", 1);
	kill_when_hit();
	start_whole();
	check_replay(0);
	arm("journal.after-write");
	send_append("a", 2);
	kill_when_hit();
	start_whole();
	check_replay(2);
	arm("journal.before-write");
	send_batch(1, 5);
	kill_when_hit();
	start_whole();
	send_batch(1, 8);
	receive_audit_done(8);
	assert_int_equal(drained_status(), 0);
	munmap((void *)(uintptr_t)page, sizeof(*page));
	close(page_fd);
	page_fd = -1;
	assert_int_equal(journal_files_lines(files.audit), 4 + 8);
}
#endif

static void test_cekd_is_gone(void **state)
{
	(void)state;
	start_whole();
	send_batch(1, 5);
	close(control);
	control = -1;
	/* A broker that has not noticed yet. */
	send_batch(6, 8);
	close(pair[0]);
	close(pair[1]);
	pair[0] = pair[1] = -1;
	assert_int_equal(wait_status(), 0);
	assert_int_equal(journal_files_lines(files.audit), 9);
}

static void take_over(void)
{
	Cek__Internal__V1__Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__TakeOver take_over = CEK__INTERNAL__V1__TAKE_OVER__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_TAKE_OVER;
	message.take_over = &take_over;
	assert_int_equal(dgram_send(control, &message.base, NULL, 0), 0);
}

/* It is ready and answers before it has a state, and writes nothing; both come when it takes over. */
static void test_stands_by(void **state)
{
	FromJournal *message;

	(void)state;
	start();
	send_setup(5, true);
	receive_ready();
	check_replay_of(0, true);
	assert_int_equal(journal_files_lines(files.audit), 0);
	take_over();
	message = receive();
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY);
	assert_true(message->replay->end);
	cek__internal__v1__from_journal__free_unpacked(message, NULL);
	receive_state();
	append("a", 2);
	assert_int_equal(drained_status(), 0);
	assert_int_equal(journal_files_lines(files.audit), 1);
}

static void test_bad_setup(void **state)
{
	(void)state;
	start();
	send_setup(4, false);
	assert_int_equal(WEXITSTATUS(wait_status()), 1);
	start();
	close(control);
	control = -1;
	assert_int_equal(WEXITSTATUS(wait_status()), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
#ifdef CEK_TEST_HOOKS
		cmocka_unit_test_setup_teardown(test_killed_around_a_write, setup, teardown),
#endif
		cmocka_unit_test_setup_teardown(test_cekd_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stands_by, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_setup, setup, teardown),
	};

	return cmocka_run_group_tests_name("journal_main", tests, NULL, NULL);
}
