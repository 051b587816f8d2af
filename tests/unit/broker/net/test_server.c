/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections alone: what they tell is kept, and no request is made of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/broker/net/output.h"
#include "daemon/broker/net/server.h"
#include "proto/frame.h"

struct test {
	struct turn turn;
	struct ring ring;
	struct policy policy;
	struct quota quota;
	struct audit audit;
	struct server server;
	char dir[64];
	struct sockaddr_un address;
	int client;
	struct peer *peer; /* that sent the last frame */
	char frames[64];   /* the bodies, one after the other */
	enum status refused;
	struct link request;
	unsigned gone;
};

static void on_frame(void *owner, struct peer *peer, const uint8_t *body, size_t len)
{
	struct test *test = owner;

	test->peer = peer;
	strncat(test->frames, (const char *)body, len);
}

static void on_no_frame(void *owner, struct peer *peer, enum status status, const char *text)
{
	((struct test *)owner)->refused = status;
}

static void on_gone(void *owner, struct link *request)
{
	struct test *test = owner;

	assert_ptr_equal(request, &test->request);
	test->gone++;
}

static const struct server_events events = {.frame = on_frame, .no_frame = on_no_frame, .gone = on_gone};

static int setup(void **state)
{
	struct test *test = calloc(1, sizeof(*test));
	const struct server_uses uses = {.turn = &test->turn,
		.ring = &test->ring,
		.policy = &test->policy,
		.quota = &test->quota,
		.audit = &test->audit};
	Limits limits = CEK__INTERNAL__V1__LIMITS__INIT;
	char *names[] = {(char *)"main"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!test || turn_init(&test->turn) < 0 || audit_init(&test->audit, &test->turn.pulse, "test", false) < 0)
		return -1;
	turn_set_limits(&test->turn, &limits);
	ring_init(&test->ring);
	quota_init(&test->quota, 100, 100);
	snprintf(test->dir, sizeof(test->dir), "/tmp/server-test-XXXXXX");
	assert_non_null(mkdtemp(test->dir));
	test->address.sun_family = AF_UNIX;
	snprintf(test->address.sun_path, sizeof(test->address.sun_path), "%s/socket", test->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&test->address, sizeof(test->address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(server_init(&test->server, &uses, &events, test, names, &fd, 1), 0);
	server_begin(&test->server);
	test->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	list_init(&test->request);
	*state = test;
	return connect(test->client, (struct sockaddr *)&test->address, sizeof(test->address));
}

static int teardown(void **state)
{
	struct test *test = *state;

	server_deinit(&test->server);
	audit_deinit(&test->audit);
	quota_deinit(&test->quota);
	ring_deinit(&test->ring);
	turn_deinit(&test->turn);
	close(test->client);
	unlink(test->address.sun_path);
	rmdir(test->dir);
	free(test);
	return 0;
}

static void turn(struct test *test)
{
	for (int i = 0; i < 4; i++) {
		turn_handle(&test->turn, false);
		turn_timers(&test->turn);
		server_flush(&test->server);
	}
}

static void send_frame(struct test *test, const char *body)
{
	uint8_t frame[64];

	frame_header(frame, strlen(body));
	memcpy(frame + FRAME_HEADER, body, strlen(body));
	assert_int_equal(send(test->client, frame, FRAME_HEADER + strlen(body), 0), FRAME_HEADER + strlen(body));
}

static ssize_t received(struct test *test)
{
	uint8_t data[256];

	return recv(test->client, data, sizeof(data), MSG_DONTWAIT);
}

static void test_frames_whole_and_in_parts(void **state)
{
	struct test *test = *state;
	const uint8_t parts[] = {0, 0, 0, 3, 'x', 'y', 'z'};

	send_frame(test, "ab");
	send_frame(test, "cd");
	turn(test);
	assert_string_equal(test->frames, "abcd");
	for (size_t i = 0; i < sizeof(parts); i++) {
		assert_string_equal(test->frames, "abcd");
		assert_int_equal(send(test->client, &parts[i], 1, 0), 1);
		turn(test);
	}
	assert_string_equal(test->frames, "abcdxyz");
	assert_int_equal(test->server.n_peers, 1);
	assert_int_equal(test->server.chunks.in_use, 0);
}

static void test_what_is_no_frame(void **state)
{
	struct test *test = *state;

	assert_int_equal(send(test->client, "\xff\xff\xff\xff", 4, 0), 4);
	turn(test);
	assert_int_equal(test->refused, STATUS_TOO_LARGE);
	assert_int_equal(test->server.malformed_frames, 1);
	assert_int_equal(test->server.n_peers, 0); /* nobody has answered: there is nothing to be written first */
	assert_int_equal(received(test), 0);
}

/* A reply leaves when its record does. */
static void test_a_reply_and_its_record(void **state)
{
	struct test *test = *state;

	send_frame(test, "ab");
	turn(test);
	test->audit.last = 1;
	peer_send(test->peer, (const uint8_t *)"reply", 5, 1);
	turn(test);
	assert_int_equal(received(test), -1);
	test->audit.sent = 1;
	turn(test);
	assert_int_equal(received(test), 5);
	peer_send(test->peer, (const uint8_t *)"more", 4, 0);
	turn(test);
	assert_int_equal(received(test), 4);
}

/* Reading goes on when there is room for the reply to one more. */
static void test_no_more_frames_than_requests_may_be_open(void **state)
{
	struct test *test = *state;

	test->turn.limits.requests_per_connection = 1;
	send_frame(test, "ab");
	turn(test);
	test->peer->n_requests = 1;
	send_frame(test, "cd");
	turn(test);
	assert_string_equal(test->frames, "ab");
	test->peer->n_requests = 0;
	peer_touch(test->peer);
	turn(test);
	assert_string_equal(test->frames, "abcd");
}

/* What was sent before is read, also if reading had paused; what comes later fails where it is sent. */
static void test_drained(void **state)
{
	struct test *test = *state;

	test->turn.limits.requests_per_connection = 1;
	send_frame(test, "ab");
	turn(test);
	test->peer->n_requests = 1;
	send_frame(test, "cd");
	send_frame(test, "ef");
	turn(test);
	send_frame(test, "gh");
	test->turn.draining = true;
	server_drain(&test->server);
	assert_int_equal(send(test->client, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	turn(test);
	assert_string_equal(test->frames, "ab");
	assert_false(server_idle(&test->server));
	test->turn.limits.requests_per_connection = 10;
	peer_touch(test->peer);
	turn(test);
	assert_string_equal(test->frames, "abcdefgh");
	assert_false(server_idle(&test->server)); /* none of them is answered */
	peer_send(test->peer, (const uint8_t *)"reply", 5, 0);
	test->peer->n_requests = 0;
	turn(test);
	assert_true(server_idle(&test->server));
	assert_int_equal(received(test), 5);
	assert_int_equal(received(test), 0);
}

static void test_open_requests_learn_that_their_peer_has_gone(void **state)
{
	struct test *test = *state;

	send_frame(test, "ab");
	turn(test);
	list_append(&test->peer->requests, &test->request);
	test->peer->n_requests = 1;
	close(test->client);
	test->client = -1;
	turn(test);
	assert_int_equal(test->server.n_peers, 1); /* it may still read its reply */
	test->peer->broken = true;
	peer_touch(test->peer);
	turn(test);
	assert_int_equal(test->gone, 1);
	assert_int_equal(test->server.n_peers, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_frames_whole_and_in_parts),
		TEST(test_what_is_no_frame),
		TEST(test_a_reply_and_its_record),
		TEST(test_no_more_frames_than_requests_may_be_open),
		TEST(test_drained),
		TEST(test_open_requests_learn_that_their_peer_has_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
