/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/rpc/reach.c: what is said of a socket behind which nobody is. tests/e2e has those that may not be
 * opened. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cekctl/rpc/reach.h"

static char folder[] = "/tmp/test-reach-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	return 0;
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

static void expect(int error, const char *message, const char *hint)
{
	struct reach reach;

	assert_int_equal(reach_try(path), error);
	reach_explain(path, error, &reach);
	assert_string_equal(reach.status, "E_CONNECT");
	assert_non_null(strstr(reach.message, path));
	assert_non_null(strstr(reach.message, message));
	assert_non_null(strstr(reach.hint, hint));
}

static void test_absent(void **state)
{
	expect(ENOENT, "there is no such socket", "--socket PATH or $CEK_SOCKET");
}

static void test_file(void **state)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
	expect(ECONNREFUSED, "that is no socket", "is cekd running");
	assert_int_equal(unlink(path), 0);
}

static void test_left_socket(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	expect(ECONNREFUSED, "nobody listens", "is cekd running");
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(reach_try(path), 0);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void test_other_kind(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	expect(EPROTOTYPE, "of another kind", "is cekd running");
	close(fd);
	assert_int_equal(unlink(path), 0);
}

/* Texts are cut, never written beyond their end. */
static void test_long(void **state)
{
	char longest[4096];
	struct reach reach;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(reach_try(longest), ENAMETOOLONG);
	for (int error = 1; error < 134; error++) {
		reach_explain(longest, error, &reach);
		assert_true(strlen(reach.message) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_left_socket),
		cmocka_unit_test(test_other_kind),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
