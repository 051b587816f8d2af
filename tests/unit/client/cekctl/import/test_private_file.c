/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/import/private_file.c, private_fit.c and private_pem.c: sets, kids, DER, passphrases. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "client/cekctl/import/private_file.h"
#include "proto/alg.h"
#include "tests/unit/client/cekctl/import/private_keys.h"

#define K1 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define K2 "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define OCT(k) "{\"kty\":\"oct\",\"k\":\"" k "\""
#define PUBLIC "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\",\"kid\":\"p\"}"

static struct private_file file;
static char why[PRIVATE_WHY];

static int read_text(const char *text, const char *alg, const char *kid)
{
	const struct private_wanted wanted = {.alg = alg_find(alg), .kid = kid};

	why[0] = '\0';
	return private_file_read(text, strlen(text), &wanted, &file, why);
}

static void expect_refused(const char *text, const char *kid, const char *reason)
{
	assert_int_equal(read_text(text, "A256KW", kid), -EINVAL);
	if (!strstr(why, reason))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, why, reason);
}

/* Kids of those that are imported and marks of those that are skipped, in order. */
static void expect(const char *text, const char *kid, const char *wanted)
{
	char got[256] = "";

	if (read_text(text, "A256KW", kid) < 0)
		fail_msg("%s: %s", text, why);
	for (size_t i = 0; i < file.n; i++) {
		const struct private_entry *entry = &file.entries[i];

		assert_int_equal(entry->number, i + 1);
		assert_int_equal(entry->key.secret != NULL, !*entry->skipped);
		strcat(strcat(got, *entry->skipped ? "-" : "+"), entry->kid);
	}
	assert_string_equal(got, wanted);
	private_file_deinit(&file);
}

static void test_kid(void **state)
{
	char longest[KID_MAX + 2], text[512];

	expect(OCT(K1) "}", NULL, "+");
	expect(OCT(K1) ",\"kid\":\"issuer 1\"}", NULL, "+issuer 1");
	expect(OCT(K1) ",\"kid\":\"a\"}", "b", "+b");
	expect(OCT(K1) "}", "b", "+b");
	expect(OCT(K1) ",\"kid\":\"\"}", "b", "+b");
	expect_refused(OCT(K1) ",\"kid\":\"\"}", NULL, "\"kid\" is empty");
	expect_refused(OCT(K1) ",\"kid\":7}", NULL, "\"kid\" is not a string");
	expect_refused(OCT(K1) ",\"kid\":null}", NULL, "\"kid\" is not a string");
	expect_refused(OCT(K1) ",\"kid\":\" a\"}", NULL, "\"kid\" begins or ends with a space");
	expect_refused(OCT(K1) ",\"kid\":\"a\\u0000\"}", NULL, "\"kid\" has the character U+FFFF");
	expect_refused(OCT(K1) ",\"kid\":\"ab\\u200b\"}", NULL,
		"\"kid\" has the character U+200B, which nobody sees, after 2");
	expect_refused(OCT(K1) ",\"kid\":\"\\t\"}", NULL, "\"kid\" has the character U+0009");
	for (size_t n = KID_MAX; n <= KID_MAX + 1; n++) {
		memset(longest, 'k', n);
		longest[n] = '\0';
		snprintf(text, sizeof(text), OCT(K1) ",\"kid\":\"%s\"}", longest);
		assert_int_equal(read_text(text, "A256KW", NULL), n == KID_MAX ? 0 : -EINVAL);
	}
	assert_non_null(strstr(why, "\"kid\" is longer than 256 bytes"));
	private_file_deinit(&file);
}

