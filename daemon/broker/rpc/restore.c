/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/journal/restore.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/request/describe.h"
#include "daemon/broker/rpc/rpc.h"

static int check(struct request *request, const Cek__V1__RestoreRequest *message)
{
	if (!text_valid(message->reason, REASON_MAX))
		return request_say(request, STATUS_MALFORMED,
			"reason: at most %d bytes of UTF-8 without control characters", REASON_MAX);
	if (strlen(message->head) >= RING_HEAD_MAX)
		return request_say(request, STATUS_MALFORMED, "head: not SEQ:HASH");
	if (message->confirm && request->broker->restore.asking)
		return request_say(request, STATUS_UNAVAILABLE, "%s", restore_refusal(&request->broker->restore));
	if (message->confirm && !broker_unconfirmed(request->broker))
		return request_say(request, STATUS_CONFLICT,
			"the journal is the one that cekd wrote last: there is nothing to confirm");
	return STATUS_OK;
}

/* A destruction that was taken back in the part that is lost must not happen at once. */
static int confirm(struct request *request, const Cek__V1__RestoreRequest *message)
{
	struct change *change = change_new(request->broker, request, CHANGE_RESTORE);

	if (!change)
		return log_origin(-ENOMEM);
	change->until = clock_real_us() + request->broker->destroy_wait * UINT64_C(1000000);
	snprintf(change->append.head, sizeof(change->append.head), "%s", message->head);
	snprintf(change->reason, sizeof(change->reason), "%s", message->reason);
	return change_start(change, NULL, 0);
}

int rpc_restore(struct request *request)
{
	const Cek__V1__RestoreRequest *message = request->message->restore;
	int r = check(request, message);

	if (r != STATUS_OK)
		return r;
	return message->confirm ? confirm(request, message) : describe_restore(request);
}
