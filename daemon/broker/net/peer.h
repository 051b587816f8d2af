/*
 * One connection: frames in, replies out, both bounded. Input is read into a buffer that all connections share; only
 * the part of a frame that is not whole yet stays with the connection. Reading pauses while a worst-case reply could
 * not be kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <event2/event_struct.h>

#include "base/bytes.h"
#include "base/list.h"
#include "daemon/broker/base/timers.h"
#include "daemon/broker/policy/policy.h"

struct broker;
struct user;

enum {
	READ_SIZE = 16384,    /* of one read; a frame may be longer */
	REPLY_SMALL = 3072,   /* more than the reply to any request about CEKs takes */
};

struct peer {
	struct link link, dirty, held, stopped, watching;
	struct broker *broker;
	int fd;
	struct event readable, writable;
	struct user *user;
	const char *listener; /* interned in the ring */
	size_t listener_index;
	uid_t uid;
	pid_t pid;            /* for the log and the journals only */
	struct grants grants;
	struct timer silent;   /* until a whole request has come */
	struct timer stalled;  /* until the other side reads on */
	struct bytes input;   /* a frame that is not whole, or frames that wait while reading is paused */
	struct bytes output;
	size_t reserved;      /* bytes that the replies to open requests may take */
	struct link requests; /* open */
	uint32_t n_requests;
	/* Replies leave when their audit records are out: released bytes of output may be written; up to marked will be
	 * when record mark is out. */
	size_t released, marked;
	uint64_t mark, last_record;
	uint64_t watch_id;
	bool watch, watch_due;
	bool reading;         /* the readable event is on */
	bool writing;         /* the writable event is on */
	bool paused;          /* frames wait in input until there is room for replies */
	bool closing;         /* nothing more is read; closed when the output is written */
	bool eof;             /* the other side has shut its sending down */
	bool broken;          /* to be closed at the end of the turn */
};

/* Take over fd. NULL when a limit or the policy refuses it (fd is closed then). */
struct peer *peer_new(struct broker *broker, int fd, size_t listener);

/* Close; its open requests go on without it. */
void peer_free(struct peer *peer);

/* Room for a small frame at the end of the output, to be filled at once; NULL if it does not fit or there is no
 * memory. */
uint8_t *peer_room(struct peer *peer, size_t size);

/* The room was filled with a frame of this size, which may leave once audit record n is out (0: no record). */
void peer_commit(struct peer *peer, size_t size, uint64_t n);

/* The same for a frame of any size, by copying. Without memory the connection is closed. */
void peer_send(struct peer *peer, const uint8_t *frame, size_t len, uint64_t n);

/* End of a turn for this peer. May free it. */
void peer_turn(struct peer *peer);

/* Have peer_turn called at the end of this turn. */
void peer_touch(struct peer *peer);

void peer_stop_reading(struct peer *peer);

/* Nothing of it is open: no request, no whole frame, no reply. */
bool peer_idle(const struct peer *peer);

/* Look again at its rights. */
void peer_match(struct peer *peer);

/* Tell it about the epoch, now or as soon as there is room. */
void peer_tell_epoch(struct peer *peer);
