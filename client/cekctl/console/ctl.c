/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/utf8.h"

enum { LINE_BYTES = 2048 };

__attribute__((format(printf, 2, 0))) static void report(const struct ctl *ctl, const char *format, va_list args)
{
	char line[LINE_BYTES];

	vsnprintf(line, sizeof(line), format, args);
	for (char *p = line; *p;) {
		size_t len = utf8_printable_len(p);

		if (len == 0)
			*p = ' ';
		p += len ? len : 1;
	}
	fprintf(stderr, "cekctl: %s%s%s\n", ctl->verb ? ctl->verb->name : "", ctl->verb ? ": " : "", line);
}

int ctl_fail(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(ctl, format, args);
	va_end(args);
	return EXIT_FAILURE;
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(ctl, format, args);
	va_end(args);
	return EXIT_USAGE;
}
