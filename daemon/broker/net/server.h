/*
 * Listeners and the set of connections.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "base/list.h"

struct broker;

struct listener {
	struct broker *broker;
	const char *name; /* interned in the ring */
	size_t index;
	int fd;
	struct event event;
};

struct server {
	struct listener *listeners;
	size_t n_listeners;
	struct link peers;
	uint32_t n_peers;
	struct link dirty;    /* peers with replies of this turn, or whose reading may go on */
	struct link held;     /* peers whose replies wait for their audit record */
	uint64_t progress;    /* of the audit trail when held was looked at */
	struct link stopped;  /* peers not read because too much audit is unacknowledged */
	struct link watchers;
	bool out_of_fds;      /* listeners are off until a connection closes */
};

/* Take over these listening descriptors. Nothing is accepted before server_begin. 0 or -errno. */
int server_init(struct broker *broker, char *const *names, const int *fds, size_t n);
void server_deinit(struct broker *broker);

/* The ring is there, or it is clear that it will not be: accept. */
void server_begin(struct broker *broker);

/* Stop accepting and reading, for good. */
void server_drain(struct broker *broker);

/* Accept again after a connection closed. */
void server_accept_again(struct broker *broker);

/* New rules: look again at what each connection may do. */
void server_rematch(struct broker *broker);

/* End of a turn: release the replies whose records are out, write them, read on where reading was paused. */
void server_flush(struct broker *broker);

/* Replies are all written. */
bool server_idle(const struct broker *broker);

/* Tell watchers about a new epoch. */
void server_tell_watchers(struct broker *broker);

/* Close the connections that watch, for news that cannot be told as an epoch. */
void server_close_watchers(struct broker *broker);
