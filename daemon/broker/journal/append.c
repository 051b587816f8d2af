/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/journal/append.h"

#include <stdlib.h>
#include <string.h>

/* Owned by the caller; NULL without memory. */
static uint8_t *pack_plain(KeyRecord *record, size_t *ret_len)
{
	const uint64_t seq = record->seq;
	const protobuf_c_boolean more = record->more;
	uint8_t *packed;

	record->seq = 0;
	record->more = 0;
	packed = malloc(cek__internal__v1__key_record__get_packed_size(record) + 1);
	if (packed)
		*ret_len = cek__internal__v1__key_record__pack(record, packed);
	record->seq = seq;
	record->more = more;
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
