/*
 * What the files of libcek know of a connection and its calls. cek.h is what callers see.
 *
 * conn.c is the object, link.c its socket, call.c what is asked on it, reply.c brings the answers; request.c, manage.c
 * and result.c know what travels.
 *
 * The output is one stream of frames over all sockets that a connection ever had; offsets count its bytes. A call whose
 * frame begins at or behind out_sent has not been written at all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/un.h>

#include "base/heap.h"
#include "client/buffer.h"
#include "client/cek.h"
#include "client/kind.h"

struct pages;
struct slots;
struct request;

enum {
	CALL_CHUNK = 32, /* calls allocated at once */
	CALL_INDEX_BITS = 20,
	CALL_INDEX_MAX = 1 << CALL_INDEX_BITS, /* calls of one connection */
};

struct cek_call {
	TAILQ_ENTRY(cek_call) link; /* in conn->calls or conn->spare */
	cek_conn *conn;
	uint64_t id; /* serial number and, in the low CALL_INDEX_BITS, index; 0 = not open */
	uint32_t index;
	uint32_t frame_len;
	uint64_t frame_at; /* offset in the stream */
	struct heap_node timer; /* its key is the deadline, in nanoseconds of CLOCK_MONOTONIC; not in: no limit */
	enum call_kind kind;
	unsigned cek_len;  /* bytes that the answer's CEK must have */
	struct pages *pages; /* NULL: one reply is the answer */
	uint64_t told;     /* watch: the epoch of the latest callback */
	cek_callback *callback;
	void *userdata;
};

TAILQ_HEAD(call_list, cek_call);

struct cek_conn {
	struct sockaddr_un address;
	int epoll_fd;
	int socket; /* -1 = not connected */
	int error;  /* errno of the latest connect that failed */
	unsigned process_id; /* see conn_is_foreign() */

	bool running; /* inside process() or a callback: no second loop below it */
	bool closing; /* freed: goes when nobody is inside any more */
	unsigned pins;

	bool blocked;    /* the socket takes no more at the moment */
	bool broken;     /* it never will; there may be something left to read */
	bool replied;    /* this socket has brought a reply */
	bool watched;    /* cekd tells this socket about each new epoch */
	bool flood;      /* the latest read filled all the room there was */
	uint64_t opened_at; /* offset in the stream of this socket's first byte */
	unsigned backoff_ms;
	uint64_t retry_at; /* no connect before */

	struct buffer in;
	struct buffer out;
	size_t out_partial; /* what is left of a frame that was written in part: the head of out */
	size_t out_dead;    /* bytes in out of calls that were cancelled before they were written */
	uint64_t out_sent;  /* offset in the stream of the head of out */

	struct call_list calls; /* open, in the order of their start */
	struct call_list spare;
	struct cek_call **chunks;
	size_t n_chunks;
	size_t n_open;
	uint64_t serial; /* of the latest call */
	struct heap timers;
	struct slots *slots;

	size_t max_calls;
	size_t max_output;
	uint64_t epoch;
};

/* ---- conn.c ---- */

/* The object was made before a fork, in the parent: its socket is the parent's business. */
bool conn_is_foreign(const cek_conn *conn);

/* Keep the object in memory while something is going on with it, although a callback may free it. */
void conn_pin(cek_conn *conn);
void conn_unpin(cek_conn *conn);

/* ---- link.c ---- */

/* Bytes that wait to be written. */
size_t link_pending(const cek_conn *conn);

/* Connect if there is something to send, and write. Runs callbacks if the connection cannot be made. */
void link_push(cek_conn *conn);

/* Write and read until nothing moves any more, running callbacks. */
void link_run(cek_conn *conn);

/* Close the socket without a word to the calls. */
void link_close(cek_conn *conn);

/* There is no connection for any of the calls that are open: finish them with this status, and try again later. */
void link_refuse(cek_conn *conn, int status);

/* ---- reply.c ---- */

/* Bring a reply to its call. CEK_OK, or the status with which the connection has to end. */
int reply_take(cek_conn *conn, const uint8_t *body, size_t len);

/* ---- call.c ---- */

/* Queue a request and open its call. As cek_unwrap_start(). */
int call_start(cek_conn *conn, struct request *request, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call);

/* The open call of that id, NULL if there is none any more. *ret_known is false if there never was one. */
cek_call *call_find(cek_conn *conn, uint64_t id, bool *ret_known);

/* Close the call and run its callback; the result is given back afterwards. */
void call_finish(cek_call *call, cek_result *result);

/* The same for calls whose frame begins before offset, with a status of libcek's own, in the order of their start. */
void call_finish_before(cek_conn *conn, uint64_t offset, int status);

/* Ask for the next of the call's pages. It was let in when it was started, so that no bound applies any more. CEK_OK,
 * CEK_E_NOMEM, or CEK_TOO_LARGE: the names leave no room to say where to go on. */
int call_ask_on(cek_call *call);

/* One more answer for a call that stays open (watch); the result is given back afterwards. */
void call_answer(cek_call *call, cek_result *result);

/* Finish those whose time is over. */
void call_expire(cek_conn *conn);

/* Drop the bytes of cancelled calls from the output. */
void call_compact(cek_conn *conn);
