/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the real cekd-token makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "managing.h"

static void generation_is_tried_again(void **state)
{
	struct rig_worker worker;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.manage = true}, NULL);
	for (int errors = 1; errors <= 31; errors += 30) {
		Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
		Cek__Internal__V1__GenerateJob op = CEK__INTERNAL__V1__GENERATE_JOB__INIT;
		uint8_t fresh[16] = {0xee, (uint8_t)errors};
		Cek__Internal__V1__FromWorker *answer;

		op.label = (char *)(uintptr_t) "label";
		op.cka_id = (ProtobufCBinaryData){16, fresh};
		op.alg = (char *)(uintptr_t) "A256GCMKW";
		job.op_case = CEK__INTERNAL__V1__JOB__OP_GENERATE;
		job.generate = &op;
		misbehave("C_GenerateKey", CKR_GENERAL_ERROR, errors);
		answer = rig_call(&worker, &job);
		assert_int_equal(answer->result->outcome, errors == 1 ? OUTCOME(OK) : OUTCOME(INTERNAL));
		rig_free(answer);
	}
	assert_int_equal(rig_stop(&worker), 0);
}

static CK_ULONG count_objects(const uint8_t *cka_id)
{
	CK_ATTRIBUTE template = {CKA_ID, (void *)(uintptr_t)cka_id, 16};
	CK_OBJECT_HANDLE objects[8];
	CK_ULONG n = 0;

	assert_int_equal(rig.f->C_FindObjectsInit(rig.session, &template, 1), CKR_OK);
	assert_int_equal(rig.f->C_FindObjects(rig.session, objects, 8, &n), CKR_OK);
	assert_int_equal(rig.f->C_FindObjectsFinal(rig.session), CKR_OK);
	return n;
}

static Cek__Internal__V1__FromWorker *generate_ec(struct rig_worker *worker, uint8_t number, uint8_t cka_id[16])
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__GenerateJob op = CEK__INTERNAL__V1__GENERATE_JOB__INIT;

	memset(cka_id, 0xdd, 16);
	cka_id[15] = number;
	op.label = (char *)(uintptr_t) "label";
	op.cka_id = (ProtobufCBinaryData){16, cka_id};
	op.alg = (char *)(uintptr_t) "ECDH-ES+A256KW";
	job.op_case = CEK__INTERNAL__V1__JOB__OP_GENERATE;
	job.generate = &op;
	return rig_call(worker, &job);
}

/* A pair whose thumbprint begins with "-" is made again, and goes. */
static void makes_no_kid_that_begins_with_a_dash(void **state)
{
	Cek__Internal__V1__FromWorker *answer;
	struct rig_worker worker;
	uint8_t cka_id[16];

	(void)state;
	if (rig.nss)
		skip(); /* does not create EC keys of such a template */
	rig_start(&rig, &worker, &(struct rig_options){.manage = true}, NULL);
	for (uint8_t pairs = 0; pairs < 3; pairs++) {
		shim->dashed = pairs;
		answer = generate_ec(&worker, pairs, cka_id);
		if (answer->result->outcome != OUTCOME(OK))
			fail_msg("%s", answer->result->text);
		assert_int_equal(answer->result->outcome, OUTCOME(OK));
		assert_int_equal(shim->dashed, 0);
		assert_int_equal(strlen(answer->result->kid), 43);
		assert_int_not_equal(answer->result->kid[0], '-');
		assert_int_equal(count_objects(cka_id), 2);
		rig_free(answer);
	}
	/* If they all do, the last one stays: verbs take it. */
	shim->dashed = 100;
	answer = generate_ec(&worker, 100, cka_id);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_string_equal(answer->result->kid, SHIM_DASHED);
	assert_int_equal(shim->dashed, 92);
	assert_int_equal(count_objects(cka_id), 2);
	rig_free(answer);
	/* And so does one that the token does not destroy. */
	misbehave("C_DestroyObject", CKR_ACTION_PROHIBITED, 1);
	answer = generate_ec(&worker, 101, cka_id);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_string_equal(answer->result->kid, SHIM_DASHED);
	assert_int_equal(shim->dashed, 91);
	assert_int_equal(count_objects(cka_id), 2);
	rig_free(answer);
	assert_int_equal(rig_stop(&worker), 0);
}

/* Whether the CKA_ID is free is not known then, and nothing is made. */
static void makes_nothing_when_the_token_does_not_look(void **state)
{
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16];

	(void)state;
	fresh_id(id);
	misbehave("C_FindObjectsInit", CKR_DEVICE_ERROR, 2); /* it is asked once more */
	answer = manage_generate("A128KW", id, 0, "");
	assert_int_equal(shim->times, 0);
	assert_int_not_equal(answer->result->outcome, OUTCOME(OK));
	assert_int_not_equal(answer->result->outcome, OUTCOME(UNSPECIFIED));
	assert_non_null(strstr(answer->result->text, "looking for the CKA_ID: "));
	assert_int_equal(count_objects(id), 0);
	rig_free(answer);
}

static void generate_refuses(void **state)
{
	static const struct {
		const char *alg, *crv;
		uint32_t bits;
		int outcome;
	} cases[] = {
		{"RSA-OAEP", "", 1024, OUTCOME(REFUSED)},
		{"RSA-OAEP", "", 2047, OUTCOME(REFUSED)},
		{"RSA-OAEP", "", 8192, OUTCOME(REFUSED)},
		{"ECDH-ES", "P-192", 0, OUTCOME(REFUSED)},
		{"RSA1_5", "", 2048, OUTCOME(UNSUPPORTED)},
		{"dir", "", 0, OUTCOME(UNSUPPORTED)},
		{"PBES2-HS256+A128KW", "", 0, OUTCOME(UNSUPPORTED)},
	};
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16];
	bool whole;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fresh_id(id);
		answer = manage_generate(cases[i].alg, id, cases[i].bits, cases[i].crv);
		assert_int_equal(answer->result->outcome, cases[i].outcome);
		assert_string_not_equal(answer->result->text, "");
		assert_int_equal(manage_count(id, &whole), 0);
		rig_free(answer);
	}
	fresh_id(id);
	answer = manage_generate("A128KW", id, 0, "");
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	rig_free(answer);
	answer = manage_generate("A128KW", id, 0, "");
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	assert_int_equal(manage_count(id, &whole), 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(generation_is_tried_again, behave),
		cmocka_unit_test_setup(makes_no_kid_that_begins_with_a_dash, behave),
		cmocka_unit_test_setup(makes_nothing_when_the_token_does_not_look, behave),
		cmocka_unit_test_setup(generate_refuses, behave),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, managing_open, managing_close);
}
