/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateways/nginx/counters.h"
#include "gateways/nginx/files.h"
#include "gateways/nginx/self.h"

enum {
	LOOK_MS = 1000,
	WHY_SIZE = 256,
	SLICE = 1024 * 1024, /* bytes that are read at a time */
};

const char ngx_cekd_no_memory[] = "no memory";

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Whether nobody has written there between. The time of a new name, owner or mode does not count: a file that is
 * replaced while it is read is still a whole one. */
static bool unwritten(const struct stat *a, const struct stat *b)
{
	struct stat before = *a;

	before.st_ctim = b->st_ctim;
	return same(&before, b);
}

/* A file that is being read. */
struct ngx_cekd_reading {
	int fd; /* -1: the text is there */
	struct stat seen;
	char *text; /* NULL: it is content's */
	size_t have;
	void *content;
	char why[WHY_SIZE];
};

static struct ngx_cekd_reading *reading_free(const struct ngx_cekd_file *file, struct ngx_cekd_reading *reading)
{
	if (!reading)
		return NULL;
	if (reading->fd >= 0)
		close(reading->fd);
	if (reading->content)
		file->kind->free(reading->content);
	free(reading->text);
	free(reading);
	return NULL;
}

/* NULL, or why the file cannot be read. */
static const char *open_file(const struct ngx_cekd_file *file, struct ngx_cekd_reading *reading)
{
	reading->fd = open((const char *)file->path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (reading->fd < 0) {
		/* Not the file's fault, so that it is not waited for another one. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			reading->seen = (struct stat){0};
		return strerror(errno);
	}
	if (fstat(reading->fd, &reading->seen) < 0)
		return strerror(errno);
	if (!S_ISREG(reading->seen.st_mode))
		return "it is no regular file";
	if (reading->seen.st_size > NGX_CEKD_FILE_MAX)
		return "it is larger than 16 MiB";
	reading->text = malloc((size_t)reading->seen.st_size + 1);
	return reading->text ? NULL : ngx_cekd_no_memory;
}

/* Some of the text: more than the file had is the sign of its end. */
static const char *read_some(struct ngx_cekd_reading *reading)
{
	size_t size = (size_t)reading->seen.st_size + 1, left = size - reading->have;
	ssize_t n = pread(reading->fd, reading->text + reading->have, left < SLICE ? left : SLICE,
		(off_t)reading->have);
	struct stat after;

	if (n < 0) {
		reading->seen = (struct stat){0}; /* as of a file that cannot be opened for now */
		return strerror(errno);
	}
	reading->have += (size_t)n;
	if (n > 0 && reading->have < size)
		return NULL;
	if (reading->have != size - 1 || fstat(reading->fd, &after) < 0 || !unwritten(&reading->seen, &after))
		return "it changes while it is read; put a new file in its place with rename";
	close(reading->fd);
	reading->fd = -1;
	return NULL;
}

/* The next of what there is to do. NULL, with *ret_done if that was all, or what is wrong. */
static const char *step(const struct ngx_cekd_file *file, struct ngx_cekd_reading *reading, bool *ret_done)
{
	const struct ngx_cekd_file_kind *kind = file->kind;
	const char *fault;

	if (reading->fd >= 0)
		return read_some(reading);
	if (reading->content)
		return kind->more(reading->content, ret_done, reading->why, WHY_SIZE);
	fault = kind->parse(file, reading->text, (size_t)reading->seen.st_size, &reading->content, reading->why,
		WHY_SIZE);
	if (!fault && kind->more)
		reading->text = NULL;
	*ret_done = !kind->more;
	return fault;
}

/* From its beginning to its end, when nobody waits. */
static const char *load(const struct ngx_cekd_file *file, struct ngx_cekd_reading *reading)
{
	const char *fault = open_file(file, reading);
	bool done = false;

	while (!fault && !done)
		fault = step(file, reading, &done);
	return fault;
}

static struct ngx_cekd_file *find(struct ngx_cekd_main *main, const ngx_str_t *path,
	const struct ngx_cekd_file_kind *kind, const char *alg)
{
	struct ngx_cekd_file **files = main->files.elts;
	ngx_uint_t i;

	for (i = 0; i < main->files.nelts; i++)
		if (files[i]->kind == kind && strcmp(files[i]->alg ? files[i]->alg : "", alg ? alg : "") == 0 &&
			files[i]->path.len == path->len && memcmp(files[i]->path.data, path->data, path->len) == 0)
			return files[i];
	return NULL;
}

/* When nginx reads its configuration. */
static ngx_int_t read_first(ngx_conf_t *cf, struct ngx_cekd_file *file)
{
	struct ngx_cekd_reading *reading = calloc(1, sizeof(*reading));
	const char *fault;

	if (!reading)
		return NGX_ERROR;
	fault = load(file, reading);
	if (fault) {
		ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" cannot be used as %s: %s", &file->path,
			file->kind->what, fault);
	} else {
		if (*reading->why)
			ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "\"%V\": %s", &file->path, reading->why);
		file->seen = reading->seen;
		file->content = reading->content;
		reading->content = NULL;
	}
	reading_free(file, reading);
	return fault ? NGX_ERROR : NGX_OK;
}

struct ngx_cekd_file *ngx_cekd_file_get(ngx_conf_t *cf, const ngx_str_t *given, const struct ngx_cekd_file_kind *kind,
	const char *alg)
{
	struct ngx_cekd_main *main = ngx_cekd_conf_main(cf);
	struct ngx_cekd_file *file, **place;
	ngx_str_t path = *given;

	if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK)
		return NULL;
	file = find(main, &path, kind, alg);
	if (file)
		return file;
	file = ngx_pcalloc(cf->pool, sizeof(*file));
	place = file ? ngx_array_push(&main->files) : NULL;
	if (!place)
		return NULL;
	*file = (struct ngx_cekd_file){.path = path, .kind = kind, .alg = alg};
	*place = file;
	return read_first(cf, file) == NGX_OK ? file : NULL;
}

