/* SPDX-License-Identifier: Apache-2.0 */
/* cek.h, keys and daemon: arguments to Request (cek.proto). */
#include "client/ask.h"
#include "client/pages.h"

static int fill_create(struct request *request, const void *arguments)
{
	const struct cek_key_create *args = arguments;
	Cek__V1__CreateKeyRequest *body = &request->body.create_key;

	if (!args || !ask_given(args->key) || !ask_given(args->alg))
		return CEK_E_INVALID;
	cek__v1__create_key_request__init(body);
	body->key = pack_text(args->key);
	body->alg = pack_text(args->alg);
	body->bits = args->bits;
	body->crv = pack_text(args->crv);
	body->max_uses = args->max_uses;
	request->message.create_key = body;
	return ask_for(request, CEK__V1__REQUEST__OP_CREATE_KEY, CALL_KEY);
}

static int fill_rotate(struct request *request, const void *arguments)
{
	const struct cek_key_rotate *args = arguments;
	Cek__V1__RotateKeyRequest *body = &request->body.rotate_key;

	if (!args || !ask_given(args->key))
		return CEK_E_INVALID;
	cek__v1__rotate_key_request__init(body);
	body->key = pack_text(args->key);
	body->active_kid = pack_text(args->active_kid);
	body->plan = args->plan;
	request->message.rotate_key = body;
	return ask_for(request, CEK__V1__REQUEST__OP_ROTATE_KEY, CALL_KEY);
}

static int fill_set_state(struct request *request, const void *arguments)
{
	const struct cek_key_set_state *args = arguments;
	Cek__V1__SetKeyStateRequest *body = &request->body.set_key_state;

	if (!args || !ask_given(args->kid) || args->state < CEK_STATE_PRE_ACTIVE || args->state > CEK_STATE_WAITING)
		return CEK_E_INVALID;
	cek__v1__set_key_state_request__init(body);
	body->kid = pack_text(args->kid);
	body->state = (Cek__V1__State)args->state;
	body->until = args->until;
	body->rotate = args->rotate;
	body->reason = pack_text(args->reason);
	request->message.set_key_state = body;
	return ask_for(request, CEK__V1__REQUEST__OP_SET_KEY_STATE, CALL_KEY);
}

static int fill_destroy(struct request *request, const void *arguments)
{
	const struct cek_key_destroy *args = arguments;
	Cek__V1__DestroyVersionRequest *body = &request->body.destroy_version;

	if (!args || !ask_given(args->kid))
		return CEK_E_INVALID;
	cek__v1__destroy_version_request__init(body);
	body->kid = pack_text(args->kid);
	body->force = args->force;
	body->wait = args->wait;
	body->reason = pack_text(args->reason);
	request->message.destroy_version = body;
	return ask_for(request, CEK__V1__REQUEST__OP_DESTROY_VERSION, CALL_KEY);
}

static int fill_describe(struct request *request, const void *arguments)
{
	const struct cek_key_describe *args = arguments;
	Cek__V1__DescribeKeyRequest *body = &request->body.describe_key;

	if (!args || ask_given(args->key) == ask_given(args->kid))
		return CEK_E_INVALID;
	cek__v1__describe_key_request__init(body);
	body->key = pack_text(args->key);
	body->kid = pack_text(args->kid);
	request->message.describe_key = body;
	return ask_for(request, CEK__V1__REQUEST__OP_DESCRIBE_KEY, CALL_KEY);
}

static int fill_versions(struct request *request, const void *arguments)
{
	const struct cek_key_versions *args = arguments;
	Cek__V1__DescribeKeyRequest *body = &request->body.describe_key;

	if (!args || !ask_given(args->key))
		return CEK_E_INVALID;
	cek__v1__describe_key_request__init(body);
	body->key = pack_text(args->key);
	body->before = args->before;
	body->brief = args->brief;
	request->message.describe_key = body;
	return ask_for(request, CEK__V1__REQUEST__OP_DESCRIBE_KEY, CALL_KEY);
}

