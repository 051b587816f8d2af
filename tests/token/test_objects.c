/* SPDX-License-Identifier: Apache-2.0 */
/* How the real cekd-token looks keys up, and what it keeps of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "misbehaving.h"

static void finds_what_others_made_later(void **state)
{
	static const uint8_t key[16] = {9};
	uint8_t missing[16] = "not there", hidden[16] = "made in secret";
	struct rig_worker worker;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(shim->initialized, 1);
	assert_int_equal(unwrap_as(&worker, missing), OUTCOME(MISSING));
	assert_int_equal(shim->initialized, 2);
	/* Not again so soon for the same one, but once for another. */
	assert_int_equal(unwrap_as(&worker, missing), OUTCOME(MISSING));
	assert_int_equal(shim->initialized, 2);
	rig_create_aes(&rig, hidden, key, sizeof(key));
	shim->blind = 1;
	assert_int_equal(unwrap_as(&worker, hidden), OUTCOME(FAILED));
	assert_int_equal(shim->initialized, 3);
	assert_int_equal(rig_stop(&worker), 0);
}

static void two_keys_of_one_id_are_none(void **state)
{
	static const uint8_t one[16] = {9}, other[16] = {10};
	uint8_t twin[16] = "twins";
	struct rig_worker worker;

	(void)state;
	/* NSS overwrites an object that has the same CKA_ID, so it never holds two. */
	if (rig.nss)
		skip();
	rig_create_aes(&rig, twin, one, sizeof(one));
	rig_create_aes(&rig, twin, other, sizeof(other));
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(unwrap_as(&worker, twin), OUTCOME(AMBIGUOUS));
	assert_int_equal(rig_stop(&worker), 0);
}

/* A key of another size, or for another use, is not the version's: it is missing, for a worker that knew the version's
 * own and for one that never did. */
static void an_aes_key_of_another_size_is_none(void **state)
{
	static const uint8_t key[32] = {5};
	uint8_t which[16] = "replaced";
	struct rig_worker worker;
	CK_OBJECT_HANDLE object = rig_create_aes(&rig, which, key, 32);
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE uses[] = {{CKA_DECRYPT, &no, 1}, {CKA_UNWRAP, &no, 1}};

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	assert_int_equal(wrap_as(&worker, "A256KW", which, NULL), OUTCOME(OK));
	assert_int_equal(rig.f->C_DestroyObject(rig.session, object), CKR_OK);
	object = rig_create_aes(&rig, which, key, 16);
	for (int i = 0; i < 2; i++) {
		let_a_second_pass();
		assert_int_equal(wrap_as(&worker, "A256KW", which, NULL), OUTCOME(MISSING));
		assert_int_equal(wrap_as(&worker, "A256GCMKW", which, NULL), OUTCOME(MISSING));
		assert_int_equal(wrap_as(&worker, "A128KW", which, NULL), OUTCOME(OK));
		assert_int_equal(rig_stop(&worker), 0);
		rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	}
	assert_int_equal(rig.f->C_SetAttributeValue(rig.session, object, uses, 2), CKR_OK);
	assert_int_equal(wrap_as(&worker, "A128KW", which, NULL), OUTCOME(MISSING));
	assert_int_equal(rig_stop(&worker), 0);
}

/* Each of them is tried, and takes no memory from the next. */
static void finds_its_own_among_many(void **state)
{
	static uint8_t x[32] = {0x39, 0x2c, 0x4b, 0xba, 0x3e, 0x61, 0x06, 0x24, 0x44, 0x57, 0xd5, 0x1d, 0xbb, 0x46,
		0xa1, 0x98, 0xd6, 0x2b, 0x95, 0x3b, 0xef, 0x29, 0x4a, 0x13, 0x36, 0x92, 0x0e, 0x63, 0xcc, 0x49, 0x40,
		0xcd},
		       y[32] = {0xe5, 0x0c, 0x82, 0x1a, 0xd6, 0xaf, 0x84, 0x9d, 0xb3, 0xc3, 0xd7, 0xbf, 0x6b, 0x59,
			       0x4c, 0x91, 0xfc, 0xfd, 0x86, 0x79, 0x56, 0x88, 0x22, 0x09, 0x5f, 0xde, 0xd5, 0x82, 0x87,
			       0x14, 0x6b, 0xd2};
	Cek__V1__PublicKey public = CEK__V1__PUBLIC_KEY__INIT;
	uint8_t which[16] = "one of 1001", d[32] = {0};
	struct rig_worker worker;

	(void)state;
	if (rig.nss)
		skip(); /* holds no two of one CKA_ID */
	/* In the middle, in whichever order they are found. */
	for (int i = 0; i <= 1000; i++) {
		d[31] = i == 500 ? 73 : 74;
		rig_create_ec(&rig, which, "P-256", d, sizeof(d), x, y, 32);
	}
	public.kty = (char *)(uintptr_t) "EC";
	public.crv = (char *)(uintptr_t) "P-256";
	public.x = (ProtobufCBinaryData){32, x};
	public.y = (ProtobufCBinaryData){32, y};
	rig_start(&rig, &worker, &(struct rig_options){0}, NULL);
	assert_int_equal(wrap_as(&worker, "ECDH-ES", which, &public), OUTCOME(OK));
	assert_int_equal(rig_stop(&worker), 0);
}

