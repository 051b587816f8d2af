/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/journal_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal/file/audit_file.h"
#include "daemon/journal/file/store_file.h"

static void must(int good, const char *what)
{
	if (!good) {
		perror(what);
		abort();
	}
}

void journal_files_make(struct journal_files *files)
{
	strcpy(files->directory, "/tmp/cek-journal-XXXXXX");
	must(mkdtemp(files->directory) != NULL, "mkdtemp");
	snprintf(files->keys, sizeof(files->keys), "%s/keys.jsonl", files->directory);
	snprintf(files->audit, sizeof(files->audit), "%s/audit.jsonl", files->directory);
	files->at = journal_files_directory(files);
}

void journal_files_remove(const struct journal_files *files)
{
	close(files->at);
	unlink(files->keys);
	unlink(files->audit);
	must(rmdir(files->directory) == 0, "rmdir");
}

int journal_files_open(const char *path)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	must(fd >= 0, path);
	return fd;
}

int journal_files_directory(const struct journal_files *files)
{
	int fd = open(files->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	must(fd >= 0, files->directory);
	return fd;
}

char *journal_files_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	must(fd >= 0 && fstat(fd, &st) == 0, path);
	text = calloc(1, (size_t)st.st_size + 1);
	must(text && read(fd, text, (size_t)st.st_size) == st.st_size, path);
	close(fd);
	return text;
}

unsigned journal_files_lines(const char *path)
{
	char *text = journal_files_read(path);
	unsigned lines = 0;

	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	free(text);
	return lines;
}

void journal_files_begin(const struct journal_files *files, struct journals *journals)
{
	struct audit_file_setup audit = {.path = files->directory, .directory = files->at, .version = "1.0"};
	struct store_state keys;

	*journals = (struct journals){0};
	must(store_file_open(journal_files_open(files->keys), files->at, files->directory, &journals->store) == 0,
		"store_file_open");
	keys = store_state(journals->store);
	audit.keys = &keys;
	audit.fd = journal_files_open(files->audit);
	must(audit_file_open(&audit, &journals->evidence, &journals->audit) == 0, "audit_file_open");
}

void journal_files_end(struct journals *journals)
{
	journals->audit = audit_close(journals->audit);
	journals->store = store_close(journals->store);
}

bool journals_ok(const struct journals *journals)
{
	return store_state(journals->store).ok && audit_state(journals->audit).ok;
}

void journals_look(struct journals *journals)
{
	store_look(journals->store);
	audit_look(journals->audit);
}

void journals_retry(struct journals *journals)
{
	store_retry(journals->store);
	audit_retry(journals->audit);
}

void journal_limit_size(uint64_t size)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_FSIZE, &limit) == 0, "getrlimit");
	limit.rlim_cur = size;
	must(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
}

void journal_no_limit(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_FSIZE, &limit) == 0, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
}
