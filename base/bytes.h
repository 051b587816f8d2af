/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of bytes in pieces of locked memory: what waits to be written to a peer, or to become a whole frame.
 * Everything taken out is wiped.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/pool.h"

enum { CHUNK_DATA = 4064 };

struct chunk {
	struct chunk *next;
	uint32_t start, end;
	uint8_t data[CHUNK_DATA];
};

struct bytes {
	struct chunk *first, *last;
	size_t len;
};

/* 0 or -ENOMEM; then a part may have been added. The pool's items are struct chunk. */
int bytes_append(struct bytes *bytes, struct pool *pool, const uint8_t *data, size_t len);

/* Contiguous room at the end, to be filled before bytes_commit; NULL if size is over CHUNK_DATA or there is no
 * memory. */
uint8_t *bytes_room(struct bytes *bytes, struct pool *pool, size_t size);
void bytes_commit(struct bytes *bytes, size_t size);

/* Copy the first len bytes, of which there must be as many. */
void bytes_copy(const struct bytes *bytes, uint8_t *to, size_t len);

/* Take the first len bytes out. */
void bytes_drop(struct bytes *bytes, struct pool *pool, size_t len);

/* At most max pieces that cover at most the first limit bytes; returns how many. */
int bytes_iov(const struct bytes *bytes, size_t limit, struct iovec *iov, int max);
