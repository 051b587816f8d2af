/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h: tags, varints and lengths (protobuf encoding, as PROTOCOL.md refers to it). */
#include "client/wire.h"

enum { TYPE_VARINT = 0, TYPE_64 = 1, TYPE_BYTES = 2, TYPE_32 = 5 };
enum { VARINT_MAX = 10 };

struct cursor {
	const uint8_t *data;
	size_t left;
};

static bool take(struct cursor *cursor, uint64_t size)
{
	if (size > cursor->left)
		return false;
	cursor->data += size;
	cursor->left -= (size_t)size;
	return true;
}

static bool take_varint(struct cursor *cursor, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VARINT_MAX && i < cursor->left; i++) {
		value |= (uint64_t)(cursor->data[i] & 0x7f) << (7 * i);
		if (cursor->data[i] & 0x80)
			continue;
		*ret_value = value;
		return take(cursor, i + 1);
	}
	return false;
}

static bool take_value(struct cursor *cursor, unsigned type, uint64_t *ret_number)
{
	uint64_t len;

	switch (type) {
	case TYPE_VARINT:
		return take_varint(cursor, ret_number);
	case TYPE_64:
		return take(cursor, 8);
	case TYPE_32:
		return take(cursor, 4);
	case TYPE_BYTES:
		return take_varint(cursor, &len) && take(cursor, len);
	default:
		return false;
	}
}

bool wire_scan(const uint8_t *data, size_t len, uint64_t *ret_id)
{
	struct cursor cursor = {data, len};
	uint64_t id = 0;

	while (cursor.left > 0) {
		uint64_t tag, number = 0;

		if (!take_varint(&cursor, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
			return false;
		if (!take_value(&cursor, (unsigned)(tag & 7), &number))
			return false;
		if (tag == (WIRE_FIELD_ID << 3 | TYPE_VARINT))
			id = number;
	}
	*ret_id = id;
	return true;
}

unsigned wire_op(const uint8_t *data, size_t len)
{
	struct cursor cursor = {data, len};
	uint64_t op = 0;

	while (cursor.left > 0) {
		uint64_t tag, number = 0;

		if (!take_varint(&cursor, &tag) || !take_value(&cursor, (unsigned)(tag & 7), &number))
			return 0;
		if (tag >> 3 < WIRE_FIELD_OP)
			continue;
		if ((tag & 7) != TYPE_BYTES || (op > 0 && op != tag >> 3))
			return 0;
		op = tag >> 3;
	}
	return (unsigned)op;
}

size_t wire_put_varint(uint8_t *data, uint64_t value)
{
	size_t len = 0;

	for (; value > 0x7f; value >>= 7)
		data[len++] = (uint8_t)(value | 0x80);
	data[len++] = (uint8_t)value;
	return len;
}

size_t wire_put_field(uint8_t *data, unsigned field, uint64_t value)
{
	data[0] = (uint8_t)(field << 3 | TYPE_VARINT);
	return 1 + wire_put_varint(data + 1, value);
}
