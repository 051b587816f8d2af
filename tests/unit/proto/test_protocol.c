/* SPDX-License-Identifier: Apache-2.0 */
/* The example in proto/PROTOCOL.md is what frame.c and cek.proto make of it, to the last octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/cek.pb-c.h"
#include "proto/frame.h"

static uint8_t octets[FRAME_HEADER + 1024];

/* The octets of the block that begins with this line; text behind # is for people. */
static size_t read_block(const char *title)
{
	char path[512], line[512];
	size_t n = 0;
	bool inside = false;
	FILE *file;

	assert_non_null(getenv("CEK_SOURCE"));
	snprintf(path, sizeof(path), "%s/proto/PROTOCOL.md", getenv("CEK_SOURCE"));
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (inside && strncmp(line, "```", 3) == 0)
			break;
		if (inside) {
			unsigned octet;
			int used;

			for (const char *c = line; sscanf(c, "%2x%n", &octet, &used) == 1; c += used) {
				assert_true(n < sizeof(octets));
				octets[n++] = (uint8_t)octet;
			}
		}
		inside = inside || strcmp(line, title) == 0;
	}
	fclose(file);
	assert_true(inside);
	return n;
}

static size_t body_of_block(const char *title)
{
	size_t n = read_block(title), len;
	const uint8_t *body;

	assert_int_equal(frame_next(octets, n, &body, &len), FRAME_WHOLE);
	assert_int_equal(n, FRAME_HEADER + len);
	return len;
}

/* Packing what was read gives what was written. */
static void check_anew(const ProtobufCMessage *message, size_t len)
{
	uint8_t anew[FRAME_HEADER + 1024];

	assert_int_equal(protobuf_c_message_get_packed_size(message), len);
	frame_header(anew, len);
	protobuf_c_message_pack(message, anew + FRAME_HEADER);
	assert_memory_equal(anew, octets, FRAME_HEADER + len);
}

static void test_request(void **state)
{
	size_t len = body_of_block("```hex request\n");
	Cek__V1__Request *request = cek__v1__request__unpack(NULL, len, octets + FRAME_HEADER);

	(void)state;
	assert_non_null(request);
	assert_int_equal(request->id, 7);
	assert_int_equal(request->deadline_ms, 500);
	assert_int_equal(request->op_case, CEK__V1__REQUEST__OP_UNWRAP);
	assert_string_equal(request->unwrap->kid, "k1");
	assert_string_equal(request->unwrap->alg, "A128KW");
	assert_string_equal(request->unwrap->enc, "A128GCM");
	assert_int_equal(request->unwrap->encrypted_key.len, 24);
	assert_memory_equal(request->unwrap->encrypted_key.data, "\x1f\xa6\x8b\x0a", 4);
	check_anew(&request->base, len);
	cek__v1__request__free_unpacked(request, NULL);
}

static void test_reply(void **state)
{
	size_t len = body_of_block("```hex reply\n");
	Cek__V1__Reply *reply = cek__v1__reply__unpack(NULL, len, octets + FRAME_HEADER);

	(void)state;
	assert_non_null(reply);
	assert_int_equal(reply->id, 7);
	assert_int_equal(reply->status, CEK__V1__STATUS__STATUS_OK);
	assert_int_equal(reply->epoch, 42);
	assert_int_equal(reply->result_case, CEK__V1__REPLY__RESULT_UNWRAP);
	assert_int_equal(reply->unwrap->cek.len, 16);
	assert_memory_equal(reply->unwrap->cek.data, "\x00\x11\x22\x33", 4);
	assert_string_equal(reply->unwrap->kid, "k1");
	assert_string_equal(reply->unwrap->key, "api");
	check_anew(&reply->base, len);
	cek__v1__reply__free_unpacked(reply, NULL);
}

static void test_refusal(void **state)
{
	size_t len = body_of_block("```hex refusal\n");
	Cek__V1__Reply *reply = cek__v1__reply__unpack(NULL, len, octets + FRAME_HEADER);

	(void)state;
	assert_non_null(reply);
	assert_int_equal(reply->status, CEK__V1__STATUS__STATUS_FAILED);
	assert_string_equal(reply->message, "the cryptographic operation failed");
	assert_int_equal(reply->result_case, CEK__V1__REPLY__RESULT__NOT_SET);
	check_anew(&reply->base, len);
	cek__v1__reply__free_unpacked(reply, NULL);
}

/* The table of statuses names each one with its number. */
static void test_statuses(void **state)
{
	char path[512], *text = calloc(1, 65536);
	FILE *file;

	(void)state;
	assert_non_null(text);
	snprintf(path, sizeof(path), "%s/proto/PROTOCOL.md", getenv("CEK_SOURCE"));
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	for (unsigned i = 0; i < cek__v1__status__descriptor.n_values; i++) {
		const ProtobufCEnumValue *value = &cek__v1__status__descriptor.values[i];
		char row[64];

		snprintf(row, sizeof(row), "%d %s", value->value, value->name + strlen("STATUS_"));
		if (value->value != 0 && !strstr(text, row))
			fail_msg("PROTOCOL.md does not say \"%s\"", row);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_statuses),
	};

	return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
