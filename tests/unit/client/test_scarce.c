/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each call of libcek once for each of its allocations, with that one failing: it says so at once or in its callback,
 * once, and the connection serves the next call.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "proto/frame.h"
#include "tests/unit/client/stub_cekd.h"
#include "tests/unit/scarce.h"

enum {
	ROUNDS = 5000,
	PAUSE_MS = 10, /* that it may wait in one round for what libcek waits for: the time to connect again */
};

size_t __real_cek_conn_process(cek_conn *conn);
size_t __wrap_cek_conn_process(cek_conn *conn);

/* The other side has all the memory that it wants. */
size_t __wrap_cek_conn_process(cek_conn *conn)
{
	size_t open;

	scarce_on(true);
	open = __real_cek_conn_process(conn);
	scarce_on(false);
	return open;
}

/* ---- cekd ---------------------------------------------------------------------------------------------------- */

static Cek__V1__Key *some_key(void)
{
	static uint8_t octets[64] = {1, 2, 3};
	static Cek__V1__PublicKey public_key;
	static Cek__V1__Version version, *versions[1];
	static Cek__V1__Key key;

	public_key = (Cek__V1__PublicKey)CEK__V1__PUBLIC_KEY__INIT;
	public_key.kty = (char *)"EC";
	public_key.crv = (char *)"P-256";
	public_key.x = public_key.y = (ProtobufCBinaryData){32, octets};
	version = (Cek__V1__Version)CEK__V1__VERSION__INIT;
	version.kid = (char *)"kid-1";
	version.state = CEK__V1__STATE__STATE_ACTIVE;
	version.cka_id = (ProtobufCBinaryData){16, octets};
	version.public_key = &public_key;
	versions[0] = &version;
	key = (Cek__V1__Key)CEK__V1__KEY__INIT;
	key.name = (char *)"api";
	key.alg = (char *)"ECDH-ES";
	key.version = versions;
	key.n_version = 1;
	return &key;
}

/* To a client that may have given the connection up. */
static void send_reply(struct stub *stub, const Cek__V1__Reply *reply)
{
	uint8_t frame[4096];
	size_t len = cek__v1__reply__pack(reply, frame + FRAME_HEADER);

	frame_header(frame, len);
	if (send(stub->peer, frame, FRAME_HEADER + len, MSG_NOSIGNAL) < 0)
		stub_hang_up(stub);
}

static void answer(struct stub *stub, const Cek__V1__Request *request)
{
	static uint8_t octets[64] = {4, 5, 6};
	Cek__V1__Reply reply = CEK__V1__REPLY__INIT;
	Cek__V1__UnwrapReply unwrap = CEK__V1__UNWRAP_REPLY__INIT;
	Cek__V1__WrapReply wrap = CEK__V1__WRAP_REPLY__INIT;
	Cek__V1__RewrapReply rewrap = CEK__V1__REWRAP_REPLY__INIT;
	Cek__V1__KeyReply key = CEK__V1__KEY_REPLY__INIT;
	Cek__V1__ListKeysReply list = CEK__V1__LIST_KEYS_REPLY__INIT;
	Cek__V1__Key *keys[] = {some_key()};
	char kid[] = "kid-1", alg[] = "A256KW";

	reply.id = request->id;
	reply.status = CEK__V1__STATUS__STATUS_OK;
	reply.epoch = 7;
	switch (request->op_case) {
	case CEK__V1__REQUEST__OP_UNWRAP:
		unwrap.cek = (ProtobufCBinaryData){32, octets};
		unwrap.kid = kid;
		reply.result_case = CEK__V1__REPLY__RESULT_UNWRAP;
		reply.unwrap = &unwrap;
		break;
	case CEK__V1__REQUEST__OP_WRAP:
		wrap.encrypted_key = (ProtobufCBinaryData){40, octets};
		wrap.kid = kid;
		wrap.alg = alg;
		reply.result_case = CEK__V1__REPLY__RESULT_WRAP;
		reply.wrap = &wrap;
		break;
	case CEK__V1__REQUEST__OP_REWRAP:
		rewrap.encrypted_key = (ProtobufCBinaryData){40, octets};
		rewrap.kid = kid;
		rewrap.alg = alg;
		reply.result_case = CEK__V1__REPLY__RESULT_REWRAP;
		reply.rewrap = &rewrap;
		break;
	case CEK__V1__REQUEST__OP_LIST_KEYS:
		list.key = keys;
		list.n_key = 1;
		reply.result_case = CEK__V1__REPLY__RESULT_LIST_KEYS;
		reply.list_keys = &list;
		break;
	case CEK__V1__REQUEST__OP_CREATE_KEY:
	case CEK__V1__REQUEST__OP_ROTATE_KEY:
	case CEK__V1__REQUEST__OP_SET_KEY_STATE:
	case CEK__V1__REQUEST__OP_DESTROY_VERSION:
	case CEK__V1__REQUEST__OP_DESCRIBE_KEY:
		key.key = keys[0];
		reply.result_case = CEK__V1__REPLY__RESULT_KEY;
		reply.key = &key;
		break;
	default:
		reply.status = CEK__V1__STATUS__STATUS_NOT_IMPLEMENTED;
	}
	send_reply(stub, &reply);
}

static bool waits(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&poll_fd, 1, 0) == 1;
}

