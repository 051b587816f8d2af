/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/find.h"

#include <stdio.h>
#include <string.h>

#include "client/cekctl/console/suggest.h"

bool find_in_group(const struct verb *verb, const char *word)
{
	size_t len = strlen(word);

	return len > 0 && strncmp(verb->name, word, len) == 0 && verb->name[len] == ' ';
}

bool find_group(const struct verb *verbs, const char *word)
{
	for (const struct verb *verb = verbs; verb->name; verb++)
		if (find_in_group(verb, word))
			return true;
	return false;
}

/* How many words of argv the name has, 0 if it has others. */
static int count_words(const char *name, int argc, char **argv)
{
	int n = 0;

	for (; n < argc; n++) {
		size_t len = strlen(argv[n]);

		if (strncmp(name, argv[n], len) != 0 || (name[len] != ' ' && name[len] != '\0') || len == 0)
			return 0;
		if (name[len] == '\0')
			return n + 1;
		name += len + 1;
	}
	return 0;
}

const struct verb *find_verb(const struct verb *verbs, int argc, char **argv, int *ret_words)
{
	for (const struct verb *verb = verbs; verb->name; verb++) {
		int words = count_words(verb->name, argc, argv);

		if (words == 0)
			continue;
		*ret_words = words;
		return verb;
	}
	return NULL;
}

static bool is_word(int argc, char **argv, int i)
{
	return i < argc && argv[i][0] != '-';
}

const char *find_near(const struct verb *verbs, int argc, char **argv)
{
	char both[FIND_NEAR];
	struct suggestion one, two;

	snprintf(both, sizeof(both), "%s%s%s", argv[0], is_word(argc, argv, 1) ? " " : "",
		is_word(argc, argv, 1) ? argv[1] : "");
	suggest_begin(&two, both);
	suggest_begin(&one, argv[0]);
	for (const struct verb *verb = verbs; verb->name; verb++) {
		const char *space = strrchr(verb->name, ' ');

		suggest_try(&two, verb->name, verb->name);
		suggest_try(&one, verb->name, verb->name);
		if (space) /* "create" alone */
			suggest_try(&one, space + 1, verb->name);
	}
	if (two.best)
		return two.best;
	suggest_try(&one, "version", "--version");
	return find_group(verbs, argv[0]) ? NULL : one.best;
}

int find_nothing(const struct ctl *ctl, const struct verb *verbs, int argc, char **argv)
{
	const char *near = find_near(verbs, argc, argv), *second = is_word(argc, argv, 1) ? argv[1] : "";

	if (near)
		return ctl_usage(ctl, "unknown verb \"%s%s%s\"; did you mean \"%s\"?", argv[0], *second ? " " : "",
			second, near);
	if (find_group(verbs, argv[0]))
		return ctl_usage(ctl, "unknown verb \"%s%s%s\"; see cekctl help %s", argv[0], *second ? " " : "",
			second, argv[0]);
	return ctl_usage(ctl, "unknown verb \"%s%s%s\"; see cekctl --help", argv[0], *second ? " " : "", second);
}
