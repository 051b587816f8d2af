/* SPDX-License-Identifier: Apache-2.0 */
#include "client/calls.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "client/pages.h"
#include "client/result.h"
#include "proto/frame.h"

static const uint64_t ns_per_ms = 1000000;

void calls_init(struct calls *calls, cek_conn *conn, struct stream *out)
{
	*calls = (struct calls){.conn = conn, .out = out};
	list_init(&calls->open);
	list_init(&calls->lost);
	list_init(&calls->deferred);
	list_init(&calls->spare);
}

void calls_deinit(struct calls *calls)
{
	struct link *link;

	list_move(&calls->open, &calls->lost);
	list_move(&calls->open, &calls->deferred);
	while ((link = list_take(&calls->open)))
		pages_free(list_entry(link, cek_call, link)->pages);
	for (size_t i = 0; i < calls->n_chunks; i++)
		free(calls->chunks[i]);
	free(calls->chunks);
	heap_deinit(&calls->timers);
}

static bool calls_grow(struct calls *calls)
{
	cek_call **chunks = reallocarray(calls->chunks, calls->n_chunks + 1, sizeof(*chunks));
	cek_call *chunk;

	if (!chunks)
		return false;
	calls->chunks = chunks;
	chunk = calloc(CALL_CHUNK, sizeof(*chunk));
	if (!chunk)
		return false;
	for (size_t i = 0; i < CALL_CHUNK; i++) {
		chunk[i].calls = calls;
		chunk[i].index = (uint32_t)(calls->n_chunks * CALL_CHUNK + i);
		list_append(&calls->spare, &chunk[i].link);
	}
	chunks[calls->n_chunks++] = chunk;
	return true;
}

/* A call that nobody uses. It stays in the spare list until its request is queued. */
static cek_call *call_spare(struct calls *calls)
{
	if (list_empty(&calls->spare) && !calls_grow(calls))
		return NULL;
	return list_entry(calls->spare.next, cek_call, link);
}

static int output_reserve(struct calls *calls, size_t body_len)
{
	if (stream_pending(calls->out) + FRAME_HEADER + body_len > calls->max_output)
		return CEK_E_FULL;
	if (calls->out->dead >= calls->max_output)
		calls_compact(calls);
	return stream_reserve(calls->out, body_len) < 0 ? CEK_E_NOMEM : CEK_OK;
}

static int deadline_set(cek_call *call, int timeout_ms)
{
	if (timeout_ms < 0)
		return CEK_OK;
	call->timer.key = clock_monotonic_ns() + (uint64_t)timeout_ms * ns_per_ms;
	return heap_add(&call->calls->timers, &call->timer) < 0 ? CEK_E_NOMEM : CEK_OK;
}

static uint64_t next_id(const cek_call *call)
{
	return (call->calls->serial + 1) << CALL_INDEX_BITS | call->index;
}

static void call_open(cek_call *call, cek_callback *callback, void *userdata)
{
	call->id = next_id(call);
	call->calls->serial++;
	call->calls->n_open++;
	call->told = UINT64_MAX;
	call->callback = callback;
	call->userdata = userdata;
}

/* The request goes behind all others, and so does the call. */
static void call_queue(cek_call *call, struct request *request, size_t body_len)
{
	struct stream *out = call->calls->out;

	call->frame_at = stream_end(out);
	call->frame_len = (uint32_t)(FRAME_HEADER + body_len);
	call->again = request->again;
	call->repeated = false;
	call->kept = true;
	pack_write(request, stream_put(out, body_len));
	list_remove(&call->link);
	list_append(&call->calls->open, &call->link);
}

