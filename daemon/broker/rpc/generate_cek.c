/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/request/check.h"
#include "daemon/broker/rpc/rpc.h"
#include "daemon/broker/rpc/use.h"

static int on_result(struct request *request, const JobResult *result)
{
	int outcome = use_outcome(request, request->to_version, result);
	Cek__V1__GenerateCekReply *reply;

	if (outcome != STATUS_OK)
		return outcome;
	if (result->cek.len != request->enc->cek_len)
		return log_origin(-EBADMSG);
	reply = arena_alloc(&request->broker->turn.arena, sizeof(*reply));
	if (!reply)
		return log_origin(-ENOMEM);
	cek__v1__generate_cek_reply__init(reply);
	request->version = request->to_version;
	reply->cek = result->cek;
	reply->encrypted_key = result->encrypted_key;
	reply->kid = request->version->kid;
	reply->alg = (char *)request->key->alg->name;
	reply->params = result->params;
	request->reply.result_case = CEK__V1__REPLY__RESULT_GENERATE_CEK;
	request->reply.generate_cek = reply;
	use_note_encrypted_key(request, &result->encrypted_key);
	use_count(request, request->version, 0, 1);
	return STATUS_OK;
}

int rpc_generate_cek(struct request *request)
{
	const Cek__V1__GenerateCekRequest *message = request->message->generate_cek;
	Cek__Internal__V1__WrapJob wrap = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;
	int r = check_enc(request, message->enc);

	if (r == STATUS_OK)
		r = check_wrap_params(request, request->key, message->params);
	if (r != STATUS_OK)
		return r;
	request->to_key = request->key;
	request->resume = on_result;
	use_wrap_job(request, message->params, &wrap);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &wrap;
	return use_submit_wrap(request, &job, &wrap);
}
