/*
 * The broker as a whole, between stub workers, a stub journal and clients on a real socket (broker_rig.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker_rig.h"
#include "daemon/broker/bytes.h"
#include "proto/frame.h"

static uint8_t bytes[1024];

static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	memset(bytes, 0x11, sizeof(bytes));
	rig_init(rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

static ProtobufCBinaryData data(size_t len)
{
	return (ProtobufCBinaryData){.data = bytes, .len = len};
}

/* An unwrap of a 256-bit CEK with A256KW, in static storage. */
static CekRequest *unwrap(const char *kid, const char *key)
{
	static Cek__V1__UnwrapRequest message;
	static CekRequest request;

	message = (Cek__V1__UnwrapRequest)CEK__V1__UNWRAP_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.kid = (char *)kid;
	message.key = (char *)key;
	message.alg = (char *)"A256KW";
	message.enc = (char *)"A256GCM";
	message.encrypted_key = data(40);
	request.id = 7;
	request.op_case = CEK__V1__REQUEST__OP_UNWRAP;
	request.unwrap = &message;
	return &request;
}

static CekRequest *wrap(const char *key)
{
	static Cek__V1__WrapRequest message;
	static CekRequest request;

	message = (Cek__V1__WrapRequest)CEK__V1__WRAP_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.key = (char *)key;
	message.enc = (char *)"A256GCM";
	message.cek = data(32);
	request.id = 8;
	request.op_case = CEK__V1__REQUEST__OP_WRAP;
	request.wrap = &message;
	return &request;
}

static CekRequest *status_request(void)
{
	static Cek__V1__StatusRequest message;
	static CekRequest request;

	message = (Cek__V1__StatusRequest)CEK__V1__STATUS_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	request.op_case = CEK__V1__REQUEST__OP_STATUS;
	request.status = &message;
	return &request;
}

static CekRequest *rotate(const char *key, const char *kid)
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

static CekRequest *set_state(const char *kid, enum state state)
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

static CekRequest *destroy(const char *kid, bool force)
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

static enum status call(struct rig *rig, struct rig_client *client, const CekRequest *request)
{
	CekReply *reply = rig_call(rig, client, request);
	enum status status = (enum status)reply->status;

	cek__v1__reply__free_unpacked(reply, NULL);
	return status;
}

/* One unwrap that works, for "the broker is still well". */
static void assert_serves(struct rig *rig, const char *kid)
{
	struct rig_client client;

	rig_connect(rig, &client);
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_OK);
	rig_close(&client);
	rig_run(rig);
}

/* ---- the path ------------------------------------------------------------------------------------------------------- */

static void test_unwrap_gives_the_cek_and_names_the_version(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	reply = rig_call(rig, &client, unwrap(kid, NULL));
	assert_int_equal(reply->status, STATUS_OK);
	assert_int_equal(reply->id, 7);
	assert_int_equal(reply->unwrap->cek.len, 32);
	assert_string_equal(reply->unwrap->kid, kid);
	assert_string_equal(reply->unwrap->key, "k");
	assert_int_equal(reply->epoch, rig->broker.ring.epoch);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_string_equal(rig->journal.last_status, "OK");
	assert_string_equal(rig->journal.last_op, "unwrap");
	assert_string_equal(rig->journal.last_key, "k");
	assert_string_equal(rig->journal.last_kid, kid);
	assert_int_equal(rig->journal.last_ek_len, 40);
	rig_close(&client);
	free(kid);
}

