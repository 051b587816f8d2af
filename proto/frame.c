/* SPDX-License-Identifier: Apache-2.0 */
/* frame.h: the length is judged on its own, so that an absurd one costs nothing. */
#include "frame.h"

enum frame_result frame_next(const uint8_t *data, size_t len, const uint8_t **ret_body, size_t *ret_body_len)
{
	size_t body_len;

	if (len < FRAME_HEADER)
		return FRAME_INCOMPLETE;
	body_len = frame_body_len(data);
	if (body_len > FRAME_BODY_MAX)
		return FRAME_TOO_LARGE;
	if (body_len == 0)
		return FRAME_EMPTY;
	if (len - FRAME_HEADER < body_len)
		return FRAME_INCOMPLETE;
	*ret_body = data + FRAME_HEADER;
	*ret_body_len = body_len;
	return FRAME_WHOLE;
}

void frame_header(uint8_t header[FRAME_HEADER], size_t body_len)
{
	header[0] = (uint8_t)(body_len >> 24);
	header[1] = (uint8_t)(body_len >> 16);
	header[2] = (uint8_t)(body_len >> 8);
	header[3] = (uint8_t)body_len;
}
