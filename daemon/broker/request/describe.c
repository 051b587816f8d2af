/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/request/describe.h"
#include "daemon/broker/ring/issuers.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/ring/plan.h"
#include "daemon/broker/ring/retire.h"

enum {
	SHOWN_MAX = 512,     /* versions in one reply */
	BRIEF_BYTES = 30000, /* of versions; a page of ListKeys begins the last of its keys below 20000 */
	FULL_BYTES = 40000,  /* the same, with details; the plan takes 16000 at most */
};

static void *take(const struct request *request, size_t size)
{
	return arena_alloc(&request->broker->turn.arena, size > 0 ? size : 1);
}

static char *take_text(const struct request *request, const char *text)
{
	char *copy = take(request, strlen(text) + 1);

	if (copy)
		memcpy(copy, text, strlen(text) + 1);
	return copy;
}

static int by_last_used(const void *a, const void *b)
{
	const struct usage *left = *(const struct usage *const *)a, *right = *(const struct usage *const *)b;

	return left->last_used < right->last_used ? 1 : left->last_used > right->last_used ? -1 : 0;
}

int describe_usage(const struct request *request, const struct usage *usage, Cek__V1__Usage *to)
{
	char line[280];

	cek__v1__usage__init(to);
	snprintf(line, sizeof(line), "%s/%u", usage->listener, usage->uid);
	to->peer = take_text(request, line);
	to->unwraps = usage->unwraps;
	to->wraps = usage->wraps;
	to->last_used = usage->last_used;
	return to->peer ? 0 : log_origin(-ENOMEM);
}

static int fill_peers(const struct request *request, const struct version *version, Cek__V1__Version *to)
{
	const struct usage *sorted[RING_PEERS_MAX];
	Cek__V1__Usage *rows = take(request, version->n_peers * sizeof(*rows));

	to->peers = take(request, version->n_peers * sizeof(*to->peers));
	if (!rows || !to->peers)
		return log_origin(-ENOMEM);
	for (size_t i = 0; i < version->n_peers; i++)
		sorted[i] = &version->peers[i];
	if (version->n_peers > 0)
		qsort(sorted, version->n_peers, sizeof(sorted[0]), by_last_used);
	for (size_t i = 0; i < version->n_peers; i++) {
		int r = describe_usage(request, sorted[i], &rows[i]);

		if (r < 0)
			return r;
		to->peers[to->n_peers++] = &rows[i];
	}
	return 0;
}

static int fill_version(const struct request *request, const struct version *version, bool brief, Cek__V1__Version *to)
{
	struct retirement retirement;

	cek__v1__version__init(to);
	to->kid = version->kid;
	to->alias = version->alias;
	to->n_alias = version->n_alias;
	to->number = version->number;
	to->state = (Cek__V1__State)version->state;
	to->resumes_to = (Cek__V1__State)move_back(version);
	to->missing = version->missing;
	to->provenance = (Cek__V1__Provenance)version->provenance;
	to->cka_id = (ProtobufCBinaryData){.data = (uint8_t *)version->cka_id, .len = version->cka_id_len};
	to->created = version->created;
	to->activated = version->activated;
	to->deactivated = version->deactivated;
	to->until = version->until;
	to->destroyed = version->destroyed;
	to->unwraps = version->unwraps;
	to->wraps = version->wraps;
	to->refused = version->refused;
	to->last_used = version->last_used;
	retire_at(version, request->broker->skew, clock_real_us(), &retirement);
	to->overlap_end = retirement.time;
	if (version->note)
		to->note = version->note;
	if (brief)
		return 0;
	to->public_key = version->public_key;
	to->more_peers = version->more_peers;
	to->retire_why = take_text(request, retirement.why);
	if (!to->retire_why)
		return log_origin(-ENOMEM);
	return fill_peers(request, version, to);
}

/* The versions of a reply while it is filled, youngest first. */
struct shown {
	const struct request *request;
	const struct describe *how;
	Cek__V1__Version **version;
	size_t n, max, size;
};

/* -ENOBUFS: it has no room. The first one always has. */
static int show(struct shown *shown, const struct version *version)
{
	size_t most = shown->how->brief ? BRIEF_BYTES : FULL_BYTES, size;
	Cek__V1__Version *row;
	int r;

	if (shown->n == shown->max)
		return -ENOBUFS;
	row = take(shown->request, sizeof(*row));
	r = row ? fill_version(shown->request, version, shown->how->brief, row) : log_origin(-ENOMEM);
	if (r < 0)
		return r;
	size = cek__v1__version__get_packed_size(row) + 4;
	if (shown->n > 0 && shown->size + size > most)
		return -ENOBUFS;
	shown->size += size;
	shown->version[shown->n++] = row;
	return 0;
}

/* Those that a client looks for first are in the first reply, wherever they stand: imported old ones can come last. */
static bool wanted_first(const struct shown *shown, const struct version *version)
{
	return version == shown->how->asked || version->state == STATE_ACTIVE || version->state == STATE_PRE_ACTIVE;
}

static int show_wanted(struct shown *shown, const struct key *key)
{
	int r = 0;

	for (size_t i = key->n_versions; r == 0 && i-- > 0;) {
		if (wanted_first(shown, key->versions[i]))
			r = show(shown, key->versions[i]);
	}
	return r;
}

static int by_number(const void *a, const void *b)
{
	const Cek__V1__Version *left = *(Cek__V1__Version *const *)a, *right = *(Cek__V1__Version *const *)b;

	return left->number < right->number ? -1 : left->number > right->number ? 1 : 0;
}

