/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/law/law.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/journal/law/law_data.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

/* ---- types of records that are about no version ------------------------------------------------------------------ */

static int fold_nothing(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	(void)law;
	(void)record;
	(void)fresh;
	(void)ret_why;
	return LAW_KEPT;
}

/* A broker knows from its journal which file that is. */
static int fold_open(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	if (fresh && law->identity[0] != '\0' && record->file[0] != '\0' && strcmp(record->file, law->identity) != 0) {
		*ret_why = "it is for the journal of another instance";
		return LAW_BROKEN;
	}
	return LAW_KEPT;
}

static int fold_key(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	(void)fresh;
	*ret_why = "there is no such key";
	return law_key(law, record->key) ? LAW_KEPT : LAW_BROKEN;
}

static int fold_kid(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	(void)fresh;
	*ret_why = "there is no such kid";
	return law_version(law, record->kid) ? LAW_KEPT : LAW_BROKEN;
}

static int fold_usage(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	(void)fresh;
	*ret_why = "there is no such kid";
	for (size_t i = 0; i < record->n_usage; i++) {
		if (!law_version(law, record->usage[i]->kid))
			return LAW_BROKEN;
	}
	return LAW_KEPT;
}

/* The word of an operator may have been given to a journal before this one, and an append may wait longer than it
 * counts. */
static int fold_clock(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	(void)record;
	if (fresh && !law->may_confirm) {
		*ret_why = "no operator has confirmed the clock just now (SIGHUP)";
		return LAW_EARLY;
	}
	return LAW_KEPT;
}

static const struct {
	const char *type;
	law_fold_fn *fold;
} types[] = {
	{"open", fold_open},
	{"intent", law_fold_intent},
	{"version", law_fold_version},
	{"state", law_fold_state},
	{"alias", law_fold_alias},
	{"abandoned", law_fold_abandoned},
	{"schedule", fold_key},
	{"usage", fold_usage},
	{"reserve", law_fold_reserve},
	{"missing", fold_kid},
	{"found", fold_kid},
	{"clock", fold_clock},
	{"rules", fold_nothing},
	{"restored", law_fold_restored},
};

/* The clocks first: a waiting period that begins with this record is counted by them. */
static int fold(struct law *law, const KeyRecord *record, bool fresh, const char **ret_why)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].type, record->type) != 0)
			continue;
		if (strcmp(record->type, "open") == 0)
			clocks_open(&law->clocks, record->boot);
		clocks_record(&law->clocks, record->time, record->up, strcmp(record->type, "clock") == 0);
		return types[i].fold(law, record, fresh, ret_why);
	}
	*ret_why = "there is no such type";
	return LAW_BROKEN;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

int law_new(const char *boot, uint32_t wait_min, const uint8_t *key, struct law **ret_law)
{
	struct law *law = calloc(1, sizeof(*law));

	if (!law)
		return log_origin(-ENOMEM);
	(void)snprintf(law->boot, sizeof(law->boot), "%s", boot);
	law->wait_min_us = (uint64_t)wait_min * 1000000;
	law->receipt_key = key;
	law_data_init(law);
	*ret_law = law;
	return 0;
}

struct law *law_free(struct law *law)
{
	if (law)
		law_data_deinit(law);
	free(law);
	return NULL;
}

void law_set_identity(struct law *law, const char *identity)
{
	(void)snprintf(law->identity, sizeof(law->identity), "%s", identity);
}

void law_confirm_clock(struct law *law, bool may)
{
	law->may_confirm = may;
}

void law_spoil(struct law *law)
{
	law->spoilt = true;
}

bool law_spoilt(const struct law *law)
{
	return law->spoilt;
}

void law_forget(struct law *law)
{
	law_data_deinit(law);
	law_data_init(law);
	law->clocks = (struct clocks){0};
	law->last_seq = law->strange = 0;
	law->spoilt = false;
}

/* ---- what stands there ------------------------------------------------------------------------------------------- */

int law_read(struct law *law, const KeyRecord *record, const struct chain_head *head)
{
	const char *why = "";
	int verdict;

	if (head->seq <= law->last_seq)
		return 0;
	law->last_seq = head->seq;
	verdict = fold(law, record, false, &why);
	if (verdict == LAW_BROKEN && law->strange++ == 0)
		(void)snprintf(law->first, sizeof(law->first), "record %" PRIu64 " (%.32s): %s", head->seq,
			record->type, why);
	return verdict < 0 ? verdict : 0;
}

