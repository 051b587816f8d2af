/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key destroy: the version goes when its waiting period is over; until then key keep takes it back. */
#include <stdlib.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/resolve.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

enum { NOT_GIVEN = UINT32_MAX };

int verb_key_destroy(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL;
	bool force = false;
	uint32_t wait = NOT_GIVEN;
	struct change_how how = {.asks = CHANGE_ASKS_ALWAYS};
	const struct arg args[] = {
		{"wait", ARG_DURATION, &wait, "DURATION", "waiting period (default and minimum: see cekd.conf(5))"},
		{"force", ARG_FLAG, &force, NULL,
			"although it was used within its overlap, or that is not known; does not skip the wait"},
		{"reason", ARG_STRING, &reason, "TEXT", "for the journal, at most 200 bytes"},
		CHANGE_DRY_RUN(how),
		CHANGE_YES(how),
		{0},
	};
	Cek__V1__DestroyVersionRequest destroy = CEK__V1__DESTROY_VERSION_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	struct resolved version;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (wait == 0) /* to cekd that is its default, which nobody means who says 0 */
		return ctl_usage(ctl, "--wait is at least one second; without it cekd's destroy-wait counts");
	r = resolve_version(ctl, words[0], &version);
	if (r != EXIT_SUCCESS)
		return r;
	destroy.kid = rpc_text(version.kid);
	destroy.force = force;
	destroy.wait = wait == NOT_GIVEN ? 0 : wait;
	destroy.reason = rpc_text(reason);
	request.op_case = CEK__V1__REQUEST__OP_DESTROY_VERSION;
	request.destroy_version = &destroy;
	return change_run(ctl, &request, version.kid, &how);
}
