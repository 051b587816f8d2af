/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of one connection: opened when their request is put into the stream, closed when their callback runs. Who
 * asks and who answers is no business of theirs. Whoever lets callbacks run keeps the calls in memory meanwhile,
 * although a callback may free the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "client/cek.h"
#include "client/kind.h"
#include "client/pack.h"
#include "client/stream.h"

struct pages;

enum {
	CALL_CHUNK = 32, /* calls allocated at once */
	CALL_INDEX_BITS = 20,
	CALL_INDEX_MAX = 1 << CALL_INDEX_BITS, /* calls of one connection */
};

struct cek_call {
	struct link link; /* in calls->open or calls->spare */
	struct calls *calls;
	uint64_t id; /* serial number and, in the low CALL_INDEX_BITS, index; 0 = not open */
	uint32_t index;
	uint32_t frame_len;
	uint64_t frame_at;      /* offset in the stream */
	struct heap_node timer; /* its key is the deadline, in nanoseconds of CLOCK_MONOTONIC; not in: no limit */
	enum call_kind kind;
	bool again;          /* it may be sent once more if the connection is lost, */
	bool repeated;       /* which has been done */
	bool kept;           /* its frame stands in the stream */
	unsigned cek_len;    /* bytes that the answer's CEK must have */
	struct pages *pages; /* NULL: one reply is the answer */
	uint64_t told;       /* watch: the epoch of the latest callback */
	cek_callback *callback;
	void *userdata;
};

struct calls {
	cek_conn *conn; /* whose they are */
	struct stream *out;
	struct link open;     /* in the order of their start */
	struct link lost;     /* open as well, but about to get their callbacks: the connection is gone */
	struct link deferred; /* open as well, but ask nothing: the next turn brings their callbacks */
	struct link spare;
	struct cek_call **chunks;
	size_t n_chunks;
	size_t n_open;
	uint64_t serial; /* of the latest call */
	struct heap timers;
	size_t max_calls;
	size_t max_output; /* bytes that may wait in the stream */
	int error;         /* the errno that goes with CEK_E_CONNECT */
	bool delivering;   /* inside a callback */
};

void calls_init(struct calls *calls, cek_conn *conn, struct stream *out);

/* Those that are open vanish without a word. */
void calls_deinit(struct calls *calls);

/* Queue a request and open its call. As cek_unwrap_start(). */
int calls_start(struct calls *calls, struct request *request, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call);

/* Open a call that asks nothing. As cek_defer_start(). */
int calls_defer(struct calls *calls, cek_callback *callback, void *userdata, cek_call **ret_call);

/* Finish those that were opened before this turn, in the order of their start. */
void calls_run_deferred(struct calls *calls);

/* The open call of that id, NULL if there is none any more. *ret_known is false if there never was one. */
cek_call *calls_find(struct calls *calls, uint64_t id, bool *ret_known);

/* When the first of them has waited long enough, in nanoseconds of CLOCK_MONOTONIC; 0 = now, UINT64_MAX = never. */
uint64_t calls_due(const struct calls *calls);

/* Finish those. */
void calls_expire(struct calls *calls);

/* Finish calls whose frame begins before offset, with one result for all, in the order of their start; first those that
 * were lost in a callback of which this is called. The result stays the caller's. */
void calls_finish_before(struct calls *calls, uint64_t offset, cek_result *result);

/* Finish all of them, likewise. */
void calls_finish_all(struct calls *calls, cek_result *result);

/* The socket is gone. Calls whose requests were not written whole are sent on the next one; so are those that may be
 * carried out twice, once, if again is set; the others are finished with the status. */
void calls_lost(struct calls *calls, int status, bool again);

/* Drop the bytes of cancelled calls from the stream. */
void calls_compact(struct calls *calls);

/* Close the call and run its callback; the result is given back afterwards. */
void call_finish(cek_call *call, cek_result *result);

/* One more answer for a call that stays open (watch); the result is given back afterwards. */
void call_answer(cek_call *call, cek_result *result);

/* Ask for the next of the call's pages. It was let in when it was started, so that no bound applies any more. CEK_OK,
 * CEK_E_NOMEM, or CEK_TOO_LARGE: the names leave no room to say where to go on. */
int call_ask_on(cek_call *call);
