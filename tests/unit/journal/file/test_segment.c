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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/journal/file/segment.h"

static char path[64];
static int sync_error;
static unsigned syncs;
static int directory; /* the one in which the file stands */

/* In place of the C library's. */
int fdatasync(int fd)
{
	syncs++;
	if (sync_error) {
		errno = sync_error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/cek-segment-XXXXXX");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -1;
	close(fd);
	directory = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	sync_error = 0;
	syncs = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(directory);
	return unlink(path);
}

static int open_file(void)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void start(struct segment *segment)
{
	assert_int_equal(segment_init(segment, open_file(), directory, "/tmp", path + strlen("/tmp/")), 0);
}

/* With padding, one line takes about 110 bytes more than that. */
static void add_line(struct segment *segment, const char *more, int padding)
{
	size_t begin = segment->gathered.text.len;
	char *line = NULL;
	int len = asprintf(&line, "{\"seq\":%llu,\"prev\":\"%s\"%s,\"x\":\"%*s\"}", (unsigned long long)segment->gathered.next.seq + 1,
			   segment->gathered.next.hash, more,
			   padding, "");

	assert_true(len > 0);
	text_raw(&segment->gathered.text, line, (size_t)len);
	free(line);
	assert_int_equal(lines_done(&segment->gathered, begin), 0);
}

/* The trouble begins with the file's name, and goes on like this. */
static void check_trouble(const struct segment *segment, const char *text)
{
	assert_memory_equal(segment->trouble, path, strlen(path));
	if (strncmp(segment->trouble + strlen(path), text, strlen(text)) != 0)
		fail_msg("%s, not %s", segment->trouble, text);
}

static off_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void make_file_of(const char *text, off_t size)
{
	int fd = open_file();

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, text, (size_t)size), size);
	close(fd);
}

static void append_to_file(const char *text)
{
	int fd = open_file();

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int count(void *userdata, const json_t *object, const struct chain_head *head)
{
	(void)object;
	(void)head;
	++*(unsigned *)userdata;
	return 0;
}

/* n lines in the file, as one write. */
static void make_file(unsigned n, int padding)
{
	struct segment segment;

	start(&segment);
	for (unsigned i = 0; i < n; i++)
		add_line(&segment, "", padding);
	assert_int_equal(segment_write(&segment), 0);
	segment_deinit(&segment);
}

static void test_write_and_recover(void **state)
{
	struct chain_head head;
	struct segment segment;
	unsigned lines = 0;

	(void)state;
	start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_int_equal(segment.head.seq, 0);
	add_line(&segment, "", 0);
	add_line(&segment, "", 0);
	assert_int_equal(segment.head.seq, 0);
	assert_int_equal(file_size(), 0);
	assert_int_equal(segment_write(&segment), 0);
	assert_int_equal(segment.size, file_size());
	assert_true(segment.unsynced);
	assert_int_equal(segment_sync(&segment), 0);
	assert_int_equal(segment_sync(&segment), 0);
	assert_int_equal(syncs, 1);
	head = segment.head;
	assert_int_equal(head.seq, 2);
	segment_deinit(&segment);
	segment_deinit(&segment);

	start(&segment);
	assert_int_equal(segment_recover(&segment, count, &lines), 0);
	assert_int_equal(lines, 2);
	assert_memory_equal(&segment.head, &head, sizeof(head));
	add_line(&segment, "", 0);
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
	start(&segment);
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	whole = file_size();
	add_line(&segment, ",\"more\":true", 0);
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	end = file_size();
	assert_int_equal(pread(segment.fd, text, sizeof(text), 0), end);
	segment_deinit(&segment);

	for (off_t size = whole; size <= end; size++) {
		make_file_of(text, size);
		start(&segment);
		assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
		assert_false(segment.refused);
		assert_int_equal(segment.head.seq, size == end ? 3 : 1);
		assert_int_equal(file_size(), size == end ? end : whole);
		add_line(&segment, "", 0);
		assert_int_equal(segment_write(&segment), 0);
		assert_int_equal(segment_read(&segment, NULL, NULL), 0);
		segment_deinit(&segment);
	}
}

static void test_bad_chain_is_refused(void **state)
{
	struct segment segment;
	off_t size;

	(void)state;
	make_file(2, 0);
	append_to_file("{\"seq\":3,\"prev\":\"00\"}\n");
	size = file_size();
	start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	check_trouble(&segment, ":3: prev is not the hash");
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), -EROFS);
	assert_int_equal(segment_sync(&segment), -EROFS);
	assert_int_equal(file_size(), size);
	segment_deinit(&segment);
}