static void test_refused_before_any_worker_sees_it(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	AlgParams params = CEK__V1__ALG_PARAMS__INIT;
	uint8_t zero[32] = {0};
	char *kid, long_kid[KID_MAX + 2];
	uint64_t jobs;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	free(rig_create(rig, &client, "direct", "ECDH-ES"));
	jobs = rig->use[0].jobs + rig->use[1].jobs;
	request = unwrap(kid, NULL);
	request->unwrap->encrypted_key = data(39);
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	request->unwrap->encrypted_key = data(41);
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	request = unwrap(kid, NULL);
	request->unwrap->alg = (char *)"A128KW";
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	request->unwrap->alg = (char *)"RSA1_5";
	assert_int_equal(call(rig, &client, request), STATUS_UNSUPPORTED);
	request->unwrap->alg = (char *)"";
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	request = unwrap(kid, NULL);
	request->unwrap->enc = (char *)"A512GCM";
	assert_int_equal(call(rig, &client, request), STATUS_UNSUPPORTED);
	request = unwrap(kid, NULL);
	params.iv = data(GCM_IV_LEN);
	request->unwrap->params = &params;
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	assert_int_equal(call(rig, &client, unwrap(NULL, NULL)), STATUS_MALFORMED);
	assert_int_equal(call(rig, &client, unwrap(NULL, "-/")), STATUS_MALFORMED);
	memset(long_kid, 'a', sizeof(long_kid) - 1);
	long_kid[sizeof(long_kid) - 1] = '\0';
	assert_int_equal(call(rig, &client, unwrap(long_kid, NULL)), STATUS_MALFORMED);
	long_kid[KID_MAX] = '\0';
	assert_int_equal(call(rig, &client, unwrap(long_kid, NULL)), STATUS_UNKNOWN_KEY);
	request = wrap("k");
	request->wrap->cek = (ProtobufCBinaryData){.data = zero, .len = 32};
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	request->wrap->cek = data(31);
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	assert_int_equal(call(rig, &client, wrap("direct")), STATUS_MALFORMED);
	assert_int_equal(rig->use[0].jobs + rig->use[1].jobs, jobs);
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

static void test_point_that_does_not_fit_the_curve(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	AlgParams params = CEK__V1__ALG_PARAMS__INIT;
	PublicKey epk = CEK__V1__PUBLIC_KEY__INIT;
	CekRequest *request;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "e", "ECDH-ES+A256KW"));
	request = unwrap(NULL, "e");
	request->unwrap->alg = (char *)"ECDH-ES+A256KW";
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	request->unwrap->params = &params;
	params.epk = &epk;
	epk.kty = (char *)"EC";
	epk.crv = (char *)"P-256";
	epk.x = epk.y = data(32);
	assert_int_equal(call(rig, &client, request), STATUS_OK);
	epk.y = data(31);
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	epk.y = data(32);
	epk.crv = (char *)"P-384";
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	epk.crv = (char *)"P-256";
	params.apu = data(PARTY_INFO_MAX);
	assert_int_equal(call(rig, &client, request), STATUS_OK);
	params.apu = data(PARTY_INFO_MAX + 1);
	assert_int_equal(call(rig, &client, request), STATUS_MALFORMED);
	rig_close(&client);
}

static void test_failure_has_one_text(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	bytes[0] = 0xff;
	request = unwrap(kid, NULL);
	for (int i = 0; i < 2; i++) {
		reply = rig_call(rig, &client, request);
		assert_int_equal(reply->status, STATUS_FAILED);
		assert_string_equal(reply->message, "the cryptographic operation failed");
		cek__v1__reply__free_unpacked(reply, NULL);
		request = unwrap(NULL, "k");
	}
	rig_close(&client);
	free(kid);
}

static void test_versions_are_tried_without_kid(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	uint64_t jobs;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	assert_int_equal(call(rig, &client, rotate("k", kid)), STATUS_OK);
	bytes[0] = 0xff;
	jobs = rig->use[0].jobs + rig->use[1].jobs;
	assert_int_equal(call(rig, &client, unwrap(NULL, "k")), STATUS_FAILED);
	assert_int_equal(rig->use[0].jobs + rig->use[1].jobs, jobs + 2);
	rig_close(&client);
	free(kid);
}

/* ---- who may ---------------------------------------------------------------------------------------------------------- */

static void test_foreign_and_unknown_keys_look_the_same(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	uint8_t first[512], second[512];
	size_t first_len, second_len;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "theirs", "A256KW");
	rig_close(&client);
	rig_stop_broker(rig);
	rig->keys = "ours-*";
	rig_start(rig);
	rig_connect(rig, &client);
	reply = rig_call(rig, &client, unwrap(kid, NULL));
	assert_int_equal(reply->status, STATUS_UNKNOWN_KEY);
	first_len = cek__v1__reply__pack(reply, first);
	cek__v1__reply__free_unpacked(reply, NULL);
	reply = rig_call(rig, &client, unwrap("no-such-kid", NULL));
	second_len = cek__v1__reply__pack(reply, second);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
	assert_int_equal(call(rig, &client, wrap("theirs")), STATUS_UNKNOWN_KEY);
	assert_int_equal(call(rig, &client, wrap("nobodys")), STATUS_UNKNOWN_KEY);
	rig_close(&client);
	free(kid);
}

