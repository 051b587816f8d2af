/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "client/state.h"
#include "client/wire.h"
#include "proto/frame.h"
#include "tests/unit/client/stub_cekd.h"

static void test_arguments(void **state)
{
	const struct cek_unwrap good = {.kid = "k", .alg = "A256KW", .enc = "A256GCM"};
	const char *none[] = {"a", NULL};
	struct stub *stub = *state;
	cek_conn *c = stub->conn;
	struct seen seen = {0};
	struct cek_unwrap bad;

#define INVALID(call) assert_int_equal(call, CEK_E_INVALID)
	INVALID(cek_unwrap_start(NULL, &good, -1, seen_callback, &seen, NULL));
	INVALID(cek_unwrap_start(c, NULL, -1, seen_callback, &seen, NULL));
	INVALID(cek_unwrap_start(c, &good, -1, NULL, &seen, NULL));
	INVALID(cek_unwrap_start(c, (bad = good, bad.kid = NULL, &bad), -1, seen_callback, &seen, NULL));
	INVALID(cek_unwrap_start(c, (bad = good, bad.alg = NULL, &bad), -1, seen_callback, &seen, NULL));
	INVALID(cek_unwrap_start(c, (bad = good, bad.enc = "", &bad), -1, seen_callback, &seen, NULL));
	INVALID(cek_unwrap_start(c, (bad = good, bad.encrypted_key.len = 1, &bad), -1, seen_callback, &seen, NULL));
	INVALID(cek_unwrap_start(c, (bad = good, bad.params.epk.x.len = 1, &bad), -1, seen_callback, &seen, NULL));
	bad = good;
	bad.encrypted_key = (struct cek_bytes){&good, SIZE_MAX};
	INVALID(cek_unwrap_start(c, &bad, -1, seen_callback, &seen, NULL));
	INVALID(cek_rewrap_start(c, &(struct cek_rewrap){.to_key = "b"}, -1, seen_callback, &seen, NULL));
	INVALID(cek_wrap_start(c, &(struct cek_wrap){.key = "a"}, -1, seen_callback, &seen, NULL));
	INVALID(cek_key_create_start(c, &(struct cek_key_create){.key = "a"}, -1, seen_callback, &seen, NULL));
	INVALID(cek_key_rotate_start(c, &(struct cek_key_rotate){0}, -1, seen_callback, &seen, NULL));
	INVALID(cek_key_set_state_start(c, &(struct cek_key_set_state){.kid = "a"}, -1, seen_callback, &seen, NULL));
	INVALID(cek_key_destroy_start(c, &(struct cek_key_destroy){0}, -1, seen_callback, &seen, NULL));
	INVALID(cek_key_describe_start(c, &(struct cek_key_describe){"a", "b"}, -1, seen_callback, &seen, NULL));
	INVALID(cek_key_versions_start(c, &(struct cek_key_versions){.before = 2}, -1, seen_callback, &seen, NULL));
	INVALID(cek_key_list_start(c, NULL, -1, seen_callback, &seen, NULL));
	INVALID(cek_public_keys_start(c, &(struct cek_public_keys){none, 2}, -1, seen_callback, &seen, NULL));
	INVALID(cek_request_start(c, "", 0, -1, seen_callback, &seen, NULL));
	INVALID(cek_request_start(c,
		"\x52\x05"
		"abc",
		5, -1, seen_callback, &seen, NULL));
#undef INVALID
	assert_int_equal(c->calls.n_open, 0);
	assert_int_equal(stream_pending(&c->out), 0);
	assert_int_equal(seen.count, 0);
	cek_call_cancel(NULL);
}

/* The largest request fits a frame, one byte more is refused. */
static void test_largest_request(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	uint8_t *data = calloc(1, FRAME_BODY_MAX);
	struct cek_wrap args = {.key = "a", .enc = "A256GCM", .cek = {data, FRAME_BODY_MAX}};

	assert_non_null(data);
	while (cek_wrap_start(stub->conn, &args, -1, seen_callback, &seen, NULL) == CEK_E_INVALID)
		args.cek.len--;
	assert_int_equal(stream_pending(&stub->conn->out), FRAME_HEADER + FRAME_BODY_MAX);
	free(data);
	stub->conn = cek_conn_free(stub->conn);
}

