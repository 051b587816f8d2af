/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames on a peer's stream: a 4-byte big-endian length, then a protobuf message of that many bytes (PROTOCOL.md).
 * The length is judged before a byte of the body is read.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_HEADER = 4,
	FRAME_BODY_MAX = 65536, /* bytes of one message; one more is TOO_LARGE */
};

enum frame_result {
	FRAME_WHOLE,      /* *ret_body and *ret_body_len are set */
	FRAME_INCOMPLETE, /* more bytes are needed */
	FRAME_TOO_LARGE,  /* the header announces more than FRAME_BODY_MAX */
	FRAME_EMPTY,      /* the header announces 0 bytes: no message is that short */
};

/* Look at the first frame in data[0..len). A whole frame takes FRAME_HEADER + *ret_body_len bytes; *ret_body points
 * into data. The output is untouched unless the result is FRAME_WHOLE. */
enum frame_result frame_next(const uint8_t *data, size_t len, const uint8_t **ret_body, size_t *ret_body_len);

/* What a header announces, which nobody has judged yet. */
static inline size_t frame_body_len(const uint8_t header[FRAME_HEADER])
{
	return (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
}

/* Write the header of a body of body_len bytes (1 to FRAME_BODY_MAX). */
void frame_header(uint8_t header[FRAME_HEADER], size_t body_len);
