/* SPDX-License-Identifier: Apache-2.0 */
/* cek.h, keys and daemon: Key, PublicKeyEntry and StatusReply of cek.proto as structs that callers read. */
#include "client/describe.h"

enum { TEXT_MAX = 1024 }; /* bytes of a text that is not a message */

const char *describe_text(char *text, size_t max)
{
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (i == max) {
			text[i] = '\0';
			break;
		}
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
	return text;
}

static const char *text(char *from)
{
	return describe_text(from, TEXT_MAX);
}

static struct cek_bytes bytes(ProtobufCBinaryData data)
{
	return (struct cek_bytes){data.len > 0 ? data.data : NULL, data.len};
}

struct cek_public_key describe_public_key(const Cek__V1__PublicKey *key)
{
	return (struct cek_public_key){
		.kty = text(key->kty),
		.n = bytes(key->n),
		.e = bytes(key->e),
		.crv = key->crv[0] != '\0' ? text(key->crv) : NULL,
		.x = bytes(key->x),
		.y = bytes(key->y),
	};
}

/* n pointers in front of n structs of that size; every pointer is set. Never NULL but when the arena is full. */
static void *describe_list(struct arena *arena, size_t n, size_t size)
{
	uint8_t **list;
	uint8_t *row;

	size = (size + 15) / 16 * 16;
	if (n > arena->size / (size + sizeof(*list)))
		return NULL;
	list = arena_alloc(arena, n * sizeof(*list));
	row = arena_alloc(arena, n * size);
	if (!list || !row)
		return NULL;
	for (size_t i = 0; i < n; i++)
		list[i] = row + i * size;
	return list;
}

static const char **describe_texts(struct arena *arena, char **from, size_t n)
{
	const char **list = arena_alloc(arena, n * sizeof(*list));

	for (size_t i = 0; list && i < n; i++)
		list[i] = text(from[i]);
	return list;
}

static const struct cek_usage *const *describe_peers(struct arena *arena, const Cek__V1__Version *from)
{
	struct cek_usage **list = describe_list(arena, from->n_peers, sizeof(**list));

	for (size_t i = 0; list && i < from->n_peers; i++)
		*list[i] = (struct cek_usage){
			.peer = text(from->peers[i]->peer),
			.unwraps = from->peers[i]->unwraps,
			.wraps = from->peers[i]->wraps,
			.last_used = from->peers[i]->last_used,
		};
	return (const struct cek_usage *const *)list;
}

static const char *provenance(Cek__V1__Provenance from)
{
	switch (from) {
	case CEK__V1__PROVENANCE__PROVENANCE_GENERATED:
		return "generated";
	case CEK__V1__PROVENANCE__PROVENANCE_IMPORTED:
		return "imported";
	case CEK__V1__PROVENANCE__PROVENANCE_ADOPTED:
		return "adopted";
	default:
		return "unknown";
	}
}

static bool describe_version(struct arena *arena, const Cek__V1__Version *from, struct cek_version *to)
{
	*to = (struct cek_version){
		.kid = from->kid,
		.number = from->number,
		.state = (int)from->state,
		.missing = from->missing,
		.provenance = provenance(from->provenance),
		.cka_id = bytes(from->cka_id),
		.created = from->created,
		.activated = from->activated,
		.deactivated = from->deactivated,
		.destroyed = from->destroyed,
		.until = from->until,
		.overlap_end = from->overlap_end,
		.unwraps = from->unwraps,
		.wraps = from->wraps,
		.refused = from->refused,
		.last_used = from->last_used,
		.note = text(from->note),
		.aliases = (const char *const *)from->alias,
		.n_aliases = from->n_alias,
		.peers = describe_peers(arena, from),
		.n_peers = from->n_peers,
		.more_peers = from->more_peers,
	};
	if (from->public_key)
		to->public_key = describe_public_key(from->public_key);
	return to->peers;
}

static const struct cek_version *const *describe_versions(struct arena *arena, const Cek__V1__Key *from)
{
	struct cek_version **list = describe_list(arena, from->n_version, sizeof(**list));

	for (size_t i = 0; list && i < from->n_version; i++)
		if (!describe_version(arena, from->version[i], list[i]))
			return NULL;
	return (const struct cek_version *const *)list;
}

static const struct cek_event *const *describe_plan(struct arena *arena, const Cek__V1__Key *from)
{
	struct cek_event **list = describe_list(arena, from->n_plan, sizeof(**list));

	for (size_t i = 0; list && i < from->n_plan; i++)
		*list[i] = (struct cek_event){
			.time = from->plan[i]->time,
			.what = text(from->plan[i]->what),
			.kid = from->plan[i]->kid,
			.why = text(from->plan[i]->why),
		};
	return (const struct cek_event *const *)list;
}

static bool describe_key(struct arena *arena, const Cek__V1__Key *from, struct cek_key *to)
{
	*to = (struct cek_key){
		.name = text(from->name),
		.alg = text(from->alg),
		.bits = from->bits,
		.crv = text(from->crv),
		.max_uses = from->max_uses,
		.operations = text(from->operations),
		.versions = describe_versions(arena, from),
		.n_versions = from->n_version,
		.plan = describe_plan(arena, from),
		.n_plan = from->n_plan,
		.before = from->before,
		.more_plan = from->more_plan,
	};
	if (from->schedule) {
		to->period = from->schedule->period;
		to->lead = from->schedule->lead;
		to->overlap = from->schedule->overlap;
		to->token_lifetime = from->schedule->token_lifetime;
		to->jwks_max_age = from->schedule->jwks_max_age;
	}
	return to->versions && to->plan;
}

