/* What the tests of the journal share: two files in a folder of their own, and records to put there. */
#pragma once

#include <stdint.h>

#include "daemon/journal/store.h"

struct journal_files {
	char directory[64];
	char keys[96];
	char audit[96];
};

void journal_files_make(struct journal_files *files);
void journal_files_remove(const struct journal_files *files);

/* O_RDWR | O_APPEND, as cekd opens them. */
int journal_files_open(const char *path);

int journal_files_directory(const struct journal_files *files);

/* The whole file; to be freed. */
char *journal_files_read(const char *path);
unsigned journal_files_lines(const char *path);

struct store *journal_files_store(const struct journal_files *files);

/* A record of the key journal with this type and key. */
Cek__Internal__V1__KeyRecord journal_key_record(const char *type, const char *key);

/* A batch with the records first to last of this instance; to be freed. */
struct journal_batch;
struct journal_batch *journal_batch_new(const char *instance, uint64_t first, uint64_t last);
Cek__Internal__V1__AuditBatch *journal_batch_message(struct journal_batch *batch);
void journal_batch_free(struct journal_batch *batch);

/* RLIMIT_FSIZE, which stands for a full disk. SIGXFSZ must be ignored. */
void journal_limit_size(uint64_t size);
void journal_no_limit(void);
