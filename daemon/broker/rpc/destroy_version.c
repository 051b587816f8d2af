/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/ring/schedule.h"
#include "daemon/broker/rpc/rpc.h"

static const char *utc(uint64_t micros, char *text, size_t size)
{
	time_t seconds = (time_t)(micros / 1000000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, size, "?");
	return text;
}

static const struct usage *last_user(const struct version *version)
{
	const struct usage *last = NULL;

	for (size_t i = 0; i < version->n_peers; i++) {
		if (!last || version->peers[i].last_used > last->last_used)
			last = &version->peers[i];
	}
	return last;
}

/* Somebody used it within the overlap: tokens under it may still be on their way. If nobody knows how long a token
 * lives, they may be whenever it was used; only an operator can know better, and says so by force or by a schedule. */
static int check_unused(struct request *request, const struct version *version)
{
	uint64_t overlap = schedule_overlap(version->key, request->broker->skew) * 1000000;
	const struct usage *usage = last_user(version);
	const bool known = schedule_overlap_known(version->key);
	char when[32], safe[80] = "when it is safe is not known: set token-lifetime or overlap";

	if (version->last_used == 0 || (known && version->last_used + overlap <= clock_real_us()))
		return STATUS_OK;
	if (known) {
		utc(version->last_used + overlap, when, sizeof(when));
		snprintf(safe, sizeof(safe), "safe from %s", when);
	}
	return request_say(request, STATUS_CONFLICT,
		"still used: %llu unwraps, last at %s by %s/%u, %zu peers; %s, or force",
		(unsigned long long)version->unwraps, utc(version->last_used, when, sizeof(when)),
		usage ? usage->listener : "?", usage ? usage->uid : 0, version->n_peers, safe);
}

static int check(struct request *request, const Cek__V1__DestroyVersionRequest *message)
{
	const struct version *version = request->version;
	const char *why = move_refused(version, STATE_WAITING);

	if (message->wait > 0 && message->wait < request->broker->destroy_wait_min)
		return request_say(request, STATUS_MALFORMED, "wait: at least %u seconds here",
			request->broker->destroy_wait_min);
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
