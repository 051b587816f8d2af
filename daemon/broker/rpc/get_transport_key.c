/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/request/pending.h"
#include "daemon/broker/rpc/rpc.h"
#include "daemon/broker/workers/jobs.h"

static int on_result(struct request *request, const JobResult *result)
{
	Cek__V1__TransportKeyReply *reply;

	if (!result || result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_UNAVAILABLE)
		return request_say(request, STATUS_UNAVAILABLE, "the token is not available");
	if (result->outcome != CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK)
		return request_say(request, STATUS_UNSUPPORTED, "the token makes no transport key: %s", result->text);
	reply = arena_alloc(&request->broker->turn.arena, sizeof(*reply));
	if (!reply)
		return log_origin(-ENOMEM);
	cek__v1__transport_key_reply__init(reply);
	reply->id = result->transport_id;
	reply->public_key = result->public_key;
	request->reply.result_case = CEK__V1__REPLY__RESULT_TRANSPORT_KEY;
	request->reply.transport_key = reply;
	return STATUS_OK;
}

int rpc_get_transport_key(struct request *request)
{
	Cek__Internal__V1__TransportJob transport = CEK__INTERNAL__V1__TRANSPORT_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	job.id = workers_job_id(&request->broker->workers);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_TRANSPORT;
	job.transport = &transport;
	request->resume = on_result;
	return request_submit_manage(request, &job);
}
