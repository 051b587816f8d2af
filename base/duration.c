/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "base/plural.h"

#include "base/duration.h"

const char *duration_words(uint64_t seconds, char text[DURATION_MAX])
{
	static const struct {
		uint32_t seconds;
		const char *name;
	} units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	size_t len = 0;

	snprintf(text, DURATION_MAX, "0 seconds");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && seconds > 0; i++) {
		const uint64_t n = seconds / units[i].seconds;

		if (n > 0)
			len += (size_t)snprintf(text + len, DURATION_MAX - len, "%s%" PRIu64 " %s%s",
				len > 0 ? " " : "", n, units[i].name, plural(n));
		seconds %= units[i].seconds;
	}
	return text;
}
