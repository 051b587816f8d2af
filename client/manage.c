/* cek.h, keys and daemon: arguments to Request (cek.proto). */
#include "client/pages.h"
#include "client/request.h"

static bool given(const char *text)
{
	return text && text[0] != '\0';
}

int cek_watch_start(cek_conn *conn, cek_callback *callback, void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__WatchRequest body = CEK__V1__WATCH_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_WATCH };

	message.op_case = CEK__V1__REQUEST__OP_WATCH;
	message.watch = &body;
	return call_start(conn, &request, -1, callback, userdata, ret_call);
}

int cek_key_create_start(cek_conn *conn, const struct cek_key_create *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__CreateKeyRequest body = CEK__V1__CREATE_KEY_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_KEY };

	if (!args || !given(args->key) || !given(args->alg))
		return CEK_E_INVALID;
	body.key = request_text(args->key);
	body.alg = request_text(args->alg);
	body.bits = args->bits;
	body.crv = request_text(args->crv);
	body.max_uses = args->max_uses;
	message.op_case = CEK__V1__REQUEST__OP_CREATE_KEY;
	message.create_key = &body;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_key_rotate_start(cek_conn *conn, const struct cek_key_rotate *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__RotateKeyRequest body = CEK__V1__ROTATE_KEY_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_KEY };

	if (!args || !given(args->key))
		return CEK_E_INVALID;
	body.key = request_text(args->key);
	body.active_kid = request_text(args->active_kid);
	body.plan = args->plan;
	message.op_case = CEK__V1__REQUEST__OP_ROTATE_KEY;
	message.rotate_key = &body;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_key_set_state_start(cek_conn *conn, const struct cek_key_set_state *args, int timeout_ms,
	cek_callback *callback, void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__SetKeyStateRequest body = CEK__V1__SET_KEY_STATE_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_KEY };

	if (!args || !given(args->kid) || args->state < CEK_STATE_PRE_ACTIVE || args->state > CEK_STATE_WAITING)
		return CEK_E_INVALID;
	body.kid = request_text(args->kid);
	body.state = (Cek__V1__State)args->state;
	body.until = args->until;
	body.rotate = args->rotate;
	body.reason = request_text(args->reason);
	message.op_case = CEK__V1__REQUEST__OP_SET_KEY_STATE;
	message.set_key_state = &body;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_key_destroy_start(cek_conn *conn, const struct cek_key_destroy *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__DestroyVersionRequest body = CEK__V1__DESTROY_VERSION_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_KEY };

	if (!args || !given(args->kid))
		return CEK_E_INVALID;
	body.kid = request_text(args->kid);
	body.force = args->force;
	body.wait = args->wait;
	body.reason = request_text(args->reason);
	message.op_case = CEK__V1__REQUEST__OP_DESTROY_VERSION;
	message.destroy_version = &body;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_key_describe_start(cek_conn *conn, const struct cek_key_describe *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__DescribeKeyRequest body = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_KEY };

	if (!args || given(args->key) == given(args->kid))
		return CEK_E_INVALID;
	body.key = request_text(args->key);
	body.kid = request_text(args->kid);
	message.op_case = CEK__V1__REQUEST__OP_DESCRIBE_KEY;
	message.describe_key = &body;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_key_versions_start(cek_conn *conn, const struct cek_key_versions *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__DescribeKeyRequest body = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_KEY };

	if (!args || !given(args->key))
		return CEK_E_INVALID;
	body.key = request_text(args->key);
	body.before = args->before;
	body.brief = args->brief;
	message.op_case = CEK__V1__REQUEST__OP_DESCRIBE_KEY;
	message.describe_key = &body;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_key_list_start(cek_conn *conn, const struct cek_key_list *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__ListKeysRequest body = CEK__V1__LIST_KEYS_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_LIST_KEYS };

	if (!args)
		return CEK_E_INVALID;
	body.after = request_text(args->after);
	message.op_case = CEK__V1__REQUEST__OP_LIST_KEYS;
	message.list_keys = &body;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}

int cek_public_keys_start(cek_conn *conn, const struct cek_public_keys *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__GetPublicKeysRequest body;
	struct request request = { .message = &message, .kind = CALL_PUBLIC_KEYS };
	int status;

	if (!args || (args->n_keys > 0 && !args->keys))
		return CEK_E_INVALID;
	for (size_t i = 0; i < args->n_keys; i++)
		if (!given(args->keys[i]))
			return CEK_E_INVALID;
	request.pages = pages_new(args);
	if (!request.pages)
		return CEK_E_NOMEM;
	pages_ask(request.pages, &body);
	message.op_case = CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS;
	message.get_public_keys = &body;
	status = call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
	if (status != CEK_OK)
		pages_free(request.pages);
	return status;
}

int cek_status_start(cek_conn *conn, int timeout_ms, cek_callback *callback, void *userdata, cek_call **ret_call)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__StatusRequest body = CEK__V1__STATUS_REQUEST__INIT;
	struct request request = { .message = &message, .kind = CALL_STATUS };

	message.op_case = CEK__V1__REQUEST__OP_STATUS;
	message.status = &body;
	return call_start(conn, &request, timeout_ms, callback, userdata, ret_call);
}
