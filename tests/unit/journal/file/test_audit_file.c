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
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/journal/counters.h"
#include "daemon/journal/file/audit_file.h"
#include "tests/unit/journal/journal_files.h"
#include "tests/unit/journal/journal_records.h"
#include "tests/unit/journal/store_calls.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

static struct journal_files files;
static struct journals journals;

static int setup(void **state)
{
	(void)state;
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

static void take(const char *instance, uint64_t first, uint64_t last, uint64_t acked)
{
	struct journal_batch *batch = journal_batch_new(instance, first, last);

	journal_batch_message(batch)->acked = acked;
	assert_int_equal(audit_take(journals.audit, journal_batch_message(batch)), 0);
	journal_batch_free(batch);
}

static void check_place(const char *instance, uint64_t written, uint64_t durable)
{
	struct audit_place place = audit_place(journals.audit);

	assert_string_equal(place.instance, instance);
	assert_int_equal(place.written, written);
	assert_int_equal(place.durable, durable);
}

/* In the audit journal only: the ring has no record that the broker does not know. */
static void test_open_is_the_first_record(void **state)
{
	char *audit = journal_files_read(files.audit);

	(void)state;
	assert_true(journals_ok(&journals));
	assert_int_equal(journal_files_lines(files.keys), 0);
	assert_memory_equal(audit, "{\"seq\":1,", 9);
	assert_non_null(strstr(audit, "\"type\":\"open\",\"version\":\"1.0\"}\n"));
	free(audit);
	restart();
	assert_int_equal(journal_files_lines(files.keys), 0);
	assert_int_equal(journal_files_lines(files.audit), 2);
}

/* Whether a start now, with what is in the files, warns that the audit journal is missing. */
static bool warns_of_an_empty_file(void)
{
	const char *warning = "audit.jsonl is empty, but the key journal is not";
	const int saved = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC);
	char text[4096] = "";

	assert_true(saved >= 0 && log >= 0);
	assert_true(dup2(log, STDERR_FILENO) >= 0);
	restart();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	assert_true(pread(log, text, sizeof(text) - 1, 0) >= 0);
	close(log);
	return strstr(text, warning);
}

/* A new installation has two empty files, and nobody is to be alarmed by that. */
static void test_an_empty_file_beside_keys_is_told(void **state)
{
	KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};

	(void)state;
	assert_int_equal(truncate(files.audit, 0), 0);
	assert_false(warns_of_an_empty_file());
	assert_int_equal(store_call_append(journals.store, records, 1).outcome, STORE_DONE);
	assert_false(warns_of_an_empty_file());
	assert_int_equal(truncate(files.audit, 0), 0);
	assert_true(warns_of_an_empty_file());
	assert_false(warns_of_an_empty_file()); /* it has its "open" */
}

/* cekd --check: nothing is written, and a key journal that cannot be read is no evidence of anything. */
static void test_looking_writes_nothing(void **state)
{
	KeyRecord record = journal_key_record("version", "a"), *records[] = {&record};

	(void)state;
	assert_int_equal(store_call_append(journals.store, records, 1).outcome, STORE_DONE);
	restart(); /* "open" tells of one record */
	for (int refused = 0; refused < 2; refused++) {
		const struct store_state keys = {.text = "", .refused = refused};
		struct evidence evidence = {0};
		struct audit_file_setup look = {
			.fd = journal_files_open(files.audit),
			.directory = files.at,
			.path = files.directory,
			.version = "1.0",
			.keys = &keys,
			.read_only = true,
		};
		struct audit *audit;

		assert_int_equal(audit_file_open(&look, &evidence, &audit), 0);
		assert_int_equal(evidence.outlived, !refused);
		audit_close(audit);
		assert_int_equal(journal_files_lines(files.audit), 2);
	}
}

/* Seen although nothing is written; written again, with what came meanwhile, when it is back. */
static void test_audit_is_away(void **state)
{
	char away[sizeof(files.audit) + 8];

	(void)state;
	snprintf(away, sizeof(away), "%s.away", files.audit);
	journals_look(&journals);
	assert_true(journals_ok(&journals));
	take("one", 1, 1, 0);
	audit_write(journals.audit);
	assert_int_equal(rename(files.audit, away), 0);
	audit_sync(journals.audit);
	check_place("one", 1, 0);
	assert_non_null(strstr(audit_state(journals.audit).text, "audit.jsonl: was moved away while cekd runs"));
	take("one", 2, 3, 1);
	audit_write(journals.audit);
	check_place("one", 1, 0);
	journals_retry(&journals);
	assert_false(journals_ok(&journals));
	assert_int_equal(rename(away, files.audit), 0);
	journals_retry(&journals);
	assert_true(journals_ok(&journals));
	check_place("one", 3, 3);
	assert_int_equal(journal_files_lines(files.audit), 4);
}

static void test_audit_numbers(void **state)
{
	(void)state;
	assert_null(audit_place(journals.audit).instance);
	take("one", 1, 3, 0);
	assert_int_equal(journal_files_lines(files.audit), 1);
	check_place("one", 0, 0);
	audit_write(journals.audit);
	assert_int_equal(journal_files_lines(files.audit), 4);
	check_place("one", 3, 0);
	assert_true(audit_state(journals.audit).unsynced);
	audit_sync(journals.audit);
	assert_false(audit_state(journals.audit).unsynced);
	check_place("one", 3, 3);

	take("one", 2, 5, 0); /* two known, two new */
	take("one", 7, 8, 0); /* beyond a gap */
	audit_write(journals.audit);
	check_place("one", 5, 3);
	assert_int_equal(journal_files_lines(files.audit), 6);
	take("one", 4, 8, 3);
	audit_write(journals.audit);
	check_place("one", 8, 3);
	assert_int_equal(journal_files_lines(files.audit), 9);
	assert_int_equal(audit_state(journals.audit).gathered, 0);
}

