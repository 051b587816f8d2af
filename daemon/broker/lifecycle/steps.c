/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/lifecycle/notes.h"
#include "daemon/broker/lifecycle/steps.h"
#include "daemon/broker/lifecycle/usage.h"
#include "daemon/broker/policy/quota.h"
#include "daemon/broker/request/pending.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/ring/reservation.h"
#include "daemon/broker/ring/schedule.h"

#ifdef CEK_TEST_HOOKS
static const struct timeval period = {.tv_usec = 50000}; /* the clock may be shifted at any time */
#else
static const struct timeval period = {.tv_sec = 1};
#endif

/* ---- rotation by cekd itself --------------------------------------------------------------------------------- */

static bool may_change(const struct broker *broker, const struct key *key)
{
	return !key->change && broker->turn.now >= key->pause.until && !broker->turn.draining &&
		broker->quiet_until == 0 && broker_serving(broker) && !broker_unconfirmed(broker);
}

static void new_version(struct broker *broker, struct key *key, enum state state)
{
	struct change *change = change_new(broker, NULL, CHANGE_ROTATE);
	uint8_t *packed = NULL;
	size_t len = 0;
	int r;

	if (!change)
		return;
	change->key = key;
	change->state = state;
	snprintf(change->name, sizeof(change->name), "%s", key->name);
	change_like(change, key);
	r = change_generate_job(change, &packed, &len);
	r = r == 0 ? change_start(change, packed, len) : change_drop(change, r);
	if (r != STATUS_PENDING)
		change_back_off(broker, key, NULL);
}

static void move(struct broker *broker, struct version *version, enum state state)
{
	struct change *change = change_new(broker, NULL, CHANGE_MOVE);

	if (!change)
		return;
	change->key = version->key;
	change->version = version;
	change->state = state;
	snprintf(change->name, sizeof(change->name), "%s", version->key->name);
	if (change_start(change, NULL, 0) != STATUS_PENDING)
		change_back_off(broker, version->key, NULL);
}

/* Whose request was the last one does not matter: it is no line of his. */
static void tell_near_limit(struct broker *broker, const struct key *key)
{
	struct user *served = quota_serve(&broker->quota, NULL);

	log_info("key %s: its active version nears its limit of uses", key->name);
	(void)quota_serve(&broker->quota, served);
}

void steps_rotate(struct broker *broker, struct key *key)
{
	if (!may_change(broker, key))
		return;
	tell_near_limit(broker, key);
	/* A version that is published already is as good as a new one. */
	for (size_t i = 0; i < key->n_versions; i++) {
		if (key->versions[i]->state == STATE_PRE_ACTIVE) {
			move(broker, key->versions[i], STATE_ACTIVE);
			return;
		}
	}
	new_version(broker, key, STATE_ACTIVE);
}

/* ---- scheduled steps ----------------------------------------------------------------------------------------- */

static void destroy(struct broker *broker, struct version *version)
{
	Cek__Internal__V1__DestroyJob destroy_job = CEK__INTERNAL__V1__DESTROY_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;
	struct change *change;
	uint8_t *packed = NULL;
	size_t len = 0;
	int r;

	change = change_new(broker, NULL, CHANGE_DESTROY);
	if (!change)
		return;
	change->key = version->key;
	change->version = version;
	snprintf(change->name, sizeof(change->name), "%s", version->key->name);
	change_like(change, version->key);
	memcpy(change->cka_id, version->cka_id, version->cka_id_len);
	change->cka_id_len = version->cka_id_len;
	destroy_job.cka_id = (ProtobufCBinaryData){.data = change->cka_id, .len = change->cka_id_len};
	destroy_job.alg = (char *)version->key->alg->name;
	destroy_job.public_key = ring_public_half(version);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_DESTROY;
	job.destroy = &destroy_job;
	r = change_pack_job(change, &job, &packed, &len);
	r = r == 0 ? change_start(change, packed, len) : change_drop(change, r);
	if (r != STATUS_PENDING)
		change_back_off(broker, version->key, version);
}

static void take(struct broker *broker, struct key *key, const struct due *due)
{
	switch (due->step) {
	case STEP_PUBLISH:
		new_version(broker, key, STATE_PRE_ACTIVE);
		break;
	case STEP_ACTIVATE:
		move(broker, due->version, STATE_ACTIVE);
		break;
	case STEP_RESUME:
		move(broker, due->version, move_back(due->version));
		break;
	case STEP_DESTROY:
		destroy(broker, due->version);
		break;
	default:
		break;
	}
}

