/* SPDX-License-Identifier: Apache-2.0 */
/* Who hangs in the token ends itself; who was stopped meanwhile does not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/shared/executing.h"
#include "daemon/token/hang.h"

static int begun[2], go_on[2];

/* A call of the token that lasts until the test says so. */
static pid_t start(void)
{
	const pid_t pid = fork();
	char byte = 0;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	struct executing *page = executing_map(executing_create());

	if (!page || hang_init(1, page) < 0)
		_exit(90);
	hang_enter(1);
	if (write(begun[1], "b", 1) != 1 || read(go_on[0], &byte, 1) != 1)
		_exit(91);
	hang_leave();
	_exit(page->allowed_us == 0 ? 0 : 92);
}

static void pass_ms(long ms)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (nanosleep(&left, &left) < 0)
		;
}

static int exit_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_a_call_that_hangs(void **state)
{
	const pid_t pid = start();

	(void)state;
	assert_int_equal(exit_of(pid), HANG_EXIT);
}

/* Longer than the call may take. */
static void test_time_in_which_it_was_stopped(void **state)
{
	pid_t pid;
	int status;
	char byte;

	(void)state;
	while (read(begun[0], &byte, 1) != 1 || byte != 'b') /* of the one before */
		;
	pid = start();
	assert_int_equal(read(begun[0], &byte, 1), 1);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	pass_ms(1500);
	assert_int_equal(write(go_on[1], "g", 1), 1);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(exit_of(pid), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_call_that_hangs),
		cmocka_unit_test(test_time_in_which_it_was_stopped),
	};

	if (pipe(begun) < 0 || pipe(go_on) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
