/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/jobs.h"

#include <string.h>

#include <openssl/rand.h>

#include "daemon/token/algs/agree.h"
#include "daemon/token/algs/mech.h"
#include "daemon/token/hang.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/probe/canary.h"
#include "daemon/token/probe/judge.h"
#include "daemon/token/probe/probe.h"

enum { TRIES = 2 };

/* One unwrap, or with unwrap NULL one wrap. */
struct call {
	const struct mech *mech;
	const struct unwrap *unwrap;
	uint8_t *ret_cek;
	const struct wrap *wrap;
	struct wrapped *ret_wrapped;
};

static CK_RV unwrap_once(struct worker *worker, const struct name *name, struct key *key, const struct call *call)
{
	CK_RV rv = call->mech->unwrap(&worker->token, key, call->unwrap, call->ret_cek);

	if (rv != CKR_OK)
		return rv;
	/* cjose CVE-2026-53939: nobody makes such a CEK but somebody who wants everyone to know it. */
	if (agree_all_zero(call->ret_cek, call->unwrap->cek_len))
		return CKR_ENCRYPTED_DATA_INVALID;
	canary_learn(worker, name, call->unwrap);
	return CKR_OK;
}

static CK_RV call_once(struct worker *worker, const struct name *name, const struct call *call)
{
	struct key *key;
	CK_RV rv = keys_get(&worker->keys, name, &key);

	worker->token.session.touched = false;
	if (rv != CKR_OK)
		return rv;
	if (!mech_key_fits(key, name->alg))
		return CKR_KEY_TYPE_INCONSISTENT;
	return call->unwrap ? unwrap_once(worker, name, key, call)
			    : call->mech->wrap(&worker->token, key, call->wrap, call->ret_wrapped);
}

/* What the token did not clearly refuse when the worker started is tried before it is taken for impossible. */
static outcome_t check_settled(struct worker *worker, const struct name *name, CK_RV *ret_rv)
{
	const struct curve *curve = name->public_key ? curve_find(name->public_key->crv) : NULL;
	bool settled;

	hang_enter(HANG_PROBE_TIMES);
	settled = probe_settle(worker, name->alg, curve);
	hang_enter(1);
	if (settled)
		return OUTCOME(OK);
	*ret_rv = CKR_CEKD_UNTRIED;
	return worker->ending ? OUTCOME(UNAVAILABLE) : OUTCOME(UNTRIED);
}

/* What is wrong with a ciphertext before the token has seen it was found here. */
static bool may_be_the_ciphertexts(const struct worker *worker, const struct call *call, CK_RV rv)
{
	return call->unwrap && (worker->token.session.touched || rv == CKR_ENCRYPTED_DATA_INVALID);
}

static outcome_t call_token(struct worker *worker, const struct name *name, const struct call *call, CK_RV *ret_rv)
{
	outcome_t outcome = OUTCOME(OK);
	bool again = true;

	if (worker->token.facts.n_doubts > 0)
		outcome = check_settled(worker, name, ret_rv);
	if (outcome != OUTCOME(OK))
		return outcome;
	for (unsigned tries = 0; again && tries < TRIES; tries++) {
		*ret_rv = call_once(worker, name, call);
		if (*ret_rv == CKR_OK)
			return OUTCOME(OK);
		outcome = may_be_the_ciphertexts(worker, call, *ret_rv)
			? judge(worker, *ret_rv, name, tries, &again)
			: judge_token(worker, *ret_rv, name, tries, &again);
	}
	return outcome;
}

/* One job is mostly like the one before it. */
static const struct mech *look_up(const char *name, const struct alg **ret_alg)
{
	static const struct mech *mech;
	static const struct alg *alg;

	if (!mech || strcmp(mech->alg, name) != 0) {
		mech = mech_find(name);
		alg = alg_find(name);
	}
	*ret_alg = alg;
	return mech;
}

static outcome_t unwrap_cek(struct worker *worker, const Cek__Internal__V1__UnwrapJob *job, uint8_t *ret_cek,
	CK_RV *ret_rv)
{
	const struct alg *alg;
	const struct mech *mech = look_up(job->alg, &alg);
	const struct unwrap unwrap = {
		.alg = alg,
		.enc = job->enc,
		.cek_len = job->cek_len,
		.encrypted_key = job->encrypted_key.data,
		.encrypted_key_len = job->encrypted_key.len,
		.params = job->params,
	};
	const struct name name = {.id = job->cka_id.data,
		.id_len = job->cka_id.len,
		.alg = alg,
		.public_key = job->public_key};
	const struct call call = {.mech = mech, .unwrap = &unwrap, .ret_cek = ret_cek};

	*ret_rv = CKR_MECHANISM_INVALID;
	if (!mech || !unwrap.alg || job->cek_len == 0 || job->cek_len > CEK_LEN_MAX)
		return OUTCOME(UNSUPPORTED);
	return call_token(worker, &name, &call, ret_rv);
}

/* FAILED has one form, whatever the cause: no text. The others are no secret. */
static void explain(Cek__Internal__V1__JobResult *result, CK_RV rv)
{
	if (result->outcome != OUTCOME(OK) && result->outcome != OUTCOME(FAILED))
		result->text = (char *)(uintptr_t)ckr_name(rv);
}

