/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/request/check.h"
#include "daemon/broker/rpc/rpc.h"
#include "daemon/broker/rpc/use.h"

/* The reply, with the encrypted key and the parameters as they came if it was under the active version already. */
static int answer(struct request *request, const JobResult *result, ProtobufCBinaryData *old, AlgParams *old_params)
{
	Cek__V1__RewrapReply *reply = arena_alloc(&request->broker->turn.arena, sizeof(*reply));

	if (!reply)
		return log_origin(-ENOMEM);
	cek__v1__rewrap_reply__init(reply);
	reply->unchanged = result == NULL;
	reply->encrypted_key = result ? result->encrypted_key : *old;
	reply->params = result ? result->params : old_params;
	reply->kid = result ? request->to_version->kid : request->version->kid;
	reply->alg = (char *)request->to_key->alg->name;
	request->reply.result_case = CEK__V1__REPLY__RESULT_REWRAP;
	request->reply.rewrap = reply;
	return STATUS_OK;
}

static Job *waiting_job(struct request *request)
{
	return cek__internal__v1__job__unpack(arena_allocator(&request->broker->turn.arena), request->job.len,
		request->packed);
}

static int try_next(struct request *request, int outcome)
{
	size_t rsa_len = request->key->alg->family == ALG_RSA_OAEP ? request->encrypted_key_len : 0;
	struct version *next = use_next(request, rsa_len);
	Job *job = next ? waiting_job(request) : NULL;

	if (!next)
		return use_last_word(request, outcome, rsa_len);
	if (!job)
		return log_origin(-ENOMEM);
	request->version = next;
	job->rewrap->from->cka_id = (ProtobufCBinaryData){.data = next->cka_id, .len = next->cka_id_len};
	job->rewrap->from->public_key = ring_public_half(next);
	return use_submit_wrap(request, job, job->rewrap->to);
}

/* MISSING and AMBIGUOUS mean the object to be opened, unless the worker names the other one. */
static bool target_lost(const struct request *request, const JobResult *result)
{
	const struct version *to = request->to_version;

	return result &&
		(result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_MISSING ||
			result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_AMBIGUOUS) &&
		result->cka_id.len == to->cka_id_len && memcmp(result->cka_id.data, to->cka_id, to->cka_id_len) == 0;
}

static int on_result(struct request *request, const JobResult *result)
{
	bool target = target_lost(request, result);
	int outcome = use_outcome(request, target ? request->to_version : request->version, result);
	Job *job;

	if (result && result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK)
		use_seen(request, request->to_version);
	if (!target && use_goes_on(request, result))
		return try_next(request, outcome);
	if (outcome == STATUS_OK)
		outcome = use_still(request, request->to_version);
	if (outcome != STATUS_OK)
		return outcome;
	use_count(request, request->version, 1, 0);
	use_count(request, request->to_version, 0, 1);
	if (request->version != request->to_version)
		return answer(request, result, NULL, NULL);
	job = waiting_job(request);
	return job ? answer(request, NULL, &job->rewrap->from->encrypted_key, job->rewrap->from->params)
		   : log_origin(-ENOMEM);
}

/* To another key: it must be named to this peer, who may also see the CEK by unwrapping it itself. */
static int find_to_key(struct request *request, const char *name)
{
	struct broker *broker = request->broker;
	const struct grants *grants = &request->peer->grants;
	bool allowed;

	request->to_key = name[0] == '\0' ? request->key : ring_key(&broker->ring, name);
	if (request->to_key == request->key)
		return STATUS_OK;
	if (!key_name_valid(name))
		return request_say(request, STATUS_MALFORMED, "to_key: not a key name");
	allowed = policy_allows(&broker->policy, grants, PERMISSION_REWRAP, name);
	if (!allowed || !request->to_key)
		return request_say(request, STATUS_UNKNOWN_KEY, "no such key that this peer may use");
	if (!policy_allows(&broker->policy, grants, PERMISSION_UNWRAP, request->key->name))
		return request_say(request, STATUS_DENIED, "to another key only with unwrap on the first");
	return STATUS_OK;
}

static int check(struct request *request, const Cek__V1__RewrapRequest *message)
{
	int r = check_alg(request, request->key, message->alg);

	if (r == STATUS_OK)
		r = check_enc(request, message->enc);
	if (r == STATUS_OK)
		r = check_wrapped(request, request->key, use_modulus_bits(request, message->encrypted_key.len),
			message->encrypted_key.len, message->params);
	if (r == STATUS_OK)
		r = find_to_key(request, message->to_key);
	if (r == STATUS_OK && request->to_key->alg->family == ALG_ECDH && request->to_key->alg->key_bits == 0)
		r = request_say(request, STATUS_MALFORMED,
			"ECDH-ES agrees on a fresh CEK: nothing can be rewrapped to it");
	return r;
}

static int choose(struct request *request, const Cek__V1__RewrapRequest *message)
{
	size_t rsa_len = request->key->alg->family == ALG_RSA_OAEP ? message->encrypted_key.len : 0;

	if (request->version) {
		request->candidate = UINT32_MAX;
		return use_for_unwrap(request, request->version);
	}
	if (request->key->alg->family == ALG_ECDH && request->key->alg->key_bits == 0)
		return request_say(request, STATUS_MALFORMED, "kid: needed with ECDH-ES");
	request->without_kid = true;
	request->version = use_next(request, rsa_len);
	return request->version ? STATUS_OK : use_none(request, rsa_len);
}

int rpc_rewrap(struct request *request)
{
	Cek__V1__RewrapRequest *message = request->message->rewrap;
	Cek__Internal__V1__UnwrapJob from = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
	Cek__Internal__V1__WrapJob to = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Cek__Internal__V1__RewrapJob rewrap = CEK__INTERNAL__V1__REWRAP_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;
	int r = check(request, message);

	if (r == STATUS_OK) {
		use_note_encrypted_key(request, &message->encrypted_key);
		r = choose(request, message);
	}
	if (r != STATUS_OK)
		return r;
	if (request->candidate == UINT32_MAX && request->version == request->to_key->active)
		return answer(request, NULL, &message->encrypted_key, message->params);
	from = (Cek__Internal__V1__UnwrapJob){.base = from.base,
		.alg = message->alg,
		.enc = message->enc,
		.cek_len = request->enc->cek_len,
		.cka_id = {.data = request->version->cka_id, .len = request->version->cka_id_len},
		.encrypted_key = message->encrypted_key,
		.params = message->params,
		.public_key = ring_public_half(request->version)};
	use_wrap_job(request, NULL, &to);
	rewrap.from = &from;
	rewrap.to = &to;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_REWRAP;
	job.rewrap = &rewrap;
	request->resume = on_result;
	return use_submit_wrap(request, &job, &to);
}
