/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How durations, numbers and times are written on the command line.
 */
#pragma once

#include <stdint.h>

/* "90s", "15m", "12h", "7d", "2w", sums such as "1h30m", and "0": seconds, up to 2^32-1. 0 or -EINVAL. */
int value_duration(const char *text, uint32_t *ret_seconds);

/* Decimal digits only. 0 or -EINVAL. */
int value_number(const char *text, uint32_t *ret_number);

/* RFC 3339 ("2026-01-31T12:00:00Z", "2026-01-31 13:00:00+01:00"): microseconds since 1970. 0 or -EINVAL. */
int value_time(const char *text, uint64_t *ret_time);
