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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/net/output.h"
#include "daemon/broker/net/server.h"
#include "daemon/broker/net/share.h"
#include "proto/frame.h"

struct test {
	struct turn turn;
	struct ring ring;
	struct policy policy;
	struct quota quota;
	struct audit audit;
	struct server server;
	char dir[64];
	char path[108];
	int client;
	struct peer *peer; /* that sent the last frame */
	char frames[64];   /* the bodies, one after the other */
	enum status refused;
	struct link request;
	unsigned gone;
	char other_path[108]; /* of the second listener */
	uint64_t frame_us;    /* how long a frame takes */
	unsigned n_frames[2]; /* that each listener has brought */
};

static int accept_fails; /* errno of the next accept4(); 0: it does not */
static unsigned n_accepts;
static bool is_frozen; /* no time passes */

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
uint64_t __real_clock_monotonic_us(void);
uint64_t __wrap_clock_monotonic_us(void);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	n_accepts++;
	if (accept_fails == 0)
		return __real_accept4(fd, address, len, flags);
	errno = accept_fails;
	accept_fails = 0;
	return -1;
}

uint64_t __wrap_clock_monotonic_us(void)
{
	static uint64_t last;

	if (!is_frozen)
		last = __real_clock_monotonic_us();
	return last;
}

static void on_frame(void *owner, struct peer *peer, const uint8_t *body, size_t len)
{
	struct test *test = owner;

	const uint64_t until = test->frame_us > 0 ? clock_monotonic_us() + test->frame_us : 0;

	test->peer = peer;
	test->n_frames[peer->listener_index]++;
	if (until == 0 && strlen(test->frames) + len < sizeof(test->frames))
		strncat(test->frames, (const char *)body, len);
	while (clock_monotonic_us() < until)
		continue;
	if (until > 0)
		turn_cost(&test->turn, COST_ANSWER);
}

