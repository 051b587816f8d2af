/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the fields of a protobuf message straight into a buffer, for the few messages that are made for every
 * request. Called in the order of the field numbers, the bytes are those that protobuf-c packs: what is 0 or empty is
 * left out. What does not fit is not written, and then nothing more is. Field numbers up to 2047.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

enum {
	PUT_VARINT_MAX = 10,   /* bytes of a number */
	PUT_FIELD_MAX = 2 + 5, /* bytes of a tag and a length */
	PUT_TYPE_NUMBER = 0,
	PUT_TYPE_LENGTH = 2,
};

struct put {
	uint8_t *at;
	size_t room;
	bool full;
};

static inline uint8_t *put_varint(uint8_t *to, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*to++ = (uint8_t)(value | 0x80);
	*to++ = (uint8_t)value;
	return to;
}

static inline bool put_fits(struct put *put, size_t len)
{
	if (len > put->room)
		put->full = true;
	return !put->full;
}

static inline void put_advance(struct put *put, uint8_t *to)
{
	put->room -= (size_t)(to - put->at);
	put->at = to;
}

static inline void put_number(struct put *put, unsigned field, uint64_t value)
{
	if (value != 0 && put_fits(put, PUT_FIELD_MAX + PUT_VARINT_MAX))
		put_advance(put, put_varint(put_varint(put->at, field << 3 | PUT_TYPE_NUMBER), value));
}

static inline void put_data(struct put *put, unsigned field, const void *data, size_t len)
{
	uint8_t *to;

	if (len == 0 || !put_fits(put, PUT_FIELD_MAX + len))
		return;
	to = put_varint(put_varint(put->at, field << 3 | PUT_TYPE_LENGTH), len);
	memcpy(to, data, len);
	put_advance(put, to + len);
}

static inline void put_text(struct put *put, unsigned field, const char *text)
{
	put_data(put, field, text, text ? strlen(text) : 0);
}

static inline void put_bytes(struct put *put, unsigned field, const ProtobufCBinaryData *bytes)
{
	put_data(put, field, bytes->data, bytes->len);
}

/* A message in a message: its tag, room for a length of one byte, then what is put until put_end() with what this
 * returns; that is moved up if the length turns out to need more. */
static inline uint8_t *put_begin(struct put *put, unsigned field)
{
	if (put_fits(put, PUT_FIELD_MAX))
		put_advance(put, put_varint(put->at, field << 3 | PUT_TYPE_LENGTH) + 1);
	return put->at;
}

static inline void put_end(struct put *put, uint8_t *body)
{
	size_t len = (size_t)(put->at - body), more = len < 1 << 7 ? 0 : len < 1 << 14 ? 1 : 2;

	if (!put_fits(put, more))
		return;
	if (more > 0)
		memmove(body + more, body, len);
	put_varint(body - 1, len);
	put_advance(put, put->at + more);
}

/* Bytes written since start; 0 if something did not fit. */
static inline size_t put_finish(const struct put *put, const uint8_t *start)
{
	return put->full ? 0 : (size_t)(put->at - start);
}
