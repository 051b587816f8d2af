/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For fuzzers that begin ten thousand times a second: base/log.h that says nothing, and memory that is not locked, page
 * by page, each time (the linker's --wrap=mlock).
 */
#include <stddef.h>

#include "base/log.h"

int __wrap_mlock(const void *base, size_t size);

int __wrap_mlock(const void *base, size_t size)
{
	(void)base;
	(void)size;
	return 0;
}

void log_open(const char *program)
{
	(void)program;
}

void log_error(const char *format, ...)
{
	(void)format;
}

void log_warning(const char *format, ...)
{
	(void)format;
}

void log_info(const char *format, ...)
{
	(void)format;
}

int log_origin_at(int error, const char *file, int line)
{
	(void)file;
	(void)line;
	return error;
}
