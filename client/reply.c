/* SPDX-License-Identifier: Apache-2.0 */
#include "client/reply.h"

#include "client/calls.h"
#include "client/pages.h"
#include "client/result.h"
#include "client/state.h"
#include "client/wire.h"

/* A reply without id: what cekd says to the connection as a whole before it closes it. Before the first answer it
 * may say why it serves nobody just now; later it complains of a frame, and which calls it has done is not known. */
static enum link_verdict take_notice(cek_conn *conn, const uint8_t *body, size_t len, int *ret_status)
{
	cek_result *result;
	int status = result_parse(conn->slots, body, len, &result);

	*ret_status = status;
	if (status != CEK_OK)
		return LINK_LOST;
	status = result->status;
	*ret_status = status == CEK_OK ? CEK_E_PROTOCOL : CEK_E_DISCONNECTED;
	if (conn->link.replied || (status != CEK_OVERLOADED && status != CEK_UNAVAILABLE && status != CEK_DENIED)) {
		cek_result_free(result);
		return LINK_LOST;
	}
	*ret_status = status;
	conn->notice = result; /* its sentence is the calls' */
	return LINK_REFUSED;
}

/* A watch of this connection that has not heard of that epoch. */
static cek_call *next_watch(cek_conn *conn, uint64_t epoch)
{
	const struct link *open = &conn->calls.open;

	for (struct link *link = open->next; link != open; link = link->next) {
		cek_call *call = list_entry(link, cek_call, link);

		if (call->kind == CALL_WATCH && call->told != epoch && call->frame_at < conn->out.sent)
			return call;
	}
	return NULL;
}

/* cekd keeps one watch a connection, whoever has cancelled what meanwhile, and refuses a second one or answers only
 * that from then on. Here there may be several: each hears of each epoch once. */
static void tell_watches(cek_conn *conn, cek_result *result)
{
	uint64_t epoch = result->epoch;
	cek_call *call;

	conn->watched = true;
	while ((call = next_watch(conn, epoch))) {
		call->told = epoch;
		call_answer(call, cek_result_keep(result));
	}
	cek_result_free(result);
}

/* The refusal of a second watch tells the epoch as well. */
static bool is_second_watch(const cek_conn *conn, const cek_call *call, const cek_result *result)
{
	return conn->watched && call && call->kind == CALL_WATCH && result->status == CEK_CONFLICT;
}

static bool is_news(const cek_call *call, const cek_result *result)
{
	return (!call || call->kind == CALL_WATCH) && result->status == CEK_OK &&
		result->reply->result_case == CEK__V1__REPLY__RESULT_WATCH;
}

/* CEK_OK with a result that may be told to the call, NULL for an unknown one. */
static int parse_answer(cek_conn *conn, const cek_call *call, const uint8_t *body, size_t len, cek_result **ret_result)
{
	cek_result *result;
	int status = result_parse(conn->slots, body, len, &result);

	if (status != CEK_OK)
		return status;
	if (call && !result_answers(result, call->kind, call->cek_len)) {
		cek_result_free(result);
		return CEK_E_PROTOCOL;
	}
	conn->epoch = result->epoch;
	link_replied(&conn->link);
	*ret_result = result;
	return CEK_OK;
}

/* A page of an answer. CEK_OK, or the status with which the connection has to end. */
static int take_page(cek_conn *conn, cek_call *call, cek_result *result)
{
	int status = pages_take(call->pages, conn->slots, result, &result);

	if (status == CEK_OK && !result)
		status = call_ask_on(call);
	else if (status == CEK_OK)
		call_finish(call, result);
	if (status == CEK_OK || status == CEK_E_PROTOCOL)
		return status;
	call_finish(call, result_local(status));
	return CEK_OK;
}

/* Who is to hear of it. As take_page(). */
static int take_answer(cek_conn *conn, cek_call *call, cek_result *result)
{
	if (is_second_watch(conn, call, result)) {
		result->status = CEK_OK;
		result->message = "";
		tell_watches(conn, result);
	} else if (is_news(call, result)) {
		tell_watches(conn, result);
	} else if (call && call->pages) {
		return take_page(conn, call, result);
	} else if (call) {
		call_finish(call, result);
	} else {
		cek_result_free(result); /* cancelled, or its time was over */
	}
	return CEK_OK;
}

static int take_reply(cek_conn *conn, uint64_t id, const uint8_t *body, size_t len)
{
	cek_result *result;
	cek_call *call;
	bool known;
	int status;

	call = calls_find(&conn->calls, id, &known);
	if (!known || (call && call->frame_at + call->frame_len > conn->out.sent))
		return CEK_E_PROTOCOL; /* an answer without or before the question */
	status = parse_answer(conn, call, body, len, &result);
	if (status == CEK_OK)
		return take_answer(conn, call, result);
	if (status != CEK_E_NOMEM)
		return status;
	if (call)
		call_finish(call, result_local(status));
	return CEK_OK;
}

enum link_verdict reply_take(cek_conn *conn, const uint8_t *body, size_t len, int *ret_status)
{
	uint64_t id;

	*ret_status = CEK_E_PROTOCOL;
	if (!wire_scan(body, len, &id))
		return LINK_LOST;
	if (id == 0)
		return take_notice(conn, body, len, ret_status);
	*ret_status = take_reply(conn, id, body, len);
	return *ret_status == CEK_OK ? LINK_GO_ON : LINK_LOST;
}