static int fill_list(struct request *request, const void *arguments)
{
	const struct cek_key_list *args = arguments;
	Cek__V1__ListKeysRequest *body = &request->body.list_keys;

	if (!args)
		return CEK_E_INVALID;
	cek__v1__list_keys_request__init(body);
	body->after = pack_text(args->after);
	request->message.list_keys = body;
	return ask_for(request, CEK__V1__REQUEST__OP_LIST_KEYS, CALL_LIST_KEYS);
}

static int fill_public_keys(struct request *request, const void *arguments)
{
	const struct cek_public_keys *args = arguments;
	struct pages *pages;

	if (!args || (args->n_keys > 0 && !args->keys))
		return CEK_E_INVALID;
	for (size_t i = 0; i < args->n_keys; i++)
		if (!ask_given(args->keys[i]))
			return CEK_E_INVALID;
	pages = pages_new(args);
	if (!pages)
		return CEK_E_NOMEM;
	pages_ask(pages, request);
	request->pages = pages;
	return CEK_OK;
}

static int fill_status(struct request *request, const void *none)
{
	(void)none;
	cek__v1__status_request__init(&request->body.status);
	request->message.status = &request->body.status;
	return ask_for(request, CEK__V1__REQUEST__OP_STATUS, CALL_STATUS);
}

static int fill_watch(struct request *request, const void *none)
{
	(void)none;
	cek__v1__watch_request__init(&request->body.watch);
	request->message.watch = &request->body.watch;
	return ask_for(request, CEK__V1__REQUEST__OP_WATCH, CALL_WATCH);
}

int cek_key_create_start(cek_conn *conn, const struct cek_key_create *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_create, args, timeout_ms, callback, userdata, ret_call);
}

int cek_key_create(cek_conn *conn, const struct cek_key_create *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_create, args, timeout_ms, ret_result);
}

int cek_key_rotate_start(cek_conn *conn, const struct cek_key_rotate *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_rotate, args, timeout_ms, callback, userdata, ret_call);
}

int cek_key_rotate(cek_conn *conn, const struct cek_key_rotate *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_rotate, args, timeout_ms, ret_result);
}

int cek_key_set_state_start(cek_conn *conn, const struct cek_key_set_state *args, int timeout_ms,
	cek_callback *callback, void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_set_state, args, timeout_ms, callback, userdata, ret_call);
}

int cek_key_set_state(cek_conn *conn, const struct cek_key_set_state *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_set_state, args, timeout_ms, ret_result);
}

int cek_key_destroy_start(cek_conn *conn, const struct cek_key_destroy *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_destroy, args, timeout_ms, callback, userdata, ret_call);
}

int cek_key_destroy(cek_conn *conn, const struct cek_key_destroy *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_destroy, args, timeout_ms, ret_result);
}

int cek_key_describe_start(cek_conn *conn, const struct cek_key_describe *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_describe, args, timeout_ms, callback, userdata, ret_call);
}

int cek_key_describe(cek_conn *conn, const struct cek_key_describe *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_describe, args, timeout_ms, ret_result);
}

int cek_key_versions_start(cek_conn *conn, const struct cek_key_versions *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_versions, args, timeout_ms, callback, userdata, ret_call);
}

int cek_key_versions(cek_conn *conn, const struct cek_key_versions *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_versions, args, timeout_ms, ret_result);
}

int cek_key_list_start(cek_conn *conn, const struct cek_key_list *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_list, args, timeout_ms, callback, userdata, ret_call);
}

int cek_key_list(cek_conn *conn, const struct cek_key_list *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_list, args, timeout_ms, ret_result);
}

int cek_public_keys_start(cek_conn *conn, const struct cek_public_keys *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_public_keys, args, timeout_ms, callback, userdata, ret_call);
}

int cek_public_keys(cek_conn *conn, const struct cek_public_keys *args, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_public_keys, args, timeout_ms, ret_result);
}

int cek_status_start(cek_conn *conn, int timeout_ms, cek_callback *callback, void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_status, NULL, timeout_ms, callback, userdata, ret_call);
}

int cek_status(cek_conn *conn, int timeout_ms, cek_result **ret_result)
{
	return ask_wait(conn, fill_status, NULL, timeout_ms, ret_result);
}

int cek_watch_start(cek_conn *conn, cek_callback *callback, void *userdata, cek_call **ret_call)
{
	return ask_start(conn, fill_watch, NULL, -1, callback, userdata, ret_call);
}
