/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key list: every version of every key that this peer may see, a line each. */
#include <stddef.h>

#include "client/cekctl/console/args.h"
#include "client/cekctl/rpc/listing.h"
#include "client/cekctl/verbs/verbs.h"

int verb_key_list(struct ctl *ctl, int argc, char **argv)
{
	char **words;
	int r = args_parse(ctl, argc, argv, NULL, 0, 0, &words);

	return r == ARGS_GO ? listing_print(ctl) : args_exit(r);
}