static void forgets(void **state)
{
	static const uint8_t key[16] = {7};
	uint8_t doomed[16] = "doomed";
	struct rig_worker worker;
	CK_OBJECT_HANDLE object = rig_create_aes(&rig, doomed, key, sizeof(key));

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	assert_int_equal(unwrap_as(&worker, doomed), OUTCOME(FAILED));
	assert_int_equal(rig.f->C_DestroyObject(rig.session, object), CKR_OK);
	assert_int_equal(shim->copies, 1);
	assert_int_equal(forget(&worker, doomed), 0);
	assert_int_equal(shim->copies, 0);
	assert_int_equal(unwrap_as(&worker, doomed), OUTCOME(MISSING));
	assert_int_equal(rig_stop(&worker), 0);
}

/* With a session copy and without: once the worker has seen that the object is gone it does not find the key, whatever
 * it kept of it; and it sees that with its first job that comes a second after the one before. */
static void does_not_outlive_the_object(void **state)
{
	static const uint8_t key[16] = {7};

	(void)state;
	for (int copy = 0; copy < 2; copy++) {
		uint8_t doomed[16] = {'d', 'o', 'o', 'm', 'e', 'd', (uint8_t)copy};
		struct rig_worker worker;
		CK_OBJECT_HANDLE object = rig_create_aes(&rig, doomed, key, sizeof(key));
		uint64_t gone;
		int outcome;

		rig_start(&rig, &worker, &(struct rig_options){.copy_keys = copy}, NULL);
		assert_int_equal(unwrap_as(&worker, doomed), OUTCOME(FAILED));
		assert_int_equal(shim->copies, copy);
		assert_int_equal(rig.f->C_DestroyObject(rig.session, object), CKR_OK);
		gone = now_us();
		do {
			const uint64_t asked = now_us();

			outcome = unwrap_as(&worker, doomed);
			/* A worker that was seen to be slow is not blamed: what counts is when it was asked. */
			assert_true(outcome == OUTCOME(MISSING) || asked < gone + 1100000);
		} while (outcome != OUTCOME(MISSING));
		assert_int_equal(shim->copies, 0);
		for (int i = 0; i < 100; i++)
			assert_int_equal(unwrap_as(&worker, doomed), OUTCOME(MISSING));
		if (copy) {
			rig_create_aes(&rig, doomed, key, sizeof(key));
			while (unwrap_as(&worker, doomed) != OUTCOME(FAILED))
				assert_true(now_us() < gone + 120000000);
		}
		assert_int_equal(rig_stop(&worker), 0);
	}
}

/* One look a second at a key that is in use, none at one that is not. */
static void looks_at_the_object_once_a_second(void **state)
{
	struct rig_worker worker;
	Cek__Internal__V1__FromWorker *wrapped;
	uint64_t began;
	int before, jobs = 0;

	(void)state;
	rig_start(&rig, &worker, &(struct rig_options){.copy_keys = true}, NULL);
	wrapped = wrap(&worker);
	before = shim->reads;
	began = now_us();
	do {
		assert_int_equal(unwrap(&worker, wrapped), OUTCOME(OK));
		jobs++;
	} while (now_us() < began + 2500000);
	assert_in_range(shim->reads - before, jobs > 100, 1 + (int)((now_us() - began) / 1000000));
	rig_free(wrapped);
	assert_int_equal(rig_stop(&worker), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(finds_what_others_made_later, behave),
		cmocka_unit_test_setup(two_keys_of_one_id_are_none, behave),
		cmocka_unit_test_setup(an_aes_key_of_another_size_is_none, behave),
		cmocka_unit_test_setup(forgets, behave),
		cmocka_unit_test_setup(does_not_outlive_the_object, behave),
		cmocka_unit_test_setup(looks_at_the_object_once_a_second, behave),
		cmocka_unit_test_setup(finds_its_own_among_many, behave),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, misbehaving_open, misbehaving_close);
}
