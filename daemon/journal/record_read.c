/* SPDX-License-Identifier: Apache-2.0 */
/* record.h: reading. */
#include "daemon/journal/record.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/base64url.h"

struct reader {
	struct arena *arena;
	char *why;
};

static int read_members(struct reader *reader, const json_t *object, bool top, ProtobufCMessage *ret_message);

static int bad(struct reader *reader, const char *name, const char *what)
{
	snprintf(reader->why, CHAIN_WHY_MAX, "member \"%.64s\" %s", name, what);
	return -EBADMSG;
}

static int read_number(struct reader *reader, const ProtobufCFieldDescriptor *field, const json_t *json, uint64_t max,
	uint64_t *ret_number)
{
	if (!json_is_integer(json))
		return bad(reader, field->name, "is not a number");
	if (json_integer_value(json) < 0 || (uint64_t)json_integer_value(json) > max)
		return bad(reader, field->name, "is out of range");
	*ret_number = (uint64_t)json_integer_value(json);
	return 0;
}

static int read_u64(struct reader *reader, const ProtobufCFieldDescriptor *field, const json_t *json,
	uint64_t *ret_number)
{
	size_t len = strlen(field->name);

	if (len < 4 || strcmp(field->name + len - 4, "time") != 0)
		return read_number(reader, field, json, INT64_MAX, ret_number);
	if (!json_is_string(json) || text_parse_time(json_string_value(json), ret_number) < 0)
		return bad(reader, field->name, "is not a time (RFC 3339 with microseconds and Z)");
	return 0;
}

static bool is_lower_of(const char *lower, const char *upper)
{
	while (*upper && *lower == (char)tolower((unsigned char)*upper)) {
		lower++;
		upper++;
	}
	return *upper == 0 && *lower == 0;
}

static int read_enum(struct reader *reader, const ProtobufCFieldDescriptor *field, const json_t *json, int *ret_value)
{
	const ProtobufCEnumDescriptor *descriptor = field->descriptor;
	const char *string = json_string_value(json);

	for (unsigned i = 0; string && i < descriptor->n_values; i++) {
		const char *name = strchr(descriptor->values[i].name, '_');

		if (name && is_lower_of(string, name + 1)) {
			*ret_value = descriptor->values[i].value;
			return 0;
		}
	}
	return bad(reader, field->name, "has a value that this version does not know");
}

static int read_string(struct reader *reader, const ProtobufCFieldDescriptor *field, const json_t *json,
	char **ret_string)
{
	char *copy;

	if (!json_is_string(json))
		return bad(reader, field->name, "is not a string");
	copy = arena_alloc(reader->arena, json_string_length(json) + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, json_string_value(json), json_string_length(json) + 1);
	*ret_string = copy;
	return 0;
}

static int read_bytes(struct reader *reader, const ProtobufCFieldDescriptor *field, const json_t *json,
	ProtobufCBinaryData *ret_bytes)
{
	size_t len = json_string_length(json);
	ProtobufCBinaryData bytes;

	if (!json_is_string(json))
		return bad(reader, field->name, "is not a string");
	bytes.len = b64u_decoded_len(len);
	bytes.data = arena_alloc(reader->arena, bytes.len);
	if (!bytes.data)
		return -ENOMEM;
	if (b64u_decode(json_string_value(json), len, bytes.data, bytes.len) < 0)
		return bad(reader, field->name, "is not base64url");
	*ret_bytes = bytes;
	return 0;
}

static int read_message(struct reader *reader, const ProtobufCFieldDescriptor *field, const json_t *json,
	ProtobufCMessage **ret_message)
{
	const ProtobufCMessageDescriptor *descriptor = field->descriptor;
	ProtobufCMessage *message;
	int r;

	if (!json_is_object(json))
		return bad(reader, field->name, "is not an object");
	message = arena_alloc(reader->arena, descriptor->sizeof_message);
	if (!message)
		return -ENOMEM;
	protobuf_c_message_init(descriptor, message);
	r = read_members(reader, json, false, message);
	if (r < 0)
		return r;
	*ret_message = message;
	return 0;
}

static int read_value(struct reader *reader, const ProtobufCFieldDescriptor *field, const json_t *json, void *ret_value)
{
	uint64_t number;
	int r;

	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT32:
		r = read_number(reader, field, json, UINT32_MAX, &number);
		if (r == 0)
			*(uint32_t *)ret_value = (uint32_t)number;
		return r;
	case PROTOBUF_C_TYPE_UINT64:
		return read_u64(reader, field, json, ret_value);
	case PROTOBUF_C_TYPE_BOOL:
		if (!json_is_boolean(json))
			return bad(reader, field->name, "is neither true nor false");
		*(protobuf_c_boolean *)ret_value = json_is_true(json);
		return 0;
	case PROTOBUF_C_TYPE_ENUM:
		return read_enum(reader, field, json, ret_value);
	case PROTOBUF_C_TYPE_STRING:
		return read_string(reader, field, json, ret_value);
	case PROTOBUF_C_TYPE_BYTES:
		return read_bytes(reader, field, json, ret_value);
	case PROTOBUF_C_TYPE_MESSAGE:
		return read_message(reader, field, json, ret_value);
	default:
		return bad(reader, field->name, "is of a type that no record has");
	}
}

static int read_array(struct reader *reader, const ProtobufCFieldDescriptor *field, const json_t *json, size_t *ret_n,
	void ***ret_array)
{
	size_t n = json_array_size(json);
	void **array;

	if (!json_is_array(json))
		return bad(reader, field->name, "is not an array");
	array = arena_alloc(reader->arena, n * sizeof(*array));
	if (!array)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = read_value(reader, field, json_array_get(json, i), &array[i]);

		if (r < 0)
			return r;
	}
	*ret_n = n;
	*ret_array = array;
	return 0;
}

static int read_members(struct reader *reader, const json_t *object, bool top, ProtobufCMessage *ret_message)
{
	uint8_t *base = (uint8_t *)ret_message;
	const char *name;
	json_t *json;
	int r;

	json_object_foreach((json_t *)object, name, json)
	{
		const ProtobufCFieldDescriptor *field;

		if (top && strcmp(name, "prev") == 0)
			continue; /* the chain's, not the record's */
		field = protobuf_c_message_descriptor_get_field_by_name(ret_message->descriptor, name);
		if (!field)
			return bad(reader, name, "is not known to this version of cekd");
		if (field->label == PROTOBUF_C_LABEL_REPEATED)
			r = read_array(reader, field, json, (size_t *)(void *)(base + field->quantifier_offset),
				(void ***)(void *)(base + field->offset));
		else
			r = read_value(reader, field, json, base + field->offset);
		if (r < 0)
			return r;
	}
	return 0;
}

int record_read_key(const json_t *object, struct arena *arena, Cek__Internal__V1__KeyRecord **ret_record,
	char why[CHAIN_WHY_MAX])
{
	struct reader reader = {.arena = arena, .why = why};
	Cek__Internal__V1__KeyRecord *record = arena_alloc(arena, sizeof(*record));
	int r;

	if (!record)
		return -ENOMEM;
	cek__internal__v1__key_record__init(record);
	r = read_members(&reader, object, true, &record->base);
	if (r < 0)
		return r;
	if (!record->type[0])
		return bad(&reader, "type", "is missing");
	if (record->time == 0)
		return bad(&reader, "time", "is missing");
	*ret_record = record;
	return 0;
}
