/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <syslog.h>
#include <unistd.h>

enum {
	LINE_MAX_LEN =
		1024, /* bytes; longer lines are cut. One write each, so that lines of several processes stay whole */
};

static const char *log_program = "cekd";
static int log_levels;
static bool (*log_may)(void *owner);
static void *log_owner;

void log_open(const char *program)
{
	log_program = program;
	log_levels = getenv("JOURNAL_STREAM") != NULL;
	/* A program executed by descriptor is otherwise called by a number. */
	(void)prctl(PR_SET_NAME, program);
}

void log_ask(bool (*may)(void *owner), void *owner)
{
	log_may = may;
	log_owner = owner;
}

/* Names and texts come from peers and tokens: nothing in them may start a line of its own. */
static void make_printable(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
}

static void __attribute__((format(printf, 2, 0))) log_line(int priority, const char *format, va_list args)
{
	char line[LINE_MAX_LEN];
	size_t len;
	int n;

	if (log_may && !log_may(log_owner))
		return;
	n = log_levels ? snprintf(line, sizeof(line), "<%d>%s: ", priority, log_program)
		       : snprintf(line, sizeof(line), "%s: ", log_program);
	if (n < 0)
		return;
	len = (size_t)n;
	n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	if (n < 0)
		return;
	len += (size_t)n < sizeof(line) - len - 1 ? (size_t)n : sizeof(line) - len - 2;
	make_printable(line, len);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* there is nobody left to tell */
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_ERR, format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_WARNING, format, args);
	va_end(args);
}

void log_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_INFO, format, args);
	va_end(args);
}

int log_origin_at(int error, const char *file, int line)
{
	log_error("%s:%d: %s", file, line, strerror(error < 0 ? -error : error));
	return error;
}
