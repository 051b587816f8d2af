/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key rename: what people look for; there is none, and here is why. */
#include "client/cekctl/console/args.h"
#include "client/cekctl/verbs/verbs.h"

int verb_key_rename(struct ctl *ctl, int argc, char **argv)
{
	char **words;
	int r = args_parse(ctl, argc, argv, NULL, 0, 2, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	return ctl_fail_as(ctl, cek_status_name(CEK_UNSUPPORTED), NULL,
		"a key keeps its name, which stands in rules, in both journals, in the token and in the "
		"configuration of its users: make a key of the new name, let issuers change over, then retire this "
		"one");
}
