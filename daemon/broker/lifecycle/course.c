/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/lifecycle/course.h"
#include "daemon/broker/lifecycle/hidden.h"
#include "daemon/broker/lifecycle/notes.h"
#include "daemon/broker/lifecycle/preview.h"
#include "daemon/broker/lifecycle/receipts.h"
#include "daemon/broker/lifecycle/record.h"
#include "daemon/broker/request/describe.h"
#include "daemon/broker/request/pending.h"
#include "daemon/broker/request/request.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/workers/job.h"
#include "daemon/broker/workers/jobs.h"

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
	else if (change->kind == CHANGE_ALIAS)
		snprintf(line, size, "alias %s: version %u", change->removes ? "removed" : "added", version->number);
	else if (version)
		snprintf(line, size, "%s: version %u %s", change_op(change), version->number,
			state_name(version->state));
	else
		snprintf(line, size, "%s", change_op(change));
	return line;
}

static void answer(struct change *change, struct request *request, int outcome)
{
	request->gone = NULL;
	request->key = change->key;
	if (change->version)
		request->version = change->version;
	if (outcome == STATUS_OK && change->kind == CHANGE_RESTORE)
		outcome = describe_restore(request);
	else if (outcome == STATUS_OK && change->key)
		outcome = describe_reply(request, change->key, &(struct describe){.asked = change->version});
	else
		request_say(request, (enum status)outcome, "%s%s",
			change->compromised       ? "compromised, but not rotated: "
				: change->rotated ? "rotated, but not suspended: "
						  : "",
			change->text);
	if (outcome == STATUS_OK || change->kind != CHANGE_RESTORE)
		result_line(change, request->detail, sizeof(request->detail));
	request_finish(request, outcome);
}

static void finish(struct change *change, int outcome)
{
	struct broker *broker = change->broker;
	struct request *request = change->request;
	struct key *key = change->key;
	struct version *destroyed = change->kind == CHANGE_DESTROY ? change->version : NULL;
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
		change_back_off(broker, key, destroyed);
	else if (key)
		change_went_well(key, destroyed);
	if (request)
		answer(change, request, outcome);
	change_free(change);
	if (key)
		request_unpark_all(broker, key);
	steps_changed(&broker->steps);
}

static void touch_token(struct change *change);

/* Of the records only a confirmation has a condition; the journal may know that the time has not come. */
static int not_recorded(struct change *change)
{
	if (strncmp(change->append.why, "law: ", 5) == 0)
		return say(change, STATUS_UNAVAILABLE, "the journal refuses it: %.200s", change->append.why + 5);
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
	change_step(change, CHANGE_INTENDED);
	touch_token(change);
}

/* "Rotate, then suspend". A version that an emergency has to do with meanwhile is left to that. */
static void go_on_as_suspension(struct change *change)
{
	const struct link *changes = &change->broker->steps.changes;
	KeyRecord record;

	change->kind = CHANGE_MOVE;
	change->rotated = true;
	change->version = change->then_suspend;
	change->then_suspend = NULL;
	change->cka_id_len = 0;
	change->state = STATE_SUSPENDED;
	for (const struct link *link = changes->next; link != changes; link = link->next) {
		const struct change *other = list_entry(link, struct change, link);

		if (other != change && strcmp(other->name, change->name) == 0) {
			finish(change, say(change, STATUS_CONFLICT, "another change of this key is under way"));
			return;
		}
	}
	if (move_refused(change->version, STATE_SUSPENDED)) {
		finish(change, say(change, STATUS_CONFLICT, "it is %s by now", state_name(change->version->state)));
		return;
	}
	record_state(change, STATE_SUSPENDED, change->until, &record);
	if (journal_append(&change->broker->journal, &change->append, &(KeyRecord *){&record}, 1) < 0)
		finish(change, say(change, STATUS_UNAVAILABLE, "the journal does not write"));
}

void course_recorded(struct append *append, bool ok)
{
	struct change *change = list_entry(append, struct change, append);
	struct broker *broker = change->broker;

	if (!ok) {
		finish(change, not_recorded(change));
		return;
	}
	change_step(change, CHANGE_RECORDED);
	change->key = ring_key(&broker->ring, change->name);
	if (change->cka_id_len > 0 && !change->then_rotate)
		change->version = ring_object(&broker->ring, change->cka_id, change->cka_id_len);
	if (change->kind == CHANGE_DESTROY)
		workers_forget(&broker->workers, change->version->cka_id, change->version->cka_id_len);
	if (change->then_rotate)
		go_on_as_rotation(change);
	else if (change->then_suspend)
		go_on_as_suspension(change);
	else
		finish(change, STATUS_OK);
}

/* A preview that had to ask the token: nothing was begun, so that nothing is to be ended. */
static void looked(struct change *change, int outcome)
{
	struct request *request = change->request;

	if (!request) {
		change_free(change);
		return;
	}
	request->gone = NULL;
	if (outcome == STATUS_OK) {
		request_finish(request, preview_answer(change));
		return;
	}
	request_say(request, (enum status)outcome, "%s", change->text);
	request_finish(request, outcome);
	change_free(change);
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

	if (change->looks) {
		looked(change, outcome);
		return;
	}
	change->outcome = outcome;
	change->append.done = on_abandoned;
	record_abandoned(change, &record);
	if (journal_append(&change->broker->journal, &change->append, &(KeyRecord *){&record}, 1) < 0)
		finish(change, outcome);
}

