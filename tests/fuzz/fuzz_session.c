/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole session of libcek: the input is a script of what its caller and its daemon do in turns, on a real socket and
 * by a clock of the script's own. Calls are started, cancelled and started from callbacks; frames come in any order, in
 * parts, twice, to nobody; connections end in the middle of anything, are handed over, and cannot be had.
 *
 * Held at every moment: a callback runs for each call that was started, the last one once, and none inside a start; the
 * count of open calls is right; a change reaches the daemon at most once, what changes nothing at most twice; a CEK is
 * that of its call, and none comes that no daemon has sent; an event loop does not spin.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/cek.h"
#include "proto/cek.pb-c.h"
#include "proto/frame.h"

enum {
	CALLS = 32,          /* of one session */
	ASKED = 64,          /* requests that the daemon remembers */
	OUT_BYTES = 1 << 18, /* that it has not sent yet */
	IN_BYTES = 1 << 18,
	TURNS_MAX = 200, /* of a loop that has nothing to do */
	CEK = 32,
	KEY_BYTES = 16,
};

enum kind { UNWRAP, WRAP, CREATE, LIST, PUBLIC, STATUS, WATCH, DEFER, KINDS };

struct one {
	cek_call *call;
	enum kind kind;
	bool started, ended, answered; /* answered: the daemon has sent it an OK */
	unsigned seen;                 /* how often the daemon had the whole request */
	char key[KEY_BYTES];
};

struct asked {
	uint64_t id;
	Cek__V1__Request__OpCase op;
	int call; /* -1: not known */
};

static char folder[] = "/tmp/fuzz-session-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static struct {
	const uint8_t *script;
	size_t left;

	cek_conn *conn;
	struct one calls[CALLS];
	size_t n_calls, n_open;
	bool starting;  /* no callback may run now */
	uint8_t inside; /* what the next callback does */
	cek_result *kept;

	int listener, peer;
	struct asked asked[ASKED];
	size_t n_asked;
	uint8_t in[IN_BYTES], out[OUT_BYTES];
	size_t n_in, n_out;
	uint64_t epoch;
	bool news;  /* was told, which is for each watch that stands when it comes */
	bool dirty; /* octets were sent that are no reply of ours, or may be one twice */
} s;

static uint64_t now_ns;

/* base/clock.h, for libcek as well. */
uint64_t clock_monotonic_ns(void)
{
	return now_ns;
}

uint64_t clock_monotonic_us(void)
{
	return now_ns / 1000;
}

