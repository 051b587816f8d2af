/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/doctor/ask.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cekctl/rpc/rpc.h"

static int unpack(const cek_result *result, Cek__V1__Reply__ResultCase wanted, Cek__V1__Reply **ret_reply)
{
	struct cek_bytes bytes = cek_result_reply(result);
	Cek__V1__Reply *reply = cek__v1__reply__unpack(NULL, bytes.len, bytes.data);

	if (!reply || reply->result_case != wanted) {
		rpc_reply_free(reply);
		return CEK_E_PROTOCOL;
	}
	*ret_reply = reply;
	return CEK_OK;
}

int ask(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply__ResultCase wanted, Cek__V1__Reply **ret_reply,
	struct reach *ret_why)
{
	size_t size = cek__v1__request__get_packed_size(request);
	uint8_t *packed = malloc(size);
	cek_result *result = NULL;
	int status = CEK_E_NOMEM;

	if (packed) {
		cek__v1__request__pack(request, packed);
		status = ctl->conn ? CEK_OK : cek_conn_new(ctl->socket, &ctl->conn);
	}
	if (status == CEK_OK)
		status = cek_request(ctl->conn, packed, size, rpc_timeout(ctl), &result);
	if (status != CEK_OK)
		rpc_explain(ctl, status, result ? cek_result_message(result) : NULL, ret_why);
	else if (unpack(result, wanted, ret_reply) != CEK_OK)
		rpc_explain(ctl, status = CEK_E_PROTOCOL, "its reply cannot be read", ret_why);
	cek_result_free(result);
	free(packed);
	return status;
}
