/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl help: what --help of a verb prints, or the verbs of a group, or all. */
#include <stdio.h>
#include <stdlib.h>

#include "client/cekctl/console/args.h"
#include "client/cekctl/console/find.h"
#include "client/cekctl/console/help.h"
#include "client/cekctl/verbs/verbs.h"

enum { WORDS_MAX = 3 };

int verb_help(struct ctl *ctl, int argc, char **argv)
{
	char option[] = "--help", *asked[] = {option, option, NULL};
	const struct verb *verb;
	char **words;
	int found = 0, n = 0, r = args_parse(ctl, argc, argv, NULL, 0, WORDS_MAX, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	while (words[n])
		n++;
	if (n == 0) {
		args_help(ctl, stdout);
		return EXIT_SUCCESS;
	}
	verb = find_verb(ctl->verbs, n, words, &found);
	if (verb && found == n) {
		ctl->verb = verb;
		return verb->run(ctl, 2, asked);
	}
	if (n == 1 && find_group(ctl->verbs, words[0])) {
		help_verbs(stdout, ctl->verbs, words[0]);
		return EXIT_SUCCESS;
	}
	return find_nothing(ctl, ctl->verbs, n, words);
}