/* Oldest first, but filled from the youngest: a key that was rotated for years does not fit into a frame. */
static int fill_versions(const struct request *request, const struct key *key, const struct describe *how,
	Cek__V1__Key *to)
{
	size_t n = how->before > 0 && how->before <= key->n_versions ? how->before - 1 : key->n_versions;
	struct shown shown = {.request = request, .how = how, .max = n < SHOWN_MAX ? n : SHOWN_MAX};
	int r = 0;

	shown.version = take(request, shown.max * sizeof(*shown.version));
	if (!shown.version)
		return log_origin(-ENOMEM);
	if (how->before == 0)
		r = show_wanted(&shown, key);
	while (r == 0 && n > 0) {
		if (how->before > 0 || !wanted_first(&shown, key->versions[n - 1]))
			r = show(&shown, key->versions[n - 1]);
		if (r == 0)
			n--;
	}
	if (r == -ENOBUFS)
		to->before = (uint32_t)n + 1;
	if (shown.n > 0)
		qsort(shown.version, shown.n, sizeof(shown.version[0]), by_number);
	to->version = shown.version;
	to->n_version = shown.n;
	return r == -ENOBUFS ? 0 : r;
}

static int fill_schedule(const struct request *request, const struct key *key, Cek__V1__Key *to)
{
	to->schedule = take(request, sizeof(*to->schedule));
	if (!to->schedule)
		return log_origin(-ENOMEM);
	cek__v1__schedule__init(to->schedule);
	to->schedule->period = key->period;
	to->schedule->lead = key->lead;
	to->schedule->overlap = key->overlap;
	to->schedule->token_lifetime = key->token_lifetime;
	to->schedule->jwks_max_age = key->jwks_max_age;
	to->max_uses = key->max_uses;
	return 0;
}

/* The names of what the peer may do with the key. */
static int fill_operations(const struct request *request, const struct key *key, Cek__V1__Key *to)
{
	uint32_t permissions = 0;
	char line[256] = "";
	size_t len = 0;

	if (request->peer)
		permissions = policy_permissions(&request->broker->policy, &request->peer->grants, key->name);
	for (int i = 0; i < PERMISSION_COUNT; i++) {
		if (permissions >> i & 1)
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s", len > 0 ? " " : "",
				permission_name((enum permission)i));
	}
	to->operations = take_text(request, line);
	return to->operations ? 0 : log_origin(-ENOMEM);
}

int describe_plan(const struct request *request, const struct key *key, bool rotate, Cek__V1__Key *to)
{
	struct planned plan[PLAN_MAX];
	size_t more, n = plan_of(key, clock_real_us(), request->broker->skew, rotate, plan, &more);
	Cek__V1__Event *rows = take(request, n * sizeof(*rows));

	to->n_plan = 0;
	to->more_plan = (uint32_t)more;
	to->plan = take(request, n * sizeof(*to->plan));
	if (!rows || !to->plan)
		return log_origin(-ENOMEM);
	for (size_t i = 0; i < n; i++) {
		cek__v1__event__init(&rows[i]);
		rows[i].time = plan[i].time;
		rows[i].what = (char *)plan[i].what;
		if (plan[i].version)
			rows[i].kid = plan[i].version->kid;
		rows[i].why = take_text(request, plan[i].why);
		if (!rows[i].why)
			return log_origin(-ENOMEM);
		to->plan[to->n_plan++] = &rows[i];
	}
	return 0;
}

int describe_key(const struct request *request, const struct key *key, const struct describe *how,
	Cek__V1__Key **ret_key)
{
	Cek__V1__Key *to = take(request, sizeof(*to));
	int r;

	if (!to)
		return log_origin(-ENOMEM);
	cek__v1__key__init(to);
	to->name = key->name;
	to->alg = (char *)key->alg->name;
	to->bits = key->bits;
	to->crv = (char *)key->crv;
	to->without_kid = issuers_without_kid(key);
	r = fill_versions(request, key, how, to);
	if (r == 0)
		r = fill_schedule(request, key, to);
	if (r == 0)
		r = fill_operations(request, key, to);
	if (r == 0 && !how->brief && how->before == 0)
		r = describe_plan(request, key, false, to);
	if (r == 0)
		*ret_key = to;
	return r;
}

int describe_reply(struct request *request, const struct key *key, const struct describe *how)
{
	Cek__V1__KeyReply *reply = take(request, sizeof(*reply));
	int r;

	if (!reply)
		return log_origin(-ENOMEM);
	cek__v1__key_reply__init(reply);
	r = describe_key(request, key, how, &reply->key);
	if (r < 0)
		return r;
	request->reply.result_case = CEK__V1__REPLY__RESULT_KEY;
	request->reply.key = reply;
	return STATUS_OK;
}

int describe_restore(struct request *request)
{
	struct broker *broker = request->broker;
	Cek__V1__RestoreReply *reply = take(request, sizeof(*reply));

	if (!reply)
		return log_origin(-ENOMEM);
	cek__v1__restore_reply__init(reply);
	reply->needed = broker_unconfirmed(broker);
	if (reply->needed) {
		reply->why = broker->restore.why;
		reply->last_time = broker->ring.found_time;
		reply->head = broker->ring.found;
		reply->later = broker->restore.later;
		reply->n_later = broker->restore.n_later;
		reply->more_later = broker->restore.more_later;
	}
	request->reply.result_case = CEK__V1__REPLY__RESULT_RESTORE;
	request->reply.restore = reply;
	return STATUS_OK;
}
