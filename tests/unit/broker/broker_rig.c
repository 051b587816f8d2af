/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/net/server.h"
#include "daemon/shared/executing.h"
#include "proto/dgram.h"
#include "proto/frame.h"
#include "tests/unit/broker/broker_rig.h"

typedef Cek__Internal__V1__FromWorker FromWorker;
typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__ToJournal ToJournal;
typedef Cek__Internal__V1__Control Control;

static uint8_t buffer[DGRAM_MAX];

static ssize_t take(int fd)
{
	return fd < 0 ? -1 : recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
}

static void give(int fd, const ProtobufCMessage *message)
{
	assert_int_equal(dgram_send(fd, message, NULL, 0), 0);
}

/* ---- journal ------------------------------------------------------------------------------------------------- */

static void journal_send(struct rig *rig, FromJournal *message)
{
	give(rig->journal.fd, &message->base);
}

/* What the rig's worker does not look at. */
static Cek__Internal__V1__Receipt *receipt_for(const Cek__Internal__V1__AppendKey *append)
{
	static Cek__Internal__V1__Receipt receipt = CEK__INTERNAL__V1__RECEIPT__INIT;

	receipt.seq = 1;
	for (size_t i = 0; i < append->n_record; i++) {
		if (strcmp(append->record[i]->type, "intent") == 0)
			return &receipt;
	}
	return NULL;
}

static void take_append(struct rig *rig, const Cek__Internal__V1__AppendKey *append)
{
	Cek__Internal__V1__Appended appended = CEK__INTERNAL__V1__APPENDED__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;

	appended.id = append->id;
	appended.ok = !rig->journal.refuse;
	appended.time = clock_real_us();
	appended.up = clock_boot_us();
	appended.receipt = receipt_for(append);
	for (size_t i = 0; appended.ok && !append->renew && i < append->n_record; i++) {
		size_t n = rig->journal.n_records++;

		assert_true(n < RIG_RECORDS_MAX);
		append->record[i]->seq = n + 1;
		append->record[i]->time = appended.time;
		append->record[i]->up = appended.up;
		rig->journal.records[n].len = cek__internal__v1__key_record__get_packed_size(append->record[i]);
		rig->journal.records[n].data = malloc(rig->journal.records[n].len);
		cek__internal__v1__key_record__pack(append->record[i], rig->journal.records[n].data);
	}
	appended.last_seq = rig->journal.n_records;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED;
	message.appended = &appended;
	journal_send(rig, &message);
}

static void take_replay(struct rig *rig, uint64_t id)
{
	for (size_t i = 0; i <= rig->journal.n_records; i++) {
		Cek__Internal__V1__ReplayBatch batch = CEK__INTERNAL__V1__REPLAY_BATCH__INIT;
		FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
		KeyRecord *record = NULL;

		batch.id = id;
		batch.end = i == rig->journal.n_records;
		if (!batch.end) {
			record = cek__internal__v1__key_record__unpack(NULL, rig->journal.records[i].len,
				rig->journal.records[i].data);
			batch.record = &record;
			batch.n_record = 1;
		}
		message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_REPLAY;
		message.replay = &batch;
		while (dgram_send(rig->journal.fd, &message.base, NULL, 0) == -EAGAIN)
			broker_turn(&rig->broker, false);
		cek__internal__v1__key_record__free_unpacked(record, NULL);
	}
}

void rig_audit_done_up_to(struct rig *rig, uint64_t n)
{
	Cek__Internal__V1__AuditDone done = CEK__INTERNAL__V1__AUDIT_DONE__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;

	done.instance = rig->broker.audit.instance;
	done.written = done.durable = rig->journal.told_n = n;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_AUDIT_DONE;
	message.audit_done = &done;
	journal_send(rig, &message);
}

void rig_audit_done(struct rig *rig)
{
	rig_audit_done_up_to(rig, rig->journal.audit_n);
}

