/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the law knows of keys, versions and intents, as data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/table.h"
#include "daemon/journal/law/verdict.h"
#include "daemon/shared/clocks.h"
#include "daemon/shared/moves.h"
#include "daemon/shared/receipt.h"
#include "proto/alg.h"
#include "proto/internal.pb-c.h"

enum { LAW_CKA_ID_MAX = 64 };

#define LAW_SLACK_US (UINT64_C(60) * 1000000) /* between the broker's look at the clock and the journal's */
/* More than that an append waits only for a journal that hung, or while the clock was set: too short a period by less
 * than this is refused, and nobody's lie. */
#define LAW_LATE_US (UINT64_C(15 * 60) * 1000000)

struct law_key {
	struct link link;
	char name[KEY_NAME_MAX + 1];
	const struct alg *alg;
	struct law_version *active;
};

struct law_version {
	struct link link;
	struct law_key *key;
	char kid[KID_MAX + 1];
	uint8_t cka_id[LAW_CKA_ID_MAX];
	size_t cka_id_len;
	struct standing standing;
	struct wait wait;
	uint64_t reserved; /* wraps of an AES-GCM key */
	uint8_t half[RECEIPT_HALF_LEN];
};

struct law_intent {
	struct link link;
	char op[16];
	char key[KEY_NAME_MAX + 1];
	const struct alg *alg;
	uint8_t cka_id[LAW_CKA_ID_MAX];
	size_t cka_id_len;
	uint8_t half[RECEIPT_HALF_LEN];
};

struct law {
	char boot[CLOCKS_BOOT_MAX];
	char identity[80];
	uint64_t wait_min_us;
	const uint8_t *receipt_key;
	bool may_confirm;
	bool spoilt;
	uint64_t real, up;     /* of what is judged, */
	bool stepped;          /* and the clock was set before */
	uint64_t last_receipt; /* its CLOCK_BOOTTIME */

	struct clocks clocks;
	uint64_t last_seq;
	struct table names, kids, added, cka_ids; /* kids: aliases too; added: those that may go again */
	struct link keys, versions, intents;
	struct law_intent *asked; /* that was judged last, open */

	uint64_t strange, refused;        /* records */
	char first[LAW_WHY_MAX];          /* strange one */
	char last[LAW_WHY_MAX];           /* refused one */
	char says[2 * LAW_WHY_MAX + 160]; /* law_says() */
};

void law_data_init(struct law *law);
void law_data_deinit(struct law *law);

/* What time is it, by both clocks? */
void law_look(struct law *law);

struct law_key *law_key(const struct law *law, const char *name);
struct law_version *law_version(const struct law *law, const char *kid);
struct law_version *law_object(const struct law *law, const ProtobufCBinaryData *cka_id);

/* One function a type of record: a verdict, or -ENOMEM. fresh: it is to be appended; what is not kept
 * may be folded in part. Otherwise it stands in the journal, and what can be folded of it is folded. */
typedef int law_fold_fn(struct law *law, const Cek__Internal__V1__KeyRecord *record, bool fresh, const char **ret_why);

law_fold_fn law_fold_version, law_fold_state, law_fold_alias, law_fold_reserve, law_fold_restored;
law_fold_fn law_fold_intent, law_fold_abandoned;

/* law_intent.c: the one that this record carries out, or NULL; and its end. */
struct law_intent *law_intent_of(const struct law *law, const char *op, const char *key,
	const ProtobufCBinaryData *cka_id);
void law_intent_end(struct law *law, struct law_intent *intent);

/* May it, which is open, be carried out now, as this record of it says? A verdict. */
int law_intent_due(const struct law *law, const struct law_intent *intent, const Cek__Internal__V1__KeyRecord *record,
	const char **ret_why);
