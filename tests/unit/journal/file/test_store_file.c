/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/journal/file/audit_file.h"
#include "daemon/journal/file/store_file.h"
#include "tests/unit/journal/journal_files.h"
#include "tests/unit/journal/journal_records.h"
#include "tests/unit/journal/store_calls.h"
#include "tests/unit/journal/store_contract.h"
#include "tests/unit/scarce.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

static struct journal_files files;
static struct journals journals;
static int sync_error;
static unsigned syncs;
static const char *moved_in_sync[2]; /* from, to */

/* In place of the C library's. */
int fdatasync(int fd)
{
	syncs++;
	if (moved_in_sync[0])
		(void)rename(moved_in_sync[0], moved_in_sync[1]);
	if (sync_error) {
		errno = sync_error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static struct store *open_store(void)
{
	struct store *store;

	return store_file_open(journal_files_open(files.keys), files.at, files.directory, &store) == 0 ? store : NULL;
}

/* Nobody else may write to a file that is in use. */
static const struct store_maker maker = {.open = open_store};

static int contract_setup(void **state)
{
	sync_error = 0;
	journal_files_make(&files);
	*state = (void *)(uintptr_t)&maker;
	return 0;
}

static int contract_teardown(void **state)
{
	(void)state;
	journal_files_remove(&files);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	sync_error = 0;
	journal_files_make(&files);
	journal_files_begin(&files, &journals);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	journal_no_limit();
	journal_files_end(&journals);
	journal_files_remove(&files);
	return 0;
}

static void restart(void)
{
	journal_files_end(&journals);
	journal_files_begin(&files, &journals);
}

/* One record; *ret_seq is touched only if it is there. */
static enum store_outcome append(const char *type, const char *key, uint64_t *ret_seq)
{
	KeyRecord record = journal_key_record(type, key), *records[] = {&record};
	struct store_call call = store_call_append(journals.store, records, 1);

	if (call.outcome == STORE_DONE)
		*ret_seq = call.head.seq;
	return call.outcome;
}

/* Nothing is written, and why begins with the file and says this. */
static void check_failed(const char *text)
{
	KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};
	struct chain_head before = store_state(journals.store).head;
	struct store_call call = store_call_append(journals.store, records, 1);

	assert_int_equal(call.outcome, STORE_FAILED);
	assert_memory_equal(call.why, files.keys, strlen(files.keys));
	if (!strstr(call.why, text))
		fail_msg("%s, not %s", call.why, text);
	assert_int_equal(call.head.seq, before.seq);
	assert_string_equal(call.head.hash, before.hash);
}

static int see(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	(void)record;
	(void)head;
	++*(unsigned *)userdata;
	return 0;
}

/* However many records, one fdatasync. */
static void test_append_is_one_write(void **state)
{
	KeyRecord first = journal_key_record("version", "a"), second = journal_key_record("state", "b");
	KeyRecord *records[] = {&first, &second};
	struct store_call call;
	uint64_t seq = 0;

	(void)state;
	syncs = 0;
	call = store_call_append(journals.store, records, 2);
	assert_int_equal(call.outcome, STORE_DONE);
	assert_int_equal(call.head.seq, 2);
	assert_int_equal(syncs, 1);
	assert_int_equal(journal_files_lines(files.keys), 2);
	restart();
	assert_int_equal(append("version", "c", &seq), STORE_DONE);
	assert_int_equal(seq, 3);
}

static void test_append_on_a_full_disk(void **state)
{
	uint64_t seq = 77;

	(void)state;
	journal_limit_size(100); /* a part of the line */
	check_failed(": cannot be written: File too large");
	assert_int_equal(seq, 77);
	assert_false(journals_ok(&journals));
	assert_non_null(strstr(store_state(journals.store).text, "keys.jsonl: cannot be written"));
	assert_string_equal(audit_state(journals.audit).text, "ok");
	journals_retry(&journals);
	assert_false(journals_ok(&journals));
	assert_int_equal(journal_files_lines(files.keys), 0);
	journal_no_limit();
	journals_retry(&journals);
	assert_true(journals_ok(&journals));
	assert_int_equal(append("version", "a", &seq), STORE_DONE);
	assert_int_equal(seq, 1);
}

/* It is no fault of the record: the same one is taken when there is memory again. */
static void test_append_without_memory(void **state)
{
	KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};
	struct store_call call;
	size_t n = 0;

	(void)state;
	do {
		scarce_arm(++n);
		scarce_on(true);
		call = store_call_append(journals.store, records, 1);
		scarce_on(false);
		assert_int_equal(call.outcome, scarce_failed() ? STORE_FAILED : STORE_DONE);
	} while (scarce_failed());
	assert_true(n > 1);
	assert_int_equal(call.head.seq, 1);
	assert_int_equal(journal_files_lines(files.keys), 1);
}

