/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/unit/journal/file/segment_rig.h"

static int count(void *userdata, const json_t *object, const struct chain_head *head)
{
	(void)object;
	(void)head;
	++*(unsigned *)userdata;
	return 0;
}

static void test_write_and_recover(void **state)
{
	struct chain_head head;
	struct segment segment;
	unsigned lines = 0;

	(void)state;
	rig_start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_int_equal(segment.head.seq, 0);
	rig_add_line(&segment, "", 0);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment.head.seq, 0);
	assert_int_equal(rig_file_size(), 0);
	assert_int_equal(segment_write(&segment), 0);
	assert_int_equal(segment.size, rig_file_size());
	assert_true(segment.unsynced);
	assert_int_equal(segment_sync(&segment), 0);
	assert_int_equal(segment_sync(&segment), 0);
	assert_int_equal(rig_syncs, 1);
	head = segment.head;
	assert_int_equal(head.seq, 2);
	segment_deinit(&segment);
	segment_deinit(&segment);

	rig_start(&segment);
	assert_int_equal(segment_recover(&segment, count, &lines), 0);
	assert_int_equal(lines, 2);
	assert_memory_equal(&segment.head, &head, sizeof(head));
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	assert_int_equal(segment_read(&segment, count, &lines), 0);
	assert_int_equal(lines, 5);
	segment_deinit(&segment);
}

/* A crash between two bytes of the last write, wherever: the whole requests before it stay, nothing of the last one. */
static void test_every_torn_end(void **state)
{
	struct segment segment;
	char text[1024];
	off_t whole, end;

	(void)state;
	rig_start(&segment);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	whole = rig_file_size();
	rig_add_line(&segment, ",\"more\":true", 0);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	end = rig_file_size();
	assert_int_equal(pread(segment.fd, text, sizeof(text), 0), end);
	segment_deinit(&segment);

	for (off_t size = whole; size <= end; size++) {
		rig_make_file_of(text, size);
		rig_start(&segment);
		assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
		assert_false(segment.refused);
		assert_int_equal(segment.unsynced,
			size != whole && size != end); /* what was cut off must not come back */
		assert_int_equal(segment.head.seq, size == end ? 3 : 1);
		assert_int_equal(rig_file_size(), size == end ? end : whole);
		rig_add_line(&segment, "", 0);
		assert_int_equal(segment_write(&segment), 0);
		assert_int_equal(segment_read(&segment, NULL, NULL), 0);
		segment_deinit(&segment);
	}
}

static void test_torn_end_that_stays(void **state)
{
	struct segment segment;

	(void)state;
	rig_make_file(1, 0);
	rig_append_to_file("{\"torn");
	assert_int_equal(segment_init(&segment, open(rig_path, O_RDONLY | O_CLOEXEC), rig_directory, "/tmp",
				 rig_path + strlen("/tmp/")),
		0);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	rig_check_trouble(&segment, ": cannot cut off an unfinished line: ");
	segment_deinit(&segment);
}

static void test_bad_chain_is_refused(void **state)
{
	struct segment segment;
	off_t size;

	(void)state;
	rig_make_file(2, 0);
	rig_append_to_file("{\"seq\":3,\"prev\":\"00\"}\n");
	size = rig_file_size();
	rig_start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	rig_check_trouble(&segment, ":3: prev is not the hash");
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), -EROFS);
	assert_int_equal(segment_sync(&segment), -EROFS);
	assert_int_equal(rig_file_size(), size);
	segment_deinit(&segment);
}

static void test_no_regular_file(void **state)
{
	struct segment segment;

	(void)state;
	assert_int_equal(segment_init(&segment, open("/dev/null", O_RDWR | O_CLOEXEC), rig_directory, "/dev", "null"),
		0);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	assert_string_equal(segment.trouble, "/dev/null: not a regular file");
	segment_deinit(&segment);
}

