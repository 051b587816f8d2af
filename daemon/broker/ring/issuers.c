/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/ring/issuers.h"

#include <stdio.h>

#include "base/duration.h"
#include "daemon/broker/ring/moves.h"

bool issuers_know_in_time(uint32_t period, uint32_t lead, uint32_t jwks_max_age)
{
	return period == 0 || (lead < period ? lead : period) >= jwks_max_age;
}

const struct version *issuers_untried(const struct key *key, uint32_t versions_tried)
{
	uint32_t n = key->active && move_opens(key->active) ? 1 : 0;

	for (size_t i = key->n_versions; i-- > 0;) {
		const struct version *version = key->versions[i];

		if (version != key->active && move_opens(version) && n++ == versions_tried)
			return version;
	}
	return NULL;
}

uint64_t issuers_without_kid(const struct key *key)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < key->n_versions; i++)
		sum += key->versions[i]->without_kid;
	return sum;
}

bool issuers_go_on(const struct version *version, char ret_text[ISSUERS_MAX])
{
	const struct key *key = version->key;
	char words[DURATION_MAX];

	if ((version->state != STATE_ACTIVE && version->state != STATE_PRE_ACTIVE) ||
		(key->alg->family != ALG_RSA_OAEP && key->alg->family != ALG_ECDH))
		return false;
	if (key->jwks_max_age > 0)
		snprintf(ret_text, ISSUERS_MAX, "issuers go on encrypting for version %u for %s (JWKS max-age)",
			version->number, duration_words(key->jwks_max_age, words));
	else
		snprintf(ret_text, ISSUERS_MAX,
			"issuers go on encrypting for version %u as long as they keep a JWK Set: nobody said how long "
			"(cekctl key schedule %s --jwks-max-age DURATION)",
			version->number, key->name);
	return true;
}
