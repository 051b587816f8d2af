/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/clocks.h"

#include <stdio.h>
#include <string.h>

void clocks_open(struct clocks *clocks, const char *boot)
{
	if (strcmp(clocks->boot, boot) == 0 && boot[0] != '\0')
		return;
	(void)snprintf(clocks->boot, sizeof(clocks->boot), "%s", boot);
	clocks->boots++;
	clocks->based = false;
}

static bool stepped(int64_t by)
{
	return by < -(int64_t)CLOCKS_BACK_US || by > (int64_t)CLOCKS_AHEAD_US;
}

/* Between two records that no CLOCK_BOOTTIME connects. */
static void compare(struct clocks *clocks, uint64_t time, uint64_t up)
{
	if (clocks->last == 0)
		return;
	if (time + CLOCKS_BACK_US < clocks->last)
		clocks->jumped = true;
	else if (up > 0 && time > clocks->last + CLOCKS_AWAY_US)
		clocks->away = clocks->boots;
	else if (up == 0 && time > clocks->last + CLOCKS_OLD_US)
		clocks->jumped = true;
}

void clocks_record(struct clocks *clocks, uint64_t time, uint64_t up, bool confirms)
{
	if (clocks->based && up > 0)
		(void)clocks_look(clocks, time, up);
	else
		compare(clocks, time, up);
	if (confirms) {
		clocks->jumped = false;
		clocks->away = 0;
	}
	if (up > 0 && (confirms || !clocks->based)) {
		clocks->base = (int64_t)(time - up);
		clocks->based = true;
	}
	if (time > 0)
		clocks->last = time;
}

int64_t clocks_look(struct clocks *clocks, uint64_t real, uint64_t up)
{
	const int64_t by = clocks->based ? (int64_t)(real - up) - clocks->base : 0;

	if (!stepped(by))
		return 0;
	clocks->jumped = true;
	return by;
}

struct wait wait_begin(const struct clocks *clocks, uint64_t until, uint64_t time, uint64_t up)
{
	return (struct wait){
		.until = until,
		.up = up > 0 && until > time ? up + (until - time) : 0,
		.boot = clocks->boots,
	};
}

bool wait_doubtful(const struct wait *wait, const struct clocks *clocks)
{
	return wait->boot < clocks->away;
}

bool wait_over_up(const struct wait *wait, const struct clocks *clocks, uint64_t up)
{
	return wait->boot != clocks->boots || up >= wait->up;
}
