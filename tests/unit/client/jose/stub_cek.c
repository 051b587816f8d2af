/* SPDX-License-Identifier: Apache-2.0 */
/* stub_cek.h */
#include "tests/unit/client/jose/stub_cek.h"

#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 64 };

struct cek_result {
	struct stub_answer answer;
};

struct cek_call {
	cek_conn *conn;
	bool open;
	bool watch;
	uint64_t told; /* watch: the last epoch that it heard of */
	struct cek_result result;
	cek_callback *callback;
	void *userdata;
};

struct cek_conn {
	stub_unwrap *unwrap;
	stub_wrap *wrap;
	uint64_t epoch; /* of the ring */
	uint64_t known; /* what replies have told of it */
	unsigned calls;
	unsigned watches;
	int start_status;
	struct cek_call call[CALLS_MAX];
	struct stub_answer public_keys;
};

cek_conn *stub_conn(stub_unwrap *unwrap, stub_wrap *wrap)
{
	cek_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		abort();
	conn->unwrap = unwrap;
	conn->wrap = wrap;
	conn->epoch = 1;
	return conn;
}

void stub_fail_start(cek_conn *conn, int status)
{
	conn->start_status = status;
}

unsigned stub_calls(const cek_conn *conn)
{
	return conn->calls;
}

void stub_set_epoch(cek_conn *conn, uint64_t epoch)
{
	conn->epoch = epoch;
}

static void deliver(struct cek_call *call, int status)
{
	struct cek_result result = call->result;

	call->open = false;
	result.answer.status = status;
	if (status == CEK_OK)
		call->conn->known = result.answer.epoch;
	call->callback(call, &result, call->userdata);
}

void stub_deliver_one(cek_conn *conn)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (conn->call[i].open && !conn->call[i].watch) {
			deliver(&conn->call[i], conn->call[i].result.answer.status);
			return;
		}
}

static struct cek_call *the_watch(const cek_conn *conn)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (conn->call[i].open && conn->call[i].watch)
			return (struct cek_call *)(uintptr_t)&conn->call[i];
	return NULL;
}

bool stub_has_watch(const cek_conn *conn)
{
	return the_watch(conn) != NULL;
}

unsigned stub_watches(const cek_conn *conn)
{
	return conn->watches;
}

void stub_end_watch(cek_conn *conn, int status)
{
	deliver(the_watch(conn), status);
}

void stub_public_keys(cek_conn *conn, int status, const void *reply, size_t len)
{
	conn->public_keys = (struct stub_answer){.status = status, .reply = reply, .reply_len = len};
}

/* ---- cek.h ------------------------------------------------------------------------------------------------------- */

cek_conn *cek_conn_free(cek_conn *conn)
{
	for (size_t i = 0; conn && i < CALLS_MAX; i++)
		if (conn->call[i].open)
			deliver(&conn->call[i], CEK_E_CANCELLED);
	free(conn);
	return NULL;
}

size_t cek_conn_process(cek_conn *conn)
{
	size_t open = 0;

	for (size_t i = 0; i < CALLS_MAX; i++) {
		struct cek_call *call = &conn->call[i];

		if (!call->open)
			continue;
		open++;
		if (!call->watch) {
			deliver(call, call->result.answer.status);
		} else if (call->told != conn->epoch) {
			call->told = conn->known = conn->epoch;
			call->result.answer.epoch = conn->epoch;
			call->callback(call, &call->result, call->userdata);
		}
	}
	return open;
}

uint64_t cek_conn_epoch(const cek_conn *conn)
{
	return conn->known;
}

static int start(cek_conn *conn, const struct stub_answer *answer, cek_callback *callback, void *userdata,
	cek_call **ret_call)
{
	if (conn->start_status != CEK_OK)
		return conn->start_status;
	for (size_t i = 0; i < CALLS_MAX; i++) {
		struct cek_call *call = &conn->call[i];

		if (call->open)
			continue;
		*call = (struct cek_call){.conn = conn, .open = true, .callback = callback, .userdata = userdata};
		if (answer)
			call->result.answer = *answer;
		else
			call->watch = true;
		if (ret_call)
			*ret_call = call;
		return CEK_OK;
	}
	return CEK_E_FULL;
}

