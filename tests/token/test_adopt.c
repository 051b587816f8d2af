/* SPDX-License-Identifier: Apache-2.0 */
/* Adoption through the real manage worker, also of one key among others with its CKA_ID. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include "daemon/token/p11/public.h"
#include "managing.h"

static void adopts(void **state)
{
	uint8_t good[16], leaky[16], broad[16], twin[16], none[16] = {1};

	(void)state;
	create_aes(good, "good", false, false);
	create_aes(leaky, "leaky", true, false);
	create_aes(broad, "broad", false, true);
	create_aes(twin, "twin", false, false);
	create_aes(twin, "twin", false, false);
	expect_adopt("A256GCMKW", good, NULL, false, OUTCOME(OK), "");
	expect_adopt("A256GCMKW", NULL, "good", false, OUTCOME(OK), "");
	expect_adopt("A128GCMKW", good, NULL, true, OUTCOME(REFUSED), NULL);
	expect_adopt("RSA-OAEP", good, NULL, true, OUTCOME(REFUSED), NULL);
	expect_adopt("A256GCMKW", leaky, NULL, false, OUTCOME(REFUSED), NULL);
	expect_adopt("A256GCMKW", leaky, NULL, true, OUTCOME(OK), "extractable");
	expect_adopt("A256GCMKW", NULL, "broad", false, OUTCOME(REFUSED), NULL);
	expect_adopt("A256GCMKW", NULL, "broad", true, OUTCOME(OK), "may sign, may verify");
	expect_adopt("A256GCMKW", NULL, "twin", true, OUTCOME(REFUSED), NULL);
	expect_adopt("A256GCMKW", none, NULL, true, OUTCOME(MISSING), NULL);
	expect_adopt("A256GCMKW", NULL, NULL, true, OUTCOME(REFUSED), NULL);
}

/* An EC private key does not tell its public half: without a public key object it has no name. */
static void adopts_an_ec_key_with_its_public_half(void **state)
{
	EVP_PKEY *pair, *other;
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16];

	(void)state;
	if (rig.nss)
		skip(); /* it tells */
	pair = EVP_EC_gen("P-256");
	other = EVP_EC_gen("P-256");
	fresh_id(id);
	create_ec(id, pair, pair);
	answer = manage_adopt("ECDH-ES", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_string_equal(answer->result->crv, "P-256");
	assert_non_null(answer->result->public_key);
	rig_free(answer);
	assert_int_equal(rig.f->C_DestroyObject(rig.session, rig_last_public()), CKR_OK);
	answer = manage_adopt("ECDH-ES", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	assert_non_null(strstr(answer->result->text, "public key object"));
	rig_free(answer);
	fresh_id(id);
	create_ec(id, pair, other); /* one that does not belong to it */
	answer = manage_adopt("ECDH-ES", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	EVP_PKEY_free(pair);
	EVP_PKEY_free(other);
}

/* Several keys of one CKA_ID: the one that may decrypt is adopted, and only that one is destroyed. */
static void tells_twins_apart(void **state)
{
	EVP_PKEY *ours, *theirs, *ec, *ec_theirs;
	Cek__Internal__V1__FromWorker *answer;
	Cek__V1__PublicKey public;
	struct public_half half;
	uint8_t id[16];
	char kid[KID_LEN];
	bool whole;

	(void)state;
	if (rig.nss)
		skip(); /* overwrites an object that has the same CKA_ID */
	ours = EVP_RSA_gen(2048);
	theirs = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	ec_theirs = EVP_EC_gen("P-256");
	fresh_id(id);
	create_rsa_twin(id, "theirs", theirs, false);
	create_rsa_twin(id, "ours", ours, true);
	rig_create_aes(&rig, id, id, 16);
	create_ec(id, ec_theirs, ec_theirs);
	half_of(ours, &half);
	public_thumbprint(&half, kid);
	answer = manage_adopt("RSA-OAEP", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_string_equal(answer->result->kid, kid);
	/* Of two EC keys that may derive, with two public halves, none. */
	create_ec(id, ec, ec);
	expect_adopt("ECDH-ES", id, NULL, true, OUTCOME(REFUSED), NULL);
	assert_int_equal(manage_count(id, &whole), 7);
	half_of(ec, &half);
	public_to_jose(&half, &public);
	assert_int_equal(manage_wrap("RSA-OAEP", id, answer->result->public_key), OUTCOME(OK));
	assert_int_equal(manage_wrap("ECDH-ES", id, &public), OUTCOME(OK));
	manage_destroy("RSA-OAEP", id, answer->result->public_key, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 6);
	manage_destroy("ECDH-ES", id, &public, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 4);
	manage_destroy("ECDH-ES", id, &public, OUTCOME(OK)); /* the one that is left is another */
	manage_destroy("RSA-OAEP", id, answer->result->public_key, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 4);
	assert_int_equal(manage_wrap("RSA-OAEP", id, answer->result->public_key), OUTCOME(MISSING));
	assert_int_equal(manage_wrap("ECDH-ES", id, &public), OUTCOME(MISSING));
	rig_free(answer);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ec_theirs);
}

/* Of keys with one CKA_ID the one whose size or curve fits is adopted. */
static void adopts_the_one_that_fits(void **state)
{
	static const char *others[] = {"secp256k1", "brainpoolP256r1", "prime192v1"};
	static const uint8_t aes[32] = {8};
	EVP_PKEY *ec;
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16], params[16];

	(void)state;
	if (rig.nss)
		skip();
	ec = EVP_EC_gen("P-256");
	fresh_id(id);
	for (size_t i = 0; i < 3; i++) {
		ASN1_OBJECT *curve = OBJ_txt2obj(others[i], 0);
		uint8_t *at = params;
		int len = i2d_ASN1_OBJECT(curve, &at);

		assert_in_range(len, 1, sizeof(params));
		create_odd_ec(id, params, (size_t)len, 32);
		ASN1_OBJECT_free(curve);
	}
	create_ec(id, ec, ec);
	for (size_t len = 16; len <= 32; len += 8)
		rig_create_aes(&rig, id, aes, len);
	answer = manage_adopt("ECDH-ES", id, NULL, true);
	if (answer->result->outcome != OUTCOME(OK))
		fail_msg("%s", answer->result->text);
	assert_string_equal(answer->result->crv, "P-256");
	rig_free(answer);
	answer = manage_adopt("A192KW", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_int_equal(answer->result->bits, 192);
	rig_free(answer);
	EVP_PKEY_free(ec);
}

/* Nothing tells two AES keys apart: none is adopted, and none destroyed. */
static void leaves_alone_what_it_cannot_tell_apart(void **state)
{
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16];
	bool whole;

	(void)state;
	if (rig.nss)
		skip();
	fresh_id(id);
	for (uint8_t i = 0; i < 20; i++) {
		const uint8_t key[32] = {i + 1};

		rig_create_aes(&rig, id, key, sizeof(key));
	}
	answer = manage_adopt("A256KW", id, NULL, true);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	assert_non_null(strstr(answer->result->text, "20 keys"));
	rig_free(answer);
	manage_destroy("A256KW", id, NULL, OUTCOME(REFUSED));
	assert_int_equal(manage_count(id, &whole), 20);
}

/* One call that fails while the manage worker looks at objects or tries them is no reason to refuse a key. */
static void one_failed_call_changes_no_answer(void **state)
{
	static const char *functions[] = {"C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal",
		"C_GetAttributeValue", "C_DecryptInit", "C_EncryptInit", "C_DeriveKey"};
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR};
	EVP_PKEY *pair;
	Cek__Internal__V1__FromWorker *good[2];
	uint8_t ec[16], aes[16];
	int failed = 0;

	(void)state;
	pair = EVP_EC_gen("P-256");
	fresh_id(ec);
	create_ec(ec, pair, pair);
	create_aes(aes, "seldom", false, false);
	good[0] = manage_adopt("ECDH-ES", ec, NULL, true);
	good[1] = manage_adopt("A256GCMKW", aes, NULL, true);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		for (int call_number = 0; call_number < 60; call_number++) {
			const char *alg = call_number % 2 ? "A256GCMKW" : "ECDH-ES";
			Cek__Internal__V1__FromWorker *answer;

			shim->skip = call_number / 2;
			misbehave(functions[i], codes[call_number / 2 % 2], 1);
			answer = manage_adopt(alg, call_number % 2 ? aes : ec, NULL, true);
			if (answer->result->outcome != OUTCOME(OK) ||
				strcmp(answer->result->note, good[call_number % 2]->result->note) != 0)
				fail_msg("%s %d %s: %d %s %s", functions[i], call_number, alg, answer->result->outcome,
					answer->result->text, answer->result->note);
			failed += shim->times == 0;
			shim->times = 0;
			rig_free(answer);
		}
	assert_true(failed > 40);
	rig_free(good[0]);
	rig_free(good[1]);
	EVP_PKEY_free(pair);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adopts),
		cmocka_unit_test(adopts_an_ec_key_with_its_public_half),
		cmocka_unit_test(one_failed_call_changes_no_answer),
		cmocka_unit_test(tells_twins_apart),
		cmocka_unit_test(adopts_the_one_that_fits),
		cmocka_unit_test(leaves_alone_what_it_cannot_tell_apart),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, managing_open, managing_close);
}
