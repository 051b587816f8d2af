/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/secret.c: the first line of a file. tests/e2e/test_import.py has the terminal. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cekctl/console/secret.h"

static ssize_t read_text(const char *content, size_t len, char *text, size_t size)
{
	char path[] = "/tmp/test-secret-XXXXXX";
	int fd = mkstemp(path);
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), len);
	close(fd);
	memset(text, 'x', size);
	n = secret_from_file(path, text, size);
	unlink(path);
	return n;
}

static void expect(const char *content, const char *wanted)
{
	char text[64];
	ssize_t n = read_text(content, strlen(content), text, sizeof(text));

	assert_int_equal(n, strlen(wanted));
	assert_memory_equal(text, wanted, strlen(wanted));
}

static void test_line(void **state)
{
	expect("", "");
	expect("\n", "");
	expect("secret", "secret");
	expect("secret\n", "secret");
	expect("secret\r\n", "secret");
	expect("secret\r", "secret\r");
	expect(" two words \nmore\n", " two words ");
}

static void test_limit(void **state)
{
	char content[1001], text[1000];

	memset(content, 's', sizeof(content));
	assert_int_equal(read_text(content, 1000, text, 1000), 1000);
	assert_memory_equal(text, content, 1000);
	content[1000] = '\n';
	assert_int_equal(read_text(content, 1001, text, 1000), 1000);
	content[1000] = 's';
	assert_int_equal(read_text(content, 1001, text, 1000), -EMSGSIZE);
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
	assert_int_equal(secret_from_file("/nonexistent", text, sizeof(text)), -ENOENT);
	assert_int_equal(secret_from_file("/tmp", text, sizeof(text)), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
