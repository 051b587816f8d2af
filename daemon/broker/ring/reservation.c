/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/ring/reservation.h"

enum {
	RESERVATION_MAX = 65536, /* wraps: what a crash may cost */
	RESERVATION_PARTS = 8,   /* of the limit, if that is small */
};

static uint64_t block(uint64_t limit)
{
	uint64_t part = limit / RESERVATION_PARTS;

	return part < 1 ? 1 : part < RESERVATION_MAX ? part : RESERVATION_MAX;
}

uint64_t reservation_next(uint64_t limit, uint64_t reserved)
{
	uint64_t next = reserved + block(limit);

	return next < limit ? next : limit;
}

bool reservation_due(uint64_t limit, const struct version *version)
{
	return version->reserved < limit && version->taken + block(limit) / 2 >= version->reserved;
}

bool reservation_ends(uint64_t limit, const struct version *version)
{
	return version->taken + 2 * block(limit) >= limit;
}
