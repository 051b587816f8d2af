/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change writes into the key journal. The records point into the change and are to be appended at once.
 */
#pragma once

#include "daemon/broker/lifecycle/change_data.h"

struct version_record {
	KeyRecord record;
	char *alias[1];
};

void record_intent(const struct change *change, KeyRecord *ret_record);
void record_abandoned(const struct change *change, KeyRecord *ret_record);
void record_state(const struct change *change, enum state state, uint64_t until, KeyRecord *ret_record);
void record_schedule(const struct change *change, KeyRecord *ret_record);
void record_activation(const struct change *change, KeyRecord *ret_record);
/* alias: room for what the record points to. */
void record_alias(const struct change *change, char *alias[1], KeyRecord *ret_record);
void record_restored(const struct change *change, KeyRecord *ret_record);

/* The new version as the manage worker describes it. NULL, or why it cannot join the ring (static text). */
const char *record_version(const struct change *change, const JobResult *result, struct version_record *ret_record);