/* What is in the file after a crash is not written again; what is not there comes again. */
static void test_audit_numbers_after_a_restart(void **state)
{
	(void)state;
	take("old", 1, 9, 0);
	take("one", 1, 3, 0);
	audit_write(journals.audit);
	restart();
	take("one", 5, 6, 0); /* sent before the broker knew of the restart; 4 died with the old process */
	check_place("one", 3, 3);
	take("one", 2, 6, 0);
	audit_write(journals.audit);
	check_place("one", 6, 3);
	take("old", 9, 10, 0);
	audit_write(journals.audit);
	check_place("old", 10, 9);
	assert_int_equal(journal_files_lines(files.audit), 2 + 10 + 6);
}

/* The file was replaced while the broker went on. */
static void test_audit_in_a_new_file(void **state)
{
	(void)state;
	take("one", 501, 502, 0);
	check_place("one", 0, 0);
	assert_int_equal(audit_state(journals.audit).gathered, 0);
	take("one", 501, 502, 500);
	audit_write(journals.audit);
	check_place("one", 502, 500);
}

static void test_many_instances(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 2 * COUNTERS_INSTANCES; i++) {
		snprintf(name, sizeof(name), "i%u", i);
		take(name, 1, 1, 0);
	}
	audit_write(journals.audit);
	take(name, 1, 1, 0);
	snprintf(name, sizeof(name), "i%u", COUNTERS_INSTANCES);
	take(name, 1, 1, 0);
	assert_int_equal(audit_state(journals.audit).gathered, 0);
	assert_int_equal(journal_files_lines(files.audit), 1 + 2 * COUNTERS_INSTANCES);
}

static void test_bad_batches(void **state)
{
	char longest[COUNTERS_INSTANCE_MAX + 2];
	struct journal_batch *batch = journal_batch_new("", 1, 1);

	(void)state;
	assert_int_equal(audit_take(journals.audit, journal_batch_message(batch)), -EINVAL);
	memset(longest, 'i', sizeof(longest));
	longest[COUNTERS_INSTANCE_MAX + 1] = 0;
	journal_batch_message(batch)->instance = longest;
	assert_int_equal(audit_take(journals.audit, journal_batch_message(batch)), -EINVAL);
	longest[COUNTERS_INSTANCE_MAX] = 0;
	journal_batch_message(batch)->record[0]->time = UINT64_MAX;
	assert_int_equal(audit_take(journals.audit, journal_batch_message(batch)), -ERANGE);
	journal_batch_message(batch)->record[0]->time = 1;
	assert_int_equal(audit_take(journals.audit, journal_batch_message(batch)), 0);
	journal_batch_free(batch);
}

/* Records wait in memory up to a bound, and the rest comes again. */
static void test_audit_on_a_full_disk(void **state)
{
	enum { A_BATCH = 1000 };
	uint64_t n = 0;
	size_t gathered;

	(void)state;
	journal_limit_size(200);
	do {
		gathered = audit_state(journals.audit).gathered;
		take("one", n + 1, n + A_BATCH, 0);
		n += A_BATCH;
		audit_write(journals.audit);
		assert_false(journals_ok(&journals));
		check_place("one", 0, 0);
	} while (audit_state(journals.audit).gathered > gathered);
	assert_true(gathered > AUDIT_GATHERED_MAX && gathered < AUDIT_GATHERED_MAX + 4096);
	assert_int_equal(journal_files_lines(files.audit), 1);
	journal_no_limit();
	journals_retry(&journals);
	assert_true(journals_ok(&journals));
	n = audit_place(journals.audit).written;
	assert_true(n > A_BATCH);
	check_place("one", n, n);
	take("one", n - 5, n + 5, 0);
	audit_write(journals.audit);
	check_place("one", n + 5, n);
	assert_int_equal(journal_files_lines(files.audit), 1 + n + 5);
	restart();
	assert_true(journals_ok(&journals));
}

static void test_start_on_a_full_disk(void **state)
{
	(void)state;
	journal_limit_size(200);
	restart();
	assert_false(journals_ok(&journals));
	assert_int_equal(journal_files_lines(files.audit), 1);
	journal_no_limit();
	journals_retry(&journals);
	assert_true(journals_ok(&journals));
	assert_int_equal(journal_files_lines(files.audit), 2);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_open_is_the_first_record),
		ROW(test_an_empty_file_beside_keys_is_told),
		ROW(test_looking_writes_nothing),
		ROW(test_audit_is_away),
		ROW(test_audit_numbers),
		ROW(test_audit_numbers_after_a_restart),
		ROW(test_audit_in_a_new_file),
		ROW(test_many_instances),
		ROW(test_bad_batches),
		ROW(test_audit_on_a_full_disk),
		ROW(test_start_on_a_full_disk),
	};

	log_open("test");
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("audit_file", tests, NULL, NULL);
}
