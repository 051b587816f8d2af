/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker that has been taken over, against what the journal does for it: it asks, appends and sends audit records as
 * the script says, to a key journal in memory that takes its time. What it says out of turn is not written, and it is
 * accused once; its successor begins anew with a question.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/journal/serve/serve.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"
#include "tests/fuzz/script.h"
#include "tests/unit/journal/store_memory.h"

typedef Cek__Internal__V1__FromJournal FromJournal;
typedef Cek__Internal__V1__Control Control;

enum { INPUT_MAX = 1024, TURNS_MAX = 64 };

static struct serve serve;
static struct control control;
static struct evidence evidence;
static struct memory_journal memory;
static struct script script;
static int broker, cekd;
static uint64_t next_id, next_n;
static unsigned accusations, questions;

/* ---- audit records, which are only counted ----------------------------------------------------------------------- */

static uint64_t taken;

static int take(struct audit *audit, const Cek__Internal__V1__AuditBatch *batch)
{
	(void)audit;
	for (size_t i = 0; i < batch->n_record; i++)
		taken += batch->record[i]->n == taken + 1;
	return 0;
}

static void nothing(struct audit *audit)
{
	(void)audit;
}

static struct audit_place place(const struct audit *audit)
{
	(void)audit;
	return (struct audit_place){.instance = "script", .written = taken, .durable = taken};
}

static struct audit_state state(const struct audit *audit)
{
	(void)audit;
	return (struct audit_state){.text = "ok", .ok = true};
}

static int follow(struct audit *audit, const struct store_state *keys)
{
	(void)audit;
	(void)keys;
	return 0;
}

static const struct audit_ops audit_ops = {.take = take,
	.write = nothing,
	.sync = nothing,
	.place = place,
	.state = state,
	.follow = follow,
	.look = nothing,
	.retry = nothing,
	.log_rest = nothing,
	.close = nothing};
static struct audit audit = {.ops = &audit_ops};

/* ---- what the journal says --------------------------------------------------------------------------------------- */

static void read_answers(void)
{
	static uint8_t data[DGRAM_MAX];
	ssize_t n;

	while ((n = recv(broker, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		FromJournal *message = cek__internal__v1__from_journal__unpack(NULL, (size_t)n, data);

		if (!message)
			abort();
		if (message->what_case == CEK__INTERNAL__V1__FROM_JOURNAL__WHAT_APPENDED && message->appended->ok &&
			(message->appended->last_seq > memory.head.seq || questions == 0))
			abort();
		cek__internal__v1__from_journal__free_unpacked(message, NULL);
	}
}

/* Once, until somebody asks again. */
static void read_accusations(void)
{
	static uint8_t data[DGRAM_MAX];
	ssize_t n;

	while ((n = recv(cekd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		Control *message = cek__internal__v1__control__unpack(NULL, (size_t)n, data);

		if (!message || message->what_case != CEK__INTERNAL__V1__CONTROL__WHAT_BROKE || message->broke->cekd ||
			++accusations > questions + 1)
			abort();
		cek__internal__v1__control__free_unpacked(message, NULL);
	}
}

/* ---- the script -------------------------------------------------------------------------------------------------- */

/* As an honest one would, so that what comes later is reached. */
static void say_well(uint8_t what)
{
	Cek__Internal__V1__Replay replay = CEK__INTERNAL__V1__REPLAY__INIT;
	Cek__Internal__V1__AppendKey append = CEK__INTERNAL__V1__APPEND_KEY__INIT;
	Cek__Internal__V1__AuditBatch batch = CEK__INTERNAL__V1__AUDIT_BATCH__INIT;
	Cek__Internal__V1__AuditRecord audited = CEK__INTERNAL__V1__AUDIT_RECORD__INIT, *audits[] = {&audited};
	Cek__Internal__V1__KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT, *records[] = {&record, &record};
	Cek__Internal__V1__ToJournal message = CEK__INTERNAL__V1__TO_JOURNAL__INIT;

	if ((what & 3) == 0) {
		replay.id = ++next_id;
		questions++;
		message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_REPLAY;
		message.replay = &replay;
	} else if ((what & 3) < 3) {
		record.type = (char *)(uintptr_t) "rules";
		append.id = ++next_id;
		append.record = records;
		append.n_record = 1 + (what >> 2 & 1);
		message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY;
		message.append_key = &append;
	} else {
		audited.n = ++next_n;
		batch.instance = (char *)(uintptr_t) "script";
		batch.record = audits;
		batch.n_record = 1;
		message.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_AUDIT;
		message.audit = &batch;
	}
	script_know(&script, next_id);
	(void)dgram_send(broker, &message.base, NULL, 0);
}

static void say(void)
{
	const uint8_t kind = script_next(&script) % 5; /* ToJournal has 1 to 3 */

	questions += script_send(&script, broker, &cek__internal__v1__to_journal__descriptor, kind, 0) > 0 && kind < 2;
}

static int act(uint8_t what)
{
	int r = 0;

	switch (what & 7) {
	case 0:
	case 1:
		say_well(script_next(&script));
		break;
	case 2:
		store_memory_hold(serve.store, what & 8);
		break;
	case 3:
		store_memory_next(serve.store, what & 8 ? STORE_DONE : STORE_REFUSED, what & 8);
		break;
	case 4:
		r = serve_time(&serve);
		break;
	default:
		say();
		break;
	}
	if (r == 0 && !key_queue_full(&serve.keys))
		r = serve_readable(&serve);
	read_answers();
	read_accusations();
	return r;
}

static void begin(void)
{
	int pair[2], control_pair[2];

	memory = (struct memory_journal){.head = chain_start()};
	evidence = (struct evidence){0};
	if (dgram_pair(pair) < 0 || dgram_pair(control_pair) < 0 || control_init(&control, control_pair[0], false) < 0)
		abort();
	broker = pair[1];
	cekd = control_pair[1];
	serve = (struct serve){.pair = {.fd = pair[0], .control = &control},
		.store = store_memory_open(&memory),
		.audit = &audit,
		.evidence = &evidence,
		.sandbox = "none"};
	if (serve_init(&serve) < 0 || serve_announce(&serve) < 0)
		abort();
	taken = next_id = next_n = 0;
	accusations = questions = 0;
}

static void end(int r)
{
	store_memory_hold(serve.store, false);
	if (r == 0 && serve_finish(&serve) == 0 && serve.keys.n > 0)
		abort();
	read_answers();
	serve_deinit(&serve);
	store_close(serve.store);
	text_deinit(&memory.text);
	close(serve.pair.fd);
	close(control.fd);
	close(broker);
	close(cekd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int r = 0;

	if (size > INPUT_MAX)
		return 0;
	script = (struct script){.at = data, .left = size};
	begin();
	while (script.left > 0 && r == 0)
		r = act(script_next(&script));
	end(r);
	return 0;
}
