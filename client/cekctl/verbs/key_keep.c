/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key keep: a destruction that was scheduled does not take place. */
#include <stdlib.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/rpc/resolve.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/rpc/set_state.h"
#include "client/cekctl/verbs/verbs.h"

int verb_key_keep(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL;
	struct change_how how = {.asks = CHANGE_ASKS_NEVER};
	const struct arg args[] = {
		{"reason", ARG_STRING, &reason, "TEXT", "for the journal, at most 200 bytes"},
		CHANGE_DRY_RUN(how),
		{0},
	};
	struct resolved version;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	r = resolve_version(ctl, words[0], &version);
	if (r != EXIT_SUCCESS)
		return r;
	return set_state_back(ctl, rpc_text(version.kid), reason, CEK__V1__STATE__STATE_WAITING,
		": no destruction is scheduled", &how);
}