static void take_audit(struct rig *rig, const Cek__Internal__V1__AuditBatch *batch)
{
	for (size_t i = 0; i < batch->n_record; i++) {
		const AuditRecord *record = batch->record[i];

		if (record->n != rig->journal.audit_n + 1)
			continue;
		rig->journal.audit_n++;
		snprintf(rig->journal.last_status, sizeof(rig->journal.last_status), "%s", record->status);
		snprintf(rig->journal.last_op, sizeof(rig->journal.last_op), "%s", record->op);
		snprintf(rig->journal.last_key, sizeof(rig->journal.last_key), "%s", record->key);
		snprintf(rig->journal.last_kid, sizeof(rig->journal.last_kid), "%s", record->kid);
		rig->journal.last_ek_len = record->encrypted_key.len;
	}
	if (!rig->journal.mute)
		rig_audit_done(rig);
}

static bool journal_step(struct rig *rig)
{
	ssize_t n = rig->journal.deaf ? -1 : take(rig->journal.fd);
	ToJournal *message;

	if (n <= 0)
		return false;
	message = cek__internal__v1__to_journal__unpack(NULL, (size_t)n, buffer);
	assert_non_null(message);
	if (message->what_case == CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY)
		take_replay(rig, message->replay->id);
	else if (message->what_case == CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY)
		take_append(rig, message->append_key);
	else
		take_audit(rig, message->audit);
	cek__internal__v1__to_journal__free_unpacked(message, NULL);
	return true;
}

void rig_journal_state(struct rig *rig, bool ok)
{
	Cek__Internal__V1__JournalState state = CEK__INTERNAL__V1__JOURNAL_STATE__INIT;
	FromJournal message = CEK__INTERNAL__V1__FROM_JOURNAL__INIT;
	char well[] = "ok", full[] = "no space left";

	state.ok = ok;
	state.keys = state.audit = ok ? well : full;
	state.keys_seq = rig->journal.n_records;
	state.pid = rig->journal.pid;
	message.what_case = CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_STATE;
	message.state = &state;
	journal_send(rig, &message);
}

/* ---- workers ------------------------------------------------------------------------------------------------- */

static void say_hello(struct rig_worker *worker)
{
	Cek__Internal__V1__WorkerHello hello = CEK__INTERNAL__V1__WORKER_HELLO__INIT;
	FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;
	char label[] = "rig";

	hello.token_label = label;
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_HELLO;
	message.hello = &hello;
	give(worker->fd, &message.base);
	worker->said_hello = true;
}

void rig_start_worker(struct rig *rig, struct rig_worker *worker, bool manage, uint32_t index)
{
	Cek__Internal__V1__WorkerUp up = CEK__INTERNAL__V1__WORKER_UP__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	int pair[2], page;

	assert_int_equal(dgram_pair(pair), 0);
	page = executing_create();
	assert_true(page >= 0);
	executing_unmap(worker->executing);
	worker->executing = executing_map(page);
	assert_non_null(worker->executing);
	worker->fd = pair[0];
	if (!worker->arena.base)
		assert_int_equal(arena_init(&worker->arena, RESULTS_ROOM), 0);
	arena_reset(&worker->arena);
	assert_int_equal(results_init(&worker->results, &worker->arena, worker->fd), 0);
	up.manage = manage;
	up.index = index;
	up.generation = ++worker->generation;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_UP;
	message.worker_up = &up;
	rig_control(rig, &message, (const int[]){pair[1], page}, 2);
	close(pair[1]);
	close(page);
	say_hello(worker);
}

void rig_kill_worker(struct rig_worker *worker)
{
	if (worker->fd >= 0)
		close(worker->fd);
	worker->fd = -1;
}

/* The first byte of the encrypted key decides: 0xff fails, 0xfe has no object, 0xfc two, 0xfb is not tried yet; for a
 * rewrap, 0xfd has none to wrap with. */
