/* SPDX-License-Identifier: Apache-2.0 */
/* Import through the real manage worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "daemon/token/p11/public.h"
#include "managing.h"

static Cek__Internal__V1__FromWorker *transport(void)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__TransportJob op = CEK__INTERNAL__V1__TRANSPORT_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;

	job.op_case = CEK__INTERNAL__V1__JOB__OP_TRANSPORT;
	job.transport = &op;
	answer = rig_call(&manage, &job);
	assert_int_equal(answer->result->outcome, OUTCOME(OK));
	assert_int_equal(answer->result->bits, 3072);
	return answer;
}

struct package {
	uint8_t aes[512], key[4096];
	size_t aes_len, key_len;
};

/* What an operator's tool does with a private key. */
static void pack(const Cek__V1__PublicKey *transport_key, const uint8_t *plain, size_t len, struct package *ret_package)
{
	struct public_half half;
	EVP_PKEY *public;
	EVP_PKEY_CTX *ctx;
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t kek[32];
	int n = 0;

	assert_true(public_from_jose(transport_key, &half));
	public = public_for_openssl(&half);
	ctx = EVP_PKEY_CTX_new(public, NULL);
	assert_int_equal(RAND_bytes(kek, sizeof(kek)), 1);
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	ret_package->aes_len = sizeof(ret_package->aes);
	assert_int_equal(EVP_PKEY_encrypt(ctx, ret_package->aes, &ret_package->aes_len, kek, sizeof(kek)), 1);
	EVP_CIPHER_CTX_set_flags(cipher, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_aes_256_wrap_pad(), NULL, kek, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(cipher, ret_package->key, &n, plain, (int)len), 1);
	ret_package->key_len = (size_t)n;
	EVP_CIPHER_CTX_free(cipher);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(public);
}

static Cek__Internal__V1__FromWorker *import(const char *alg, const uint8_t id[16], const char *transport_id,
	struct package *package, Cek__V1__PublicKey *public)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__ImportJob op = CEK__INTERNAL__V1__IMPORT_JOB__INIT;

	op.label = (char *)(uintptr_t) "imported";
	op.cka_id = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)id};
	op.alg = (char *)(uintptr_t)alg;
	op.transport_id = (char *)(uintptr_t)transport_id;
	op.wrapped_aes_key = (ProtobufCBinaryData){package->aes_len, package->aes};
	op.wrapped_key = (ProtobufCBinaryData){package->key_len, package->key};
	op.public_key = public;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_IMPORT;
	job.import = &op;
	return manage_call(&job);
}

static size_t pkcs8(EVP_PKEY *key, uint8_t **ret_der)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	int len;

	*ret_der = NULL;
	len = i2d_PKCS8_PRIV_KEY_INFO(info, ret_der);
	assert_true(len > 0);
	PKCS8_PRIV_KEY_INFO_free(info);
	return (size_t)len;
}

