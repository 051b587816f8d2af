/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/wire.h"

#define FIELD(number, type) ((number) << 3 | (type))
#define OF(data) (data), sizeof(data)

enum { VARINT = 0, BYTES = 2 };

static void test_the_one_operation(void **state)
{
	static const uint8_t one[] = {FIELD(1, VARINT), 7, FIELD(WIRE_FIELD_OP, BYTES), 1, 0};
	static const uint8_t twice[] = {FIELD(WIRE_FIELD_OP, BYTES), 0, FIELD(WIRE_FIELD_OP, BYTES), 1, 0};
	static const uint8_t two[] = {FIELD(WIRE_FIELD_OP, BYTES), 0, FIELD(WIRE_FIELD_OP + 1, BYTES), 0};
	static const uint8_t number[] = {FIELD(WIRE_FIELD_OP, VARINT), 1};
	static const uint8_t none[] = {FIELD(1, VARINT), 7, FIELD(WIRE_FIELD_OP - 1, BYTES), 0};
	static const uint8_t torn[] = {FIELD(WIRE_FIELD_OP, BYTES), 2, 0};

	(void)state;
	assert_int_equal(wire_op(OF(one)), WIRE_FIELD_OP);
	assert_int_equal(wire_op(OF(twice)), WIRE_FIELD_OP); /* which protobuf merges */
	assert_int_equal(wire_op(OF(two)), 0);
	assert_int_equal(wire_op(OF(number)), 0);
	assert_int_equal(wire_op(OF(none)), 0);
	assert_int_equal(wire_op(OF(torn)), 0);
}

static void test_the_id(void **state)
{
	static const uint8_t last[] = {FIELD(1, VARINT), 7, FIELD(WIRE_FIELD_OP, BYTES), 1, 0, FIELD(1, VARINT), 0x88,
		1};
	static const uint8_t none[] = {FIELD(2, VARINT), 7};
	static const uint8_t torn[] = {FIELD(1, VARINT), 0x80};
	uint64_t id = 5;

	(void)state;
	assert_true(wire_scan(OF(last), &id));
	assert_int_equal(id, 136);
	assert_true(wire_scan(OF(none), &id));
	assert_int_equal(id, 0);
	assert_false(wire_scan(OF(torn), &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_one_operation),
		cmocka_unit_test(test_the_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
