/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be written into the key journal next, whoever asks. Of each version only what that takes is kept: key, kid,
 * alg, state, waiting period, open intents. The broker knows more, decides more and asks for less than this allows; one
 * that asks for what this refuses was taken over, or has a fault.
 *
 * What stands in the journal already has been read before and is folded as it is: what breaks the law there is counted,
 * and told by law_says().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/journal/law/verdict.h"
#include "proto/chain.h"
#include "proto/internal.pb-c.h"

struct law;

/* boot names this boot of the machine, wait_min is the shortest waiting period in seconds, and key the one of the
 * receipts (receipt.h), which stays the caller's. 0 or -ENOMEM. free takes NULL and returns NULL. */
int law_new(const char *boot, uint32_t wait_min, const uint8_t *key, struct law **ret_law);
struct law *law_free(struct law *law);

/* Which file the journal is: an "open" record of another one is not for it. "" = not known. */
void law_set_identity(struct law *law, const char *identity);

/* An operator has sent SIGHUP just now: records may confirm the clock. */
void law_confirm_clock(struct law *law, bool may);

/* What was judged did not become durable: all records must be read again (law_forget(), law_read()) before the next. */
void law_spoil(struct law *law);
bool law_spoilt(const struct law *law);
void law_forget(struct law *law);

/* A record that stands in the journal, in order; one that was read before is passed over. 0 or -ENOMEM. */
int law_read(struct law *law, const Cek__Internal__V1__KeyRecord *record, const struct chain_head *head);

/* May these be appended, all of them? Gives each its times. LAW_KEPT: it is taken for granted that they become durable
 * (law_appended(), or law_spoil()). Otherwise why says which one breaks what, and the law is spoilt. Or -ENOMEM. */
int law_judge(struct law *law, Cek__Internal__V1__KeyRecord *const *records, size_t n, char why[LAW_WHY_MAX]);
void law_appended(struct law *law, const struct chain_head *head);

/* The times that were given to what was judged last. */
void law_times(const struct law *law, uint64_t *ret_time, uint64_t *ret_up);

/* Is this intent, which must be one, still open, and may it be carried out now? As law_judge(), but nothing is
 * appended, and nothing spoilt. */
int law_renew(struct law *law, Cek__Internal__V1__KeyRecord *const *intent, size_t n, char why[LAW_WHY_MAX]);

/* A receipt for the intent that was judged or renewed last: into receipt, whose mac then points into mac. head: of the
 * journal. False: there was none, or libcrypto fails. */
bool law_receipt(struct law *law, const struct chain_head *head, Cek__Internal__V1__Receipt *receipt, uint8_t *mac);

/* One line for Status: what stands in the journal against the law, and what was refused. "" = nothing. */
const char *law_says(struct law *law);
