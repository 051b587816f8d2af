/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/token/softhsm.c: SoftHSM's files. */
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
#include <unistd.h>

#include <cmocka.h>

#include "client/cekctl/token/softhsm.h"

static char dir[64];

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/test_cekctl_softhsm.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static mode_t mode_of(const char *name)
{
	char path[SOFTHSM_PATH];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void make_file(const char *name)
{
	char path[SOFTHSM_PATH];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void test_prepare(void **state)
{
	char conf[SOFTHSM_PATH], tokens[SOFTHSM_PATH], expected[SOFTHSM_PATH], why[SOFTHSM_WHY];

	umask(077); /* the modes do not depend on it */
	assert_int_equal(softhsm_prepare(dir, conf, why), 0);
	assert_string_equal(getenv("SOFTHSM2_CONF"), conf);
	assert_int_equal(mode_of("tokens"), 0700);
	assert_int_equal(mode_of("softhsm2.conf"), 0644);
	assert_int_equal(softhsm_token_dir(conf, tokens, why), 0);
	snprintf(expected, sizeof(expected), "%s/tokens", dir);
	assert_string_equal(tokens, expected);
	/* a second time it finds all there */
	assert_int_equal(softhsm_prepare(dir, conf, why), 0);
}

static void test_no_token_dir(void **state)
{
	char conf[SOFTHSM_PATH], tokens[SOFTHSM_PATH] = "untouched", why[SOFTHSM_WHY] = "";

	make_file("empty.conf");
	snprintf(conf, sizeof(conf), "%s/empty.conf", dir);
	assert_int_equal(softhsm_token_dir(conf, tokens, why), -EINVAL);
	snprintf(conf, sizeof(conf), "%s/no.conf", dir);
	assert_int_equal(softhsm_token_dir(conf, tokens, why), -ENOENT);
	assert_string_equal(tokens, "untouched");
	assert_string_not_equal(why, "");
}

static void test_give_token(void **state)
{
	static const char name[] = "tokens/01234567-89ab-cdef-0123-456789abcdef";
	char path[SOFTHSM_PATH], tokens[SOFTHSM_PATH], why[SOFTHSM_WHY] = "";

	snprintf(tokens, sizeof(tokens), "%s/tokens", dir);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
	make_file("tokens/01234567-89ab-cdef-0123-456789abcdef/token.object");
	make_file("tokens/01234567-89ab-cdef-0123-456789abcdef/generation");
	assert_int_equal(softhsm_give_token(tokens, "fedcba9876543210", getuid(), getgid(), why), -ENOENT);
	assert_string_not_equal(why, "");
	assert_int_equal(softhsm_give_token(tokens, "0123456789abcdef", getuid(), getgid(), why), 0);
	assert_int_equal(mode_of("tokens/01234567-89ab-cdef-0123-456789abcdef/token.object"), 0440);
	assert_int_equal(mode_of("tokens/01234567-89ab-cdef-0123-456789abcdef/generation"), 0600);
}

/* What whoever has the directory already may have put there. */
static void test_links_are_not_followed(void **state)
{
	static const char name[] = "tokens/76543210-89ab-cdef-fedc-ba9876543210/";
	static const char *const files[] = {"token.object", "x.object"};
	char path[SOFTHSM_PATH], victim[SOFTHSM_PATH], tokens[SOFTHSM_PATH], why[SOFTHSM_WHY];

	make_file("victim");
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	snprintf(tokens, sizeof(tokens), "%s/tokens", dir);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s%s", dir, name, files[i]);
		assert_int_equal(symlink(victim, path), 0);
		assert_int_equal(softhsm_give_token(tokens, "fedcba9876543210", getuid(), getgid(), why), -ELOOP);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(link(victim, path), 0);
		assert_int_equal(softhsm_give_token(tokens, "fedcba9876543210", getuid(), getgid(), why), -EMLINK);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mode_of("victim"), 0600);
	}
	assert_int_equal(softhsm_give_token(tokens, "fedcba9876543210", getuid(), getgid(), why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_no_token_dir),
		cmocka_unit_test(test_give_token),
		cmocka_unit_test(test_links_are_not_followed),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
