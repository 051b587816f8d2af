/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ask.h"

#include <errno.h>

#include "client/conn.h"
#include "client/pages.h"
#include "client/result.h"

/* Nothing changes by these, or only a count: a wrap whose answer nobody has seen is no more than wasted. What makes,
 * moves or destroys a key is not among them, nor what else a later cekd may do. */
static bool is_idempotent(Cek__V1__Request__OpCase op)
{
	static const Cek__V1__Request__OpCase ops[] = {
		CEK__V1__REQUEST__OP_UNWRAP,
		CEK__V1__REQUEST__OP_WRAP,
		CEK__V1__REQUEST__OP_GENERATE_CEK,
		CEK__V1__REQUEST__OP_REWRAP,
		CEK__V1__REQUEST__OP_LIST_KEYS,
		CEK__V1__REQUEST__OP_DESCRIBE_KEY,
		CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS,
		CEK__V1__REQUEST__OP_STATUS,
		CEK__V1__REQUEST__OP_METRICS,
		CEK__V1__REQUEST__OP_FSCK,
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (ops[i] == op)
			return true;
	return false;
}

int ask_for(struct request *request, Cek__V1__Request__OpCase op, enum call_kind kind)
{
	request->message.op_case = op;
	request->kind = kind;
	request->again = is_idempotent(op);
	return CEK_OK;
}

int ask_start(cek_conn *conn, ask_fill *fill, const void *args, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call)
{
	struct request request = {.message = CEK__V1__REQUEST__INIT};
	int status = fill(&request, args);

	if (status == CEK_OK)
		status = conn_start(conn, &request, timeout_ms, callback, userdata, ret_call);
	if (status != CEK_OK)
		pages_free(request.pages);
	return status;
}

static void take_result(cek_call *call, cek_result *result, void *userdata)
{
	cek_result **ret_result = userdata;

	(void)call;
	*ret_result = cek_result_keep(result);
}

/* Turn the connection until the callback came. */
static int wait_for(cek_conn *conn, cek_result *const *result)
{
	conn_pin(conn);
	while (!*result)
		cek_conn_wait(conn, -1);
	errno = conn_error(conn);
	conn_unpin(conn);
	return cek_result_status(*result);
}

int ask_wait(cek_conn *conn, ask_fill *fill, const void *args, int timeout_ms, cek_result **ret_result)
{
	cek_result *result = NULL;
	int status = CEK_E_INVALID;

	if (conn && !conn_is_busy(conn))
		status = ask_start(conn, fill, args, timeout_ms, take_result, &result, NULL);
	if (status == CEK_OK)
		status = wait_for(conn, &result);
	else if (status != CEK_E_INVALID && status != CEK_E_NOMEM)
		result = result_local(status);
	if (ret_result)
		*ret_result = result;
	else
		cek_result_free(result);
	return status;
}