static void test_unwrap_and_wrap_travel(void **state)
{
	const struct cek_unwrap unwrap = {
		.kid = "k",
		.key = "a",
		.alg = "ECDH-ES",
		.enc = "A128GCM",
		.candidate = 2,
		.params.epk = {.kty = "EC", .crv = "P-256", .x = {"xx", 2}, .y = {"yy", 2}},
		.params.apu = {"u", 1},
	};
	const struct cek_wrap wrap = {
		.key = "a",
		.enc = "A128GCM",
		.cek = {"0123456789abcdef", 16},
		.apv = {"v", 1},
	};
	const struct cek_wrap fresh = {.key = "a", .enc = "A128GCM"};
	const struct cek_rewrap rewrap = {.from = {.key = "a", .alg = "A256KW", .enc = "A128GCM"}, .to_key = "b"};
	struct stub *stub = *state;
	struct seen seen = {0};
	Cek__V1__Request *r;

	assert_int_equal(cek_unwrap_start(stub->conn, &unwrap, 150000, seen_callback, &seen, NULL), CEK_OK);
	r = stub_request(stub);
	assert_int_equal(r->op_case, CEK__V1__REQUEST__OP_UNWRAP);
	assert_int_equal(r->deadline_ms, 150000);
	assert_string_equal(r->unwrap->kid, "k");
	assert_string_equal(r->unwrap->key, "a");
	assert_int_equal(r->unwrap->candidate, 2);
	assert_string_equal(r->unwrap->params->epk->crv, "P-256");
	assert_memory_equal(r->unwrap->params->epk->y.data, "yy", 2);
	assert_memory_equal(r->unwrap->params->apu.data, "u", 1);
	cek__v1__request__free_unpacked(r, NULL);

	assert_int_equal(cek_wrap_start(stub->conn, &wrap, -1, seen_callback, &seen, NULL), CEK_OK);
	r = stub_request(stub);
	assert_int_equal(r->op_case, CEK__V1__REQUEST__OP_WRAP);
	assert_int_equal(r->deadline_ms, 0);
	assert_int_equal(r->wrap->cek.len, 16);
	assert_memory_equal(r->wrap->params->apv.data, "v", 1);
	assert_null(r->wrap->params->epk);
	cek__v1__request__free_unpacked(r, NULL);

	assert_int_equal(cek_wrap_start(stub->conn, &fresh, 0, seen_callback, &seen, NULL), CEK_OK);
	r = stub_request(stub); /* its time is over at once, but not before it was sent */
	assert_int_equal(r->op_case, CEK__V1__REQUEST__OP_GENERATE_CEK);
	assert_int_equal(r->deadline_ms, 1);
	assert_null(r->generate_cek->params);
	cek__v1__request__free_unpacked(r, NULL);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_E_TIMEOUT);

	assert_int_equal(cek_rewrap_start(stub->conn, &rewrap, -1, seen_callback, &seen, NULL), CEK_OK);
	r = stub_request(stub);
	assert_string_equal(r->rewrap->to_key, "b");
	cek__v1__request__free_unpacked(r, NULL);
	stub->conn = cek_conn_free(stub->conn);
}

