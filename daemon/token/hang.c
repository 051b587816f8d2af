/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/hang.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/shared/executing.h"

/* Shared with the signal handler. */
static _Atomic uint64_t busy_since_us; /* 0 = idle */
static _Atomic uint64_t allowed_us;
static atomic_bool armed;
static uint64_t limit_us;

static struct executing *executing;

static void arm(uint64_t us)
{
	struct itimerval timer = {
		.it_value.tv_sec = (time_t)(us / 1000000),
		.it_value.tv_usec = (suseconds_t)(us % 1000000),
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* The timer is not set back at each job. It looks, when it fires, how old the present job is. */
static void on_alarm(int signal_number)
{
	static const char text[] = "cekd-token: the token does not answer; ending\n";
	uint64_t since = busy_since_us;
	uint64_t age;

	(void)signal_number;
	if (since == 0) {
		armed = false;
		return;
	}
	age = clock_monotonic_us() - since;
	if (age >= allowed_us) {
		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			_exit(HANG_EXIT);
		_exit(HANG_EXIT);
	}
	arm(allowed_us - age < limit_us ? allowed_us - age + 1 : limit_us);
}

int hang_init(unsigned limit_seconds, struct executing *page)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	limit_us = (uint64_t)(limit_seconds ? limit_seconds : 1) * 1000000;
	executing = page;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGALRM, &action, NULL) < 0 ? log_origin(-errno) : 0;
}

void hang_enter(unsigned times)
{
	allowed_us = limit_us * times;
	executing->allowed_us = allowed_us;
	busy_since_us = clock_monotonic_us();
	if (!armed) {
		armed = true;
		arm(limit_us);
	}
}

void hang_leave(void)
{
	busy_since_us = 0;
	executing->allowed_us = 0;
}
