/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells that a key journal is not the one that cekd wrote last, but an older one from a backup: an audit journal
 * that knows of a longer life of the keys. The broker decides what follows from that, and from the identity of the key
 * journal (store.h), which tells a copy (internal.proto, ReplayBatch).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum {
	EVIDENCE_LATER_MAX = 16, /* changes that are remembered */
	EVIDENCE_LINE_MAX = 480,
};

/* Of the audit journal, as it is read; zeroed before. */
struct evidence {
	uint64_t epoch; /* the highest so far */
	bool outlived;  /* a shorter key journal was put in place of the one that it speaks of */
	uint64_t ends;  /* where that shorter one ended */
	size_t n_later;
	uint64_t dropped; /* the epoch of the latest change that is not remembered any more */
	struct {
		uint64_t epoch;
		char text[EVIDENCE_LINE_MAX];
	} later[EVIDENCE_LATER_MAX]; /* changes of keys, a ring by n_later */
};

/* The next line of the audit journal, in order. */
void evidence_line(struct evidence *evidence, const json_t *line);

/* All lines were read, and the key journal ends with this seq: keep what speaks against it. */
void evidence_end(struct evidence *evidence, uint64_t keys_seq);

/* An operator has confirmed the key journal: nothing speaks against it any more. */
void evidence_clear(struct evidence *evidence);

/* Whether there were others before those that are remembered. */
bool evidence_more_later(const struct evidence *evidence);

/* Change i that only the audit journal knows, oldest first; NULL past the last. */
const char *evidence_later(const struct evidence *evidence, size_t i);