static void test_key_operations_travel(void **state)
{
	const struct cek_key_create create = {"a", "RSA-OAEP", 2048, NULL, 9};
	const struct cek_key_set_state suspend = {"k", CEK_STATE_SUSPENDED, 5, false, "why"};
	const struct cek_key_destroy destroy = {"k", true, 60, NULL};
	const char *names[] = {"a", "b"};
	struct stub *stub = *state;
	cek_conn *c = stub->conn;
	struct seen seen = {0};
	Cek__V1__Request *r;

#define SENT(call) (assert_int_equal(call, CEK_OK), r = stub_request(stub))
	SENT(cek_key_create_start(c, &create, -1, seen_callback, &seen, NULL));
	assert_string_equal(r->create_key->alg, "RSA-OAEP");
	assert_int_equal(r->create_key->bits, 2048);
	assert_int_equal(r->create_key->max_uses, 9);
	cek__v1__request__free_unpacked(r, NULL);
	SENT(cek_key_rotate_start(c, &(struct cek_key_rotate){"a", "k", true}, -1, seen_callback, &seen, NULL));
	assert_string_equal(r->rotate_key->active_kid, "k");
	assert_true(r->rotate_key->plan);
	cek__v1__request__free_unpacked(r, NULL);
	SENT(cek_key_set_state_start(c, &suspend, -1, seen_callback, &seen, NULL));
	assert_int_equal(r->set_key_state->state, CEK__V1__STATE__STATE_SUSPENDED);
	assert_int_equal(r->set_key_state->until, 5);
	assert_string_equal(r->set_key_state->reason, "why");
	cek__v1__request__free_unpacked(r, NULL);
	SENT(cek_key_destroy_start(c, &destroy, -1, seen_callback, &seen, NULL));
	assert_true(r->destroy_version->force);
	assert_int_equal(r->destroy_version->wait, 60);
	cek__v1__request__free_unpacked(r, NULL);
	SENT(cek_key_describe_start(c, &(struct cek_key_describe){.kid = "k"}, -1, seen_callback, &seen, NULL));
	assert_string_equal(r->describe_key->kid, "k");
	assert_int_equal(r->describe_key->before, 0);
	cek__v1__request__free_unpacked(r, NULL);
	SENT(cek_key_versions_start(c, &(struct cek_key_versions){"a", 9, true}, -1, seen_callback, &seen, NULL));
	assert_string_equal(r->describe_key->key, "a");
	assert_int_equal(r->describe_key->before, 9);
	assert_true(r->describe_key->brief);
	cek__v1__request__free_unpacked(r, NULL);
	SENT(cek_key_list_start(c, &(struct cek_key_list){"m"}, -1, seen_callback, &seen, NULL));
	assert_string_equal(r->list_keys->after, "m");
	cek__v1__request__free_unpacked(r, NULL);
	SENT(cek_public_keys_start(c, &(struct cek_public_keys){names, 2}, -1, seen_callback, &seen, NULL));
	assert_int_equal(r->get_public_keys->n_key, 2);
	assert_string_equal(r->get_public_keys->key[1], "b");
	cek__v1__request__free_unpacked(r, NULL);
	SENT(cek_status_start(c, -1, seen_callback, &seen, NULL));
	assert_int_equal(r->op_case, CEK__V1__REQUEST__OP_STATUS);
	cek__v1__request__free_unpacked(r, NULL);
#undef SENT
	stub->conn = cek_conn_free(stub->conn);
	assert_int_equal(seen.count, 9);
}

/* A request that the caller packed gets libcek's id, whatever id it had. */
static void test_packed_request(void **state)
{
	Cek__V1__Request message = CEK__V1__REQUEST__INIT;
	Cek__V1__MetricsRequest metrics = CEK__V1__METRICS_REQUEST__INIT;
	struct stub *stub = *state;
	struct seen seen = {0};
	Cek__V1__Request *r;
	uint8_t packed[64];
	size_t len;

	message.id = UINT64_MAX;
	message.deadline_ms = 77;
	message.op_case = CEK__V1__REQUEST__OP_METRICS;
	message.metrics = &metrics;
	len = cek__v1__request__pack(&message, packed);
	assert_int_equal(cek_request_start(stub->conn, packed, len, -1, seen_callback, &seen, NULL), CEK_OK);
	r = stub_request(stub);
	assert_int_equal(r->op_case, CEK__V1__REQUEST__OP_METRICS);
	assert_int_equal(r->id, 1 << CALL_INDEX_BITS);
	assert_int_equal(r->deadline_ms, 77);
	cek__v1__request__free_unpacked(r, NULL);
	assert_int_equal(cek_request_start(stub->conn, packed, len, 5000, seen_callback, &seen, NULL), CEK_OK);
	r = stub_request(stub);
	assert_int_equal(r->deadline_ms, 5000);
	stub_reply_status(stub, r->id, CEK__V1__STATUS__STATUS_DENIED, "no\x1b[31m");
	cek__v1__request__free_unpacked(r, NULL);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(seen.status, CEK_DENIED);
	assert_string_equal(cek_result_message(seen.kept), "no?[31m");
	assert_int_equal(cek_result_reply(seen.kept).len, 5 + 2 + 2 + 7);
	stub->conn = cek_conn_free(stub->conn);
	seen_free(&seen);
}

