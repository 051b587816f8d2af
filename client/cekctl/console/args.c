/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cekctl/console/dashed.h"
#include "client/cekctl/console/given.h"
#include "client/cekctl/console/globals.h"
#include "client/cekctl/console/help.h"
#include "client/cekctl/console/operand.h"
#include "client/cekctl/console/suggest.h"
#include "client/cekctl/console/values.h"

enum {
	OPTIONS_MAX = 32,
	OPT_BASE = 256, /* getopt_long's values: above every character */
	NEAR_BYTES = 128,
};

/* In a script an empty value is a variable that was never set. Taken for an option that is not there it would leave out
 * what was asked for: a head that must fit, a key of which something is to be said. */
static int check_empty(const struct ctl *ctl, const struct arg *arg, const char *text)
{
	bool may_be = arg->kind == ARG_FLAG || strcmp(arg->value, "TEXT") == 0 || strcmp(arg->value, "B64") == 0;

	if (may_be || *text)
		return 0;
	ctl_usage(ctl, "--%s is empty: give it a value, or leave it out", arg->name);
	return -EINVAL;
}

static int set_value(const struct ctl *ctl, const struct arg *arg, const char *text)
{
	struct arg_list *list = arg->target;

	if (check_empty(ctl, arg, text) < 0)
		return -EINVAL;
	switch (arg->kind) {
	case ARG_FLAG:
		*(bool *)arg->target = true;
		return 0;
	case ARG_STRING:
		*(const char **)arg->target = text;
		return 0;
	case ARG_NUMBER:
		if (value_number(text, arg->target) == 0)
			return 0;
		ctl_usage(ctl, "--%s wants a number, not \"%s\"", arg->name, text);
		return -EINVAL;
	case ARG_DURATION:
		if (value_duration(text, arg->target) == 0)
			return 0;
		ctl_usage(ctl, "--%s wants a duration with its unit, such as 90s, 15m, 12h or 7d, not \"%s\"",
			arg->name, text);
		return -EINVAL;
	case ARG_LIST:
		if (list->count == ARG_LIST_MAX) {
			ctl_usage(ctl, "--%s is given more than %d times", arg->name, ARG_LIST_MAX);
			return -EINVAL;
		}
		list->item[list->count++] = text;
		list->item[list->count] = NULL;
		return 0;
	}
	return -EINVAL;
}

/* Both tables as one for getopt_long; all[i] is the row behind value OPT_BASE + i. */
static void merge(const struct arg *args, const struct arg *globals, struct option *ret_options,
	const struct arg **ret_all)
{
	const struct arg *tables[2] = {args, globals};
	size_t n = 0;

	for (size_t t = 0; t < 2; t++)
		for (const struct arg *arg = tables[t]; arg && arg->name && n < OPTIONS_MAX; arg++, n++) {
			ret_options[n] = (struct option){arg->name,
				arg->kind == ARG_FLAG ? no_argument : required_argument, NULL, OPT_BASE + (int)n};
			ret_all[n] = arg;
		}
	ret_options[n] = (struct option){0};
	ret_all[n] = NULL;
}

/* What may have been meant by an unknown option: text for the end of a report. Of several that begin so, all. */
static const char *near_options(const char *what, const struct arg **all, char ret_text[NEAR_BYTES])
{
	struct suggestion suggestion;
	char name[NEAR_BYTES];
	size_t n = 0, begin = 0;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(what + 2, "="), what + 2);
	suggest_begin(&suggestion, name);
	ret_text[0] = '\0';
	for (size_t i = 0; all[i]; i++) {
		suggest_try(&suggestion, all[i]->name, all[i]->name);
		if (!*name || strncmp(all[i]->name, name, strlen(name)) != 0 || n + 40 > NEAR_BYTES)
			continue;
		n += (size_t)snprintf(ret_text + n, NEAR_BYTES - n, "%s--%s", begin++ ? ", " : ": it may be ",
			all[i]->name);
	}
	if (begin == 0 && suggestion.best)
		snprintf(ret_text, NEAR_BYTES, "; did you mean --%s?", suggestion.best);
	return ret_text;
}

