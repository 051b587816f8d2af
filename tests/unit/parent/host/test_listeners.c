/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/parent/host/listeners.h"

static char folder[] = "/tmp/test_listeners-XXXXXX";
static char path[2][64];
static struct listener_wanted wanted[2];

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path[i], sizeof(path[i]), "%s/%zu", folder, i);
		wanted[i] = (struct listener_wanted){
			.name = (char *)(uintptr_t)(i == 0 ? "a" : "b"),
			.path = path[i],
			.mode = 0620,
			.owner = (uid_t)-1,
			.group = (gid_t)-1,
		};
	}
	return 0;
}

static bool answers(const char *at)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	memcpy(address.sun_path, at, strlen(at));
	r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	(void)close(fd);
	return r == 0;
}

static void put_file(const char *at)
{
	FILE *file = fopen(at, "w");

	assert_non_null(file);
	(void)fclose(file);
}

static void test_made_and_removed(void **state)
{
	struct listeners listeners;
	struct stat st;

	(void)state;
	assert_int_equal(listeners_check(wanted, 2), 0);
	assert_int_equal(listeners_open(wanted, 2, &listeners), 0);
	assert_int_equal(listeners.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(stat(path[i], &st), 0);
		assert_int_equal(st.st_mode, S_IFSOCK | 0620);
		assert_true(answers(path[i]));
	}
	listeners_close(&listeners);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(stat(path[i], &st), -1);
}

/* One that a daemon left behind is replaced, one that somebody answers on is not. */
static void test_in_the_way(void **state)
{
	struct listeners first, second;

	(void)state;
	assert_int_equal(listeners_open(wanted, 1, &first), 0);
	assert_int_equal(listeners_open(wanted, 1, &second), -EADDRINUSE);
	(void)close(first.fds[0]);
	assert_false(answers(path[0]));
	assert_int_equal(listeners_open(wanted, 1, &second), 0);
	assert_true(answers(path[0]));
	listeners_close(&second);
	assert_false(answers(path[0]));
	first.fds[0] = -1;
	listeners_close(&first);
}

/* File systems give the number of a file that is gone to the next one. */
static void test_file_of_another_one_stays(void **state)
{
	struct listeners first, second;
	struct stat old, new;

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(listeners_open(wanted, 1, &first), 0);
		assert_int_equal(stat(path[0], &old), 0);
		(void)close(first.fds[0]);
		first.fds[0] = -1;
		assert_int_equal(listeners_open(wanted, 1, &second), 0);
		assert_int_equal(stat(path[0], &new), 0);
		assert_false(old.st_dev == new.st_dev &&old.st_ino == new.st_ino);
		listeners_close(&first);
		assert_true(answers(path[0]));
		listeners_close(&second);
		assert_int_equal(stat(path[0], &new), -1);
	}
}

/* Nothing stays of those before it. */
static void test_all_or_none(void **state)
{
	struct listeners listeners;
	struct stat st;

	(void)state;
	put_file(path[1]);
	assert_int_equal(listeners_check(wanted, 2), -EINVAL);
	assert_int_equal(listeners_open(wanted, 2, &listeners), -EEXIST);
	assert_int_equal(stat(path[0], &st), -1);
	assert_int_equal(unlink(path[1]), 0);
}

static struct listener_handed hand(const struct listeners *listeners, size_t i)
{
	struct listener_handed handed = {
		.fd = dup(listeners->fds[i]),
		.folder = dup(listeners->files[i].folder),
		.made = dup(listeners->files[i].made),
	};

	(void)snprintf(handed.path, sizeof(handed.path), "%s", path[i]);
	return handed;
}

/* What another one serves on stays when this one gives up, and is this one's when that one has gone. */
static void test_handed_on(void **state)
{
	struct listeners first, second;
	struct listener_handed handed[2];
	struct stat old, st;

	(void)state;
	assert_int_equal(listeners_open(wanted, 1, &first), 0);
	assert_int_equal(stat(path[0], &old), 0);
	handed[0] = hand(&first, 0);
	wanted[0].mode = 0600;
	assert_int_equal(listeners_take(wanted, 2, handed, 1, &second), 0);
	assert_true(handed[0].taken);
	assert_true(answers(path[1]));
	listeners_close(&second);
	assert_true(answers(path[0]));
	assert_false(answers(path[1]));
	assert_int_equal(stat(path[0], &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0620);

	handed[0] = hand(&first, 0);
	assert_int_equal(listeners_take(wanted, 1, handed, 1, &second), 0);
	listeners_inherit(&second, wanted, handed, 1);
	assert_int_equal(stat(path[0], &st), 0);
	assert_int_equal(st.st_ino, old.st_ino);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	listeners_close(&second);
	assert_int_equal(stat(path[0], &st), -1);
	listeners_close(&first);
}

/* One that nobody wants any more is removed, but not before the other one has gone. */
static void test_handed_on_and_not_wanted(void **state)
{
	struct listeners first, second;
	struct listener_handed handed[2];
	struct stat st;

	(void)state;
	assert_int_equal(listeners_open(wanted, 2, &first), 0);
	handed[0] = hand(&first, 0);
	handed[1] = hand(&first, 1);
	assert_int_equal(listeners_take(wanted, 1, handed, 2, &second), 0);
	assert_false(handed[1].taken);
	assert_true(answers(path[1]));
	listeners_inherit(&second, wanted, handed, 2);
	assert_int_equal(stat(path[1], &st), -1);
	assert_true(answers(path[0]));
	listeners_close(&second);
	listeners_close(&first);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_made_and_removed, set_up),
		cmocka_unit_test_setup(test_in_the_way, set_up),
		cmocka_unit_test_setup(test_file_of_another_one_stays, set_up),
		cmocka_unit_test_setup(test_all_or_none, set_up),
		cmocka_unit_test_setup(test_handed_on, set_up),
		cmocka_unit_test_setup(test_handed_on_and_not_wanted, set_up),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(folder);
	return failed;
}
