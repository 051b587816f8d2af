/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plural.h"
#include "daemon/broker/base/when.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/ring/retire.h"
#include "daemon/broker/rpc/rpc.h"

/* Tokens under it may still be on their way. If nobody knows how long one lives, they may be whenever it was used; only
 * an operator can know better, and says so by force or by a schedule. */
static int check_unused(struct request *request, const struct version *version)
{
	const struct usage *usage = ring_last_user(version);
	const uint64_t now = clock_real_us();
	struct retirement retirement;
	char when[WHEN_MAX], safe[RETIRE_WHY_MAX + WHEN_MAX + 32];

	if (!retire_early(version, request->broker->skew, now))
		return STATUS_OK;
	retire_at(version, request->broker->skew, now, &retirement);
	if (retirement.time > 0)
		snprintf(safe, sizeof(safe), "safe from %s (%s)", when_utc(retirement.time, when), retirement.why);
	else
		snprintf(safe, sizeof(safe), "when it is safe is %s", retirement.why);
	if (version->last_used == 0)
		return request_say(request, STATUS_CONFLICT,
			"nobody has used it so far, but tokens under it may still come; %s, or force", safe);
	return request_say(request, STATUS_CONFLICT,
		"still used: %" PRIu64 " unwrap%s, last at %s by %s/%u, %zu peer%s; %s, or force", version->unwraps,
		plural(version->unwraps), when_utc(version->last_used, when), usage ? usage->listener : "?",
		usage ? usage->uid : 0, version->n_peers, plural(version->n_peers), safe);
}

static int check(struct request *request, const Cek__V1__DestroyVersionRequest *message)
{
	const struct version *version = request->version;
	const char *why = move_refused(version, STATE_WAITING);

	if (message->wait > 0 && message->wait < request->broker->destroy_wait_min)
		return request_say(request, STATUS_MALFORMED, "wait: at least %u second%s here",
			request->broker->destroy_wait_min, plural(request->broker->destroy_wait_min));
	if (!text_valid(message->reason, REASON_MAX))
		return request_say(request, STATUS_MALFORMED,
			"reason: at most %d bytes of UTF-8 without control characters", REASON_MAX);
	if (why)
		return request_say(request, STATUS_CONFLICT, "%s: %s", state_name(version->state), why);
	return message->force ? STATUS_OK : check_unused(request, version);
}

int rpc_destroy_version(struct request *request)
{
	const Cek__V1__DestroyVersionRequest *message = request->message->destroy_version;
	struct change *change;
	int r = check(request, message);

	if (r != STATUS_OK)
		return r;
	change = change_new(request->broker, request, CHANGE_MOVE);
	if (!change)
		return log_origin(-ENOMEM);
	change->version = request->version;
	change->state = STATE_WAITING;
	change->until = clock_real_us() +
		(message->wait > 0 ? message->wait : request->broker->destroy_wait) * UINT64_C(1000000);
	change->force = message->force;
	snprintf(change->reason, sizeof(change->reason), "%s", message->reason);
	return change_start(change, NULL, 0);
}
