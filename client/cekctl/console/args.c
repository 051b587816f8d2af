/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cekctl/console/values.h"

enum {
	OPTIONS_MAX = 24,
	TIMEOUT_MAX = 86400, /* seconds */
	OPT_BASE = 256,      /* getopt_long's values: above every character */
};

#define OPTION_CHARACTERS "abcdefghijklmnopqrstuvwxyz-"

static const struct arg *find_global(struct arg table[5], struct ctl *ctl, bool *help)
{
	const struct arg globals[5] = {
		{"json", ARG_FLAG, &ctl->json, NULL, "print JSON"},
		{"socket", ARG_STRING, &ctl->socket, "PATH",
			"cekd's socket (default: $CEK_SOCKET, then /run/cekd/cekd.sock)"},
		{"timeout", ARG_DURATION, &ctl->timeout, "DURATION", "give up a call after that long (default: 60s)"},
		{"help", ARG_FLAG, help, NULL, "print this and leave"},
		{NULL, ARG_FLAG, NULL, NULL, NULL},
	};

	memcpy(table, globals, sizeof(globals));
	return table;
}

static int set_value(const struct ctl *ctl, const struct arg *arg, const char *text)
{
	struct arg_list *list = arg->target;

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
		ctl_usage(ctl, "--%s wants a duration such as 90s, 15m, 12h or 7d, not \"%s\"", arg->name, text);
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

static void print_option(const struct arg *arg)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", arg->name, arg->value ? " " : "", arg->value ? arg->value : "");
	printf("  %-26s %s\n", left, arg->help);
}

static void print_help(const struct ctl *ctl, const struct arg *args, const struct arg *globals)
{
	printf("usage: cekctl %s%s%s\n\n%s.\n\n", ctl->verb->name, *ctl->verb->arguments ? " " : "",
		ctl->verb->arguments, ctl->verb->purpose);
	for (const struct arg *arg = args; arg && arg->name; arg++)
		print_option(arg);
	for (const struct arg *arg = globals; arg->name; arg++)
		if (ctl->verb->json || strcmp(arg->name, "json") != 0)
			print_option(arg);
	printf("\nSee cekctl(1).\n");
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
}

/* Words that begin with "-" and are no options; getopt_long(3) would take them for some. One of 64 kids that are made
 * of octets begins so. */
struct dashed {
	char **word; /* those of the command line */
	size_t count;
};

/* A kid as cekd makes them: base64url of 32 octets (a thumbprint) or of 16 (a CKA_ID), whose last character leaves bits
 * that are zero. No option is that long, and a misspelt one has only small letters. */
