/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl doctor: everything between this user and an unwrap, and the one thing to do next. */
#include <stdlib.h>

#include "client/cekctl/console/args.h"
#include "client/cekctl/doctor/health.h"
#include "client/cekctl/doctor/named_key.h"
#include "client/cekctl/doctor/report.h"
#include "client/cekctl/doctor/way.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"
#include "proto/alg.h"

enum { PATIENCE = 10 }; /* seconds: who has not answered by then is ill; --timeout may make it less */

int verb_doctor(struct ctl *ctl, int argc, char **argv)
{
	static struct doctor doctor; /* large, and there is one */
	const char *key = NULL;
	const struct arg args[] = {
		{"key", ARG_STRING, &key, "NAME", "wrap and unwrap a CEK with this key"},
		{0},
	};
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (key && !key_name_valid(key))
		return ctl_usage(ctl, "--key wants the name of a key, not \"%s\"", key);
	if (ctl->timeout > PATIENCE)
		ctl->timeout = PATIENCE;
	doctor = (struct doctor){.ctl = ctl, .key = key};
	if (way_look(&doctor)) {
		health_look(&doctor);
		if (key)
			named_key_look(&doctor);
	}
	r = report_print(&doctor);
	rpc_reply_free(doctor.status);
	rpc_reply_free(doctor.explain);
	return r;
}
