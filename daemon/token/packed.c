/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/packed.h"

#include "proto/fields.h"
#include "proto/put.h"

enum { LENGTH_MAX = 4 }; /* bytes of a length; no datagram is as long as that allows */

bool packed_next(struct packed *packed, const uint8_t **ret_job, size_t *ret_len)
{
	size_t len = 0, head = 1;
	uint8_t byte;

	if (packed->len < 2 || packed->at[0] != (FIELD_TO_WORKER_JOB << 3 | PUT_TYPE_LENGTH))
		return false;
	do {
		if (head == packed->len || head > LENGTH_MAX)
			return false;
		byte = packed->at[head];
		len |= (size_t)(byte & 0x7f) << 7 * (head - 1);
		head++;
	} while (byte >= 0x80);
	if (len > packed->len - head)
		return false;
	*ret_job = packed->at + head;
	*ret_len = len;
	packed->at += head + len;
	packed->len -= head + len;
	return true;
}

unsigned packed_count(struct packed packed)
{
	const uint8_t *job;
	unsigned n = 0;
	size_t len;

	while (packed_next(&packed, &job, &len))
		n++;
	return n;
}

uint64_t packed_id(const uint8_t *job, size_t len)
{
	uint64_t id = 0;

	if (len < 2 || job[0] != (FIELD_JOB_ID << 3 | PUT_TYPE_NUMBER))
		return 0;
	for (size_t i = 1; i < len && i <= PUT_VARINT_MAX; i++) {
		id |= (uint64_t)(job[i] & 0x7f) << 7 * (i - 1);
		if (job[i] < 0x80)
			return id;
	}
	return 0;
}
