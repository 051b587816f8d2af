/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/journal/record.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;
typedef Cek__Internal__V1__AuditRecord AuditRecord;

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static struct text text;
static struct arena arena;
static struct chain_head before;
static struct chain_hasher *hasher;

static const char *taken(void)
{
	text_raw(&text, "", 1);
	text.len = 0;
	return text.data;
}

/* Every member has its own value. */
static void fill(ProtobufCMessage *message, unsigned depth);

static void fill_value(const ProtobufCFieldDescriptor *field, void *value, unsigned depth)
{
	static uint8_t bytes[] = {0, 0xff, 0x3e, 0x3f};
	ProtobufCMessage *message;
	char *string;

	switch (field->type) {
	case PROTOBUF_C_TYPE_UINT32:
		*(uint32_t *)value = UINT32_MAX - field->id;
		break;
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)value = 1700000000000001 + field->id;
		break;
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
		*(int *)value = 1;
		break;
	case PROTOBUF_C_TYPE_STRING:
		string = arena_alloc(&arena, strlen(field->name) + 16);
		strcpy(string, "\"\xc3\xa9\\\n of ");
		*(char **)value = strcat(string, field->name);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		*(ProtobufCBinaryData *)value = (ProtobufCBinaryData){sizeof(bytes) - field->id % 3, bytes};
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		message = arena_alloc(&arena, ((const ProtobufCMessageDescriptor *)field->descriptor)->sizeof_message);
		protobuf_c_message_init(field->descriptor, message);
		fill(message, depth + 1);
		*(ProtobufCMessage **)value = message;
		break;
	default:
		fail_msg("record.c does not write the type of %s", field->name);
	}
}

static void fill(ProtobufCMessage *message, unsigned depth)
{
	uint8_t *base = (uint8_t *)message;

	assert_true(depth + 2 < CHAIN_DEPTH_MAX);
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];

		assert_true(field->id < 64);
		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			void **array = arena_alloc(&arena, 2 * sizeof(void *));

			assert_true(field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE);
			fill_value(field, &array[0], depth);
			fill_value(field, &array[1], depth);
			*(size_t *)(void *)(base + field->quantifier_offset) = 2;
			*(void ***)(void *)(base + field->offset) = array;
		} else {
			fill_value(field, base + field->offset, depth);
		}
	}
}

/* Whatever a record holds, the message that is read back packs to the same bytes. */
static void test_round_trip(void **state)
{
	KeyRecord record, *back;
	uint8_t packed[2][4096];
	char why[CHAIN_WHY_MAX];
	json_t *json;
	size_t len;

	(void)state;
	cek__internal__v1__key_record__init(&record);
	fill(&record.base, 0);
	before.seq = record.seq - 1;
	assert_int_equal(record_write_key(&text, &record, &before), 0);
	json = chain_line_parse(text.data, text.len, why);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "prev")), ZEROS);
	assert_int_equal(record_read_key(json, &arena, &back, why), 0);
	len = cek__internal__v1__key_record__pack(&record, packed[0]);
	assert_int_equal(cek__internal__v1__key_record__pack(back, packed[1]), len);
	assert_memory_equal(packed[0], packed[1], len);
	json_decref(json);
}

/* What the man page says, to the letter. */
static void test_key_line(void **state)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;
	Cek__V1__PublicKey public_key = CEK__V1__PUBLIC_KEY__INIT;
	uint8_t id[] = {0xfb, 0xff, 0xfe}, e[] = {1, 0, 1};
	char *alias[] = {(char *)"a", (char *)"b"};

	(void)state;
	record.time = 1767323045678901;
	record.type = (char *)"version";
	record.key = (char *)"api";
	record.cka_id = (ProtobufCBinaryData){sizeof(id), id};
	record.alias = alias;
	record.n_alias = 2;
	record.provenance = CEK__V1__PROVENANCE__PROVENANCE_IMPORTED;
	record.state = CEK__V1__STATE__STATE_PRE_ACTIVE;
	public_key.kty = (char *)"RSA";
	public_key.e = (ProtobufCBinaryData){sizeof(e), e};
	record.public_key = &public_key;
	record.until_time = 1;
	record.listener = (char *)"gateway";
	record.force = 1;
	before.seq = 41;
	assert_int_equal(record_write_key(&text, &record, &before), 0);
	assert_string_equal(taken(),
		"{\"seq\":42,\"time\":\"2026-01-02T03:04:05.678901Z\",\"prev\":\"" ZEROS
		"\",\"type\":\"version\",\"key\":\"api\","
		"\"cka_id\":\"-__-\",\"alias\":[\"a\",\"b\"],\"provenance\":\"imported\",\"state\":\"pre_active\","
		"\"public_key\":{\"kty\":\"RSA\",\"e\":\"AQAB\"},\"until_time\":\"1970-01-01T00:00:00.000001Z\","
		"\"listener\":\"gateway\","
		"\"uid\":0,\"force\":true}");
}