static void test_timeouts_in_order(void **state)
{
	struct stub *stub = *state;
	struct seen seen[50] = {0};
	unsigned seed = 3;

	for (unsigned i = 0; i < 50; i++) {
		cek_call *call = stub_unwrap(stub, 100000 + rand_r(&seed) % 1000, seen_callback, &seen[i]);

		if (i % 3 == 0)
			cek_call_cancel(call);
	}
	for (unsigned i = 0; i < 50; i += 3)
		assert_int_equal(seen[i].status, CEK_E_CANCELLED);
	assert_int_equal(stub->conn->calls.timers.len, 33);
	for (uint64_t last = 0; stub->conn->calls.timers.len > 0;) {
		struct heap_node *first = heap_first(&stub->conn->calls.timers);

		assert_true(first->key >= last);
		last = first->key;
		cek_call_cancel(list_entry(first, cek_call, timer));
	}
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(seen[i].count, 1);
}

/* Only what is still wanted is sent. */
static void test_cancel_before_it_was_written(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	cek_call *calls[5];
	uint64_t ids[5];

	for (unsigned i = 0; i < 5; i++) {
		calls[i] = stub_unwrap(stub, -1, seen_callback, &seen);
		ids[i] = calls[i]->id;
	}
	cek_call_cancel(calls[0]);
	cek_call_cancel(calls[2]);
	cek_call_cancel(calls[4]);
	assert_int_equal(seen.count, 3);
	assert_int_equal(stub_request_id(stub), ids[1]);
	assert_int_equal(stub_request_id(stub), ids[3]);
	assert_int_equal(stream_pending(&stub->conn->out), 0);
	stub_reply_cek(stub, ids[3], 1, 32);
	stub_reply_cek(stub, ids[1], 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 5);
	seen_free(&seen);
}

static void test_cancel_afterwards(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0}, other = {0};
	cek_call *call = stub_unwrap(stub, -1, seen_callback, &seen);
	uint64_t id = stub_request_id(stub), next;

	cek_call_cancel(call);
	assert_int_equal(seen.status, CEK_E_CANCELLED);
	assert_ptr_equal(stub_unwrap(stub, -1, seen_callback, &other), call); /* the same memory, another id */
	next = stub_request_id(stub);
	assert_int_not_equal(next, id);
	stub_reply_cek(stub, id, 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(other.count, 0);
	stub_reply_cek(stub, next, 1, 32);
	stub_reply_cek(stub, next, 1, 32); /* twice: the second finds nobody */
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(other.count, 1);
	seen_free(&other);
}

static void cancel_itself(cek_call *call, cek_result *result, void *userdata)
{
	seen_callback(call, result, userdata);
	cek_call_cancel(call);
}

static void cancel_other(cek_call *call, cek_result *result, void *userdata)
{
	cek_call_cancel(*(cek_call **)userdata);
}

static void test_cancel_inside_callback(void **state)
{
	struct stub *stub = *state;
	struct seen self = {0}, other = {0};
	cek_call *victim;

	stub_unwrap(stub, -1, cancel_itself, &self);
	stub_unwrap(stub, -1, cancel_other, &victim);
	victim = stub_unwrap(stub, -1, seen_callback, &other);
	for (unsigned i = 0; i < 3; i++)
		stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(self.count, 1);
	assert_int_equal(self.status, CEK_OK);
	assert_int_equal(other.count, 1);
	assert_int_equal(other.status, CEK_E_CANCELLED);
	seen_free(&self);
}

