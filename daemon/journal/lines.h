/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that are about to be written: gathered in memory, each chained to the one before it. What every store does with
 * records before it keeps them, so that their lines are the same wherever they stand.
 */
#pragma once

#include <stddef.h>

#include "base/wipe.h"
#include "daemon/journal/store.h"
#include "daemon/journal/text.h"
#include "proto/chain.h"
#include "proto/internal.pb-c.h"

struct lines {
	struct text text;
	struct chain_head next; /* after them */
	struct chain_hasher *hasher;
};

/* Nothing gathered, at the start of a chain. 0 or -ENOMEM. deinit is safe on a zeroed struct. */
int lines_init(struct lines *lines);
void lines_deinit(struct lines *lines);

/* Forget what is gathered: the next line follows head. */
void lines_drop(struct lines *lines, const struct chain_head *head);

/* The caller has written one line, without newline, that begins at start of the text: chain it. 0; -EIO or -ENOMEM, and
 * the line is gone. */
int lines_done(struct lines *lines, size_t start);

/* Records of one request; sets seq and more in each. The arena is for reading back what was written: what could not be
 * read, or not be sent to the broker, must not be kept. 0; -errno with a line in why: then they must be dropped. */
int lines_add_keys(struct lines *lines, Cek__Internal__V1__KeyRecord *const *records, size_t n, struct arena *arena,
	char why[STORE_WHY_MAX]);

/* What speaks against a record, as the end of a sentence, by the error of a function above or of record.h. */
const char *lines_error(int error);
