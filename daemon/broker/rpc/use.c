/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/lifecycle/notes.h"
#include "daemon/broker/lifecycle/steps.h"
#include "daemon/broker/request/pending.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/rpc/use.h"
#include "daemon/broker/workers/jobs.h"

enum { LOOK_AGAIN_US = 2000000 };

static Cek__V1__Reason reason_of(enum state state)
{
	switch (state) {
	case STATE_SUSPENDED:
		return CEK__V1__REASON__REASON_SUSPENDED;
	case STATE_COMPROMISED:
		return CEK__V1__REASON__REASON_COMPROMISED;
	case STATE_WAITING:
		return CEK__V1__REASON__REASON_WAITING;
	case STATE_DESTROYED:
		return CEK__V1__REASON__REASON_DESTROYED;
	default:
		return CEK__V1__REASON__REASON_NOT_ACTIVE;
	}
}

int use_still(struct request *request, struct version *version)
{
	if (move_opens(version))
		return STATUS_OK;
	ring_refused(&request->broker->ring, version);
	return request_say_why(request, STATUS_UNUSABLE, reason_of(version->state), "this version is %s",
		state_name(version->state));
}

static bool lost(const struct version *version)
{
	return version->missing || version->twins;
}

static int say_lost(struct request *request, const struct version *version)
{
	if (version->twins)
		return request_say_why(request, STATUS_UNUSABLE, CEK__V1__REASON__REASON_MISSING,
			"the token has several keys that could be this version");
	return request_say_why(request, STATUS_UNUSABLE, CEK__V1__REASON__REASON_MISSING,
		"the token has no object for this version at the moment");
}

/* An object that was lost is looked for by using it; in between the answer is known. */
static bool may_look(struct broker *broker, struct version *version)
{
	if (!lost(version))
		return true;
	if (broker->turn.now < version->look_again)
		return false;
	version->look_again = broker->turn.now + LOOK_AGAIN_US;
	return true;
}

int use_for_unwrap(struct request *request, struct version *version)
{
	struct broker *broker = request->broker;

	if (use_still(request, version) != STATUS_OK)
		return STATUS_UNUSABLE;
	return may_look(broker, version) ? STATUS_OK : say_lost(request, version);
}

unsigned use_modulus_bits(const struct request *request, size_t encrypted_key_len)
{
	const struct key *key = request->key;

	if (request->version)
		return request->version->bits;
	for (size_t i = 0; i < key->n_versions; i++) {
		if ((key->versions[i]->bits + 7) / 8 == encrypted_key_len)
			return key->versions[i]->bits;
	}
	return key->bits;
}

static bool fits(const struct version *version, size_t rsa_len)
{
	return move_opens(version) && (rsa_len == 0 || (version->bits + 7) / 8 == rsa_len);
}

/* Place by place: the active one, then from the youngest to the oldest; then in the same order those that are lost.
 * NULL: the version of this place does not fit, or has its other place. */
static struct version *in_order(const struct key *key, size_t place, size_t rsa_len)
{
	const size_t n = key->n_versions + 1, i = place % n;
	struct version *version = i == 0 ? key->active : key->versions[key->n_versions - i];

	if (!version || (i > 0 && version == key->active) || !fits(version, rsa_len))
		return NULL;
	return lost(version) == (place >= n) ? version : NULL;
}

struct version *use_candidate(const struct request *request, uint32_t i, size_t rsa_len)
{
	const struct key *key = request->key;
	uint32_t n = 0;

	if (i >= request->broker->turn.limits.versions_tried)
		return NULL;
	for (size_t place = 0; place < 2 * (key->n_versions + 1); place++) {
		struct version *version = in_order(key, place, rsa_len);

		if (version && n++ == i)
			return version;
	}
	return NULL;
}

static bool was_tried(const struct request *request, const struct version *version)
{
	for (uint32_t i = 0; i < request->tries; i++) {
		if (request->tried[i] == version)
			return true;
	}
	return false;
}

struct version *use_next(struct request *request, size_t rsa_len)
{
	struct broker *broker = request->broker;
	const struct key *key = request->key;

	if (request->tries >= broker->turn.limits.versions_tried || request->tries >= REQUEST_TRIES_MAX)
		return NULL;
	for (size_t place = 0; place < 2 * (key->n_versions + 1); place++) {
		struct version *version = in_order(key, place, rsa_len);

		if (!version || was_tried(request, version) || !may_look(broker, version))
			continue;
		request->tried[request->tries++] = version;
		return version;
	}
	return NULL;
}

int use_none(struct request *request, size_t rsa_len)
{
	const struct version *version = use_candidate(request, 0, rsa_len);

	if (version && lost(version))
		return say_lost(request, version);
	return request_say_why(request, STATUS_UNUSABLE, CEK__V1__REASON__REASON_NOT_ACTIVE,
		"the key has no version that could open this");
}

bool use_goes_on(struct request *request, const JobResult *result)
{
	if (request->candidate == UINT32_MAX || !result)
		return false;
	if (result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_FAILED)
		request->failed = true;
	return result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_FAILED ||
		result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_MISSING ||
		result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_AMBIGUOUS;
}

/* Nothing that depends on the ciphertext: only versions that were left out because of versions-tried count. */
static bool more_would_fit(const struct request *request, size_t rsa_len)
{
	const struct key *key = request->key;

	for (size_t place = 0; place < 2 * (key->n_versions + 1); place++) {
		const struct version *version = in_order(key, place, rsa_len);

		if (version && !lost(version) && !was_tried(request, version))
			return true;
	}
	return false;
}

