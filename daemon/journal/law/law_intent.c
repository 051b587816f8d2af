/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/journal/law/law_data.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

static bool known_op(const char *op)
{
	static const char *const ops[] = {"create", "rotate", "import", "adopt", "destroy"};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(ops[i], op) == 0)
			return true;
	}
	return false;
}

/* An adoption by label has no CKA_ID before the token has told it. */
static bool is_of(const struct law_intent *intent, const char *op, const char *key, const ProtobufCBinaryData *cka_id)
{
	if ((op[0] != '\0' && strcmp(intent->op, op) != 0) || strcmp(intent->key, key) != 0)
		return false;
	if (intent->cka_id_len == 0)
		return strcmp(intent->op, "adopt") == 0;
	return intent->cka_id_len == cka_id->len && memcmp(intent->cka_id, cka_id->data, cka_id->len) == 0;
}

struct law_intent *law_intent_of(const struct law *law, const char *op, const char *key,
	const ProtobufCBinaryData *cka_id)
{
	for (struct link *link = law->intents.next; link != &law->intents; link = link->next) {
		struct law_intent *intent = list_entry(link, struct law_intent, link);

		if (is_of(intent, op, key, cka_id))
			return intent;
	}
	return NULL;
}

void law_intent_end(struct law *law, struct law_intent *intent)
{
	if (!intent)
		return;
	if (law->asked == intent)
		law->asked = NULL;
	list_remove(&intent->link);
	free(intent);
}

static int destroyable(const struct law *law, const struct law_version *version, const char **ret_why)
{
	if (version->standing.state != STATE_WAITING) {
		*ret_why = "the version does not wait for its destruction";
		return LAW_BROKEN;
	}
	if (law->real + LAW_SLACK_US < version->wait.until) {
		*ret_why = "its waiting period is not over";
		return law->stepped || law->real + LAW_LATE_US >= version->wait.until ? LAW_EARLY : LAW_BROKEN;
	}
	if (law->real < version->wait.until || !wait_over_up(&version->wait, &law->clocks, law->up)) {
		*ret_why = "its waiting period is not over by the time that the machine was up";
		return LAW_EARLY;
	}
	if (law->stepped || law->clocks.jumped || wait_doubtful(&version->wait, &law->clocks)) {
		*ret_why = "the clock jumped, and no operator has confirmed it (SIGHUP)";
		return LAW_EARLY;
	}
	return LAW_KEPT;
}

static int destruction(const struct law *law, const KeyRecord *record, const char **ret_why)
{
	const struct law_version *version = law_object(law, &record->cka_id);

	if (!version || strcmp(version->kid, record->kid) != 0 || strcmp(version->key->name, record->key) != 0 ||
		version->key->alg != alg_find(record->alg)) {
		*ret_why = "there is no version with this key, kid, alg and CKA_ID";
		return LAW_BROKEN;
	}
	return destroyable(law, version, ret_why);
}

/* Of a new version. */
static const char *fault_of(const struct law *law, const KeyRecord *record)
{
	const struct law_key *key = law_key(law, record->key);
	const bool adopts = strcmp(record->op, "adopt") == 0;

	if (!key_name_valid(record->key) || !alg_find(record->alg))
		return "no valid key name or alg";
	if (key && key->alg != alg_find(record->alg))
		return "a key has one alg";
	if (strcmp(record->op, "create") == 0 && key)
		return "there is such a key already";
	if (strcmp(record->op, "rotate") == 0 && !key)
		return "there is no such key";
	if ((record->cka_id.len == 0 && !adopts) || record->cka_id.len > LAW_CKA_ID_MAX)
		return "no valid CKA_ID";
	return law_object(law, &record->cka_id) ? "this CKA_ID was used before" : NULL;
}

static int judge(const struct law *law, const KeyRecord *record, const char **ret_why)
{
	if (!known_op(record->op)) {
		*ret_why = "there is no such operation";
		return LAW_BROKEN;
	}
	if (strcmp(record->op, "destroy") == 0)
		return destruction(law, record, ret_why);
	*ret_why = fault_of(law, record);
	return *ret_why ? LAW_BROKEN : LAW_KEPT;
}

static bool same_id(const struct law_intent *intent, const ProtobufCBinaryData *cka_id)
{
	return cka_id->len > 0 && intent->cka_id_len == cka_id->len &&
		memcmp(intent->cka_id, cka_id->data, cka_id->len) == 0;
}

/* A new one on the same object takes the place of the one before, whatever that was. */
static void replace(struct law *law, const KeyRecord *record)
{
	struct link *next;

	for (struct link *link = law->intents.next; link != &law->intents; link = next) {
		struct law_intent *intent = list_entry(link, struct law_intent, link);

		next = link->next;
		if (same_id(intent, &record->cka_id) || is_of(intent, record->op, record->key, &record->cka_id))
			law_intent_end(law, intent);
	}
}

int law_fold_intent(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	const int verdict = fresh ? judge(law, record, ret_why) : LAW_KEPT;
	const struct law_version *version = law_object(law, &record->cka_id);
	struct law_intent *intent;

	if (verdict != LAW_KEPT)
		return verdict;
	if (record->cka_id.len > LAW_CKA_ID_MAX)
		return LAW_BROKEN;
	replace(law, record);
	intent = calloc(1, sizeof(*intent));
	if (!intent)
		return log_origin(-ENOMEM);
	(void)snprintf(intent->op, sizeof(intent->op), "%s", record->op);
	(void)snprintf(intent->key, sizeof(intent->key), "%s", record->key);
	intent->alg = alg_find(record->alg);
	intent->cka_id_len = record->cka_id.len;
	if (record->cka_id.len > 0)
		memcpy(intent->cka_id, record->cka_id.data, record->cka_id.len);
	if (version)
		memcpy(intent->half, version->half, sizeof(intent->half));
	list_append(&law->intents, &intent->link);
	if (fresh)
		law->asked = intent;
	return LAW_KEPT;
}

int law_fold_abandoned(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	struct law_intent *intent = law_intent_of(law, record->op, record->key, &record->cka_id);

	if (!intent && fresh) {
		*ret_why = "no such change was begun";
		return LAW_BROKEN;
	}
	law_intent_end(law, intent);
	return LAW_KEPT;
}

int law_intent_due(const struct law *law, const struct law_intent *intent, const KeyRecord *record,
	const char **ret_why)
{
	return strcmp(intent->op, "destroy") == 0 ? destruction(law, record, ret_why) : LAW_KEPT;
}
