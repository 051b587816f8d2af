/* SPDX-License-Identifier: Apache-2.0 */
/* record.h: writing. */
#include "daemon/journal/record.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum {
	EK_HEX = 16,
	/* Field numbers of internal.proto; the descriptors' own order is theirs. */
	KEY_SEQ = 1,
	KEY_TIME = 2,
	KEY_TYPE = 3,
	KEY_UID = 19,
	AUDIT_TIME = 2,
	AUDIT_UID = 4,
	AUDIT_ENCRYPTED_KEY = 11,
};

#define FIELD(number) (UINT64_C(1) << (number))
#define LITERAL(text, string) text_raw(text, string, sizeof(string) - 1)

static void write_message(struct text *text, const ProtobufCMessage *message, bool strict);

static bool named_time(const char *name)
{
	size_t len = strlen(name);

	return strcmp(name, "time") == 0 || (len > 5 && strcmp(name + len - 5, "_time") == 0);
}

/* STATE_PRE_ACTIVE of enum State is "pre_active". */
static void write_enum(struct text *text, const ProtobufCEnumDescriptor *descriptor, int value)
{
	const ProtobufCEnumValue *row = protobuf_c_enum_descriptor_get_value(descriptor, value);
	const char *name = row ? strchr(row->name, '_') : NULL;
	char lower[32];
	size_t len = 0;

	if (!name) {
		if (text->error == 0)
			text->error = -EINVAL;
		return;
	}
	for (name++; name[len] && len < sizeof(lower); len++)
		lower[len] = (char)tolower((unsigned char)name[len]);
	LITERAL(text, "\"");
	text_raw(text, lower, len);
	LITERAL(text, "\"");
}

static void write_value(struct text *text, const ProtobufCFieldDescriptor *field, const void *value, bool strict)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT32:
		text_number(text, *(const uint32_t *)value);
		break;
	case PROTOBUF_C_TYPE_UINT64:
		if (named_time(field->name))
			text_time(text, *(const uint64_t *)value);
		else
			text_number(text, *(const uint64_t *)value);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		LITERAL(text, "true"); /* false is the same as absent */
		break;
	case PROTOBUF_C_TYPE_ENUM:
		write_enum(text, field->descriptor, *(const int *)value);
		break;
	case PROTOBUF_C_TYPE_STRING:
		text_string(text, *(char *const *)value, strict);
		break;
	case PROTOBUF_C_TYPE_BYTES: {
		const ProtobufCBinaryData *bytes = value;

		text_base64url(text, bytes->data, bytes->len);
		break;
	}
	case PROTOBUF_C_TYPE_MESSAGE:
		write_message(text, *(ProtobufCMessage *const *)value, strict);
		break;
	default:
		text->error = -EINVAL; /* no record has such a field: a unit test looks at all of them */
	}
}

static bool is_set(const ProtobufCFieldDescriptor *field, const void *value)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT64:
		return *(const uint64_t *)value != 0;
	case PROTOBUF_C_TYPE_STRING: {
		const char *string = *(char *const *)value;

		return string && string[0];
	}
	case PROTOBUF_C_TYPE_BYTES:
		return ((const ProtobufCBinaryData *)value)->len != 0;
	case PROTOBUF_C_TYPE_MESSAGE:
		return *(ProtobufCMessage *const *)value;
	default:
		return *(const uint32_t *)value != 0; /* also bool and enum, which protobuf-c keeps in an int */
	}
}

/* Arrays hold strings or messages: both are pointers. */
static void write_array(struct text *text, const ProtobufCFieldDescriptor *field, void *const *array, size_t n,
	bool strict)
{
	LITERAL(text, "[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			LITERAL(text, ",");
		write_value(text, field, &array[i], strict);
	}
	LITERAL(text, "]");
}

static void write_name(struct text *text, const char *name)
{
	if (text->len > 0 && text->data[text->len - 1] != '{')
		LITERAL(text, ",");
	LITERAL(text, "\"");
	text_raw(text, name, strlen(name));
	LITERAL(text, "\":");
}

/* The members that are set, but for those in skip; those in always even if they are not. */
static void write_members(struct text *text, const ProtobufCMessage *message, uint64_t skip, uint64_t always,
	bool strict)
{
	const uint8_t *base = (const uint8_t *)message;

	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
		const void *value = base + field->offset;

		if (skip & FIELD(field->id))
			continue;
		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			size_t n = *(const size_t *)(const void *)(base + field->quantifier_offset);

			if (n > 0) {
				write_name(text, field->name);
				write_array(text, field, *(void *const *const *)value, n, strict);
			}
		} else if (is_set(field, value) || (always & FIELD(field->id))) {
			write_name(text, field->name);
			write_value(text, field, value, strict);
		}
	}
}

static void write_message(struct text *text, const ProtobufCMessage *message, bool strict)
{
	LITERAL(text, "{");
	write_members(text, message, 0, 0, strict);
	LITERAL(text, "}");
}

/* What every line begins with. */
static void write_head(struct text *text, const struct chain_head *before, uint64_t time, const char *type)
{
	LITERAL(text, "{\"seq\":");
	text_number(text, before->seq + 1);
	LITERAL(text, ",\"time\":");
	text_time(text, time);
	LITERAL(text, ",\"prev\":\"");
	text_raw(text, before->hash, CHAIN_HEX);
	LITERAL(text, "\",\"type\":");
	text_string(text, type, true);
}

/* Close the object that began at start; on an error take it back. */
static int write_end(struct text *text, size_t start)
{
	int r;

	LITERAL(text, "}");
	r = text->error;
	if (r == 0 && text->len - start > CHAIN_LINE_MAX)
		r = -ERANGE;
	if (r != 0) {
		text->len = start;
		text->error = 0;
	}
	return r;
}

int record_write_key(struct text *text, const Cek__Internal__V1__KeyRecord *record, const struct chain_head *before)
{
	size_t start = text->len;
	bool by_peer = record->listener && record->listener[0];

	write_head(text, before, record->time, record->type);
	write_members(text, &record->base, FIELD(KEY_SEQ) | FIELD(KEY_TIME) | FIELD(KEY_TYPE),
		by_peer ? FIELD(KEY_UID) : 0, true);
	return write_end(text, start);
}

int record_write_audit(struct text *text, const Cek__Internal__V1__AuditRecord *record, const char *instance,
	struct chain_hasher *hasher, const struct chain_head *before)
{
	size_t start = text->len;
	char hash[CHAIN_HEX + 1];
	int r;

	write_head(text, before, record->time, "request");
	LITERAL(text, ",\"instance\":");
	text_string(text, instance, false);
	write_members(text, &record->base, FIELD(AUDIT_TIME) | FIELD(AUDIT_ENCRYPTED_KEY), FIELD(AUDIT_UID), false);
	if (record->encrypted_key.len > 0) {
		r = chain_hash(hasher, record->encrypted_key.data, record->encrypted_key.len, hash);
		if (r < 0 && text->error == 0)
			text->error = r;
		LITERAL(text, ",\"ek\":\"");
		text_raw(text, hash, EK_HEX);
		LITERAL(text, "\"");
	}
	return write_end(text, start);
}

int record_write_audit_open(struct text *text, uint64_t time, const char *version, uint64_t epoch,
	const struct chain_head *before)
{
	size_t start = text->len;

	write_head(text, before, time, "open");
	LITERAL(text, ",\"version\":");
	text_string(text, version, true);
	if (epoch > 0) {
		LITERAL(text, ",\"epoch\":");
		text_number(text, epoch);
	}
	return write_end(text, start);
}
