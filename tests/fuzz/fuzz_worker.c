/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker that has been taken over: it gets real jobs of the real broker, from real requests, and answers whatever the
 * input says. Whatever it does, the broker goes on, and nothing of a request stays when honest workers have come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "proto/dgram.h"
#include "tests/unit/broker/broker_calls.h"

typedef Cek__Internal__V1__FromWorker FromWorker;

enum { INPUT_MAX = 4096, IDS_MAX = 64 };

/* The use worker and the manage worker, and the jobs that they have read and not answered. */
struct liar {
	struct rig_worker *worker;
	uint64_t ids[IDS_MAX];
	size_t n, at;
};

static struct rig *rig;
static struct rig_client client;
static struct liar liars[2];
static char *kid;
static const uint8_t *input;
static size_t left;

static uint8_t next(void)
{
	return left > 0 ? (left--, *input++) : 0;
}

static void read_jobs(struct liar *liar)
{
	static uint8_t data[DGRAM_MAX];
	ssize_t n = liar->worker->fd < 0 ? -1 : recv(liar->worker->fd, data, sizeof(data), MSG_DONTWAIT);
	Cek__Internal__V1__ToWorker *message;

	if (n == 0) {
		rig_kill_worker(liar->worker);
		liar->n = liar->at = 0;
	}
	if (n <= 0)
		return;
	message = cek__internal__v1__to_worker__unpack(NULL, (size_t)n, data);
	if (!message)
		abort();
	for (size_t i = 0; i < message->n_job && liar->n < IDS_MAX; i++)
		liar->ids[liar->n++] = message->job[i]->id;
	cek__internal__v1__to_worker__free_unpacked(message, NULL);
}

static void send_message(struct liar *liar, const FromWorker *message)
{
	if (liar->worker->fd >= 0)
		(void)dgram_send(liar->worker->fd, &message->base, NULL, 0);
	rig_run(rig);
}

static void fill(JobResult *result, PublicKey *public_key, AlgParams *params, char text[600])
{
	static uint8_t junk[8192];
	static char kty[] = "RSA";
	uint8_t flags = next();

	result->more = flags & 1;
	if (flags & 4)
		result->cek = (ProtobufCBinaryData){.len = next(), .data = junk};
	if (flags & 8)
		result->encrypted_key = (ProtobufCBinaryData){.len = next() * 32u, .data = junk};
	if (flags & 16) {
		result->kid = text;
		public_key->kty = kty;
		public_key->n = (ProtobufCBinaryData){.len = next() * 8u, .data = junk};
		result->public_key = public_key;
		result->bits = 2048;
	}
	if (flags & 32)
		result->text = text;
	if (flags & 64)
		result->cka_id = (ProtobufCBinaryData){.len = next(), .data = junk};
	if (flags & 128) {
		params->iv = params->tag = (ProtobufCBinaryData){.len = next() * 16u, .data = junk};
		result->params = params;
	}
}

static void say_result(struct liar *liar)
{
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT, *both[] = {&result, &result};
	Cek__Internal__V1__JobResults results = CEK__INTERNAL__V1__JOB_RESULTS__INIT;
	AlgParams params = CEK__V1__ALG_PARAMS__INIT;
	PublicKey public_key = CEK__V1__PUBLIC_KEY__INIT;
	FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;
	uint8_t how = next();
	char text[600];

	memset(text, 'A' + (how & 7), sizeof(text));
	text[next() * 2] = '\0';
	result.id = liar->at < liar->n ? liar->ids[liar->at] : next();
	result.outcome = (Cek__Internal__V1__Outcome)(how % 9);
	fill(&result, &public_key, &params, text);
	if (!result.more && liar->at < liar->n)
		liar->at++;
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT;
	message.result = &result;
	if (how & 128) {
		results.result = both;
		results.n_result = how & 64 ? 2 : 1;
		message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULTS;
		message.results = &results;
	}
	send_message(liar, &message);
}

static void say_hello(struct liar *liar)
{
	Cek__Internal__V1__WorkerHello hello = CEK__INTERNAL__V1__WORKER_HELLO__INIT;
	FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;

	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_HELLO;
	message.hello = &hello;
	send_message(liar, &message);
}

