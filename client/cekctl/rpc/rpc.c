/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/rpc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/console/waiting.h"
#include "client/cekctl/rpc/denied.h"
#include "client/cekctl/rpc/near.h"

int rpc_timeout(const struct ctl *ctl)
{
	return (int)ctl->timeout * 1000;
}

char *rpc_text(const char *text)
{
	static char empty[] = "";

	return text ? (char *)(uintptr_t)text : empty;
}

int rpc_connect(struct ctl *ctl, cek_conn **ret_conn)
{
	int r = 0;

	if (!ctl->conn)
		r = cek_conn_new(ctl->socket, &ctl->conn);
	if (r != CEK_OK)
		return ctl_fail_as(ctl, cek_status_name(r), NULL, "%s",
			r == CEK_E_INVALID ? "the path of the socket is empty or too long" : cek_status_text(r));
	*ret_conn = ctl->conn;
	return EXIT_SUCCESS;
}

static void explain_timeout(const struct ctl *ctl, const char *path, struct reach *reach)
{
	char since[OUTPUT_TIME], span[DURATION_MAX];

	output_time(clock_real_us() - (uint64_t)ctl->timeout * 1000000, since);
	/* its backlog is full, or it has taken the connection; either way nobody reads */
	snprintf(reach->message, sizeof(reach->message), "cekd at %.128s %s since %s (%s)", path,
		reach_try(path) == EAGAIN ? "takes no connection" : "is connected, but has not answered", since,
		duration_words(ctl->timeout, span));
	snprintf(reach->hint, sizeof(reach->hint),
		"is it stopped, or its token slow? --timeout waits longer; a change may still be done: look before you "
		"repeat it");
}

void rpc_explain(const struct ctl *ctl, int status, const char *message, struct reach *ret_reach)
{
	int error = errno; /* libcek's, if it could not connect */
	bool is_default;
	const char *path = reach_path(ctl, &is_default);

	*ret_reach = (struct reach){.status = cek_status_name(status)};
	snprintf(ret_reach->message, sizeof(ret_reach->message), "%s",
		message && *message ? message : cek_status_text(status));
	if (status == CEK_E_CONNECT)
		reach_explain(path, error, ret_reach);
	else if (status == CEK_E_TIMEOUT)
		explain_timeout(ctl, path, ret_reach);
	else if (status == CEK_E_PROTOCOL)
		snprintf(ret_reach->hint, sizeof(ret_reach->hint),
			"no cekd listens at %.128s: --socket PATH or $CEK_SOCKET names another socket", path);
	else if (status == CEK_DENIED)
		denied_hint(ctl, ret_reach->hint);
	else
		near_hint(ctl, status, ret_reach->hint);
}

int rpc_fail_reach(const struct ctl *ctl, const struct reach *reach)
{
	return ctl_fail_as(ctl, reach->status, *reach->hint ? reach->hint : NULL, "%s", reach->message);
}

int rpc_fail(const struct ctl *ctl, int status, const cek_result *result)
{
	struct reach reach;

	rpc_explain(ctl, status, result ? cek_result_message(result) : NULL, &reach);
	return rpc_fail_reach(ctl, &reach);
}

int rpc_fail_protocol(const struct ctl *ctl, const char *what)
{
	struct reach reach;

	rpc_explain(ctl, CEK_E_PROTOCOL, what, &reach);
	return rpc_fail_reach(ctl, &reach);
}

/* The reply out of the result's bytes. */
static int unpack(struct ctl *ctl, const cek_result *result, Cek__V1__Reply__ResultCase wanted,
	Cek__V1__Reply **ret_reply)
{
	struct cek_bytes bytes = cek_result_reply(result);
	Cek__V1__Reply *reply = cek__v1__reply__unpack(NULL, bytes.len, bytes.data);

	if (!reply)
		return rpc_fail_protocol(ctl, "cekd's reply cannot be read");
	if (reply->result_case != wanted) {
		rpc_reply_free(reply);
		return rpc_fail_protocol(ctl, "cekd's reply is of another kind");
	}
	*ret_reply = reply;
	return EXIT_SUCCESS;
}

enum { RPC_PROBE_MAX = 64 };

/* What is to be said of a version may be unknown to this peer, or not its business. */
static bool is_no(int status)
{
	return status == CEK_UNKNOWN_KEY || status == CEK_DENIED;
}

/* Under a key journal that nobody has confirmed cekd calls nothing unknown: the right one may know it. */
static bool is_untold(int status)
{
	return is_no(status) || status == CEK_UNAVAILABLE;
}

static bool is_unsupported(int status)
{
	return status == CEK_UNSUPPORTED;
}

