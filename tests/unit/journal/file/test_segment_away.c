/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c, when somebody else moves, removes or cuts the file. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/unit/journal/file/segment_rig.h"

/* ---- where the file stands ------------------------------------------------------------------------------------------
 */

static char elsewhere[96];

/* One line in the file, and one gathered. */
static void start_with_a_line(struct segment *segment)
{
	snprintf(elsewhere, sizeof(elsewhere), "%s.elsewhere", rig_path);
	rig_start(segment);
	rig_add_line(segment, "", 0);
	assert_int_equal(segment_write(segment), 0);
	assert_int_equal(segment_sync(segment), 0);
	assert_int_equal(segment_look(segment), 0);
	rig_add_line(segment, "", 0);
}

/* Neither looked at, nor written, nor probed with success, and nothing reaches the file. */
static void check_away(struct segment *segment, const char *trouble)
{
	struct stat before, after;

	assert_int_equal(fstat(segment->fd, &before), 0);
	assert_int_equal(segment_look(segment), -ESTALE);
	rig_check_trouble(segment, trouble);
	assert_int_equal(segment_write(segment), -ESTALE);
	segment_probe(segment);
	rig_check_trouble(segment, trouble);
	assert_false(segment->refused);
	assert_int_equal(fstat(segment->fd, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
}

static void check_back(struct segment *segment)
{
	assert_int_equal(segment_look(segment), 0);
	segment_probe(segment);
	assert_string_equal(segment->trouble, "");
	assert_int_equal(segment_write(segment), 0);
	assert_int_equal(segment_sync(segment), 0);
	assert_int_equal(segment_read(segment, NULL, NULL), 0);
	assert_int_equal(segment->head.seq, 2);
	segment_deinit(segment);
}

static void test_moved_away(void **state)
{
	struct segment segment;

	(void)state;
	start_with_a_line(&segment);
	assert_int_equal(rename(rig_path, elsewhere), 0);
	check_away(&segment, ": was moved away while cekd runs: move it back");
	close(open(rig_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	check_away(&segment, ": is another file now");
	assert_int_equal(rename(elsewhere, rig_path), 0);
	check_back(&segment);
}

static void test_removed(void **state)
{
	struct segment segment;
	char copy[64];

	(void)state;
	start_with_a_line(&segment);
	assert_int_equal(unlink(rig_path), 0);
	check_away(&segment, ": was removed while cekd runs: copy /proc/");
	snprintf(copy, sizeof(copy), "/proc/%d/fd/%d", (int)getpid(), segment.fd);
	assert_non_null(strstr(segment.trouble, copy));
	close(open(rig_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	check_away(&segment, ": was replaced by another file while cekd runs");
	segment_deinit(&segment);
}

/* A link to itself is no name of the file, wherever it leads. */
static void test_replaced_by_a_symlink(void **state)
{
	struct segment segment;

	(void)state;
	start_with_a_line(&segment);
	assert_int_equal(rename(rig_path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, rig_path), 0);
	check_away(&segment, ": is another file now");
	assert_int_equal(rename(elsewhere, rig_path), 0);
	check_back(&segment);
}

static void test_second_name_is_fine(void **state)
{
	struct segment segment;

	(void)state;
	start_with_a_line(&segment);
	assert_int_equal(link(rig_path, elsewhere), 0);
	assert_int_equal(segment_look(&segment), 0);
	check_back(&segment);
	assert_int_equal(unlink(elsewhere), 0);
}

/* The descriptor of the directory still finds the file; its path does not. */
static void test_directory_moved_away(void **state)
{
	char parent[] = "/tmp/cek-place-XXXXXX", now[64], then[64], file[96];
	struct segment segment;
	int at;

	(void)state;
	assert_non_null(mkdtemp(parent));
	snprintf(now, sizeof(now), "%s/state", parent);
	snprintf(then, sizeof(then), "%s/away", parent);
	snprintf(file, sizeof(file), "%s/file", now);
	assert_int_equal(mkdir(now, 0700), 0);
	at = open(now, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(segment_init(&segment, open(file, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600), at, now,
				 "file"),
		0);
	rig_add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	assert_int_equal(rename(now, then), 0);
	assert_int_equal(segment_look(&segment), -ESTALE);
	assert_non_null(strstr(segment.trouble, "/file: its directory is gone (No such file or directory)"));
	assert_int_equal(segment_sync(&segment), -ESTALE);
	assert_true(segment.unsynced);
	assert_int_equal(mkdir(now, 0700), 0);
	assert_int_equal(segment_look(&segment), -ESTALE);
	assert_non_null(strstr(segment.trouble, "/file: another directory stands there now"));
	assert_int_equal(rmdir(now), 0);
	assert_int_equal(rename(then, now), 0);
	assert_int_equal(segment_look(&segment), 0);
	assert_int_equal(segment_sync(&segment), 0);
	segment_deinit(&segment);
	close(at);
	assert_int_equal(unlink(file) | rmdir(now) | rmdir(parent), 0);
}

/* What is on disk under no name is not durable, and can be taken back. */
static void test_removed_between_write_and_sync(void **state)
{
	struct chain_head head;
	struct segment segment;
	off_t size;

	(void)state;
	start_with_a_line(&segment);
	head = segment.head;
	size = segment.size;
	assert_int_equal(segment_write(&segment), 0);
	assert_int_equal(rename(rig_path, elsewhere), 0);
	assert_int_equal(segment_sync(&segment), -ESTALE);
	segment_cut_back(&segment, size, &head);
	assert_int_equal(rename(elsewhere, rig_path), 0);
	assert_int_equal(rig_file_size(), size);
	rig_add_line(&segment, "", 0);
	check_back(&segment);
}

/* Bytes that somebody else took or added end the trust until the next start, and are left as they are. */
static void test_length_changed_by_somebody_else(void **state)
{
	static const struct {
		off_t more;
		const char *trouble;
	} rows[] = {{-1, ": was cut short by somebody else"}, {1, ": was written by somebody else"},
		{-1000, ": was cut short"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct segment segment;
		struct chain_head head;
		off_t size, other;

		rig_make_file_of("", 0);
		start_with_a_line(&segment);
		size = segment.size;
		head = segment.head;
		other = size + rows[i].more > 0 ? size + rows[i].more : 0;
		assert_int_equal(truncate(rig_path, other), 0);
		assert_int_equal(segment_write(&segment), -EROFS);
		rig_check_trouble(&segment, rows[i].trouble);
		assert_true(segment.refused);
		segment_probe(&segment);
		segment_cut_back(&segment, size, &head);
		assert_int_equal(rig_file_size(), other);
		assert_int_equal(truncate(rig_path, size), 0);
		assert_int_equal(segment_write(&segment), -EROFS);
		segment_deinit(&segment);
	}
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_moved_away),
		ROW(test_removed),
		ROW(test_replaced_by_a_symlink),
		ROW(test_second_name_is_fine),
		ROW(test_directory_moved_away),
		ROW(test_removed_between_write_and_sync),
		ROW(test_length_changed_by_somebody_else),
	};

	log_open("test");
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("segment_away", tests, NULL, NULL);
}
