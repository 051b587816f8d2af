/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/help.h"

#include <string.h>

#include "client/cekctl/console/find.h"

void help_verbs(FILE *to, const struct verb *verbs, const char *group)
{
	int width = 0;

	for (const struct verb *verb = verbs; verb->name; verb++)
		if ((int)strlen(verb->name) > width)
			width = (int)strlen(verb->name);
	for (const struct verb *verb = verbs; verb->name; verb++)
		if (!group || find_in_group(verb, group))
			fprintf(to, "  %-*s  %s\n", width, verb->name, verb->purpose);
}

static void print_option(FILE *to, const struct arg *arg)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", arg->name, arg->value ? " " : "", arg->value ? arg->value : "");
	fprintf(to, "  %-26s %s\n", left, arg->help);
}

void help_options(FILE *to, const struct arg *args)
{
	for (const struct arg *arg = args; arg && arg->name; arg++)
		print_option(to, arg);
}

static bool has(const struct verb *verb, const struct arg *global)
{
	return verb->json || (strcmp(global->name, "json") != 0 && strcmp(global->name, "output") != 0);
}

void help_verb(const struct ctl *ctl, const struct arg *args, const struct arg *globals)
{
	const struct verb *verb = ctl->verb;

	printf("usage: cekctl %s%s%s\n\n%s.\n\n", verb->name, *verb->arguments ? " " : "", verb->arguments,
		verb->purpose);
	help_options(stdout, args);
	for (const struct arg *arg = globals; arg->name; arg++)
		if (has(verb, arg))
			print_option(stdout, arg);
	if (verb->example)
		printf("\nExample:\n  %s\n", verb->example);
	printf("\nSee cekctl(1).\n");
}