static void test_audit_line(void **state)
{
	AuditRecord record = CEK__INTERNAL__V1__AUDIT_RECORD__INIT;
	uint8_t abc[] = {'a', 'b', 'c'};

	(void)state;
	record.n = 7;
	record.time = 1767323045678901;
	record.listener = (char *)"gateway";
	record.pid = 9;
	record.op = (char *)"unwrap";
	record.kid = (char *)"bad \xff kid";
	record.status = (char *)"OK";
	record.encrypted_key = (ProtobufCBinaryData){sizeof(abc), abc};
	before.seq = 0;
	assert_int_equal(record_write_audit(&text, &record, "i1", hasher, &before), 0);
	assert_string_equal(taken(),
		"{\"seq\":1,\"time\":\"2026-01-02T03:04:05.678901Z\",\"prev\":\"" ZEROS
		"\",\"type\":\"request\",\"instance\":\"i1\",\"n\":7,"
		"\"listener\":\"gateway\",\"uid\":0,\"pid\":9,\"op\":\"unwrap\",\"kid\":\"bad \\ufffd "
		"kid\",\"status\":\"OK\","
		"\"ek\":\"ba7816bf8f01cfea\"}");
	assert_int_equal(record_write_audit_open(&text, 1767323045678901, "1.0", 0, &before), 0);
	assert_string_equal(taken(),
		"{\"seq\":1,\"time\":\"2026-01-02T03:04:05.678901Z\",\"prev\":\"" ZEROS
		"\",\"type\":\"open\",\"version\":\"1.0\"}");
}

/* On failure nothing is left in the text. */
static void test_write_failures(void **state)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;
	AuditRecord audit = CEK__INTERNAL__V1__AUDIT_RECORD__INIT;

	(void)state;
	text_raw(&text, "before", 6);
	record.time = 1;
	record.type = (char *)"version";
	record.kid = (char *)"\xff";
	assert_int_equal(record_write_key(&text, &record, &before), -EILSEQ);
	record.kid = (char *)"k";
	record.reserved = UINT64_MAX;
	assert_int_equal(record_write_key(&text, &record, &before), -ERANGE);
	record.reserved = 0;
	record.state = 99;
	assert_int_equal(record_write_key(&text, &record, &before), -EINVAL);
	audit.time = UINT64_MAX;
	assert_int_equal(record_write_audit(&text, &audit, "i", hasher, &before), -ERANGE);
	assert_int_equal(text.error, 0);
	assert_string_equal(taken(), "before");
}

static void test_line_too_long(void **state)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;
	char *reason = malloc(CHAIN_LINE_MAX + 1);

	(void)state;
	assert_non_null(reason);
	memset(reason, 'x', CHAIN_LINE_MAX);
	reason[CHAIN_LINE_MAX] = 0;
	record.time = 1;
	record.type = (char *)"state";
	record.reason = reason;
	assert_int_equal(record_write_key(&text, &record, &before), -ERANGE);
	reason[CHAIN_LINE_MAX - 1000] = 0;
	assert_int_equal(record_write_key(&text, &record, &before), 0);
	free(reason);
}

#define START "{\"seq\":1,\"time\":\"2026-01-02T03:04:05.678901Z\",\"prev\":\"x\",\"type\":\"open\""

