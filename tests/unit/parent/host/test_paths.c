/* SPDX-License-Identifier: Apache-2.0 */
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

#include "daemon/parent/host/paths.h"

enum {
	OTHER_UID = 64012,
};

static const struct stat *failing; /* the folder for which fstat() fails */

/* In the place of libc's. */
int fstat(int fd, struct stat *ret_st)
{
	const int r = fstatat(fd, "", ret_st, AT_EMPTY_PATH);

	if (r < 0 || failing == NULL || ret_st->st_ino != failing->st_ino || ret_st->st_dev != failing->st_dev)
		return r;
	errno = ENOMEM;
	return -1;
}

static char base[] = "/tmp/test-paths-XXXXXX", why[PATHS_WHY_MAX];

static const char *in_base(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, PATH_MAX, "%s/%s", base, name);
	return path;
}

static void make(const char *name, mode_t mode)
{
	assert_int_equal(mkdir(in_base(name), 0700), 0);
	assert_int_equal(chmod(in_base(name), mode), 0);
}

static void make_link(const char *target, const char *name)
{
	assert_int_equal(symlink(target, in_base(name)), 0);
}

/* It must be the folder that stat(2) finds. */
static void opens_as(const char *path, enum paths_kind kind)
{
	struct stat found, expected;
	int fd = -1;

	if (paths_open(path, kind, &fd, why) < 0)
		fail_msg("%s", why);
	assert_int_equal(fstat(fd, &found), 0);
	assert_int_equal(stat(path, &expected), 0);
	assert_int_equal(found.st_ino, expected.st_ino);
	assert_int_equal(found.st_dev, expected.st_dev);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	(void)close(fd);
}

static void opens(const char *path)
{
	opens_as(path, PATHS_OWN);
}

static void refuses_as(const char *path, enum paths_kind kind, int expected, const char *what)
{
	int fd = -7;

	why[0] = '\0';
	assert_int_equal(paths_open(path, kind, &fd, why), expected);
	assert_int_equal(fd, -7);
	if (strstr(why, what) == NULL)
		fail_msg("\"%s\" does not hold \"%s\"", why, what);
}

static void refuses(const char *path, int expected, const char *what)
{
	refuses_as(path, PATHS_OWN, expected, what);
}

static void test_folders_of_ours(void **state)
{
	(void)state;
	make("a", 0755);
	make("a/b", 0711);
	opens("/");
	opens(base);
	opens(in_base("a"));
	opens(in_base("a/b"));
	opens(in_base("a//b/./"));
	opens(in_base("a/../a/b/.."));
	refuses(in_base("a/none"), -ENOENT, in_base("a/none: No such file or directory"));
	refuses(in_base("none/b"), -ENOENT, in_base("none: No such file or directory"));
}

static void test_writable_for_others(void **state)
{
	(void)state;
	make("all", 0777);
	make("all/below", 0700);
	make("group", 0770);
	make("sticky", 01777);
	make("sticky/below", 0700);
	refuses(in_base("all"), -EPERM, in_base("all has mode 0777, everybody can write in it: chmod go-w it"));
	refuses_as(in_base("all"), PATHS_PARENT, -EPERM, in_base("all has mode 0777"));
	refuses(in_base("all/below"), -EPERM, in_base("all has mode 0777"));
	refuses(in_base("all/../a"), -EPERM, in_base("all has mode 0777"));
	refuses(in_base("group"), -EPERM, in_base("group has mode 0770, its group can write in it"));
	refuses(in_base("sticky"), -EPERM, in_base("sticky has mode 1777"));
	refuses("/tmp", -EPERM, "/tmp has mode 1777");
	opens_as(in_base("sticky"), PATHS_PARENT);
	opens(in_base("sticky/below"));
}

