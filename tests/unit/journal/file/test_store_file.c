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
#include "daemon/journal/store.h"
#include "tests/unit/journal/journal_files.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

static struct journal_files files;
static struct store *store;
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

static int setup(void **state)
{
	(void)state;
	sync_error = 0;
	journal_files_make(&files);
	store = journal_files_store(&files);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	journal_no_limit();
	store = store_free(store);
	journal_files_remove(&files);
	return 0;
}

static void restart(void)
{
	store_free(store);
	store = journal_files_store(&files);
}

static int append(const char *type, const char *key, uint64_t *ret_seq)
{
	KeyRecord record = journal_key_record(type, key), *records[] = { &record };
	char why[STORE_WHY_MAX];

	return store_append_keys(store, records, 1, why, ret_seq);
}

static void take(const char *instance, uint64_t first, uint64_t last, uint64_t acked)
{
	struct journal_batch *batch = journal_batch_new(instance, first, last);

	journal_batch_message(batch)->acked = acked;
	assert_int_equal(store_audit_take(store, journal_batch_message(batch)), 0);
	journal_batch_free(batch);
}

static void check_place(const char *instance, uint64_t written, uint64_t durable)
{
	struct store_audit_place place = store_audit_place(store);

	assert_string_equal(place.instance, instance);
	assert_int_equal(place.written, written);
	assert_int_equal(place.durable, durable);
}

struct seen {
	unsigned n;
	uint64_t seq[64];
	bool more[64];
	char key[64][16];
};

static int see(void *userdata, const KeyRecord *record)
{
	struct seen *seen = userdata;

	seen->seq[seen->n] = record->seq;
	seen->more[seen->n] = record->more;
	snprintf(seen->key[seen->n], sizeof(seen->key[0]), "%s", record->key);
	seen->n++;
	return 0;
}

/* In the audit journal only: the ring has no record that the broker does not know. */
static void test_open_is_the_first_record(void **state)
{
	char *audit = journal_files_read(files.audit);

	(void)state;
	assert_true(store_ok(store));
	assert_int_equal(journal_files_lines(files.keys), 0);
	assert_memory_equal(audit, "{\"seq\":1,", 9);
	assert_non_null(strstr(audit, "\"type\":\"open\",\"version\":\"1.0\"}\n"));
	free(audit);
	restart();
	assert_int_equal(journal_files_lines(files.keys), 0);
	assert_int_equal(journal_files_lines(files.audit), 2);
}

static void test_append_and_read(void **state)
{
	KeyRecord first = journal_key_record("version", "a"), second = journal_key_record("state", "b"), *records[] = { &first, &second };
	struct seen seen = { 0 };
	char why[STORE_WHY_MAX];
	uint64_t seq = 0;

	(void)state;
	first.more = 0;
	second.more = 1; /* the journal's own member, whatever the broker says */
	syncs = 0;
	assert_int_equal(store_append_keys(store, records, 2, why, &seq), 0);
	assert_int_equal(seq, 2);
	assert_int_equal(syncs, 1);
	restart();
	assert_int_equal(append("version", "c", &seq), 0);
	assert_int_equal(seq, 3);
	assert_int_equal(store_read_keys(store, see, &seen), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.seq[2], 3);
	assert_string_equal(seen.key[0], "a");
	assert_string_equal(seen.key[1], "b");
	assert_true(seen.more[0]);
	assert_false(seen.more[1]);
	assert_string_equal(seen.key[2], "c");
}

/* All or none: the second record of three cannot be written. */
static void test_append_refuses(void **state)
{
	KeyRecord good = journal_key_record("version", "a"), bad, *records[] = { &good, &bad, &good };
	char why[STORE_WHY_MAX], *reason = calloc(1, STORE_RECORD_MAX + 1);
	uint64_t seq = 77;

	(void)state;
	assert_non_null(reason);
	assert_int_equal(store_append_keys(store, records, 0, why, &seq), -EINVAL);
	bad = journal_key_record("version", "\xff");
	assert_int_equal(store_append_keys(store, records, 3, why, &seq), -EILSEQ);
	assert_string_equal(why, "record 2 of 3 (version) holds a string that is not UTF-8");
	bad = journal_key_record("", "a");
	assert_int_equal(store_append_keys(store, records, 3, why, &seq), -EINVAL);
	bad = journal_key_record("version", "a");
	bad.time = 0;
	assert_int_equal(store_append_keys(store, records, 3, why, &seq), -EINVAL);
	memset(reason, 'x', STORE_RECORD_MAX);
	bad = journal_key_record("version", "a");
	bad.reason = reason;
	assert_int_equal(store_append_keys(store, records, 3, why, &seq), -ERANGE);
	free(reason);
	assert_int_equal(seq, 77);
	assert_true(store_ok(store));
	assert_int_equal(journal_files_lines(files.keys), 0);
	assert_int_equal(append("version", "a", &seq), 0);
	assert_int_equal(seq, 1);
}

