#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/lifecycle/record.h"
#include "daemon/broker/lifecycle/restore.h"
#include "daemon/broker/request/describe.h"
#include "daemon/broker/request/request.h"
#include "daemon/shared/testhook.h"

static const struct {
	const char *op;  /* in the intent */
	const char *steps[3]; /* for the tests: after intent, token, result */
} kinds[] = {
	[CHANGE_CREATE] = {"create", {"create.intended", "create.generated", "create.recorded"}},
	[CHANGE_ROTATE] = {"rotate", {"rotate.intended", "rotate.generated", "rotate.recorded"}},
	[CHANGE_IMPORT] = {"import", {"import.intended", "import.generated", "import.recorded"}},
	[CHANGE_ADOPT] = {"adopt", {"adopt.intended", "adopt.generated", "adopt.recorded"}},
	[CHANGE_DESTROY] = {"destroy", {"destroy.intended", "destroy.done", "destroy.recorded"}},
	[CHANGE_MOVE] = {"state", {"state.intended", "state.done", "state.recorded"}},
	[CHANGE_SCHEDULE] = {"schedule", {"schedule.intended", "schedule.done", "schedule.recorded"}},
	[CHANGE_RESTORE] = {"restore", {"restore.intended", "restore.done", "restore.recorded"}},
};

const char *change_op(const struct change *change)
{
	return kinds[change->kind].op;
}

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

static void change_free(struct change *change)
{
	list_remove(&change->link);
	timer_clear(&change->broker->turn.timers, &change->timer);
	if (change->key && change->key->change == change)
		change->key->change = NULL;
	free(change->job.packed);
	free(change);
}

int change_drop(struct change *change, int outcome)
{
	change_free(change);
	return outcome;
}

void change_detach(struct change *change)
{
	change->request = NULL;
}

