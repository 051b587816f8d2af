/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/broker/base/when.h"
#include "daemon/broker/ring/schedule.h"

static uint64_t seconds(uint64_t n)
{
	return n * 1000000;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static struct version *pre_active(const struct key *key)
{
	for (size_t i = 0; i < key->n_versions; i++) {
		if (key->versions[i]->state == STATE_PRE_ACTIVE)
			return key->versions[i];
	}
	return NULL;
}

static uint32_t lead(const struct key *key)
{
	return key->lead < key->period ? key->lead : key->period;
}

/* When a version that is or will be published becomes active, given that of the one before it. */
static uint64_t activation(const struct key *key, uint64_t active_since, uint64_t published)
{
	return later(active_since + seconds(key->period), published + seconds(lead(key)));
}

struct due schedule_rotation(const struct key *key)
{
	struct version *next = pre_active(key);

	if (key->period == 0 || !key->active)
		return (struct due){STEP_NONE};
	if (next)
		return (struct due){STEP_ACTIVATE, activation(key, key->active->activated, next->created), next};
	return (struct due){STEP_PUBLISH, key->active->activated + seconds(key->period - lead(key)), NULL};
}

struct due schedule_next(const struct key *key, bool keep)
{
	struct due first = schedule_rotation(key);

	for (size_t i = 0; i < key->n_versions; i++) {
		struct version *version = key->versions[i];
		enum step step = version->state == STATE_SUSPENDED ? STEP_RESUME
			: version->state == STATE_WAITING          ? STEP_DESTROY
								   : STEP_NONE;

		if (step == STEP_NONE || version->until == 0 ||
			((keep || version->destroy_pause.held) && step == STEP_DESTROY))
			continue;
		if (first.step == STEP_NONE || version->until < first.time)
			first = (struct due){step, version->until, version};
	}
	return first;
}

bool schedule_overlap_known(const struct key *key)
{
	return key->overlap > 0 || key->token_lifetime > 0;
}

uint64_t schedule_overlap(const struct key *key, uint32_t skew)
{
	if (key->overlap > 0)
		return key->overlap;
	return (uint64_t)key->jwks_max_age + key->token_lifetime + skew;
}

bool schedule_in_use(const struct version *version, uint32_t skew, uint64_t now)
{
	if (version->last_used == 0)
		return false;
	return !schedule_overlap_known(version->key) ||
		version->last_used + seconds(schedule_overlap(version->key, skew)) > now;
}

uint64_t schedule_overlap_end(const struct version *version, uint32_t skew)
{
	const struct key *key = version->key;
	uint64_t overlap = seconds(schedule_overlap(key, skew));

	if (!schedule_overlap_known(key))
		return 0;
	if (version->deactivated > 0)
		return version->deactivated + overlap;
	if (version->state == STATE_ACTIVE && key->period > 0)
		return version->activated + seconds(key->period) + overlap;
	return 0;
}

const char *schedule_sum(const struct key *key, uint32_t skew, char text[SCHEDULE_SUM_MAX])
{
	if (key->overlap > 0)
		snprintf(text, SCHEDULE_SUM_MAX, "overlap %u s", key->overlap);
	else
		snprintf(text, SCHEDULE_SUM_MAX, "JWKS max-age %u s + token lifetime %u s + clock skew %u s",
			key->jwks_max_age, key->token_lifetime, skew);
	return text;
}

const char *schedule_retire_why(const struct version *version, uint32_t skew, char text[SCHEDULE_WHY_MAX])
{
	const struct key *key = version->key;
	char when[WHEN_MAX], sum[SCHEDULE_SUM_MAX];

	text[0] = '\0';
	if (version->state == STATE_DESTROYED || (version->deactivated == 0 && version->state != STATE_ACTIVE))
		return text;
	if (!schedule_overlap_known(key))
		snprintf(text, SCHEDULE_WHY_MAX,
			"not known without a token lifetime: cekctl key schedule %s --token-lifetime DURATION (or "
			"--overlap)",
			key->name);
	else if (version->deactivated > 0)
		snprintf(text, SCHEDULE_WHY_MAX, "deactivated %s + %s", when_utc(version->deactivated, when),
			schedule_sum(key, skew, sum));
	else if (key->period > 0)
		snprintf(text, SCHEDULE_WHY_MAX, "activated %s + period %u s + %s", when_utc(version->activated, when),
			key->period, schedule_sum(key, skew, sum));
	else
		snprintf(text, SCHEDULE_WHY_MAX, "not known as long as it is active and no rotation is scheduled");
	return text;
}

struct rows {
	struct planned *row;
	size_t n;
	uint64_t now;
};

/* No time at all comes after all times. */
static bool is_later(uint64_t a, uint64_t b)
{
	return a - 1 > b - 1;
}

static void insert(struct rows *rows, uint64_t time, const char *what, const struct version *version, const char *why)
{
	size_t i = rows->n;

	for (; i > 0 && is_later(rows->row[i - 1].time, time); i--)
		rows->row[i] = rows->row[i - 1];
	rows->row[i] = (struct planned){.time = time, .what = what, .version = version};
	snprintf(rows->row[i].why, sizeof(rows->row[i].why), "%s", why);
	rows->n++;
}

/* In the order of time; of two rows at one time the one added first stays first. */
static void add(struct rows *rows, uint64_t time, const char *what, const struct version *version, const char *why)
{
	insert(rows, later(time, rows->now), what, version, why);
}

static void add_retirement(struct rows *rows, const struct key *key, const struct version *version, uint64_t since,
	uint32_t skew)
{
	char why[160];

	if (!schedule_overlap_known(key)) {
		insert(rows, 0, "retire", version,
			"earliest safe retirement: not known; set the key's token lifetime or overlap");
		return;
	}
	if (key->overlap > 0)
		snprintf(why, sizeof(why), "earliest safe retirement: deactivated, plus overlap %u s", key->overlap);
	else
		snprintf(why, sizeof(why),
			"earliest safe retirement: deactivated, plus JWKS cache %u s, token lifetime %u s, skew %u s",
			key->jwks_max_age, key->token_lifetime, skew);
	add(rows, since + seconds(schedule_overlap(key, skew)), "retire", version, why);
}

/* If nobody knows when, the versions say so themselves, however many there are. Returns how many had no room. */
static size_t add_old(struct rows *rows, const struct key *key, uint32_t skew)
{
	size_t more = 0;

	if (!schedule_overlap_known(key))
		return 0;
	for (size_t i = 0; i < key->n_versions; i++) {
		const struct version *version = key->versions[i];

		if (version->state != STATE_DEACTIVATED ||
			version->deactivated + seconds(schedule_overlap(key, skew)) <= rows->now)
			continue;
		if (rows->n < PLAN_MAX - PLAN_ROTATIONS)
			add_retirement(rows, key, version, version->deactivated, skew);
		else
			more++;
	}
	return more;
}

/* One rotation: the successor of the version active since a moment. Returns when the successor becomes active. */
static uint64_t add_rotation(struct rows *rows, const struct key *key, const struct version *from,
	const struct version *to, uint64_t since, uint32_t skew)
{
	uint64_t published = to ? to->created : later(since + seconds(key->period - lead(key)), rows->now);
	uint64_t active = later(activation(key, since, published), rows->now);

	if (!to)
		add(rows, published, "publish", NULL, "activation less the lead time");
	add(rows, active, "activate", to, "a period after the last activation, and published for the lead time");
	add_retirement(rows, key, from, active, skew);
	return active;
}

size_t schedule_plan(const struct key *key, uint64_t now, uint32_t skew, bool rotate, struct planned ret_plan[PLAN_MAX],
	size_t *ret_more)
{
	struct rows rows = {.row = ret_plan, .now = now};
	const struct version *active = key->active, *next = pre_active(key);
	uint64_t since = active ? active->activated : now;

	*ret_more = add_old(&rows, key, skew);
	if (rotate) {
		add(&rows, now, "activate", next, next ? "rotated by hand: the published version" : "rotated by hand");
		if (active)
			add_retirement(&rows, key, active, now, skew);
		active = next;
		next = NULL;
		since = now;
	}
	if (key->period > 0 && (active || rotate)) {
		since = add_rotation(&rows, key, active, next, since, skew);
		add_rotation(&rows, key, next, NULL, since, skew);
	}
	return rows.n;
}
