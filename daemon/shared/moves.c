/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared/moves.h"

#include <stddef.h>

/* Why not; "" = free to go; BACK = only to the state that it had before. */
static const char back[] = "it goes back only to the state that it had before";

#define YES ""
#define BACK back
#define OTHER "another version is active by now: resume to deactivated"
#define FIRST "take its destruction back first, to the state that it had before"
#define SAME "it is in that state already"
#define ROTATE "it would leave its key without an active version: rotate the key first"
#define ONCE "a version becomes active once: rotate the key to get a new active version"
#define STAYS "compromised stays compromised: only destruction is left"
#define GONE "it is destroyed; its kid stays as a tombstone"
#define NEVER "it was never active: destroy it, or let it become active"
#define WAITS "destruction has a waiting period"
#define MADE "only a new version is pre-active"

/* clang-format off */
static const char *const moves[STATE_COUNT][STATE_COUNT] = {
	[STATE_PRE_ACTIVE] = {
		[STATE_PRE_ACTIVE] = SAME, [STATE_ACTIVE] = YES, [STATE_DEACTIVATED] = NEVER, [STATE_SUSPENDED] = YES,
		[STATE_COMPROMISED] = YES, [STATE_DESTROYED] = WAITS, [STATE_WAITING] = YES,
	},
	[STATE_ACTIVE] = {
		[STATE_PRE_ACTIVE] = MADE, [STATE_ACTIVE] = SAME, [STATE_DEACTIVATED] = YES, [STATE_SUSPENDED] = YES,
		[STATE_COMPROMISED] = YES, [STATE_DESTROYED] = WAITS, [STATE_WAITING] = ROTATE,
	},
	[STATE_DEACTIVATED] = {
		[STATE_PRE_ACTIVE] = MADE, [STATE_ACTIVE] = ONCE, [STATE_DEACTIVATED] = SAME, [STATE_SUSPENDED] = YES,
		[STATE_COMPROMISED] = YES, [STATE_DESTROYED] = WAITS, [STATE_WAITING] = YES,
	},
	[STATE_SUSPENDED] = {
		[STATE_PRE_ACTIVE] = BACK, [STATE_ACTIVE] = BACK, [STATE_DEACTIVATED] = BACK, [STATE_SUSPENDED] = YES,
		[STATE_COMPROMISED] = YES, [STATE_DESTROYED] = WAITS, [STATE_WAITING] = YES,
	},
	[STATE_COMPROMISED] = {
		[STATE_PRE_ACTIVE] = STAYS, [STATE_ACTIVE] = STAYS, [STATE_DEACTIVATED] = STAYS,
		[STATE_SUSPENDED] = STAYS,
		[STATE_COMPROMISED] = SAME, [STATE_DESTROYED] = WAITS, [STATE_WAITING] = YES,
	},
	[STATE_DESTROYED] = {
		[STATE_PRE_ACTIVE] = GONE, [STATE_ACTIVE] = GONE, [STATE_DEACTIVATED] = GONE, [STATE_SUSPENDED] = GONE,
		[STATE_COMPROMISED] = GONE, [STATE_DESTROYED] = GONE, [STATE_WAITING] = GONE,
	},
	[STATE_WAITING] = {
		[STATE_PRE_ACTIVE] = BACK, [STATE_ACTIVE] = FIRST, [STATE_DEACTIVATED] = BACK, [STATE_SUSPENDED] = BACK,
		[STATE_COMPROMISED] = YES, [STATE_DESTROYED] = YES, [STATE_WAITING] = SAME,
	},
};
/* clang-format on */

enum state moves_back(const struct standing *standing, bool replaced)
{
	if (standing->state != STATE_SUSPENDED && standing->state != STATE_WAITING)
		return STATE_NONE;
	return standing->before == STATE_ACTIVE && replaced ? STATE_DEACTIVATED : standing->before;
}

static const char *back_refused(const struct standing *standing, bool replaced, enum state to)
{
	if (standing->state == STATE_WAITING)
		return to == standing->before ? NULL : FIRST;
	/* Whoever resumes what was active may leave it at unwrapping. */
	if (to == moves_back(standing, replaced) || (to == STATE_DEACTIVATED && standing->before == STATE_ACTIVE))
		return NULL;
	return to == standing->before ? OTHER : back;
}

const char *moves_refused(const struct standing *standing, bool replaced, enum state to)
{
	const char *why = standing->state < STATE_COUNT && to < STATE_COUNT ? moves[standing->state][to] : NULL;

	if (!why)
		return "there is no such state to go to";
	if (why == back)
		return back_refused(standing, replaced, to);
	return *why ? why : NULL;
}

bool moves_recorded(const struct standing *standing, bool replaced, enum state to)
{
	enum state before = standing->interrupted;

	if (!moves_refused(standing, replaced, to))
		return true;
	return standing->state == STATE_WAITING && before != STATE_NONE &&
		(to == before || (to == STATE_DEACTIVATED && before == STATE_ACTIVE));
}

static enum state remembered(const struct standing *standing, enum state to)
{
	if (to == STATE_WAITING)
		return standing->state;
	if (to != STATE_SUSPENDED)
		return STATE_NONE;
	if (standing->state == STATE_SUSPENDED) /* gets another end */
		return standing->before;
	return standing->state == STATE_WAITING ? standing->interrupted : standing->state;
}

void moves_enter(struct standing *standing, enum state to)
{
	const bool interrupts = to == STATE_WAITING && standing->state == STATE_SUSPENDED;
	const enum state before = remembered(standing, to);

	standing->interrupted = interrupts ? standing->before : STATE_NONE;
	standing->before = before;
	standing->state = to;
}
