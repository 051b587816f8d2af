/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD: memory that runs out in cekctl and its libraries of cekd, not in those of others (docs/facts.md:
 * jansson). Their allocation number CEK_SCARCE fails, and then the file CEK_SCARCE_TOLD is made.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's own. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *data, size_t size);

static long fails_at, count;
static const char *told;

__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv("CEK_SCARCE");

	told = getenv("CEK_SCARCE_TOLD");
	fails_at = number && told ? atol(number) : 0;
}

static bool is_ours(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) != 0 && info.dli_fname && strstr(info.dli_fname, "cek") &&
		!strstr(info.dli_fname, "scarce");
}

static bool fails(const void *caller)
{
	int fd;

	if (fails_at == 0 || !is_ours(caller) || ++count != fails_at)
		return false;
	fd = open(told, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)close(fd);
	errno = ENOMEM;
	return true;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *data, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(data, size);
}

__attribute__((visibility("default"))) char *strdup(const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

__attribute__((visibility("default"))) char *strndup(const char *text, size_t n)
{
	const size_t len = strnlen(text, n);
	char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(len + 1);

	if (!copy)
		return NULL;
	copy[len] = '\0';
	return memcpy(copy, text, len);
}