static enum outcome open_one(const ProtobufCBinaryData *encrypted_key)
{
	if (encrypted_key->len > 0 && encrypted_key->data[0] == 0xff)
		return OUTCOME_FAILED;
	if (encrypted_key->len > 0 && encrypted_key->data[0] == 0xfc)
		return OUTCOME_AMBIGUOUS;
	if (encrypted_key->len > 0 && encrypted_key->data[0] == 0xfb)
		return OUTCOME_UNTRIED;
	return encrypted_key->len > 0 && encrypted_key->data[0] == 0xfe ? OUTCOME_MISSING : OUTCOME_OK;
}

static void fill_wrapped(JobResult *result, const Cek__Internal__V1__WrapJob *wrap, uint8_t *encrypted_key,
	AlgParams *params)
{
	static uint8_t iv[GCM_IV_LEN], tag[GCM_TAG_LEN];
	const struct alg *alg = alg_find(wrap->alg);

	memset(encrypted_key, 0x42, ENCRYPTED_KEY_MAX);
	result->encrypted_key = (ProtobufCBinaryData){.data = encrypted_key,
		.len = alg_encrypted_key_len(alg, 2048, wrap->cek_len)};
	if (alg->family != ALG_AES_GCMKW)
		return;
	params->iv = (ProtobufCBinaryData){.data = iv, .len = sizeof(iv)};
	params->tag = (ProtobufCBinaryData){.data = tag, .len = sizeof(tag)};
	result->params = params;
}

static void inventory_answer(struct rig_worker *worker, const Job *job)
{
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;

	result.id = job->id;
	result.outcome = worker->outcome ? (Cek__Internal__V1__Outcome)worker->outcome
					 : CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK;
	result.object = (Cek__Internal__V1__TokenObject **)worker->objects;
	result.n_object = worker->n_objects;
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT;
	message.result = &result;
	for (size_t i = 0; i <= worker->parts; i++) {
		result.more = i < worker->parts;
		give(worker->fd, &message.base);
	}
	worker->jobs++;
}

