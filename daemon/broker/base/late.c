/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/base/late.h"

#include "base/clock.h"
#include "base/log.h"

static double seconds(uint64_t us)
{
	return (double)us / 1e6;
}

bool late_look(struct late *late, const struct pulse *pulse, const char *who, uint64_t since_us, uint64_t grace_us)
{
	const bool is = pulse_late(pulse, since_us, grace_us);

	if (is && late->since_us == 0) {
		late->since_us = since_us;
		when_utc(clock_real_us() - pulse_age(pulse, since_us), late->since);
		log_warning("%s does not answer since %s, for %.1f s", who, late->since,
			seconds(pulse_age(pulse, since_us)));
	} else if (!is && late->since_us != 0) {
		log_info("%s answers again, after %.1f s", who, seconds(pulse_age(pulse, late->since_us)));
		late->since_us = 0;
	}
	return is;
}
