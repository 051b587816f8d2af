/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/journal/append.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Owned by the caller; NULL without memory. */
static uint8_t *pack_plain(KeyRecord *record, size_t *ret_len)
{
	const uint64_t seq = record->seq;
	const protobuf_c_boolean more = record->more;
	const uint64_t time = record->time, up = record->up;
	char *boot = record->boot, none[] = "";
	uint8_t *packed;

	record->seq = 0;
	record->more = 0;
	record->time = record->up = 0;
	record->boot = none;
	packed = malloc(cek__internal__v1__key_record__get_packed_size(record) + 1);
	if (packed)
		*ret_len = cek__internal__v1__key_record__pack(record, packed);
	record->seq = seq;
	record->more = more;
	record->time = time;
	record->up = up;
	record->boot = boot;
	return packed;
}

static bool same(KeyRecord *one, KeyRecord *other)
{
	size_t one_len = 0, other_len = 0;
	uint8_t *one_packed = pack_plain(one, &one_len), *other_packed = pack_plain(other, &other_len);
	bool equal = one_packed && other_packed && one_len == other_len &&
		memcmp(one_packed, other_packed, one_len) == 0;

	free(one_packed);
	free(other_packed);
	return equal;
}

bool append_holds(const struct append *append, uint64_t index, KeyRecord *record)
{
	Cek__Internal__V1__ToJournal *message;
	bool found;

	if (index >= append->n)
		return false;
	message = cek__internal__v1__to_journal__unpack(NULL, append->len, append->packed);
	found = message && same(message->append_key->record[index], record);
	if (message)
		cek__internal__v1__to_journal__free_unpacked(message, NULL);
	return found;
}

int append_pack(struct append *append, KeyRecord *const *records, size_t n_records)
{
	Cek__Internal__V1__AppendKey message = CEK__INTERNAL__V1__APPEND_KEY__INIT;
	Cek__Internal__V1__ToJournal outer = CEK__INTERNAL__V1__TO_JOURNAL__INIT;
	uint8_t *packed;

	message.id = append->id;
	message.head = append->head;
	message.renew = append->renew;
	message.record = (KeyRecord **)records;
	message.n_record = n_records;
	outer.what_case = CEK__INTERNAL__V1__TO_JOURNAL__WHAT_APPEND_KEY;
	outer.append_key = &message;
	packed = malloc(cek__internal__v1__to_journal__get_packed_size(&outer));
	if (!packed)
		return -ENOMEM;
	append->len = cek__internal__v1__to_journal__pack(&outer, packed);
	append->packed = packed;
	append->n = append->renew ? 0 : n_records;
	free(append->receipt);
	append->receipt = NULL;
	return 0;
}

void append_keep_receipt(struct append *append, Cek__Internal__V1__Receipt *receipt)
{
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	if (!receipt)
		return;
	job.receipt = receipt;
	append->receipt = malloc(cek__internal__v1__job__get_packed_size(&job) + 1);
	if (append->receipt)
		append->receipt_len = cek__internal__v1__job__pack(&job, append->receipt);
}