/* Reports what getopt_long(3) stumbled over. Before the verb, "-abc" is read as three options. */
static int complain(const struct ctl *ctl, int value, char **argv, const struct arg **all)
{
	const char *what = argv[optind - 1];
	char near[NEAR_BYTES] = "";

	if (value == ':') {
		ctl_usage(ctl, "%s wants a value", what);
	} else if (optopt >= OPT_BASE) {
		ctl_usage(ctl, "%.*s takes no value", (int)strcspn(what, "="), what);
	} else if (optopt > 0) {
		if (what[0] != '-' || what[1] != optopt || what[2] != '\0')
			what = argv[optind];
		ctl_usage(ctl, "unknown option %s; see cekctl --help", what);
	} else if (*near_options(what, all, near)) {
		ctl_usage(ctl, "unknown option %s%s", what, near);
	} else if (ctl->verb) {
		ctl_usage(ctl,
			"unknown option %s (a word that is no option, but begins with \"--\", stands after \"--\")",
			what);
	} else {
		ctl_usage(ctl, "unknown option %s; see cekctl --help", what);
	}
	return -EINVAL;
}

/* getopt_long(3) takes the beginning of a name as well; a script that has one breaks with the next option that begins
 * so. The word before the value, if that is a word of its own. */
static int check_whole(const struct ctl *ctl, const struct arg *arg, char **argv)
{
	const char *word = argv[optind - 1];

	if (optarg == word)
		word = argv[optind - 2];
	if (strncmp(word, "--", 2) != 0 || strcspn(word + 2, "=") == strlen(arg->name))
		return 0;
	ctl_usage(ctl, "unknown option %.*s: it may be --%s", (int)strcspn(word, "="), word, arg->name);
	return -EINVAL;
}

/* What does not exist yet cannot be misspelt. */
static int take_value(struct ctl *ctl, const struct arg *arg, const char *text)
{
	if (arg->value && !arg->fresh)
		given_add(ctl, arg->value, text);
	return set_value(ctl, arg, text);
}

static void take_words(struct ctl *ctl, char **words)
{
	char kind[OPERAND_KIND];

	for (size_t i = 0; words[i] && !ctl->verb->fresh; i++) {
		operand_kind(ctl->verb, i, kind);
		given_add(ctl, kind, words[i]);
	}
}

/* "-h" before the verb says the same; behind it a word may begin with "-". */
static int set_help(const struct arg **all)
{
	for (size_t i = 0; all[i]; i++)
		if (strcmp(all[i]->name, "help") == 0)
			*(bool *)all[i]->target = true;
	return 0;
}

static int parse_options(struct ctl *ctl, int argc, char **argv, const char *mode, const struct option *options,
	const struct arg **all, const struct dashed *dashed)
{
	int value;

	opterr = 0;
	optind = 0; /* glibc: start anew */
	while ((value = getopt_long(argc, argv, mode, options, NULL)) != -1) {
		if (value == 'h')
			return set_help(all);
		if (value == ':' || value == '?')
			return complain(ctl, value, argv, all);
		if (check_whole(ctl, all[value - OPT_BASE], argv) < 0)
			return -EINVAL;
		if (take_value(ctl, all[value - OPT_BASE], dashed_whole(dashed, optarg)) < 0)
			return -EINVAL;
	}
	return 0;
}

/* The same, with words that begin with "-" as words like others. */
static int parse_with_dashed(struct ctl *ctl, int argc, char **argv, const struct option *options,
	const struct arg **all)
{
	struct dashed dashed;
	int r = dashed_hide(argc, argv, &dashed);

	if (r < 0) {
		ctl_usage(ctl, "out of memory");
		return -EINVAL;
	}
	r = parse_options(ctl, argc, argv, ":", options, all, &dashed);
	dashed_show(argc, argv, &dashed);
	return r;
}

