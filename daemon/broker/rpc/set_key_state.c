/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/rpc/rpc.h"

static int check_fields(struct request *request, const Cek__V1__SetKeyStateRequest *message)
{
	enum state to = (enum state)message->state;

	if (to != STATE_SUSPENDED && to != STATE_COMPROMISED && to != STATE_ACTIVE && to != STATE_DEACTIVATED &&
		to != STATE_PRE_ACTIVE)
		return request_say(request, STATUS_MALFORMED, "state: not one that can be asked for");
	if (message->until > 0 && to != STATE_SUSPENDED)
		return request_say(request, STATUS_MALFORMED, "until: only a suspension ends");
	if (message->until > 0 && message->until <= clock_real_us())
		return request_say(request, STATUS_MALFORMED, "until: in the past");
	if (message->rotate && to != STATE_COMPROMISED && to != STATE_SUSPENDED)
		return request_say(request, STATUS_MALFORMED, "rotate: only together with compromised or suspended");
	if (message->rotate && broker_unconfirmed(request->broker))
		return request_say(request, STATUS_UNAVAILABLE,
			"restored journal: rotate when an operator has confirmed it");
	if (!text_valid(message->reason, REASON_MAX))
		return request_say(request, STATUS_MALFORMED,
			"reason: at most %d bytes of UTF-8 without control characters", REASON_MAX);
	return STATUS_OK;
}

/* A destruction is taken back: the suspension that it interrupted goes on, with its own end. */
static bool suspends_again(const struct version *version, enum state to)
{
	return version->state == STATE_WAITING && to == STATE_SUSPENDED;
}

/* Somebody else may have moved the version since the caller looked at it. */
static bool is_expected(const Cek__V1__SetKeyStateRequest *message, enum state state)
{
	for (size_t i = 0; i < message->n_current; i++) {
		if ((enum state)message->current[i] == state)
			return true;
	}
	return message->n_current == 0;
}

static int check_move(struct request *request, const Cek__V1__SetKeyStateRequest *message)
{
	const struct version *version = request->version;
	enum state to = (enum state)message->state;
	const char *why = move_refused(version, to);

	if (broker_unconfirmed(request->broker) && to != STATE_COMPROMISED &&
		(to != STATE_SUSPENDED || suspends_again(version, to)))
		return request_say(request, STATUS_UNAVAILABLE, "restored journal: an operator must confirm it first");
	if (why)
		return request_say(request, STATUS_CONFLICT, "%s to %s: %s", state_name(version->state), state_name(to),
			why);
	if (!is_expected(message, version->state))
		return request_say(request, STATUS_CONFLICT, "current: the version is %s by now%s",
			state_name(version->state),
			suspends_again(version, to) ? ": take its destruction back first" : "");
	if (message->until > 0 && suspends_again(version, to))
		return request_say(request, STATUS_CONFLICT,
			"until: the suspension before the destruction comes back with its own end");
	if (message->rotate && to == STATE_SUSPENDED && version->state != STATE_ACTIVE)
		return request_say(request, STATUS_CONFLICT,
			"rotate: the version is %s, so that nothing takes its place", state_name(version->state));
	return STATUS_OK;
}

/* What follows in the same step: the version that is published already, or a new one, becomes active. */
static int then_rotate(struct change *change, uint8_t **ret_packed, size_t *ret_len)
{
	int r;

	change->successor = change_published(change->key, change->version);
	if (change->successor)
		return STATUS_OK;
	change->then_rotate = true;
	change_like(change, change->key);
	r = change_generate_job(change, ret_packed, ret_len);
	return r == 0 ? STATUS_OK : r;
}

/* A suspension can wait for its successor, so that issuers have a key at every moment. */
static int rotate_first(struct change *change, uint8_t **ret_packed, size_t *ret_len)
{
	int r;

	change->successor = change_published(change->key, change->version);
	if (change->successor)
		return STATUS_OK;
	change->kind = CHANGE_ROTATE;
	change->state = STATE_ACTIVE;
	change->then_suspend = change->version;
	change->version = NULL;
	change_like(change, change->key);
	r = change_generate_job(change, ret_packed, ret_len);
	return r == 0 ? STATUS_OK : r;
}

int rpc_set_key_state(struct request *request)
{
	const Cek__V1__SetKeyStateRequest *message = request->message->set_key_state;
	enum state to = (enum state)message->state;
	struct change *change;
	uint8_t *packed = NULL;
	size_t len = 0;
	int r = check_fields(request, message);

	if (r == STATUS_OK)
		r = check_move(request, message);
	if (r != STATUS_OK)
		return r;
	change = change_new(request->broker, request, CHANGE_MOVE);
	if (!change)
		return log_origin(-ENOMEM);
	change->version = request->version;
	change->state = to;
	change->until = suspends_again(request->version, to) ? request->version->suspension.until : message->until;
	snprintf(change->reason, sizeof(change->reason), "%s", message->reason);
	if (message->rotate)
		r = to == STATE_SUSPENDED ? rotate_first(change, &packed, &len) : then_rotate(change, &packed, &len);
	return r == STATUS_OK ? change_start(change, packed, len) : change_drop(change, r);
}
