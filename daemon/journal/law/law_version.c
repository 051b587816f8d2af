/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/journal/law/law_data.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

/* ---- states ------------------------------------------------------------------------------------------------------ */

/* At most one version of a key is active: making one active deactivates the other in the same step. */
static void enter(struct law *law, struct law_version *version, enum state state, const KeyRecord *record)
{
	struct law_key *key = version->key;

	if (state == STATE_ACTIVE && key->active && key->active != version)
		enter(law, key->active, STATE_DEACTIVATED, record);
	moves_enter(&version->standing, state);
	if (key->active == version)
		key->active = NULL;
	if (state == STATE_ACTIVE)
		key->active = version;
	version->wait = (struct wait){0};
	if (state == STATE_WAITING)
		version->wait = wait_begin(&law->clocks, record->until_time, record->time, record->up);
}

/* A verdict on the end of a waiting period. */
static int too_soon(const struct law *law, const KeyRecord *record, const char **ret_why)
{
	const uint64_t least = law->real + law->wait_min_us;

	if (record->until_time + LAW_SLACK_US >= least)
		return LAW_KEPT;
	*ret_why = "the waiting period is shorter than the shortest one";
	return law->stepped || record->until_time + LAW_LATE_US >= least ? LAW_EARLY : LAW_BROKEN;
}

static const char *move_fault(const struct law *law, const struct law_version *version, const KeyRecord *record)
{
	const ProtobufCBinaryData cka_id = {.data = (uint8_t *)(uintptr_t)version->cka_id, .len = version->cka_id_len};
	const char *why = moves_refused(&version->standing, version->key->active != NULL, (enum state)record->state);

	if (why)
		return why;
	if (strcmp(version->key->name, record->key) != 0)
		return "the kid is one of another key";
	if (record->state == CEK__V1__STATE__STATE_DESTROYED &&
		!law_intent_of(law, "destroy", version->key->name, &cka_id))
		return "its destruction was not begun";
	return NULL;
}

/* Destroyed, or its destruction was taken back: a later one begins anew. */
static void end_intents(struct law *law, const struct law_version *version)
{
	const ProtobufCBinaryData cka_id = {.data = (uint8_t *)(uintptr_t)version->cka_id, .len = version->cka_id_len};

	law_intent_end(law, law_intent_of(law, "destroy", version->key->name, &cka_id));
}

int law_fold_state(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	struct law_version *version = law_version(law, record->kid);
	const enum state to = (enum state)record->state;
	int verdict = LAW_KEPT;

	if (!version || to <= STATE_NONE || to >= STATE_COUNT) {
		*ret_why = version ? "there is no such state" : "there is no such kid";
		return LAW_BROKEN;
	}
	*ret_why = fresh ? move_fault(law, version, record)
		: moves_recorded(&version->standing, version->key->active != NULL, to) ? NULL
										       : "there is no such move";
	if (*ret_why && fresh)
		return LAW_BROKEN;
	if (fresh && to == STATE_WAITING)
		verdict = too_soon(law, record, ret_why);
	if (verdict != LAW_KEPT)
		return verdict;
	enter(law, version, to, record);
	end_intents(law, version);
	return *ret_why ? LAW_BROKEN : LAW_KEPT;
}

/* What was lost may have said more of it: no destruction comes sooner than this says. */
int law_fold_restored(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	const int verdict = fresh ? too_soon(law, record, ret_why) : LAW_KEPT;

	if (verdict != LAW_KEPT)
		return verdict;
	for (struct link *link = law->versions.next; link != &law->versions; link = link->next) {
		struct law_version *version = list_entry(link, struct law_version, link);

		if (version->standing.state == STATE_WAITING && version->wait.until < record->until_time)
			version->wait = wait_begin(&law->clocks, record->until_time, record->time, record->up);
		if (version->key->alg->family == ALG_AES_GCMKW)
			version->reserved = INT64_MAX;
	}
	return LAW_KEPT;
}

/* ---- new ones ---------------------------------------------------------------------------------------------------- */

static const char *form_fault(const KeyRecord *record)
{
	if (!key_name_valid(record->key) || !kid_valid(record->kid))
		return "no valid key name or kid";
	if (record->cka_id.len == 0 || record->cka_id.len > LAW_CKA_ID_MAX)
		return "no valid CKA_ID";
	if (!alg_find(record->alg))
		return "unknown alg";
	if (record->state != CEK__V1__STATE__STATE_PRE_ACTIVE && record->state != CEK__V1__STATE__STATE_ACTIVE &&
		record->state != CEK__V1__STATE__STATE_DEACTIVATED)
		return "no state that a new version has";
	return NULL;
}

static const char *version_fault(const struct law *law, const KeyRecord *record)
{
	const struct law_key *key = law_key(law, record->key);
	const char *fault = form_fault(record);

	if (fault)
		return fault;
	if (key && key->alg != alg_find(record->alg))
		return "a key has one alg";
	if (law_version(law, record->kid))
		return "this kid was used before";
	if (law_object(law, &record->cka_id))
		return "this CKA_ID was used before";
	for (size_t i = 0; i < record->n_alias; i++) {
		if (!kid_valid(record->alias[i]) || law_version(law, record->alias[i]))
			return "an alias is not valid or was used before";
	}
	return NULL;
}

