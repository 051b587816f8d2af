#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/broker/broker.h"
#include "daemon/broker/lifecycle/fsck.h"
#include "daemon/broker/rpc/rpc.h"

static int answer(struct request *request)
{
	struct broker *broker = request->broker;
	Cek__V1__FsckReply *reply = arena_alloc(&broker->turn.arena, sizeof(*reply));

	if (!reply)
		return -ENOMEM;
	cek__v1__fsck_reply__init(reply);
	if (fsck_findings(broker, request->inventory, &broker->turn.arena, reply) < 0)
		return -ENOMEM;
	request->reply.result_case = CEK__V1__REPLY__RESULT_FSCK;
	request->reply.fsck = reply;
	return STATUS_OK;
}

/* The inventory comes in parts: each is kept until the last. */
static int on_result(struct request *request, const JobResult *result)
{
	if (!result || result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_UNAVAILABLE)
		return request_say(request, STATUS_UNAVAILABLE, "the token is not available");
	if (result->outcome != CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK)
		return -EIO;
	if (fsck_add(&request->inventory, result) < 0)
		return -ENOMEM;
	return result->more ? STATUS_PENDING : answer(request);
}

int rpc_fsck(struct request *request)
{
	Cek__Internal__V1__InventoryJob inventory = CEK__INTERNAL__V1__INVENTORY_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	job.id = workers_job_id(request->broker);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_INVENTORY;
	job.inventory = &inventory;
	request->resume = on_result;
	return request_submit_manage(request, &job);
}