static void worker_answer(struct rig_worker *worker, const Job *job)
{
	static uint8_t cek[CEK_LEN_MAX], encrypted_key[ENCRYPTED_KEY_MAX], modulus[512];
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;
	AlgParams params = CEK__V1__ALG_PARAMS__INIT;
	PublicKey public_key = CEK__V1__PUBLIC_KEY__INIT;
	char kid[2 * CKA_ID_MAX + 1] = "", rsa[] = "RSA";

	if (job->op_case == CEK__INTERNAL__V1__JOB__OP_INVENTORY) {
		inventory_answer(worker, job);
		return;
	}
	memset(cek, 0x5a, sizeof(cek));
	result.id = job->id;
	result.outcome = CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK;
	result.replace = worker->replace;
	if (job->op_case == CEK__INTERNAL__V1__JOB__OP_UNWRAP) {
		result.outcome = (Cek__Internal__V1__Outcome)open_one(&job->unwrap->encrypted_key);
		result.cek = (ProtobufCBinaryData){.data = cek,
			.len = result.outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK ? job->unwrap->cek_len : 0};
	} else if (job->op_case == CEK__INTERNAL__V1__JOB__OP_WRAP) {
		fill_wrapped(&result, job->wrap, encrypted_key, &params);
		if (job->wrap->cek.len == 0)
			result.cek = (ProtobufCBinaryData){.data = cek, .len = job->wrap->cek_len};
	} else if (job->op_case == CEK__INTERNAL__V1__JOB__OP_REWRAP) {
		result.outcome = (Cek__Internal__V1__Outcome)open_one(&job->rewrap->from->encrypted_key);
		fill_wrapped(&result, job->rewrap->to, encrypted_key, &params);
		if (job->rewrap->from->encrypted_key.data[0] == 0xfd) {
			result.outcome = CEK__INTERNAL__V1__OUTCOME__OUTCOME_MISSING;
			result.cka_id = job->rewrap->to->cka_id;
		}
	} else if (job->op_case == CEK__INTERNAL__V1__JOB__OP_DESTROY && worker->outcome) {
		result.outcome = (Cek__Internal__V1__Outcome)worker->outcome;
	} else if (job->op_case == CEK__INTERNAL__V1__JOB__OP_ADOPT) {
		result.outcome = worker->outcome ? (Cek__Internal__V1__Outcome)worker->outcome : result.outcome;
		result.cka_id = worker->adopts;
		snprintf(kid, sizeof(kid), "adopted");
		result.kid = kid;
	} else if (job->op_case == CEK__INTERNAL__V1__JOB__OP_GENERATE) {
		for (size_t i = 0; i < job->generate->cka_id.len; i++)
			snprintf(kid + 2 * i, 3, "%02x", job->generate->cka_id.data[i]);
		memcpy(modulus, job->generate->cka_id.data, job->generate->cka_id.len);
		public_key.kty = rsa;
		public_key.n = (ProtobufCBinaryData){.data = modulus, .len = job->generate->bits / 8};
		result.kid = kid;
		result.bits = job->generate->bits;
		result.crv = job->generate->crv;
		result.public_key = alg_find(job->generate->alg)->family == ALG_RSA_OAEP ? &public_key : NULL;
	}
	worker->jobs++;
	worker->forgets += job->op_case == CEK__INTERNAL__V1__JOB__OP_FORGET;
	if (job->op_case == CEK__INTERNAL__V1__JOB__OP_UNWRAP) {
		assert_int_equal(results_add(&worker->results, &result, 0), 0);
		if (!worker->holds)
			assert_int_equal(results_flush(&worker->results), 0);
		return;
	}
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT;
	message.result = &result;
	give(worker->fd, &message.base);
}

static bool worker_step(struct rig_worker *worker)
{
	ssize_t n = worker->deaf ? -1 : take(worker->fd);
	Cek__Internal__V1__ToWorker *message;

	if (n == 0)
		rig_kill_worker(worker);
	if (n <= 0)
		return false;
	message = cek__internal__v1__to_worker__unpack(NULL, (size_t)n, buffer);
	assert_non_null(message);
	assert_true(message->n_job > 0);
	for (size_t i = 0; i < message->n_job && worker->fd >= 0; i++) {
		worker->executing->job = message->job[i]->id;
		if (worker->dies_after > 0 && --worker->dies_after == 0)
			rig_kill_worker(worker);
		else
			worker_answer(worker, message->job[i]);
	}
	cek__internal__v1__to_worker__free_unpacked(message, NULL);
	return true;
}

/* ---- cekd ---------------------------------------------------------------------------------------------------- */

void rig_control(struct rig *rig, const Control *message, const int *fds, size_t n_fds)
{
	assert_int_equal(dgram_send(rig->control, &message->base, fds, n_fds), 0);
}

static bool control_step(struct rig *rig)
{
	ssize_t n = take(rig->control);
	Control *message = n > 0 ? cek__internal__v1__control__unpack(NULL, (size_t)n, buffer) : NULL;

	if (!message)
		return false;
	if (message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_WANT_WORKER) {
		bool manage = message->want_worker->manage;
		struct rig_worker *worker = manage ? &rig->manage : &rig->use[message->want_worker->index];

		*(manage ? &rig->wanted_manage : &rig->wanted_use) += 1;
		if (!manage || !rig->no_manage)
			rig_start_worker(rig, worker, manage, manage ? 0 : message->want_worker->index);
	} else if (message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_END_WORKER) {
		rig->ended++;
		snprintf(rig->ended_how, sizeof(rig->ended_how), "%s", message->end_worker->how);
	} else if (message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_END_JOURNAL) {
		rig->ended_journal = message->end_journal->pid;
	} else if (message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_READY) {
		rig->told_ready = true;
	}
	cek__internal__v1__control__free_unpacked(message, NULL);
	return true;
}

