/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/broker/ring/plan.h"
#include "daemon/broker/ring/retire.h"
#include "daemon/broker/ring/schedule.h"

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
	insert(rows, time > rows->now ? time : rows->now, what, version, why);
}

static void add_retirement(struct rows *rows, const struct version *version, const struct retirement *retirement)
{
	char why[PLAN_WHY_MAX];

	snprintf(why, sizeof(why), "earliest safe retirement: %s", retirement->why);
	if (retirement->time > 0)
		add(rows, retirement->time, "retire", version, why);
	else
		insert(rows, 0, "retire", version, why);
}

/* If nobody knows when, the versions say so themselves, however many there are. Returns how many had no room. */
static size_t add_old(struct rows *rows, const struct key *key, uint32_t skew)
{
	struct retirement retirement;
	size_t more = 0;

	for (size_t i = 0; i < key->n_versions; i++) {
		const struct version *version = key->versions[i];

		if (version->state != STATE_DEACTIVATED)
			continue;
		retire_at(version, skew, rows->now, &retirement);
		if (retirement.time <= rows->now)
			continue;
		if (rows->n < PLAN_MAX - PLAN_ROTATIONS)
			add_retirement(rows, version, &retirement);
		else
			more++;
	}
	return more;
}

/* A version that another one replaces at that moment. */
static void add_replaced(struct rows *rows, const struct key *key, const struct version *version, uint64_t time,
	uint32_t skew)
{
	struct retirement retirement;

	retire_planned(key, version, time, skew, &retirement);
	add_retirement(rows, version, &retirement);
}

/* One rotation: the successor of the version active since a moment. Returns when the successor becomes active. */
static uint64_t add_rotation(struct rows *rows, const struct key *key, const struct version *from,
	const struct version *to, uint64_t since, uint32_t skew)
{
	const struct rotation rotation = schedule_after(key, to, since, rows->now);

	if (!to)
		add(rows, rotation.published, "publish", NULL, "activation less the lead time");
	add(rows, rotation.active, "activate", to,
		"a period after the last activation, and published for the lead time");
	add_replaced(rows, key, from, rotation.active, skew);
	return rotation.active;
}

size_t plan_of(const struct key *key, uint64_t now, uint32_t skew, bool rotate, struct planned ret_plan[PLAN_MAX],
	size_t *ret_more)
{
	struct rows rows = {.row = ret_plan, .now = now};
	const struct version *active = key->active, *next = schedule_published(key);
	uint64_t since = active ? active->activated : now;

	*ret_more = add_old(&rows, key, skew);
	if (rotate) {
		add(&rows, now, "activate", next, next ? "rotated by hand: the published version" : "rotated by hand");
		if (active)
			add_replaced(&rows, key, active, now, skew);
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
