/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key compromise: a version that must not be trusted any more, at once and for good. */
#include <stdlib.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/rpc/resolve.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/set_state.h"
#include "client/cekctl/verbs/verbs.h"

int verb_key_compromise(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL;
	bool rotate = false, force = false;
	struct change_how how = {.asks = CHANGE_ASKS_ALWAYS};
	const struct arg args[] = {
		{"rotate", ARG_FLAG, &rotate, NULL, "put another version in its place in the same step"},
		{"force", ARG_FLAG, &force, NULL, "although issuers then have no key"},
		{"reason", ARG_STRING, &reason, "TEXT", "for the journal, at most 200 bytes"},
		CHANGE_DRY_RUN(how),
		CHANGE_YES(how),
		{0},
	};
	Cek__V1__SetKeyStateRequest change = CEK__V1__SET_KEY_STATE_REQUEST__INIT;
	struct resolved version;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	r = resolve_version(ctl, words[0], &version);
	if (r != EXIT_SUCCESS)
		return r;
	change.kid = rpc_text(version.kid);
	change.state = CEK__V1__STATE__STATE_COMPROMISED;
	change.rotate = rotate;
	change.reason = rpc_text(reason);
	return set_state_out_of_use(ctl, &change, force, &how);
}
