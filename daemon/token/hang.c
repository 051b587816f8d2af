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
#include "daemon/shared/pulse.h"

/* Shared with the signal handler. Times are the pulse's: what counts is time in which this process could run. */
static _Atomic uint64_t now_us, looked_us; /* copies of the pulse's, which is the handler's own */
static _Atomic uint64_t busy_since_us;     /* 0 = idle */
static _Atomic uint64_t allowed_us;
static atomic_bool armed;
static uint64_t limit_us;
static struct pulse pulse;

static struct executing *executing;

static void arm(void)
{
	struct itimerval timer = {.it_value = pulse_period(&pulse)};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* The timer is not set back at each job. It looks, when it fires, how old the present job is. The job may have begun
 * just before: so a period more is allowed. */
static void on_alarm(int signal_number)
{
	static const char text[] = "cekd-token: the token does not answer; ending\n";
	uint64_t since = busy_since_us;

	(void)signal_number;
	if (since == 0) {
		armed = false;
		return;
	}
	pulse.looked_us = looked_us;
	pulse_beat(&pulse, clock_monotonic_us());
	looked_us = pulse.looked_us;
	now_us = pulse.now_us;
	if (pulse_age(&pulse, since) >= allowed_us + pulse.period_us) {
		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			_exit(HANG_EXIT);
		_exit(HANG_EXIT);
	}
	arm();
}

int hang_init(unsigned limit_seconds, struct executing *page)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	limit_us = (uint64_t)(limit_seconds ? limit_seconds : 1) * 1000000;
	pulse_init(&pulse, limit_seconds, clock_monotonic_us());
	now_us = pulse.now_us;
	executing = page;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGALRM, &action, NULL) < 0 ? log_origin(-errno) : 0;
}

void hang_enter(unsigned times)
{
	allowed_us = limit_us * times;
	executing->allowed_us = allowed_us;
	busy_since_us = now_us;
	if (!armed) {
		looked_us = clock_monotonic_us();
		armed = true;
		arm();
	}
}

void hang_leave(void)
{
	busy_since_us = 0;
	executing->allowed_us = 0;
}