static void test_set(void **state)
{
	expect("{\"keys\":[" OCT(K1) "}]}", NULL, "+");
	expect("{\"keys\":[" OCT(K1) ",\"kid\":\"a\"}]}", "b", "+b"); /* of one: as a JWK */
	expect("{\"keys\":[" OCT(K1) ",\"kid\":\"a\"}," PUBLIC "," OCT(K2) "}],\"next\":1e999}", NULL, "+a-p+");
	expect("{\"keys\":[" PUBLIC "," OCT(K1) ",\"kid\":\"a\",\"use\":\"sig\"}," OCT("AA") "}," OCT(K2) "}]}", NULL,
		"-p-a-+");
	expect("{\"keys\":[" OCT(K1) ",\"kid\":\"a\"}," OCT(K2) ",\"kid\":\"b\"}]}", "b", "-+b");
	/* what is wrong with those that are not asked for is no matter */
	expect("{\"keys\":[7,{},{\"kty\":1},{\"kty\":\"oct\",\"kid\":\"\"}," OCT(K2) ",\"kid\":\"b\"}]}", "b",
		"----+b");
}

static void test_set_refused(void **state)
{
	expect_refused("{\"keys\":[]}", NULL, "has no keys");
	expect_refused("{\"keys\":{}}", NULL, "not an array");
	expect_refused("{\"keys\":null}", NULL, "not an array");
	expect_refused("{\"keys\":[" PUBLIC "]}", NULL, "needs a key of kty oct");
	expect_refused("{\"keys\":[" PUBLIC "," PUBLIC "]}", NULL, "no key of the set fits; key 1: A256KW needs");
	expect_refused("{\"keys\":[" OCT(K1) "}," OCT(K1) ",\"kid\":\"b\"}]}", NULL,
		"keys 1 and 2 of the set are the same");
	expect_refused("{\"keys\":[" OCT(K1) ",\"kid\":\"b\"}," PUBLIC "," OCT(K2) ",\"kid\":\"b\"}]}", NULL,
		"keys 1 and 3 of the set both fit and have the kid b");
	expect_refused("{\"keys\":[" OCT(K1) ",\"kid\":\"a\"}," OCT("****") ",\"kid\":\"b\"}]}", NULL,
		"key 2 of the set (kid b): \"k\" is not base64url");
	expect_refused("{\"keys\":[" OCT(K1) ",\"kid\":\"a\"},7]}", NULL, "key 2 of the set: not a JSON object");
	expect_refused("{\"keys\":[" OCT(K1) ",\"kid\":\"a\"}," OCT(K2) ",\"kid\":\"\"}]}", NULL,
		"key 2 of the set: the JWK's \"kid\" is empty");
	expect_refused("{\"keys\":[" OCT(K1) ",\"kid\":\"a\"}," OCT(K2) ",\"kid\":\"b\"}]}", "c", "has the kid c");
	expect_refused("{\"keys\":[" OCT(K1) ",\"kid\":\"a\",\"use\":\"sig\"}," OCT(K2) "}]}", "a",
		"\"use\" is \"sig\"");
	expect_refused("{\"keys\":[" OCT(K1) "}],\"keys\":[]}", NULL, "a member twice");
	expect_refused("{\"keys\":[" OCT(K1) ",\"kty\":\"oct\"}]}", NULL, "a member twice");
	expect_refused("{\"keys\":[" OCT(K1) "}]}x", NULL, "fault in the JSON");
}

/* A set at its limits, and one past each: keys, nesting. */
static void test_limits(void **state)
{
	char *text = malloc(PRIVATE_FILE_MAX);

	for (int n = PRIVATE_KEYS_MAX; n <= PRIVATE_KEYS_MAX + 1; n++) {
		size_t len = (size_t)sprintf(text, "{\"keys\":[" PUBLIC);

		for (int i = 2; i < n; i++)
			len += (size_t)sprintf(text + len, "," PUBLIC);
		sprintf(text + len, "," OCT(K1) "}]}");
		assert_int_equal(read_text(text, "A256KW", NULL), n == PRIVATE_KEYS_MAX ? 0 : -EINVAL);
	}
	assert_non_null(strstr(why, "more than 64 keys"));
	private_file_deinit(&file);
	for (int depth = 128; depth <= 129; depth++) {
		size_t len = (size_t)sprintf(text, OCT(K1) ",\"a\":");

		memset(text + len, '[', (size_t)depth - 1);
		memset(text + len + depth - 1, ']', (size_t)depth - 1);
		strcpy(text + len + 2 * (depth - 1), "}");
		assert_int_equal(read_text(text, "A256KW", NULL), depth == 128 ? 0 : -EINVAL);
	}
	assert_non_null(strstr(why, "nested more than 128 deep"));
	private_file_deinit(&file);
	free(text);
}

