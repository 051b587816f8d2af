/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outermost layer of a protobuf message: enough to find a reply's id before it is unpacked, and to add fields to a
 * request that somebody else packed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields of Request and Reply that libcek deals with itself. */
enum {
	WIRE_FIELD_ID = 1,
	WIRE_FIELD_DEADLINE = 2,
	WIRE_FIELD_OP = 10,         /* the first of them */
	WIRE_VARINT_FIELD_MAX = 11, /* bytes of a one-byte tag and a 64-bit number */
};

/* Whether data is a sequence of whole fields. *ret_id is then the last value of field 1, 0 if it has none. */
bool wire_scan(const uint8_t *data, size_t len, uint64_t *ret_id);

/* The number of the one message in it that is no smaller than WIRE_FIELD_OP: the operation of a request that
 * wire_scan() has found to be whole. 0 if there is none, or another one as well. */
unsigned wire_op(const uint8_t *data, size_t len);

/* Write a varint, or field (1 to 15) with one as its value; returns the length, at most WIRE_VARINT_FIELD_MAX. */
size_t wire_put_varint(uint8_t *data, uint64_t value);
size_t wire_put_field(uint8_t *data, unsigned field, uint64_t value);
