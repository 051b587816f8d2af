/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl restore show: whether the key journal was copied or restored, and what it knows. Changes nothing. */
#include <stdlib.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/rpc/restore.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

int verb_restore_show(struct ctl *ctl, int argc, char **argv)
{
	Cek__V1__RestoreRequest restore = CEK__V1__RESTORE_REQUEST__INIT;
	Cek__V1__Reply *reply;
	char **words;
	int r = args_parse(ctl, argc, argv, NULL, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	r = restore_call(ctl, &restore, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	r = restore_print(ctl, reply->restore);
	rpc_reply_free(reply);
	return r;
}