static void test_contradictions(void **state)
{
	expect(OCT(K1) ",\"use\":\"enc\",\"key_ops\":[\"unwrapKey\",\"wrapKey\"],\"alg\":\"A256KW\"}", NULL, "+");
	expect_refused(OCT(K1) ",\"alg\":\"A128KW\"}", NULL, "\"alg\" is \"A128KW\", not A256KW");
	expect_refused(OCT(K1) ",\"alg\":\"\"}", NULL, "\"alg\" is \"\"");
	expect_refused(OCT(K1) ",\"use\":\"sig\"}", NULL, "\"use\" is \"sig\"");
	expect_refused(OCT(K1) ",\"use\":\"enc\",\"key_ops\":[\"unwrapKey\",\"sign\"]}", NULL,
		"\"key_ops\" has \"sign\"");
	expect_refused(OCT(K1) ",\"key_ops\":[\"deriveKey\"]}", NULL, "\"key_ops\" has neither \"decrypt\" nor");
	expect_refused(OCT(K1) ",\"key_ops\":[]}", NULL, "\"key_ops\" has neither");
	expect_refused(OCT(K1) ",\"key_ops\":\"decrypt\"}", NULL, "\"key_ops\" is not an array");
	expect_refused(OCT(K1) ",\"key_ops\":[\"decrypt\",1]}", NULL, "\"key_ops\" has what is not a string");
	expect_refused(OCT(K1) ",\"key_ops\":[\"decrypt\",\"decrypt\"]}", NULL, "\"key_ops\" has \"decrypt\" twice");
	expect_refused("{\"kty\":\"EC\",\"alg\":\"A256KW\"}", NULL,
		"\"alg\" is A256KW, which does not fit its \"kty\" EC");
	assert_int_equal(read_text("{\"kty\":\"EC\",\"crv\":\"X25519\",\"d\":\"AA\"}", "ECDH-ES", NULL), -EINVAL);
	assert_non_null(strstr(why, "\"crv\" is X25519, which does not fit its \"kty\" EC"));
	assert_int_equal(read_text("{\"kty\":\"RSA\",\"p\":\"AA\"}", "RSA-OAEP", NULL), -EINVAL);
	assert_non_null(strstr(why, "has no \"d\""));
}

/* ---- PEM and DER ------------------------------------------------------------------------------------------------- */

struct asked {
	const char *text; /* NULL: it cannot be had */
	int times;
};

static int give(void *owner, char *ret_text, size_t size, char ret_why[PRIVATE_WHY])
{
	struct asked *asked = owner;

	asked->times++;
	if (!asked->text)
		return private_refuse(ret_why, "nobody is there");
	assert_true(strlen(asked->text) <= size);
	memcpy(ret_text, asked->text, strlen(asked->text));
	return (int)strlen(asked->text);
}

static int read_with(BIO *bio, const EVP_PKEY *pkey, struct asked *asked)
{
	const struct passphrase passphrase = {give, asked};
	const struct private_wanted wanted = {.alg = alg_find(EVP_PKEY_is_a(pkey, "RSA") ? "RSA-OAEP" : "ECDH-ES"),
		.kid = "k",
		.passphrase = asked ? &passphrase : NULL};
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	int r = private_file_read(data, (size_t)len, &wanted, &file, why);

	if (r == 0) {
		assert_int_equal(file.n, 1);
		assert_string_equal(file.entries[0].kid, "k");
		private_file_deinit(&file);
	}
	return r;
}

typedef int writer(BIO *bio, EVP_PKEY *pkey);

static int pkcs8_pem(BIO *bio, EVP_PKEY *pkey)
{
	return PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
}

static int old_pem(BIO *bio, EVP_PKEY *pkey)
{
	return PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL);
}

static int pkcs8_der(BIO *bio, EVP_PKEY *pkey)
{
	return i2d_PKCS8PrivateKey_bio(bio, pkey, NULL, NULL, 0, NULL, NULL);
}

