/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command line that is being typed: what its last word may become, by the table of verbs and the verbs' own options.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/cekctl/console/arg.h"
#include "client/cekctl/console/ctl.h"
#include "client/cekctl/console/operand.h"

enum {
	TYPED_OPTIONS = 40,
	TYPED_KIND = OPERAND_KIND,
};

struct typed {
	const struct verb *verb; /* NULL: it is being typed */
	const char *group;       /* its first word, if the second one is being typed */
	const char *word;        /* what there is of the word: an option, its value or an operand */
	char before[TYPED_KIND]; /* "--alg=", if that stands before the value in the same word */
	/* What the word is: as the usage says, such as KID, NAME or "bash|zsh|fish"; VERB; "" for nothing that is
	 * known. */
	char kind[TYPED_KIND];
	bool options; /* it may become one of these: not behind "--", nor as the value of another one */
	bool fresh;   /* it names what is not there yet */
	struct arg args[TYPED_OPTIONS];
	size_t n_args;
	const char *socket; /* --socket, if it was typed */
};

/* words are what follows "cekctl"; the last one, which may be empty, is being typed. */
void typed_read(const struct verb *verbs, char **words, size_t n_words, struct typed *ret_typed);
