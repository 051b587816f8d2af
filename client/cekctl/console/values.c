/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint32_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	default:
		return 0;
	}
}

int value_duration(const char *text, uint32_t *ret_seconds)
{
	uint64_t total = 0;
	const char *p = text;

	if (*p == '\0')
		return -EINVAL;
	while (*p) {
		const char *digits = p;
		uint64_t number = 0;
		uint32_t unit = 1;

		for (; *p >= '0' && *p <= '9' && number <= UINT32_MAX; p++)
			number = number * 10 + (uint64_t)(*p - '0');
		if (p == digits)
			return -EINVAL;
		if (*p) {
			unit = unit_seconds(*p++);
			if (unit == 0)
				return -EINVAL;
		} else if (strcmp(text, "0") != 0) {
			return -EINVAL; /* "90" of what? */
		}
		total += number * unit;
		if (number > UINT32_MAX || total > UINT32_MAX)
			return -EINVAL;
	}
	*ret_seconds = (uint32_t)total;
	return 0;
}

int value_number(const char *text, uint32_t *ret_number)
{
	uint64_t number = 0;

	if (*text == '\0')
		return -EINVAL;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		number = number * 10 + (uint64_t)(*p - '0');
		if (number > UINT32_MAX)
			return -EINVAL;
	}
	*ret_number = (uint32_t)number;
	return 0;
}

/* "Z", or "+01:00": what has to be taken off the time for UTC. */
static int read_offset(const char *text, long *ret_seconds)
{
	unsigned hours, minutes;
	int end = 0;

	*ret_seconds = 0;
	if (strcmp(text, "Z") == 0)
		return 0;
	if ((*text != '+' && *text != '-') || strlen(text) != 6 || strspn(text + 1, "0123456789") != 2 ||
		strspn(text + 4, "0123456789") != 2 || sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &end) != 2 ||
		end != 5 || hours > 23 || minutes > 59)
		return -EINVAL;
	*ret_seconds = ((long)hours * 60 + (long)minutes) * (*text == '-' ? -60 : 60);
	return 0;
}

int value_time(const char *text, uint64_t *ret_time)
{
	struct tm parts = {0}, again;
	const char *end = strptime(text, strchr(text, 'T') ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
	time_t seconds;
	long offset;

	if (!end || read_offset(end, &offset) < 0 || parts.tm_year < 70)
		return -EINVAL;
	again = parts;
	seconds = timegm(&again);
	/* timegm() moves 31 February into March; a date that does not exist is refused */
	if (seconds <= offset || seconds <= 0 || again.tm_mday != parts.tm_mday || again.tm_mon != parts.tm_mon ||
		again.tm_sec != parts.tm_sec)
		return -EINVAL;
	*ret_time = (uint64_t)(seconds - offset) * 1000000;
	return 0;
}
