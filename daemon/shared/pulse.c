/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/pulse.h"

enum {
	PERIODS = 8, /* of the bound: so much finer than what is judged */
	PERIOD_MAX_US = 1000000,
};

void pulse_init(struct pulse *pulse, unsigned bound_seconds, uint64_t now_us)
{
	const uint64_t bound_us = (uint64_t)(bound_seconds > 0 ? bound_seconds : 1) * 1000000;
	const uint64_t period_us = bound_us / PERIODS;

	*pulse = (struct pulse){
		.period_us = period_us < PERIOD_MAX_US ? period_us : PERIOD_MAX_US,
		.bound_us = bound_us,
		.looked_us = now_us,
		.now_us = 1,
	};
}

void pulse_beat(struct pulse *pulse, uint64_t now_us)
{
	const uint64_t passed_us = now_us > pulse->looked_us ? now_us - pulse->looked_us : 0;

	pulse->now_us += passed_us < pulse->period_us ? passed_us : pulse->period_us;
	pulse->looked_us = now_us;
}

struct timeval pulse_period(const struct pulse *pulse)
{
	return (struct timeval){
		.tv_sec = (time_t)(pulse->period_us / 1000000),
		.tv_usec = (suseconds_t)(pulse->period_us % 1000000),
	};
}