static void test_an_operation_that_no_rule_grants(void **state)
{
	static const char *const operations[] = {"unwrap", NULL};
	struct rig *rig = *state;
	struct rig_client client;

	rig->operations = operations;
	rig_start(rig);
	rig_connect(rig, &client);
	assert_int_equal(call(rig, &client, wrap("k")), STATUS_DENIED);
	assert_int_equal(call(rig, &client, status_request()), STATUS_DENIED);
	assert_string_equal(rig->journal.last_status, "DENIED");
	assert_int_equal(call(rig, &client, unwrap(NULL, "k")), STATUS_UNKNOWN_KEY);
	rig_close(&client);
}

/* ---- bad frames ------------------------------------------------------------------------------------------------------- */

static void test_frames_that_are_none(void **state)
{
	static const uint8_t too_long[] = {0, 1, 0, 1}, empty[] = {0, 0, 0, 0}, garbage[] = {0, 0, 0, 3, 0xff, 0xff, 0xff};
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig_send_raw(&client, garbage, sizeof(garbage));
	rig_run(rig);
	reply = rig_reply(&client);
	assert_int_equal(reply->status, STATUS_MALFORMED);
	assert_int_equal(reply->id, 0);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_OK); /* the stream goes on */
	rig_send_raw(&client, too_long, sizeof(too_long));
	rig_run(rig);
	reply = rig_reply(&client);
	assert_int_equal(reply->status, STATUS_TOO_LARGE);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_true(rig_closed(&client));
	rig_close(&client);
	rig_connect(rig, &client);
	rig_send_raw(&client, empty, sizeof(empty));
	rig_run(rig);
	reply = rig_reply(&client);
	assert_int_equal(reply->status, STATUS_MALFORMED);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_true(rig_closed(&client));
	rig_close(&client);
	assert_serves(rig, kid);
	free(kid);
}

static void test_operations_that_are_unknown_or_missing(void **state)
{
	static const uint8_t nothing[] = {0, 0, 0, 2, 0x08, 5}, later[] = {0, 0, 0, 5, 0x08, 6, 0xa2, 0x06, 0};
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;

	rig_start(rig);
	rig_connect(rig, &client);
	rig_send_raw(&client, nothing, sizeof(nothing));
	rig_send_raw(&client, later, sizeof(later));
	rig_run(rig);
	reply = rig_reply(&client);
	assert_int_equal(reply->status, STATUS_MALFORMED);
	assert_int_equal(reply->id, 5);
	cek__v1__reply__free_unpacked(reply, NULL);
	reply = rig_reply(&client);
	assert_int_equal(reply->status, STATUS_UNSUPPORTED);
	assert_int_equal(reply->id, 6);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
}

static void test_a_request_byte_by_byte(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	uint8_t frame[512];
	CekRequest *request;
	CekReply *reply;
	size_t len;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	request = unwrap(kid, NULL);
	len = cek__v1__request__pack(request, frame + FRAME_HEADER);
	frame_header(frame, len);
	for (size_t i = 0; i < FRAME_HEADER + len; i++) {
		assert_null(rig_reply(&client));
		rig_send_raw(&client, frame + i, 1);
		rig_run(rig);
	}
	reply = rig_reply(&client);
	assert_int_equal(reply->status, STATUS_OK);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(rig->broker.chunks.in_use, 0);
	rig_close(&client);
	free(kid);
}

