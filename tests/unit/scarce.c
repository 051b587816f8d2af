/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/scarce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t fails_at, count;
static bool is_on, is_paused, has_failed;

/* The names that the linker's --wrap gives. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *data, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *data, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);

void scarce_arm(size_t n)
{
	fails_at = n;
	count = 0;
	has_failed = false;
}

bool scarce_failed(void)
{
	return has_failed;
}

void scarce_on(bool on)
{
	is_on = on;
}

void scarce_pause(bool paused)
{
	is_paused = paused;
}

bool scarce_fails(void)
{
	if (!is_on || is_paused || fails_at == 0 || ++count != fails_at)
		return false;
	has_failed = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return scarce_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return scarce_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *data, size_t size)
{
	return scarce_fails() ? NULL : __real_realloc(data, size);
}

char *__wrap_strdup(const char *text)
{
	return scarce_fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n)
{
	return scarce_fails() ? NULL : __real_strndup(text, n);
}

void *scarce_malloc(size_t size)
{
	return __wrap_malloc(size);
}

void *scarce_realloc(void *data, size_t size)
{
	return __wrap_realloc(data, size);
}

void scarce_free(void *data)
{
	free(data);
}
