/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket to cekd: made when there is something to send, and made again when it broke. It takes frames in, writes
 * the stream out, and knows neither calls nor replies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "client/buffer.h"
#include "client/stream.h"

/* What became of a frame. */
enum link_verdict {
	LINK_GO_ON,
	LINK_LOST,    /* the socket is of no use any more: what was asked on it gets the status, the rest waits */
	LINK_REFUSED, /* cekd serves nobody just now: all that is open gets the status, and the next try comes later */
};

struct link_events {
	/* A whole frame has come. *ret_status is set unless it goes on. */
	enum link_verdict (*frame)(void *owner, const uint8_t *body, size_t len, int *ret_status);

	/* There is no socket any more: what was sent on it gets the status, or goes out once more if again is set. */
	void (*lost)(void *owner, int status, bool again);

	/* None can be had: all that was in the stream, which is empty now, gets the status. */
	void (*refused)(void *owner, int status);

	/* The stream has dead bytes and is about to be written. */
	void (*before_write)(void *owner);
};

struct cekd_link {
	const struct link_events *events;
	void *owner;
	struct stream *out;

	struct sockaddr_un address;
	int epoll_fd;
	int socket; /* -1 = not connected */
	int error;  /* errno of the latest connect that failed */

	bool ended;         /* for good: see link_end() */
	bool blocked;       /* the socket takes no more at the moment */
	bool broken;        /* it never will; there may be something left to read */
	bool shut;          /* nor will the other end, which answers what it has and then closes */
	bool replied;       /* this socket has brought a reply */
	bool closed_first;  /* the socket before took nothing of what was asked */
	bool flood;         /* the latest read filled all the room there was */
	bool unread;        /* the latest turn ended before there was nothing left to read */
	uint64_t opened_at; /* offset in the stream of this socket's first byte */
	unsigned backoff_ms;
	uint64_t retry_at;    /* no connect before */
	uint64_t frame_until; /* the frame that has begun has to be whole by then; 0 = none has */
	uint64_t grace_until; /* cekd served a moment ago, and is probably being restarted: it is waited for */

	struct buffer in;
};

/* Not connected yet. 0 or -errno. */
int link_init(struct cekd_link *link, const struct sockaddr_un *address, struct stream *out,
	const struct link_events *events, void *owner);

/* Close it; foreign: the socket is another process's business. */
void link_deinit(struct cekd_link *link, bool foreign);

/* Neither read nor write nor connect from now on. */
void link_end(struct cekd_link *link);

/* Connect if there is something to send, and write. */
void link_push(struct cekd_link *link);

/* Write and read until nothing moves any more, or for so long that others of the caller's loop shall have their turn.
 * drain: until the socket says that it has nothing left; otherwise a read that did not fill its room tells, which is
 * enough for who looks again before he waits. */
void link_run(struct cekd_link *link, bool drain);

/* Wait until there is something to do, or the time is over (-1 = any time). */
void link_wait(const struct cekd_link *link, int timeout_ms);

/* When it wants to be run although nothing new can be read, in nanoseconds of CLOCK_MONOTONIC; 0 = now, UINT64_MAX =
 * never. */
uint64_t link_due(const struct cekd_link *link);

/* What this socket has brought was a reply: cekd serves. */
void link_replied(struct cekd_link *link);