static void test_no_regular_file(void **state)
{
	struct segment segment;

	(void)state;
	assert_int_equal(segment_init(&segment, open("/dev/null", O_RDWR | O_CLOEXEC), directory, "/dev", "null"), 0);
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
	make_file(n, 100000);
	assert_true(file_size() > SEGMENT_TAIL + SEGMENT_TAIL / 4);
	append_to_file("{\"torn");
	start(&segment);
	assert_int_equal(segment_recover_tail(&segment, count, &lines), 0);
	assert_false(segment.refused);
	assert_true(lines > 10 && lines < n);
	assert_int_equal(segment.head.seq, n);
	assert_int_equal(file_size(), segment.size);
	head = segment.head;
	segment_deinit(&segment);
	start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_memory_equal(&segment.head, &head, sizeof(head));
	segment_deinit(&segment);

	append_to_file("{\"seq\":61,\"prev\":\"00\"}\n");
	start(&segment);
	assert_int_equal(segment_recover_tail(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	check_trouble(&segment, ":61: ");
	segment_deinit(&segment);
}

static void test_tail_of_rubbish(void **state)
{
	struct segment segment;

	(void)state;
	assert_int_equal(truncate(path, SEGMENT_TAIL + 1), 0);
	start(&segment);
	assert_int_equal(segment_recover_tail(&segment, NULL, NULL), 0);
	assert_true(segment.refused);
	assert_non_null(strstr(segment.trouble, "no whole line"));
	segment_deinit(&segment);
	assert_int_equal(file_size(), SEGMENT_TAIL + 1);
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
	start(&segment);
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	size = file_size();
	limit_file_size((rlim_t)size + 20);
	for (int again = 0; again < 2; again++) {
		add_line(&segment, "", 0);
		assert_int_equal(segment_write(&segment), -EFBIG);
		assert_int_equal(file_size(), size);
		check_trouble(&segment, ": cannot be written: File too large");
		assert_false(segment.refused);
	}
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(segment_write(&segment), 0);
	assert_string_equal(segment.trouble, "");
	assert_int_equal(segment.head.seq, 3);
	assert_int_equal(segment_read(&segment, NULL, NULL), 0);

	limit_file_size((rlim_t)file_size());
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), -EFBIG);
	segment_drop(&segment);
	limit_file_size(RLIM_INFINITY);
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	assert_int_equal(segment_read(&segment, NULL, NULL), 0);
	segment_deinit(&segment);
}

/* What a failed write left behind and could not be cut off then (here: put there by the test) is cut off before the next. */
static void test_rest_of_a_failed_write(void **state)
{
	struct segment segment;
	off_t size;

	(void)state;
	start(&segment);
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	size = file_size();
	limit_file_size((rlim_t)size);
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), -EFBIG);
	limit_file_size(RLIM_INFINITY);
	append_to_file("{\"half");
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
	start(&segment);
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	size = file_size();
	limit_file_size((rlim_t)size + 200);
	add_line(&segment, "", 1000);
	assert_int_equal(segment_write(&segment), -EFBIG);
	segment_drop(&segment);
	segment_probe(&segment);
	assert_string_not_equal(segment.trouble, "");
	assert_int_equal(file_size(), size);
	limit_file_size(RLIM_INFINITY);
	segment_probe(&segment);
	assert_string_equal(segment.trouble, "");
	assert_int_equal(file_size(), size);
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
	start(&segment);
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	assert_int_equal(segment_sync(&segment), 0);
	size = segment.size;
	head = segment.head;
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), 0);
	sync_error = EIO;
	assert_int_equal(segment_sync(&segment), -EIO);
	segment_cut_back(&segment, size, &head);
	assert_int_equal(file_size(), size);
	/* It works again, but nobody knows what is on disk. */
	sync_error = 0;
	assert_int_equal(segment_sync(&segment), -EROFS);
	add_line(&segment, "", 0);
	assert_int_equal(segment_write(&segment), -EROFS);
	assert_non_null(strstr(segment.trouble, "fdatasync"));
	assert_int_equal(file_size(), size);
	segment_deinit(&segment);
}

