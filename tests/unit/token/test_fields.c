/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field numbers that proto/fields reads out of the .proto files, against those that protoc-c generated; no field of a
 * result has been forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/fields.h"
#include "proto/internal.pb-c.h"

#define MESSAGE(name) (&cek__internal__v1__##name##__descriptor)

static void assert_field(const ProtobufCMessageDescriptor *message, const char *name, unsigned number,
	ProtobufCType type)
{
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message, name);

	assert_non_null(field);
	assert_int_equal(field->id, number);
	assert_int_equal(field->type, type);
}

static void numbers_are_those_of_the_messages(void **state)
{
	(void)state;
	assert_field(MESSAGE(to_worker), "job", FIELD_TO_WORKER_JOB, PROTOBUF_C_TYPE_MESSAGE);
	assert_field(MESSAGE(job), "id", FIELD_JOB_ID, PROTOBUF_C_TYPE_UINT64);
	assert_field(MESSAGE(job_results), "result", FIELD_JOB_RESULTS_RESULT, PROTOBUF_C_TYPE_MESSAGE);
	assert_field(MESSAGE(job_result), "id", FIELD_JOB_RESULT_ID, PROTOBUF_C_TYPE_UINT64);
	assert_field(MESSAGE(job_result), "outcome", FIELD_JOB_RESULT_OUTCOME, PROTOBUF_C_TYPE_ENUM);
	assert_field(MESSAGE(job_result), "text", FIELD_JOB_RESULT_TEXT, PROTOBUF_C_TYPE_STRING);
	assert_field(MESSAGE(job_result), "cek", FIELD_JOB_RESULT_CEK, PROTOBUF_C_TYPE_BYTES);
	assert_field(MESSAGE(job_result), "memory", FIELD_JOB_RESULT_MEMORY, PROTOBUF_C_TYPE_UINT64);
	assert_field(MESSAGE(job_result), "replace", FIELD_JOB_RESULT_REPLACE, PROTOBUF_C_TYPE_BOOL);
}

/* Who adds a field to JobResult decides here: can the result of an unwrap have it (results.c writes it then), or not?
 */
static void every_field_of_a_result_is_accounted_for(void **state)
{
	static const char *of_unwraps[] = {"id", "outcome", "text", "cek", "memory", "replace"};
	static const char *of_others[] = {"encrypted_key", "params", "kid", "public_key", "bits", "crv", "cka_id",
		"note", "transport_id", "object", "more"};
	const ProtobufCMessageDescriptor *message = MESSAGE(job_result);
	const size_t n_unwraps = sizeof(of_unwraps) / sizeof(of_unwraps[0]);
	const size_t n_others = sizeof(of_others) / sizeof(of_others[0]);

	(void)state;
	for (size_t i = 0; i < n_unwraps; i++)
		assert_non_null(protobuf_c_message_descriptor_get_field_by_name(message, of_unwraps[i]));
	for (size_t i = 0; i < n_others; i++)
		assert_non_null(protobuf_c_message_descriptor_get_field_by_name(message, of_others[i]));
	assert_int_equal(message->n_fields, n_unwraps + n_others);
	assert_int_equal(MESSAGE(job_results)->n_fields, 1);
	assert_int_equal(MESSAGE(to_worker)->n_fields, 1);
}

/* packed.c looks for it there. */
static void the_id_stands_first_in_a_job(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MESSAGE(job)->n_fields; i++)
		assert_true(MESSAGE(job)->fields[i].id >= FIELD_JOB_ID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_the_messages),
		cmocka_unit_test(every_field_of_a_result_is_accounted_for),
		cmocka_unit_test(the_id_stands_first_in_a_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
