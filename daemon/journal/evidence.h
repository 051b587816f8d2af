/*
 * What tells that keys.jsonl is not the file that cekd wrote last, but a copy of it or an older one from a backup: its
 * identity in the file system, and an audit journal that knows of a longer life of the keys. The broker decides what
 * follows from that (internal.proto, ReplayBatch).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum {
	EVIDENCE_FILE_MAX = 64,
	EVIDENCE_LATER_MAX = 16,   /* changes that are remembered */
	EVIDENCE_LINE_MAX = 480,
};

struct evidence {
	char file[EVIDENCE_FILE_MAX]; /* "inode:birth", what the file system does not know as 0 */
	/* Of the audit journal, as it is read: */
	uint64_t epoch;  /* the highest so far */
	bool outlived;   /* a shorter key journal was put in place of the one that it speaks of */
	uint64_t ends;   /* where that shorter one ended */
	size_t n_later;
	uint64_t dropped; /* the epoch of the latest change that is not remembered any more */
	struct {
		uint64_t epoch;
		char text[EVIDENCE_LINE_MAX];
	} later[EVIDENCE_LATER_MAX]; /* changes of keys, a ring by n_later */
};

/* A zeroed evidence for this key journal. */
void evidence_init(struct evidence *evidence, int keys_fd);

/* The next line of the audit journal, in order. */
void evidence_line(struct evidence *evidence, const json_t *line);

/* All lines were read, and the key journal ends with this seq: keep what speaks against it. */
void evidence_end(struct evidence *evidence, uint64_t keys_seq);

/* An operator has confirmed the key journal: nothing speaks against it any more, but for its identity. */
void evidence_clear(struct evidence *evidence);

/* Whether there were others before those that are remembered. */
bool evidence_more_later(const struct evidence *evidence);

/* Change i that only the audit journal knows, oldest first; NULL past the last. */
const char *evidence_later(const struct evidence *evidence, size_t i);
