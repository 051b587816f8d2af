/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/rpc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
		return ctl_fail(ctl, "%s: %s", cek_status_name(r),
			r == CEK_E_INVALID ? "the path of the socket is empty or too long" : cek_status_text(r));
	*ret_conn = ctl->conn;
	return EXIT_SUCCESS;
}

/* As libcek chooses it. */
static const char *socket_path(const struct ctl *ctl)
{
	const char *path = ctl->socket ? ctl->socket : getenv("CEK_SOCKET");

	return path && *path ? path : "/run/cekd/cekd.sock";
}

int rpc_fail(const struct ctl *ctl, int status, const cek_result *result)
{
	int error = errno; /* libcek's, if it could not connect */
	const char *message = result ? cek_result_message(result) : "";

	if (status == CEK_E_CONNECT)
		return ctl_fail(ctl, "%s: no cekd at %s: %s", cek_status_name(status), socket_path(ctl),
			strerror(error));
	return ctl_fail(ctl, "%s: %s", cek_status_name(status), *message ? message : cek_status_text(status));
}

/* The reply out of the result's bytes. */
static int unpack(struct ctl *ctl, const cek_result *result, Cek__V1__Reply__ResultCase wanted,
	Cek__V1__Reply **ret_reply)
{
	struct cek_bytes bytes = cek_result_reply(result);
	Cek__V1__Reply *reply = cek__v1__reply__unpack(NULL, bytes.len, bytes.data);

	if (!reply)
		return ctl_fail(ctl, "%s: cekd's reply cannot be read", cek_status_name(CEK_E_PROTOCOL));
	if (reply->result_case != wanted) {
		rpc_reply_free(reply);
		return ctl_fail(ctl, "%s: cekd's reply is of another kind", cek_status_name(CEK_E_PROTOCOL));
	}
	*ret_reply = reply;
	return EXIT_SUCCESS;
}

int rpc_call(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply__ResultCase wanted,
	Cek__V1__Reply **ret_reply)
{
	size_t size = cek__v1__request__get_packed_size(request);
	uint8_t *packed = malloc(size);
	cek_result *result = NULL;
	cek_conn *conn = NULL;
	int r;

	if (!packed)
		return ctl_fail(ctl, "out of memory");
	cek__v1__request__pack(request, packed);
	r = rpc_connect(ctl, &conn);
	if (r == EXIT_SUCCESS) {
		int status = cek_request(conn, packed, size, rpc_timeout(ctl), &result);

		r = status == CEK_OK ? unpack(ctl, result, wanted, ret_reply) : rpc_fail(ctl, status, result);
	}
	cek_result_free(result);
	free(packed);
	return r;
}

int rpc_public_keys(struct ctl *ctl, const char *const *names, size_t n_names, Cek__V1__Reply **ret_reply)
{
	const struct cek_public_keys args = {.keys = names, .n_keys = n_names};
	cek_result *result = NULL;
	cek_conn *conn = NULL;
	int r = rpc_connect(ctl, &conn);

	if (r == EXIT_SUCCESS) {
		int status = cek_public_keys(conn, &args, rpc_timeout(ctl), &result);

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
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	int r;

	request.op_case = CEK__V1__REQUEST__OP_DESCRIBE_KEY;
	request.describe_key = describe;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_KEY, ret_reply);
	if (r == EXIT_SUCCESS && !(*ret_reply)->key->key) {
		*ret_reply = rpc_reply_free(*ret_reply);
		r = ctl_fail(ctl, "%s: cekd's reply is empty", cek_status_name(CEK_E_PROTOCOL));
	}
	return r;
}

int rpc_describe(struct ctl *ctl, const char *name, const char *kid, Cek__V1__Reply **ret_reply)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;

	describe.key = rpc_text(name);
	describe.kid = rpc_text(kid);
	return rpc_describe_as(ctl, &describe, ret_reply);
}