static int old_der(BIO *bio, EVP_PKEY *pkey)
{
	return i2d_PrivateKey_bio(bio, pkey);
}

static int locked_pem(BIO *bio, EVP_PKEY *pkey)
{
	return PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_256_cbc(), "open sesame", 11, NULL, NULL);
}

static int locked_old_pem(BIO *bio, EVP_PKEY *pkey)
{
	return PEM_write_bio_PrivateKey_traditional(bio, pkey, EVP_aes_256_cbc(), (const unsigned char *)"open sesame",
		11, NULL, NULL);
}

static int locked_der(BIO *bio, EVP_PKEY *pkey)
{
	return i2d_PKCS8PrivateKey_bio(bio, pkey, EVP_aes_256_cbc(), "open sesame", 11, NULL, NULL);
}

static EVP_PKEY *keys[3];

static void test_forms(void **state)
{
	static writer *const plain[] = {pkcs8_pem, old_pem, pkcs8_der, old_der};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		for (size_t k = 0; k < 3; k++) {
			BIO *bio = BIO_new(BIO_s_mem());
			struct asked asked = {.text = "not needed"};

			if (k == 2 && (plain[i] == old_pem || plain[i] == old_der)) {
				BIO_free(bio);
				continue; /* X25519 is of PKCS#8 alone */
			}
			assert_true(plain[i](bio, keys[k]) > 0);
			if (read_with(bio, keys[k], &asked) < 0)
				fail_msg("form %zu, key %zu: %s", i, k, why);
			assert_int_equal(asked.times, 0);
			BIO_free(bio);
		}
}

static void test_passphrase(void **state)
{
	static writer *const locked[] = {locked_pem, locked_old_pem, locked_der};
	static const char *const wrong[] = {"open sesam", "open sesame ", "x"};

	for (size_t i = 0; i < sizeof(locked) / sizeof(locked[0]); i++)
		for (size_t k = 0; k < 3; k++) {
			BIO *bio = BIO_new(BIO_s_mem());
			struct asked asked = {.text = "open sesame"};

			if (k == 2 && locked[i] == locked_old_pem) {
				BIO_free(bio);
				continue;
			}
			assert_true(locked[i](bio, keys[k]) > 0);
			if (read_with(bio, keys[k], &asked) < 0)
				fail_msg("form %zu, key %zu: %s", i, k, why);
			assert_int_equal(asked.times, 1);
			for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
				asked = (struct asked){.text = wrong[w]};
				assert_int_equal(read_with(bio, keys[k], &asked), -EINVAL);
				if (!strstr(why, "the passphrase does not open"))
					fail_msg("form %zu, key %zu: %s", i, k, why);
				assert_int_equal(asked.times, 1);
			}
			asked = (struct asked){.text = NULL};
			assert_int_equal(read_with(bio, keys[k], &asked), -EINVAL);
			assert_string_equal(why, "nobody is there");
			assert_int_equal(read_with(bio, keys[k], NULL), -EINVAL);
			assert_non_null(strstr(why, "encrypted"));
			BIO_free(bio);
		}
}

/* Of 256 wrong passphrases one leaves what looks like padding. */
static void test_many_wrong(void **state)
{
	static writer *const locked[] = {locked_pem, locked_der};

	for (size_t i = 0; i < 2; i++) {
		BIO *bio = BIO_new(BIO_s_mem());

		assert_true(locked[i](bio, keys[2]) > 0);
		for (int n = 0; n < 600; n++) {
			char text[16];
			struct asked asked = {.text = text};

			snprintf(text, sizeof(text), "wrong %d", n);
			assert_int_equal(read_with(bio, keys[2], &asked), -EINVAL);
			if (!strstr(why, "the passphrase does not open"))
				fail_msg("form %zu, %s: %s", i, text, why);
		}
		BIO_free(bio);
	}
}

