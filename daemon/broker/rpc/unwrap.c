/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/request/check.h"
#include "daemon/broker/request/pending.h"
#include "daemon/broker/rpc/rpc.h"
#include "daemon/broker/rpc/use.h"
#include "daemon/broker/workers/jobs.h"

static size_t rsa_len(const struct request *request)
{
	return request->key->alg->family == ALG_RSA_OAEP ? request->encrypted_key_len : 0;
}

static int answer(struct request *request, const JobResult *result)
{
	Cek__V1__UnwrapReply *reply = arena_alloc(&request->broker->turn.arena, sizeof(*reply));

	if (!reply)
		return log_origin(-ENOMEM);
	if (result->cek.len != request->enc->cek_len)
		return log_origin(-EBADMSG);
	cek__v1__unwrap_reply__init(reply);
	reply->cek = result->cek;
	reply->kid = request->version->kid;
	reply->key = request->key->name;
	reply->candidates = request->candidates;
	request->reply.result_case = CEK__V1__REPLY__RESULT_UNWRAP;
	request->reply.unwrap = reply;
	use_count(request, request->version, 1, 0);
	return STATUS_OK;
}

/* The same job for the next version of the key. */
static int try_next(struct request *request, int outcome)
{
	struct version *next = use_next(request, rsa_len(request));
	Job *job;

	if (!next)
		return use_last_word(request, outcome, rsa_len(request));
	job = cek__internal__v1__job__unpack(arena_allocator(&request->broker->turn.arena), request->job.len,
		request->packed);
	if (!job)
		return log_origin(-ENOMEM);
	request->version = next;
	job->id = workers_job_id(&request->broker->workers);
	job->unwrap->cka_id = (ProtobufCBinaryData){.data = next->cka_id, .len = next->cka_id_len};
	job->unwrap->public_key = ring_public_half(next);
	return request_submit(request, job);
}

static int on_result(struct request *request, const JobResult *result)
{
	int outcome = use_outcome(request, request->version, result);

	if (outcome == STATUS_OK)
		return answer(request, result);
	return use_goes_on(request, result) ? try_next(request, outcome) : outcome;
}

/* Without kid: the first version to try, or for direct agreement, which cannot fail, the one that the caller asks
 * for. */
static int choose(struct request *request, const Cek__V1__UnwrapRequest *message)
{
	bool direct = request->key->alg->family == ALG_ECDH && request->key->alg->key_bits == 0;

	request->without_kid = true;
	while (direct && use_candidate(request, request->candidates, 0))
		request->candidates++;
	if (message->candidate > 0 && !direct)
		return request_say(request, STATUS_MALFORMED, "candidate: for ECDH-ES only");
	if (message->candidate > 0 && message->candidate >= request->candidates)
		return request_say(request, STATUS_MALFORMED, "candidate: there are %u", request->candidates);
	request->candidate = direct ? UINT32_MAX : 0;
	request->version = direct ? use_candidate(request, message->candidate, 0) : use_next(request, rsa_len(request));
	if (!request->version)
		return use_none(request, rsa_len(request));
	return direct ? use_for_unwrap(request, request->version) : STATUS_OK;
}

static int submit(struct request *request, const Cek__V1__UnwrapRequest *message)
{
	Cek__Internal__V1__UnwrapJob unwrap = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	unwrap.cka_id = (ProtobufCBinaryData){.data = request->version->cka_id, .len = request->version->cka_id_len};
	unwrap.public_key = ring_public_half(request->version);
	unwrap.alg = message->alg;
	unwrap.enc = message->enc;
	unwrap.cek_len = request->enc->cek_len;
	unwrap.encrypted_key = message->encrypted_key;
	unwrap.params = message->params;
	job.id = workers_job_id(&request->broker->workers);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = &unwrap;
	request->resume = on_result;
	return request_submit(request, &job);
}

int rpc_unwrap(struct request *request)
{
	const Cek__V1__UnwrapRequest *message = request->message->unwrap;
	int r = check_alg(request, request->key, message->alg);

	if (r == STATUS_OK)
		r = check_enc(request, message->enc);
	if (r == STATUS_OK)
		r = check_wrapped(request, request->key, use_modulus_bits(request, message->encrypted_key.len),
			message->encrypted_key.len, message->params);
	if (r != STATUS_OK)
		return r;
	use_note_encrypted_key(request, &message->encrypted_key);
	if (request->version) {
		request->candidate = UINT32_MAX;
		r = use_for_unwrap(request, request->version);
	} else {
		r = choose(request, message);
	}
	return r == STATUS_OK ? submit(request, message) : r;
}