void rig_journal_answer(struct rig *rig)
{
	while (journal_step(rig))
		continue;
}

void rig_run(struct rig *rig)
{
	int idle = 0;

	while (idle < 10) { /* a long frame takes the broker several turns, in which nobody else has anything to do */
		bool busy = false;

		if (rig->broker_up)
			rig->broker_up = broker_turn(&rig->broker, false);
		busy = rig->broker_up && server_waiting(&rig->broker.server);
		while (journal_step(rig))
			busy = true;
		for (int i = 0; i < RIG_WORKERS; i++) {
			while (worker_step(&rig->use[i]))
				busy = true;
		}
		while (worker_step(&rig->manage))
			busy = true;
		busy = control_step(rig) || busy;
		idle = busy ? 0 : idle + 1;
	}
}

void rig_beat(struct rig *rig, unsigned periods)
{
	struct pulse *pulse = &rig->broker.turn.pulse;

	for (unsigned i = 0; i < periods; i++) {
		pulse->looked_us = clock_monotonic_us() - pulse->period_us;
		event_active(&rig->broker.beat, EV_TIMEOUT, 0);
		rig_run(rig);
	}
}

static int make_listener(struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig->path);
	unlink(rig->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

void rig_init(struct rig *rig)
{
	int pair[2];

	memset(rig, 0, sizeof(*rig));
	rig->keys = "*";
	rig->limits = (Limits)CEK__INTERNAL__V1__LIMITS__INIT;
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/broker-rig-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	snprintf(rig->path, sizeof(rig->path), "%s/socket", rig->dir);
	assert_int_equal(dgram_pair(pair), 0);
	rig->journal.fd = pair[0];
	rig->journal_far = pair[1];
	rig->manage.fd = -1;
	for (int i = 0; i < RIG_WORKERS; i++)
		rig->use[i].fd = -1;
}

void rig_start(struct rig *rig)
{
	static const char *const all[] = {"unwrap", "wrap", "generate", "rewrap", "create", "rotate", "state",
		"destroy", "import", "adopt", "schedule", "list", "public", "status", "metrics", "watch", "fsck",
		"restore", NULL};
	Cek__Internal__V1__BrokerSetup setup = CEK__INTERNAL__V1__BROKER_SETUP__INIT;
	Cek__Internal__V1__Listener listener = CEK__INTERNAL__V1__LISTENER__INIT, *listeners[] = {&listener};
	Rule rule = CEK__INTERNAL__V1__RULE__INIT, *rules[] = {&rule};
	char name[] = "main", instance[] = "rig", version[] = "1", why[256] = "", *keys[] = {(char *)rig->keys};
	int pair[2];

	listener.name = name;
	rule.name = name;
	rule.anyone = true;
	rule.operation = (char **)(rig->operations ? rig->operations : all);
	while (rule.operation[rule.n_operation])
		rule.n_operation++;
	rule.key = keys;
	rule.n_key = 1;
	setup.listener = listeners;
	setup.n_listener = 1;
	setup.rule = rules;
	setup.n_rule = 1;
	setup.limits = &rig->limits;
	setup.instance = instance;
	setup.version = version;
	setup.audit_durable = rig->audit_durable;
	setup.gcm_wrap_limit = rig->gcm_wrap_limit;
	setup.destroy_wait = 7 * 86400;
	setup.destroy_wait_min = 3600;
	setup.skew = 60;
	setup.usage_seconds = 3600;
	assert_int_equal(dgram_pair(pair), 0);
	rig->control = pair[0];
	rig->listener = make_listener(rig);
	assert_int_equal(broker_init(&rig->broker, &setup, pair[1], (int[]){dup(rig->journal_far), rig->listener}, 2,
				 why, sizeof(why)),
		0);
	event_del(&rig->broker.beat); /* rig_beat() */
	rig->broker_up = true;
	for (int i = 0; i < RIG_WORKERS; i++)
		rig_start_worker(rig, &rig->use[i], false, (uint32_t)i);
	rig_run(rig);
}

void rig_stop_broker(struct rig *rig)
{
	close(rig->broker.parent.fd);
	broker_deinit(&rig->broker);
	rig->broker_up = false;
	close(rig->control);
	rig_kill_worker(&rig->manage);
	for (int i = 0; i < RIG_WORKERS; i++)
		rig_kill_worker(&rig->use[i]);
	rig->journal.audit_n = 0;
}

static void free_worker(struct rig_worker *worker)
{
	executing_unmap(worker->executing);
	arena_deinit(&worker->arena);
}

void rig_free(struct rig *rig)
{
	rig_stop_broker(rig);
	free_worker(&rig->manage);
	for (int i = 0; i < RIG_WORKERS; i++)
		free_worker(&rig->use[i]);
	close(rig->journal.fd);
	close(rig->journal_far);
	for (size_t i = 0; i < rig->journal.n_records; i++)
		free(rig->journal.records[i].data);
	unlink(rig->path);
	rmdir(rig->dir);
}

/* ---- clients ------------------------------------------------------------------------------------------------- */

void rig_connect(struct rig *rig, struct rig_client *client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	client->len = 0;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig->path);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	rig_run(rig);
}