static void test_a_message_that_needs_too_much_memory(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	uint8_t *frame = malloc(FRAME_HEADER + FRAME_BODY_MAX);
	CekReply *reply;

	/* get_public_keys with as many empty names as fit: each takes two bytes here and far more when decoded. */
	memset(frame, 0, FRAME_HEADER + FRAME_BODY_MAX);
	frame_header(frame, FRAME_BODY_MAX);
	frame[4] = 0x82;
	frame[5] = 0x02;
	frame[6] = 0xfb; /* FRAME_BODY_MAX - 5 as a varint */
	frame[7] = 0xff;
	frame[8] = 0x03;
	for (size_t i = 9; i + 1 < FRAME_HEADER + FRAME_BODY_MAX; i += 2)
		frame[i] = 0x0a;
	frame[FRAME_HEADER + FRAME_BODY_MAX - 1] = 0;
	rig_start(rig);
	rig_connect(rig, &client);
	rig_send_raw(&client, frame, FRAME_HEADER + FRAME_BODY_MAX);
	rig_run(rig);
	reply = rig_reply(&client);
	assert_int_equal(reply->status, STATUS_MALFORMED);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
	free(frame);
}

/* ---- bounds ----------------------------------------------------------------------------------------------------------- */

static void test_pipelined_requests_are_all_answered(void **state)
{
	enum { N = 600 };
	struct rig *rig = *state;
	struct rig_client client;
	bool seen[N] = {false};
	CekRequest *request;
	CekReply *reply;
	char *kid;

	rig->limits.requests_per_connection = 32;
	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	request = unwrap(kid, NULL);
	for (uint64_t i = 0; i < N; i++) {
		request->id = i;
		rig_send(&client, request);
		if (i % 100 == 99) /* the socket takes no more than that */
			rig_run(rig);
	}
	for (size_t i = 0; i < N; i++) {
		reply = rig_reply(&client);
		assert_non_null(reply);
		assert_int_equal(reply->status, STATUS_OK);
		assert_true(reply->id < N && !seen[reply->id]);
		seen[reply->id] = true;
		cek__v1__reply__free_unpacked(reply, NULL);
		rig_run(rig);
	}
	assert_int_equal(rig->broker.requests.in_use, 0);
	assert_int_equal(rig->broker.chunks.in_use, 0);
	rig_close(&client);
	free(kid);
}

static void test_open_requests_of_a_connection_are_bounded(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig->limits.requests_per_connection = 4;
	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->use[0].deaf = rig->use[1].deaf = true;
	for (int i = 0; i < 10; i++)
		rig_send(&client, unwrap(kid, NULL));
	rig_run(rig);
	assert_int_equal(rig->broker.requests.in_use, 4);
	rig->use[0].deaf = rig->use[1].deaf = false;
	rig_run(rig);
	for (int i = 0; i < 10; i++) {
		CekReply *reply = rig_reply(&client);

		assert_int_equal(reply->status, STATUS_OK);
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	rig_close(&client);
	free(kid);
}

static size_t count_status(struct rig_client *client, enum status status, size_t *ret_all)
{
	CekReply *reply;
	size_t n = 0;

	for (*ret_all = 0; (reply = rig_reply(client)); ++*ret_all) {
		n += reply->status == (Cek__V1__Status)status;
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	return n;
}

static void test_overloaded_at_the_users_quota_and_at_a_full_queue(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	size_t all;
	char *kid;

	rig->limits.requests_per_uid = 5;
	rig->limits.queue_per_worker = 1;
	rig->limits.queue = 2;
	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->use[0].deaf = rig->use[1].deaf = true;
	for (int i = 0; i < 5; i++) { /* two at the workers, two in the queue, one too many */
		rig_send(&client, unwrap(kid, NULL));
		rig_run(rig);
	}
	assert_int_equal(count_status(&client, STATUS_OVERLOADED, &all), 1);
	assert_int_equal(all, 1);
	rig->use[0].deaf = rig->use[1].deaf = false;
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 4);
	rig->use[0].deaf = rig->use[1].deaf = true;
	rig->broker.limits.queue = 100;
	for (int i = 0; i < 6; i++)
		rig_send(&client, unwrap(kid, NULL));
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OVERLOADED, &all), 1);
	rig_close(&client);
	free(kid);
}

