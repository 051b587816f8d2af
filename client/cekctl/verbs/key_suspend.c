/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key suspend: a version is out of use until it is resumed, by hand or by itself at a given time. */
#include <stdlib.h>

#include "base/clock.h"
#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/values.h"
#include "client/cekctl/rpc/resolve.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/set_state.h"
#include "client/cekctl/verbs/verbs.h"

/* 0, cekd's word for an end that never comes, is said by neither of them. */
static int read_end(const struct ctl *ctl, const char *span, const char *until, uint64_t *ret_until)
{
	uint32_t duration = 0;

	if ((!span && !until) || (until && value_time(until, ret_until) == 0 && *ret_until != 0))
		return EXIT_SUCCESS;
	if (span && value_duration(span, &duration) < 0)
		return ctl_usage(ctl, "--for wants a duration with its unit, such as 90s, 15m, 12h or 7d, not \"%s\"",
			span);
	if (until && value_duration(until, &duration) < 0)
		return ctl_usage(ctl, "--until wants a time such as 2026-01-31T12:00:00Z, or a duration, not \"%s\"",
			until);
	if (duration == 0)
		return ctl_usage(ctl, "%s is at least one second; without it the suspension has no end",
			span ? "--for" : "--until");
	*ret_until = clock_real_us() + (uint64_t)duration * 1000000;
	return EXIT_SUCCESS;
}

int verb_key_suspend(struct ctl *ctl, int argc, char **argv)
{
	const char *span = NULL, *until = NULL, *reason = NULL;
	bool rotate = false, force = false;
	struct change_how how = {.asks = CHANGE_ASKS_NEVER};
	const struct arg args[] = {
		{"for", ARG_STRING, &span, "DURATION", "resume by itself after that long"},
		{"until", ARG_STRING, &until, "TIME",
			"resume by itself then (2026-01-31T12:00:00Z, or a duration from now)"},
		{"rotate", ARG_FLAG, &rotate, NULL, "put another version in its place first"},
		{"force", ARG_FLAG, &force, NULL, "although issuers then have no key"},
		{"reason", ARG_STRING, &reason, "TEXT", "for the journal, at most 200 bytes"},
		CHANGE_DRY_RUN(how),
		{0},
	};
	/* Not one that waits to be destroyed: to suspend it anew is no way to take that back. */
	Cek__V1__State current[] = {CEK__V1__STATE__STATE_PRE_ACTIVE, CEK__V1__STATE__STATE_ACTIVE,
		CEK__V1__STATE__STATE_DEACTIVATED, CEK__V1__STATE__STATE_SUSPENDED};
	Cek__V1__SetKeyStateRequest change = CEK__V1__SET_KEY_STATE_REQUEST__INIT;
	struct resolved version;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (span && until)
		return ctl_usage(ctl, "--for and --until say the same thing: one of them");
	r = read_end(ctl, span, until, &change.until);
	if (r != EXIT_SUCCESS)
		return r;
	r = resolve_version(ctl, words[0], &version);
	if (r != EXIT_SUCCESS)
		return r;
	change.kid = rpc_text(version.kid);
	change.state = CEK__V1__STATE__STATE_SUSPENDED;
	change.current = current;
	change.n_current = sizeof(current) / sizeof(current[0]);
	change.rotate = rotate;
	change.reason = rpc_text(reason);
	return set_state_out_of_use(ctl, &change, force, &how);
}
