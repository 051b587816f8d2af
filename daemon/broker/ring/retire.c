/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "daemon/broker/base/when.h"
#include "daemon/broker/ring/retire.h"
#include "daemon/broker/ring/schedule.h"

static uint64_t micros(uint64_t seconds)
{
	return seconds * 1000000;
}

bool retire_known(const struct key *key)
{
	return key->overlap > 0 || key->token_lifetime > 0;
}

uint64_t retire_overlap(const struct key *key, uint32_t skew)
{
	if (key->overlap > 0)
		return key->overlap;
	return (uint64_t)key->jwks_max_age + key->token_lifetime + skew;
}

/* Seconds that whoever used a version may come again with the same token. */
static uint64_t token_life(const struct key *key, uint32_t skew)
{
	return key->token_lifetime > 0 ? (uint64_t)key->token_lifetime + skew : key->overlap;
}

const char *retire_sum(const struct key *key, uint32_t skew, char text[RETIRE_SUM_MAX])
{
	char first[DURATION_MAX], second[DURATION_MAX], third[DURATION_MAX];

	if (key->overlap > 0)
		snprintf(text, RETIRE_SUM_MAX, "overlap %s", duration_words(key->overlap, first));
	else
		snprintf(text, RETIRE_SUM_MAX, "JWKS max-age %s + token lifetime %s + clock skew %s",
			duration_words(key->jwks_max_age, first), duration_words(key->token_lifetime, second),
			duration_words(skew, third));
	return text;
}

static const char *life_sum(const struct key *key, uint32_t skew, char text[RETIRE_SUM_MAX])
{
	char first[DURATION_MAX], second[DURATION_MAX];

	if (key->token_lifetime > 0)
		snprintf(text, RETIRE_SUM_MAX, "token lifetime %s + clock skew %s",
			duration_words(key->token_lifetime, first), duration_words(skew, second));
	else
		snprintf(text, RETIRE_SUM_MAX, "overlap %s", duration_words(key->overlap, first));
	return text;
}

bool retire_late_issuer(const struct version *version, uint32_t skew)
{
	const struct key *key = version->key;
	const uint64_t planned = key->token_lifetime > 0 ? (uint64_t)key->jwks_max_age + key->token_lifetime + skew
							 : key->overlap;

	return retire_known(key) && version->deactivated > 0 &&
		version->last_used > version->deactivated + micros(planned);
}

const char *retire_last_token(const struct version *version, char text[RETIRE_LAST_TOKEN])
{
	const struct usage *last = ring_last_user(version);
	char when[WHEN_MAX];

	snprintf(text, RETIRE_LAST_TOKEN, "last token of it at %s, by peer %s/%u", when_utc(version->last_used, when),
		last ? last->listener : "?", last ? last->uid : 0);
	return text;
}

static void say_issuer(const struct version *version, uint32_t skew, struct retirement *retirement)
{
	const size_t len = strlen(retirement->why);
	char last[RETIRE_LAST_TOKEN];

	if (!retire_late_issuer(version, skew))
		return;
	snprintf(retirement->why + len, sizeof(retirement->why) - len, "; an issuer still encrypts for it: %s",
		retire_last_token(version, last));
}

static void say_unknown(const struct key *key, struct retirement *ret)
{
	ret->time = 0;
	snprintf(ret->why, sizeof(ret->why),
		"not known without a token lifetime: cekctl key schedule %s --token-lifetime DURATION (or --overlap)",
		key->name);
}

/* The later of the two. deactivated: 0 for one that is not and will not be; event: what that moment is. */
static void compute(const struct key *key, const struct version *version, uint64_t deactivated, const char *event,
	uint32_t skew, struct retirement *ret)
{
	const uint64_t used = version ? version->last_used : 0;
	const uint64_t by_issuers = deactivated > 0 ? deactivated + micros(retire_overlap(key, skew)) : 0;
	const uint64_t by_users = used > 0 ? used + micros(token_life(key, skew)) : 0;
	char when[WHEN_MAX], sum[RETIRE_SUM_MAX];

	ret->time = by_users > by_issuers ? by_users : by_issuers;
	ret->why[0] = '\0';
	if (ret->time == 0)
		return;
	if (by_users > by_issuers)
		snprintf(ret->why, sizeof(ret->why), "last use %s + %s", when_utc(used, when),
			life_sum(key, skew, sum));
	else
		snprintf(ret->why, sizeof(ret->why), "%s %s + %s", event, when_utc(deactivated, when),
			retire_sum(key, skew, sum));
	if (version)
		say_issuer(version, skew, ret);
}

void retire_planned(const struct key *key, const struct version *version, uint64_t deactivated, uint32_t skew,
	struct retirement *ret)
{
	if (retire_known(key))
		compute(key, version, deactivated, "to be deactivated", skew, ret);
	else
		say_unknown(key, ret);
}

void retire_at(const struct version *version, uint32_t skew, uint64_t now, struct retirement *ret)
{
	const struct key *key = version->key;
	const bool active = version->state == STATE_ACTIVE;

	*ret = (struct retirement){0};
	if (version->state == STATE_DESTROYED || (version->deactivated == 0 && version->last_used == 0 && !active))
		return;
	if (!retire_known(key))
		say_unknown(key, ret);
	else if (active && key->period == 0)
		snprintf(ret->why, sizeof(ret->why), "not known as long as it is active and no rotation is scheduled");
	else if (active)
		retire_planned(key, version, schedule_replaced(key, now), skew, ret);
	else
		compute(key, version, version->deactivated, "deactivated", skew, ret);
}

bool retire_early(const struct version *version, uint32_t skew, uint64_t now)
{
	struct retirement retirement;

	retire_at(version, skew, now, &retirement);
	return retirement.time > 0 ? retirement.time > now : version->last_used > 0;
}

bool retire_in_use(const struct version *version, uint32_t skew, uint64_t now)
{
	const struct key *key = version->key;

	if (version->last_used == 0)
		return false;
	return !retire_known(key) || version->last_used + micros(token_life(key, skew)) > now;
}