static bool on_at_once(void *owner, const uint8_t *body, size_t len)
{
	return body[0] == '!';
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

static const struct server_events events = {.frame = on_frame,
	.at_once = on_at_once,
	.no_frame = on_no_frame,
	.gone = on_gone};

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int setup(void **state)
{
	struct test *test = calloc(1, sizeof(*test));
	const struct server_uses uses = {.turn = &test->turn,
		.ring = &test->ring,
		.policy = &test->policy,
		.quota = &test->quota,
		.audit = &test->audit};
	Limits limits = CEK__INTERNAL__V1__LIMITS__INIT;
	char *names[] = {(char *)"main", (char *)"other"};
	int fds[2];

	if (!test || turn_init(&test->turn) < 0 || audit_init(&test->audit, &test->turn.pulse, "test", false) < 0)
		return -1;
	turn_set_limits(&test->turn, &limits);
	ring_init(&test->ring);
	quota_init(&test->quota, 100, 100);
	snprintf(test->dir, sizeof(test->dir), "/tmp/server-test-XXXXXX");
	assert_non_null(mkdtemp(test->dir));
	snprintf(test->path, sizeof(test->path), "%s/socket", test->dir);
	snprintf(test->other_path, sizeof(test->other_path), "%s/other", test->dir);
	fds[0] = listen_at(test->path);
	fds[1] = listen_at(test->other_path);
	assert_int_equal(server_init(&test->server, &uses, &events, test, names, fds, 2), 0);
	server_begin(&test->server);
	test->client = connect_to(test->path);
	list_init(&test->request);
	*state = test;
	return 0;
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
	unlink(test->path);
	unlink(test->other_path);
	rmdir(test->dir);
	free(test);
	return 0;
}

static void turn(struct test *test)
{
	for (int i = 0; i < 4; i++) {
		turn_handle(&test->turn, false);
		server_serve(&test->server);
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

/* ---- users --------------------------------------------------------------------------------------------------------
 */

enum { PEERS = 20 };

/* 1,000 frames on each of so many connections of one user. */
static void connect_many(struct test *test, int fds[PEERS])
{
	uint8_t frames[1000][5];

	for (size_t i = 0; i < 1000; i++)
		memcpy(frames[i], "\0\0\0\1a", 5);
	for (size_t i = 0; i < PEERS; i++) {
		fds[i] = connect_to(test->other_path);
		assert_int_equal(send(fds[i], frames, sizeof(frames), 0), sizeof(frames));
	}
	while (test->server.n_peers < PEERS + 1)
		turn_handle(&test->turn, false);
}

static void close_all(int fds[PEERS])
{
	for (size_t i = 0; i < PEERS; i++)
		close(fds[i]);
}

static void one_turn(struct test *test)
{
	turn_handle(&test->turn, false);
	server_serve(&test->server);
	turn_timers(&test->turn);
	server_flush(&test->server);
}

/* Whoever sends one request now and then waits for the turn that was begun, and not for the 20,000 of another user. */
static void test_another_users_requests_are_not_waited_for(void **state)
{
	/* More than one where the clock counted time in which others had the processor. */
	enum { ROUNDS = 20, TURNS = 10 };
	struct test *test = *state;
	int fds[PEERS];

	test->frame_us = 50;
	connect_many(test, fds);
	for (int i = 0; i < ROUNDS; i++) {
		send_frame(test, "x");
		for (int j = 0; test->n_frames[0] == (unsigned)i; j++) {
			assert_true(j < TURNS);
			one_turn(test);
		}
	}
	assert_int_equal(test->n_frames[0], ROUNDS);
	/* A turn has a bound, and whoever waits is not forgotten. */
	assert_in_range(test->n_frames[1], ROUNDS / 2, ROUNDS * TURNS * (250 / 50));
	close_all(fds);
}

/* Of two users who both have always something to do each gets half of the time, whatever one request of theirs costs.
 */
static void test_interrupted_frames_are_gone_on_with(void **state)
{
	struct test *test = *state;
	int fds[PEERS];

	test->frame_us = 20;
	connect_many(test, fds);
	for (int i = 0; i < 200; i++)
		send_frame(test, "x");
	while (test->n_frames[0] < 200)
		one_turn(test);
	assert_true(test->n_frames[1] > 0);
	test->frame_us = 0;
	while (server_waiting(&test->server) || test->n_frames[1] < PEERS * 1000)
		one_turn(test);
	assert_int_equal(test->n_frames[1], PEERS * 1000);
	assert_int_equal(test->server.chunks.in_use, 0);
	close_all(fds);
}

static struct user *other_user(struct test *test)
{
	return quota_user(&test->quota, getuid(), 1, "other");
}

/* Half of a frame of 64 KiB on each connection, until there is no more room in the share of their user. */
static size_t send_halves(struct test *test, int fds[PEERS], size_t size)
{
	static uint8_t half[32768] = {0, 1, 0, 0};

	for (size_t i = 0; i < PEERS; i++) {
		fds[i] = connect_to(test->other_path);
		assert_int_equal(send(fds[i], half, size, 0), size);
	}
	for (int i = 0; i < 50; i++)
		one_turn(test);
	return other_user(test)->input;
}

static void finish_half(int fd, size_t left)
{
	static const uint8_t rest[65536];

	assert_int_equal(send(fd, rest, left, 0), left);
}

/* Frames that are not whole take a bounded share of memory; in spite of them all whole ones are served, and then all
 * others that become whole. */
static void test_half_frames_are_bounded(void **state)
{
	struct test *test = *state;
	const size_t size = 32768, most = 5 * (4 + 65536);
	int fds[PEERS], fd;
	struct user *user;

	test->turn.locked_most = 0; /* a share as small as it gets */
	assert_in_range(send_halves(test, fds, size), size, most);
	user = other_user(test);
	fd = connect_to(test->other_path);
	assert_int_equal(send(fd, "\0\0\0\1a\0\0\0\1b", 10, 0), 10);
	for (int i = 0; i < 10; i++)
		one_turn(test);
	assert_int_equal(test->n_frames[1], 2);
	assert_int_equal(test->server.n_peers, PEERS + 2);
	for (size_t i = 0; i < PEERS; i++) {
		finish_half(fds[i], 65540 - size);
		for (int j = 0; j < 20; j++) {
			one_turn(test);
			assert_true(user->input <= most);
		}
	}
	for (int i = 0; i < 400; i++)
		one_turn(test);
	assert_int_equal(test->n_frames[1], 2 + PEERS);
	assert_int_equal(user->input, 0);
	assert_int_equal(test->server.chunks.in_use, 0);
	close_all(fds);
	close(fd);
}

/* Nothing of them is read while they wait; that they are gone is noticed all the same. */
static void test_half_frames_of_who_has_gone(void **state)
{
	struct test *test = *state;
	int fds[PEERS];

	test->turn.locked_most = 0;
	(void)send_halves(test, fds, 32768);
	assert_int_equal(test->server.n_peers, PEERS + 1);
	close_all(fds);
	for (int i = 0; i < 100; i++)
		one_turn(test);
	server_look(&test->server);
	for (int i = 0; i < 100; i++)
		one_turn(test);
	assert_int_equal(test->server.n_peers, 1);
	assert_int_equal(test->server.chunks.in_use, 0);
	assert_int_equal(test->server.closed_silent, 0);
}

/* The one that may complete its frame goes while it waits itself: then another one may, and not the one that goes. */
static void test_who_goes_is_not_woken(void **state)
{
	struct test *test = *state;
	const int first_fd = connect_to(test->other_path), second_fd = connect_to(test->other_path);
	struct peer *first, *second;
	struct user *user;

	turn(test);
	user = other_user(test);
	second = list_entry(test->server.peers.prev, struct peer, link);
	first = list_entry(second->link.prev, struct peer, link);
	user->input += 64 * FRAME_MAX;
	user->input_holder = first;
	share_wait(first, false);
	share_wait(second, false);
	first->broken = true;
	peer_touch(first);
	server_flush(&test->server);
	assert_null(user->input_holder);
	assert_true(list_empty(&user->waiting));
	assert_ptr_equal(user->ready.next, &second->ready);
	user->input -= 64 * FRAME_MAX;
	close(first_fd);
	close(second_fd);
}

static unsigned lines_in(int file)
{
	static char text[4096];
	const ssize_t n = pread(file, text, sizeof(text), 0);
	unsigned lines = 0;

	assert_in_range(n, 0, sizeof(text) - 1);
	for (ssize_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

/* Somebody who connects again and again while there is no descriptor does not fill the log. */
static void test_no_descriptor_is_told_once(void **state)
{
	struct test *test = *state;
	const int fd = connect_to(test->other_path), log = memfd_create("log", 0), stderr_fd = dup(STDERR_FILENO);
	const int next = dup(STDERR_FILENO);
	struct rlimit before, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
	close(next);
	assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 20; i++) {
		one_turn(test);
		assert_true(test->server.out_of_fds);
		server_accept_again(&test->server);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(dup2(stderr_fd, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(lines_in(log), 1);
	turn(test);
	assert_int_equal(test->server.n_peers, 2);
	close(stderr_fd);
	close(log);
	close(fd);
}

/* Whose records do not leave waits, but for what is answered at once; others go on. */
static void test_who_has_too_many_records_waits_alone(void **state)
{
	struct test *test = *state;
	int fd = connect_to(test->other_path);

	turn(test);
	quota_record(other_user(test), AUDIT_SHARE + 1, 7);
	assert_int_equal(send(fd, "\0\0\0\1!\0\0\0\1b", 10, 0), 10);
	send_frame(test, "x");
	turn(test);
	assert_int_equal(test->n_frames[0], 1);
	assert_int_equal(test->n_frames[1], 1);
	test->audit.written = 6;
	turn(test);
	assert_int_equal(test->n_frames[1], 1);
	test->audit.written = 7;
	turn(test);
	assert_int_equal(test->n_frames[1], 2);
	assert_true(list_empty(&test->server.stopped));
	close(fd);
}

/* One who is there alone may have as many as the trail holds. */
static void test_who_is_alone_may_have_more_records(void **state)
{
	struct test *test = *state;
	struct user *user = quota_user(&test->quota, getuid(), 0, "main");

	turn(test);
	quota_record(user, AUDIT_SHARE + 1, 7);
	send_frame(test, "x");
	turn(test);
	assert_int_equal(test->n_frames[0], 1);
	quota_record(user, AUDIT_KEPT_MAX, 8);
	send_frame(test, "y");
	turn(test);
	assert_int_equal(test->n_frames[0], 1);
	test->audit.written = 8;
	turn(test);
	assert_int_equal(test->n_frames[0], 2);
}

/* Replies that are not read, over all connections of a user. */
static void test_who_does_not_read_is_not_read(void **state)
{
	struct test *test = *state;
	const struct peer *peer;
	struct user *user;
	int fd = connect_to(test->other_path);

	turn(test);
	peer = list_entry(test->server.peers.prev, struct peer, link);
	assert_non_null(peer->silent.fire);
	user = other_user(test);
	user->output += test->turn.output_per_user;
	assert_int_equal(send(fd, "\0\0\0\1a", 5, 0), 5);
	send_frame(test, "x");
	turn(test);
	assert_int_equal(test->n_frames[0], 1);
	assert_int_equal(test->n_frames[1], 0);
	assert_null(peer->silent.fire); /* it has sent what it should */
	user->output -= test->turn.output_per_user;
	server_look(&test->server);
	turn(test);
	assert_int_equal(test->n_frames[1], 1);
	close(fd);
}

/* How often accept4() is called in a turn in which one more waits, and it fails first with that. */
static unsigned accepts(struct test *test, int error)
{
	int fd = connect_to(test->path);

	is_frozen = true;
	accept_fails = error;
	n_accepts = 0;
	turn_handle(&test->turn, false);
	is_frozen = false;
	close(fd);
	return n_accepts;
}

/* What happened to one that waits is no matter to those behind it; when none is left, nobody asks again. */
static void test_accept_fails(void **state)
{
	struct test *test = *state;

	turn(test);
	assert_int_equal(test->server.n_peers, 1);
	assert_int_equal(accepts(test, 0), 2);
	assert_int_equal(test->server.n_peers, 2);
	assert_int_equal(accepts(test, ECONNABORTED), 3);
	assert_int_equal(test->server.n_peers, 3);
	assert_int_equal(accepts(test, EINTR), 3);
	assert_int_equal(test->server.n_peers, 4);
	assert_int_equal(accepts(test, EPERM), 1);
	assert_int_equal(test->server.n_peers, 4);
	assert_false(test->server.out_of_fds);
}

static void test_no_descriptor_is_left(void **state)
{
	static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
	struct test *test = *state;

	turn(test);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		test->server.out_of_fds = false;
		server_begin(&test->server);
		assert_int_equal(accepts(test, errors[i]), 1);
		assert_true(test->server.out_of_fds);
		assert_int_equal(accepts(test, 0), 0); /* nobody listens */
	}
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
		TEST(test_another_users_requests_are_not_waited_for),
		TEST(test_interrupted_frames_are_gone_on_with),
		TEST(test_half_frames_are_bounded),
		TEST(test_half_frames_of_who_has_gone),
		TEST(test_who_goes_is_not_woken),
		TEST(test_no_descriptor_is_told_once),
		TEST(test_who_has_too_many_records_waits_alone),
		TEST(test_who_is_alone_may_have_more_records),
		TEST(test_accept_fails),
		TEST(test_no_descriptor_is_left),
		TEST(test_who_does_not_read_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