static bool is_made_kid(const char *word)
{
	size_t len = strlen(word);
	const char *last = len == 43 ? "AEIMQUYcgkosw048" : len == 22 ? "AQgw" : "";

	return *last && strchr(last, word[len - 1]) && strspn(word, OPTION_CHARACTERS) < len &&
		strspn(word, OPTION_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

/* Every option begins with "--": what begins with a single "-" is a word, whatever follows. */
static bool is_dashed_word(const char *word)
{
	if (word[0] != '-' || word[1] == '\0')
		return false;
	return word[1] != '-' || is_made_kid(word);
}

/* The end of such a word; it is never empty. */
static char *without_dashes(char *word)
{
	return word + strspn(word, "-");
}

static int hide_dashed(int argc, char **argv, struct dashed *ret_dashed)
{
	*ret_dashed = (struct dashed){.word = calloc((size_t)argc + 1, sizeof(char *))};
	if (!ret_dashed->word)
		return -ENOMEM;
	for (int i = 1; i < argc; i++)
		if (is_dashed_word(argv[i])) {
			ret_dashed->word[ret_dashed->count++] = argv[i];
			argv[i] = without_dashes(argv[i]);
		}
	return 0;
}

/* The whole word again, be it an operand or an option's value. */
static char *shown(const struct dashed *dashed, char *word)
{
	for (size_t i = 0; i < dashed->count; i++)
		if (without_dashes(dashed->word[i]) == word)
			return dashed->word[i];
	return word;
}

/* Reports what getopt_long(3) stumbled over. Before the verb, "-abc" is read as three options. */
static int complain(const struct ctl *ctl, int value, char **argv)
{
	const char *what = argv[optind - 1];

	if (value == ':') {
		ctl_usage(ctl, "%s wants a value", what);
	} else if (optopt >= OPT_BASE) {
		ctl_usage(ctl, "%.*s takes no value", (int)strcspn(what, "="), what);
	} else if (optopt > 0) {
		if (what[0] != '-' || what[1] != optopt || what[2] != '\0')
			what = argv[optind];
		ctl_usage(ctl, "unknown option %s; see cekctl --help", what);
	} else if (ctl->verb) {
		ctl_usage(ctl,
			"unknown option %s (a word that is no option, but begins with \"--\", stands after \"--\")",
			what);
	} else {
		ctl_usage(ctl, "unknown option %s; see cekctl --help", what);
	}
	return -EINVAL;
}

static int parse_options(const struct ctl *ctl, int argc, char **argv, const char *mode, const struct option *options,
	const struct arg **all, const struct dashed *dashed)
{
	int value;

	opterr = 0;
	optind = 0; /* glibc: start anew */
	while ((value = getopt_long(argc, argv, mode, options, NULL)) != -1) {
		if (value == ':' || value == '?')
			return complain(ctl, value, argv);
		if (set_value(ctl, all[value - OPT_BASE], shown(dashed, optarg)) < 0)
			return -EINVAL;
	}
	return 0;
}

/* The same, with words that begin with "-" as words like others. */
static int parse_with_dashed(const struct ctl *ctl, int argc, char **argv, const struct option *options,
	const struct arg **all)
{
	struct dashed dashed;
	int r = hide_dashed(argc, argv, &dashed);

	if (r < 0) {
		ctl_usage(ctl, "out of memory");
		return -EINVAL;
	}
	r = parse_options(ctl, argc, argv, ":", options, all, &dashed);
	for (int i = 0; i < argc; i++)
		argv[i] = shown(&dashed, argv[i]);
	free(dashed.word);
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

static int check_globals(const struct ctl *ctl)
{
	if (ctl->timeout == 0 || ctl->timeout > TIMEOUT_MAX) {
		ctl_usage(ctl, "--timeout is at least one second and at most a day");
		return -EINVAL;
	}
	if (ctl->json && ctl->verb && !ctl->verb->json) {
		ctl_usage(ctl, "this verb has no --json");
		return -EINVAL;
	}
	return 0;
}

int args_parse(struct ctl *ctl, int argc, char **argv, const struct arg *args, int min_words, int max_words,
	char ***ret_words)
{
	struct option options[OPTIONS_MAX + 1];
	const struct arg *all[OPTIONS_MAX];
	struct arg globals[5];
	bool help = false;

	merge(args, find_global(globals, ctl, &help), options, all);
	if (parse_with_dashed(ctl, argc, argv, options, all) < 0)
		return -EINVAL;
	if (help) {
		print_help(ctl, args, globals);
		return ARGS_HELP;
	}
	if (check_globals(ctl) < 0)
		return -EINVAL;
	if (check_words(ctl, argv + optind, argc - optind, min_words, max_words) < 0)
		return -EINVAL;
	*ret_words = argv + optind;
	return ARGS_GO;
}

int args_exit(int result)
{
	return result == ARGS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
}

int args_parse_global(struct ctl *ctl, const struct verb *verbs, int argc, char **argv, int *ret_index)
{
	bool help = false, version = false;
	const struct arg own[] = {
		{"version", ARG_FLAG, &version, NULL, "print the version and leave"},
		{NULL, ARG_FLAG, NULL, NULL, NULL},
	};
	struct option options[OPTIONS_MAX + 1];
	const struct arg *all[OPTIONS_MAX];
	struct arg globals[5];

	merge(own, find_global(globals, ctl, &help), options, all);
	if (parse_options(ctl, argc, argv, "+:", options, all, &(struct dashed){0}) < 0)
		return -EINVAL;
	if (version) {
		printf("cekctl %s\n", CEK_VERSION);
		return ARGS_HELP;
	}
	if (help) {
		printf("usage: cekctl [OPTION…] VERB [ARGUMENT…]\n\n");
		for (const struct verb *verb = verbs; verb->name; verb++)
			printf("  %-15s %s\n", verb->name, verb->purpose);
		printf("\n");
		print_option(&own[0]);
		for (const struct arg *arg = globals; arg->name; arg++)
			print_option(arg);
		printf("\n\"cekctl VERB --help\" says more about one verb, cekctl(1) about all.\n");
		return ARGS_HELP;
	}
	if (check_globals(ctl) < 0)
		return -EINVAL;
	*ret_index = optind;
	return ARGS_GO;
}
