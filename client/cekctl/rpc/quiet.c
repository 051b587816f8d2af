/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/quiet.h"

#include <stdint.h>
#include <stdlib.h>

static int unpack(const cek_result *result, Cek__V1__Reply__ResultCase wanted, Cek__V1__Reply **ret_reply)
{
	struct cek_bytes bytes = cek_result_reply(result);
	Cek__V1__Reply *reply = cek__v1__reply__unpack(NULL, bytes.len, bytes.data);

	if (!reply)
		return CEK_E_PROTOCOL;
	if (reply->result_case != wanted) {
		cek__v1__reply__free_unpacked(reply, NULL);
		return CEK_E_PROTOCOL;
	}
	*ret_reply = reply;
	return CEK_OK;
}

int quiet_request(cek_conn *conn, const Cek__V1__Request *request, Cek__V1__Reply__ResultCase wanted, int timeout_ms,
	Cek__V1__Reply **ret_reply, cek_result **ret_result)
{
	size_t size = cek__v1__request__get_packed_size(request);
	uint8_t *packed = malloc(size);
	int status;

	*ret_result = NULL;
	if (!packed)
		return CEK_E_NOMEM;
	cek__v1__request__pack(request, packed);
	status = cek_request(conn, packed, size, timeout_ms, ret_result);
	free(packed);
	return status == CEK_OK ? unpack(*ret_result, wanted, ret_reply) : status;
}

Cek__V1__Reply *quiet_explain(cek_conn *conn, const char *operation, const char *key)
{
	Cek__V1__ExplainRequest explain = CEK__V1__EXPLAIN_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply = NULL;
	cek_result *result;

	if (operation)
		explain.operation = (char *)(uintptr_t)operation;
	if (key)
		explain.key = (char *)(uintptr_t)key;
	request.op_case = CEK__V1__REQUEST__OP_EXPLAIN;
	request.explain = &explain;
	(void)quiet_request(conn, &request, CEK__V1__REPLY__RESULT_EXPLAIN, QUIET_MS, &reply, &result);
	cek_result_free(result);
	return reply;
}
