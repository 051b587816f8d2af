/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the journal share: records to put there. */
#pragma once

#include <stdint.h>

#include "proto/internal.pb-c.h"

/* A record of the key journal with this type and key. */
Cek__Internal__V1__KeyRecord journal_key_record(const char *type, const char *key);

/* A batch with the records first to last of this instance; to be freed. */
struct journal_batch;
struct journal_batch *journal_batch_new(const char *instance, uint64_t first, uint64_t last);
Cek__Internal__V1__AuditBatch *journal_batch_message(struct journal_batch *batch);
void journal_batch_free(struct journal_batch *batch);