/* ---- reading again ----------------------------------------------------------------------------------------------- */

static void took(const struct ngx_cekd_main *main, struct ngx_cekd_file *file, const char *fault, ngx_log_t *log)
{
	struct ngx_cekd_reading *reading = file->reading;

	file->seen = fault == ngx_cekd_no_memory ? (struct stat){0} : reading->seen;
	if (fault) {
		ngx_log_error(NGX_LOG_ERR, log, 0,
			"\"%V\" has changed, and cannot be used as %s: %s; what was read before stays", &file->path,
			file->kind->what, fault);
	} else {
		file->kind->free(file->content);
		file->content = reading->content;
		reading->content = NULL;
		ngx_log_error(NGX_LOG_NOTICE, log, 0, "\"%V\" has changed and was read again%s%s", &file->path,
			*reading->why ? ": " : "", reading->why);
	}
	ngx_cekd_count(main, fault ? NGX_CEKD_COUNT_NOT_RELOADED : NGX_CEKD_COUNT_RELOADED);
	file->reading = reading_free(file, reading);
}

/* What a moment does: all of a small file. */
static void go_on(const struct ngx_cekd_main *main, struct ngx_cekd_file *file, ngx_log_t *log)
{
	struct ngx_cekd_reading *reading = file->reading;
	bool small = reading->seen.st_size <= SLICE, done = false;
	const char *fault;

	do
		fault = step(file, reading, &done);
	while (small && !fault && !done);
	if (fault || done)
		took(main, file, fault, log);
}

/* A step of each file that is being read; then requests have their turn. */
static void read_more(ngx_event_t *event)
{
	struct ngx_cekd_main *main = event->data;
	struct ngx_cekd_file **files = main->files.elts;
	ngx_uint_t i;

	for (i = 0; i < main->files.nelts; i++) {
		if (!files[i]->reading)
			continue;
		go_on(main, files[i], event->log);
		if (files[i]->reading && !event->posted) {
			ngx_post_event(event, &ngx_posted_next_events);
		}
	}
}

/* Whether there is something to read. */
static bool look_at(const struct ngx_cekd_main *main, struct ngx_cekd_file *file, ngx_log_t *log)
{
	struct stat now = {0};
	const char *fault;

	if (file->reading || (stat((const char *)file->path.data, &now) == 0 && same(&now, &file->seen)))
		return false;
	/* A file that is away, or cannot be used, is told of once. */
	if (now.st_ino == 0 && file->seen.st_ino == 0)
		return false;
	file->reading = calloc(1, sizeof(*file->reading));
	if (!file->reading)
		return false; /* in a second there may be some */
	file->reading->seen = now;
	fault = open_file(file, file->reading);
	if (fault)
		took(main, file, fault, log);
	else if (file->reading->seen.st_size > SLICE)
		ngx_log_error(NGX_LOG_NOTICE, log, 0, "\"%V\" has changed and is read in steps", &file->path);
	return !fault;
}

static void look(ngx_event_t *event)
{
	struct ngx_cekd_main *main = event->data;
	struct ngx_cekd_file **files = main->files.elts;
	bool any = false;
	ngx_uint_t i;

	for (i = 0; i < main->files.nelts; i++)
		any |= look_at(main, files[i], event->log);
	if (any)
		read_more(&main->more);
	ngx_add_timer(event, LOOK_MS);
}

void ngx_cekd_files_watch(struct ngx_cekd_main *main)
{
	if (main->look.timer_set || main->files.nelts == 0)
		return;
	main->look.handler = look;
	main->look.data = main;
	main->look.log = ngx_cycle->log;
	main->look.cancelable = 1; /* a worker that ends does not wait for it */
	main->more = (ngx_event_t){.handler = read_more, .data = main, .log = ngx_cycle->log};
	look(&main->look);
}

void ngx_cekd_files_close(struct ngx_cekd_main *main)
{
	struct ngx_cekd_file **files = main->files.elts;

	if (main->look.timer_set)
		ngx_del_timer(&main->look);
	if (main->more.posted) {
		ngx_delete_posted_event(&main->more);
	}
	for (; main->files.nelts > 0; main->files.nelts--) {
		struct ngx_cekd_file *file = files[main->files.nelts - 1];

		file->reading = reading_free(file, file->reading);
		if (file->content)
			file->kind->free(file->content);
	}
}
