/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory of the real manage worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "managing.h"

/* What a creation that was cut short leaves: the attributes of the template, and nothing of the key itself. */
static void inventory_tells_what_is_not_whole(void **state)
{
	uint8_t id[16];
	ProtobufCBinaryData part[8] = {0};
	bool whole;

	(void)state;
	if (rig.nss)
		skip(); /* refuses to create such a thing */
	fresh_id(id);
	rig_create_rsa(&rig, id, part);
	assert_int_equal(manage_count(id, &whole), 1);
	assert_false(whole);
	expect_adopt("RSA-OAEP", id, NULL, true, OUTCOME(REFUSED), NULL);
	manage_destroy("RSA-OAEP", id, NULL, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 0);
	fresh_id(id);
	rig_create_aes(&rig, id, id, 0);
	assert_int_equal(manage_count(id, &whole), 1);
	assert_false(whole);
	expect_adopt("A256KW", id, NULL, true, OUTCOME(REFUSED), NULL);
	manage_destroy("A256KW", id, NULL, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 0);
}

static void inventory_has_no_end(void **state)
{
	size_t before;
	bool whole;
	uint8_t id[16];

	(void)state;
	before = manage_count(NULL, &whole);
	for (int i = 0; i < 150; i++)
		create_aes(id, "one of many", false, false);
	assert_int_equal(manage_count(NULL, &whole), before + 150);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inventory_tells_what_is_not_whole),
		cmocka_unit_test(inventory_has_no_end),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, managing_open, managing_close);
}