void job_unwrap(struct worker *worker, const Cek__Internal__V1__UnwrapJob *job,
	Cek__Internal__V1__JobResult *ret_result)
{
	uint8_t *cek = arena_alloc(&worker->token.arena, CEK_LEN_MAX);
	CK_RV rv;

	ret_result->outcome = OUTCOME(INTERNAL);
	if (!cek)
		return;
	ret_result->outcome = unwrap_cek(worker, job, cek, &rv);
	if (ret_result->outcome == OUTCOME(OK))
		ret_result->cek = (ProtobufCBinaryData){job->cek_len, cek};
	explain(ret_result, rv);
}

static outcome_t wrap_cek(struct worker *worker, const Cek__Internal__V1__WrapJob *job, struct wrapped *wrapped,
	CK_RV *ret_rv)
{
	const struct mech *mech = mech_find(job->alg);
	const Cek__V1__AlgParams *params = job->params;
	const struct wrap wrap = {
		.alg = alg_find(job->alg),
		.enc = job->enc,
		.cek_len = job->cek_len,
		.apu = params ? params->apu.data : NULL,
		.apu_len = params ? params->apu.len : 0,
		.apv = params ? params->apv.data : NULL,
		.apv_len = params ? params->apv.len : 0,
		.public_key = job->public_key,
	};
	const struct name name = {.id = job->cka_id.data,
		.id_len = job->cka_id.len,
		.alg = wrap.alg,
		.public_key = job->public_key};
	const struct call call = {.mech = mech, .wrap = &wrap, .ret_wrapped = wrapped};

	*ret_rv = CKR_MECHANISM_INVALID;
	if (!mech || !wrap.alg || agree_all_zero(wrapped->cek, wrap.cek_len))
		return OUTCOME(UNSUPPORTED);
	return call_token(worker, &name, &call, ret_rv);
}

static void fill_wrapped(struct worker *worker, const struct wrapped *wrapped, Cek__Internal__V1__JobResult *result)
{
	struct {
		Cek__V1__AlgParams params;
		Cek__V1__PublicKey epk;
	} *out = arena_alloc(&worker->token.arena, sizeof(*out));

	if (!out) {
		result->outcome = OUTCOME(INTERNAL);
		return;
	}
	mech_params(wrapped, &out->params, &out->epk);
	result->params = &out->params;
	result->encrypted_key = (ProtobufCBinaryData){wrapped->encrypted_key_len,
		(uint8_t *)(uintptr_t)wrapped->encrypted_key};
}

void job_wrap(struct worker *worker, const Cek__Internal__V1__WrapJob *job, Cek__Internal__V1__JobResult *ret_result)
{
	struct wrapped *wrapped = arena_alloc(&worker->token.arena, sizeof(*wrapped));
	const bool fresh = job->cek.len == 0;
	CK_RV rv;

	ret_result->outcome = OUTCOME(INTERNAL);
	if (!wrapped || job->cek_len == 0 || job->cek_len > CEK_LEN_MAX || (!fresh && job->cek.len != job->cek_len))
		return;
	if (!fresh)
		memcpy(wrapped->cek, job->cek.data, job->cek.len);
	else if (RAND_bytes(wrapped->cek, (int)job->cek_len) != 1)
		return;
	ret_result->outcome = wrap_cek(worker, job, wrapped, &rv);
	explain(ret_result, rv);
	if (ret_result->outcome == OUTCOME(OK))
		fill_wrapped(worker, wrapped, ret_result);
	if (ret_result->outcome == OUTCOME(OK) && fresh)
		ret_result->cek = (ProtobufCBinaryData){job->cek_len, wrapped->cek};
}

void job_rewrap(struct worker *worker, const Cek__Internal__V1__RewrapJob *job,
	Cek__Internal__V1__JobResult *ret_result)
{
	struct wrapped *wrapped = arena_alloc(&worker->token.arena, sizeof(*wrapped));
	CK_RV rv = CKR_OK;

	ret_result->outcome = OUTCOME(INTERNAL);
	if (!wrapped || !job->from || !job->to || job->from->cek_len != job->to->cek_len)
		return;
	ret_result->outcome = unwrap_cek(worker, job->from, wrapped->cek, &rv);
	if (ret_result->outcome == OUTCOME(OK)) {
		const struct alg *alg = alg_find(job->to->alg);

		/* Direct agreement makes a CEK of its own. */
		if (!alg || (alg->family == ALG_ECDH && alg->key_bits == 0))
			ret_result->outcome = OUTCOME(UNSUPPORTED), rv = CKR_MECHANISM_INVALID;
		else
			ret_result->outcome = wrap_cek(worker, job->to, wrapped, &rv);
		/* Otherwise it is the one to be opened. */
		if (ret_result->outcome == OUTCOME(MISSING) || ret_result->outcome == OUTCOME(AMBIGUOUS))
			ret_result->cka_id = job->to->cka_id;
	}
	explain(ret_result, rv);
	if (ret_result->outcome == OUTCOME(OK))
		fill_wrapped(worker, wrapped, ret_result);
}

void job_forget(struct worker *worker, const Cek__Internal__V1__ForgetJob *job,
	Cek__Internal__V1__JobResult *ret_result)
{
	keys_forget(&worker->keys, job->cka_id.data, job->cka_id.len);
	ret_result->outcome = OUTCOME(OK);
}
