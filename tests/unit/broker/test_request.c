/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decode, resolve, authorise: what reaches a worker, and what is answered before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/frame.h"
#include "tests/unit/broker/broker_calls.h"

static void test_unwrap_gives_the_cek_and_names_the_version(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	reply = rig_call(rig, &client, call_unwrap(kid, NULL));
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
	request = call_unwrap(kid, NULL);
	request->unwrap->encrypted_key = call_bytes(39);
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	request->unwrap->encrypted_key = call_bytes(41);
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	request = call_unwrap(kid, NULL);
	request->unwrap->alg = (char *)"A128KW";
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	request->unwrap->alg = (char *)"RSA1_5";
	assert_int_equal(call_for_status(rig, &client, request), STATUS_UNSUPPORTED);
	request->unwrap->alg = (char *)"";
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	request = call_unwrap(kid, NULL);
	request->unwrap->enc = (char *)"A512GCM";
	assert_int_equal(call_for_status(rig, &client, request), STATUS_UNSUPPORTED);
	request = call_unwrap(kid, NULL);
	params.iv = call_bytes(GCM_IV_LEN);
	request->unwrap->params = &params;
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(NULL, NULL)), STATUS_MALFORMED);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(NULL, "-/")), STATUS_MALFORMED);
	memset(long_kid, 'a', sizeof(long_kid) - 1);
	long_kid[sizeof(long_kid) - 1] = '\0';
	assert_int_equal(call_for_status(rig, &client, call_unwrap(long_kid, NULL)), STATUS_MALFORMED);
	long_kid[KID_MAX] = '\0';
	assert_int_equal(call_for_status(rig, &client, call_unwrap(long_kid, NULL)), STATUS_UNKNOWN_KEY);
	request = call_wrap("k");
	request->wrap->cek = (ProtobufCBinaryData){.data = zero, .len = 32};
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	request->wrap->cek = call_bytes(31);
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	assert_int_equal(call_for_status(rig, &client, call_wrap("direct")), STATUS_MALFORMED);
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
	request = call_unwrap(NULL, "e");
	request->unwrap->alg = (char *)"ECDH-ES+A256KW";
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	request->unwrap->params = &params;
	params.epk = &epk;
	epk.kty = (char *)"EC";
	epk.crv = (char *)"P-256";
	epk.x = epk.y = call_bytes(32);
	assert_int_equal(call_for_status(rig, &client, request), STATUS_OK);
	epk.y = call_bytes(31);
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	epk.y = call_bytes(32);
	epk.crv = (char *)"P-384";
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
	epk.crv = (char *)"P-256";
	params.apu = call_bytes(PARTY_INFO_MAX);
	assert_int_equal(call_for_status(rig, &client, request), STATUS_OK);
	params.apu = call_bytes(PARTY_INFO_MAX + 1);
	assert_int_equal(call_for_status(rig, &client, request), STATUS_MALFORMED);
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
	call_data[0] = 0xff;
	request = call_unwrap(kid, NULL);
	for (int i = 0; i < 2; i++) {
		reply = rig_call(rig, &client, request);
		assert_int_equal(reply->status, STATUS_FAILED);
		assert_string_equal(reply->message, "the cryptographic operation failed");
		cek__v1__reply__free_unpacked(reply, NULL);
		request = call_unwrap(NULL, "k");
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
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_OK);
	call_data[0] = 0xff;
	jobs = rig->use[0].jobs + rig->use[1].jobs;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(NULL, "k")), STATUS_FAILED);
	assert_int_equal(rig->use[0].jobs + rig->use[1].jobs, jobs + 2);
	rig_close(&client);
	free(kid);
}

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
	reply = rig_call(rig, &client, call_unwrap(kid, NULL));
	assert_int_equal(reply->status, STATUS_UNKNOWN_KEY);
	first_len = cek__v1__reply__pack(reply, first);
	cek__v1__reply__free_unpacked(reply, NULL);
	reply = rig_call(rig, &client, call_unwrap("no-such-kid", NULL));
	second_len = cek__v1__reply__pack(reply, second);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
	assert_int_equal(call_for_status(rig, &client, call_wrap("theirs")), STATUS_UNKNOWN_KEY);
	assert_int_equal(call_for_status(rig, &client, call_wrap("nobodys")), STATUS_UNKNOWN_KEY);
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
	assert_int_equal(call_for_status(rig, &client, call_wrap("k")), STATUS_DENIED);
	assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_DENIED);
	assert_string_equal(rig->journal.last_status, "DENIED");
	assert_int_equal(call_for_status(rig, &client, call_unwrap(NULL, "k")), STATUS_UNKNOWN_KEY);
	rig_close(&client);
}

static void test_frames_that_are_none(void **state)
{
	static const uint8_t too_long[] = {0, 1, 0, 1}, empty[] = {0, 0, 0, 0},
			     garbage[] = {0, 0, 0, 3, 0xff, 0xff, 0xff};
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
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK); /* the stream goes on */
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
	request = call_unwrap(kid, NULL);
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
	assert_int_equal(rig->broker.server.chunks.in_use, 0);
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

/* The journal fails while a worker opens the encrypted key: the CEK stays in, for nothing says that it was given out.
 * */
static void test_no_cek_leaves_when_the_journal_fails_meanwhile(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	for (int i = 0; i < 2; i++) {
		rig->use[0].deaf = rig->use[1].deaf = true;
		rig_send(&client, i == 0 ? call_unwrap(kid, NULL) : call_generate("k"));
		rig_run(rig);
		rig_journal_state(rig, false);
		rig_run(rig);
		rig->use[0].deaf = rig->use[1].deaf = false;
		rig_run(rig);
		reply = rig_reply(&client);
		assert_non_null(reply);
		assert_int_equal(reply->status, STATUS_UNAVAILABLE);
		assert_int_equal(reply->result_case, CEK__V1__REPLY__RESULT__NOT_SET);
		assert_null(memmem(client.data, sizeof(client.data), "\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a", 8));
		cek__v1__reply__free_unpacked(reply, NULL);
		rig_journal_state(rig, true);
		rig_run(rig);
		assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
		memset(client.data, 0, sizeof(client.data));
	}
	rig_close(&client);
	free(kid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unwrap_gives_the_cek_and_names_the_version),
		TEST(test_refused_before_any_worker_sees_it),
		TEST(test_point_that_does_not_fit_the_curve),
		TEST(test_failure_has_one_text),
		TEST(test_no_cek_leaves_when_the_journal_fails_meanwhile),
		TEST(test_versions_are_tried_without_kid),
		TEST(test_foreign_and_unknown_keys_look_the_same),
		TEST(test_an_operation_that_no_rule_grants),
		TEST(test_frames_that_are_none),
		TEST(test_operations_that_are_unknown_or_missing),
		TEST(test_a_request_byte_by_byte),
		TEST(test_a_message_that_needs_too_much_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
