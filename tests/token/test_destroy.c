/* SPDX-License-Identifier: Apache-2.0 */
/* Destruction through the real manage worker: of the version's own objects alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "daemon/token/p11/public.h"
#include "managing.h"

/* The version's own object is gone, and another program's is the only one of its class and type with that CKA_ID. */
static void destroys_no_strangers_key_that_is_alone(void **state)
{
	static const uint8_t aes[32] = {1};
	uint8_t id[16], explicit_params[100] = {0x30, 98};
	uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	EVP_PKEY *rsa, *theirs, *ec;
	Cek__V1__PublicKey rsa_public, ec_public;
	struct public_half rsa_half, ec_half;
	uint8_t modulus[1024] = {0xc1};
	const ProtobufCBinaryData silent[8] = {0}, large[8] = {{sizeof(modulus), modulus}};
	bool whole;

	(void)state;
	if (rig.nss)
		skip(); /* refuses such keys */
	rsa = EVP_RSA_gen(2048);
	theirs = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	half_of(rsa, &rsa_half);
	public_to_jose(&rsa_half, &rsa_public);
	half_of(ec, &ec_half);
	public_to_jose(&ec_half, &ec_public);

	/* Of another size. */
	fresh_id(id);
	rig_create_rsa(&rig, id, large);
	manage_destroy("RSA-OAEP-256", id, &rsa_public, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 1);
	fresh_id(id);
	rig_create_aes(&rig, id, aes, 16);
	manage_destroy("A256KW", id, NULL, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 1);
	manage_destroy("A128KW", id, NULL, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 0);
	/* On another curve, described at length. */
	fresh_id(id);
	create_odd_ec(id, explicit_params, sizeof(explicit_params), 32);
	manage_destroy("ECDH-ES", id, &ec_public, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 1);
	/* Of the same kind, at each single call that fails, and if it goes on. */
	fresh_id(id);
	create_rsa_twin(id, "theirs", theirs, true);
	for (int skip_calls = 0; skip_calls < 4; skip_calls++) {
		shim->skip = skip_calls;
		misbehave("C_GetAttributeValue", CKR_DEVICE_ERROR, 1);
		manage_destroy("RSA-OAEP", id, &rsa_public, OUTCOME(OK));
		shim->times = 0;
		assert_int_equal(manage_count(id, &whole), 1);
	}
	shim->skip = 0;
	misbehave("C_GetAttributeValue", CKR_DEVICE_ERROR, -1);
	manage_destroy("RSA-OAEP", id, &rsa_public, OUTCOME(INTERNAL));
	shim->skip = 1;
	misbehave("C_GetAttributeValue", CKR_DEVICE_ERROR, -1);
	manage_destroy("RSA-OAEP", id, &rsa_public, OUTCOME(INTERNAL));
	shim->times = 0;
	assert_int_equal(manage_count(id, &whole), 1);
	/* They do not tell: they could be the version's. */
	fresh_id(id);
	rig_create_rsa(&rig, id, silent);
	manage_destroy("RSA-OAEP", id, &rsa_public, OUTCOME(REFUSED));
	fresh_id(id);
	create_odd_ec(id, NULL, 0, 32);
	manage_destroy("ECDH-ES", id, &ec_public, OUTCOME(REFUSED));
	fresh_id(id);
	create_odd_ec(id, p256, sizeof(p256), 0);
	manage_destroy("ECDH-ES", id, &ec_public, OUTCOME(INTERNAL));
	assert_int_equal(manage_count(id, &whole), 1);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(ec);
}

/* Keys of others that do not tell, or at which the token fails, are no reason to keep the version's own, before or
 * behind them. */
static void destroys_its_own_among_broken_keys(void **state)
{
	uint8_t id[16], p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	EVP_PKEY *rsa, *ec;
	Cek__V1__PublicKey public;
	struct public_half half;
	ProtobufCBinaryData part[8] = {0};
	bool whole;

	(void)state;
	if (rig.nss)
		skip();
	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	fresh_id(id);
	for (int i = 0; i < 3; i++) {
		rig_create_rsa(&rig, id, part);
		create_odd_ec(id, p256, sizeof(p256), 0);
		if (i == 1) {
			create_ec(id, ec, ec);
			create_rsa_twin(id, "ours", rsa, true);
		}
	}
	assert_int_equal(manage_count(id, &whole), 9);
	half_of(ec, &half);
	public_to_jose(&half, &public);
	manage_destroy("ECDH-ES", id, &public, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 7);
	half_of(rsa, &half);
	public_to_jose(&half, &public);
	manage_destroy("RSA-OAEP", id, &public, OUTCOME(OK));
	assert_int_equal(manage_count(id, &whole), 6);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

static void destroys_both_halves(void **state)
{
	static const char *algs[] = {"RSA-OAEP", "A256KW", "ECDH-ES"};
	bool whole;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const bool secret = i % 3 == 1;
		Cek__Internal__V1__FromWorker *answer;
		Cek__V1__PublicKey *public;
		uint8_t id[16];

		fresh_id(id);
		answer = manage_generate(algs[i % 3], id, 2048, "");
		assert_int_equal(manage_count(id, &whole), secret ? 1 : 2);
		assert_true(whole);
		public = secret || i >= 3 ? NULL : answer->result->public_key;
		manage_destroy(algs[i % 3], id, public, OUTCOME(OK));
		assert_int_equal(manage_count(id, &whole), 0);
		manage_destroy(algs[i % 3], id, public, OUTCOME(OK));
		rig_free(answer);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destroys_both_halves),
		cmocka_unit_test(destroys_no_strangers_key_that_is_alone),
		cmocka_unit_test(destroys_its_own_among_broken_keys),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, managing_open, managing_close);
}
