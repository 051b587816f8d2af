/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/plural.h"
#include "daemon/broker/base/when.h"
#include "daemon/broker/lifecycle/preview_words.h"
#include "daemon/broker/lifecycle/shadow.h"
#include "daemon/broker/request/describe.h"
#include "daemon/broker/ring/issuers.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/ring/retire.h"
#include "daemon/broker/ring/schedule.h"

enum { USERS_MAX = 4 /* named in words; Key has them all */ };

static void say(struct lines *lines, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Without memory a line is missing: what counts stands in the key as well. */
static void say(struct lines *lines, const char *format, ...)
{
	char *line = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = lines->n < PREVIEW_LINES_MAX ? vasprintf(&line, format, args) : -1;
	va_end(args);
	if (n >= 0)
		lines->line[lines->n++] = line;
}

/* ---- the version that loses something -------------------------------------------------------------------------- */

static bool in_use(const struct preview *preview, const struct version *version)
{
	return retire_in_use(version, preview->change->broker->skew, preview->now);
}

static void say_users(struct lines *stops, const struct version *version)
{
	const struct usage *last = ring_last_user(version);
	char when[WHEN_MAX];

	if (version->last_used == 0) {
		say(stops, "nobody has used it so far");
		return;
	}
	say(stops, "it was used last at %s by %s/%u: %" PRIu64 " unwrap%s and %" PRIu64 " wrap%s by %zu%s",
		when_utc(version->last_used, when), last ? last->listener : "?", last ? last->uid : 0, version->unwraps,
		plural(version->unwraps), version->wraps, plural(version->wraps), version->n_peers,
		version->more_peers             ? " or more users"
			: version->n_peers == 1 ? " user"
						: " users");
	for (size_t i = 0, n = 0; i < version->n_peers && n < USERS_MAX; i++) {
		const struct usage *usage = &version->peers[i];

		if (usage == last)
			continue;
		say(stops, "%s/%u used it last at %s", usage->listener, usage->uid, when_utc(usage->last_used, when));
		n++;
	}
}

/* What does not open any more, and who notices. */
static void say_stops(struct preview *preview, const struct version *version)
{
	const struct version *then = &preview->shadow->versions[version->number - 1];
	const struct key *key = version->key;
	struct lines *stops = &preview->stops;
	char when[WHEN_MAX];

	if (move_opens(version) && !move_opens(then))
		say(stops, "nothing that was encrypted under version %u (%s) can be opened%s%s", version->number,
			version->kid,
			then->state != STATE_SUSPENDED ? " any more"
				: then->until > 0      ? " until "
						       : " until it is resumed",
			then->state == STATE_SUSPENDED && then->until > 0 ? when_utc(then->until, when) : "");
	if (key->active && !preview->shadow->key.active)
		say(stops, "nothing can be wrapped with key %s: no version of it is active then", key->name);
	if (stops->n > 0)
		say_users(stops, version);
	if (version->missing)
		say(&preview->warning, "the token has no object for version %u at the moment", version->number);
}

static void say_who(struct preview *preview, const struct version *version)
{
	const struct usage *last = ring_last_user(version);

	preview->reply.kid = version->kid;
	if (last && describe_usage(preview->change->request, last, &preview->last) == 0)
		preview->reply.last = &preview->last;
}

/* ---- in words, kind by kind ------------------------------------------------------------------------------------ */

static void say_retirement(struct lines *lines, const struct retirement *retirement)
{
	char when[WHEN_MAX];

	if (retirement->time > 0)
		say(lines, "it is safe to retire from %s on (%s)", when_utc(retirement->time, when), retirement->why);
	else
		say(lines, "when it is safe to retire: %s", retirement->why);
}

/* A rotation is when tokens without kid lose the oldest version that was tried for them. */
static void say_untried(struct preview *preview)
{
	const struct broker *broker = preview->change->broker;
	const struct key *key = preview->change->key;
	const uint32_t tried = broker->turn.limits.versions_tried;
	const struct version *lost = issuers_untried(&preview->shadow->key, tried);
	const uint64_t without_kid = issuers_without_kid(key);

	if (!lost || without_kid == 0 || issuers_untried(key, tried) == key->versions[lost->number - 1] ||
		!retire_early(key->versions[lost->number - 1], broker->skew, preview->now))
		return;
	preview->reply.ask = true;
	say(&preview->warning,
		"version %u is not tried any more for tokens without kid (versions-tried is %u), and it may be in use: "
		"%" PRIu64 " unwraps of this key named none",
		lost->number, tried, without_kid);
}

static void say_deactivated(struct preview *preview)
{
	const struct key *key = preview->change->key;
	const struct version *active = key->active, *then;
	struct retirement retirement;

	if (!active)
		return;
	then = &preview->shadow->versions[active->number - 1];
	if (then->state != STATE_DEACTIVATED)
		return;
	retire_at(then, preview->change->broker->skew, preview->now, &retirement);
	say(&preview->will, "version %u (%s) is deactivated: it still unwraps, and wraps no more", active->number,
		active->kid);
	say_retirement(&preview->will, &retirement);
	say_untried(preview);
}

/* A rotation by hand takes a version out of use that a schedule would have kept. */
static void ask_for_rotation(struct preview *preview)
{
	const struct change *change = preview->change;
	const struct key *key = change->key;
	struct due due = schedule_rotation(key);
	char when[WHEN_MAX];

	if (!key->active)
		return;
	say_who(preview, key->active);
	if (key->period == 0 || !in_use(preview, key->active))
		return;
	preview->reply.ask = true;
	say(&preview->warning, "the schedule says otherwise: version %u is in use, and the next one %s at %s",
		key->active->number, due.step == STEP_ACTIVATE ? "becomes active" : "is published",
		when_utc(due.time, when));
}

static void say_activation(struct preview *preview, const struct version *version)
{
	say(&preview->will, "version %u (%s), which is published, becomes active", version->number, version->kid);
	say_deactivated(preview);
}

static void say_new_version(struct preview *preview)
{
	const struct change *change = preview->change;
	const struct version *made = &preview->shadow->versions[preview->shadow->key.n_versions - 1];

	say(&preview->will, "version %u of key %s is %s and becomes %s", made->number, change->name,
		change->kind == CHANGE_IMPORT          ? "imported into the token"
			: change->kind == CHANGE_ADOPT ? "taken over from the token"
						       : "made in the token",
		made->state == STATE_DEACTIVATED ? "deactivated: it only unwraps" : "active");
	if (change->kind == CHANGE_IMPORT)
		say(&preview->warning, "the private key itself is looked at when it is imported, not now");
	if (change->kind == CHANGE_ADOPT && change->text[0] != '\0')
		say(&preview->warning, "the journal will say for ever: %s", change->text);
	if (change->key)
		say_deactivated(preview);
}

static void say_waiting(struct preview *preview)
{
	const struct change *change = preview->change;
	const struct version *version = change->version;
	const uint32_t skew = change->broker->skew;
	struct retirement retirement;
	char when[WHEN_MAX];

	when_utc(change->until, when);
	say(&preview->will, "version %u (%s) waits to be destroyed from now on and unwraps nothing", version->number,
		version->kid);
	say(&preview->will, "at %s its object is destroyed in the token, for ever", when);
	say(&preview->will, "until then it can be taken back: cekctl key keep %s", version->kid);
	retire_at(version, skew, preview->now, &retirement);
	if (retirement.why[0] != '\0')
		say_retirement(retire_early(version, skew, preview->now) || retirement.time == 0 ? &preview->warning
												 : &preview->will,
			&retirement);
	if (in_use(preview, version))
		say(&preview->warning, "it is in use");
}

static void say_compromised(struct preview *preview)
{
	const struct change *change = preview->change;
	const struct version *version = change->version;

	say(&preview->will, "version %u (%s) is compromised, at once and for good: it unwraps nothing any more",
		version->number, version->kid);
	if (version->state == STATE_WAITING)
		say(&preview->will, "its destruction is off: schedule it again");
	if (change->successor)
		say_activation(preview, change->successor);
	else if (change->then_rotate)
		say_new_version(preview);
}

static void say_suspended(struct preview *preview, const struct version *version)
{
	char when[WHEN_MAX];

	if (preview->change->successor)
		say_activation(preview, preview->change->successor);
	say(&preview->will, "version %u (%s) is suspended%s%s", version->number, version->kid,
		preview->change->until > 0 ? " until " : ", until it is resumed",
		preview->change->until > 0 ? when_utc(preview->change->until, when) : "");
}

static void say_issuers(struct preview *preview, const struct version *version)
{
	char text[ISSUERS_MAX];

	if (!move_opens(&preview->shadow->versions[version->number - 1]) && issuers_go_on(version, text))
		say(&preview->warning, "%s", text);
}

static void say_then_suspended(struct preview *preview)
{
	const struct version *version = preview->change->then_suspend;

	if (!version)
		return;
	say_suspended(preview, version);
	say_stops(preview, version);
	say_issuers(preview, version);
}

static void say_move(struct preview *preview)
{
	const struct change *change = preview->change;
	const struct version *version = change->version;

	if (change->state == STATE_ACTIVE && version->state == STATE_PRE_ACTIVE)
		ask_for_rotation(preview);
	else
		say_who(preview, version);
	if (change->state == STATE_WAITING)
		say_waiting(preview);
	else if (change->state == STATE_COMPROMISED)
		say_compromised(preview);
	else if (change->state == STATE_SUSPENDED)
		say_suspended(preview, version);
	else if (change->state == STATE_ACTIVE && version->state == STATE_PRE_ACTIVE)
		say_activation(preview, version);
	else
		say(&preview->will, "version %u (%s) is %s again", version->number, version->kid,
			state_name(change->state));
	say_stops(preview, version);
	say_issuers(preview, version);
	preview->reply.ask |= change->state == STATE_WAITING || change->state == STATE_COMPROMISED;
}

static void say_schedule(struct preview *preview)
{
	const struct key *key = &preview->shadow->key;
	char sum[RETIRE_SUM_MAX], period[DURATION_MAX], lead[DURATION_MAX];

	if (key->period > 0)
		say(&preview->will, "key %s rotates by itself every %s%s%s%s", key->name,
			duration_words(key->period, period), key->lead > 0 ? ", and publishes a version " : "",
			key->lead > 0 ? duration_words(key->lead, lead) : "", key->lead > 0 ? " before" : "");
	else
		say(&preview->will, "key %s rotates by hand only", key->name);
	if (key->max_uses > 0)
		say(&preview->will, "it rotates before a version was used %u times", key->max_uses);
	if (!issuers_know_in_time(key->period, key->lead, key->jwks_max_age))
		say(&preview->warning,
			"the lead is shorter than the JWKS max-age: an issuer meets a new version after others use it, "
			"and keeps the old one in use that much longer");
	if (retire_known(key))
		say(&preview->will,
			"an old version is safe to retire after it was deactivated + %s, or later if it is still used",
			retire_sum(key, preview->change->broker->skew, sum));
	else
		say(&preview->warning,
			"when an old version is safe to retire is not known without a token lifetime "
			"or an overlap");
}

static void say_alias(struct preview *preview)
{
	const struct change *change = preview->change;

	preview->reply.kid = change->version->kid;
	say(&preview->will, "version %u (%s) %s the kid %s", change->version->number, change->version->kid,
		change->removes ? "is not found any more by" : "is also found by", change->kid);
	if (change->removes)
		say(&preview->stops, "nothing that names the kid %s can be opened any more", change->kid);
}

static void say_restored(struct preview *preview)
{
	const struct change *change = preview->change;
	const struct ring *ring = &change->broker->ring;
	size_t waiting = 0, gcm = 0;
	char when[WHEN_MAX];

	for (size_t i = 0; i < ring->n_keys; i++) {
		gcm += ring->keys[i]->alg->family == ALG_AES_GCMKW;
		for (size_t j = 0; j < ring->keys[i]->n_versions; j++)
			waiting += ring->keys[i]->versions[j]->state == STATE_WAITING;
	}
	say(&preview->will, "cekd goes on with this key journal: its %zu %s again as it knows them", ring->n_keys,
		ring->n_keys == 1 ? "key serves" : "keys serve");
	if (waiting > 0)
		say(&preview->will, "%zu %s until %s at least", waiting,
			waiting == 1 ? "version that waits to be destroyed waits"
				     : "versions that wait to be destroyed wait",
			when_utc(change->until, when));
	if (gcm > 0)
		say(&preview->will, "%zu %s again", gcm,
			gcm == 1 ? "AES-GCM key rotates before it wraps" : "AES-GCM keys rotate before they wrap");
	say(&preview->warning,
		"what was suspended, compromised or destroyed after its last record opens again, until "
		"that is done anew");
	for (size_t i = 0; i < change->broker->restore.n_later; i++)
		say(&preview->warning, "it does not know of: %s", change->broker->restore.later[i]);
	if (change->append.head[0] != '\0')
		say(&preview->warning, "whether it holds the line %s is looked at when it is confirmed",
			change->append.head);
	preview->reply.ask = true;
}

void preview_say(struct preview *preview)
{
	switch (preview->change->kind) {
	case CHANGE_MOVE:
		say_move(preview);
		break;
	case CHANGE_SCHEDULE:
		say_schedule(preview);
		break;
	case CHANGE_ALIAS:
		say_alias(preview);
		break;
	case CHANGE_RESTORE:
		say_restored(preview);
		break;
	case CHANGE_ROTATE:
		ask_for_rotation(preview);
		say_new_version(preview);
		say_then_suspended(preview);
		break;
	default:
		say_new_version(preview);
	}
	if (preview->change->job.packed && preview->change->broker->workers.hopeless)
		say(&preview->warning, "the token is not available: %s", preview->change->broker->workers.why);
}