static int say(struct change *change, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int say(struct change *change, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(change->text, sizeof(change->text), format, args);
	va_end(args);
	return status;
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

static const char *result_line(const struct change *change, char *line, size_t size)
{
	const struct version *version = change->version;

	if (change->kind == CHANGE_RESTORE)
		snprintf(line, size, "confirmed");
	else if (version)
		snprintf(line, size, "%s: version %u %s", change_op(change), version->number,
			state_name(version->state));
	else
		snprintf(line, size, "%s", change_op(change));
	return line;
}

static void answer(struct change *change, struct request *request, int outcome)
{
	request->change = NULL;
	request->key = change->key;
	if (change->version)
		request->version = change->version;
	if (outcome == STATUS_OK && change->kind == CHANGE_RESTORE)
		outcome = restore_reply(request);
	else if (outcome == STATUS_OK && change->key)
		outcome = describe_reply(request, change->key, &(struct describe){.asked = change->version});
	else
		request_say(request, (enum status)outcome, "%s%s",
			change->compromised ? "compromised, but not rotated: " : "", change->text);
	if (outcome == STATUS_OK || change->kind != CHANGE_RESTORE)
		result_line(change, request->detail, sizeof(request->detail));
	request_finish(request, outcome);
}

static void finish(struct change *change, int outcome)
{
	struct broker *broker = change->broker;
	struct request *request = change->request;
	struct key *key = change->key;
	char line[200];

	if (outcome == STATUS_OK && change->kind == CHANGE_RESTORE)
		log_info("the restored journal was confirmed");
	else if (outcome == STATUS_OK)
		log_info("key %s: %s", change->name, result_line(change, line, sizeof(line)));
	else
		log_warning("key %s: %s: %s: %s", change->name, change_op(change), status_name((enum status)outcome),
			change->text);
	if (key && key->change == change)
		key->change = NULL;
	if (key && outcome != STATUS_OK)
		steps_back_off(broker, key);
	if (request)
		answer(change, request, outcome);
	change_free(change);
	if (key)
		request_unpark_all(broker, key);
	steps_changed(broker);
}

static void touch_token(struct change *change);

/* Of the records only a confirmation has a condition. */
static int not_recorded(struct change *change)
{
	if (change->kind == CHANGE_RESTORE && strncmp(change->append.why, "head: ", 6) == 0)
		return say(change, STATUS_CONFLICT, "%s", change->append.why);
	return say(change, STATUS_UNAVAILABLE, "the journal does not write");
}

/* "Compromised, and rotate": the intent of the second half became durable together with the first. */
static void go_on_as_rotation(struct change *change)
{
	change->then_rotate = false;
	change->kind = CHANGE_ROTATE;
	change->compromised = true;
	change->version = NULL;
	change->state = STATE_ACTIVE;
	testhook_step(kinds[change->kind].steps[0]);
	touch_token(change);
}

static void on_recorded(struct append *append, bool ok)
{
	struct change *change = list_entry(append, struct change, append);
	struct broker *broker = change->broker;

	if (!ok) {
		finish(change, not_recorded(change));
		return;
	}
	testhook_step(kinds[change->kind].steps[2]);
	change->key = ring_key(&broker->ring, change->name);
	if (change->cka_id_len > 0 && !change->then_rotate)
		change->version = ring_object(&broker->ring, change->cka_id, change->cka_id_len);
	if (change->kind == CHANGE_DESTROY)
		workers_forget(broker, change->version->cka_id, change->version->cka_id_len);
	if (change->then_rotate)
		go_on_as_rotation(change);
	else
		finish(change, STATUS_OK);
}

static void on_abandoned(struct append *append, bool ok)
{
	struct change *change = list_entry(append, struct change, append);

	finish(change, change->outcome);
}

/* The token holds nothing new for sure: say so in the journal, then answer. */
static void abandon(struct change *change, int outcome)
{
	KeyRecord record;

	change->outcome = outcome;
	change->append.done = on_abandoned;
	record_abandoned(change, &record);
	if (journal_append(change->broker, &change->append, &(KeyRecord *){&record}, 1) < 0)
		finish(change, outcome);
}

/* ---- token --------------------------------------------------------------------------------------------------- */

static int status_of(struct change *change, const JobResult *result)
{
	switch ((enum outcome)result->outcome) {
	case OUTCOME_OK:
		return STATUS_OK;
	case OUTCOME_FAILED:
		return say(change, STATUS_FAILED, "%s", result->text);
	case OUTCOME_MISSING:
		return say(change, STATUS_CONFLICT, "%s", result->text[0] ? result->text
			: "the token has no such object");
	case OUTCOME_UNSUPPORTED:
		return say(change, STATUS_UNSUPPORTED, "%s", result->text[0] ? result->text
			: "the token cannot do that");
	case OUTCOME_REFUSED:
		return say(change, STATUS_CONFLICT, "%s", result->text);
	case OUTCOME_UNTRIED:
		return say(change, STATUS_UNAVAILABLE, "%s", result->text);
	case OUTCOME_UNAVAILABLE:
		return say(change, STATUS_UNAVAILABLE, "the token does not answer");
	default:
		log_error("the manage worker failed: %s", result->text);
		return say(change, STATUS_INTERNAL, "a fault of cekd; its log says more");
	}
}

/* The new version as the token made it, into the journal. */
static void record_version_of(struct change *change, const JobResult *result)
{
	struct broker *broker = change->broker;
	struct version_record record;
	const char *fault;

	if (change->kind == CHANGE_ADOPT && result->cka_id.len > 0 && result->cka_id.len <= sizeof(change->cka_id)) {
		memcpy(change->cka_id, result->cka_id.data, result->cka_id.len);
		change->cka_id_len = result->cka_id.len;
	}
	fault = record_version(change, result, &record);
	if (fault) {
		abandon(change, say(change, STATUS_CONFLICT, "%s", fault));
		return;
	}
	change->append.done = on_recorded;
	if (journal_append(broker, &change->append, &(KeyRecord *){&record.record}, 1) < 0)
		finish(change, say(change, STATUS_UNAVAILABLE, "the journal does not write"));
}

static void record_destroyed(struct change *change)
{
	KeyRecord record;

	change->append.done = on_recorded;
	record_state(change, STATE_DESTROYED, 0, &record);
	if (journal_append(change->broker, &change->append, &(KeyRecord *){&record}, 1) < 0)
		finish(change, say(change, STATUS_UNAVAILABLE, "the journal does not write"));
}

static void on_answered(struct job *job, const JobResult *result)
{
	struct change *change = list_entry(job, struct change, job);
	int outcome;

	timer_clear(&change->broker->turn.timers, &change->timer);
	if (!result) {
		outcome = say(change, STATUS_UNAVAILABLE, "the manage worker died or could not be started");
	} else {
		testhook_step(kinds[change->kind].steps[1]);
		outcome = status_of(change, result);
	}
	/* What the worker did before it died is not known: the intent stays open. An adoption changes nothing there. */
	if ((outcome == STATUS_UNAVAILABLE || outcome == STATUS_INTERNAL) && change->kind != CHANGE_ADOPT &&
		!(result && result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_UNTRIED))
		finish(change, outcome);
	else if (outcome != STATUS_OK)
		abandon(change, outcome);
	else if (change->kind == CHANGE_DESTROY)
		record_destroyed(change);
	else
		record_version_of(change, result);
}

/* No manage worker in time: a job that no worker has seen is taken back. */
static void on_late(struct timer *timer)
{
	struct change *change = list_entry(timer, struct change, timer);

	if (workers_cancel(&change->job))
		abandon(change, say(change, STATUS_UNAVAILABLE, "no manage worker came in time"));
}

static void touch_token(struct change *change)
{
	struct broker *broker = change->broker;
	int r;

	change->job.done = on_answered;
	r = workers_manage(broker, &change->job);
	if (r == -ENOBUFS)
		abandon(change, say(change, STATUS_OVERLOADED, "too many changes wait for the token"));
	else if (r < 0)
		abandon(change, say(change, STATUS_UNAVAILABLE, "the token is not available"));
	else
		timer_set(&broker->turn.timers, &change->timer,
			broker->turn.now + broker->turn.limits.manage_deadline_ms * UINT64_C(1000), on_late);
}

static void on_intended(struct append *append, bool ok)
{
	struct change *change = list_entry(append, struct change, append);

	if (!ok) {
		finish(change, say(change, STATUS_UNAVAILABLE, "the journal does not write"));
		return;
	}
	testhook_step(kinds[change->kind].steps[0]);
	touch_token(change);
}

/* ---- the beginning ------------------------------------------------------------------------------------------- */

/* A move; with a rotation in the same step, all of it becomes durable or nothing. */
static int begin_move(struct change *change)
{
	KeyRecord move, more, *records[] = {&move, &more};

	change->append.done = on_recorded;
	record_state(change, change->state, change->until, &move);
	if (change->successor)
		record_activation(change, &more);
	else if (change->then_rotate)
		record_intent(change, &more);
	return journal_append(change->broker, &change->append, records,
		change->successor || change->then_rotate ? 2 : 1);
}

static int begin(struct change *change)
{
	KeyRecord record;

	change->append.done = on_recorded;
	switch (change->kind) {
	case CHANGE_MOVE:
		return begin_move(change);
	case CHANGE_SCHEDULE:
		record_schedule(change, &record);
		break;
	case CHANGE_RESTORE:
		record_restored(change, &record);
		break;
	default:
		change->append.done = on_intended;
		record_intent(change, &record);
	}
	return journal_append(change->broker, &change->append, &(KeyRecord *){&record}, 1);
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

static bool must_wait(const struct change *change)
{
	const struct link *changes = &change->broker->steps.changes;

	for (const struct link *link = changes->next; link != changes; link = link->next) {
		if (in_the_way(change, list_entry(link, struct change, link)))
			return true;
	}
	return false;
}

int change_start(struct change *change, uint8_t *packed, size_t len)
{
	struct broker *broker = change->broker;
	struct request *request = change->request;
	int r;

	change->job.packed = packed;
	change->job.len = len;
	if (must_wait(change))
		return refuse(change, STATUS_CONFLICT, "another change of this key is under way");
	r = begin(change);
	if (r == -ENOBUFS)
		return refuse(change, STATUS_OVERLOADED, "too many changes wait for the journal");
	if (r < 0)
		return refuse(change, STATUS_UNAVAILABLE, "the journal does not write");
	list_append(&broker->steps.changes, &change->link);
	if (change->key && !change->key->change)
		change->key->change = change;
	if (request)
		request->change = change;
	return STATUS_PENDING;
}

int change_pack_job(struct change *change, Job *job, uint8_t **ret_packed, size_t *ret_len)
{
	uint8_t *packed;

	job->id = change->job.id = workers_job_id(change->broker);
	packed = malloc(cek__internal__v1__job__get_packed_size(job) + 1);
	if (!packed)
		return -ENOMEM;
	*ret_len = cek__internal__v1__job__pack(job, packed);
	*ret_packed = packed;
	return 0;
}

/* The kid of an AES key is the base64url of its CKA_ID. One that begins with "-" (62, in the upper six bits of the first
 * octet) looks like an option to every command line. */
int change_new_cka_id(struct change *change)
{
	do {
		if (getrandom(change->cka_id, CKA_ID_LEN, 0) != CKA_ID_LEN)
			return -EIO;
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