static void test_a_client_that_does_not_read(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	uint8_t frame[256];
	size_t len, sent = 0;
	char *kid;

	rig->limits.output_bytes = 131072;
	rig->limits.stalled_seconds = 1;
	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	request = unwrap(kid, NULL);
	len = cek__v1__request__pack(request, frame + FRAME_HEADER);
	frame_header(frame, len);
	while (send(client.fd, frame, FRAME_HEADER + len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(FRAME_HEADER + len)) {
		sent++;
		rig_run(rig);
		assert_true(rig->broker.chunks.in_use * CHUNK_DATA < 300000);
		assert_true(sent < 1000000);
	}
	assert_int_equal(rig->broker.server.n_peers, 1);
	while (rig->broker.server.n_peers > 0) /* until it is closed at its bound */
		broker_turn(&rig->broker, true);
	assert_int_equal(rig->broker.metrics.closed_stalled, 1);
	assert_int_equal(rig->broker.chunks.in_use, 0);
	rig_close(&client);
	assert_serves(rig, kid);
	free(kid);
}

static void test_a_client_that_says_nothing(void **state)
{
	struct rig *rig = *state;
	struct rig_client client, half;
	static const uint8_t part[] = {0, 0, 1, 0, 8};

	rig->limits.silent_seconds = 1;
	rig_start(rig);
	rig_connect(rig, &client);
	rig_connect(rig, &half);
	assert_int_equal(call(rig, &half, status_request()), STATUS_OK);
	rig_send_raw(&half, part, sizeof(part));
	rig_run(rig);
	while (rig->broker.server.n_peers > 0)
		broker_turn(&rig->broker, true);
	assert_int_equal(rig->broker.metrics.closed_silent, 2);
	assert_true(rig_closed(&client));
	rig_close(&client);
	rig_close(&half);
}

static void test_connections_are_bounded(void **state)
{
	struct rig *rig = *state;
	struct rig_client clients[3];

	rig->limits.connections_per_uid = 2;
	rig_start(rig);
	for (int i = 0; i < 3; i++)
		rig_connect(rig, &clients[i]);
	assert_int_equal(rig->broker.server.n_peers, 2);
	assert_true(rig_closed(&clients[2]));
	assert_false(rig_closed(&clients[1]));
	for (int i = 0; i < 3; i++)
		rig_close(&clients[i]);
	rig_run(rig);
	assert_int_equal(rig->broker.server.n_peers, 0);
}

static void test_a_deadline_passes(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	CekReply *reply = NULL;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->use[0].deaf = rig->use[1].deaf = true;
	request = unwrap(kid, NULL);
	request->deadline_ms = 1;
	rig_send(&client, request);
	while (!reply) {
		broker_turn(&rig->broker, true);
		rig_run(rig);
		reply = rig_reply(&client);
	}
	assert_int_equal(reply->status, STATUS_DEADLINE);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(rig->broker.requests.in_use, 1); /* its job is with a worker */
	rig->use[0].deaf = rig->use[1].deaf = false;
	rig_run(rig);
	assert_int_equal(rig->broker.requests.in_use, 0);
	assert_null(rig_reply(&client));
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

static void test_a_client_that_goes_while_it_is_served(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->use[0].deaf = rig->use[1].deaf = true;
	for (int i = 0; i < 30; i++)
		rig_send(&client, unwrap(kid, NULL));
	rig_run(rig);
	rig_send_raw(&client, "", 1);
	rig_close(&client);
	rig_run(rig);
	rig->use[0].deaf = rig->use[1].deaf = false;
	rig_run(rig);
	assert_int_equal(rig->broker.requests.in_use, 0);
	assert_int_equal(rig->broker.server.n_peers, 0);
	assert_serves(rig, kid);
	free(kid);
}

/* ---- workers ---------------------------------------------------------------------------------------------------------- */

static void test_a_worker_dies_of_one_request_only(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	size_t all;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig_kill_worker(&rig->use[1]);
	rig_run(rig);
	rig->use[0].deaf = true;
	for (int i = 0; i < 5; i++)
		rig_send(&client, unwrap(kid, NULL));
	rig_run(rig);
	rig_kill_worker(&rig->use[0]);
	rig->use[0].deaf = false;
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_UNAVAILABLE, &all), 1);
	assert_int_equal(all, 1);
	rig_start_worker(rig, &rig->use[0], false, 0);
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 4);
	rig_close(&client);
	free(kid);
}

