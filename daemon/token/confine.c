/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/shared/sandbox.h"

enum {
	NAMED_MAX = 64,   /* paths; what is beyond is not reachable */
	TEXT_MAX = 65536, /* bytes of a file that is looked at for paths */
	FILES_MAX = 8,    /* that are looked at */
	FOLDER_DEPTH = 2, /* names at least in the path of a folder that is taken in the place of a missing file */
};

/* What libraries, the C library's own files and a module's device need. */
static const struct sandbox_path system_paths[] = {
	{"/usr", SANDBOX_READ},
	{"/lib", SANDBOX_READ},
	{"/lib32", SANDBOX_READ},
	{"/lib64", SANDBOX_READ},
	{"/etc", SANDBOX_READ},
	{"/opt", SANDBOX_READ},
	{"/proc", SANDBOX_READ},
	{"/sys", SANDBOX_READ},
	{"/dev", SANDBOX_READ_WRITE},
};

enum { N_SYSTEM = sizeof(system_paths) / sizeof(system_paths[0]) };

struct found {
	struct sandbox_path list[N_SYSTEM + NAMED_MAX + 1];
	size_t n;
	unsigned files;
};

/* path is copied. */
static int add(struct found *found, const char *path, bool write)
{
	char *copy;

	if (found->n == N_SYSTEM + NAMED_MAX)
		return 0;
	copy = strdup(path);
	if (!copy)
		return log_origin(-ENOMEM);
	found->list[found->n].path = copy;
	found->list[found->n].access = write ? SANDBOX_READ_WRITE : SANDBOX_READ;
	found->n++;
	return 0;
}

static unsigned depth(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += path[0] == '/' && path[1] != '/' && path[1] != '\0';
	return n;
}

/* The folder that holds path, in place; a slash at its end does not count. */
static bool cut_name(char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	while (len > 1 && path[len - 1] != '/')
		path[--len] = '\0';
	return len > 1;
}

static int scan_file(struct found *found, const char *path);

/* The root is never meant. */
static int add_named(struct found *found, const char *named, bool look_inside)
{
	char path[PATH_MAX];
	struct stat st;
	int r;

	if (strlen(named) >= sizeof(path) || depth(named) == 0)
		return 0;
	strcpy(path, named);
	if (stat(path, &st) < 0) {
		if (errno != ENOENT || !cut_name(path) || depth(path) < FOLDER_DEPTH || stat(path, &st) < 0)
			return 0;
	}
	r = add(found, path, true);
	return r == 0 && look_inside && S_ISREG(st.st_mode) ? scan_file(found, path) : r;
}

/* A path begins where no other name does, and ends where settings of the usual kinds do. */
static int scan(struct found *found, const char *text, bool look_inside)
{
	static const char before[] = " \t\n\r=:'\"({[,;<>", after[] = " \t\n\r:'\"(){}[],;<>";
	char path[PATH_MAX];
	int r = 0;

	for (const char *at = text; r == 0 && (at = strchr(at, '/')) != NULL;) {
		const size_t len = strcspn(at, after);

		if ((at == text || strchr(before, at[-1])) && len < sizeof(path)) {
			memcpy(path, at, len);
			path[len] = '\0';
			r = add_named(found, path, look_inside);
		}
		at += len;
	}
	return r;
}

/* What is no text has a NUL early, and ends there. */
static int scan_file(struct found *found, const char *path)
{
	char *text;
	ssize_t n;
	int fd, r = 0;

	if (found->files++ >= FILES_MAX)
		return 0;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0; /* the module will not read it either */
	text = malloc(TEXT_MAX + 1);
	n = text ? read(fd, text, TEXT_MAX) : -1;
	if (!text)
		r = log_origin(-ENOMEM);
	if (n > 0) {
		text[n] = '\0';
		r = scan(found, text, false);
	}
	free(text);
	close(fd);
	return r;
}

/* A value that is a path as a whole may have blanks in it. */
static int scan_environment(struct found *found, char *const *environment)
{
	int r = 0;

	for (; r == 0 && *environment; environment++) {
		const char *value = strchr(*environment, '=');

		if (value && value[1] == '/')
			r = add_named(found, value + 1, true);
		if (r == 0 && value)
			r = scan(found, value + 1, true);
	}
	return r;
}

static int add_module(struct found *found, const char *module)
{
	char path[PATH_MAX];

	return module && realpath(module, path) && cut_name(path) ? add(found, path, false) : 0;
}

static int collect(const struct confine *confine, struct found *found)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < N_SYSTEM; i++)
		r = add(found, system_paths[i].path, system_paths[i].access == SANDBOX_READ_WRITE);
	if (r == 0)
		r = add_module(found, confine->module);
	for (size_t i = 0; r == 0 && i < confine->n_paths; i++)
		r = add(found, confine->paths[i], true);
	if (r == 0)
		r = scan_environment(found, confine->environment);
	if (r == 0 && confine->init_reserved)
		r = scan(found, confine->init_reserved, true);
	return r;
}

int confine_enter(const struct confine *confine, char *report, size_t report_size)
{
	const enum sandbox_role role = confine->own_uid ? SANDBOX_TOKEN : SANDBOX_TOKEN_SPARED;
	struct found found = {0};
	int r = collect(confine, &found);

	if (r == 0)
		r = sandbox_enter(role, confine->mode, found.list, report, report_size);
	while (found.n > 0)
		free((void *)(uintptr_t)found.list[--found.n].path);
	return r;
}
