/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Project Wycheproof through the real cekd-token: what is valid opens, what is invalid is FAILED, and so is what JWE
 * does not have (labels, 8-byte keys, an all-zero agreement). The vectors lie outside of this repository.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "proto/alg.h"
#include "published.h"

#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name

static struct rig rig;
static struct rig_worker use;
static char folder[512];

struct tally {
	unsigned opened, refused, elsewhere;
};

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/wycheproof",
		getenv("CEK_VECTORS") ? getenv("CEK_VECTORS") : "../shared/vectors");
	rig_open(&rig, rig_kind());
	rig_start(&rig, &use, &(struct rig_options){.copy_keys = false}, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(rig_stop(&use), 0);
	rig_close(&rig);
	return 0;
}

/* Out loud: a missing folder must not look like a pass. */
static json_t *load(const char *file)
{
	json_t *json = published_load(folder, file);

	if (json)
		return json;
	printf("# MISSING: %s/%s; set CEK_VECTORS\n", folder, file);
	skip();
	return NULL;
}

static void say(const char *file, const struct tally *tally)
{
	printf("# %s: %u opened, %u refused, %u of a length that no CEK has (test_oaep decodes them)\n", file,
		tally->opened, tally->refused, tally->elsewhere);
}

static bool flagged(const json_t *test, const char *flag)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(test, "flags"), i,
		entry) if (strcmp(json_string_value(entry), flag) == 0) return true;
	return false;
}

static void forget(const uint8_t id[16])
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__ForgetJob op = CEK__INTERNAL__V1__FORGET_JOB__INIT;

	op.cka_id = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)id};
	job.op_case = CEK__INTERNAL__V1__JOB__OP_FORGET;
	job.forget = &op;
	rig_free(rig_call(&use, &job));
}

static void expect(const char *file, const json_t *test, bool opens, Cek__Internal__V1__Outcome outcome,
	const struct octets *cek, const struct octets *want, struct tally *tally)
{
	const int id = (int)json_integer_value(json_object_get(test, "tcId"));

	if (opens != (outcome == OUTCOME(OK)) || (!opens && outcome != OUTCOME(FAILED)))
		fail_msg("%s %d (%s): outcome %d", file, id, published_string(test, "comment"), outcome);
	if (opens && (cek->len != want->len || memcmp(cek->data, want->data, want->len) != 0))
		fail_msg("%s %d (%s): wrong key", file, id, published_string(test, "comment"));
	*(opens ? &tally->opened : &tally->refused) += 1;
}

static bool all_zero(const struct octets *octets)
{
	for (size_t i = 0; i < octets->len; i++)
		if (octets->data[i])
			return false;
	return true;
}

static void check_rsa(const char *file, const char *alg, bool ours)
{
	json_t *json = load(file), *group, *test;
	struct tally tally = {0};
	size_t i, j;

	json_array_foreach(json_object_get(json, "testGroups"), i, group)
	{
		struct octets pkcs8;
		uint8_t id[16];

		published_hex(group, "privateKeyPkcs8", &pkcs8);
		published_rsa(&rig, &pkcs8, id);
		json_array_foreach(json_object_get(group, "tests"), j, test)
		{
			bool valid = strcmp(published_string(test, "result"), "valid") == 0;
			struct octets message, encrypted, label, cek = {0};

			published_hex(test, "msg", &message);
			published_hex(test, "ct", &encrypted);
			published_hex(test, "label", &label);
			if (message.len == 0 || message.len > CEK_LEN_MAX) {
				tally.elsewhere++;
				message.len = 32;
				valid = false;
			}
			expect(file, test, valid && ours && label.len == 0 && !all_zero(&message),
				published_unwrap(&use, id, alg, "", message.len, &encrypted, NULL, &cek), &cek,
				&message, &tally);
		}
		forget(id);
	}
	say(file, &tally);
	assert_true(!ours || tally.opened > 0);
	json_decref(json);
}

static void rsa_oaep(void **state)
{
	(void)state;
	check_rsa("rsa_oaep_2048_sha1_mgf1sha1_test.json", "RSA-OAEP", true);
	check_rsa("rsa_oaep_2048_sha256_mgf1sha256_test.json", "RSA-OAEP-256", true);
	check_rsa("rsa_oaep_3072_sha256_mgf1sha256_test.json", "RSA-OAEP-256", true);
	check_rsa("rsa_oaep_2048_sha384_mgf1sha384_test.json", "RSA-OAEP-384", true);
	check_rsa("rsa_oaep_2048_sha512_mgf1sha512_test.json", "RSA-OAEP-512", true);
	check_rsa("rsa_oaep_3072_sha512_mgf1sha512_test.json", "RSA-OAEP-512", true);
}