static void say_raw(struct liar *liar)
{
	size_t len = next();

	len = len < left ? len : left;
	if (liar->worker->fd >= 0 && len > 0)
		(void)!send(liar->worker->fd, input, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	input += len;
	left -= len;
	rig_run(rig);
}

static void start(struct liar *liar, bool manage)
{
	rig_kill_worker(liar->worker);
	rig_run(rig);
	liar->n = liar->at = 0;
	if (!manage)
		rig_start_worker(rig, liar->worker, false, 0);
	rig_run(rig);
}

static void drop_replies(void)
{
	CekReply *reply;

	while ((reply = rig_reply(&client)))
		cek__v1__reply__free_unpacked(reply, NULL);
}

static CekRequest *of(Cek__V1__Request__OpCase op, ProtobufCMessage *message)
{
	static CekRequest request;

	request = (CekRequest)CEK__V1__REQUEST__INIT;
	request.op_case = op;
	request.fsck = (Cek__V1__FsckRequest *)(void *)message; /* a union of pointers */
	return &request;
}

static CekRequest *request_of(uint8_t what)
{
	static Cek__V1__RewrapRequest rewrap;
	static Cek__V1__FsckRequest fsck;
	static Cek__V1__AdoptKeyRequest adopt;
	static Cek__V1__CreateKeyRequest create;
	static Cek__V1__GetTransportKeyRequest transport;

	rewrap = (Cek__V1__RewrapRequest)CEK__V1__REWRAP_REQUEST__INIT;
	fsck = (Cek__V1__FsckRequest)CEK__V1__FSCK_REQUEST__INIT;
	adopt = (Cek__V1__AdoptKeyRequest)CEK__V1__ADOPT_KEY_REQUEST__INIT;
	create = (Cek__V1__CreateKeyRequest)CEK__V1__CREATE_KEY_REQUEST__INIT;
	transport = (Cek__V1__GetTransportKeyRequest)CEK__V1__GET_TRANSPORT_KEY_REQUEST__INIT;
	rewrap.key = (char *)"k";
	rewrap.to_key = (char *)(what & 0x40 ? "g" : "k");
	rewrap.alg = adopt.alg = (char *)"A256KW";
	rewrap.enc = (char *)"A256GCM";
	rewrap.encrypted_key = call_bytes(40);
	adopt.key = (char *)"a";
	adopt.label = (char *)"l";
	create.key = (char *)(what & 0x40 ? "n" : "m");
	create.alg = (char *)"RSA-OAEP";
	switch (what % 12) {
	case 0:
		return call_unwrap(kid, NULL);
	case 1:
		return call_unwrap(NULL, "k");
	case 2:
		return call_wrap("k");
	case 3:
		return call_wrap("g");
	case 4:
		return call_generate("k");
	case 5:
		return call_rotate("k", kid);
	case 6:
		return call_set_state(kid, STATE_COMPROMISED);
	case 7:
		return call_destroy(kid, true);
	case 8:
		return of(CEK__V1__REQUEST__OP_REWRAP, &rewrap.base);
	case 9:
		return of(CEK__V1__REQUEST__OP_FSCK, &fsck.base);
	case 10:
		return of(CEK__V1__REQUEST__OP_ADOPT_KEY, &adopt.base);
	default:
		return what & 0x40 ? of(CEK__V1__REQUEST__OP_CREATE_KEY, &create.base)
				   : of(CEK__V1__REQUEST__OP_GET_TRANSPORT_KEY, &transport.base);
	}
}

static void ask(uint8_t what)
{
	rig_send(&client, request_of(what));
	rig_run(rig);
	drop_replies();
}

static void act(uint8_t op)
{
	struct liar *liar = &liars[op >> 7];

	switch (op & 7) {
	case 0:
	case 1:
		ask(next());
		break;
	case 2:
	case 3:
		read_jobs(liar);
		say_result(liar);
		break;
	case 4:
		say_result(liar);
		break;
	case 5:
		say_hello(liar);
		break;
	case 6:
		say_raw(liar);
		break;
	default:
		start(liar, liar == &liars[1]);
		break;
	}
}

static void begin(void)
{
	memset(call_data, 0x11, 1024);
	rig = malloc(sizeof(*rig));
	rig_init(rig);
	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	free(rig_create(rig, &client, "g", "A256GCMKW"));
	cek__v1__reply__free_unpacked(rig_call(rig, &client, call_rotate("k", kid)), NULL);
	rig_kill_worker(&rig->use[1]);
	rig_run(rig);
	rig->use[0].deaf = rig->manage.deaf = true;
	liars[0] = (struct liar){.worker = &rig->use[0]};
	liars[1] = (struct liar){.worker = &rig->manage};
}

/* Honest ones take over; then each request has had its answer. */
static void end(void)
{
	rig->use[0].deaf = rig->manage.deaf = false;
	rig_kill_worker(&rig->manage);
	start(&liars[0], false);
	rig_run(rig);
	drop_replies();
	if (!rig->broker_up || rig->broker.requests.in_use > 0 || rig->broker.turn.arena.used > 0)
		abort();
	rig_close(&client);
	rig_free(rig);
	free(rig);
	free(kid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > INPUT_MAX)
		return 0;
	input = data;
	left = size;
	begin();
	while (left > 0 && rig->broker_up)
		act(next());
	end();
	return 0;
}