static void test_append_on_a_full_disk(void **state)
{
	uint64_t seq = 77;

	(void)state;
	journal_limit_size(100); /* a part of the line */
	assert_int_equal(append("version", "a", &seq), -EFBIG);
	assert_int_equal(seq, 77);
	assert_false(store_ok(store));
	assert_non_null(strstr(store_keys_state(store), "keys.jsonl: cannot be written"));
	assert_string_equal(store_audit_state(store), "ok");
	store_retry(store);
	assert_false(store_ok(store));
	assert_int_equal(journal_files_lines(files.keys), 0);
	journal_no_limit();
	store_retry(store);
	assert_true(store_ok(store));
	assert_int_equal(append("version", "a", &seq), 0);
	assert_int_equal(seq, 1);
}

static void test_append_without_durability(void **state)
{
	uint64_t seq = 77;

	(void)state;
	sync_error = EIO;
	assert_int_equal(append("version", "a", &seq), -EIO);
	sync_error = 0;
	assert_int_equal(journal_files_lines(files.keys), 0);
	store_retry(store);
	assert_false(store_ok(store));
	assert_int_equal(append("version", "a", &seq), -EROFS);
	assert_int_equal(store_read_keys(store, see, NULL), -EROFS);
	restart();
	assert_true(store_ok(store));
	assert_int_equal(append("version", "a", &seq), 0);
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
	assert_int_equal(append("version", "a", &seq), -ESTALE);
	moved_in_sync[0] = NULL;
	assert_int_equal(seq, 77);
	assert_non_null(strstr(store_keys_state(store), "keys.jsonl: was moved away while cekd runs"));
	assert_string_equal(store_audit_state(store), "ok");
	assert_false(store_ok(store));
	assert_int_equal(append("version", "a", &seq), -ESTALE);
	store_retry(store);
	assert_false(store_ok(store));
	assert_int_equal(journal_files_lines(away), 0);
	assert_int_equal(rename(away, files.keys), 0);
	store_retry(store);
	assert_true(store_ok(store));
	assert_int_equal(append("version", "b", &seq), 0);
	assert_int_equal(seq, 1);
	restart();
	assert_true(store_ok(store));
	assert_int_equal(journal_files_lines(files.keys), 1);
}

/* Seen although nothing is written; written again, with what came meanwhile, when it is back. */
static void test_audit_is_away(void **state)
{
	char away[sizeof(files.audit) + 8];

	(void)state;
	snprintf(away, sizeof(away), "%s.away", files.audit);
	store_look(store);
	assert_true(store_ok(store));
	take("one", 1, 1, 0);
	store_audit_write(store);
	assert_int_equal(rename(files.audit, away), 0);
	store_audit_sync(store);
	check_place("one", 1, 0);
	assert_non_null(strstr(store_audit_state(store), "audit.jsonl: was moved away while cekd runs"));
	take("one", 2, 3, 1);
	store_audit_write(store);
	check_place("one", 1, 0);
	store_retry(store);
	assert_false(store_ok(store));
	assert_int_equal(rename(away, files.audit), 0);
	store_retry(store);
	assert_true(store_ok(store));
	check_place("one", 3, 3);
	assert_int_equal(journal_files_lines(files.audit), 4);
}

static void test_files_that_are_away_at_the_start(void **state)
{
	const char *paths[] = { files.keys, files.audit };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct store_files fds = {
			.keys = journal_files_open(files.keys),
			.audit = journal_files_open(files.audit),
			.directory = journal_files_directory(&files),
		};

		store_free(store);
		assert_int_equal(unlink(paths[i]), 0);
		assert_int_equal(store_open(&fds, files.directory, "1.0", &store), 0);
		assert_false(store_ok(store));
		assert_int_equal(i, strcmp(store_keys_state(store), "ok") == 0);
		restart();
		assert_true(store_ok(store));
	}
}

static void test_unreadable_record_is_refused_at_the_start(void **state)
{
	uint64_t seq;
	char *text;
	FILE *file;

	(void)state;
	assert_int_equal(append("version", "a", &seq), 0);
	text = journal_files_read(files.keys);
	/* A good chain of a line that no record is. */
	file = fopen(files.keys, "w");
	assert_non_null(file);
	text[strlen(text) - 2] = 0;
	fprintf(file, "%s,\"surprise\":1}\n", text);
	fclose(file);
	free(text);
	restart();
	assert_false(store_ok(store));
	assert_non_null(strstr(store_keys_state(store), "keys.jsonl:1: member \"surprise\" is not known"));
	assert_int_equal(journal_files_lines(files.keys), 1);
	assert_string_equal(store_audit_state(store), "ok");
}