/* A short option that other programs have is a word here, and most often one too many. */
static int check_words(const struct ctl *ctl, char **words, int count, int min, int max)
{
	const char *dashed = NULL;

	if (count >= min && count <= max)
		return 0;
	for (int i = count - 1; i >= 0; i--)
		if (words[i][0] == '-' && words[i][1] != '\0')
			dashed = words[i];
	if (count > max && dashed)
		ctl_usage(ctl, "too many words (%s is one: options begin with \"--\"): cekctl %s%s%s", dashed,
			ctl->verb->name, *ctl->verb->arguments ? " " : "", ctl->verb->arguments);
	else
		ctl_usage(ctl, "%s: cekctl %s%s%s", count < min ? "something is missing" : "too many words",
			ctl->verb->name, *ctl->verb->arguments ? " " : "", ctl->verb->arguments);
	return -EINVAL;
}

int args_parse(struct ctl *ctl, int argc, char **argv, const struct arg *args, int min_words, int max_words,
	char ***ret_words)
{
	struct option options[OPTIONS_MAX + 1];
	const struct arg *all[OPTIONS_MAX + 1];
	struct arg globals[GLOBALS];
	bool help = false;

	globals_table(ctl, &help, globals);
	globals_without(globals, args);
	if (ctl->see_args) {
		ctl->see_args(args, globals, ctl->see_data);
		return ARGS_HELP;
	}
	merge(args, globals, options, all);
	if (parse_with_dashed(ctl, argc, argv, options, all) < 0)
		return -EINVAL;
	if (help) {
		help_verb(ctl, args, globals);
		return ARGS_HELP;
	}
	if (globals_apply(ctl) < 0)
		return -EINVAL;
	if (check_words(ctl, argv + optind, argc - optind, min_words, max_words) < 0)
		return -EINVAL;
	take_words(ctl, argv + optind);
	*ret_words = argv + optind;
	return ARGS_GO;
}

int args_exit(int result)
{
	return result == ARGS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
}

int args_parse_global(struct ctl *ctl, int argc, char **argv, int *ret_index)
{
	static char ask_help[] = "help";
	bool help = false, version = false;
	const struct arg own[] = {
		{"version", ARG_FLAG, &version, NULL, "print the version and leave"},
		{0},
	};
	struct option options[OPTIONS_MAX + 1];
	const struct arg *all[OPTIONS_MAX + 1];
	struct arg globals[GLOBALS];

	globals_table(ctl, &help, globals);
	merge(own, globals, options, all);
	if (parse_options(ctl, argc, argv, "+:h", options, all, &(struct dashed){0}) < 0)
		return -EINVAL;
	if (version) {
		printf("cekctl %s\n", CEK_VERSION);
		return ARGS_HELP;
	}
	if (help && optind == argc) {
		args_help(ctl, stdout);
		return ARGS_HELP;
	}
	if (globals_apply(ctl) < 0)
		return -EINVAL;
	if (help) /* of the verb that follows; an option stood before it, in whose place the verb "help" is put */
		argv[--optind] = ask_help;
	*ret_index = optind;
	return ARGS_GO;
}

void args_help(struct ctl *ctl, FILE *to)
{
	const struct arg version[] = {{"version", ARG_FLAG, NULL, NULL, "print the version and leave"}, {0}};
	struct arg globals[GLOBALS];

	globals_table(ctl, NULL, globals);
	fprintf(to, "usage: cekctl [OPTION…] VERB [ARGUMENT…]\n\n");
	help_verbs(to, ctl->verbs, NULL);
	fputc('\n', to);
	help_options(to, version);
	help_options(to, globals);
	fprintf(to, "\n\"cekctl help VERB\" says more about one verb, cekctl(1) about all.\n");
}
