/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the journal share: two files in a folder of their own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/journal/audit.h"
#include "daemon/journal/evidence.h"
#include "daemon/journal/store.h"

struct journal_files {
	char directory[64];
	char keys[96];
	char audit[96];
	int at; /* the folder */
};

void journal_files_make(struct journal_files *files);
void journal_files_remove(const struct journal_files *files);

/* O_RDWR | O_APPEND, as cekd opens them. */
int journal_files_open(const char *path);

int journal_files_directory(const struct journal_files *files);

/* The whole file; to be freed. */
char *journal_files_read(const char *path);
unsigned journal_files_lines(const char *path);

/* Both journals, on these files. */
struct journals {
	struct store *store;
	struct audit *audit;
	struct evidence evidence;
};

void journal_files_begin(const struct journal_files *files, struct journals *journals);
void journal_files_end(struct journals *journals);

/* Whether all is well with both; look and retry on both. */
bool journals_ok(const struct journals *journals);
void journals_look(struct journals *journals);
void journals_retry(struct journals *journals);

/* RLIMIT_FSIZE, which stands for a full disk. SIGXFSZ must be ignored. */
void journal_limit_size(uint64_t size);
void journal_no_limit(void);
