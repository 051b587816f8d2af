#include "tests/unit/journal/journal_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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
}

void journal_files_remove(const struct journal_files *files)
{
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

struct store *journal_files_store(const struct journal_files *files)
{
	struct store *store;

	const struct store_files fds = {
		.keys = journal_files_open(files->keys),
		.audit = journal_files_open(files->audit),
		.directory = journal_files_directory(files),
	};

	must(store_open(&fds, files->directory, "1.0", &store) == 0, "store_open");
	return store;
}

Cek__Internal__V1__KeyRecord journal_key_record(const char *type, const char *key)
{
	Cek__Internal__V1__KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	record.time = 1767323045678901;
	record.type = (char *)type;
	record.key = (char *)key;
	return record;
}

struct journal_batch {
	Cek__Internal__V1__AuditBatch message;
	Cek__Internal__V1__AuditRecord **pointers;
	Cek__Internal__V1__AuditRecord *records;
	uint8_t encrypted_key[256];
};

static void fill_audit(struct journal_batch *batch, size_t i, uint64_t n)
{
	Cek__Internal__V1__AuditRecord *record = &batch->records[i];

	cek__internal__v1__audit_record__init(record);
	record->n = n;
	record->time = 1767323045678901 + n;
	record->listener = (char *)"gateway";
	record->uid = 33;
	record->pid = 4711;
	record->op = (char *)"unwrap";
	record->key = (char *)"api-example";
	record->kid = (char *)"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
	record->alg = (char *)"RSA-OAEP-256";
	record->status = (char *)"OK";
	record->encrypted_key = (ProtobufCBinaryData){ sizeof(batch->encrypted_key), batch->encrypted_key };
	batch->pointers[i] = record;
}

struct journal_batch *journal_batch_new(const char *instance, uint64_t first, uint64_t last)
{
	struct journal_batch *batch = calloc(1, sizeof(*batch));
	size_t n = (size_t)(last - first + 1);

	must(batch != NULL, "calloc");
	batch->records = calloc(n, sizeof(*batch->records));
	batch->pointers = calloc(n, sizeof(*batch->pointers));
	must(batch->records && batch->pointers, "calloc");
	for (size_t i = 0; i < n; i++)
		fill_audit(batch, i, first + i);
	cek__internal__v1__audit_batch__init(&batch->message);
	batch->message.instance = (char *)instance;
	batch->message.record = batch->pointers;
	batch->message.n_record = n;
	return batch;
}

Cek__Internal__V1__AuditBatch *journal_batch_message(struct journal_batch *batch)
{
	return &batch->message;
}

void journal_batch_free(struct journal_batch *batch)
{
	free(batch->records);
	free(batch->pointers);
	free(batch);
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