/* Only the last part of a big file is read, and it must link. */
static void test_tail(void **state)
{
	const unsigned n = 60;
	struct chain_head head;
	struct segment segment;
	unsigned lines = 0;

	(void)state;
	rig_make_file(n, 100000);
	assert_true(rig_file_size() > SEGMENT_TAIL + SEGMENT_TAIL / 4);
	rig_append_to_file("{\"torn");
	rig_start(&segment);
	assert_int_equal(segment_recover_tail(&segment, count, &lines), 0);
	assert_false(segment.refused);
	assert_true(lines > 10 && lines < n);
	assert_int_equal(segment.head.seq, n);
	assert_int_equal(rig_file_size(), segment.size);
	head = segment.head;
	segment_deinit(&segment);
	rig_start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_memory_equal(&segment.head, &head, sizeof(head));
	segment_deinit(&segment);

	rig_append_to_file("{\"seq\":61,\"prev\":\"00\"}\n");
	rig_start(&segment);
	assert_int_equal(segment_recover_tail(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	rig_check_trouble(&segment, ":61: ");
	segment_deinit(&segment);
}

static void test_tail_of_rubbish(void **state)
{
	struct segment segment;

	(void)state;
	assert_int_equal(truncate(rig_path, SEGMENT_TAIL + 1), 0);
	rig_start(&segment);
	assert_int_equal(segment_recover_tail(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	assert_non_null(strstr(segment.trouble, "no whole line"));
	segment_deinit(&segment);
	assert_int_equal(rig_file_size(), SEGMENT_TAIL + 1);
	/* A file that is no longer than that is read from its first line on, and no link is looked for. */
	assert_int_equal(truncate(rig_path, SEGMENT_TAIL), 0);
	rig_start(&segment);
	assert_int_equal(segment_recover_tail(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	rig_check_trouble(&segment, ":1: ");
	segment_deinit(&segment);
}

/* A tail whose first whole line is this one, which must say what it continues. */
static void check_no_link(const char *line)
{
	struct segment segment;

	rig_make_file_of("x\n", 2);
	rig_append_to_file(line);
	assert_int_equal(truncate(rig_path, SEGMENT_TAIL + 1), 0); /* the tail begins at the newline */
	rig_start(&segment);
	assert_int_equal(segment_recover_tail(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	rig_check_trouble(&segment, ": no whole line in the last");
	assert_int_equal(segment.head.seq, 0);
	segment_deinit(&segment);
}

static void test_tail_without_a_link(void **state)
{
	char line[256], hash[CHAIN_HEX + 1];

	(void)state;
	memset(hash, 'a', CHAIN_HEX);
	hash[CHAIN_HEX] = '\0';
	check_no_link("{\"seq\":7}\n");
	check_no_link("{\"seq\":7,\"prev\":7}\n");
	check_no_link("{\"seq\":7,\"prev\":\"\"}\n");
	snprintf(line, sizeof(line), "{\"seq\":7,\"prev\":\"%s\"}\n", hash + 1);
	check_no_link(line);
	snprintf(line, sizeof(line), "{\"prev\":\"%s\"}\n", hash);
	check_no_link(line);
	snprintf(line, sizeof(line), "{\"seq\":0,\"prev\":\"%s\"}\n", hash);
	check_no_link(line);
	snprintf(line, sizeof(line), "{\"seq\":-7,\"prev\":\"%s\"}\n", hash);
	check_no_link(line);
}

static void limit_file_size(rlim_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The limit lets a part of the line through, as a full disk does. */
static void test_full_disk(void **state)
{
	struct segment segment;
	off_t size;

	(void)state;
	rig_start(&segment);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	size = rig_file_size();
	limit_file_size((rlim_t)size + 20);
	for (int again = 0; again < 2; again++) {
		rig_add_line(&segment, "", 0);
		assert_int_equal(segment_write(&segment), -EFBIG);
		assert_int_equal(rig_file_size(), size);
		rig_check_trouble(&segment, ": cannot be written: File too large");
		assert_false(segment.refused);
	}
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(segment_write(&segment), 0);
	assert_string_equal(segment.trouble, "");
	assert_int_equal(segment.head.seq, 3);
	assert_int_equal(segment_read(&segment, NULL, NULL), 0);

	limit_file_size((rlim_t)rig_file_size());
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), -EFBIG);
	segment_drop(&segment);
	limit_file_size(RLIM_INFINITY);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	assert_int_equal(segment_read(&segment, NULL, NULL), 0);
	segment_deinit(&segment);
}

/* What a failed write left behind and could not be cut off then (here: put there by the test) is cut off before the
 * next. */
static void test_rest_of_a_failed_write(void **state)
{
	struct segment segment;
	off_t size;

	(void)state;
	rig_start(&segment);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	size = rig_file_size();
	limit_file_size((rlim_t)size);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), -EFBIG);
	limit_file_size(RLIM_INFINITY);
	rig_append_to_file("{\"half");
	segment.leftover = true;
	assert_int_equal(segment_write(&segment), 0);
	assert_false(segment.leftover);
	assert_int_equal(segment_read(&segment, NULL, NULL), 0);
	segment_deinit(&segment);
}

/* Nothing is left to be written, so only a probe can tell that there is room again. It leaves no trace. */
static void test_probe(void **state)
{
	struct segment segment;
	off_t size;

	(void)state;
	rig_start(&segment);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	size = rig_file_size();
	limit_file_size((rlim_t)size + 200);
	rig_add_line(&segment, "", 1000);
	assert_int_equal(segment_write(&segment), -EFBIG);
	segment_drop(&segment);
	segment_probe(&segment);
	assert_string_not_equal(segment.trouble, "");
	assert_int_equal(rig_file_size(), size);
	limit_file_size(RLIM_INFINITY);
	segment_probe(&segment);
	assert_string_equal(segment.trouble, "");
	assert_int_equal(rig_file_size(), size);
	segment_refuse(&segment, ": refused");
	segment_probe(&segment);
	assert_string_not_equal(segment.trouble, "");
	segment_deinit(&segment);
}

static void test_failed_sync(void **state)
{
	struct chain_head head;
	struct segment segment;
	off_t size;

	(void)state;
	rig_start(&segment);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	assert_int_equal(segment_sync(&segment), 0);
	size = segment.size;
	head = segment.head;
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	rig_sync_error = EIO;
	assert_int_equal(segment_sync(&segment), -EIO);
	segment_cut_back(&segment, size, &head);
	assert_int_equal(rig_file_size(), size);
	/* It works again, but nobody knows what is on disk. */
	rig_sync_error = 0;
	assert_int_equal(segment_sync(&segment), -EROFS);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), -EROFS);
	assert_non_null(strstr(segment.trouble, "fdatasync"));
	assert_int_equal(rig_file_size(), size);
	segment_deinit(&segment);
}

static void test_changed_by_somebody_else(void **state)
{
	struct segment segment;

	(void)state;
	rig_make_file(2, 0);
	rig_start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	rig_append_to_file("x\n");
	assert_int_equal(segment_read(&segment, NULL, NULL), -EBADMSG);
	assert_true(segment.refused);
	segment_deinit(&segment);
	assert_int_equal(truncate(rig_path, 0), 0);
	rig_make_file(2, 0);
	rig_start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_int_equal(truncate(rig_path, segment.size / 2), 0);
	assert_int_equal(segment_read(&segment, NULL, NULL), -EBADMSG);
	segment_deinit(&segment);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_write_and_recover),
		ROW(test_every_torn_end),
		ROW(test_torn_end_that_stays),
		ROW(test_bad_chain_is_refused),
		ROW(test_no_regular_file),
		ROW(test_tail),
		ROW(test_tail_of_rubbish),
		ROW(test_tail_without_a_link),
		ROW(test_full_disk),
		ROW(test_rest_of_a_failed_write),
		ROW(test_probe),
		ROW(test_failed_sync),
		ROW(test_changed_by_somebody_else),
	};

	log_open("test");
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
