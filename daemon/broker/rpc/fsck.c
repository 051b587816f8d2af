/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/lifecycle/fsck.h"
#include "daemon/broker/request/pending.h"
#include "daemon/broker/rpc/rpc.h"
#include "daemon/broker/workers/jobs.h"

static int answer(struct request *request)
{
	struct broker *broker = request->broker;
	Cek__V1__FsckReply *reply = arena_alloc(&broker->turn.arena, sizeof(*reply));

	if (!reply)
		return log_origin(-ENOMEM);
	cek__v1__fsck_reply__init(reply);
	if (fsck_findings(broker, request->held, &broker->turn.arena, reply) < 0)
		return log_origin(-ENOMEM);
	if (broker->restore.foreign > 0) /* some may have been adopted, or are gone */
		broker->restore.foreign = fsck_foreign_keys(&broker->ring, request->held);
	request->reply.result_case = CEK__V1__REPLY__RESULT_FSCK;
	request->reply.fsck = reply;
	return STATUS_OK;
}

static void on_gone(struct request *request)
{
	request->held = inventory_free(request->held);
}

/* The inventory comes in parts: each is kept until the last. */
static int on_result(struct request *request, const JobResult *result)
{
	struct inventory *inventory = request->held;
	int r;

	if (!result || result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_UNAVAILABLE)
		return request_say(request, STATUS_UNAVAILABLE, "the token is not available");
	if (result->outcome != CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK)
		return log_origin(-EIO);
	r = fsck_add(&inventory, result);
	request->held = inventory;
	request->gone = on_gone;
	if (r < 0)
		return log_origin(r);
	return result->more ? STATUS_PENDING : answer(request);
}

int rpc_fsck(struct request *request)
{
	Cek__Internal__V1__InventoryJob inventory = CEK__INTERNAL__V1__INVENTORY_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	job.id = workers_job_id(&request->broker->workers);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_INVENTORY;
	job.inventory = &inventory;
	request->resume = on_result;
	return request_submit_manage(request, &job);
}