static void test_audit_numbers(void **state)
{
	(void)state;
	assert_null(store_audit_place(store).instance);
	take("one", 1, 3, 0);
	assert_int_equal(journal_files_lines(files.audit), 1);
	check_place("one", 0, 0);
	store_audit_write(store);
	assert_int_equal(journal_files_lines(files.audit), 4);
	check_place("one", 3, 0);
	assert_true(store_audit_unsynced(store));
	store_audit_sync(store);
	assert_false(store_audit_unsynced(store));
	check_place("one", 3, 3);

	take("one", 2, 5, 0); /* two known, two new */
	take("one", 7, 8, 0); /* beyond a gap */
	store_audit_write(store);
	check_place("one", 5, 3);
	assert_int_equal(journal_files_lines(files.audit), 6);
	take("one", 4, 8, 3);
	store_audit_write(store);
	check_place("one", 8, 3);
	assert_int_equal(journal_files_lines(files.audit), 9);
	assert_int_equal(store_audit_gathered(store), 0);
}

/* What is in the file after a crash is not written again; what is not there comes again. */
static void test_audit_numbers_after_a_restart(void **state)
{
	(void)state;
	take("old", 1, 9, 0);
	take("one", 1, 3, 0);
	store_audit_write(store);
	restart();
	take("one", 5, 6, 0); /* sent before the broker knew of the restart; 4 died with the old process */
	check_place("one", 3, 3);
	take("one", 2, 6, 0);
	store_audit_write(store);
	check_place("one", 6, 3);
	take("old", 9, 10, 0);
	store_audit_write(store);
	check_place("old", 10, 9);
	assert_int_equal(journal_files_lines(files.audit), 2 + 10 + 6);
}

/* The file was replaced while the broker went on. */
static void test_audit_in_a_new_file(void **state)
{
	(void)state;
	take("one", 501, 502, 0);
	check_place("one", 0, 0);
	assert_int_equal(store_audit_gathered(store), 0);
	take("one", 501, 502, 500);
	store_audit_write(store);
	check_place("one", 502, 500);
}

static void test_many_instances(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 2 * STORE_INSTANCES; i++) {
		snprintf(name, sizeof(name), "i%u", i);
		take(name, 1, 1, 0);
	}
	store_audit_write(store);
	take(name, 1, 1, 0);
	snprintf(name, sizeof(name), "i%u", STORE_INSTANCES);
	take(name, 1, 1, 0);
	assert_int_equal(store_audit_gathered(store), 0);
	assert_int_equal(journal_files_lines(files.audit), 1 + 2 * STORE_INSTANCES);
}

static void test_bad_batches(void **state)
{
	char longest[STORE_INSTANCE_MAX + 2];
	struct journal_batch *batch = journal_batch_new("", 1, 1);

	(void)state;
	assert_int_equal(store_audit_take(store, journal_batch_message(batch)), -EINVAL);
	memset(longest, 'i', sizeof(longest));
	longest[STORE_INSTANCE_MAX + 1] = 0;
	journal_batch_message(batch)->instance = longest;
	assert_int_equal(store_audit_take(store, journal_batch_message(batch)), -EINVAL);
	longest[STORE_INSTANCE_MAX] = 0;
	journal_batch_message(batch)->record[0]->time = UINT64_MAX;
	assert_int_equal(store_audit_take(store, journal_batch_message(batch)), -ERANGE);
	journal_batch_message(batch)->record[0]->time = 1;
	assert_int_equal(store_audit_take(store, journal_batch_message(batch)), 0);
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
		gathered = store_audit_gathered(store);
		take("one", n + 1, n + A_BATCH, 0);
		n += A_BATCH;
		store_audit_write(store);
		assert_false(store_ok(store));
		check_place("one", 0, 0);
	} while (store_audit_gathered(store) > gathered);
	assert_true(gathered > STORE_AUDIT_GATHERED_MAX && gathered < STORE_AUDIT_GATHERED_MAX + 4096);
	assert_int_equal(journal_files_lines(files.audit), 1);
	journal_no_limit();
	store_retry(store);
	assert_true(store_ok(store));
	n = store_audit_place(store).written;
	assert_true(n > A_BATCH);
	check_place("one", n, n);
	take("one", n - 5, n + 5, 0);
	store_audit_write(store);
	check_place("one", n + 5, n);
	assert_int_equal(journal_files_lines(files.audit), 1 + n + 5);
	restart();
	assert_true(store_ok(store));
}

static void test_start_on_a_full_disk(void **state)
{
	(void)state;
	journal_limit_size(200);
	restart();
	assert_false(store_ok(store));
	assert_int_equal(journal_files_lines(files.audit), 1);
	journal_no_limit();
	store_retry(store);
	assert_true(store_ok(store));
	assert_int_equal(journal_files_lines(files.audit), 2);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_open_is_the_first_record), ROW(test_append_and_read), ROW(test_append_refuses), ROW(test_append_on_a_full_disk),
		ROW(test_append_without_durability), ROW(test_append_while_the_file_is_away), ROW(test_audit_is_away),
		ROW(test_files_that_are_away_at_the_start), ROW(test_unreadable_record_is_refused_at_the_start), ROW(test_audit_numbers),
		ROW(test_audit_numbers_after_a_restart), ROW(test_audit_in_a_new_file), ROW(test_many_instances), ROW(test_bad_batches),
		ROW(test_audit_on_a_full_disk), ROW(test_start_on_a_full_disk),
	};

	log_open("test");
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("store_file", tests, NULL, NULL);
}