/* The intent that a new version comes of. */
static struct law_intent *origin_of(const struct law *law, const KeyRecord *record)
{
	struct law_intent *intent;

	switch (record->provenance) {
	case CEK__V1__PROVENANCE__PROVENANCE_IMPORTED:
		return law_intent_of(law, "import", record->key, &record->cka_id);
	case CEK__V1__PROVENANCE__PROVENANCE_ADOPTED:
		return law_intent_of(law, "adopt", record->key, &record->cka_id);
	default:
		intent = law_intent_of(law, "create", record->key, &record->cka_id);
		return intent ? intent : law_intent_of(law, "rotate", record->key, &record->cka_id);
	}
}

static struct law_key *key_new(struct law *law, const KeyRecord *record)
{
	struct law_key *key = calloc(1, sizeof(*key));

	if (!key)
		return NULL;
	(void)snprintf(key->name, sizeof(key->name), "%s", record->key);
	key->alg = alg_find(record->alg);
	list_append(&law->keys, &key->link);
	return table_put(&law->names, key->name, strlen(key->name), key) == 0 ? key : NULL;
}

static int index_version(struct law *law, struct law_version *version, const KeyRecord *record)
{
	int r = table_put(&law->kids, version->kid, strlen(version->kid), version);

	for (size_t i = 0; r == 0 && i < record->n_alias; i++)
		r = table_put(&law->kids, record->alias[i], strlen(record->alias[i]), version);
	return r == 0 ? table_put(&law->cka_ids, version->cka_id, version->cka_id_len, version) : r;
}

/* What tells its object from twins: AES has no public half. */
static int half_of(const KeyRecord *record, uint8_t half[RECEIPT_HALF_LEN])
{
	const enum alg_family family = alg_find(record->alg)->family;

	return receipt_half(family == ALG_RSA_OAEP || family == ALG_ECDH ? record->public_key : NULL, half);
}

static int add(struct law *law, const KeyRecord *record)
{
	struct law_key *key = law_key(law, record->key);
	struct law_version *version = calloc(1, sizeof(*version));
	int r;

	if (version)
		list_append(&law->versions, &version->link);
	if (!key)
		key = key_new(law, record);
	if (!key || !version)
		return log_origin(-ENOMEM);
	version->key = key;
	version->reserved = record->reserved;
	version->cka_id_len = record->cka_id.len;
	(void)snprintf(version->kid, sizeof(version->kid), "%s", record->kid);
	memcpy(version->cka_id, record->cka_id.data, record->cka_id.len);
	r = half_of(record, version->half);
	if (r == 0)
		r = index_version(law, version, record);
	enter(law, version, (enum state)record->state, record);
	return r;
}

int law_fold_version(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	struct law_intent *origin = origin_of(law, record);
	int r;

	*ret_why = version_fault(law, record);
	if (*ret_why)
		return LAW_BROKEN;
	if (!origin && fresh) {
		*ret_why = "its making was not begun";
		return LAW_BROKEN;
	}
	r = add(law, record);
	if (r < 0 && r != -EEXIST)
		return r;
	law_intent_end(law, origin);
	*ret_why = "a kid stands in it twice";
	return r < 0 ? LAW_BROKEN : LAW_KEPT;
}

/* ---- what else there is of one ----------------------------------------------------------------------------------- */

static const char *alias_fault(const struct law *law, const KeyRecord *record, const char *alias, bool adds)
{
	if (!law_version(law, record->kid))
		return "there is no such kid";
	if (!kid_valid(alias) || (!adds && strcmp(record->op, "remove") != 0))
		return "not one alias that comes or goes";
	if (adds)
		return law_version(law, alias) ? "this alias was used before" : NULL;
	return table_get(&law->added, alias, strlen(alias)) == law_version(law, record->kid)
		? NULL
		: "no alias that was added";
}

int law_fold_alias(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	const char *alias = record->n_alias == 1 ? record->alias[0] : "";
	const bool adds = strcmp(record->op, "add") == 0;
	struct law_version *version = law_version(law, record->kid);

	(void)fresh;
	*ret_why = alias_fault(law, record, alias, adds);
	if (*ret_why)
		return LAW_BROKEN;
	if (!adds) {
		table_remove(&law->kids, alias, strlen(alias));
		table_remove(&law->added, alias, strlen(alias));
		return LAW_KEPT;
	}
	if (table_put(&law->kids, alias, strlen(alias), version) < 0 ||
		table_put(&law->added, alias, strlen(alias), version) < 0)
		return log_origin(-ENOMEM);
	return LAW_KEPT;
}

/* Wraps that may have been made are never fewer than before (SP 800-38D). */
int law_fold_reserve(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	struct law_version *version = law_version(law, record->kid);

	(void)fresh;
	if (!version || record->reserved < version->reserved) {
		*ret_why = version ? "fewer wraps than before" : "there is no such kid";
		return LAW_BROKEN;
	}
	version->reserved = record->reserved;
	return LAW_KEPT;
}
