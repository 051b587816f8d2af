/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/lifecycle/hidden.h"

#include "base/log.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/policy/policy.h"

bool hidden_key(const struct request *request, const struct key *key)
{
	return request && request->peer && key &&
		policy_permissions(&request->broker->policy, &request->peer->grants, key->name) == 0;
}

/* Which object was found is known of a success only; else what was asked for counts. */
static bool found_hidden(const struct change *change, const JobResult *result)
{
	const struct version *version;

	switch ((enum outcome)result->outcome) {
	case OUTCOME_OK:
		version = ring_object(&change->broker->ring, result->cka_id.data, result->cka_id.len);
		return version && hidden_key(change->request, version->key);
	case OUTCOME_FAILED:
	case OUTCOME_MISSING:
	case OUTCOME_AMBIGUOUS:
	case OUTCOME_REFUSED:
		return change->hides;
	default: /* says nothing of an object */
		return false;
	}
}

bool hidden_nothing_to_adopt(const struct change *change, const JobResult *result)
{
	if (change->kind != CHANGE_ADOPT)
		return false;
	if (!found_hidden(change, result))
		return result->outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_MISSING;
	log_warning("key %s: adopt: what was asked for is of a key that the peer may not use", change->name);
	return true;
}
