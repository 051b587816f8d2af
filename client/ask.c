/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ask.h"

#include <errno.h>

#include "client/conn.h"
#include "client/pages.h"
#include "client/result.h"

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