int calls_start(struct calls *calls, struct request *request, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call)
{
	uint32_t deadline_ms = timeout_ms < 0 ? 0 : timeout_ms == 0 ? 1 : (uint32_t)timeout_ms;
	cek_call *call;
	size_t size;
	int status;

	if (calls->n_open >= calls->max_calls)
		return CEK_E_FULL;
	call = call_spare(calls);
	if (!call)
		return CEK_E_NOMEM;
	size = pack_size(request, next_id(call), deadline_ms);
	if (size == 0 || size > FRAME_BODY_MAX)
		return CEK_E_INVALID;
	status = output_reserve(calls, size);
	if (status == CEK_OK)
		status = deadline_set(call, timeout_ms);
	if (status != CEK_OK)
		return status;
	call_open(call, callback, userdata);
	call->kind = request->kind;
	call->cek_len = request->cek_len;
	call->pages = request->pages;
	call_queue(call, request, size);
	if (ret_call)
		*ret_call = call;
	return CEK_OK;
}

int calls_defer(struct calls *calls, cek_callback *callback, void *userdata, cek_call **ret_call)
{
	cek_call *call;

	if (calls->n_open >= calls->max_calls)
		return CEK_E_FULL;
	call = call_spare(calls);
	if (!call)
		return CEK_E_NOMEM;
	call_open(call, callback, userdata);
	call->kind = CALL_ANY;
	call->frame_at = UINT64_MAX; /* so that no reply answers it */
	call->frame_len = 0;
	call->kept = false;
	call->pages = NULL;
	list_remove(&call->link);
	list_append(&calls->deferred, &call->link);
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

static bool is_written(const cek_call *call)
{
	return call->frame_at + call->frame_len <= call->calls->out->sent;
}

/* Make room where frames stood that will not be sent again: those that may be are moved to the end of what was written.
 */
static void calls_forget(struct calls *calls)
{
	uint64_t sent = calls->out->sent, at = sent;

	for (struct link *link = calls->open.prev; link != &calls->open; link = link->prev) {
		cek_call *call = list_entry(link, cek_call, link);

		if (call->frame_at >= sent || !call->kept)
			continue;
		call->kept = !is_written(call) || (call->again && !call->repeated);
		if (!call->kept)
			continue;
		/* One that is being written stands there already. */
		at -= is_written(call) ? call->frame_len : sent - call->frame_at;
		if (is_written(call))
			stream_move(calls->out, at, call->frame_at, call->frame_len);
		call->frame_at = at;
	}
	stream_forget(calls->out, at);
}

/* Its frame will not be sent again. */
static void call_spend(cek_call *call)
{
	bool worth = call->kept && stream_spend(call->calls->out, call->frame_at, call->frame_len);

	call->kept = false;
	if (worth)
		calls_forget(call->calls);
}

int call_ask_on(cek_call *call)
{
	uint64_t id = next_id(call);
	struct request request;
	size_t size;

	pages_ask(call->pages, &request);
	size = pack_size(&request, id, deadline_left(call));
	if (size > FRAME_BODY_MAX)
		return CEK_TOO_LARGE;
	if (stream_reserve(call->calls->out, size) < 0)
		return CEK_E_NOMEM;
	call_spend(call);
	call->calls->serial++;
	call->id = id;
	call_queue(call, &request, size);
	return CEK_OK;
}

cek_call *calls_find(struct calls *calls, uint64_t id, bool *ret_known)
{
	size_t index = (size_t)(id & (CALL_INDEX_MAX - 1));
	uint64_t serial = id >> CALL_INDEX_BITS;
	cek_call *call;

	*ret_known = serial > 0 && serial <= calls->serial && index < calls->n_chunks * CALL_CHUNK;
	if (!*ret_known)
		return NULL;
	call = &calls->chunks[index / CALL_CHUNK][index % CALL_CHUNK];
	return call->id == id ? call : NULL;
}

/* What the caller does inside must not start a second loop. */
void call_answer(cek_call *call, cek_result *result)
{
	struct calls *calls = call->calls;
	bool delivering = calls->delivering;

	calls->delivering = true;
	if (result->status == CEK_E_CONNECT)
		errno = calls->error;
	call->callback(call, result, call->userdata);
	calls->delivering = delivering;
	cek_result_free(result);
}

void call_finish(cek_call *call, cek_result *result)
{
	struct calls *calls = call->calls;

	heap_remove(&calls->timers, &call->timer);
	list_remove(&call->link);
	if (call->kept && call->frame_at >= calls->out->sent)
		calls->out->dead += call->frame_len; /* nobody waits for it: it need not be sent */
	else
		call_spend(call);
	call->id = 0;
	call->pages = pages_free(call->pages);
	calls->n_open--;
	if (calls->n_open == 0 && calls->out->dead > 0)
		calls_compact(calls); /* it may hold a CEK, and nothing is left that would come by to send the rest */
	if (calls->n_open == 0)
		stream_forget(calls->out, calls->out->sent);
	call_answer(call, result);
	list_prepend(&calls->spare, &call->link);
}

static void finish_lost(struct calls *calls, cek_result *result)
{
	while (!list_empty(&calls->lost))
		call_finish(list_entry(calls->lost.next, cek_call, link), cek_result_keep(result));
}

/* A frame that the other side cannot have whole was not carried out. Each once: perhaps it is what ends connections. */
static bool goes_again(const cek_call *call, bool again)
{
	return call->kept && !call->repeated && (!is_written(call) || (again && call->again));
}

void calls_lost(struct calls *calls, int status, bool again)
{
	uint64_t sent = calls->out->sent, at = sent + calls->out->partial;
	struct link *link, *before;

	for (link = calls->open.prev; link != &calls->open; link = before) {
		cek_call *call = list_entry(link, cek_call, link);

		before = link->prev;
		if (call->frame_at >= sent)
			continue;
		if (!goes_again(call, again)) {
			call->kept = false;
			list_remove(link);
			list_prepend(&calls->lost, link);
			continue;
		}
		call->repeated = true;
		at -= call->frame_len;
		stream_move(calls->out, at, call->frame_at, call->frame_len);
		call->frame_at = at;
	}
	stream_rewind(calls->out, at);
	finish_lost(calls, result_local(status));
}

void calls_finish_before(struct calls *calls, uint64_t offset, cek_result *result)
{
	finish_lost(calls, result);
	while (!list_empty(&calls->open)) {
		cek_call *call = list_entry(calls->open.next, cek_call, link);

		if (call->frame_at >= offset)
			return;
		call_finish(call, cek_result_keep(result));
	}
}

void calls_finish_all(struct calls *calls, cek_result *result)
{
	calls_finish_before(calls, UINT64_MAX, result);
	while (!list_empty(&calls->deferred))
		call_finish(list_entry(calls->deferred.next, cek_call, link), cek_result_keep(result));
}

/* One that a callback has deferred meanwhile waits for the next turn, so that each turn ends. */
void calls_run_deferred(struct calls *calls)
{
	const uint64_t last = calls->serial;

	while (!list_empty(&calls->deferred)) {
		cek_call *call = list_entry(calls->deferred.next, cek_call, link);

		if (call->id >> CALL_INDEX_BITS > last)
			return;
		call_finish(call, result_local(CEK_OK));
	}
}

uint64_t calls_due(const struct calls *calls)
{
	const struct heap_node *first = heap_first(&calls->timers);

	if (!list_empty(&calls->deferred))
		return 0;
	return first ? first->key : UINT64_MAX;
}

void calls_expire(struct calls *calls)
{
	struct heap_node *first = heap_first(&calls->timers);
	uint64_t now;

	if (!first)
		return;
	now = clock_monotonic_ns();
	for (; first && first->key <= now; first = heap_first(&calls->timers))
		call_finish(list_entry(first, cek_call, timer), result_local(CEK_E_TIMEOUT));
}

void calls_compact(struct calls *calls)
{
	uint64_t sent = calls->out->sent, end = sent + calls->out->partial;

	for (struct link *link = calls->open.next; link != &calls->open; link = link->next) {
		cek_call *call = list_entry(link, cek_call, link);

		if (call->frame_at < sent)
			continue;
		stream_move(calls->out, end, call->frame_at, call->frame_len);
		call->frame_at = end;
		end += call->frame_len;
	}
	stream_cut(calls->out, end);
}
