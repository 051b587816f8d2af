/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections at their bounds: pipelining, quotas, peers that do not read, say nothing, or go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/net/net.h"
#include "proto/frame.h"
#include "tests/unit/broker/broker_calls.h"

static struct peer *first_peer(struct rig *rig)
{
	return list_entry(rig->broker.server.peers.next, struct peer, link);
}

/* Read without looking for replies. */
static size_t read_some(struct rig_client *client)
{
	ssize_t n = recv(client->fd, client->data + client->len, 2048, MSG_DONTWAIT);

	client->len += n > 0 ? (size_t)n : 0;
	return n > 0 ? (size_t)n : 0;
}

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
	request = call_unwrap(kid, NULL);
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
	assert_int_equal(rig->broker.server.chunks.in_use, 0);
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
		rig_send(&client, call_unwrap(kid, NULL));
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
		rig_send(&client, call_unwrap(kid, NULL));
		rig_run(rig);
	}
	assert_int_equal(count_status(&client, STATUS_OVERLOADED, &all), 1);
	assert_int_equal(all, 1);
	rig->use[0].deaf = rig->use[1].deaf = false;
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 4);
	rig->use[0].deaf = rig->use[1].deaf = true;
	rig->broker.turn.limits.queue = 100;
	for (int i = 0; i < 6; i++)
		rig_send(&client, call_unwrap(kid, NULL));
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
	request = call_unwrap(kid, NULL);
	len = cek__v1__request__pack(request, frame + FRAME_HEADER);
	frame_header(frame, len);
	while (send(client.fd, frame, FRAME_HEADER + len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		(ssize_t)(FRAME_HEADER + len)) {
		sent++;
		rig_run(rig);
		assert_true(rig->broker.server.chunks.in_use * CHUNK_DATA < 300000);
		assert_true(sent < 1000000);
	}
	assert_int_equal(rig->broker.server.n_peers, 1);
	while (rig->broker.server.n_peers > 0) /* until it is closed at its bound */
		broker_turn(&rig->broker, true);
	assert_int_equal(rig->broker.server.closed_stalled, 1);
	assert_int_equal(rig->broker.server.chunks.in_use, 0);
	rig_close(&client);
	assert_serves(rig, kid);
	free(kid);
}

/* A user with more unread replies than it may have gets one at a time on each connection, and loses none. */
/* Lists of this size overfill the sockets between broker and client. */
static size_t send_lists(struct rig *rig, struct rig_client *client, int n)
{
	Cek__V1__ListKeysRequest list = CEK__V1__LIST_KEYS_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;

	request.op_case = CEK__V1__REQUEST__OP_LIST_KEYS;
	request.list_keys = &list;
	for (int i = 0; i < n; i++)
		rig_send(client, &request);
	rig_run(rig);
	return first_peer(rig)->output.len;
}

/* Three groups of replies. The records of the first are on disk, but its replies do not fit into the socket; those of
 * the second become durable when a part of the first has been written. The third stays in. */
static void test_no_reply_overtakes_its_record_after_a_partial_write(void **state)
{
	const int small = 4096;
	struct rig *rig = *state;
	struct rig_client client;
	struct peer *peer;
	uint64_t second;
	size_t first, behind;
	char name[] = "key-00";

	rig->audit_durable = true;
	rig_start(rig);
	rig_connect(rig, &client);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "key-%02d", i);
		free(rig_create(rig, &client, name, "A256KW"));
	}
	peer = first_peer(rig);
	assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	first = send_lists(rig, &client, 8);
	assert_true(first > 0); /* a part is in the socket, this is the rest */
	rig->journal.mute = true;
	assert_true(send_lists(rig, &client, 1) > first);
	second = rig->journal.audit_n;
	behind = send_lists(rig, &client, 1);
	assert_true(peer->mark > 0 && peer->mark <= second);
	while (peer->output.len == behind) { /* make room: more of the first group follows */
		assert_true(read_some(&client) > 0);
		rig_run(rig);
	}
	assert_true(peer->released > 0); /* not all of it */
	rig_audit_done_up_to(rig, second);
	for (int i = 0; i < 200; i++) {
		read_some(&client);
		rig_run(rig);
	}
	assert_int_equal(peer->released, 0);
	assert_int_equal(count_status(&client, STATUS_OK, &behind), 9);
	assert_null(rig_reply(&client));
	assert_int_equal(client.len, 0);
	rig_audit_done(rig);
	for (int i = 0; i < 200; i++) {
		read_some(&client);
		rig_run(rig);
	}
	assert_int_equal(count_status(&client, STATUS_OK, &behind), 1);
	assert_int_equal(client.len, 0);
	rig_close(&client);
}