static void test_append_without_durability(void **state)
{
	uint64_t seq = 77;
	unsigned seen = 0;

	(void)state;
	sync_error = EIO;
	check_failed(": fdatasync: Input/output error");
	sync_error = 0;
	assert_int_equal(journal_files_lines(files.keys), 0);
	journals_retry(&journals);
	assert_false(journals_ok(&journals));
	assert_true(store_state(journals.store).refused);
	check_failed(": fdatasync: Input/output error");
	assert_int_equal(store_read_from(journals.store, 1, see, &seen), -EROFS);
	assert_int_equal(seen, 0);
	restart();
	assert_true(journals_ok(&journals));
	assert_int_equal(append("version", "a", &seq), STORE_DONE);
	assert_int_equal(seq, 1);
}

/* A record is not durable while its file is not where the next start looks for it, and none of it is there later. */
static void test_append_while_the_file_is_away(void **state)
{
	char away[sizeof(files.keys) + 8];
	uint64_t seq = 77;

	(void)state;
	snprintf(away, sizeof(away), "%s.away", files.keys);
	moved_in_sync[0] = files.keys;
	moved_in_sync[1] = away;
	check_failed(": was moved away while cekd runs");
	moved_in_sync[0] = NULL;
	assert_int_equal(seq, 77);
	assert_non_null(strstr(store_state(journals.store).text, "keys.jsonl: was moved away while cekd runs"));
	assert_string_equal(audit_state(journals.audit).text, "ok");
	assert_false(journals_ok(&journals));
	check_failed(": was moved away while cekd runs");
	journals_retry(&journals);
	assert_false(journals_ok(&journals));
	assert_int_equal(journal_files_lines(away), 0);
	assert_int_equal(rename(away, files.keys), 0);
	journals_retry(&journals);
	assert_true(journals_ok(&journals));
	assert_int_equal(append("version", "b", &seq), STORE_DONE);
	assert_int_equal(seq, 1);
	restart();
	assert_true(journals_ok(&journals));
	assert_int_equal(journal_files_lines(files.keys), 1);
}

static void test_files_that_are_away_at_the_start(void **state)
{
	const char *paths[] = {files.keys, files.audit};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int keys_fd = journal_files_open(files.keys), audit_fd = journal_files_open(files.audit);
		struct audit_file_setup audit = {
			.fd = audit_fd,
			.directory = files.at,
			.path = files.directory,
			.version = "1.0",
		};
		struct store_state keys;

		journal_files_end(&journals);
		assert_int_equal(unlink(paths[i]), 0);
		assert_int_equal(store_file_open(keys_fd, files.at, files.directory, &journals.store), 0);
		keys = store_state(journals.store);
		audit.keys = &keys;
		journals.evidence = (struct evidence){0};
		assert_int_equal(audit_file_open(&audit, &journals.evidence, &journals.audit), 0);
		assert_false(journals_ok(&journals));
		assert_int_equal(i, strcmp(store_state(journals.store).text, "ok") == 0);
		restart();
		assert_true(journals_ok(&journals));
	}
}

static void test_unreadable_record_is_refused_at_the_start(void **state)
{
	uint64_t seq;
	char *text;
	FILE *file;

	(void)state;
	assert_int_equal(append("version", "a", &seq), STORE_DONE);
	text = journal_files_read(files.keys);
	/* A good chain of a line that no record is. */
	file = fopen(files.keys, "w");
	assert_non_null(file);
	text[strlen(text) - 2] = 0;
	fprintf(file, "%s,\"surprise\":1}\n", text);
	fclose(file);
	free(text);
	restart();
	assert_false(journals_ok(&journals));
	assert_non_null(strstr(store_state(journals.store).text, "keys.jsonl:1: member \"surprise\" is not known"));
	assert_int_equal(journal_files_lines(files.keys), 1);
	assert_string_equal(audit_state(journals.audit).text, "ok");
}

/* ---- another process writes ------------------------------------------------------------------------------------- */

struct told {
	unsigned n;
	uint64_t last;
};