/* Accept and answer what has come; a connection that was given up is forgotten. */
static void serve(struct stub *stub)
{
	uint8_t first;

	if (waits(stub->listener)) {
		stub_hang_up(stub);
		stub_accept(stub);
	}
	while (waits(stub->peer)) {
		cek_conn *conn = stub->conn;
		Cek__V1__Request *request;

		if (recv(stub->peer, &first, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
			stub_hang_up(stub);
			return;
		}
		stub->conn = NULL; /* it is not turned by who reads */
		request = stub_request(stub);
		stub->conn = conn;
		answer(stub, request);
		cek__v1__request__free_unpacked(request, NULL);
	}
}

/* ---- calls --------------------------------------------------------------------------------------------------- */

static const struct cek_unwrap unwrap_args = {.kid = "kid-1",
	.alg = "A256KW",
	.enc = "A256GCM",
	.encrypted_key = {"0123456789", 10}};

typedef int start_fn(cek_conn *conn, struct seen *seen);

#define START(NAME, ...)                                                                     \
	static int start_##NAME(cek_conn *conn, struct seen *seen)                           \
	{                                                                                    \
		return cek_##NAME##_start(conn, __VA_ARGS__, -1, seen_callback, seen, NULL); \
	}

START(unwrap, &unwrap_args)
START(wrap, &(struct cek_wrap){.key = "api", .enc = "A256GCM", .cek = {"01234567890123456789012345678901", 32}})
START(rewrap, &(struct cek_rewrap){.from = unwrap_args, .to_key = "b"})
START(key_create, &(struct cek_key_create){.key = "api", .alg = "A256KW"})
START(key_rotate, &(struct cek_key_rotate){.key = "api", .active_kid = "kid-1"})
START(key_set_state, &(struct cek_key_set_state){.kid = "kid-1", .state = CEK_STATE_SUSPENDED})
START(key_destroy, &(struct cek_key_destroy){.kid = "kid-1", .reason = "old"})
START(key_describe, &(struct cek_key_describe){.key = "api"})
START(key_versions, &(struct cek_key_versions){.key = "api"})
START(key_list, &(struct cek_key_list){.after = "a"})

static int start_defer(cek_conn *conn, struct seen *seen)
{
	return cek_defer_start(conn, seen_callback, seen, NULL);
}

static const struct {
	const char *name;
	start_fn *start;
} rows[] = {
	{"unwrap", start_unwrap},
	{"wrap", start_wrap},
	{"rewrap", start_rewrap},
	{"create", start_key_create},
	{"rotate", start_key_rotate},
	{"set_state", start_key_set_state},
	{"destroy", start_key_destroy},
	{"describe", start_key_describe},
	{"versions", start_key_versions},
	{"list", start_key_list},
	{"defer", start_defer},
};

static void wait_for(const cek_conn *conn)
{
	struct pollfd poll_fd = {.fd = cek_conn_fd(conn), .events = POLLIN};
	const int timeout = cek_conn_timeout(conn);

	(void)poll(&poll_fd, 1, timeout >= 0 && timeout < PAUSE_MS ? timeout : PAUSE_MS);
}

/* Start it and serve until it has ended: its status. */
static int run(struct stub *stub, start_fn *start)
{
	struct seen seen = {0};
	int r;

	scarce_on(true);
	r = start(stub->conn, &seen);
	scarce_on(false);
	if (r != CEK_OK) {
		assert_int_equal(seen.count, 0);
		return r;
	}
	for (int i = 0; i < ROUNDS && seen.count == 0; i++) {
		cek_conn_process(stub->conn);
		serve(stub);
		if (seen.count == 0)
			wait_for(stub->conn);
	}
	assert_int_equal(seen.count, 1);
	r = seen.status;
	if (r == CEK_OK && seen.kept)
		assert_int_equal(cek_result_status(seen.kept), CEK_OK);
	seen_free(&seen);
	return r;
}

/* On a fresh connection, and on one that has served. */
static bool try_without(start_fn *start, bool fresh, size_t n, unsigned *ret_refused)
{
	void *state;
	struct stub *stub;
	bool failed;
	int r;

	stub_setup(&state);
	stub = state;
	if (!fresh)
		assert_int_equal(run(stub, start_unwrap), CEK_OK);
	scarce_arm(n);
	r = run(stub, start);
	failed = scarce_failed();
	scarce_arm(0);
	if (!failed)
		assert_int_equal(r, CEK_OK);
	*ret_refused += r != CEK_OK;
	assert_int_equal(run(stub, start), CEK_OK);
	stub_teardown(&state);
	return failed;
}

static void test_each_call_at_each_allocation(void **state)
{
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = 1;
		unsigned refused = 0;

		while (try_without(rows[i / 2].start, i % 2 > 0, n, &refused))
			n++;
		print_message("# %s: %zu allocations, refused for %u\n", rows[i / 2].name, n - 1, refused);
		if (i % 2 > 0 && rows[i / 2].start != start_defer)
			assert_true(refused > 0);
	}
}

static void test_no_connection_object(void **state)
{
	cek_conn *conn = NULL;
	size_t n = 1;
	int r;

	do {
		scarce_arm(n++);
		scarce_on(true);
		r = cek_conn_new("/nowhere", &conn);
		scarce_on(false);
		if (scarce_failed()) {
			assert_int_equal(r, CEK_E_NOMEM);
			assert_null(conn);
		}
	} while (scarce_failed());
	scarce_arm(0);
	assert_int_equal(r, CEK_OK);
	assert_true(n > 2);
	cek_conn_free(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_connection_object),
		cmocka_unit_test(test_each_call_at_each_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
