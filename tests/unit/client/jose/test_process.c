/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/jose/process.h"

/* Of a child, and of a child's child. 0 = right everywhere. */
static int look(unsigned generations)
{
	pid_t child;
	int status;

	if (process_id() != getpid() || process_id() != getpid())
		return 1;
	if (generations == 0)
		return 0;
	/* fork(2) itself, of which the C library, with what it calls then, knows nothing. */
	child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (child == 0)
		_exit(look(generations - 1));
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static void test_children(void **state)
{
	(void)state;
	assert_int_equal(look(2), 0);
	assert_int_equal(look(2), 0);
}

/* ---- this program again, in a process of its own ----------------------------------------------------------------- */

enum { CANNOT = 77 };

/* The status that waitpid(2) tells of. before: what the process does first; false = it cannot. */
static int run(const char *what, bool (*before)(void))
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		if (!before || before())
			(void)execl("/proc/self/exe", "test_process", what, NULL);
		_exit(CANNOT);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* How many mappings there are that are wiped in a child; -1: the kernel does not tell. */
static int wiped_mappings(void)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[512];
	int n = 0;

	if (!smaps)
		return -1;
	while (fgets(line, sizeof(line), smaps))
		n += strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " wf");
	fclose(smaps);
	return n;
}

static int wiped_at_first;

/* After all that the library does at the end, while other threads may still be in it. */
__attribute__((destructor(101))) static void end_late(void)
{
	if (wiped_at_first > 0 && wiped_mappings() < wiped_at_first)
		_exit(1);
}

static int end(void)
{
	wiped_at_first = wiped_mappings();
	return wiped_at_first > 0 ? 0 : CANNOT;
}

static void test_threads_may_outlive_main(void **state)
{
	int status = run("end", NULL);

	(void)state;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT)
		skip();
	assert_int_equal(status, 0);
}

/* Each madvise(2) from now on does nothing, and says that it went well. */
static bool ignore_advice(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void test_a_kernel_that_ignores_advice(void **state)
{
	int status = run("look", ignore_advice);

	(void)state;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT)
		skip();
	assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_threads_may_outlive_main),
		cmocka_unit_test(test_a_kernel_that_ignores_advice),
	};

	if (argc > 1)
		return strcmp(argv[1], "end") == 0 ? end() : look(2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