/* A key of nobody's, under PBE-MD5-DES, which no passphrase opens any more. */
static const char outdated[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
			       "MIGwMBsGCSqGSIb3DQEFAzAOBAhcyqj/p82nMAICCAAEgZDVHXBxi5gBsIm78jDs\n"
			       "ywbiItDZRMiEhR3FHPmnBm5eqSttCFwrjz/0wPdQC0TWsbLT2BqWAMC51nxKhZhE\n"
			       "+m+pbs68P7/Tg1Z8L2fTEaFNeTVPeG03oxiwD6o+0hZr7G4s9271roE39ZmHyh98\n"
			       "2+gqJCUFMTbX1RgIg3/77e8u1ptcyizIAxd82C2eyNbGUNk=\n"
			       "-----END ENCRYPTED PRIVATE KEY-----\n";

static void test_unknown_encryption(void **state)
{
	BIO *bio = BIO_new_mem_buf(outdated, -1);
	struct asked asked = {.text = "abc"};

	assert_int_equal(read_with(bio, keys[1], &asked), -EINVAL);
	assert_non_null(strstr(why, "openssl pkcs8"));
	BIO_free(bio);
}

/* Each part of PBES2 alone is one that nobody knows: the last byte of its OID is another. */
static void test_unknown_parts_of_an_encryption(void **state)
{
	static const char *const oids[] = {
		"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", /* PBES2 */
		"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c", /* PBKDF2 */
		"\x2a\x86\x48\x86\xf7\x0d\x02\x09",     /* hmacWithSHA256 */
		"\x60\x86\x48\x01\x65\x03\x04\x01\x2a", /* aes-256-cbc */
	};

	for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++) {
		BIO *bio = BIO_new(BIO_s_mem());
		struct asked asked = {.text = "open sesame"};
		char *data, *oid;
		long len;

		assert_true(locked_der(bio, keys[1]) > 0);
		len = BIO_get_mem_data(bio, &data);
		oid = memmem(data, (size_t)len, oids[i], strlen(oids[i]));
		assert_non_null(oid);
		oid[strlen(oids[i]) - 1] = 0x7f;
		assert_int_equal(read_with(bio, keys[1], &asked), -EINVAL);
		if (!strstr(why, "in a way that OpenSSL does not open any more"))
			fail_msg("part %zu: %s", i, why);
		BIO_free(bio);
	}
}

static void test_der_refused(void **state)
{
	static const char *const broken[] = {"0\x82", "0\x03\x02\x01", "000000", "0\x05\x02\x01\x01\x05"};
	struct asked asked = {.text = "x"};

	for (size_t i = 0; i < 2; i++) {
		BIO *bio = BIO_new(BIO_s_mem());

		assert_true((i == 0 ? pkcs8_der : old_der)(bio, keys[0]) > 0);
		assert_int_equal(BIO_write(bio, "\0", 1), 1);
		assert_int_equal(read_with(bio, keys[0], &asked), -EINVAL);
		assert_non_null(strstr(why, "goes on after the private key, with 1 byte"));
		BIO_free(bio);
	}
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_int_equal(read_text(broken[i], "RSA-OAEP", NULL), -EINVAL);
		if (!strstr(why, "DER") && !strstr(why, "JSON"))
			fail_msg("%zu: %s", i, why);
	}
	for (size_t k = 0; k < 3; k++) { /* the public half alone */
		BIO *bio = BIO_new(BIO_s_mem());

		assert_true(i2d_PUBKEY_bio(bio, keys[k]) > 0);
		assert_int_equal(read_with(bio, keys[k], &asked), -EINVAL);
		BIO_free(bio);
	}
}

static int set_up(void **state)
{
	int r = private_keys_set_up(state);

	keys[0] = EVP_RSA_gen(2048);
	keys[1] = EVP_EC_gen("P-384");
	keys[2] = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	return r;
}

static int tear_down(void **state)
{
	for (size_t i = 0; i < 3; i++)
		EVP_PKEY_free(keys[i]);
	return private_keys_tear_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kid),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_many_wrong),
		cmocka_unit_test(test_unknown_encryption),
		cmocka_unit_test(test_unknown_parts_of_an_encryption),
		cmocka_unit_test(test_der_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
