/* cek.h, the calls that wait: start, turn the connection until the callback came, hand over the result. */
#include <errno.h>

#include "client/conn.h"
#include "client/result.h"

struct waiter {
	cek_conn *conn;
	cek_result *result;
};

static void waiter_callback(cek_call *call, cek_result *result, void *userdata)
{
	struct waiter *waiter = userdata;

	(void)call;
	waiter->result = cek_result_keep(result);
}

/* Whether waiting is possible: not below a callback, whose return others wait for. */
static int waiter_init(struct waiter *waiter, cek_conn *conn)
{
	*waiter = (struct waiter){ .conn = conn };
	return conn && !conn->running ? CEK_OK : CEK_E_INVALID;
}

static int waiter_finish(struct waiter *waiter, int status, cek_result **ret_result)
{
	if (status == CEK_OK) {
		conn_pin(waiter->conn);
		while (!waiter->result)
			cek_conn_wait(waiter->conn, -1);
		status = cek_result_status(waiter->result);
		errno = waiter->conn->error;
		conn_unpin(waiter->conn);
	} else if (status != CEK_E_INVALID && status != CEK_E_NOMEM) {
		waiter->result = result_local(status);
	}
	if (ret_result)
		*ret_result = waiter->result;
	else
		cek_result_free(waiter->result);
	return status;
}

int cek_unwrap(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_unwrap_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_wrap(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_wrap_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_rewrap(cek_conn *conn, const struct cek_rewrap *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_rewrap_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_key_create(cek_conn *conn, const struct cek_key_create *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_key_create_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_key_rotate(cek_conn *conn, const struct cek_key_rotate *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_key_rotate_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_key_set_state(cek_conn *conn, const struct cek_key_set_state *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_key_set_state_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_key_destroy(cek_conn *conn, const struct cek_key_destroy *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_key_destroy_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_key_describe(cek_conn *conn, const struct cek_key_describe *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_key_describe_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_key_versions(cek_conn *conn, const struct cek_key_versions *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_key_versions_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_key_list(cek_conn *conn, const struct cek_key_list *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_key_list_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_public_keys(cek_conn *conn, const struct cek_public_keys *args, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_public_keys_start(conn, args, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_status(cek_conn *conn, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_status_start(conn, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}

int cek_request(cek_conn *conn, const void *request, size_t len, int timeout_ms, cek_result **ret_result)
{
	struct waiter waiter;
	int status = waiter_init(&waiter, conn);

	if (status == CEK_OK)
		status = cek_request_start(conn, request, len, timeout_ms, waiter_callback, &waiter, NULL);
	return waiter_finish(&waiter, status, ret_result);
}