void rig_close(struct rig_client *client)
{
	close(client->fd);
}

void rig_send_raw(struct rig_client *client, const void *data, size_t len)
{
	assert_int_equal(send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT), len);
}

void rig_send(struct rig_client *client, const CekRequest *request)
{
	size_t len = cek__v1__request__get_packed_size(request);
	uint8_t *frame = malloc(FRAME_HEADER + len);

	frame_header(frame, len);
	cek__v1__request__pack(request, frame + FRAME_HEADER);
	rig_send_raw(client, frame, FRAME_HEADER + len);
	free(frame);
}

CekReply *rig_reply(struct rig_client *client)
{
	ssize_t n = recv(client->fd, client->data + client->len, sizeof(client->data) - client->len, MSG_DONTWAIT);
	const uint8_t *body;
	size_t body_len;
	CekReply *reply;

	if (n > 0)
		client->len += (size_t)n;
	if (frame_next(client->data, client->len, &body, &body_len) != FRAME_WHOLE)
		return NULL;
	reply = cek__v1__reply__unpack(NULL, body_len, body);
	assert_non_null(reply);
	client->len -= FRAME_HEADER + body_len;
	memmove(client->data, client->data + FRAME_HEADER + body_len, client->len);
	return reply;
}

bool rig_closed(struct rig_client *client)
{
	uint8_t byte;

	return recv(client->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

CekReply *rig_call(struct rig *rig, struct rig_client *client, const CekRequest *request)
{
	CekReply *reply;

	rig_send(client, request);
	rig_run(rig);
	reply = rig_reply(client);
	assert_non_null(reply);
	return reply;
}

char *rig_create(struct rig *rig, struct rig_client *client, const char *name, const char *alg)
{
	Cek__V1__CreateKeyRequest create = CEK__V1__CREATE_KEY_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	CekReply *reply;
	char *kid;

	create.key = (char *)name;
	create.alg = (char *)alg;
	create.bits = alg_find(alg)->family == ALG_RSA_OAEP ? 2048 : 0;
	request.op_case = CEK__V1__REQUEST__OP_CREATE_KEY;
	request.create_key = &create;
	reply = rig_call(rig, client, &request);
	assert_int_equal(reply->status, STATUS_OK);
	kid = strdup(reply->key->key->version[0]->kid);
	cek__v1__reply__free_unpacked(reply, NULL);
	return kid;
}
