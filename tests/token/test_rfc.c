/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What RFC 3394, 7516, 7518 and 7520 print, with their keys as token objects, through the real cekd-token.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/alg.h"
#include "published.h"

#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name

static struct rig rig;
static struct rig_worker use;
static char folder[256];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/tests/vectors", getenv("CEK_SOURCE"));
	rig_open(&rig, rig_kind());
	rig_start(&rig, &use, &(struct rig_options){.copy_keys = true}, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(rig_stop(&use), 0);
	rig_close(&rig);
	return 0;
}

static json_t *load(const char *file)
{
	json_t *json = published_load(folder, file);

	if (!json)
		fail_msg("%s/%s is missing", folder, file);
	return json;
}

static void rfc3394(void **state)
{
	json_t *file = load("rfc/rfc3394_section4.json"), *test;
	size_t i, n = 0;

	(void)state;
	json_array_foreach(json_object_get(file, "tests"), i, test)
	{
		struct octets kek, key, wrapped, cek;
		uint8_t id[16] = {(uint8_t)(i + 1)};
		char alg[16];

		published_hex(test, "kek", &kek);
		published_hex(test, "key", &key);
		published_hex(test, "wrapped", &wrapped);
		snprintf(alg, sizeof(alg), "A%zuKW", kek.len * 8);
		rig_create_aes(&rig, id, kek.data, kek.len);
		assert_int_equal(published_unwrap(&use, id, alg, "", key.len, &wrapped, NULL, &cek), OUTCOME(OK));
		assert_memory_equal(cek.data, key.data, key.len);
		wrapped.data[i] ^= 1;
		assert_int_equal(published_unwrap(&use, id, alg, "", key.len, &wrapped, NULL, &cek), OUTCOME(FAILED));
		n++;
	}
	assert_int_equal(n, 6);
	json_decref(file);
}

static void rfc7518_appendix_c(void **state)
{
	json_t *file = load("rfc/rfc7518_appendix_c.json"), *header = json_object();
	struct octets none = {0}, want, cek;
	uint8_t id[16];

	(void)state;
	published_key(&rig, json_object_get(file, "recipient_private"), id);
	json_object_set(header, "epk", json_object_get(file, "sender_epk_private"));
	json_object_set(header, "apu", json_object_get(file, "apu"));
	json_object_set(header, "apv", json_object_get(file, "apv"));
	published_b64u(file, "derived_key", &want);
	assert_int_equal(published_unwrap(&use, id, "ECDH-ES", "A128GCM", 16, &none, header, &cek), OUTCOME(OK));
	assert_memory_equal(cek.data, want.data, 16);
	json_object_set_new(header, "apu", json_string("Qm9i"));
	assert_int_equal(published_unwrap(&use, id, "ECDH-ES", "A128GCM", 16, &none, header, &cek), OUTCOME(OK));
	assert_memory_not_equal(cek.data, want.data, 16);
	json_decref(header);
	json_decref(file);
}

/* The encrypted key is the second part of a compact JWE, its parameters stand in the first. */
static void check_compact(const char *compact, const json_t *jwk, const struct octets *want)
{
	const char *dot = strchr(compact, '.'), *second = strchr(dot + 1, '.');
	struct octets text, encrypted_key, cek = {0};
	uint8_t id[16];
	json_t *header;

	published_b64u_text(compact, (size_t)(dot - compact), &text);
	published_b64u_text(dot + 1, (size_t)(second - dot - 1), &encrypted_key);
	header = json_loadb((const char *)text.data, text.len, 0, NULL);
	assert_non_null(header);
	published_key(&rig, jwk, id);
	assert_int_equal(published_unwrap(&use, id, published_string(header, "alg"), published_string(header, "enc"),
				 enc_find(published_string(header, "enc"))->cek_len, &encrypted_key, header, &cek),
		OUTCOME(OK));
	if (want)
		assert_memory_equal(cek.data, want->data, want->len);
	json_decref(header);
}

static void rfc7516_appendix_a(void **state)
{
	/* Appendices A.1.2 and A.3.2 print the CEK as octets. */
	static const struct octets cek1 = {32,
		{177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246, 138, 7, 110, 91, 112, 46,
			34, 105, 47, 130, 203, 46, 122, 234, 64, 252}};
	static const struct octets cek3 = {32,
		{4, 211, 31, 197, 84, 157, 252, 254, 11, 100, 157, 250, 63, 170, 106, 206, 107, 124, 212, 45, 111, 107,
			9, 219, 200, 177, 0, 240, 143, 156, 44, 207}};
	json_t *file = load("rfc/rfc7516_appendix_a.json"), *test;
	size_t i, n = 0;

	(void)state;
	json_array_foreach(json_object_get(file, "tests"), i, test)
	{
		const char *id = published_string(test, "id");

		if (strcmp(id, "A.1") != 0 && strcmp(id, "A.3") != 0)
			continue;
		check_compact(published_string(test, "jwe"), json_object_get(test, "key"),
			strcmp(id, "A.1") == 0 ? &cek1 : &cek3);
		n++;
	}
	assert_int_equal(n, 2);
	json_decref(file);
}

static void rfc7520(void **state)
{
	static const char *files[] = {
		"jwe__5_2.key_encryption_using_rsa-oaep_with_aes-gcm",
		"jwe__5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm",
		"jwe__5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2",
		"jwe__5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2",
		"jwe__5_8.key_wrap_using_aes-keywrap_with_aes-gcm",
		"curve25519__ecdh-es",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char name[160];
		json_t *file, *cek;
		struct octets want;

		snprintf(name, sizeof(name), "cookbook/%s.json", files[i]);
		file = load(name);
		cek = json_object_get(file,
			json_object_get(json_object_get(file, "encrypting_key"), "cek") ? "encrypting_key"
											: "generated");
		published_b64u(cek, "cek", &want);
		/* The last one prints a CEK that belongs to another example. */
		check_compact(published_string(json_object_get(file, "output"), "compact"),
			json_object_get(json_object_get(file, "input"), "key"), i < 5 ? &want : NULL);
		json_decref(file);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3394),
		cmocka_unit_test(rfc7516_appendix_a),
		cmocka_unit_test(rfc7518_appendix_c),
		cmocka_unit_test(rfc7520),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