/* expected: of a status of which it is true nothing is said, and *ret_status has it; NULL: none. */
static int call(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply__ResultCase wanted,
	bool (*expected)(int status), int *ret_status, Cek__V1__Reply **ret_reply)
{
	size_t size = cek__v1__request__get_packed_size(request);
	uint8_t *packed = malloc(size);
	cek_result *result = NULL;
	cek_conn *conn = NULL;
	int r;

	if (!packed)
		return ctl_fail(ctl, "out of memory");
	cek__v1__request__pack(request, packed);
	ctl->operation = denied_operation(request);
	r = rpc_connect(ctl, &conn);
	if (r == EXIT_SUCCESS) {
		int status;

		waiting_begin("waiting for cekd");
		status = cek_request(conn, packed, size, rpc_timeout(ctl), &result);
		waiting_end();
		if (expected && expected(status))
			*ret_status = status;
		else
			r = status == CEK_OK ? unpack(ctl, result, wanted, ret_reply) : rpc_fail(ctl, status, result);
	}
	cek_result_free(result);
	free(packed);
	return r;
}

int rpc_call(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply__ResultCase wanted,
	Cek__V1__Reply **ret_reply)
{
	return call(ctl, request, wanted, NULL, NULL, ret_reply);
}

/* A cekd that does not know the operation says the same to one with nothing in it. */
int rpc_call_new(struct ctl *ctl, const Cek__V1__Request *request, const Cek__V1__Request *probe,
	Cek__V1__Reply__ResultCase wanted, Cek__V1__Reply **ret_reply)
{
	int status = CEK_OK, r = call(ctl, request, wanted, is_unsupported, &status, ret_reply);
	cek_result *result = NULL;
	uint8_t packed[RPC_PROBE_MAX];
	size_t size = cek__v1__request__get_packed_size(probe);

	if (r != EXIT_SUCCESS || status != CEK_UNSUPPORTED)
		return r;
	if (size > sizeof(packed))
		return rpc_call(ctl, request, wanted, ret_reply);
	cek__v1__request__pack(probe, packed);
	status = cek_request(ctl->conn, packed, size, rpc_timeout(ctl), &result);
	cek_result_free(result);
	return status == CEK_UNSUPPORTED ? RPC_UNKNOWN : rpc_call(ctl, request, wanted, ret_reply);
}

static int try_describe(struct ctl *ctl, Cek__V1__DescribeKeyRequest *describe, bool (*expected)(int status),
	int *ret_no, Cek__V1__Reply **ret_reply)
{
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	int r;

	*ret_no = CEK_OK;
	*ret_reply = NULL;
	request.op_case = CEK__V1__REQUEST__OP_DESCRIBE_KEY;
	request.describe_key = describe;
	r = call(ctl, &request, CEK__V1__REPLY__RESULT_KEY, expected, ret_no, ret_reply);
	if (r == EXIT_SUCCESS && *ret_reply && !(*ret_reply)->key->key) {
		*ret_reply = rpc_reply_free(*ret_reply);
		r = rpc_fail_protocol(ctl, "cekd's reply is empty");
	}
	return r;
}

int rpc_try_describe(struct ctl *ctl, Cek__V1__DescribeKeyRequest *describe, int *ret_no, Cek__V1__Reply **ret_reply)
{
	return try_describe(ctl, describe, is_no, ret_no, ret_reply);
}

int rpc_seek(struct ctl *ctl, Cek__V1__DescribeKeyRequest *describe, int *ret_no, Cek__V1__Reply **ret_reply)
{
	return try_describe(ctl, describe, is_untold, ret_no, ret_reply);
}

int rpc_public_keys(struct ctl *ctl, const char *const *names, size_t n_names, Cek__V1__Reply **ret_reply)
{
	const struct cek_public_keys args = {.keys = names, .n_keys = n_names};
	cek_result *result = NULL;
	cek_conn *conn = NULL;
	int r = rpc_connect(ctl, &conn);

	ctl->operation = "public";
	if (r == EXIT_SUCCESS) {
		int status;

		waiting_begin("waiting for cekd");
		status = cek_public_keys(conn, &args, rpc_timeout(ctl), &result);
		waiting_end();
		r = status == CEK_OK ? unpack(ctl, result, CEK__V1__REPLY__RESULT_PUBLIC_KEYS, ret_reply)
				     : rpc_fail(ctl, status, result);
	}
	cek_result_free(result);
	return r;
}

Cek__V1__Reply *rpc_reply_free(Cek__V1__Reply *reply)
{
	if (reply)
		cek__v1__reply__free_unpacked(reply, NULL);
	return NULL;
}

int rpc_describe_as(struct ctl *ctl, Cek__V1__DescribeKeyRequest *describe, Cek__V1__Reply **ret_reply)
{
	int no;

	return try_describe(ctl, describe, NULL, &no, ret_reply);
}

int rpc_describe(struct ctl *ctl, const char *name, const char *kid, Cek__V1__Reply **ret_reply)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;

	describe.key = rpc_text(name);
	describe.kid = rpc_text(kid);
	return rpc_describe_as(ctl, &describe, ret_reply);
}
