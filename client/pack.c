/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pack.h"

#include <string.h>

#include "client/wire.h"

size_t pack_size(struct request *request, uint64_t id, uint32_t deadline_ms)
{
	uint8_t tail[2 * WIRE_VARINT_FIELD_MAX];
	size_t len;

	request->message.id = id;
	request->message.deadline_ms = deadline_ms;
	if (!request->packed.data)
		return cek__v1__request__get_packed_size(&request->message);
	len = wire_put_field(tail, WIRE_FIELD_ID, id);
	if (deadline_ms > 0)
		len += wire_put_field(tail + len, WIRE_FIELD_DEADLINE, deadline_ms);
	return request->packed.len + len;
}

/* A field that comes twice counts as its last value (protobuf encoding): that is how a packed request gets its id. */
void pack_write(const struct request *request, uint8_t *body)
{
	if (!request->packed.data) {
		cek__v1__request__pack(&request->message, body);
		return;
	}
	memcpy(body, request->packed.data, request->packed.len);
	body += request->packed.len;
	body += wire_put_field(body, WIRE_FIELD_ID, request->message.id);
	if (request->message.deadline_ms > 0)
		wire_put_field(body, WIRE_FIELD_DEADLINE, request->message.deadline_ms);
}

char *pack_text(const char *text)
{
	return (char *)(uintptr_t)(text ? text : protobuf_c_empty_string);
}

ProtobufCBinaryData pack_bytes(struct cek_bytes bytes)
{
	return (ProtobufCBinaryData){.len = bytes.len, .data = (uint8_t *)(uintptr_t)bytes.data};
}
