/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateways/nginx/counters.h"
#include "gateways/nginx/files.h"
#include "gateways/nginx/self.h"

enum { LOOK_MS = 1000, WHY_SIZE = 256 };

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* NULL, or why the text of the open file could not be had. */
static const char *read_open(int fd, struct stat *seen, char **ret_text)
{
	struct stat after;
	char *text = NULL;
	const char *fault = NULL;
	ssize_t n;

	if (fstat(fd, seen) < 0)
		return strerror(errno);
	if (!S_ISREG(seen->st_mode))
		return "it is no regular file";
	if (seen->st_size > NGX_CEKD_FILE_MAX)
		return "it is larger than 16 MiB";
	text = malloc((size_t)seen->st_size + 1);
	if (!text)
		return "no memory";
	n = pread(fd, text, (size_t)seen->st_size + 1, 0);
	if (n < 0)
		fault = strerror(errno);
	else if (n != seen->st_size || fstat(fd, &after) < 0 || !same(seen, &after))
		fault = "it changes while it is read; put a new file in its place with rename";
	if (fault)
		free(text);
	else
		*ret_text = text;
	return fault;
}

/* Read and parse into *ret_content; seen is filled in in any case, as far as it can be. */
static const char *load(const struct ngx_cekd_file *file, struct stat *seen, void **ret_content, char *why)
{
	int fd = open((const char *)file->path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *fault;
	char *text = NULL;

	if (fd < 0) {
		/* Not the file's fault, so that it is not waited for another one. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			*seen = (struct stat){0};
		return strerror(errno);
	}
	fault = read_open(fd, seen, &text);
	close(fd);
	if (fault)
		return fault;
	fault = file->kind->parse(file, text, (size_t)seen->st_size, ret_content, why, WHY_SIZE);
	free(text);
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

struct ngx_cekd_file *ngx_cekd_file_get(ngx_conf_t *cf, const ngx_str_t *given, const struct ngx_cekd_file_kind *kind,
	const char *alg)
{
	struct ngx_cekd_main *main = ngx_cekd_conf_main(cf);
	struct ngx_cekd_file *file, **place;
	ngx_str_t path = *given;
	char why[WHY_SIZE] = "";
	const char *fault;

	if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK)
		return NULL;
	file = find(main, &path, kind, alg);
	if (file)
		return file;
	file = ngx_pcalloc(cf->pool, sizeof(*file));
	if (!file)
		return NULL;
	file->path = path;
	file->kind = kind;
	file->alg = alg;
	fault = load(file, &file->seen, &file->content, why);
	if (fault) {
		ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" cannot be used as %s: %s", &path, kind->what, fault);
		return NULL;
	}
	if (*why)
		ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "\"%V\": %s", &path, why);
	place = ngx_array_push(&main->files);
	if (!place) {
		kind->free(file->content);
		return NULL;
	}
	*place = file;
	return file;
}

static void look_at(const struct ngx_cekd_main *main, struct ngx_cekd_file *file, ngx_log_t *log)
{
	struct stat now = {0};
	char why[WHY_SIZE] = "";
	const char *fault;
	void *content;

	if (stat((const char *)file->path.data, &now) == 0 && same(&now, &file->seen))
		return;
	/* A file that is away, or cannot be used, is told of once. */
	if (now.st_ino == 0 && file->seen.st_ino == 0)
		return;
	file->seen = now;
	fault = load(file, &file->seen, &content, why);
	if (fault) {
		ngx_log_error(NGX_LOG_ERR, log, 0,
			"\"%V\" has changed, and cannot be used as %s: %s; what was read before stays", &file->path,
			file->kind->what, fault);
		ngx_cekd_count(main, NGX_CEKD_COUNT_NOT_RELOADED);
		return;
	}
	file->kind->free(file->content);
	file->content = content;
	ngx_log_error(NGX_LOG_NOTICE, log, 0, "\"%V\" has changed and was read again%s%s", &file->path,
		*why ? ": " : "", why);
	ngx_cekd_count(main, NGX_CEKD_COUNT_RELOADED);
}

static void look(ngx_event_t *event)
{
	struct ngx_cekd_main *main = event->data;
	struct ngx_cekd_file **files = main->files.elts;
	ngx_uint_t i;

	for (i = 0; i < main->files.nelts; i++)
		look_at(main, files[i], event->log);
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
	look(&main->look);
}

void ngx_cekd_files_close(struct ngx_cekd_main *main)
{
	struct ngx_cekd_file **files = main->files.elts;

	if (main->look.timer_set)
		ngx_del_timer(&main->look);
	for (; main->files.nelts > 0; main->files.nelts--)
		files[main->files.nelts - 1]->kind->free(files[main->files.nelts - 1]->content);
}
