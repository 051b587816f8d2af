/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "base/plural.h"
#include "daemon/broker/request/check.h"
#include "daemon/broker/rpc/rpc.h"
#include "daemon/broker/rpc/use.h"

static int on_result(struct request *request, const JobResult *result)
{
	int outcome = use_outcome(request, request->to_version, result);
	Cek__V1__WrapReply *reply;

	if (outcome != STATUS_OK)
		return outcome;
	reply = arena_alloc(&request->broker->turn.arena, sizeof(*reply));
	if (!reply)
		return log_origin(-ENOMEM);
	cek__v1__wrap_reply__init(reply);
	request->version = request->to_version;
	reply->encrypted_key = result->encrypted_key;
	reply->kid = request->version->kid;
	reply->alg = (char *)request->key->alg->name;
	reply->params = result->params;
	request->reply.result_case = CEK__V1__REPLY__RESULT_WRAP;
	request->reply.wrap = reply;
	use_note_encrypted_key(request, &result->encrypted_key);
	use_count(request, request->version, 0, 1);
	return STATUS_OK;
}

static bool all_zero(const ProtobufCBinaryData *data)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < data->len; i++)
		sum |= data->data[i];
	return sum == 0;
}

static int check_cek(struct request *request, const ProtobufCBinaryData *cek)
{
	if (cek->len != request->enc->cek_len)
		return request_say(request, STATUS_MALFORMED, "cek: %zu byte%s, %s needs %u", cek->len,
			plural(cek->len), request->enc->name, request->enc->cek_len);
	if (all_zero(cek))
		return request_say(request, STATUS_MALFORMED, "cek: all zero");
	return STATUS_OK;
}

static int check(struct request *request, const Cek__V1__WrapRequest *message)
{
	int r;

	if (request->key->alg->family == ALG_ECDH && request->key->alg->key_bits == 0)
		return request_say(request, STATUS_MALFORMED, "ECDH-ES agrees on a fresh CEK: use GenerateCek");
	r = check_enc(request, message->enc);
	if (r == STATUS_OK)
		r = check_cek(request, &message->cek);
	return r == STATUS_OK ? check_wrap_params(request, request->key, message->params) : r;
}

int rpc_wrap(struct request *request)
{
	const Cek__V1__WrapRequest *message = request->message->wrap;
	Cek__Internal__V1__WrapJob wrap = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;
	int r = check(request, message);

	if (r != STATUS_OK)
		return r;
	request->to_key = request->key;
	request->resume = on_result;
	use_wrap_job(request, message->params, &wrap);
	wrap.cek = message->cek;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &wrap;
	return use_submit_wrap(request, &job, &wrap);
}
