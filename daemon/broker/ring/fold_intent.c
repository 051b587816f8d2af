/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/ring/fold_intent.h"

int fold_contradiction(char *ret_why, size_t why_size, const char *what, const KeyRecord *record)
{
	snprintf(ret_why, why_size, "record %llu (%.32s): %s", (unsigned long long)record->seq, record->type, what);
	return -EPROTO;
}

static bool intent_matches(const struct intent *intent, const KeyRecord *record)
{
	return intent->cka_id_len == record->cka_id.len &&
		memcmp(intent->cka_id, record->cka_id.data, record->cka_id.len) == 0;
}

void fold_end_intent(struct ring *ring, const KeyRecord *record)
{
	for (struct link *link = ring->intents.next; link != &ring->intents; link = link->next) {
		struct intent *intent = list_entry(link, struct intent, link);

		if (!intent_matches(intent, record))
			continue;
		list_remove(link);
		free(intent);
		return;
	}
}

int fold_intent(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	struct intent *intent;

	if (record->cka_id.len > CKA_ID_MAX)
		return fold_contradiction(ret_why, why_size, "no valid CKA_ID", record);
	fold_end_intent(ring, record);
	/* An adoption leaves nothing in the token that was not there before: nothing to look after. */
	if (strcmp(record->op, "adopt") == 0)
		return 0;
	intent = calloc(1, sizeof(*intent));
	if (!intent)
		return log_origin(-ENOMEM);
	if (record->cka_id.len > 0)
		memcpy(intent->cka_id, record->cka_id.data, record->cka_id.len);
	intent->cka_id_len = record->cka_id.len;
	snprintf(intent->op, sizeof(intent->op), "%s", record->op);
	snprintf(intent->key, sizeof(intent->key), "%s", record->key);
	intent->time = record->time;
	list_append(&ring->intents, &intent->link);
	return 0;
}

int fold_abandoned(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size)
{
	fold_end_intent(ring, record);
	return 0;
}