uint64_t clock_real_us(void)
{
	return now_ns / 1000;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t next(void)
{
	if (s.left == 0)
		return 0;
	s.left--;
	return *s.script++;
}

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* ---- the caller ---------------------------------------------------------------------------------------------------
 */

static void start(uint8_t how);

static void check_result(struct one *one, const cek_result *result)
{
	const struct cek_bytes cek = cek_result_cek(result);

	require(cek_result_message(result) != NULL);
	if (cek_result_status(result) != CEK_OK || one->kind == DEFER)
		return;
	require(one->answered || s.dirty || (one->kind == WATCH && s.news));
	if (one->kind != UNWRAP || s.dirty)
		return;
	require(cek.len == CEK);
	for (size_t i = 0; i < cek.len; i++)
		require(((const uint8_t *)cek.data)[i] == (uint8_t)(one - s.calls));
}

static void do_inside(void)
{
	const uint8_t what = s.inside;

	s.inside = 0;
	if (what & 1)
		start(what);
	if ((what & 2) && s.n_calls > 0)
		cek_call_cancel(s.calls[what % s.n_calls].ended ? NULL : s.calls[what % s.n_calls].call);
	if ((what & 4) && !s.kept)
		s.inside = what >> 4;
	if ((what & 0x88) == 0x88)
		s.conn = cek_conn_free(s.conn);
	if (s.conn && (what & 0x40))
		require(cek_conn_process(s.conn) == s.n_open);
}

static void answered(cek_call *call, cek_result *result, void *userdata)
{
	struct one *one = userdata;

	require(!s.starting && one->started && !one->ended && one->call == call);
	check_result(one, result);
	if (one->kind != WATCH || cek_result_status(result) != CEK_OK) {
		one->ended = true;
		s.n_open--;
	}
	if (!s.kept)
		s.kept = cek_result_keep(result);
	do_inside();
}

static int start_kind(struct one *one, int timeout)
{
	const char *const keys[] = {one->key};

	switch (one->kind) {
	case UNWRAP:
		return cek_unwrap_start(s.conn,
			&(struct cek_unwrap){.key = one->key, .alg = "A256KW", .enc = "A256GCM"}, timeout, answered,
			one, &one->call);
	case WRAP:
		return cek_wrap_start(s.conn, &(struct cek_wrap){.key = one->key, .enc = "A256GCM"}, timeout, answered,
			one, &one->call);
	case CREATE:
		return cek_key_create_start(s.conn, &(struct cek_key_create){.key = one->key, .alg = "A256KW"}, timeout,
			answered, one, &one->call);
	case LIST:
		return cek_key_list_start(s.conn, &(struct cek_key_list){.after = one->key}, timeout, answered, one,
			&one->call);
	case PUBLIC:
		return cek_public_keys_start(s.conn, &(struct cek_public_keys){.keys = keys, .n_keys = 1}, timeout,
			answered, one, &one->call);
	case STATUS:
		return cek_status_start(s.conn, timeout, answered, one, &one->call);
	case WATCH:
		return cek_watch_start(s.conn, answered, one, &one->call);
	default:
		return cek_defer_start(s.conn, answered, one, &one->call);
	}
}

static void start(uint8_t how)
{
	static const int timeouts[] = {-1, 0, 50, 20000};
	const bool before = s.starting;
	struct one *one;

	if (!s.conn || s.n_calls == CALLS)
		return;
	one = &s.calls[s.n_calls];
	*one = (struct one){.kind = (how >> 1) % KINDS, .started = true};
	snprintf(one->key, sizeof(one->key), "k%zu", s.n_calls);
	s.starting = true;
	if (start_kind(one, timeouts[how >> 6]) == CEK_OK) {
		s.n_calls++;
		s.n_open++;
	}
	s.starting = before;
}

/* ---- the daemon ---------------------------------------------------------------------------------------------------
 */

static void hang_up(void)
{
	if (s.peer >= 0)
		close(s.peer);
	s.peer = -1;
	s.n_in = s.n_out = s.n_asked = 0;
}

static void listen_again(void)
{
	s.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	require(bind(s.listener, (const struct sockaddr *)&address, sizeof(address)) == 0);
	require(listen(s.listener, 4) == 0);
}

static void stop_listening(void)
{
	if (s.listener < 0)
		return;
	close(s.listener);
	unlink(address.sun_path);
	s.listener = -1;
}

static void accept_next(void)
{
	int fd = s.listener >= 0 ? accept4(s.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;

	if (fd < 0)
		return;
	hang_up();
	s.peer = fd;
}

static const char *key_of(const Cek__V1__Request *request)
{
	switch (request->op_case) {
	case CEK__V1__REQUEST__OP_UNWRAP:
		return request->unwrap->key;
	case CEK__V1__REQUEST__OP_GENERATE_CEK:
		return request->generate_cek->key;
	case CEK__V1__REQUEST__OP_CREATE_KEY:
		return request->create_key->key;
	case CEK__V1__REQUEST__OP_LIST_KEYS:
		return request->list_keys->after;
	case CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS:
		return request->get_public_keys->n_key ? request->get_public_keys->key[0] : "";
	default:
		return "";
	}
}

/* What libcek sends is what it should be, whatever was done to it, and no more often than it may be. */
static void take_request(const uint8_t *body, size_t len)
{
	Cek__V1__Request *request = cek__v1__request__unpack(NULL, len, body);
	const char *key;
	int call = -1;

	require(request && request->id > 0 && request->op_case != CEK__V1__REQUEST__OP__NOT_SET);
	key = key_of(request);
	if (*key == 'k')
		call = atoi(key + 1);
	require(call < (int)s.n_calls);
	if (call >= 0 && s.calls[call].kind != PUBLIC) { /* which asks for further pages */
		s.calls[call].seen++;
		require(s.calls[call].seen <= (s.calls[call].kind == CREATE ? 1 : 2));
	}
	if (s.n_asked < ASKED)
		s.asked[s.n_asked++] = (struct asked){request->id, request->op_case, call};
	cek__v1__request__free_unpacked(request, NULL);
}

static void read_requests(size_t most)
{
	const uint8_t *body;
	size_t len, at = 0;
	ssize_t n;

	if (s.peer < 0)
		return;
	if (most > sizeof(s.in) - s.n_in)
		most = sizeof(s.in) - s.n_in;
	n = recv(s.peer, s.in + s.n_in, most, 0);
	s.n_in += n > 0 ? (size_t)n : 0;
	while (frame_next(s.in + at, s.n_in - at, &body, &len) == FRAME_WHOLE) {
		take_request(body, len);
		at += FRAME_HEADER + len;
	}
	require(frame_next(s.in + at, s.n_in - at, &body, &len) == FRAME_INCOMPLETE);
	memmove(s.in, s.in + at, s.n_in - at);
	s.n_in -= at;
}

static void put(const Cek__V1__Reply *reply)
{
	const size_t len = cek__v1__reply__get_packed_size(reply);

	if (len == 0 || s.n_out + FRAME_HEADER + len > sizeof(s.out))
		return;
	frame_header(s.out + s.n_out, len);
	cek__v1__reply__pack(reply, s.out + s.n_out + FRAME_HEADER);
	s.n_out += FRAME_HEADER + len;
}

/* All results that there are; a union holds the one that is wanted. */
static struct {
	Cek__V1__UnwrapReply unwrap;
	Cek__V1__GenerateCekReply generate;
	Cek__V1__KeyReply key;
	Cek__V1__ListKeysReply list;
	Cek__V1__PublicKeysReply public;
	Cek__V1__StatusReply status;
	Cek__V1__WatchReply watch;
	Cek__V1__Key one;
	Cek__V1__PublicKeyEntry entry;
} r;

static uint8_t octets[CEK];
static char texts[4][KEY_BYTES];

static void fill_public(uint8_t how)
{
	static Cek__V1__PublicKeyEntry *entries[] = {&r.entry};

	cek__v1__public_keys_reply__init(&r.public);
	cek__v1__public_key_entry__init(&r.entry);
	r.entry.key = r.entry.kid = texts[0];
	r.public.entry = entries;
	r.public.n_entry = how & 1;
	r.public.end = (how & 2) != 0;
	texts[1][0] = (char)(how & 4 ? 'a' + (how >> 3) : '\0');
	texts[1][1] = '\0';
	r.public.next = texts[1];
}

static void fill(Cek__V1__Reply *reply, Cek__V1__Request__OpCase op, int call, uint8_t how)
{
	static Cek__V1__Key *keys[] = {&r.one};

	memset(octets, call, sizeof(octets));
	cek__v1__key__init(&r.one);
	r.one.name = r.one.alg = texts[0];
	switch (op) {
	case CEK__V1__REQUEST__OP_UNWRAP:
		cek__v1__unwrap_reply__init(&r.unwrap);
		r.unwrap.cek = (ProtobufCBinaryData){CEK, octets};
		reply->result_case = CEK__V1__REPLY__RESULT_UNWRAP;
		reply->unwrap = &r.unwrap;
		break;
	case CEK__V1__REQUEST__OP_GENERATE_CEK:
		cek__v1__generate_cek_reply__init(&r.generate);
		r.generate.cek = (ProtobufCBinaryData){CEK, octets};
		reply->result_case = CEK__V1__REPLY__RESULT_GENERATE_CEK;
		reply->generate_cek = &r.generate;
		break;
	case CEK__V1__REQUEST__OP_CREATE_KEY:
		cek__v1__key_reply__init(&r.key);
		r.key.key = &r.one;
		reply->result_case = CEK__V1__REPLY__RESULT_KEY;
		reply->key = &r.key;
		break;
	case CEK__V1__REQUEST__OP_LIST_KEYS:
		cek__v1__list_keys_reply__init(&r.list);
		r.list.key = keys;
		r.list.n_key = 1;
		reply->result_case = CEK__V1__REPLY__RESULT_LIST_KEYS;
		reply->list_keys = &r.list;
		break;
	case CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS:
		fill_public(how);
		reply->result_case = CEK__V1__REPLY__RESULT_PUBLIC_KEYS;
		reply->public_keys = &r.public;
		break;
	case CEK__V1__REQUEST__OP_WATCH:
		cek__v1__watch_reply__init(&r.watch);
		r.watch.epoch = s.epoch;
		reply->result_case = CEK__V1__REPLY__RESULT_WATCH;
		reply->watch = &r.watch;
		break;
	default:
		cek__v1__status_reply__init(&r.status);
		reply->result_case = CEK__V1__REPLY__RESULT_STATUS_REPLY;
		reply->status_reply = &r.status;
	}
}

/* An honest answer to one of the requests, or one that is honest about nothing. */
static void reply(uint8_t which, uint8_t how)
{
	Cek__V1__Reply message = CEK__V1__REPLY__INIT;
	struct asked *asked;

	if (s.n_asked == 0)
		return;
	asked = &s.asked[which % s.n_asked];
	message.id = asked->id;
	message.epoch = s.epoch;
	message.status = CEK__V1__STATUS__STATUS_OK;
	if ((how & 0xe0) == 0xe0) { /* a refusal */
		message.status = (Cek__V1__Status)(how & 15);
		s.dirty |= message.status == CEK__V1__STATUS__STATUS_OK;
	} else if ((how & 0xe0) == 0xc0) { /* another one's result */
		fill(&message, s.asked[how % s.n_asked].op, asked->call, how);
		s.dirty = true;
	} else {
		fill(&message, asked->op, asked->call, how);
	}
	if (asked->call >= 0)
		s.calls[asked->call].answered |= message.status == CEK__V1__STATUS__STATUS_OK;
	else
		s.dirty |= asked->op != CEK__V1__REQUEST__OP_WATCH && asked->op != CEK__V1__REQUEST__OP_STATUS;
	for (size_t i = 0; i < s.n_calls; i++)
		s.calls[i].answered |= s.calls[i].kind == STATUS && asked->op == CEK__V1__REQUEST__OP_STATUS;
	s.news |= asked->op == CEK__V1__REQUEST__OP_WATCH;
	put(&message);
}

static void send_some(size_t most)
{
	ssize_t n;

	if (s.peer < 0 || s.n_out == 0)
		return;
	n = send(s.peer, s.out, most < s.n_out ? most : s.n_out, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n <= 0)
		return;
	memmove(s.out, s.out + n, s.n_out - (size_t)n);
	s.n_out -= (size_t)n;
}

static void send_garbage(size_t len)
{
	s.dirty = true;
	while (len-- > 0 && s.n_out < sizeof(s.out))
		s.out[s.n_out++] = next();
}

/* A word to the connection as a whole. */
static void send_notice(uint8_t status)
{
	Cek__V1__Reply message = CEK__V1__REPLY__INIT;

	message.status = (Cek__V1__Status)(status & 15);
	message.message = texts[0];
	put(&message);
}

/* ---- the script ---------------------------------------------------------------------------------------------------
 */

static void turn(void)
{
	if (s.conn)
		require(cek_conn_process(s.conn) == s.n_open);
}

static void pass(uint8_t how)
{
	static const uint64_t ms[] = {1, 60, 1000, 11000, 31000, 0, 200, 6000};

	now_ns += ms[how % 8] * 1000000;
}

/* Nothing comes: then a loop has nothing to do, or knows until when. */
static void settle(void)
{
	for (unsigned i = 0; s.conn && cek_conn_timeout(s.conn) == 0; i++) {
		require(i < TURNS_MAX);
		turn();
	}
}

static void begin(void)
{
	if (!s.conn && cek_conn_new(address.sun_path, &s.conn) != CEK_OK)
		abort();
}

static void end_connection(uint8_t how)
{
	if (how & 1)
		hang_up();
	else if (s.peer >= 0)
		shutdown(s.peer, how & 2 ? SHUT_RD : SHUT_WR);
}

static void step(uint8_t op)
{
	switch (op & 15) {
	case 0:
	case 1:
		start(next());
		break;
	case 2:
		turn();
		break;
	case 3:
		if (s.conn)
			require(cek_conn_wait(s.conn, 0) == s.n_open);
		break;
	case 4:
		accept_next();
		break;
	case 5:
		read_requests(op & 0x80 ? next() : IN_BYTES);
		break;
	case 6:
		reply(next(), next());
		break;
	case 7:
		send_some(op & 0x80 ? next() : OUT_BYTES);
		break;
	case 8:
		send_garbage(op >> 4);
		break;
	case 9:
		if (s.n_calls > 0 && s.conn && !s.calls[op % s.n_calls].ended)
			cek_call_cancel(s.calls[op % s.n_calls].call);
		break;
	case 10:
		pass(op >> 4);
		break;
	case 11:
		end_connection(op >> 4);
		break;
	case 12:
		if (s.listener < 0)
			listen_again();
		else if (op & 0x80)
			stop_listening();
		break;
	case 13:
		send_notice(op >> 4);
		break;
	case 14:
		s.inside = next();
		break;
	default:
		s.epoch = op >> 4;
		settle();
	}
}

static void leave(void)
{
	stop_listening();
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	require(mkdtemp(folder) != NULL);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
	s.listener = -1;
	atexit(leave);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(s.calls, 0, sizeof(s.calls));
	s.script = data;
	s.left = size;
	s.n_calls = s.n_open = s.n_asked = s.n_in = s.n_out = 0;
	s.inside = 0;
	s.epoch = 1;
	s.dirty = s.news = false;
	s.peer = -1;
	now_ns = 1000000000;
	strcpy(texts[0], "kid");
	if (s.listener < 0)
		listen_again();
	begin();
	if (size > 0 && (data[0] & 0x80))
		cek_conn_set_limits(s.conn, 4, 1);
	while (s.left > 0)
		step(next());
	settle();
	s.conn = cek_conn_free(s.conn);
	require(s.n_open == 0);
	for (size_t i = 0; i < s.n_calls; i++)
		require(s.calls[i].ended);
	if (s.kept)
		require(cek_result_message(s.kept) != NULL); /* it outlives the connection */
	s.kept = cek_result_free(s.kept);
	for (size_t before = 1; before;) { /* what waits to be accepted is the next input's no more */
		hang_up();
		accept_next();
		before = s.peer >= 0;
	}
	return 0;
}
