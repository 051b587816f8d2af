/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key rotate: a new version becomes active; or only the timetable that would follow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/keys.h"
#include "client/cekctl/rpc/resolve.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

/* The kid that is active now, in memory of its own. NULL with EXIT_SUCCESS: none is. */
static int ask_active(struct ctl *ctl, const char *name, char **ret_kid)
{
	const Cek__V1__Version *active;
	Cek__V1__Reply *reply;
	int r = rpc_describe(ctl, name, NULL, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	active = keys_active(reply->key->key);
	*ret_kid = active ? strdup(active->kid) : NULL;
	if (active && !*ret_kid)
		r = ctl_fail(ctl, "out of memory");
	rpc_reply_free(reply);
	return r;
}

static int rotate(struct ctl *ctl, char *name, const char *active_kid, bool plan, const struct change_how *how)
{
	Cek__V1__RotateKeyRequest rotate_key = CEK__V1__ROTATE_KEY_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	int r;

	rotate_key.key = name;
	rotate_key.active_kid = rpc_text(active_kid);
	rotate_key.plan = plan;
	request.op_case = CEK__V1__REQUEST__OP_ROTATE_KEY;
	request.rotate_key = &rotate_key;
	if (!plan && !change_agreed(ctl, &request, how, &r))
		return r;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_KEY, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	if (plan && !ctl->json && reply->key->key)
		keys_print_plan(reply->key->key);
	else
		r = keys_print_change(ctl, reply->key->key, NULL);
	rpc_reply_free(reply);
	return r;
}

int verb_key_rotate(struct ctl *ctl, int argc, char **argv)
{
	const char *active_kid = NULL;
	struct resolved version;
	char *asked = NULL;
	bool plan = false;
	struct change_how how = {.asks = CHANGE_ASKS_IF_TOLD};
	const struct arg args[] = {
		{"plan", ARG_FLAG, &plan, NULL, "change nothing, print the timetable that would follow"},
		{"active-kid", ARG_STRING, &active_kid, "KID",
			"rotate only if this one is active: a repeated command then does no harm"},
		CHANGE_DRY_RUN(how),
		CHANGE_YES(how),
		{0},
	};
	char **words;
	int r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	r = active_kid ? resolve_version(ctl, active_kid, &version) : ask_active(ctl, words[0], &asked);
	if (r == EXIT_SUCCESS)
		r = rotate(ctl, words[0], active_kid ? version.kid : asked, plan, &how);
	free(asked);
	return r;
}