static int describe_keys(struct arena *arena, Cek__V1__Key *const *from, size_t n, struct description *to)
{
	struct cek_key **list = describe_list(arena, n, sizeof(**list));

	if (!list)
		return CEK_E_NOMEM;
	for (size_t i = 0; i < n; i++)
		if (!describe_key(arena, from[i], list[i]))
			return CEK_E_NOMEM;
	to->keys = (const struct cek_key **)list;
	to->n_keys = n;
	return CEK_OK;
}

static int describe_one_key(struct arena *arena, Cek__V1__Key *from, struct description *to)
{
	const struct cek_key *key;

	if (!from)
		return CEK_E_PROTOCOL;
	if (describe_keys(arena, &from, 1, to) != CEK_OK)
		return CEK_E_NOMEM;
	key = to->keys[0];
	to->key = key->name;
	to->alg = key->alg;
	for (size_t i = 0; i < key->n_versions; i++)
		if (key->versions[i]->state == CEK_STATE_ACTIVE)
			to->kid = key->versions[i]->kid;
	return CEK_OK;
}

static int describe_public_keys(struct arena *arena, const Cek__V1__PublicKeysReply *from, struct description *to)
{
	struct cek_public_key_entry **list = describe_list(arena, from->n_entry, sizeof(**list));

	if (!list)
		return CEK_E_NOMEM;
	for (size_t i = 0; i < from->n_entry; i++) {
		const Cek__V1__PublicKeyEntry *entry = from->entry[i];

		if (!entry->public_key)
			return CEK_E_PROTOCOL;
		*list[i] = (struct cek_public_key_entry){
			.key = text(entry->key),
			.kid = entry->kid,
			.alg = text(entry->alg),
			.state = (int)entry->state,
			.public_key = describe_public_key(entry->public_key),
		};
	}
	to->public_keys = (const struct cek_public_key_entry **)list;
	to->n_public_keys = from->n_entry;
	to->has_max_age = from->age_case == CEK__V1__PUBLIC_KEYS_REPLY__AGE_MAX_AGE;
	to->max_age = to->has_max_age ? from->max_age : 0;
	return CEK_OK;
}

static const struct cek_alg_status *const *describe_algs(struct arena *arena, const Cek__V1__StatusReply *from)
{
	struct cek_alg_status **list = describe_list(arena, from->n_alg, sizeof(**list));

	for (size_t i = 0; list && i < from->n_alg; i++)
		*list[i] = (struct cek_alg_status){
			.alg = text(from->alg[i]->alg),
			.available = from->alg[i]->available,
			.how = text(from->alg[i]->how),
		};
	return (const struct cek_alg_status *const *)list;
}

static const struct cek_worker_status *const *describe_workers(struct arena *arena, const Cek__V1__StatusReply *from)
{
	struct cek_worker_status **list = describe_list(arena, from->n_worker, sizeof(**list));

	for (size_t i = 0; list && i < from->n_worker; i++)
		*list[i] = (struct cek_worker_status){
			.kind = text(from->worker[i]->kind),
			.index = from->worker[i]->index,
			.generation = from->worker[i]->generation,
			.state = text(from->worker[i]->state),
			.queued = from->worker[i]->queued,
			.done = from->worker[i]->done,
			.memory = from->worker[i]->memory,
			.pid = from->worker[i]->pid,
		};
	return (const struct cek_worker_status *const *)list;
}

static int describe_daemon(struct arena *arena, const Cek__V1__StatusReply *from, struct description *to)
{
	struct cek_daemon *daemon = arena_alloc(arena, sizeof(*daemon));

	if (!daemon)
		return CEK_E_NOMEM;
	*daemon = (struct cek_daemon){
		.ready = from->ready,
		.version = text(from->version),
		.why_not_ready = text(from->why_not_ready),
		.token_label = text(from->token_label),
		.token_serial = text(from->token_serial),
		.token_model = text(from->token_model),
		.module = text(from->module),
		.journal = text(from->journal),
		.audit = text(from->audit),
		.sandbox = text(from->sandbox),
		.split_uids = from->split_uids,
		.started = from->started,
		.keys = from->keys,
		.versions = from->versions,
		.connections = from->connections,
		.algs = describe_algs(arena, from),
		.n_algs = from->n_alg,
		.workers = describe_workers(arena, from),
		.n_workers = from->n_worker,
		.warnings = describe_texts(arena, from->warning, from->n_warning),
		.n_warnings = from->n_warning,
	};
	to->daemon = daemon;
	return daemon->algs && daemon->workers && daemon->warnings ? CEK_OK : CEK_E_NOMEM;
}

int describe(struct arena *arena, const Cek__V1__Reply *reply, struct description *ret_description)
{
	*ret_description = (struct description){0};
	switch (reply->result_case) {
	case CEK__V1__REPLY__RESULT_KEY:
		return describe_one_key(arena, reply->key->key, ret_description);
	case CEK__V1__REPLY__RESULT_LIST_KEYS:
		ret_description->more = reply->list_keys->more;
		return describe_keys(arena, reply->list_keys->key, reply->list_keys->n_key, ret_description);
	case CEK__V1__REPLY__RESULT_PUBLIC_KEYS:
		return describe_public_keys(arena, reply->public_keys, ret_description);
	case CEK__V1__REPLY__RESULT_STATUS_REPLY:
		return describe_daemon(arena, reply->status_reply, ret_description);
	default:
		return CEK_OK;
	}
}