static void test_watch(void **state)
{
	struct stub *stub = *state;
	struct seen first = {0}, second = {0};
	cek_call *call;
	uint64_t id, id_2;

	assert_int_equal(cek_watch_start(stub->conn, seen_callback, &first, NULL), CEK_OK);
	id = stub_request_id(stub);
	stub_reply_epoch(stub, id, 5);
	cek_conn_process(stub->conn);
	assert_int_equal(first.count, 1);
	assert_int_equal(first.epoch, 5);
	assert_int_equal(cek_conn_epoch(stub->conn), 5);
	assert_int_equal(cek_watch_start(stub->conn, seen_callback, &second, &call), CEK_OK);
	id_2 = stub_request_id(stub);
	stub_reply_epoch(stub, id_2, 5);
	stub_reply_epoch(stub, id_2, 6); /* from now on cekd answers the second only */
	assert_int_equal(cek_conn_process(stub->conn), 2);
	assert_int_equal(first.count, 2);
	assert_int_equal(second.count, 2);
	cek_call_cancel(call);
	assert_int_equal(second.status, CEK_E_CANCELLED);
	stub_reply_epoch(stub, id_2, 9);
	cek_conn_process(stub->conn);
	assert_int_equal(first.epoch, 9);
	assert_int_equal(first.count, 3);
	stub_hang_up(stub);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(first.count, 4);
	assert_int_equal(first.status, CEK_E_DISCONNECTED);
	assert_int_equal(second.count, 3);
}

/* cekd refuses a second watch on a connection that has one: here it is one all the same. */
static void test_second_watch(void **state)
{
	struct stub *stub = *state;
	Cek__V1__Reply refusal = CEK__V1__REPLY__INIT;
	struct seen first = {0}, second = {0};
	cek_call *call;
	uint64_t id;

	assert_int_equal(cek_watch_start(stub->conn, seen_callback, &first, &call), CEK_OK);
	id = stub_request_id(stub);
	stub_reply_epoch(stub, id, 5);
	assert_int_equal(cek_watch_start(stub->conn, seen_callback, &second, NULL), CEK_OK);
	refusal.id = stub_request_id(stub);
	refusal.status = CEK__V1__STATUS__STATUS_CONFLICT;
	refusal.epoch = 5;
	stub_reply(stub, &refusal);
	assert_int_equal(cek_conn_process(stub->conn), 2);
	assert_int_equal(second.status, CEK_OK);
	assert_int_equal(second.count, 1);
	cek_call_cancel(call);
	stub_reply_epoch(stub, id, 8);
	assert_int_equal(cek_conn_process(stub->conn), 1);
	assert_int_equal(second.epoch, 8);
	stub->conn = cek_conn_free(stub->conn);
	assert_int_equal(second.count, 3);
	assert_int_equal(first.status, CEK_E_CANCELLED);
	seen_free(&second);
}

static void test_watch_cancelled_inside(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};

	/* The nested callback comes with E_CANCELLED and then cancels nothing any more. */
	assert_int_equal(cek_watch_start(stub->conn, cancel_itself, &seen, NULL), CEK_OK);
	stub_reply_epoch(stub, stub_request_id(stub), 5);
	assert_int_equal(cek_conn_process(stub->conn), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.status, CEK_E_CANCELLED);
}

/* The waiting calls, with replies written beforehand: ids count from 1, and nothing is read before the request is
 * sent. */
