/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that do not end when they are asked to: who is killed when, with the timer in the test's hand.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "daemon/parent/stop.h"
#include "proto/dgram.h"

enum { CALL_TIMEOUT = 3600 };

static struct family family;
static struct stop stop;
static int ends[8], n_ends; /* the children's ends of their control sockets */

static void on_changed(void *owner)
{
	(void)owner;
}

static void start(struct child *child, bool ready)
{
	const pid_t pid = fork();
	int pair[2];

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGTERM, SIG_IGN);
		for (;;)
			(void)pause();
	}
	assert_int_equal(dgram_pair(pair), 0);
	child_started(child, pid, pair[0]);
	child->ready = ready;
	ends[n_ends++] = pair[1];
}

static int set_up(void **state)
{
	(void)state;
	n_ends = 0;
	assert_int_equal(family_init(&family, event_base_new(), 2, on_changed, NULL), 0);
	stop = (struct stop){.family = &family, .call_timeout = CALL_TIMEOUT};
	start(&family.broker, true);
	start(&family.journal, true);
	start(&family.slots[0].child[0], true);
	start(&family.slots[1].child[0], false); /* inside a login */
	return 0;
}

static void end(struct family *of, struct child *child, void *data)
{
	int status;

	(void)of;
	(void)data;
	(void)kill(child->pid, SIGKILL);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	child_ended(child, status);
}

static int tear_down(void **state)
{
	struct event_base *base = family.base;

	(void)state;
	family_each(&family, end, NULL);
	stop_deinit(&stop);
	family_deinit(&family);
	event_base_free(base);
	while (n_ends > 0)
		(void)close(ends[--n_ends]);
	return 0;
}

static bool runs(const struct child *child)
{
	siginfo_t info = {0};

	assert_int_equal(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid == 0;
}

/* It was killed, and cekd is told so. */
static void assert_killed(struct child *child)
{
	int status;

	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	child_ended(child, status);
	stop_step(&stop);
}

/* Whether it is asked to end, for the first time. */
static bool asked(int i)
{
	uint8_t data[64];
	ssize_t len = recv(ends[i], data, sizeof(data), MSG_DONTWAIT);
	Cek__Internal__V1__Control *message = len > 0 ? cek__internal__v1__control__unpack(NULL, (size_t)len, data)
						      : NULL;
	const bool drain = message && message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN;

	if (message)
		cek__internal__v1__control__free_unpacked(message, NULL);
	return drain;
}

/* Seconds until the timer, which then goes off. */
static long time_out(void)
{
	struct timeval now, due;

	assert_true(event_pending(stop.timer, EV_TIMEOUT, &due));
	assert_int_equal(event_base_gettimeofday_cached(family.base, &now), 0);
	event_active(stop.timer, EV_TIMEOUT, 0);
	assert_true(event_base_loop(family.base, EVLOOP_NONBLOCK) >= 0);
	return due.tv_sec - now.tv_sec;
}

/* Broker, then workers, those inside a login a call of the token later, then the journal. */
static void test_each_is_killed_when_its_time_has_come(void **state)
{
	struct child *serves = &family.slots[0].child[0], *logs_in = &family.slots[1].child[0];

	(void)state;
	stop_begin(&stop);
	stop_begin(&stop);
	stop_step(&stop);
	assert_true(asked(0));
	assert_false(asked(1) || asked(2) || asked(3)); /* the broker still needs them */
	assert_true(time_out() > 6);
	assert_true(runs(&family.journal) && runs(serves) && runs(logs_in));
	assert_killed(&family.broker);
	assert_true(asked(2) && asked(3));
	assert_false(asked(1));
	assert_true(time_out() < 60);
	assert_true(runs(&family.journal) && runs(logs_in));
	assert_killed(serves);
	assert_true(time_out() > CALL_TIMEOUT - 60); /* so long may it still be inside the login */
	assert_true(runs(&family.journal));
	assert_killed(logs_in);
	assert_true(asked(1));
	assert_true(time_out() < 60);
	assert_killed(&family.journal);
	assert_true(stop.killed); /* cekd's exit status says so */
}

/* Who ends in time is not killed, and nobody after it. */
static void test_nobody_is_killed_who_ends(void **state)
{
	(void)state;
	stop_begin(&stop);
	stop_step(&stop);
	end(&family, &family.broker, NULL);
	stop_step(&stop);
	assert_true(asked(2) && asked(3));
	end(&family, &family.slots[0].child[0], NULL);
	stop_step(&stop);
	assert_false(asked(1));
	end(&family, &family.slots[1].child[0], NULL);
	stop_step(&stop);
	assert_true(asked(1));
	assert_true(runs(&family.journal));
	end(&family, &family.journal, NULL);
	stop_step(&stop);
	assert_false(stop.killed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_is_killed_when_its_time_has_come, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_is_killed_who_ends, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
