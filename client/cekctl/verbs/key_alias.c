/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key alias: a further kid by which a version is found, since issuers use it; or one less. */
#include <stdlib.h>
#include <string.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/resolve.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

int verb_key_alias(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL;
	struct change_how how = {.asks = CHANGE_ASKS_NEVER};
	const struct arg args[] = {
		{"reason", ARG_STRING, &reason, "TEXT", "for the journal, at most 200 bytes"},
		CHANGE_DRY_RUN(how),
		{0},
	};
	Cek__V1__AliasRequest alias = CEK__V1__ALIAS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	struct resolved version;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 3, 3, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	alias.remove = strcmp(words[0], "remove") == 0;
	if (!alias.remove && strcmp(words[0], "add") != 0)
		return ctl_usage(ctl, "add or remove, not \"%s\"", words[0]);
	if (!*words[2])
		return ctl_usage(ctl, "the alias is empty");
	r = resolve_version(ctl, words[1], &version);
	if (r != EXIT_SUCCESS)
		return r;
	alias.kid = rpc_text(version.kid);
	alias.alias = words[2];
	alias.reason = rpc_text(reason);
	request.op_case = CEK__V1__REQUEST__OP_ALIAS;
	request.alias = &alias;
	return change_run(ctl, &request, version.kid, &how);
}