static void check_import(const char *alg, EVP_PKEY *key)
{
	Cek__Internal__V1__FromWorker *door = transport(), *answer;
	Cek__V1__PublicKey public;
	struct public_half half;
	struct package package;
	char kid[KID_LEN];
	uint8_t id[16], *der;
	size_t len = pkcs8(key, &der);

	fresh_id(id);
	half_of(key, &half);
	public_to_jose(&half, &public);
	public_thumbprint(&half, kid);
	pack(door->result->public_key, der, len, &package);
	OPENSSL_free(der);
	answer = import(alg, id, door->result->transport_id, &package, &public);
	if (answer->result->outcome != OUTCOME(OK))
		fail_msg("%s: %d %s", alg, answer->result->outcome, answer->result->text);
	assert_string_equal(answer->result->kid, kid);
	if (*answer->result->note)
		printf("%s %s: %s\n", alg, answer->result->crv, answer->result->note);
	rig_free(answer);

	/* The same CKA_ID twice, and a bit flipped on the way. */
	answer = import(alg, id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	fresh_id(id);
	package.key[9] ^= 1;
	answer = import(alg, id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	package.key[9] ^= 1;
	package.aes[100] ^= 1;
	answer = import(alg, id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	rig_free(door);
	EVP_PKEY_free(key);
}

static void imports_pairs(void **state)
{
	(void)state;
	check_import("RSA-OAEP-256", EVP_RSA_gen(2048));
	check_import("RSA-OAEP", EVP_RSA_gen(2048));
	check_import("ECDH-ES+A256KW", EVP_EC_gen("P-256"));
	check_import("ECDH-ES", EVP_EC_gen("P-384"));
	check_import("ECDH-ES+A128KW", EVP_EC_gen("P-521"));
	check_import("ECDH-ES+A256KW", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
}

static void imports_aes(void **state)
{
	static const struct {
		const char *alg;
		size_t len;
		bool good;
	} cases[] = {
		{"A128KW", 16, true},
		{"A256KW", 32, true},
		{"A192GCMKW", 24, true},
		{"A256KW", 16, false},
		{"A128GCMKW", 32, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Cek__Internal__V1__FromWorker *door = transport(), *answer;
		struct package package;
		uint8_t id[16], key[32];
		bool whole;

		fresh_id(id);
		assert_int_equal(RAND_bytes(key, sizeof(key)), 1);
		pack(door->result->public_key, key, cases[i].len, &package);
		answer = import(cases[i].alg, id, door->result->transport_id, &package, NULL);
		if (answer->result->outcome != (cases[i].good ? OUTCOME(OK) : OUTCOME(REFUSED)))
			fail_msg("%s %zu: %d %s", cases[i].alg, cases[i].len, answer->result->outcome,
				answer->result->text);
		if (cases[i].good)
			assert_int_equal(strlen(answer->result->kid), 22);
		assert_int_equal(manage_count(id, &whole), cases[i].good);
		assert_true(whole);
		rig_free(answer);
		rig_free(door);
	}
}

/* Of whichever class; the inventory has no public ones. */
static CK_ULONG count_objects(uint8_t id[16])
{
	CK_ATTRIBUTE template = {CKA_ID, id, 16};
	CK_OBJECT_HANDLE objects[8];
	CK_ULONG n = 0;

	assert_int_equal(rig.f->C_FindObjectsInit(rig.session, &template, 1), CKR_OK);
	assert_int_equal(rig.f->C_FindObjects(rig.session, objects, 8, &n), CKR_OK);
	assert_int_equal(rig.f->C_FindObjectsFinal(rig.session), CKR_OK);
	return n;
}

/* Before anything is looked for or opened. */
static void refuses_what_the_token_does_not_do(void **state)
{
	struct package package = {.aes_len = 1, .key_len = 40};
	struct rig_worker usual = manage;
	Cek__Internal__V1__FromWorker *answer;
	uint8_t id[16];

	(void)state;
	fresh_id(id);
	misbehave("C_EncryptInit", CKR_MECHANISM_INVALID, -1);
	rig_start(&rig, &manage, &(struct rig_options){.manage = true}, NULL);
	answer = import("A256GCMKW", id, "no such transport key", &package, NULL);
	assert_int_equal(rig_stop(&manage), 0);
	manage = usual;
	assert_int_equal(answer->result->outcome, OUTCOME(UNSUPPORTED));
	assert_string_equal(answer->result->text, "the token does not do CKM_AES_GCM");
	assert_int_equal(count_objects(id), 0);
	rig_free(answer);
}

static void refuses_what_does_not_belong_together(void **state)
{
	Cek__Internal__V1__FromWorker *door = transport(), *answer;
	EVP_PKEY *one = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256"), *small = EVP_RSA_gen(1024);
	Cek__V1__PublicKey public;
	struct public_half half;
	struct package package;
	uint8_t id[16], *der;
	size_t len = pkcs8(one, &der);

	(void)state;
	fresh_id(id);
	half_of(other, &half);
	public_to_jose(&half, &public);
	pack(door->result->public_key, der, len, &package);
	answer = import("ECDH-ES", id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	assert_int_equal(count_objects(id), 0); /* neither half is left behind */
	rig_free(answer);
	answer = import("RSA-OAEP", id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	answer = import("ECDH-ES", id, "no such transport key", &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	OPENSSL_free(der);

	len = pkcs8(small, &der);
	half_of(small, &half);
	public_to_jose(&half, &public);
	pack(door->result->public_key, der, len, &package);
	answer = import("RSA-OAEP", id, door->result->transport_id, &package, &public);
	assert_int_equal(answer->result->outcome, OUTCOME(REFUSED));
	rig_free(answer);
	OPENSSL_free(der);
	rig_free(door);
	EVP_PKEY_free(one);
	EVP_PKEY_free(other);
	EVP_PKEY_free(small);
}

static EVP_PKEY *rsa_of_three_primes(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	assert_true(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
	assert_true(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, 3) == 1 && EVP_PKEY_keygen(ctx, &key) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* A token that takes it has a key of which n is not p q: it computes wrong CEKs, or finds out each time. */
static void refuses_more_than_two_primes(void **state)
{
	Cek__Internal__V1__FromWorker *door = transport(), *answer;
	EVP_PKEY *key = rsa_of_three_primes();
	Cek__V1__PublicKey public;
	struct public_half half;
	struct package package;
	uint8_t id[16], *der;
	size_t len = pkcs8(key, &der);
	bool whole;

	(void)state;
	fresh_id(id);
	half_of(key, &half);
	public_to_jose(&half, &public);
	pack(door->result->public_key, der, len, &package);
	answer = import("RSA-OAEP", id, door->result->transport_id, &package, &public);
	if (answer->result->outcome != OUTCOME(REFUSED))
		fail_msg("%d %s, %zu bytes", answer->result->outcome, answer->result->text, len);
	assert_int_equal(manage_count(id, &whole), 0);
	rig_free(answer);
	OPENSSL_free(der);
	rig_free(door);
	EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imports_pairs),
		cmocka_unit_test(imports_aes),
		cmocka_unit_test_setup_teardown(refuses_what_the_token_does_not_do, behave, behave),
		cmocka_unit_test(refuses_what_does_not_belong_together),
		cmocka_unit_test(refuses_more_than_two_primes),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, managing_open, managing_close);
}
