/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/globals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cekctl/console/colour.h"

enum { TIMEOUT_MAX = 86400 /* seconds */ };

void globals_table(struct ctl *ctl, bool *help, struct arg ret_table[GLOBALS])
{
	const struct arg table[GLOBALS] = {
		{"json", ARG_FLAG, &ctl->json, NULL, "print JSON"},
		{"output", ARG_STRING, &ctl->output, "name|table|json",
			"name: names alone, one a line (of lists); json: as --json"},
		{"socket", ARG_STRING, &ctl->socket, "PATH",
			"cekd's socket (default: $CEK_SOCKET, then /run/cekd/cekd.sock)"},
		{"timeout", ARG_DURATION, &ctl->timeout, "DURATION", "give up a call after that long (default: 60s)"},
		{"utc", ARG_FLAG, &ctl->utc, NULL, "show times in UTC (default: the local zone)"},
		{"color", ARG_STRING, &ctl->color, "auto|always|never", "colour on a terminal, always, or never"},
		{"help", ARG_FLAG, help, NULL, "print this and leave"},
		{NULL, ARG_FLAG, NULL, NULL, NULL},
	};

	memcpy(ret_table, table, sizeof(table));
}

void globals_without(struct arg table[GLOBALS], const struct arg *own)
{
	for (; own && own->name; own++) {
		struct arg *to = table;

		for (const struct arg *from = table; from->name; from++)
			if (strcmp(from->name, own->name) != 0)
				*to++ = *from;
		*to = (struct arg){0};
	}
}

/* Before the verb is known only the word itself can be judged. */
static int apply_output(struct ctl *ctl)
{
	const char *output = ctl->output;

	if (ctl->json && output && strcmp(output, "json") != 0)
		return ctl_usage(ctl, "--json and --output %s do not go together", output);
	if (output && strcmp(output, "json") == 0)
		ctl->json = true;
	else if (output && strcmp(output, "name") == 0)
		ctl->names = true;
	else if (output && strcmp(output, "table") != 0)
		return ctl_usage(ctl, "--output wants name, table or json, not \"%s\"", output);
	if (!ctl->verb)
		return 0;
	if (ctl->json && !ctl->verb->json)
		return ctl_usage(ctl, "this verb has no --json");
	if (ctl->names && !ctl->verb->names)
		return ctl_usage(ctl, "this verb shows no list: it has no --output name");
	return 0;
}

int globals_apply(struct ctl *ctl)
{
	if (ctl->timeout == 0 || ctl->timeout > TIMEOUT_MAX) {
		ctl_usage(ctl, "--timeout is at least one second and at most a day");
		return -EINVAL;
	}
	if (apply_output(ctl) != 0)
		return -EINVAL;
	if (colour_setup(ctl->color ? ctl->color : "auto") < 0) {
		ctl_usage(ctl, "--color wants auto, always or never, not \"%s\"", ctl->color);
		return -EINVAL;
	}
	if (ctl->utc) /* the zone of localtime_r(3), by which all times are shown */
		setenv("TZ", "UTC0", 1);
	tzset();
	return 0;
}
