/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/rpc/denied.c: every request has an operation that a rule can grant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/cekctl/rpc/denied.h"

static void test_every_request(void **state)
{
	const ProtobufCMessageDescriptor *message = &cek__v1__request__descriptor;
	unsigned n = 0;

	for (unsigned i = 0; i < message->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->fields[i];
		Cek__V1__Request request = CEK__V1__REQUEST__INIT;

		if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || strcmp(field->name, "preview") == 0)
			continue;
		request.op_case = (Cek__V1__Request__OpCase)field->id;
		if (!denied_operation(&request))
			fail_msg("%s has none", field->name);
		n++;
	}
	assert_true(n > 20);
}

static void test_preview(void **state)
{
	const ProtobufCMessageDescriptor *message = &cek__v1__preview_request__descriptor;
	Cek__V1__PreviewRequest preview = CEK__V1__PREVIEW_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT, change = CEK__V1__REQUEST__INIT;

	request.op_case = CEK__V1__REQUEST__OP_PREVIEW;
	request.preview = &preview;
	assert_null(denied_operation(&request));
	for (unsigned i = 0; i < message->n_fields; i++) {
		if (!(message->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
			continue;
		preview.change_case = (Cek__V1__PreviewRequest__ChangeCase)message->fields[i].id;
		change.op_case = (Cek__V1__Request__OpCase)message->fields[i].id;
		assert_non_null(denied_operation(&request));
		assert_string_equal(denied_operation(&request), denied_operation(&change));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_request),
		cmocka_unit_test(test_preview),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