void law_appended(struct law *law, const struct chain_head *head)
{
	law->last_seq = head->seq;
}

void law_times(const struct law *law, uint64_t *ret_time, uint64_t *ret_up)
{
	*ret_time = law->real;
	*ret_up = law->up;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------- */

static int judge_one(struct law *law, KeyRecord *record, const char **ret_why)
{
	const bool own = record->seq == 0 && record->time == 0 && record->up == 0 && record->boot[0] == '\0';

	if (!own) {
		*ret_why = "its seq and its times are the journal's to give";
		return LAW_BROKEN;
	}
	record->time = law->real;
	record->up = law->up;
	if (strcmp(record->type, "open") == 0)
		record->boot = law->boot;
	return fold(law, record, true, ret_why);
}

static void note_refused(struct law *law, const char *why)
{
	law->refused++;
	(void)snprintf(law->last, sizeof(law->last), "%s", why + strlen("law: "));
}

int law_judge(struct law *law, KeyRecord *const *records, size_t n, char why[LAW_WHY_MAX])
{
	law->asked = NULL;
	law_look(law);
	for (size_t i = 0; i < n; i++) {
		const char *text = "";
		const int verdict = judge_one(law, records[i], &text);

		if (verdict == LAW_KEPT)
			continue;
		law->spoilt = true;
		(void)snprintf(why, LAW_WHY_MAX, "law: record %zu of %zu (%.32s): %s", i + 1, n, records[i]->type,
			text);
		if (verdict == LAW_BROKEN)
			note_refused(law, why);
		return verdict;
	}
	return LAW_KEPT;
}

static int renew(struct law *law, const KeyRecord *record, const char **ret_why)
{
	struct law_intent *intent = law_intent_of(law, record->op, record->key, &record->cka_id);
	int verdict;

	*ret_why = "no such change was begun";
	verdict = intent ? law_intent_due(law, intent, record, ret_why) : LAW_BROKEN;
	law->asked = verdict == LAW_KEPT ? intent : NULL;
	return verdict;
}

int law_renew(struct law *law, KeyRecord *const *intent, size_t n, char why[LAW_WHY_MAX])
{
	const char *text = "not one intent";
	int verdict = LAW_BROKEN;

	law->asked = NULL;
	law_look(law);
	if (n == 1)
		verdict = renew(law, intent[0], &text);
	if (verdict != LAW_KEPT)
		(void)snprintf(why, LAW_WHY_MAX, "law: a receipt is asked for: %s", text);
	if (verdict == LAW_BROKEN)
		note_refused(law, why);
	return verdict;
}

bool law_receipt(struct law *law, const struct chain_head *head, Cek__Internal__V1__Receipt *receipt, uint8_t *mac)
{
	const struct law_intent *intent = law->asked;
	struct receipt_job job;

	law->asked = NULL;
	if (!intent || !intent->alg || !law->receipt_key)
		return false;
	law->last_receipt = law->up > law->last_receipt ? law->up : law->last_receipt + 1;
	receipt->seq = head->seq;
	receipt->hash = (char *)(uintptr_t)head->hash;
	receipt->up = law->last_receipt;
	receipt->op = (char *)(uintptr_t)intent->op;
	job = (struct receipt_job){
		.alg = intent->alg->name,
		.cka_id = intent->cka_id,
		.cka_id_len = intent->cka_id_len,
	};
	memcpy(job.half, intent->half, sizeof(job.half));
	receipt->mac = (ProtobufCBinaryData){.data = mac, .len = RECEIPT_MAC_LEN};
	return receipt_mac(law->receipt_key, receipt, &job, mac) == 0;
}

const char *law_says(struct law *law)
{
	char *says = law->says;
	int len = 0;

	says[0] = '\0';
	if (law->strange > 0)
		len = snprintf(says, sizeof(law->says),
			"%" PRIu64 " records of keys.jsonl break the law of the life "
			"cycle, the first: %s",
			law->strange, law->first);
	if (law->refused > 0)
		(void)snprintf(says + len, sizeof(law->says) - (size_t)len,
			"%sof what a broker wanted to append %" PRIu64 " broke the law of the life cycle, the last: %s",
			len > 0 ? "; " : "", law->refused, law->last);
	return says;
}
