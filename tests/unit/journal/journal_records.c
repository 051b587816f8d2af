/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal/journal_records.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static void must(int good, const char *what)
{
	if (!good) {
		perror(what);
		abort();
	}
}

Cek__Internal__V1__KeyRecord journal_key_record(const char *type, const char *key)
{
	Cek__Internal__V1__KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	record.time = 1767323045678901;
	record.type = (char *)type;
	record.key = (char *)key;
	return record;
}

struct journal_batch {
	Cek__Internal__V1__AuditBatch message;
	Cek__Internal__V1__AuditRecord **pointers;
	Cek__Internal__V1__AuditRecord *records;
	uint8_t encrypted_key[256];
};

static void fill_audit(struct journal_batch *batch, size_t i, uint64_t n)
{
	Cek__Internal__V1__AuditRecord *record = &batch->records[i];

	cek__internal__v1__audit_record__init(record);
	record->n = n;
	record->time = 1767323045678901 + n;
	record->listener = (char *)"gateway";
	record->uid = 33;
	record->pid = 4711;
	record->op = (char *)"unwrap";
	record->key = (char *)"api-example";
	record->kid = (char *)"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
	record->alg = (char *)"RSA-OAEP-256";
	record->status = (char *)"OK";
	record->encrypted_key = (ProtobufCBinaryData){sizeof(batch->encrypted_key), batch->encrypted_key};
	batch->pointers[i] = record;
}

struct journal_batch *journal_batch_new(const char *instance, uint64_t first, uint64_t last)
{
	struct journal_batch *batch = calloc(1, sizeof(*batch));
	size_t n = (size_t)(last - first + 1);

	must(batch != NULL, "calloc");
	batch->records = calloc(n, sizeof(*batch->records));
	batch->pointers = calloc(n, sizeof(*batch->pointers));
	must(batch->records && batch->pointers, "calloc");
	for (size_t i = 0; i < n; i++)
		fill_audit(batch, i, first + i);
	cek__internal__v1__audit_batch__init(&batch->message);
	batch->message.instance = (char *)instance;
	batch->message.record = batch->pointers;
	batch->message.n_record = n;
	return batch;
}

Cek__Internal__V1__AuditBatch *journal_batch_message(struct journal_batch *batch)
{
	return &batch->message;
}

void journal_batch_free(struct journal_batch *batch)
{
	free(batch->records);
	free(batch->pointers);
	free(batch);
}