static void test_changed_by_somebody_else(void **state)
{
	struct segment segment;

	(void)state;
	make_file(2, 0);
	start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	append_to_file("x\n");
	assert_int_equal(segment_read(&segment, NULL, NULL), -EBADMSG);
	assert_true(segment.refused);
	segment_deinit(&segment);
	assert_int_equal(truncate(path, 0), 0);
	make_file(2, 0);
	start(&segment);
	assert_int_equal(segment_recover(&segment, NULL, NULL), 0);
	assert_int_equal(truncate(path, segment.size / 2), 0);
	assert_int_equal(segment_read(&segment, NULL, NULL), -EBADMSG);
	segment_deinit(&segment);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* ---- where the file stands ------------------------------------------------------------------------------------------ */

static char elsewhere[96];

/* One line in the file, and one gathered. */
static void start_with_a_line(struct segment *segment)
{
	snprintf(elsewhere, sizeof(elsewhere), "%s.elsewhere", path);
	start(segment);
	add_line(segment, "", 0);
	assert_int_equal(segment_write(segment), 0);
	assert_int_equal(segment_sync(segment), 0);
	assert_int_equal(segment_look(segment), 0);
	add_line(segment, "", 0);
}

/* Neither looked at, nor written, nor probed with success, and nothing reaches the file. */
static void check_away(struct segment *segment, const char *trouble)
{
	struct stat before, after;

	assert_int_equal(fstat(segment->fd, &before), 0);
	assert_int_equal(segment_look(segment), -ESTALE);
	check_trouble(segment, trouble);
	assert_int_equal(segment_write(segment), -ESTALE);
	segment_probe(segment);
	check_trouble(segment, trouble);
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
	assert_int_equal(rename(path, elsewhere), 0);
	check_away(&segment, ": was moved away while cekd runs: move it back");
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	check_away(&segment, ": is another file now");
	assert_int_equal(rename(elsewhere, path), 0);
	check_back(&segment);
}

static void test_removed(void **state)
{
	struct segment segment;
	char copy[64];

	(void)state;
	start_with_a_line(&segment);
	assert_int_equal(unlink(path), 0);
	check_away(&segment, ": was removed while cekd runs: copy /proc/");
	snprintf(copy, sizeof(copy), "/proc/%d/fd/%d", (int)getpid(), segment.fd);
	assert_non_null(strstr(segment.trouble, copy));
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	check_away(&segment, ": was replaced by another file while cekd runs");
	segment_deinit(&segment);
}

/* A link to itself is no name of the file, wherever it leads. */
static void test_replaced_by_a_symlink(void **state)
{
	struct segment segment;

	(void)state;
	start_with_a_line(&segment);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	check_away(&segment, ": is another file now");
	assert_int_equal(rename(elsewhere, path), 0);
	check_back(&segment);
}

static void test_second_name_is_fine(void **state)
{
	struct segment segment;

	(void)state;
	start_with_a_line(&segment);
	assert_int_equal(link(path, elsewhere), 0);
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
	assert_int_equal(segment_init(&segment, open(file, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600), at, now, "file"), 0);
	add_line(&segment, "", 0);
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
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(segment_sync(&segment), -ESTALE);
	segment_cut_back(&segment, size, &head);
	assert_int_equal(rename(elsewhere, path), 0);
	assert_int_equal(file_size(), size);
	add_line(&segment, "", 0);
	check_back(&segment);
}

/* Bytes that somebody else took or added end the trust until the next start, and are left as they are. */
static void test_length_changed_by_somebody_else(void **state)
{
	static const struct {
		off_t more;
		const char *trouble;
	} rows[] = { { -1, ": was cut short by somebody else" }, { 1, ": was written by somebody else" }, { -1000, ": was cut short" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct segment segment;
		struct chain_head head;
		off_t size, other;

		make_file_of("", 0);
		start_with_a_line(&segment);
		size = segment.size;
		head = segment.head;
		other = size + rows[i].more > 0 ? size + rows[i].more : 0;
		assert_int_equal(truncate(path, other), 0);
		assert_int_equal(segment_write(&segment), -EROFS);
		check_trouble(&segment, rows[i].trouble);
		assert_true(segment.refused);
		segment_probe(&segment);
		segment_cut_back(&segment, size, &head);
		assert_int_equal(file_size(), other);
		assert_int_equal(truncate(path, size), 0);
		assert_int_equal(segment_write(&segment), -EROFS);
		segment_deinit(&segment);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_write_and_recover), ROW(test_every_torn_end), ROW(test_bad_chain_is_refused), ROW(test_no_regular_file),
		ROW(test_tail), ROW(test_tail_of_rubbish), ROW(test_full_disk), ROW(test_rest_of_a_failed_write),
		ROW(test_probe), ROW(test_failed_sync), ROW(test_changed_by_somebody_else),
		ROW(test_moved_away), ROW(test_removed), ROW(test_replaced_by_a_symlink), ROW(test_second_name_is_fine),
		ROW(test_directory_moved_away), ROW(test_removed_between_write_and_sync), ROW(test_length_changed_by_somebody_else),
	};

	log_open("test");
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