static struct stub_answer answer_unwrap(cek_conn *conn, const struct cek_unwrap *args)
{
	struct stub_answer answer = {0};

	conn->calls++;
	conn->unwrap(args, &answer);
	if (answer.epoch == 0)
		answer.epoch = conn->epoch;
	return answer;
}

static struct stub_answer answer_wrap(cek_conn *conn, const struct cek_wrap *args)
{
	struct stub_answer answer = {.epoch = conn->epoch};

	conn->calls++;
	conn->wrap(args, &answer);
	return answer;
}

int cek_unwrap_start(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	struct stub_answer answer = answer_unwrap(conn, args);

	return start(conn, &answer, callback, userdata, ret_call);
}

int cek_wrap_start(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call)
{
	struct stub_answer answer = answer_wrap(conn, args);

	return start(conn, &answer, callback, userdata, ret_call);
}

int cek_defer_start(cek_conn *conn, cek_callback *callback, void *userdata, cek_call **ret_call)
{
	return start(conn, &(struct stub_answer){0}, callback, userdata, ret_call);
}

int cek_watch_start(cek_conn *conn, cek_callback *callback, void *userdata, cek_call **ret_call)
{
	conn->watches++;
	return start(conn, NULL, callback, userdata, ret_call);
}

void cek_call_cancel(cek_call *call)
{
	if (call && call->open)
		deliver(call, CEK_E_CANCELLED);
}

static int wait_for(cek_conn *conn, const struct stub_answer *answer, cek_result **ret_result)
{
	if (conn->start_status == CEK_E_INVALID || conn->start_status == CEK_E_NOMEM)
		return conn->start_status;
	*ret_result = calloc(1, sizeof(**ret_result));
	if (!*ret_result)
		return CEK_E_NOMEM;
	(*ret_result)->answer = *answer;
	if (answer->status == CEK_OK)
		conn->known = answer->epoch;
	return answer->status;
}

int cek_unwrap(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_result **ret_result)
{
	struct stub_answer answer = answer_unwrap(conn, args);

	return wait_for(conn, &answer, ret_result);
}

int cek_wrap(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_result **ret_result)
{
	struct stub_answer answer = answer_wrap(conn, args);

	return wait_for(conn, &answer, ret_result);
}

int cek_public_keys(cek_conn *conn, const struct cek_public_keys *args, int timeout_ms, cek_result **ret_result)
{
	return wait_for(conn, &conn->public_keys, ret_result);
}

cek_result *cek_result_free(cek_result *result)
{
	free(result);
	return NULL;
}

int cek_result_status(const cek_result *result)
{
	return result->answer.status;
}

int cek_result_reason(const cek_result *result)
{
	return result && result->answer.status != CEK_OK ? result->answer.reason : CEK_REASON_NONE;
}

const char *cek_result_message(const cek_result *result)
{
	return result->answer.status == CEK_OK ? "" : "a sentence of cekd";
}

uint64_t cek_result_epoch(const cek_result *result)
{
	return result->answer.epoch;
}

struct cek_bytes cek_result_cek(const cek_result *result)
{
	return (struct cek_bytes){result->answer.cek, result->answer.cek_len};
}

struct cek_bytes cek_result_encrypted_key(const cek_result *result)
{
	return (struct cek_bytes){result->answer.encrypted_key, result->answer.encrypted_key_len};
}

const char *cek_result_kid(const cek_result *result)
{
	return result->answer.kid;
}

const char *cek_result_key(const cek_result *result)
{
	return result->answer.key;
}

const char *cek_result_alg(const cek_result *result)
{
	return result->answer.alg;
}

struct cek_alg_params cek_result_params(const cek_result *result)
{
	return result->answer.params;
}

unsigned cek_result_candidates(const cek_result *result)
{
	return result->answer.candidates;
}

struct cek_bytes cek_result_reply(const cek_result *result)
{
	return (struct cek_bytes){result->answer.reply, result->answer.reply_len};
}

const char *cek_status_text(int status)
{
	return "a status of libcek";
}

bool cek_status_is_temporary(int status)
{
	return status == CEK_DEADLINE || status == CEK_UNAVAILABLE || status == CEK_OVERLOADED ||
		status == CEK_E_CONNECT || status == CEK_E_DISCONNECTED || status == CEK_E_TIMEOUT;
}
