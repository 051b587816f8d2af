/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/typed.h"

#include <stdio.h>
#include <string.h>

#include "client/cekctl/console/dashed.h"
#include "client/cekctl/console/find.h"
#include "client/cekctl/console/globals.h"
#include "client/cekctl/console/operand.h"

static void add_args(struct typed *typed, const struct arg *args)
{
	for (; args && args->name && typed->n_args < TYPED_OPTIONS; args++)
		typed->args[typed->n_args++] = *args;
}

static void see(const struct arg *own, const struct arg *globals, void *data)
{
	struct typed *typed = data;

	add_args(typed, own);
	for (const struct arg *arg = globals; arg->name; arg++)
		if (typed->verb->json || (strcmp(arg->name, "json") != 0 && strcmp(arg->name, "output") != 0))
			add_args(typed, (const struct arg[]){*arg, {0}});
}

/* The options of a verb stand in its function, which shows them instead of running. */
static void ask_verb(struct typed *typed, const struct verb *verbs)
{
	struct ctl ctl = {.verb = typed->verb, .verbs = verbs, .timeout = 1, .see_args = see, .see_data = typed};
	char name[] = "verb", *argv[] = {name, NULL};

	typed->n_args = 0;
	typed->verb->run(&ctl, 1, argv);
}

static void ask_globals(struct typed *typed)
{
	static const struct arg version[] = {{"version", ARG_FLAG, NULL, NULL, "print the version and leave"}, {0}};
	struct arg globals[GLOBALS];
	struct ctl ctl = {0};

	globals_table(&ctl, NULL, globals);
	add_args(typed, version);
	add_args(typed, globals);
}

static const struct arg *find_arg(const struct typed *typed, const char *word)
{
	for (size_t i = 0; i < typed->n_args; i++)
		if (strcmp(typed->args[i].name, word) == 0)
			return &typed->args[i];
	return NULL;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] == '-' && word[2] && !dashed_is_word(word);
}

/* Whether the word is an option whose value is the next one. */
static const struct arg *wants_value(const struct typed *typed, const char *word)
{
	const struct arg *arg = is_option(word) ? find_arg(typed, word + 2) : NULL;

	return arg && arg->kind != ARG_FLAG ? arg : NULL;
}

static void set_option(struct typed *typed, const struct arg *arg)
{
	snprintf(typed->kind, sizeof(typed->kind), "%s", arg->value ? arg->value : "");
	typed->fresh = arg->fresh;
}

/* "--alg=RSA" is the beginning of a value. */
static bool read_assignment(struct typed *typed)
{
	const char *equals = is_option(typed->word) ? strchr(typed->word, '=') : NULL;
	char name[TYPED_KIND / 2];
	const struct arg *arg;

	if (!equals)
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(equals - typed->word - 2), typed->word + 2);
	snprintf(typed->before, sizeof(typed->before), "--%s=", name);
	typed->word = equals + 1;
	arg = find_arg(typed, name);
	if (arg)
		set_option(typed, arg);
	return true;
}

/* The words behind the verb, but for the last: what that one is follows from them. */
static void read_rest(struct typed *typed, char **words, size_t n_words)
{
	const struct arg *open = NULL;
	size_t operands = 0;
	bool all_words = false;

	for (size_t i = 0; i + 1 < n_words; i++) {
		if (open) {
			if (strcmp(open->name, "socket") == 0)
				typed->socket = words[i];
			open = NULL;
		} else if (!all_words && strcmp(words[i], "--") == 0) {
			all_words = true;
		} else if (all_words || !is_option(words[i])) {
			typed->group = words[i];
			operands++;
		} else {
			open = wants_value(typed, words[i]);
		}
	}
	if (open)
		set_option(typed, open);
	else if (!all_words && read_assignment(typed))
		typed->options = false;
	else
		typed->options = !all_words;
	if (!open && !*typed->before) {
		operand_kind(typed->verb, operands, typed->kind);
		typed->fresh = typed->verb->fresh;
	}
	if (strcmp(typed->kind, "VERB") != 0 || operands == 0)
		typed->group = NULL;
}

/* Options before the verb; returns where it stands, or n_words. */
static size_t skip_globals(struct typed *typed, char **words, size_t n_words)
{
	size_t i = 0;

	while (i + 1 < n_words && is_option(words[i])) {
		const struct arg *arg = wants_value(typed, words[i]);

		if (arg && i + 2 == n_words) {
			set_option(typed, arg);
			return n_words;
		}
		if (arg && strcmp(arg->name, "socket") == 0)
			typed->socket = words[i + 1];
		i += arg ? 2 : 1;
	}
	return i;
}

void typed_read(const struct verb *verbs, char **words, size_t n_words, struct typed *ret_typed)
{
	struct typed *typed = ret_typed;
	static char nothing[] = "", *empty[] = {nothing};
	int words_of_verb = 0;
	size_t at;

	if (n_words == 0)
		words = empty;
	n_words += n_words == 0;
	*typed = (struct typed){.word = words[n_words - 1]};
	ask_globals(typed);
	at = skip_globals(typed, words, n_words);
	if (at + 1 > n_words || *typed->kind)
		return;
	typed->verb = find_verb(verbs, (int)(n_words - 1 - at), words + at, &words_of_verb);
	if (typed->verb) {
		ask_verb(typed, verbs);
		read_rest(typed, words + at + words_of_verb, n_words - at - (size_t)words_of_verb);
		return;
	}
	if (at + 1 == n_words) {
		typed->options = !read_assignment(typed);
		if (typed->options)
			strcpy(typed->kind, "VERB");
	} else if (at + 2 == n_words && find_group(verbs, words[at])) {
		typed->group = words[at];
		strcpy(typed->kind, "VERB");
	}
}