static void test_a_user_that_does_not_read(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	const struct peer *peer;
	uint8_t frame[256];
	size_t len, all, sent = 0, answered = 0, most = 0;

	rig_start(rig);
	rig_connect(rig, &client);
	rig->broker.turn.output_per_user = 0;
	peer = list_entry(rig->broker.server.peers.next, struct peer, link);
	len = cek__v1__request__pack(call_unwrap("none", NULL), frame + FRAME_HEADER);
	frame_header(frame, len);
	len += FRAME_HEADER;
	while (send(client.fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len) {
		sent++;
		rig_run(rig);
		most = peer->user->output > most ? peer->user->output : most;
	}
	assert_in_range(most, 1, REPLY_SMALL);
	while (count_status(&client, STATUS_UNKNOWN_KEY, &all), all > 0) {
		answered += all;
		rig_run(rig);
	}
	assert_int_equal(answered, sent);
	assert_int_equal(peer->user->output, 0);
	assert_int_equal(rig->broker.server.chunks.in_use, 0);
	rig_close(&client);
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
	assert_int_equal(call_for_status(rig, &half, call_status()), STATUS_OK);
	rig_send_raw(&half, part, sizeof(part));
	rig_run(rig);
	while (rig->broker.server.n_peers > 0)
		broker_turn(&rig->broker, true);
	assert_int_equal(rig->broker.server.closed_silent, 2);
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

static void test_connections_leave_descriptors_for_the_rest(void **state)
{
	struct rig *rig = *state;
	struct rlimit before, few;

	rig_start(rig);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){100, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	broker_set_limits(&rig->broker, &rig->limits);
	assert_int_equal(rig->broker.turn.limits.connections, 50);
	rig->limits.connections = 49;
	broker_set_limits(&rig->broker, &rig->limits);
	assert_int_equal(rig->broker.turn.limits.connections, 49);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* Also when no connection is there to be closed: others may have had all descriptors. */
static void test_connections_are_accepted_again(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;

	rig_start(rig);
	rig->broker.server.out_of_fds = true;
	event_del(&rig->broker.server.listeners[0].event);
	rig_connect(rig, &client);
	assert_int_equal(rig->broker.server.n_peers, 0);
	rig_run(rig);
	assert_int_equal(rig->broker.server.n_peers, 0);
	rig_beat(rig, 1);
	assert_int_equal(rig->broker.server.n_peers, 1);
	assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_OK);
	rig_close(&client);
}

/* SIGHUP takes the right to watch away: what the client has cached must not live on in the belief that it watches. */
static void test_a_watch_that_is_no_longer_allowed_ends(void **state)
{
	struct rig *rig = *state;
	struct rig_client watcher, other;
	Cek__V1__WatchRequest watch = CEK__V1__WATCH_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	Cek__Internal__V1__Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Reload reload = CEK__INTERNAL__V1__RELOAD__INIT;
	Rule rule = CEK__INTERNAL__V1__RULE__INIT, *rules[] = {&rule};
	char name[] = "less", *operations[] = {(char *)"status"};

	rig_start(rig);
	rig_connect(rig, &watcher);
	rig_connect(rig, &other);
	request.op_case = CEK__V1__REQUEST__OP_WATCH;
	request.watch = &watch;
	assert_int_equal(call_for_status(rig, &watcher, &request), STATUS_OK);
	rule.name = name;
	rule.anyone = true;
	rule.operation = operations;
	rule.n_operation = 1;
	reload.rule = rules;
	reload.n_rule = 1;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_RELOAD;
	message.reload = &reload;
	rig_control(rig, &message, NULL, 0);
	rig_run(rig);
	assert_true(rig_closed(&watcher));
	assert_int_equal(call_for_status(rig, &other, call_status()), STATUS_OK);
	assert_int_equal(call_for_status(rig, &other, &request), STATUS_DENIED);
	rig_close(&watcher);
	rig_close(&other);
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
	request = call_unwrap(kid, NULL);
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

/* A request that was answered is forgotten, its deadline too. */
static void test_a_deadline_ends_with_its_answer(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	size_t timers;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	timers = rig->broker.turn.timers.count;
	request = call_unwrap(kid, NULL);
	rig->use[0].deaf = rig->use[1].deaf = true;
	rig_send(&client, request);
	rig_run(rig);
	assert_int_equal(rig->broker.requests.in_use, 1);
	rig->use[0].deaf = rig->use[1].deaf = false;
	rig_run(rig);
	assert_int_equal(rig->broker.requests.in_use, 0);
	assert_int_equal(rig->broker.turn.timers.count, timers);
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
		rig_send(&client, call_unwrap(kid, NULL));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pipelined_requests_are_all_answered),
		TEST(test_open_requests_of_a_connection_are_bounded),
		TEST(test_overloaded_at_the_users_quota_and_at_a_full_queue),
		TEST(test_a_client_that_does_not_read),
		TEST(test_no_reply_overtakes_its_record_after_a_partial_write),
		TEST(test_a_user_that_does_not_read),
		TEST(test_a_client_that_says_nothing),
		TEST(test_connections_are_bounded),
		TEST(test_connections_leave_descriptors_for_the_rest),
		TEST(test_connections_are_accepted_again),
		TEST(test_a_watch_that_is_no_longer_allowed_ends),
		TEST(test_a_deadline_passes),
		TEST(test_a_deadline_ends_with_its_answer),
		TEST(test_a_client_that_goes_while_it_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
