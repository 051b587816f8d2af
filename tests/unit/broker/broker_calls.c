/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/broker/broker_calls.h"

uint8_t call_data[1024];

int calls_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	memset(call_data, 0x11, sizeof(call_data));
	rig_init(rig);
	*state = rig;
	return 0;
}

int calls_teardown(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

ProtobufCBinaryData call_bytes(size_t len)
{
	return (ProtobufCBinaryData){.data = call_data, .len = len};
}

/* An unwrap of a 256-bit CEK with A256KW, in static storage. */
CekRequest *call_unwrap(const char *kid, const char *key)
{
	static Cek__V1__UnwrapRequest message;
	static CekRequest request;

	message = (Cek__V1__UnwrapRequest)CEK__V1__UNWRAP_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.kid = (char *)kid;
	message.key = (char *)key;
	message.alg = (char *)"A256KW";
	message.enc = (char *)"A256GCM";
	message.encrypted_key = call_bytes(40);
	request.id = 7;
	request.op_case = CEK__V1__REQUEST__OP_UNWRAP;
	request.unwrap = &message;
	return &request;
}

CekRequest *call_wrap(const char *key)
{
	static Cek__V1__WrapRequest message;
	static CekRequest request;

	message = (Cek__V1__WrapRequest)CEK__V1__WRAP_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.key = (char *)key;
	message.enc = (char *)"A256GCM";
	message.cek = call_bytes(32);
	request.id = 8;
	request.op_case = CEK__V1__REQUEST__OP_WRAP;
	request.wrap = &message;
	return &request;
}

CekRequest *call_generate(const char *key)
{
	static Cek__V1__GenerateCekRequest message;
	static CekRequest request;

	message = (Cek__V1__GenerateCekRequest)CEK__V1__GENERATE_CEK_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.key = (char *)key;
	message.enc = (char *)"A256GCM";
	request.id = 9;
	request.op_case = CEK__V1__REQUEST__OP_GENERATE_CEK;
	request.generate_cek = &message;
	return &request;
}

CekRequest *call_status(void)
{
	static Cek__V1__StatusRequest message;
	static CekRequest request;

	message = (Cek__V1__StatusRequest)CEK__V1__STATUS_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	request.op_case = CEK__V1__REQUEST__OP_STATUS;
	request.status = &message;
	return &request;
}

CekRequest *call_adopt(const char *key, const char *label)
{
	static Cek__V1__AdoptKeyRequest message;
	static CekRequest request;

	message = (Cek__V1__AdoptKeyRequest)CEK__V1__ADOPT_KEY_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.key = (char *)key;
	message.alg = (char *)"A256KW";
	message.label = (char *)label;
	request.op_case = CEK__V1__REQUEST__OP_ADOPT_KEY;
	request.adopt_key = &message;
	return &request;
}

CekRequest *call_rotate(const char *key, const char *kid)
{
	static Cek__V1__RotateKeyRequest message;
	static CekRequest request;

	message = (Cek__V1__RotateKeyRequest)CEK__V1__ROTATE_KEY_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.key = (char *)key;
	message.active_kid = (char *)kid;
	request.op_case = CEK__V1__REQUEST__OP_ROTATE_KEY;
	request.rotate_key = &message;
	return &request;
}

CekRequest *call_set_state(const char *kid, enum state state)
{
	static Cek__V1__SetKeyStateRequest message;
	static CekRequest request;

	message = (Cek__V1__SetKeyStateRequest)CEK__V1__SET_KEY_STATE_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.kid = (char *)kid;
	message.state = (Cek__V1__State)state;
	request.op_case = CEK__V1__REQUEST__OP_SET_KEY_STATE;
	request.set_key_state = &message;
	return &request;
}

CekRequest *call_set_state_from(const char *kid, enum state current, enum state state)
{
	static Cek__V1__State states[1];
	CekRequest *request = call_set_state(kid, state);

	states[0] = (Cek__V1__State)current;
	request->set_key_state->current = states;
	request->set_key_state->n_current = 1;
	return request;
}

CekRequest *call_destroy(const char *kid, bool force)
{
	static Cek__V1__DestroyVersionRequest message;
	static CekRequest request;

	message = (Cek__V1__DestroyVersionRequest)CEK__V1__DESTROY_VERSION_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.kid = (char *)kid;
	message.force = force;
	request.op_case = CEK__V1__REQUEST__OP_DESTROY_VERSION;
	request.destroy_version = &message;
	return &request;
}

enum status call_for_status(struct rig *rig, struct rig_client *client, const CekRequest *request)
{
	CekReply *reply = rig_call(rig, client, request);
	enum status status = (enum status)reply->status;

	cek__v1__reply__free_unpacked(reply, NULL);
	return status;
}

/* One unwrap that works, for "the broker is still well". */
void assert_serves(struct rig *rig, const char *kid)
{
	struct rig_client client;

	rig_connect(rig, &client);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	rig_close(&client);
	rig_run(rig);
}

size_t count_status(struct rig_client *client, enum status status, size_t *ret_all)
{
	CekReply *reply;
	size_t n = 0;

	for (*ret_all = 0; (reply = rig_reply(client)); ++*ret_all) {
		n += reply->status == (Cek__V1__Status)status;
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	return n;
}