static void test_waiting(void **state)
{
	const struct cek_unwrap unwrap = {.kid = "k", .alg = "A256KW", .enc = "A256GCM"};
	struct stub *stub = *state;
	struct seen seen = {0};
	cek_result *result = NULL;

	stub_unwrap(stub, -1, seen_callback, &seen);
	stub_reply_cek(stub, stub_request_id(stub), 1, 32);
	cek_conn_process(stub->conn);
	seen_free(&seen);

	stub_reply_cek(stub, 2 << CALL_INDEX_BITS, 3, 32);
	assert_int_equal(cek_unwrap(stub->conn, &unwrap, 60000, &result), CEK_OK);
	assert_int_equal(cek_result_status(result), CEK_OK);
	assert_int_equal(cek_result_cek(result).len, 32);
	assert_string_equal(cek_result_kid(result), "kid-1");
	assert_string_equal(cek_result_key(result), "api");
	assert_int_equal(cek_result_epoch(result), 7);
	assert_null(cek_result_free(result));

	stub_reply_status(stub, 3 << CALL_INDEX_BITS, CEK__V1__STATUS__STATUS_FAILED, "cannot open");
	assert_int_equal(cek_unwrap(stub->conn, &unwrap, 60000, &result), CEK_FAILED);
	assert_string_equal(cek_result_message(result), "cannot open");
	assert_int_equal(cek_result_cek(result).len, 0);
	cek_result_free(result);
	stub_reply_status(stub, 4 << CALL_INDEX_BITS, CEK__V1__STATUS__STATUS_FAILED, "");
	assert_int_equal(cek_unwrap(stub->conn, &unwrap, 60000, NULL), CEK_FAILED);

	assert_int_equal(cek_unwrap(stub->conn, &unwrap, 0, &result), CEK_E_TIMEOUT);
	assert_string_equal(cek_result_message(result), cek_status_text(CEK_E_TIMEOUT));
	assert_null(cek_result_free(result));
	assert_int_equal(cek_unwrap(stub->conn, NULL, 0, &result), CEK_E_INVALID);
	assert_null(result);
	cek_conn_set_limits(stub->conn, 1, 0);
	stub_unwrap(stub, -1, seen_callback, &seen);
	assert_int_equal(cek_unwrap(stub->conn, &unwrap, 0, &result), CEK_E_FULL);
	assert_int_equal(cek_result_status(result), CEK_E_FULL);
	stub->conn = cek_conn_free(stub->conn);
}

static void test_wire(void **state)
{
	uint8_t data[WIRE_VARINT_FIELD_MAX];
	uint64_t id;

	assert_int_equal(wire_put_field(data, WIRE_FIELD_ID, UINT64_MAX), WIRE_VARINT_FIELD_MAX);
	assert_true(wire_scan(data, sizeof(data), &id));
	assert_true(id == UINT64_MAX);
	for (size_t len = 1; len < sizeof(data); len++)
		assert_false(wire_scan(data, len, &id));
	assert_true(wire_scan(data, 0, &id));
	assert_int_equal(id, 0);
	assert_true(wire_scan((const uint8_t *)"\x08\x01\x08\x02", 4, &id));
	assert_int_equal(id, 2);
	assert_true(wire_scan((const uint8_t *)"\x15"
					       "abcd\x19"
					       "abcdefgh\x22\x02hi",
		18, &id));
	assert_false(wire_scan((const uint8_t *)"\x0b", 1, &id)); /* groups are not for us */
	assert_false(wire_scan((const uint8_t *)"\x00\x01", 2, &id));
}

#define WITH_STUB(function) cmocka_unit_test_setup_teardown(function, stub_setup, stub_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STUB(test_arguments),
		WITH_STUB(test_largest_request),
		WITH_STUB(test_unwrap_and_wrap_travel),
		WITH_STUB(test_key_operations_travel),
		WITH_STUB(test_packed_request),
		WITH_STUB(test_timeouts_in_order),
		WITH_STUB(test_cancel_before_it_was_written),
		WITH_STUB(test_cancel_afterwards),
		WITH_STUB(test_cancel_inside_callback),
		WITH_STUB(test_watch),
		WITH_STUB(test_second_watch),
		WITH_STUB(test_watch_cancelled_inside),
		WITH_STUB(test_waiting),
		cmocka_unit_test(test_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
