/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/journal/file/place.h"

static int file_at(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void test_a_copy_is_another_file(void **state)
{
	char directory[] = "/tmp/place-XXXXXX", path[64], copy[64];
	char first[PLACE_IDENTITY_MAX], again[PLACE_IDENTITY_MAX], other[PLACE_IDENTITY_MAX];
	int fd, copied;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/a", directory);
	snprintf(copy, sizeof(copy), "%s/b", directory);
	fd = file_at(path);
	copied = file_at(copy);
	place_identity(fd, first);
	assert_int_equal(write(fd, "x", 1), 1);
	place_identity(fd, again);
	place_identity(copied, other);
	assert_true(first[0] != '\0');
	assert_string_equal(first, again);
	assert_string_not_equal(first, other);
	close(fd);
	close(copied);
	place_identity(fd, other); /* nothing is there */
	assert_string_equal(other, "");
	unlink(path);
	unlink(copy);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_copy_is_another_file),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
