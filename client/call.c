/* cek.h, calls: opened when their request is queued, closed when their callback runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "client/conn.h"
#include "client/pages.h"
#include "client/request.h"
#include "client/result.h"
#include "proto/frame.h"

static const uint64_t ns_per_ms = 1000000;

static bool calls_grow(cek_conn *conn)
{
	cek_call **chunks = reallocarray(conn->chunks, conn->n_chunks + 1, sizeof(*chunks));
	cek_call *chunk;

	if (!chunks)
		return false;
	conn->chunks = chunks;
	chunk = calloc(CALL_CHUNK, sizeof(*chunk));
	if (!chunk)
		return false;
	for (size_t i = 0; i < CALL_CHUNK; i++) {
		chunk[i].conn = conn;
		chunk[i].index = (uint32_t)(conn->n_chunks * CALL_CHUNK + i);
		TAILQ_INSERT_TAIL(&conn->spare, &chunk[i], link);
	}
	chunks[conn->n_chunks++] = chunk;
	return true;
}

/* A call that nobody uses. It stays in the spare list until its request is queued. */
static cek_call *call_spare(cek_conn *conn)
{
	if (TAILQ_EMPTY(&conn->spare) && !calls_grow(conn))
		return NULL;
	return TAILQ_FIRST(&conn->spare);
}

static int output_reserve(cek_conn *conn, size_t size)
{
	if (link_pending(conn) + size > conn->max_output)
		return CEK_E_FULL;
	if (conn->out_dead >= conn->max_output)
		call_compact(conn);
	return buffer_reserve(&conn->out, size) < 0 ? CEK_E_NOMEM : CEK_OK;
}

static int deadline_set(cek_call *call, int timeout_ms)
{
	if (timeout_ms < 0)
		return CEK_OK;
	call->timer.key = clock_monotonic_ns() + (uint64_t)timeout_ms * ns_per_ms;
	return heap_add(&call->conn->timers, &call->timer) < 0 ? CEK_E_NOMEM : CEK_OK;
}

/* The request goes behind all others, and so does the call, which stands in none of the lists. */
static void call_queue(cek_call *call, struct request *request, size_t body_len)
{
	cek_conn *conn = call->conn;
	uint8_t *frame = buffer_room(&conn->out);

	frame_header(frame, body_len);
	request_pack(request, frame + FRAME_HEADER);
	call->frame_at = conn->out_sent + buffer_len(&conn->out);
	call->frame_len = (uint32_t)(FRAME_HEADER + body_len);
	buffer_filled(&conn->out, call->frame_len);
	TAILQ_INSERT_TAIL(&conn->calls, call, link);
}

int call_start(cek_conn *conn, struct request *request, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call)
{
	uint32_t deadline_ms = timeout_ms < 0 ? 0 : timeout_ms == 0 ? 1 : (uint32_t)timeout_ms;
	cek_call *call;
	uint64_t id;
	size_t size;
	int status;

	if (!conn || !callback || conn->closing || conn_is_foreign(conn))
		return CEK_E_INVALID;
	if (conn->n_open >= conn->max_calls)
		return CEK_E_FULL;
	call = call_spare(conn);
	if (!call)
		return CEK_E_NOMEM;
	id = (conn->serial + 1) << CALL_INDEX_BITS | call->index;
	size = request_size(request, id, deadline_ms);
	if (size == 0 || size > FRAME_BODY_MAX)
		return CEK_E_INVALID;
	status = output_reserve(conn, FRAME_HEADER + size);
	if (status == CEK_OK)
		status = deadline_set(call, timeout_ms);
	if (status != CEK_OK)
		return status;
	conn->serial++;
	call->id = id;
	call->kind = request->kind;
	call->cek_len = request->cek_len;
	call->pages = request->pages;
	call->told = UINT64_MAX;
	call->callback = callback;
	call->userdata = userdata;
	TAILQ_REMOVE(&conn->spare, call, link);
	conn->n_open++;
	call_queue(call, request, size);
	if (ret_call)
		*ret_call = call;
	return CEK_OK;
}

/* What is left of the caller's time, rounded up; 0 = no limit. */
static uint32_t deadline_left(const cek_call *call)
{
	uint64_t now = clock_monotonic_ns();

	if (call->timer.at == 0)
		return 0;
	return call->timer.key > now ? (uint32_t)((call->timer.key - now + ns_per_ms - 1) / ns_per_ms) : 1;
}