/* Are there destructions that failed and are to wait, or whose time has not come by all that is known? */
static bool hold(const struct broker *broker, const struct key *key)
{
	bool any = false;

	for (size_t i = 0; i < key->n_versions; i++) {
		const struct version *version = key->versions[i];
		struct pause *pause = &key->versions[i]->destroy_pause;

		pause->held = broker->turn.now < pause->until || broker_waits_on(broker, version);
		any = any || pause->held;
	}
	return any;
}

/* Each key's first step, if its time has come; the next one follows when this has been recorded. */
static void run(struct broker *broker, uint64_t now)
{
	struct steps *steps = &broker->steps;

	steps->next_due = UINT64_MAX;
	if (broker_clock_jumped(broker)) { /* its confirmation is a record */
		steps->next_due = 0;
		return;
	}
	for (size_t i = 0; i < broker->ring.n_keys; i++) {
		struct key *key = broker->ring.keys[i];
		bool held = hold(broker, key);
		struct due due = schedule_next(key);

		if (held) /* look again when that is over */
			steps->next_due = 0;
		if (due.step == STEP_NONE)
			continue;
		if (due.time <= now && may_change(broker, key))
			take(broker, key, &due);
		if (due.time < steps->next_due)
			steps->next_due = due.time;
	}
}

/* ---- clock --------------------------------------------------------------------------------------------------- */

/* The base of the clocks is that of the boot of the last record. */
static void watch_clock(struct broker *broker, uint64_t real)
{
	struct clocks *clocks = &broker->ring.clocks;
	const bool jumped = clocks->jumped;
	int64_t by;
	char span[DURATION_MAX];

	broker->steps.last_monotonic = broker->turn.now;
	if (!broker->ring.live || strcmp(clocks->boot, broker->ring.boot) != 0)
		return;
	by = clocks_look(clocks, real, clock_boot_us());
	if (by != 0 && !jumped)
		log_error("the clock jumped %s by %s: nothing happens by schedule until an operator confirms it "
			  "(SIGHUP)",
			by < 0 ? "back" : "ahead", duration_words((uint64_t)llabs(by) / 1000000, span));
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
	struct steps *steps = data;
	struct broker *broker = steps->broker;
	uint64_t real = clock_real_us();

	turn_look_at_clock(&broker->turn);
	watch_clock(broker, real);
	if (!broker_serving(broker) || broker->turn.draining)
		return;
	if (real >= steps->next_due)
		run(broker, real);
	if (broker->turn.now >= steps->usage_due) {
		steps->usage_due = broker->turn.now + broker->usage_seconds * UINT64_C(1000000);
		steps_flush_usage(broker);
	}
}

int steps_init(struct broker *broker)
{
	struct steps *steps = &broker->steps;

	*steps = (struct steps){.broker = broker, .last_monotonic = broker->turn.now};
	list_init(&steps->changes);
	steps->usage_due = broker->turn.now + broker->usage_seconds * UINT64_C(1000000);
	event_assign(&steps->timer, broker->turn.base, -1, EV_PERSIST, on_timer, steps);
	return event_add(&steps->timer, &period) < 0 ? -ENOMEM : 0;
}

void steps_try_again(struct broker *broker)
{
	for (size_t i = 0; i < broker->ring.n_keys; i++) {
		struct key *key = broker->ring.keys[i];

		key->pause = (struct pause){0};
		for (size_t j = 0; j < key->n_versions; j++)
			key->versions[j]->destroy_pause = (struct pause){0};
	}
	steps_changed(&broker->steps);
}

void steps_deinit(struct broker *broker)
{
	if (broker->steps.broker)
		event_del(&broker->steps.timer);
}

bool steps_idle(const struct broker *broker)
{
	return list_empty(&broker->steps.changes) && broker->steps.n_usage == 0;
}

/* ---- reservations and counters -------------------------------------------------------------------------------- */

static void on_reserved(struct append *append, bool ok)
{
	struct note *note = list_entry(append, struct note, append);

	note->version->reserving = false;
	request_unpark_all(note->broker, note->version->key);
	free(note);
}

void steps_reserve(struct broker *broker, struct version *version)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	if (reservation_ends(broker->gcm_wrap_limit, version))
		steps_rotate(broker, version->key);
	if (version->reserving || !reservation_due(broker->gcm_wrap_limit, version))
		return;
	record.type = (char *)"reserve";
	record.reserved = reservation_next(broker->gcm_wrap_limit, version->reserved);
	version->reserving = notes_append(broker, version, &record, on_reserved) == 0;
}

void steps_flush_usage(struct broker *broker)
{
	while (!list_empty(&broker->ring.dirty) && usage_append(broker) == 0)
		continue;
}
