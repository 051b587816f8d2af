/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/probe/judge.h"

#include "base/log.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/probe/canary.h"

static outcome_t end(struct worker *worker, CK_RV rv)
{
	worker_end(worker, rv);
	return OUTCOME(UNAVAILABLE);
}

/* A new session, or a new login in the old one. */
static outcome_t renew(struct worker *worker, bool login_only, CK_RV rv, bool *ret_again)
{
	log_warning("token: %s; %s", ckr_name(rv), login_only ? "logging in again" : "opening a new session");
	*ret_again = worker_renew(worker, login_only, rv);
	return OUTCOME(UNAVAILABLE);
}

outcome_t judge(struct worker *worker, CK_RV rv, const struct name *name, unsigned tries, bool *ret_again)
{
	const enum ckr_class class = ckr_class(rv);

	*ret_again = false;
	switch (class) {
	case CKR_CLASS_OK:
		return OUTCOME(OK);
	case CKR_CLASS_DATA:
		return OUTCOME(FAILED);
	case CKR_CLASS_MISSING:
		return OUTCOME(MISSING);
	case CKR_CLASS_TWINS:
		return OUTCOME(AMBIGUOUS);
	case CKR_CLASS_UNTRIED:
		return OUTCOME(UNTRIED);
	case CKR_CLASS_UNSUPPORTED:
		return OUTCOME(UNSUPPORTED);
	case CKR_CLASS_PIN:
		return end(worker, rv);
	case CKR_CLASS_SESSION:
	case CKR_CLASS_LOGIN:
		return tries > 0 ? end(worker, rv) : renew(worker, class == CKR_CLASS_LOGIN, rv, ret_again);
	case CKR_CLASS_HANDLE:
		if (name)
			keys_forget(&worker->keys, name->id, name->id_len);
		if (tries > 0)
			return end(worker, rv);
		*ret_again = true;
		return OUTCOME(UNAVAILABLE);
	case CKR_CLASS_HARD:
	case CKR_CLASS_AMBIGUOUS:
		if (canary_alive(worker, name, class == CKR_CLASS_HARD))
			return OUTCOME(FAILED);
		return end(worker, rv);
	}
	return OUTCOME(INTERNAL);
}

outcome_t judge_token(struct worker *worker, CK_RV rv, const struct name *name, unsigned tries, bool *ret_again)
{
	const enum ckr_class class = ckr_class(rv);

	*ret_again = false;
	if (class == CKR_CLASS_DATA) /* of the key */
		return OUTCOME(UNSUPPORTED);
	if (!ckr_doubtful(rv))
		return judge(worker, rv, name, tries, ret_again);
	if (!canary_alive(worker, name, class == CKR_CLASS_HARD))
		return end(worker, rv);
	*ret_again = tries == 0;
	return OUTCOME(UNAVAILABLE);
}
