/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one cekd hands on to another (internal.proto, "a hand-over"): its locks, journals and sockets, as a message with
 * descriptors beside it, and read again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/parent/config/config.h"
#include "daemon/parent/host/listeners.h"
#include "daemon/parent/host/state.h"
#include "proto/internal.pb-c.h"

enum {
	OFFER_FDS = STATE_FDS + 3 * LISTENERS_MAX,
	OFFER_MORE_FDS = 4, /* behind them in an inheritance: the journal's pair, configuration, key of the receipts */
	OFFER_PAIR = 3,     /* the descriptor of cekd --take-over on which all this comes */
};

/* The message points into the struct. */
struct offer {
	Cek__Internal__V1__Offer message;
	Cek__Internal__V1__HandedListener row[LISTENERS_MAX], *rows[LISTENERS_MAX];
	int fds[OFFER_FDS + OFFER_MORE_FDS];
	size_t n_fds;
};

/* Describe what this cekd has; all of it stays its own. */
void offer_fill(struct offer *offer, const struct config *config, const struct state *state,
	const struct listeners *listeners, bool sandboxed);

/* What was received. */
struct handed {
	char state_directory[4096];
	bool sandboxed;
	int state[STATE_FDS];
	struct listener_handed listeners[LISTENERS_MAX];
	size_t n_listeners;
};

/* n_more descriptors follow. 0, or -EPROTO if the message does not fit its descriptors. */
int offer_read(const Cek__Internal__V1__Offer *message, const int *fds, size_t n_fds, size_t n_more,
	struct handed *ret_handed);