int use_last_word(struct request *request, int outcome, size_t rsa_len)
{
	if (!request->failed)
		return outcome;
	return request_say_why(request, STATUS_FAILED,
		more_would_fit(request, rsa_len) ? CEK__V1__REASON__REASON_UNTRIED
						 : CEK__V1__REASON__REASON_UNSPECIFIED,
		"%s", "");
}

/* One wrap more under this version: false if its limit does not allow it (yet). */
static bool take_wrap(struct broker *broker, struct version *version)
{
	const struct key *key = version->key;
	uint64_t uses = version->unwraps + version->wraps;

	if (key->max_uses > 0 && uses + key->max_uses / 8 + 1 >= key->max_uses)
		steps_rotate(broker, version->key);
	if (key->max_uses > 0 && uses >= key->max_uses)
		return false;
	if (key->alg->family != ALG_AES_GCMKW)
		return true;
	steps_reserve(broker, version);
	if (version->taken >= version->reserved)
		return false;
	version->taken++;
	return true;
}

/* The active version, ready for one more wrap. */
static int for_wrap(struct request *request, struct version **ret_version)
{
	struct broker *broker = request->broker;
	struct version *version = request->to_key->active;

	if (!version && request->to_key->change && request->to_key->change->kind == CHANGE_ROTATE)
		return STATUS_PENDING; /* the one before was compromised, and the new one is being made */
	if (!version)
		return request_say_why(request, STATUS_UNUSABLE, CEK__V1__REASON__REASON_NOT_ACTIVE,
			"the key has no active version");
	/* A rewrap that opens with the same version has its look already. */
	if (version != request->version && !may_look(broker, version))
		return say_lost(request, version);
	if (!take_wrap(broker, version)) {
		if (!version->reserving && !version->key->change)
			return request_say(request, STATUS_UNAVAILABLE,
				"the active version has reached its limit and there is no new one yet");
		return STATUS_PENDING;
	}
	*ret_version = version;
	return STATUS_OK;
}

static int unpark(struct request *request)
{
	Job *job = cek__internal__v1__job__unpack(arena_allocator(&request->broker->turn.arena), request->job.len,
		request->packed);

	if (!job)
		return log_origin(-ENOMEM);
	return use_submit_wrap(request, job,
		job->op_case == CEK__INTERNAL__V1__JOB__OP_REWRAP ? job->rewrap->to : job->wrap);
}

int use_submit_wrap(struct request *request, Job *job, Cek__Internal__V1__WrapJob *wrap)
{
	int r = for_wrap(request, &request->to_version);

	if (r == STATUS_PENDING)
		return request_park(request, job, request->to_key, unpark);
	if (r != STATUS_OK)
		return r;
	wrap->cka_id = (ProtobufCBinaryData){.data = request->to_version->cka_id,
		.len = request->to_version->cka_id_len};
	wrap->public_key = ring_public_half(request->to_version);
	job->id = workers_job_id(&request->broker->workers);
	return request_submit(request, job);
}

void use_seen(struct request *request, struct version *version)
{
	if (lost(version))
		notes_seen(request->broker, version, request->job.id);
}

int use_outcome(struct request *request, struct version *version, const JobResult *result)
{
	struct broker *broker = request->broker;

	if (!result)
		return request_say(request, STATUS_UNAVAILABLE, "%s",
			workers_unavailable(&broker->workers) ? "the token is not available"
							      : "the worker that had this request died");
	if (result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK ||
		result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_FAILED)
		use_seen(request, version);
	switch ((enum outcome)result->outcome) {
	case OUTCOME_OK:
		return use_still(request, version);
	case OUTCOME_FAILED:
		return STATUS_FAILED;
	case OUTCOME_MISSING:
		notes_mark(broker, version, true);
		return say_lost(request, version);
	case OUTCOME_AMBIGUOUS:
		notes_mark_twins(broker, version);
		return say_lost(request, version);
	case OUTCOME_UNAVAILABLE:
		return request_say(request, STATUS_UNAVAILABLE, "the token does not answer");
	case OUTCOME_UNTRIED:
		return request_say(request, STATUS_UNAVAILABLE, "the token has not shown yet whether it can do %s",
			version->key->alg->name);
	case OUTCOME_UNSUPPORTED:
		return request_say(request, STATUS_UNSUPPORTED, "the token cannot do %s", version->key->alg->name);
	default:
		log_error("a worker failed at %s: %s", version->key->alg->name, result->text);
		return request_say(request, STATUS_INTERNAL, "a fault of cekd; its log says more");
	}
}

void use_count(struct request *request, struct version *version, uint64_t unwraps, uint64_t wraps)
{
	if (unwraps > 0 && request->without_kid)
		version->without_kid += unwraps;
	ring_used(&request->broker->ring, version, request->listener, request->uid, unwraps, wraps, clock_real_us());
}

void use_wrap_job(const struct request *request, const AlgParams *params, Cek__Internal__V1__WrapJob *ret_job)
{
	ret_job->alg = (char *)request->to_key->alg->name;
	ret_job->enc = (char *)request->enc->name;
	ret_job->cek_len = request->enc->cek_len;
	ret_job->params = (AlgParams *)params;
}

void use_note_encrypted_key(struct request *request, const ProtobufCBinaryData *encrypted_key)
{
	if (encrypted_key->len > sizeof(request->encrypted_key))
		return;
	if (encrypted_key->len > 0)
		memcpy(request->encrypted_key, encrypted_key->data, encrypted_key->len);
	request->encrypted_key_len = encrypted_key->len;
}
