/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/shared/orphan.h"

/* What the orphan says, and what it waits for; both are pipes. */
static int said[2], told[2];

static void __attribute__((noreturn)) be_orphan(void)
{
	char byte = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(90);
	orphan_spare();
	if (write(said[1], "s", 1) != 1 || read(told[0], &byte, 1) != 1)
		_exit(91);
	if (write(said[1], "l", 1) != 1) /* it lives, although its parent is gone */
		_exit(92);
	orphan_resume();
	_exit(0);
}

/* Its parent ends as told; the test, who takes orphans in, reaps it. */
static int status_of_orphan(void)
{
	const pid_t parent = fork();
	int status = 0;
	char byte = 0;

	assert_true(parent >= 0);
	if (parent == 0) {
		if (fork() == 0)
			be_orphan();
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(said[0], &byte, 1), 1);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(write(told[1], "r", 1), 1);
	assert_int_equal(read(said[0], &byte, 1), 1);
	assert_int_equal(byte, 'l');
	assert_true(wait(&status) > 0);
	return status;
}

static void test_spared_until_it_is_done(void **state)
{
	int status;

	(void)state;
	assert_int_equal(pipe(said), 0);
	assert_int_equal(pipe(told), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	status = status_of_orphan();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void test_armed_again(void **state)
{
	int number = 0;

	(void)state;
	orphan_spare();
	assert_int_equal(prctl(PR_GET_PDEATHSIG, &number), 0);
	assert_int_equal(number, 0);
	orphan_resume();
	assert_int_equal(prctl(PR_GET_PDEATHSIG, &number), 0);
	assert_int_equal(number, SIGKILL);
}

static void test_bound(void **state)
{
	unsigned left;

	(void)state;
	assert_int_equal(orphan_bound(), 0);
	assert_int_equal(raise(ORPHAN_TOLD), 0);
	left = alarm(0);
	assert_in_range(left, 1, ORPHAN_SECONDS);
	assert_ptr_equal(signal(SIGALRM, SIG_DFL), SIG_DFL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spared_until_it_is_done),
		cmocka_unit_test(test_armed_again),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