int call_ask_on(cek_call *call)
{
	cek_conn *conn = call->conn;
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__GetPublicKeysRequest body;
	struct request request = { .message = &message };
	uint64_t id = (conn->serial + 1) << CALL_INDEX_BITS | call->index;
	size_t size;

	pages_ask(call->pages, &body);
	message.op_case = CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS;
	message.get_public_keys = &body;
	size = request_size(&request, id, deadline_left(call));
	if (size > FRAME_BODY_MAX)
		return CEK_TOO_LARGE;
	if (buffer_reserve(&conn->out, FRAME_HEADER + size) < 0)
		return CEK_E_NOMEM;
	conn->serial++;
	call->id = id;
	TAILQ_REMOVE(&conn->calls, call, link);
	call_queue(call, &request, size);
	return CEK_OK;
}

cek_call *call_find(cek_conn *conn, uint64_t id, bool *ret_known)
{
	size_t index = (size_t)(id & (CALL_INDEX_MAX - 1));
	uint64_t serial = id >> CALL_INDEX_BITS;
	cek_call *call;

	*ret_known = serial > 0 && serial <= conn->serial && index < conn->n_chunks * CALL_CHUNK;
	if (!*ret_known)
		return NULL;
	call = &conn->chunks[index / CALL_CHUNK][index % CALL_CHUNK];
	return call->id == id ? call : NULL;
}

/* What the caller does inside must neither pull the connection from under us nor start a second loop. */
static void call_deliver(cek_call *call, cek_result *result)
{
	cek_conn *conn = call->conn;
	bool running = conn->running;

	conn->running = true;
	if (result->status == CEK_E_CONNECT)
		errno = conn->error;
	call->callback(call, result, call->userdata);
	conn->running = running;
	cek_result_free(result);
}

void call_finish(cek_call *call, cek_result *result)
{
	cek_conn *conn = call->conn;

	conn_pin(conn);
	heap_remove(&conn->timers, &call->timer);
	TAILQ_REMOVE(&conn->calls, call, link);
	if (call->frame_at >= conn->out_sent)
		conn->out_dead += call->frame_len; /* nobody waits for it: it need not be sent */
	call->id = 0;
	call->pages = pages_free(call->pages);
	conn->n_open--;
	if (conn->n_open == 0 && conn->out_dead > 0)
		call_compact(conn); /* it may hold a CEK, and nothing is left that would come by to send the rest */
	call_deliver(call, result);
	TAILQ_INSERT_HEAD(&conn->spare, call, link);
	conn_unpin(conn);
}

void call_answer(cek_call *call, cek_result *result)
{
	cek_conn *conn = call->conn;

	conn_pin(conn);
	call_deliver(call, result);
	conn_unpin(conn);
}

void call_finish_before(cek_conn *conn, uint64_t offset, int status)
{
	cek_call *call;

	conn_pin(conn);
	while ((call = TAILQ_FIRST(&conn->calls)) && call->frame_at < offset)
		call_finish(call, result_local(status));
	conn_unpin(conn);
}

void call_expire(cek_conn *conn)
{
	struct heap_node *first = heap_first(&conn->timers);
	uint64_t now;

	if (!first)
		return;
	now = clock_monotonic_ns();
	for (; first && first->key <= now; first = heap_first(&conn->timers))
		call_finish(list_entry(first, cek_call, timer), result_local(CEK_E_TIMEOUT));
}

void call_compact(cek_conn *conn)
{
	uint8_t *data = buffer_data(&conn->out);
	size_t len = conn->out_partial;
	cek_call *call;

	TAILQ_FOREACH(call, &conn->calls, link) {
		size_t from;

		if (call->frame_at < conn->out_sent)
			continue;
		from = (size_t)(call->frame_at - conn->out_sent);
		if (from != len)
			memmove(data + len, data + from, call->frame_len);
		call->frame_at = conn->out_sent + len;
		len += call->frame_len;
	}
	buffer_truncate(&conn->out, buffer_len(&conn->out) - len);
	conn->out_dead = 0;
}

void cek_call_cancel(cek_call *call)
{
	if (call && call->id != 0 && !conn_is_foreign(call->conn))
		call_finish(call, result_local(CEK_E_CANCELLED));
}
