/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
