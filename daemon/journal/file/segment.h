/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One journal file: a chain of lines (proto/chain.h) behind a descriptor that was opened elsewhere, O_RDWR | O_APPEND.
 *
 * Before anything is written, and before what was written counts as durable, the path must lead to the file (place.h)
 * and the file be as long as it was left. A file that went away may come back; one that somebody else has changed is
 * refused.
 *
 * Lines are gathered in memory and reach the file in one write(2), all or none: what a failed or short write has left
 * is cut off again. A failed fdatasync(2) ends the trust in the file until the next start, because the kernel may have
 * dropped the pages that it could not write and would report success next time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/journal/file/place.h"
#include "daemon/journal/lines.h"
#include "proto/chain.h"

enum {
	SEGMENT_TROUBLE_MAX = 512,
	SEGMENT_TAIL = 4 << 20, /* bytes that segment_recover_tail() looks at */
};

struct segment {
	int fd;
	char name[256]; /* for messages */
	struct place place;
	off_t size;             /* of the whole lines in the file */
	struct chain_head head; /* after them */
	struct lines gathered;  /* not yet in the file */
	bool unsynced;          /* written, not yet on disk */
	bool leftover;          /* what a failed write left after size could not be cut off yet */
	bool read_only;         /* set between init and recover: only looked at, perhaps while a cekd writes */
	bool refused;           /* not to be used until the next start */
	char trouble[SEGMENT_TROUBLE_MAX]; /* one line for Status and what to do; empty = all is well */
};

/* Take the descriptor; directory/file is its path, and at the directory itself, which must both stay. 0 or -errno. */
int segment_init(struct segment *segment, int fd, int at, const char *directory, const char *file);

/* Safe on a zeroed struct; closes the descriptor. */
void segment_deinit(struct segment *segment);

/* Check every line, pass each to line (may be NULL), cut off what a crash left half written: bytes after the last
 * newline, and lines of a request that was not finished ("more"). Anything else wrong: refused and trouble are set, and
 * 0 is returned all the same. -ENOMEM, or what line returned. */
int segment_recover(struct segment *segment, chain_line_fn *line, void *userdata);

/* The same for the last SEGMENT_TAIL bytes only: an audit journal may be huge, and `cekctl audit verify` checks all. */
int segment_recover_tail(struct segment *segment, chain_line_fn *line, void *userdata);

/* The same for one to which another process still adds: check and pass what stands behind the lines that were passed
 * before, and cut nothing off; last: the other one has ended, what is half written is cut off. segment_seek_tail()
 * leaves out what segment_recover_tail() would. As segment_recover(). */
int segment_follow(struct segment *segment, bool last, chain_line_fn *line, void *userdata);
int segment_seek_tail(struct segment *segment);

/* Read it again from the start; only lines that stood there when it was last written. -errno; -EBADMSG if it is no
 * longer what it was (then refused is set). */
int segment_read(struct segment *segment, chain_line_fn *line, void *userdata);

/* Whether it is still the file that was opened, where it was, and as it was left. 0; -ESTALE and trouble is set;
 * -EROFS: it is refused. */
int segment_look(struct segment *segment);

/* Write all that is gathered. On failure it stays gathered, the file is as before, and trouble says what is wrong. */
int segment_write(struct segment *segment);

/* Forget what is gathered. */
void segment_drop(struct segment *segment);

/* In trouble, with nothing gathered: see whether the file can be written again. If so, trouble is over. */
void segment_probe(struct segment *segment);

/* Make durable what was written. -EROFS or another error: the segment is refused; -ESTALE: it is on disk, but the file
 * is not where it was, and trouble is set. */
int segment_sync(struct segment *segment);

/* Cut the file back to a place where it has been before (size and head), after a failed segment_sync(); not if somebody
 * else has changed it since. */
void segment_cut_back(struct segment *segment, off_t size, const struct chain_head *head);

/* Set refused and trouble. */
void segment_refuse(struct segment *segment, const char *format, ...) __attribute__((format(printf, 2, 3)));
