/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/rpc/rpc.h"

int rpc_set_key_schedule(struct request *request)
{
	const Cek__V1__SetKeyScheduleRequest *message = request->message->set_key_schedule;
	const Schedule *schedule = message->schedule;
	struct change *change;

	if (schedule && schedule->period > 0 && schedule->lead > schedule->period)
		return request_say(request, STATUS_MALFORMED, "lead: longer than the period");
	change = change_new(request->broker, request, CHANGE_SCHEDULE);
	if (!change)
		return log_origin(-ENOMEM);
	if (schedule) {
		change->schedule.period = schedule->period;
		change->schedule.lead = schedule->lead;
		change->schedule.overlap = schedule->overlap;
		change->schedule.token_lifetime = schedule->token_lifetime;
		change->schedule.jwks_max_age = schedule->jwks_max_age;
	}
	change->max_uses = message->max_uses;
	return change_start(change, NULL, 0);
}
