/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/file/segment_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

char rig_path[64];
int rig_sync_error;
unsigned rig_syncs;
int rig_directory;

/* In place of the C library's. */
int fdatasync(int fd)
{
	rig_syncs++;
	if (rig_sync_error) {
		errno = rig_sync_error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int rig_setup(void **state)
{
	int fd;

	(void)state;
	strcpy(rig_path, "/tmp/cek-segment-XXXXXX");
	fd = mkostemp(rig_path, O_CLOEXEC);
	if (fd < 0)
		return -1;
	close(fd);
	rig_directory = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	rig_sync_error = 0;
	rig_syncs = 0;
	return 0;
}

int rig_teardown(void **state)
{
	(void)state;
	close(rig_directory);
	return unlink(rig_path);
}

int rig_open_file(void)
{
	int fd = open(rig_path, O_RDWR | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

void rig_start(struct segment *segment)
{
	assert_int_equal(segment_init(segment, rig_open_file(), rig_directory, "/tmp", rig_path + strlen("/tmp/")), 0);
}

void rig_add_line(struct segment *segment, const char *more, int padding)
{
	size_t begin = segment->gathered.text.len;
	char *line = NULL;
	int len = asprintf(&line, "{\"seq\":%llu,\"prev\":\"%s\"%s,\"x\":\"%*s\"}",
		(unsigned long long)segment->gathered.next.seq + 1, segment->gathered.next.hash, more, padding, "");

	assert_true(len > 0);
	text_raw(&segment->gathered.text, line, (size_t)len);
	free(line);
	assert_int_equal(lines_done(&segment->gathered, begin), 0);
}

void rig_check_trouble(const struct segment *segment, const char *text)
{
	assert_memory_equal(segment->trouble, rig_path, strlen(rig_path));
	if (strncmp(segment->trouble + strlen(rig_path), text, strlen(text)) != 0)
		fail_msg("%s, not %s", segment->trouble, text);
}

off_t rig_file_size(void)
{
	struct stat st;

	assert_int_equal(stat(rig_path, &st), 0);
	return st.st_size;
}

void rig_make_file_of(const char *text, off_t size)
{
	int fd = rig_open_file();

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, text, (size_t)size), size);
	close(fd);
}

void rig_append_to_file(const char *text)
{
	int fd = rig_open_file();

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

void rig_make_file(unsigned n, int padding)
{
	struct segment segment;

	rig_start(&segment);
	for (unsigned i = 0; i < n; i++)
		rig_add_line(&segment, "", padding);
	assert_int_equal(segment_write(&segment), 0);
	segment_deinit(&segment);
}
