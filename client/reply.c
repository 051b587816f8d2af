/* cek.h, calls: how an answer finds its call. */
#include "client/conn.h"
#include "client/pages.h"
#include "client/result.h"
#include "client/wire.h"

/* A reply without id: what cekd says to the connection as a whole before it closes it. Before the first answer it
 * may say why it serves nobody just now; later it complains of a frame, and which calls it has done is not known. */
static int take_notice(cek_conn *conn, const uint8_t *body, size_t len)
{
	cek_result *result;
	int status = result_parse(conn->slots, body, len, &result);

	if (status != CEK_OK)
		return status;
	status = result->status;
	cek_result_free(result);
	if (status == CEK_OK)
		return CEK_E_PROTOCOL;
	if (conn->replied || (status != CEK_OVERLOADED && status != CEK_UNAVAILABLE && status != CEK_DENIED))
		return CEK_E_DISCONNECTED;
	link_refuse(conn, status);
	return CEK_OK;
}

/* A watch of this connection that has not heard of that epoch. */
static cek_call *next_watch(cek_conn *conn, uint64_t epoch)
{
	cek_call *call;

	TAILQ_FOREACH(call, &conn->calls, link)
		if (call->kind == CALL_WATCH && call->told != epoch && call->frame_at < conn->out_sent)
			return call;
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
	conn->replied = true;
	conn->backoff_ms = 0;
	conn->retry_at = 0;
	*ret_result = result;
	return CEK_OK;
}

/* A page of an answer. CEK_OK, or the status with which the connection has to end. */
static int take_page(cek_call *call, cek_result *result)
{
	int status = pages_take(call->pages, call->conn->slots, result, &result);

	if (status == CEK_OK && !result)
		status = call_ask_on(call);
	else if (status == CEK_OK)
		call_finish(call, result);
	if (status == CEK_OK || status == CEK_E_PROTOCOL)
		return status;
	call_finish(call, result_local(status));
	return CEK_OK;
}

int reply_take(cek_conn *conn, const uint8_t *body, size_t len)
{
	cek_result *result;
	cek_call *call;
	uint64_t id;
	bool known;
	int status;

	if (!wire_scan(body, len, &id))
		return CEK_E_PROTOCOL;
	if (id == 0)
		return take_notice(conn, body, len);
	call = call_find(conn, id, &known);
	if (!known || (call && call->frame_at + call->frame_len > conn->out_sent))
		return CEK_E_PROTOCOL; /* an answer without or before the question */
	status = parse_answer(conn, call, body, len, &result);
	if (call && status == CEK_E_NOMEM)
		call_finish(call, result_local(status));
	if (status != CEK_OK)
		return status == CEK_E_NOMEM ? CEK_OK : status;
	if (is_second_watch(conn, call, result)) {
		result->status = CEK_OK;
		result->message = "";
		tell_watches(conn, result);
	} else if (is_news(call, result)) {
		tell_watches(conn, result);
	} else if (call && call->pages) {
		return take_page(call, result);
	} else if (call) {
		call_finish(call, result);
	} else {
		cek_result_free(result); /* cancelled, or its time was over */
	}
	return CEK_OK;
}
