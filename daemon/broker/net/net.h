/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners and connections: data alone, which server.c and peer.c share. The server owns the peers; a peer holds only
 * the links of its open requests, which belong to whoever takes its frames.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <event2/event_struct.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/pool.h"
#include "daemon/broker/base/names.h"
#include "daemon/broker/base/turn.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/policy/quota.h"
#include "daemon/broker/ring/ring.h"

enum {
	READ_SIZE = 16384, /* of one read; a frame may be longer */
	MANY_GROUPS_NAMED = 64,
	REPLY_SMALL = 3072, /* more than the reply to any request about CEKs takes */
};

struct peer {
	struct link link, dirty, held, watching;
	struct link ready; /* among its user's, to be read or waiting for its share */
	struct server *server;
	int fd;
	struct event readable, writable;
	struct user *user;
	const char *listener; /* interned in the ring */
	size_t listener_index;
	uid_t uid;
	pid_t pid; /* for the log and the journals only */
	struct grants grants;
	struct timer silent;  /* until a whole request has come */
	struct timer stalled; /* until the other side reads on */
	struct bytes input;   /* a frame that is not whole, or frames that wait while reading is paused */
	struct bytes output;
	struct bytes express; /* replies that wait for no record: they leave between two of output */
	size_t reserved;      /* bytes that the replies to open requests may take */
	struct link requests; /* open */
	uint32_t n_requests;
	/* Replies leave when their audit records are out: released bytes of output may be written; up to marked will be
	 * when record mark is out. */
	size_t released, marked;
	uint64_t mark, last_record;
	uint64_t watch_id;
	bool watch, watch_due;
	size_t held_input; /* that its user is charged with for input */
	bool arrived;      /* something has come since it was read */
	bool waits;        /* for its user's share */
	bool reading;      /* the readable event is on */
	bool writing;      /* the writable event is on */
	bool paused;       /* frames wait in input: for their turn, for room for replies, or for their records */
	bool inside;       /* the first reply of express has left in part */
	bool closing;      /* nothing more is read; closed when the output is written */
	bool eof;          /* the other side has shut its sending down */
	bool ended;        /* the same, but what came before may not have been read */
	bool broken;       /* to be closed at the end of the turn */
};

struct listener {
	struct server *server;
	const char *name; /* interned in the ring */
	size_t index;
	int fd;
	struct event event;
};

struct server_events {
	/* A frame's body has come. */
	void (*frame)(void *owner, struct peer *peer, const uint8_t *body, size_t len);
	/* Too much is unacknowledged: is this one answered all the same? */
	bool (*at_once)(void *owner, const uint8_t *body, size_t len);
	/* What has come is no frame; nothing more is read. */
	void (*no_frame)(void *owner, struct peer *peer, enum status status, const char *text);
	/* The peer of an open request, taken off its list, has gone. */
	void (*gone)(void *owner, struct link *request);
};

/* What a server needs and does not own. */
struct server_uses {
	struct turn *turn;
	struct ring *ring; /* listeners' names; the epoch for who watches */
	const struct policy *policy;
	struct quota *quota;
	const struct audit *audit;
};

struct server {
	struct turn *turn;
	struct ring *ring;
	const struct policy *policy;
	struct quota *quota;
	const struct audit *audit;
	const struct server_events *events;
	void *owner;
	struct listener *listeners;
	size_t n_listeners;
	struct link peers;
	uint32_t n_peers;
	struct pool chunks;  /* parts of frames, in and out */
	struct link dirty;   /* peers with replies of this turn, or whose reading may go on */
	struct link held;    /* peers whose replies wait for their audit record */
	uint64_t progress;   /* of the audit trail when held was looked at */
	struct link stopped; /* users whose peers wait because too much audit is on its way */
	struct link watchers;
	bool out_of_fds;                      /* listeners are off until a connection closes */
	uint64_t no_fd_told_until;            /* monotonic: it is not said again before */
	bool one_closed;                      /* one has closed in this turn */
	uid_t many_groups[MANY_GROUPS_NAMED]; /* users whose groups cannot all be had: each is named in the log once */
	size_t n_many_groups;
	uint64_t refused_connections, malformed_frames, closed_silent, closed_stalled; /* for the metrics */
};