static void test_a_worker_that_has_grown_is_replaced(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->use[0].replace = rig->use[1].replace = true;
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_OK);
	assert_int_equal(rig->wanted_use, 1);
	rig->use[0].replace = rig->use[1].replace = false;
	for (int i = 0; i < 5; i++)
		assert_serves(rig, kid);
	assert_int_equal(rig->wanted_use, 1);
	rig_close(&client);
	free(kid);
}

static void test_generate_is_not_repeated_when_the_manage_worker_dies(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->manage.dies_after = 1;
	assert_int_equal(call(rig, &client, rotate("k", kid)), STATUS_UNAVAILABLE);
	assert_int_equal(rig->broker.ring.n_versions, 1);
	assert_false(list_empty(&rig->broker.ring.intents)); /* for fsck */
	assert_int_equal(call(rig, &client, rotate("k", kid)), STATUS_OK);
	assert_int_equal(call(rig, &client, rotate("k", kid)), STATUS_CONFLICT);
	rig_close(&client);
	free(kid);
}

static void test_a_missing_object_comes_back(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	bytes[0] = 0xfe;
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_UNUSABLE);
	assert_true(rig->broker.ring.keys[0]->active->missing);
	bytes[0] = 0;
	rig->broker.ring.keys[0]->active->look_again = 0; /* as after a while */
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_OK);
	assert_false(rig->broker.ring.keys[0]->active->missing);
	rig_close(&client);
	free(kid);
}

/* ---- journal ---------------------------------------------------------------------------------------------------------- */

static void test_a_reply_waits_for_its_record_on_disk(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;

	rig->audit_durable = true;
	rig_start(rig);
	rig_connect(rig, &client);
	rig->journal.mute = true;
	rig_send(&client, status_request());
	rig_run(rig);
	assert_null(rig_reply(&client));
	rig_send(&client, status_request());
	rig_run(rig);
	assert_null(rig_reply(&client));
	rig_audit_done(rig);
	rig_run(rig);
	for (int i = 0; i < 2; i++) {
		reply = rig_reply(&client);
		assert_non_null(reply);
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	rig_close(&client);
}

static void test_no_reply_before_its_record_is_in_the_kernel(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	uint64_t replies = 0;
	CekReply *reply;

	rig->limits.requests_per_uid = 1000000;
	rig_start(rig);
	rig_connect(rig, &client);
	rig->journal.deaf = true; /* until the pair is full */
	for (int i = 0; i < 5000; i++) {
		rig_send(&client, wrap("no-such-key"));
		rig_run(rig);
		while ((reply = rig_reply(&client))) {
			replies++;
			cek__v1__reply__free_unpacked(reply, NULL);
		}
		assert_true(replies <= rig->broker.audit.sent);
		if (rig->broker.journal.full)
			break;
	}
	assert_true(rig->broker.journal.full);
	rig->journal.deaf = false;
	rig_run(rig);
	rig_run(rig);
	while ((reply = rig_reply(&client))) {
		replies++;
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	assert_int_equal(replies, rig->broker.audit.sent);
	assert_int_equal(rig->journal.audit_n, replies);
	rig_close(&client);
}

static void test_records_come_again_after_the_journal_died(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;

	rig_start(rig);
	rig_connect(rig, &client);
	rig->journal.mute = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(call(rig, &client, status_request()), STATUS_OK);
	assert_int_equal(rig->journal.audit_n, 3);
	rig->journal.audit_n = 0; /* a journal died before it wrote them; here is the next */
	rig->journal.mute = false;
	rig_journal_state(rig, true);
	rig_run(rig);
	assert_int_equal(rig->journal.audit_n, 3);
	assert_true(list_empty(&rig->broker.audit.kept));
	rig_close(&client);
}

static void test_nothing_is_served_when_the_journal_does_not_write(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig_journal_state(rig, false);
	rig_run(rig);
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_UNAVAILABLE);
	assert_int_equal(call(rig, &client, rotate("k", kid)), STATUS_UNAVAILABLE);
	assert_int_equal(call(rig, &client, status_request()), STATUS_OK);
	rig_journal_state(rig, true);
	rig_run(rig);
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_OK);
	rig_close(&client);
	free(kid);
}

