/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
		assert_non_null(row->handler);
	}
	assert_int_equal(n_operations, in_oneof);
	assert_null(operation_find(operations, n_operations, CEK__V1__REQUEST__OP__NOT_SET));
}

/* An operation about a key has a target: otherwise nobody would look whether the peer may use that key. */
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

		assert_int_equal(names_one, row->target != NULL);
	}
}

static void test_permissions_have_names(void **state)
{
	for (int i = 0; i < PERMISSION_COUNT; i++)
		assert_int_equal(permission_find(permission_name((enum permission)i)), i);
	assert_int_equal(permission_find("unwrapp"), -1);
	assert_int_equal(permission_find(""), -1);
	assert_string_equal(operation_metric(PERMISSION_COUNT), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_operation_of_the_protocol_has_a_row),
		cmocka_unit_test(test_each_operation_that_names_a_key_has_a_target),
		cmocka_unit_test(test_permissions_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
