/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl restore confirm: go on with a key journal that was copied or restored, after a look at it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/rpc/restore.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

static int ask(const struct ctl *ctl)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return ctl_fail(ctl, "standard input is no terminal: look with restore show, then say --yes");
	printf("\nDeclare compromised first what was compromised since (cekctl key compromise).\n"
	       "Go on with this journal? Type yes: ");
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin) || strcmp(answer, "yes\n") != 0)
		return ctl_fail(ctl, "not confirmed");
	return EXIT_SUCCESS;
}

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
	return r == EXIT_SUCCESS && needed && !yes ? ask(ctl) : r;
}

int verb_restore_confirm(struct ctl *ctl, int argc, char **argv)
{
	const char *head = NULL, *reason = NULL;
	bool yes = false;
	const struct arg args[] = {
		{"head", ARG_STRING, &head, "SEQ:HASH", "only if the journal holds this line, noted earlier"},
		{"reason", ARG_STRING, &reason, "TEXT", "for the journal, at most 200 bytes"},
		{"yes", ARG_FLAG, &yes, NULL, "do not ask"},
		{0},
	};
	Cek__V1__RestoreRequest restore = CEK__V1__RESTORE_REQUEST__INIT;
	Cek__V1__Reply *reply;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	r = look(ctl, yes);
	if (r != EXIT_SUCCESS)
		return r;
	restore.confirm = true;
	restore.head = rpc_text(head);
	restore.reason = rpc_text(reason);
	r = restore_call(ctl, &restore, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	if (ctl->json)
		r = restore_print(ctl, reply->restore);
	else
		printf("\nConfirmed: cekd serves.\n");
	rpc_reply_free(reply);
	return r;
}