static void test_read_refuses(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
		{START ",\"new\":1}", "\"new\" is not known"},
		{START ",\"public_key\":{\"prev\":1}}", "\"prev\" is not known"},
		{START ",\"key\":1}", "\"key\" is not a string"},
		{START ",\"key\":null}", "\"key\" is not a string"},
		{START ",\"bits\":\"1\"}", "\"bits\" is not a number"},
		{START ",\"bits\":1.0}", "\"bits\" is not a number"},
		{START ",\"bits\":-1}", "\"bits\" is out of range"},
		{START ",\"bits\":4294967296}", "\"bits\" is out of range"},
		{START ",\"force\":1}", "\"force\" is neither"},
		{START ",\"state\":\"ACTIVE\"}", "\"state\" has a value"},
		{START ",\"state\":\"activ\"}", "\"state\" has a value"},
		{START ",\"state\":\"active2\"}", "\"state\" has a value"},
		{START ",\"state\":2}", "\"state\" has a value"},
		{START ",\"cka_id\":\"AA==\"}", "\"cka_id\" is not base64url"},
		{START ",\"cka_id\":[]}", "\"cka_id\" is not a string"},
		{START ",\"alias\":\"a\"}", "\"alias\" is not an array"},
		{START ",\"alias\":[1]}", "\"alias\" is not a string"},
		{START ",\"schedule\":[]}", "\"schedule\" is not an object"},
		{START ",\"until_time\":1}", "\"until_time\" is not a time"},
		{START ",\"usage\":[{\"last_time\":\"2026\"}]}", "\"last_time\" is not a time"},
		{"{\"seq\":1,\"type\":\"open\"}", "\"time\" is missing"},
		{"{\"seq\":1,\"time\":\"2026-01-02T03:04:05.678901Z\"}", "\"type\" is missing"},
	};
	char why[CHAIN_WHY_MAX];
	KeyRecord *record = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *json = chain_line_parse(rows[i].line, strlen(rows[i].line), why);

		assert_non_null(json);
		assert_int_equal(record_read_key(json, &arena, &record, why), -EBADMSG);
		if (!strstr(why, rows[i].why))
			fail_msg("row %zu: %s", i, why);
		json_decref(json);
	}
	assert_null(record);
}

static void test_read_in_a_small_arena(void **state)
{
	static const char line[] = START ",\"alias\":[\"a\",\"b\"],\"cka_id\":\"AAAA\",\"schedule\":{}}";
	char why[CHAIN_WHY_MAX];
	KeyRecord *record = NULL;
	struct arena part;
	json_t *json = chain_line_parse(line, sizeof(line) - 1, why);
	size_t size;
	int r = -ENOMEM;

	(void)state;
	assert_non_null(json);
	for (size = 0; r == -ENOMEM && size < 4096; size += 16) {
		arena_reset(&arena);
		arena_over(&part, arena_alloc(&arena, size), size);
		r = record_read_key(json, &part, &record, why);
		assert_true(r == 0 || !record);
	}
	assert_int_equal(r, 0);
	assert_true(size > sizeof(*record));
	assert_string_equal(record->alias[1], "b");
	json_decref(json);
}

/* Of memory that is dirty. */
static void *dirty_malloc(size_t size)
{
	void *data = malloc(size);

	return data ? memset(data, 0xff, size) : NULL;
}

/* All that was handed out is zeroed: nothing is written behind a string. */
static void test_a_string_ends_where_it_ends(void **state)
{
	static const char line[] = START ",\"key\":\"fifteen letters\"}";
	char why[CHAIN_WHY_MAX];
	KeyRecord *record = NULL;
	uint8_t *next;
	json_t *json;

	(void)state;
	json_set_alloc_funcs(dirty_malloc, free);
	json = chain_line_parse(line, sizeof(line) - 1, why);
	assert_non_null(json);
	assert_int_equal(record_read_key(json, &arena, &record, why), 0);
	json_decref(json);
	json_set_alloc_funcs(malloc, free);
	assert_string_equal(record->key, "fifteen letters");
	next = arena_alloc(&arena, 1);
	assert_ptr_equal(next, record->key + 16);
	assert_int_equal(*next, 0);
}

/* record.c names fields by number. */
static void test_field_numbers(void **state)
{
	static const struct {
		const ProtobufCMessageDescriptor *descriptor;
		unsigned number;
		const char *name;
	} rows[] = {
		{&cek__internal__v1__key_record__descriptor, 1, "seq"},
		{&cek__internal__v1__key_record__descriptor, 2, "time"},
		{&cek__internal__v1__key_record__descriptor, 3, "type"},
		{&cek__internal__v1__key_record__descriptor, 19, "uid"},
		{&cek__internal__v1__audit_record__descriptor, 2, "time"},
		{&cek__internal__v1__audit_record__descriptor, 4, "uid"},
		{&cek__internal__v1__audit_record__descriptor, 11, "encrypted_key"},
	};
	AuditRecord audit;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(protobuf_c_message_descriptor_get_field(rows[i].descriptor, rows[i].number)->name,
			rows[i].name);
	cek__internal__v1__audit_record__init(&audit);
	fill(&audit.base, 0);
	assert_int_equal(record_write_audit(&text, &audit, "i", hasher, &before), 0);
}

static int setup(void **state)
{
	(void)state;
	before = chain_start();
	if (arena_init(&arena, 1 << 20) < 0)
		return -1;
	return chain_hasher_new(&hasher);
}

static int teardown(void **state)
{
	(void)state;
	text_deinit(&text);
	arena_deinit(&arena);
	hasher = chain_hasher_free(hasher);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_audit_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_line_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_in_a_small_arena, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_string_ends_where_it_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_field_numbers, setup, teardown),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
