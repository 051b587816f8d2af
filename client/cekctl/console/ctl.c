/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cekctl/console/escape.h"
#include "client/cekctl/console/outcome.h"
#include "client/cekctl/console/waiting.h"

enum { LINE_BYTES = 2048 };

/* prefix and hint may be empty. */
static void print_line(const struct ctl *ctl, const char *prefix, const char *line, const char *hint)
{
	waiting_hide();
	fprintf(stderr, "cekctl: %s%s%s%s", ctl->verb ? ctl->verb->name : "", ctl->verb ? ": " : "", prefix,
		*prefix ? ": " : "");
	escape_put(stderr, line);
	fputs(*hint ? "; " : "", stderr);
	escape_put(stderr, hint);
	fputc('\n', stderr);
}

/* prefix: the status as it stands on stderr. */
__attribute__((format(printf, 5, 0))) static int fail(const struct ctl *ctl, const char *status, const char *prefix,
	const char *hint, const char *format, va_list args)
{
	const struct exit_row *row = exit_row(status);
	char line[LINE_BYTES];

	if (!hint)
		hint = row->hint;
	vsnprintf(line, sizeof(line), format, args);
	print_line(ctl, prefix, line, hint ? hint : "");
	if (ctl->outcome)
		outcome_error(ctl->outcome, status, line, hint);
	return row->exit;
}

int ctl_fail(const struct ctl *ctl, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = fail(ctl, STATUS_LOCAL, "", NULL, format, args);
	va_end(args);
	return r;
}

int ctl_fail_as(const struct ctl *ctl, const char *status, const char *hint, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = fail(ctl, status, status, hint, format, args);
	va_end(args);
	return r;
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = fail(ctl, STATUS_USAGE, "", NULL, format, args);
	va_end(args);
	return r;
}

void ctl_warn(const struct ctl *ctl, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	print_line(ctl, "", line, "");
}