static void test_links(void **state)
{
	(void)state;
	make("real", 0755);
	make("real/below", 0755);
	make_link("real", "relative");
	make_link(in_base("real"), "absolute");
	make_link("../relative/../real/below", "real/up");
	make_link("below/", "real/slash");
	make_link("all", "to-all");
	make_link("loop", "loop");
	make_link("none", "dangling");
	make_link(in_base("real"), "sticky/link");
	opens(in_base("relative"));
	opens(in_base("relative/below"));
	opens(in_base("absolute/up"));
	opens(in_base("real/slash/../up"));
	refuses(in_base("to-all"), -EPERM, in_base("all has mode 0777"));
	refuses(in_base("loop"), -ELOOP, "loop: ");
	refuses(in_base("dangling"), -ENOENT, in_base("none: "));
	refuses(in_base("sticky/link"), -EPERM,
		in_base("sticky/link is a symbolic link that another user can have made"));
	refuses(in_base("sticky/link/below"), -EPERM, in_base("sticky/link is a symbolic link"));
}

static void test_other_owners(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		(void)printf("# not root: nothing can belong to another one\n");
		return;
	}
	make("theirs", 0755);
	make("theirs/ours", 0755);
	make_link("real", "their-link");
	assert_int_equal(chown(in_base("theirs"), OTHER_UID, OTHER_UID), 0);
	assert_int_equal(lchown(in_base("their-link"), OTHER_UID, OTHER_UID), 0);
	refuses(in_base("theirs"), -EPERM,
		in_base("theirs belongs to uid 64012, who can replace what is in it: chown it to root"));
	refuses_as(in_base("theirs"), PATHS_PARENT, -EPERM, in_base("theirs belongs to uid 64012"));
	refuses(in_base("theirs/ours"), -EPERM, in_base("theirs belongs to uid 64012"));
	refuses(in_base("their-link"), -EPERM,
		in_base("their-link is a symbolic link that another user can have made"));
	assert_int_equal(seteuid(OTHER_UID), 0);
	opens(in_base("theirs/ours"));
	opens(in_base("their-link"));
	assert_int_equal(seteuid(0), 0);
}

