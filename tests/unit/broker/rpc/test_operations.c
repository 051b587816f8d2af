/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/context/metrics.h"
#include "daemon/broker/request/operation.h"
#include "daemon/broker/rpc/operations.h"

/* Every operation that cek.proto names has a row, and the table has no others. */
static void test_each_operation_of_the_protocol_has_a_row(void **state)
{
	const ProtobufCMessageDescriptor *descriptor = &cek__v1__request__descriptor;
	size_t in_oneof = 0;

	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
		const struct operation *row;

		if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
			continue;
		in_oneof++;
		row = operation_find(operations, n_operations, (Cek__V1__Request__OpCase)field->id);
		assert_non_null(row);
		assert_string_equal(row->name, field->name);
		if (row->op != CEK__V1__REQUEST__OP_PREVIEW)
			assert_non_null(row->handler);
	}
	assert_int_equal(n_operations, in_oneof);
	assert_null(operation_find(operations, n_operations, CEK__V1__REQUEST__OP__NOT_SET));
}

/* What a preview holds is taken for the request that it is about, without a look at each. */
static void test_a_preview_holds_requests_under_their_own_numbers(void **state)
{
	const ProtobufCMessageDescriptor *preview = &cek__v1__preview_request__descriptor;

	assert_true(preview->n_fields >= 9);
	for (unsigned i = 0; i < preview->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &preview->fields[i];
		const ProtobufCFieldDescriptor *of =
			protobuf_c_message_descriptor_get_field(&cek__v1__request__descriptor, field->id);

		assert_non_null(of);
		assert_string_equal(field->name, of->name);
		assert_ptr_equal(field->descriptor, of->descriptor);
		assert_true(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
		assert_int_equal(field->type, PROTOBUF_C_TYPE_MESSAGE);
		assert_int_not_equal(field->id, CEK__V1__REQUEST__OP_PREVIEW);
	}
}

/* An operation about a key has a target: otherwise nobody would look whether the peer may use that key. One that anyone
 * may ask for looks by itself. */
static void test_each_operation_that_names_a_key_has_a_target(void **state)
{
	for (size_t i = 0; i < n_operations; i++) {
		const struct operation *row = &operations[i];
		const ProtobufCFieldDescriptor *field =
			protobuf_c_message_descriptor_get_field(&cek__v1__request__descriptor, (unsigned)row->op);
		const ProtobufCMessageDescriptor *message = field->descriptor;
		const ProtobufCFieldDescriptor *key = protobuf_c_message_descriptor_get_field_by_name(message, "key");
		bool names_one = (key && key->label != PROTOBUF_C_LABEL_REPEATED) ||
			protobuf_c_message_descriptor_get_field_by_name(message, "kid");

		assert_int_equal(names_one && !row->anyone, row->target != NULL);
	}
}

static void test_permissions_have_names(void **state)
{
	for (int i = 0; i < PERMISSION_COUNT; i++)
		assert_int_equal(permission_find(permission_name((enum permission)i)), i);
	assert_int_equal(permission_find("unwrapp"), -1);
	assert_int_equal(permission_find(""), -1);
	assert_string_equal(operation_metric(METRIC_NONE), "none");
	assert_string_equal(operation_metric(METRIC_PREVIEW), "preview");
	assert_string_equal(operation_metric(METRIC_EXPLAIN), "explain");
	assert_string_equal(operation_metric(METRIC_COUNT), "none");
	assert_true((size_t)METRIC_COUNT <= (size_t)METRICS_OPERATIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_operation_of_the_protocol_has_a_row),
		cmocka_unit_test(test_a_preview_holds_requests_under_their_own_numbers),
		cmocka_unit_test(test_each_operation_that_names_a_key_has_a_target),
		cmocka_unit_test(test_permissions_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