/* The journal died with an append: whether it was written is what its successor's records say. */
static void test_an_append_that_was_under_way_when_the_journal_died(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	uint8_t lost[4096];
	CekReply *reply;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "k", "A256KW"));
	rig->journal.deaf = true;
	rig_send(&client, set_state(rig->broker.ring.keys[0]->active->kid, STATE_SUSPENDED));
	rig_run(rig);
	while (recv(rig->journal.fd, lost, sizeof(lost), MSG_DONTWAIT) > 0)
		continue;
	rig->journal.deaf = false;
	rig_journal_state(rig, true);
	rig_run(rig);
	reply = rig_reply(&client);
	assert_non_null(reply);
	assert_int_equal(reply->status, STATUS_OK);
	assert_int_equal(reply->key->key->version[0]->state, STATE_SUSPENDED);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
}

static void test_a_restart_folds_the_same_ring(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	const struct version *version;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_OK);
	assert_int_equal(call(rig, &client, rotate("k", kid)), STATUS_OK);
	steps_flush_usage(&rig->broker);
	rig_run(rig);
	rig_close(&client);
	rig_stop_broker(rig);
	rig_start(rig);
	version = ring_version(&rig->broker.ring, kid);
	assert_non_null(version);
	assert_int_equal(version->state, STATE_DEACTIVATED);
	assert_int_equal(version->unwraps, 1);
	assert_int_equal(version->n_peers, 1);
	assert_int_equal(version->key->n_versions, 2);
	assert_int_equal(version->key->active->number, 2);
	assert_serves(rig, kid);
	free(kid);
}

/* ---- life cycle ------------------------------------------------------------------------------------------------------- */

static void test_watchers_hear_of_each_epoch(void **state)
{
	struct rig *rig = *state;
	struct rig_client watcher, client;
	Cek__V1__WatchRequest message = CEK__V1__WATCH_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	CekReply *reply;

	rig_start(rig);
	rig_connect(rig, &watcher);
	rig_connect(rig, &client);
	request.id = 99;
	request.op_case = CEK__V1__REQUEST__OP_WATCH;
	request.watch = &message;
	assert_int_equal(call(rig, &watcher, &request), STATUS_OK);
	assert_null(rig_reply(&watcher));
	free(rig_create(rig, &client, "k", "A256KW"));
	reply = rig_reply(&watcher);
	assert_non_null(reply);
	assert_int_equal(reply->id, 99);
	assert_int_equal(reply->watch->epoch, rig->broker.ring.epoch);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_null(rig_reply(&watcher));
	rig_close(&watcher);
	rig_close(&client);
}

static void test_destruction_is_refused_with_evidence_and_can_be_taken_back(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	assert_int_equal(call(rig, &client, destroy(kid, true)), STATUS_CONFLICT); /* active */
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_OK);
	assert_int_equal(call(rig, &client, rotate("k", kid)), STATUS_OK);
	reply = rig_call(rig, &client, destroy(kid, false));
	assert_int_equal(reply->status, STATUS_CONFLICT);
	assert_non_null(strstr(reply->message, "main/"));
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(call(rig, &client, destroy(kid, true)), STATUS_OK);
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_UNUSABLE);
	assert_int_equal(call(rig, &client, set_state(kid, STATE_DEACTIVATED)), STATUS_OK);
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_OK);
	rig_close(&client);
	free(kid);
}

static void test_compromise_rotates_in_the_same_step(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	request = set_state(kid, STATE_COMPROMISED);
	request->set_key_state->rotate = true;
	reply = rig_call(rig, &client, request);
	assert_int_equal(reply->status, STATUS_OK);
	assert_int_equal(reply->key->key->n_version, 2);
	assert_int_equal(reply->key->key->version[0]->state, STATE_COMPROMISED);
	assert_int_equal(reply->key->key->version[1]->state, STATE_ACTIVE);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(call(rig, &client, unwrap(kid, NULL)), STATUS_UNUSABLE);
	assert_int_equal(call(rig, &client, wrap("k")), STATUS_OK);
	rig_close(&client);
	free(kid);
}

