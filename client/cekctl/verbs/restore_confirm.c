/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl restore confirm: go on with a key journal that was copied or restored, after a look at it. */
#include <stdio.h>
#include <stdlib.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/doctor/ask.h"
#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/restore.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"
#include "proto/chain.h"

/* The report, then the question. */
static int look(struct ctl *ctl, bool yes)
{
	Cek__V1__RestoreRequest restore = CEK__V1__RESTORE_REQUEST__INIT;
	Cek__V1__Reply *reply;
	bool needed;
	int r = restore_call(ctl, &restore, &reply);

	if (r != EXIT_SUCCESS)
		return r;
	needed = reply->restore->needed;
	if (needed && !ctl->json)
		r = restore_print(ctl, reply->restore);
	rpc_reply_free(reply);
	if (r != EXIT_SUCCESS || !needed)
		return r;
	return change_ask(ctl, yes,
		"\nDeclare compromised first what was compromised since (cekctl key compromise).\nGo on with this "
		"journal?");
}

/* The journal was one condition of several. Who may not ask for the others is told to look. */
static void say_what_follows(struct ctl *ctl)
{
	Cek__V1__StatusRequest status = CEK__V1__STATUS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply = NULL;
	struct reach why;

	request.op_case = CEK__V1__REQUEST__OP_STATUS;
	request.status = &status;
	printf("\nConfirmed");
	if (ask(ctl, &request, CEK__V1__REPLY__RESULT_STATUS_REPLY, &reply, &why) != CEK_OK) {
		printf("; whether cekd serves, \"cekctl doctor\" tells.\n");
	} else if (reply->status_reply->ready) {
		printf(": cekd serves.\n");
	} else {
		printf("; cekd does not serve yet: ");
		output_text(reply->status_reply->why_not_ready);
		printf("\n");
	}
	rpc_reply_free(reply);
}

int verb_restore_confirm(struct ctl *ctl, int argc, char **argv)
{
	const char *head = NULL, *reason = NULL;
	struct change_how how = {.asks = CHANGE_ASKS_ALWAYS};
	const struct arg args[] = {
		{"head", ARG_STRING, &head, "SEQ:HASH", "only if the journal holds this line, noted earlier"},
		{"reason", ARG_STRING, &reason, "TEXT", "for the journal, at most 200 bytes"},
		CHANGE_DRY_RUN(how),
		CHANGE_YES(how),
		{0},
	};
	Cek__V1__RestoreRequest restore = CEK__V1__RESTORE_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	struct chain_head noted;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (head && chain_head_parse(head, &noted) < 0)
		return ctl_usage(ctl, "--head wants SEQ:HASH, as cekctl audit verify prints it");
	restore.confirm = true;
	restore.head = rpc_text(head);
	restore.reason = rpc_text(reason);
	request.op_case = CEK__V1__REQUEST__OP_RESTORE;
	request.restore = &restore;
	if (how.dry_run && !change_agreed(ctl, &request, &how, &r))
		return r;
	r = look(ctl, how.yes);
	if (r == EXIT_SUCCESS)
		r = restore_call(ctl, &restore, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	if (ctl->json)
		r = restore_print(ctl, reply->restore);
	else
		say_what_follows(ctl);
	rpc_reply_free(reply);
	return r;
}
