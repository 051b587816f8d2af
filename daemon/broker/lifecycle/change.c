/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/lifecycle/course.h"
#include "daemon/broker/lifecycle/preview.h"
#include "daemon/broker/lifecycle/record.h"
#include "daemon/broker/workers/jobs.h"

struct change *change_new(struct broker *broker, struct request *request, enum change_kind kind)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change)
		return NULL;
	change->broker = broker;
	change->kind = kind;
	change->request = request;
	change->schedule = (Schedule)CEK__V1__SCHEDULE__INIT;
	list_init(&change->link);
	if (request) {
		change->listener = request->listener;
		change->uid = request->uid;
		change->pid = request->pid;
		change->key = request->key;
		snprintf(change->name, sizeof(change->name), "%s",
			request->key ? request->key->name : request->key_name);
	}
	return change;
}

int change_drop(struct change *change, int outcome)
{
	change_free(change);
	return outcome;
}

/* A move; with a rotation in the same step, all of it becomes durable or nothing. What is suspended gives way first, so
 * that it is deactivated as after any rotation. */
static int begin_move(struct change *change)
{
	const bool first = change->successor && change->state == STATE_SUSPENDED;
	KeyRecord move, more, *records[] = {first ? &more : &move, first ? &move : &more};

	change->append.done = course_recorded;
	record_state(change, change->state, change->until, &move);
	if (change->successor)
		record_activation(change, &more);
	else if (change->then_rotate)
		record_intent(change, &more);
	return journal_append(&change->broker->journal, &change->append, records,
		change->successor || change->then_rotate ? 2 : 1);
}

static int begin(struct change *change)
{
	KeyRecord record;
	char *alias[1];

	change->append.done = course_recorded;
	switch (change->kind) {
	case CHANGE_MOVE:
		return begin_move(change);
	case CHANGE_SCHEDULE:
		record_schedule(change, &record);
		break;
	case CHANGE_ALIAS:
		record_alias(change, alias, &record);
		break;
	case CHANGE_RESTORE:
		record_restored(change, &record);
		break;
	default:
		change->append.done = course_intended;
		record_intent(change, &record);
	}
	return journal_append(&change->broker->journal, &change->append, &(KeyRecord *){&record}, 1);
}

static int refuse(struct change *change, enum status status, const char *text)
{
	struct request *request = change->request;

	change_free(change);
	return request ? request_say(request, status, "%s", text) : (int)status;
}

/* An emergency does not wait for a token that makes another version of the key, which may take minutes. Only the
 * version's destruction must not meet it: that is the end. */
static bool in_the_way(const struct change *change, const struct change *other)
{
	bool urgent = change->kind == CHANGE_MOVE && !change->then_rotate && !change->successor &&
		(change->state == STATE_COMPROMISED || change->state == STATE_SUSPENDED);
	bool adds = other->kind == CHANGE_ROTATE || other->kind == CHANGE_IMPORT || other->kind == CHANGE_ADOPT;

	return strcmp(other->name, change->name) == 0 && !(urgent && adds);
}

/* An object has one intent. Of another key's name only an adoption can mean the same one. */
static bool same_object(const struct change *change, const struct change *other)
{
	return change->kind == CHANGE_ADOPT && change->cka_id_len > 0 && change->cka_id_len == other->cka_id_len &&
		memcmp(change->cka_id, other->cka_id, other->cka_id_len) == 0;
}

static bool must_wait(const struct change *change)
{
	const struct link *changes = &change->broker->steps.changes;

	if (change->kid[0] != '\0' && change_kid_taken(change, change->kid))
		return true;
	for (const struct link *link = changes->next; link != changes; link = link->next) {
		const struct change *other = list_entry(link, struct change, link);

		if (in_the_way(change, other) || same_object(change, other))
			return true;
	}
	return false;
}

/* The change goes on. */
static void on_request_gone(struct request *request)
{
	struct change *change = request->held;

	change->request = NULL;
}

/* What an adoption takes only the token knows; to ask it changes nothing there. It is in nobody's way meanwhile. */
static int preview(struct change *change)
{
	struct request *request = change->request;
	int r;

	if (change->kind != CHANGE_ADOPT)
		return preview_answer(change);
	r = course_look(change);
	if (r != STATUS_PENDING) {
		request_say(request, (enum status)r, "%s", change->text);
		return change_drop(change, r);
	}
	request->held = change;
	request->gone = on_request_gone;
	return STATUS_PENDING;
}

int change_start(struct change *change, uint8_t *packed, size_t len)
{
	struct broker *broker = change->broker;
	struct request *request = change->request;
	bool goes_on;
	int r;

	change->job.packed = packed;
	change->job.len = len;
	if (must_wait(change))
		return refuse(change, STATUS_CONFLICT, "another change of this key is under way");
	if (request && request->preview)
		return preview(change);
	goes_on = change->kind == CHANGE_DESTROY && ring_destruction_open(&broker->ring, change->version);
	r = goes_on ? 0 : begin(change);
	if (r == -ENOBUFS)
		return refuse(change, STATUS_OVERLOADED, "too many changes wait for the journal");
	if (r < 0)
		return refuse(change, STATUS_UNAVAILABLE, "the journal does not write");
	list_append(&broker->steps.changes, &change->link);
	if (change->key && !change->key->change)
		change->key->change = change;
	if (request) {
		request->held = change;
		request->gone = on_request_gone;
	}
	if (goes_on)
		course_go_on(change);
	return STATUS_PENDING;
}

int change_pack_job(struct change *change, Job *job, uint8_t **ret_packed, size_t *ret_len)
{
	uint8_t *packed;

	job->id = change->job.id = workers_job_id(&change->broker->workers);
	packed = malloc(cek__internal__v1__job__get_packed_size(job) + 1);
	if (!packed)
		return log_origin(-ENOMEM);
	*ret_len = cek__internal__v1__job__pack(job, packed);
	*ret_packed = packed;
	return 0;
}

/* The kid of an AES key is the base64url of its CKA_ID. One that begins with "-" (62, in the upper six bits of the
 * first octet) looks like an option to every command line. */
int change_new_cka_id(struct change *change)
{
	do {
		if (getrandom(change->cka_id, CKA_ID_LEN, 0) != CKA_ID_LEN)
			return log_origin(-EIO);
	} while (change->cka_id[0] >> 2 == 62);
	change->cka_id_len = CKA_ID_LEN;
	return 0;
}

int change_generate_job(struct change *change, uint8_t **ret_packed, size_t *ret_len)
{
	Cek__Internal__V1__GenerateJob generate = CEK__INTERNAL__V1__GENERATE_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	if (change_new_cka_id(change) < 0)
		return -EIO;
	generate.label = change->name;
	generate.cka_id = (ProtobufCBinaryData){.data = change->cka_id, .len = change->cka_id_len};
	generate.alg = (char *)change->alg->name;
	generate.bits = change->bits;
	generate.crv = change->crv;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_GENERATE;
	job.generate = &generate;
	return change_pack_job(change, &job, ret_packed, ret_len);
}

struct version *change_published(const struct key *key, const struct version *other)
{
	for (size_t i = 0; i < key->n_versions; i++) {
		struct version *version = key->versions[i];

		if (version != other && version->state == STATE_PRE_ACTIVE && !version->missing)
			return version;
	}
	return NULL;
}

void change_like(struct change *change, const struct key *key)
{
	change->alg = key->alg;
	change->bits = key->bits;
	snprintf(change->crv, sizeof(change->crv), "%s", key->crv);
}