static void rsa_oaep_with_mixed_hashes(void **state)
{
	(void)state;
	check_rsa("rsa_oaep_2048_sha256_mgf1sha1_test.json", "RSA-OAEP-256", false);
	check_rsa("rsa_oaep_2048_sha256_mgf1sha1_test.json", "RSA-OAEP", false);
}

static void aes_wrap(void **state)
{
	static const char file[] = "aes_wrap_test.json";
	json_t *json = load(file), *group, *test;
	struct tally tally = {0};
	size_t i, j;

	(void)state;
	json_array_foreach(json_object_get(json, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), j, test)
	{
		bool opens = strcmp(published_string(test, "result"), "valid") == 0;
		struct octets key, message, wrapped, cek = {0};
		uint8_t id[16] = {1, (uint8_t)i, (uint8_t)j};
		CK_OBJECT_HANDLE object;
		char alg[16];

		published_hex(test, "key", &key);
		published_hex(test, "msg", &message);
		published_hex(test, "ct", &wrapped);
		if (message.len < 16 || message.len > CEK_LEN_MAX) {
			tally.elsewhere += opens;
			message.len = 16;
			opens = false;
		}
		snprintf(alg, sizeof(alg), "A%zuKW", key.len * 8);
		object = rig_create_aes(&rig, id, key.data, key.len);
		expect(file, test, opens, published_unwrap(&use, id, alg, "", message.len, &wrapped, NULL, &cek), &cek,
			&message, &tally);
		forget(id);
		assert_int_equal(rig.f->C_DestroyObject(rig.session, object), CKR_OK);
	}
	say(file, &tally);
	assert_true(tally.opened > 0);
	json_decref(json);
}

/* RFC 7518 section 4.6.2 for 64 bytes and empty party information, not by the code under test. */
static void concat_kdf(const struct octets *z, struct octets *ret_key)
{
	static const char enc[] = "A256CBC-HS512";
	static const uint8_t rest[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0};

	ret_key->len = 64;
	for (uint8_t round = 1; round <= 2; round++) {
		uint8_t buffer[256] = {0, 0, 0, round}, *at = buffer + 4;

		memcpy(at, z->data, z->len);
		at += z->len;
		memcpy(at, (const uint8_t[]){0, 0, 0, sizeof(enc) - 1}, 4);
		memcpy(at + 4, enc, sizeof(enc) - 1);
		at += 4 + sizeof(enc) - 1;
		memcpy(at, rest, sizeof(rest));
		at += sizeof(rest);
		SHA256(buffer, (size_t)(at - buffer), ret_key->data + 32 * (round - 1));
	}
}

static void check_agreement(const char *file)
{
	json_t *json = load(file), *group, *test;
	struct tally tally = {0};
	size_t i, j;

	json_array_foreach(json_object_get(json, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), j, test)
	{
		json_t *header = json_pack("{s:O}", "epk", json_object_get(test, "public"));
		bool opens = strcmp(published_string(test, "result"), "invalid") != 0 &&
			!flagged(test, "ZeroSharedSecret");
		Cek__Internal__V1__Outcome outcome;
		struct octets none = {0}, z, want, cek = {0};
		uint8_t id[16];
		CK_OBJECT_HANDLE private;

		published_hex(test, "shared", &z);
		concat_kdf(&z, &want);
		private = published_key(&rig, json_object_get(test, "private"), id);
		outcome = published_unwrap(&use, id, "ECDH-ES", "A256CBC-HS512", 64, &none, header, &cek);
		/* RFC 7748 takes x modulo p; NSS refuses what is not below p. Both are fine. */
		if (flagged(test, "NonCanonicalPublic") && outcome == OUTCOME(FAILED))
			opens = false;
		expect(file, test, opens, outcome, &cek, &want, &tally);
		forget(id);
		assert_int_equal(rig.f->C_DestroyObject(rig.session, private), CKR_OK);
		assert_int_equal(rig.f->C_DestroyObject(rig.session, rig_last_public()), CKR_OK);
		json_decref(header);
	}
	say(file, &tally);
	assert_true(tally.opened > 0);
	json_decref(json);
}

static void ecdh_p256(void **state)
{
	(void)state;
	check_agreement("ecdh_secp256r1_webcrypto_test.json");
}

static void ecdh_p384(void **state)
{
	(void)state;
	check_agreement("ecdh_secp384r1_webcrypto_test.json");
}

static void ecdh_p521(void **state)
{
	(void)state;
	check_agreement("ecdh_secp521r1_webcrypto_test.json");
}

static void x25519(void **state)
{
	(void)state;
	check_agreement("x25519_jwk_test.json");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsa_oaep),
		cmocka_unit_test(rsa_oaep_with_mixed_hashes),
		cmocka_unit_test(aes_wrap),
		cmocka_unit_test(ecdh_p256),
		cmocka_unit_test(ecdh_p384),
		cmocka_unit_test(ecdh_p521),
		cmocka_unit_test(x25519),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