static void test_what_is_no_folder(void **state)
{
	char long_name[PATH_MAX];
	int fd = open(in_base("file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	make_link("file", "to-file");
	refuses(in_base("file"), -ENOTDIR, in_base("file: Not a directory"));
	refuses(in_base("file/x"), -ENOTDIR, in_base("file: Not a directory"));
	refuses(in_base("to-file"), -ENOTDIR, in_base("file: Not a directory"));
	memset(long_name, 'x', sizeof(long_name));
	long_name[0] = '/';
	long_name[NAME_MAX + 2] = '\0';
	refuses(long_name, -ENAMETOOLONG, "File name too long");
	long_name[NAME_MAX + 2] = 'x';
	long_name[PATH_MAX - 1] = '\0';
	refuses(long_name, -ENAMETOOLONG, "File name too long");
}

static void test_fstat_fails(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(in_base("a"), &st), 0);
	failing = &st;
	refuses(in_base("a/b"), -ENOMEM, in_base("a: Cannot allocate memory"));
	assert_int_equal(stat("/", &st), 0);
	refuses(in_base("a"), -ENOMEM, "/: Cannot allocate memory");
	failing = NULL;
}

static void test_parents(void **state)
{
	const char *name = NULL, *path = in_base("a/b");
	struct stat found, expected;
	int fd = -1;

	(void)state;
	assert_int_equal(paths_open_parent(path, PATHS_OWN, &fd, &name, why), 0);
	assert_string_equal(name, "b");
	assert_int_equal(fstat(fd, &found), 0);
	assert_int_equal(stat(in_base("a"), &expected), 0);
	assert_int_equal(found.st_ino, expected.st_ino);
	(void)close(fd);
	assert_int_equal(paths_open_parent("/x", PATHS_OWN, &fd, &name, why), 0);
	assert_string_equal(name, "x");
	(void)close(fd);
	assert_int_equal(paths_open_parent(in_base("all/x"), PATHS_OWN, &fd, &name, why), -EPERM);
	assert_int_equal(paths_open_parent(in_base("sticky/x"), PATHS_OWN, &fd, &name, why), -EPERM);
	assert_int_equal(paths_open_parent(in_base("a/"), PATHS_OWN, &fd, &name, why), -EINVAL);
	assert_string_equal(why, "remove the / at its end");
	assert_int_equal(paths_open_parent(in_base("a/."), PATHS_OWN, &fd, &name, why), -EINVAL);
	assert_int_equal(paths_open_parent(in_base("a/.."), PATHS_OWN, &fd, &name, why), -EINVAL);
	assert_string_equal(why, "it ends with no name, but with a dot");
	assert_int_equal(paths_open_parent(in_base("a/..."), PATHS_OWN, &fd, &name, why), 0);
	(void)close(fd);
}

/* mkdir(2) takes them, too. */
static void test_slashes_behind_a_folder(void **state)
{
	const char *name = NULL, *path = in_base("a/new//");
	struct stat found, expected;
	int fd = -1;

	(void)state;
	assert_int_equal(paths_open_parent(path, PATHS_PARENT, &fd, &name, why), 0);
	assert_string_equal(name, "new//");
	assert_int_equal(fstat(fd, &found), 0);
	assert_int_equal(stat(in_base("a"), &expected), 0);
	assert_int_equal(found.st_ino, expected.st_ino);
	assert_int_equal(mkdirat(fd, name, 0700), 0);
	(void)close(fd);
	opens(path);
	assert_int_equal(paths_open_parent(in_base("a/./"), PATHS_PARENT, &fd, &name, why), -EINVAL);
	assert_int_equal(paths_open_parent("//", PATHS_PARENT, &fd, &name, why), -EINVAL);
	assert_string_equal(why, "it has no name");
}

static void test_files(void **state)
{
	const int made = open(in_base("a/file"), O_WRONLY | O_CREAT | O_EXCL, 0600);
	int fd = -1;

	(void)state;
	assert_true(made >= 0);
	(void)close(made);
	assert_int_equal(symlink("file", in_base("a/to-file")), 0);
	assert_int_equal(symlink(in_base("a/to-file"), in_base("a/absolute")), 0);
	assert_int_equal(symlink("loop", in_base("a/loop")), 0);
	assert_int_equal(paths_open_file(in_base("a/file"), O_RDONLY, &fd, why), 0);
	(void)close(fd);
	assert_int_equal(paths_open_file(in_base("a/absolute"), O_RDONLY, &fd, why), 0);
	(void)close(fd);
	assert_int_equal(chdir(base), 0);
	assert_int_equal(paths_open_file("a/to-file", O_PATH, &fd, why), 0);
	(void)close(fd);
	assert_int_equal(paths_open_file("a/none", O_RDONLY, &fd, why), -ENOENT);
	assert_int_equal(paths_open_file("a/loop", O_RDONLY, &fd, why), -ELOOP);
	assert_int_equal(paths_open_file(in_base("a"), O_RDONLY, &fd, why), -EINVAL);
	assert_string_equal(why + strlen(why) - strlen("is no plain file"), "is no plain file");
	assert_int_equal(chmod(in_base("a"), 0777), 0);
	assert_int_equal(paths_open_file("a/file", O_RDONLY, &fd, why), -EPERM);
	assert_int_equal(chmod(in_base("a"), 0755), 0);
}

static int make_base(void **state)
{
	(void)state;
	return mkdtemp(base) != NULL && chmod(base, 0755) == 0 ? 0 : -1;
}

static int remove_base(void **state)
{
	char command[sizeof(base) + 16];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

int main(void)
{
	/* In this order: folders of one are used by those after it. */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folders_of_ours),
		cmocka_unit_test(test_writable_for_others),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_other_owners),
		cmocka_unit_test(test_what_is_no_folder),
		cmocka_unit_test(test_fstat_fails),
		cmocka_unit_test(test_parents),
		cmocka_unit_test(test_slashes_behind_a_folder),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