/* ---- token --------------------------------------------------------------------------------------------------- */

static int status_of(struct change *change, const JobResult *result)
{
	if (hidden_nothing_to_adopt(change, result))
		return say(change, STATUS_CONFLICT, "the token has no such private or secret key");
	switch ((enum outcome)result->outcome) {
	case OUTCOME_OK:
		return STATUS_OK;
	case OUTCOME_FAILED:
		return say(change, STATUS_FAILED, "%s", result->text);
	case OUTCOME_MISSING:
		return say(change, STATUS_CONFLICT, "%s",
			result->text[0] ? result->text : "the token has no such object");
	case OUTCOME_UNSUPPORTED:
		return say(change, STATUS_UNSUPPORTED, "%s",
			result->text[0] ? result->text : "the token cannot do that");
	case OUTCOME_AMBIGUOUS:
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

/* The object that an adoption would take. */
static void found(struct change *change, const JobResult *result)
{
	if (change->kid[0] == '\0')
		snprintf(change->kid, sizeof(change->kid), "%s", result->kid);
	change->bits = result->bits;
	snprintf(change->crv, sizeof(change->crv), "%s", result->crv);
	snprintf(change->text, sizeof(change->text), "%s", result->note);
	looked(change, STATUS_OK);
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
	if (change->looks) {
		found(change, result);
		return;
	}
	snprintf(change->made, sizeof(change->made), "%s", result->kid);
	change->append.done = course_recorded;
	if (journal_append(&broker->journal, &change->append, &(KeyRecord *){&record.record}, 1) < 0)
		finish(change, say(change, STATUS_UNAVAILABLE, "the journal does not write"));
}

static void record_destroyed(struct change *change)
{
	KeyRecord record;

	change->append.done = course_recorded;
	record_state(change, STATE_DESTROYED, 0, &record);
	if (journal_append(&change->broker->journal, &change->append, &(KeyRecord *){&record}, 1) < 0)
		finish(change, say(change, STATUS_UNAVAILABLE, "the journal does not write"));
}

/* Nothing tells which key of the token is meant. The intent stays open: the same destruction is tried again, with
 * longer and longer pauses and without another record, until only one is left. */
static void wait_for_one(struct change *change)
{
	notes_mark_twins(change->broker, change->version);
	finish(change, STATUS_CONFLICT);
}

static void on_answered(struct job *job, const JobResult *result)
{
	struct change *change = list_entry(job, struct change, job);
	int outcome;

	timer_clear(&change->broker->turn.timers, &change->timer);
	if (!result && !job->given) { /* the token holds nothing of it */
		abandon(change, say(change, STATUS_UNAVAILABLE, "the token is not available"));
		return;
	}
	if (!result) {
		outcome = say(change, STATUS_UNAVAILABLE, "the manage worker died");
	} else {
		change_step(change, CHANGE_TOUCHED);
		outcome = status_of(change, result);
	}
	/* What the worker did before it died is not known: the intent stays open. An adoption changes nothing there. */
	if ((outcome == STATUS_UNAVAILABLE || outcome == STATUS_INTERNAL) && change->kind != CHANGE_ADOPT &&
		!(result && result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_UNTRIED))
		finish(change, outcome);
	else if (change->kind == CHANGE_DESTROY && outcome == STATUS_CONFLICT)
		wait_for_one(change);
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

	if (job_cancel(&change->job))
		abandon(change, say(change, STATUS_UNAVAILABLE, "no manage worker came in time"));
}

/* STATUS_PENDING: the manage worker has the job, or will have it. */
static int submit(struct change *change)
{
	struct broker *broker = change->broker;
	int r;

	change->job.done = on_answered;
	r = workers_manage(&broker->workers, &change->job);
	if (r == -ENOBUFS)
		return say(change, STATUS_OVERLOADED, "too many changes wait for the token");
	timer_set(&broker->turn.timers, &change->timer,
		broker->turn.now + broker->turn.limits.manage_deadline_ms * UINT64_C(1000), on_late);
	return STATUS_PENDING;
}

static void touch_token(struct change *change)
{
	int r;

	if (!change->append.receipt && !change->renewed) {
		if (receipts_ask(change, course_intended) < 0)
			finish(change, say(change, STATUS_UNAVAILABLE, "the journal does not write"));
		return;
	}
	if (receipts_add(change) < 0) {
		finish(change, say(change, STATUS_UNAVAILABLE, "out of memory"));
		return;
	}
	r = submit(change);

	if (r != STATUS_PENDING)
		abandon(change, r);
}

int course_look(struct change *change)
{
	change->looks = true;
	return submit(change);
}

void course_go_on(struct change *change)
{
	touch_token(change);
}

void course_intended(struct append *append, bool ok)
{
	struct change *change = list_entry(append, struct change, append);

	if (!ok) {
		finish(change, not_recorded(change));
		return;
	}
	if (!change->renewed)
		change_step(change, CHANGE_INTENDED);
	touch_token(change);
}
