/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/doctor/ask.h"

#include <stddef.h>

#include "client/cekctl/rpc/denied.h"
#include "client/cekctl/rpc/quiet.h"
#include "client/cekctl/rpc/rpc.h"

int ask(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply__ResultCase wanted, Cek__V1__Reply **ret_reply,
	struct reach *ret_why)
{
	int status = ctl->conn ? CEK_OK : cek_conn_new(ctl->socket, &ctl->conn);
	cek_result *result = NULL;

	ctl->operation = denied_operation(request);
	if (status == CEK_OK)
		status = quiet_request(ctl->conn, request, wanted, rpc_timeout(ctl), ret_reply, &result);
	if (status != CEK_OK)
		rpc_explain(ctl, status, result ? cek_result_message(result) : NULL, ret_why);
	cek_result_free(result);
	return status;
}