static void test_gcm_rotates_before_its_limit_and_no_wrap_fails(void **state)
{
	enum { LIMIT = 16, WRAPS = 100 };
	struct rig *rig = *state;
	struct rig_client client;
	size_t all = 0;

	rig->gcm_wrap_limit = LIMIT;
	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "g", "A256GCMKW"));
	for (int i = 0; i < WRAPS; i++)
		rig_send(&client, wrap("g"));
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), WRAPS);
	assert_true(rig->broker.ring.keys[0]->n_versions >= WRAPS / LIMIT);
	for (size_t i = 0; i < rig->broker.ring.keys[0]->n_versions; i++)
		assert_true(rig->broker.ring.keys[0]->versions[i]->wraps <= LIMIT);
	rig_close(&client);
}

static void test_two_changes_of_a_key_at_once(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	size_t all;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig_send(&client, rotate("k", kid));
	rig_send(&client, rotate("k", kid));
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_CONFLICT, &all), 1);
	assert_int_equal(all, 2);
	assert_int_equal(rig->broker.ring.n_versions, 2);
	rig_close(&client);
	free(kid);
}

static void test_stopping_answers_what_was_accepted(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	Cek__Internal__V1__Drain drain = CEK__INTERNAL__V1__DRAIN__INIT;
	Cek__Internal__V1__Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	size_t all;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->use[0].deaf = rig->use[1].deaf = true;
	for (int i = 0; i < 50; i++)
		rig_send(&client, unwrap(kid, NULL));
	rig_run(rig);
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN;
	message.drain = &drain;
	rig_control(rig, &message, -1);
	rig_run(rig);
	assert_true(rig->broker_up);
	rig->use[0].deaf = rig->use[1].deaf = false;
	rig_run(rig);
	assert_false(rig->broker_up);
	assert_int_equal(rig->broker.exit_status, 0);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 50);
	assert_int_equal(rig->journal.audit_n, 51);
	rig_close(&client);
	rig_stop_broker(rig);
	rig_start(rig);
	assert_int_equal(ring_version(&rig->broker.ring, kid)->unwraps, 50);
	free(kid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unwrap_gives_the_cek_and_names_the_version),
		TEST(test_refused_before_any_worker_sees_it),
		TEST(test_point_that_does_not_fit_the_curve),
		TEST(test_failure_has_one_text),
		TEST(test_versions_are_tried_without_kid),
		TEST(test_foreign_and_unknown_keys_look_the_same),
		TEST(test_an_operation_that_no_rule_grants),
		TEST(test_frames_that_are_none),
		TEST(test_operations_that_are_unknown_or_missing),
		TEST(test_a_request_byte_by_byte),
		TEST(test_a_message_that_needs_too_much_memory),
		TEST(test_pipelined_requests_are_all_answered),
		TEST(test_open_requests_of_a_connection_are_bounded),
		TEST(test_overloaded_at_the_users_quota_and_at_a_full_queue),
		TEST(test_a_client_that_does_not_read),
		TEST(test_a_client_that_says_nothing),
		TEST(test_connections_are_bounded),
		TEST(test_a_deadline_passes),
		TEST(test_a_client_that_goes_while_it_is_served),
		TEST(test_a_worker_dies_of_one_request_only),
		TEST(test_a_worker_that_has_grown_is_replaced),
		TEST(test_generate_is_not_repeated_when_the_manage_worker_dies),
		TEST(test_a_missing_object_comes_back),
		TEST(test_a_reply_waits_for_its_record_on_disk),
		TEST(test_no_reply_before_its_record_is_in_the_kernel),
		TEST(test_records_come_again_after_the_journal_died),
		TEST(test_nothing_is_served_when_the_journal_does_not_write),
		TEST(test_an_append_that_was_under_way_when_the_journal_died),
		TEST(test_a_restart_folds_the_same_ring),
		TEST(test_watchers_hear_of_each_epoch),
		TEST(test_destruction_is_refused_with_evidence_and_can_be_taken_back),
		TEST(test_compromise_rotates_in_the_same_step),
		TEST(test_gcm_rotates_before_its_limit_and_no_wrap_fails),
		TEST(test_two_changes_of_a_key_at_once),
		TEST(test_stopping_answers_what_was_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
