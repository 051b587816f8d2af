/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl completion: a script that makes a shell ask cekctl, as "cekctl completion words", what a word may become. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cekctl/console/args.h"
#include "client/cekctl/console/escape.h"
#include "client/cekctl/console/find.h"
#include "client/cekctl/console/shells.h"
#include "client/cekctl/console/typed.h"
#include "client/cekctl/rpc/candidates.h"
#include "client/cekctl/verbs/verbs.h"

enum {
	WORDS_MAX = 4096,
	ABOUT = 256,
	TIMEOUT = 2, /* seconds: somebody waits with a finger on the key */
};

/* A candidate takes one line of words that a shell can hand over: nothing in it may end the line or steer a terminal.
 */
static void give(const char *word, const char *about, void *data)
{
	const struct typed *typed = data;

	if (*word && strncmp(word, typed->word, strlen(typed->word)) == 0 && escape_is_plain(word) &&
		escape_is_plain(about))
		printf("%s%s\t%s\n", typed->before, word, about);
}

/* "create, import, adopt …" */
static const char *list_group(const struct verb *verbs, const char *group, char ret_text[ABOUT])
{
	size_t n = 0;

	for (const struct verb *verb = verbs; verb->name && n + FIND_NEAR < ABOUT; verb++)
		if (find_in_group(verb, group))
			n += (size_t)snprintf(ret_text + n, ABOUT - n, "%s%s", n > 0 ? ", " : "",
				verb->name + strlen(group) + 1);
	return ret_text;
}

/* First words of verbs once each; or the second words of those that begin with group. */
static void give_verbs(const struct verb *verbs, struct typed *typed)
{
	char first[FIND_NEAR], last[FIND_NEAR] = "", about[ABOUT];

	for (const struct verb *verb = verbs; verb->name; verb++) {
		size_t len = strcspn(verb->name, " ");

		if (typed->group) {
			if (find_in_group(verb, typed->group))
				give(verb->name + strlen(typed->group) + 1, verb->purpose, typed);
			continue;
		}
		snprintf(first, sizeof(first), "%.*s", (int)len, verb->name);
		if (strcmp(first, last) != 0)
			give(first, verb->name[len] ? list_group(verbs, first, about) : verb->purpose, typed);
		strcpy(last, first);
	}
}

static void give_choices(struct typed *typed)
{
	char choices[TYPED_KIND], *rest = choices;

	strcpy(choices, typed->kind);
	for (char *one = strsep(&rest, "|"); one; one = strsep(&rest, "|"))
		give(one, "", typed);
}

/* Not those alone that begin like the word, so that an empty word does not show them all: "-" does. */
static void give_options(struct typed *typed)
{
	char option[TYPED_KIND];

	if (!typed->options || (typed->word[0] != '-' && *typed->kind))
		return;
	for (size_t i = 0; i < typed->n_args; i++) {
		snprintf(option, sizeof(option), "--%s", typed->args[i].name);
		give(option, typed->args[i].help, typed);
	}
}

static const char *kind_of_answer(const struct typed *typed)
{
	if (typed->options && typed->word[0] == '-')
		return "words";
	if (strcmp(typed->kind, "FILE") == 0 || strcmp(typed->kind, "PATH") == 0)
		return "files";
	return strcmp(typed->kind, "DIR") == 0 ? "dirs" : "words";
}

/* The first line says what follows: words, or that files or folders are wanted, which the shell knows itself. */
static int give_words(struct ctl *ctl, char **words, size_t n_words)
{
	struct typed typed;
	const char *kind;

	typed_read(ctl->verbs, words, n_words, &typed);
	if (typed.socket)
		ctl->socket = typed.socket;
	ctl->timeout = TIMEOUT;
	kind = kind_of_answer(&typed);
	puts(kind);
	if (strcmp(kind, "words") != 0)
		return EXIT_SUCCESS;
	give_options(&typed);
	if (strcmp(typed.kind, "VERB") == 0)
		give_verbs(ctl->verbs, &typed);
	else if (strchr(typed.kind, '|'))
		give_choices(&typed);
	else if (*typed.kind && !typed.fresh && !(typed.options && strncmp(typed.word, "--", 2) == 0))
		candidates_give(ctl, typed.kind, give, &typed);
	return EXIT_SUCCESS;
}

int verb_completion(struct ctl *ctl, int argc, char **argv)
{
	const char *script;
	char **words;
	size_t n = 0;
	int r = args_parse(ctl, argc, argv, NULL, 1, WORDS_MAX, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	while (words[n])
		n++;
	if (strcmp(words[0], "words") == 0)
		return give_words(ctl, words + 1, n - 1);
	script = shells_script(words[0]);
	if (!script || n > 1)
		return ctl_usage(ctl, "there are scripts for bash, zsh and fish, one at a time");
	fputs(script, stdout);
	return EXIT_SUCCESS;
}