static int on_record(void *userdata, const KeyRecord *record, const struct chain_head *head)
{
	struct told *told = userdata;

	(void)record;
	assert_int_equal(head->seq, told->last + 1);
	told->last = head->seq;
	told->n++;
	return 0;
}

static void put(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* It reads what is whole, changes nothing, and goes on where it was; in the end it cuts off what stays half. */
static void test_follow(void **state)
{
	const struct audit_file_setup setup = {
		.fd = journal_files_open(files.audit),
		.directory = files.at,
		.path = files.directory,
		.version = "test",
	};
	struct journals mine = {0};
	struct told told = {0};
	struct store_state keys;
	char *before, *after;
	uint64_t seq;

	(void)state;
	assert_int_equal(append("version", "a", &seq), STORE_DONE);
	assert_int_equal(append("version", "b", &seq), STORE_DONE);
	assert_int_equal(store_file_stand_by(journal_files_open(files.keys), files.at, files.directory, &mine.store),
		0);
	assert_int_equal(audit_file_stand_by(&setup, &mine.evidence, &mine.audit), 0);
	assert_int_equal(store_follow(mine.store, false, on_record, &told), 0);
	assert_int_equal(audit_follow(mine.audit, NULL), 0);
	assert_int_equal(told.n, 2);
	assert_int_equal(append("version", "c", &seq), STORE_DONE);
	journal_files_end(&journals);
	put(files.keys, "{\"seq\":4", 8);
	before = journal_files_read(files.keys);
	assert_int_equal(store_follow(mine.store, false, on_record, &told), 0);
	after = journal_files_read(files.keys);
	assert_string_equal(before, after);
	assert_int_equal(told.n, 3);
	free(after);
	assert_int_equal(store_follow(mine.store, true, on_record, &told), 0);
	assert_int_equal(told.n, 3);
	after = journal_files_read(files.keys);
	assert_int_equal(strlen(after), strlen(before) - 8);
	free(before);
	free(after);
	keys = store_state(mine.store);
	assert_true(keys.ok);
	assert_int_equal(keys.head.seq, 3);
	assert_int_equal(journal_files_lines(files.audit), 1);
	assert_int_equal(audit_follow(mine.audit, &keys), 0);
	assert_int_equal(journal_files_lines(files.audit), 2); /* "open" */
	journals = mine;
	assert_int_equal(append("version", "d", &seq), STORE_DONE);
	assert_int_equal(seq, 4);
	restart();
	assert_true(journals_ok(&journals));
}

/* A chain that is broken is none to stand by for. */
static void test_follow_what_is_no_chain(void **state)
{
	struct told told = {0};
	struct store *store;
	uint64_t seq;

	(void)state;
	assert_int_equal(append("version", "a", &seq), STORE_DONE);
	put(files.keys, "{}\n", 3);
	assert_int_equal(store_file_stand_by(journal_files_open(files.keys), files.at, files.directory, &store), 0);
	assert_int_equal(store_follow(store, false, on_record, &told), -EBADMSG);
	assert_false(store_state(store).ok);
	store_close(store);
}

static void count_busy(void *userdata)
{
	++*(unsigned *)userdata;
}

/* Whoever judges the process hears of it while it reads a long journal. */
static void test_a_long_journal_is_told_of(void **state)
{
	enum { N = 1030 };
	KeyRecord record = journal_key_record("version", "a"), *records[N];
	struct chain_head head;
	char why[STORE_WHY_MAX] = "";
	unsigned times = 0;

	(void)state;
	for (size_t i = 0; i < N; i++)
		records[i] = &record;
	assert_int_equal(store_call_append(journals.store, records, N).outcome, STORE_DONE);
	head = store_state(journals.store).head;
	assert_int_equal(store_holds(journals.store, &head, why), 0); /* nobody wants to know */
	journals.store->busy = count_busy;
	journals.store->busy_userdata = &times;
	assert_int_equal(store_holds(journals.store, &head, why), 0);
	assert_int_equal(times, 1);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_CONTRACT(contract_setup, contract_teardown),
		ROW(test_append_is_one_write),
		ROW(test_append_on_a_full_disk),
		ROW(test_append_without_memory),
		ROW(test_append_without_durability),
		ROW(test_append_while_the_file_is_away),
		ROW(test_files_that_are_away_at_the_start),
		ROW(test_unreadable_record_is_refused_at_the_start),
		ROW(test_a_long_journal_is_told_of),
		ROW(test_follow),
		ROW(test_follow_what_is_no_chain),
	};

	log_open("test");
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("store_file", tests, NULL, NULL);
}
