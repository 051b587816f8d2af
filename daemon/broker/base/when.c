/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "daemon/broker/base/when.h"

const char *when_utc(uint64_t micros, char text[WHEN_MAX])
{
	time_t seconds = (time_t)(micros / 1000000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(text, WHEN_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		strcpy(text, "?");
	return text;
}
