/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/import/private_key.c, private_jwk.c, private_fit.c and private_pem.c: private keys are read strictly.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "client/cekctl/import/private_key.h"
#include "proto/alg.h"
#include "tests/unit/client/cekctl/import/private_keys.h"

static void expect_same_key(const struct private_key *key, const EVP_PKEY *pkey)
{
	const uint8_t *from = key->secret;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &from, (long)key->secret_len);
	EVP_PKEY *read = EVP_PKCS82PKEY(info);

	assert_non_null(read);
	assert_int_equal(EVP_PKEY_eq(read, pkey), 1);
	EVP_PKEY_free(read);
	PKCS8_PRIV_KEY_INFO_free(info);
}

static void test_rsa(void **state)
{
	static const char *const members[] = {"n", "e", "d", "p", "q", "dp", "dq", "qi"};
	EVP_PKEY *pkey = EVP_RSA_gen(2048), *small = EVP_RSA_gen(1024), *other = EVP_RSA_gen(2048);
	struct private_key key = {.kty = ""};
	char why[PRIVATE_WHY] = "";
	json_t *mixed = rsa_jwk(pkey);

	assert_int_equal(read_jwk(rsa_jwk(pkey), "RSA-OAEP-256", &key, why), 0);
	assert_string_equal(key.kty, "RSA");
	assert_int_equal(key.n_len, 256);
	expect_same_key(&key, pkey);
	private_key_deinit(&key);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		refuse(without(rsa_jwk(pkey), members[i]), "RSA-OAEP", members[i]);
	refuse(rsa_jwk(small), "RSA-OAEP", "2048");
	refuse(rsa_jwk(pkey), "A256KW", "kty oct");
	refuse(rsa_jwk(pkey), "ECDH-ES", "kty EC");
	refuse(with(rsa_jwk(pkey), "oth", json_array()), "RSA-OAEP", "two primes");
	refuse(with(rsa_jwk(pkey), "oth", json_null()), "RSA-OAEP", "two primes");
	refuse(with(rsa_jwk(pkey), "alg", json_string("RSA-OAEP")), "RSA-OAEP-256", "RSA-OAEP");
	refuse(with(rsa_jwk(pkey), "use", json_string("sig")), "RSA-OAEP-256", "use");
	refuse(with(rsa_jwk(pkey), "use", json_integer(1)), "RSA-OAEP-256", "not a string");
	refuse(with(rsa_jwk(pkey), "alg", json_null()), "RSA-OAEP-256", "not a string");
	refuse(with(rsa_jwk(pkey), "key_ops", json_pack("[s]", "sign")), "RSA-OAEP-256", "key_ops");
	set_number(mixed, "p", other, OSSL_PKEY_PARAM_RSA_FACTOR1, 0);
	refuse(mixed, "RSA-OAEP", "valid key");
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(small);
	EVP_PKEY_free(other);
}

static void test_ec(void **state)
{
	static const struct {
		const char *crv;
		size_t len;
	} curves[] = {{"P-256", 32}, {"P-384", 48}, {"P-521", 66}};

	for (size_t i = 0; i < 3; i++) {
		EVP_PKEY *pkey = EVP_EC_gen(curves[i].crv), *other = EVP_EC_gen(curves[i].crv);
		struct private_key key = {.kty = ""};
		char why[PRIVATE_WHY] = "";
		json_t *mixed = ec_jwk(pkey, curves[i].crv, curves[i].len);

		assert_int_equal(read_jwk(ec_jwk(pkey, curves[i].crv, curves[i].len), "ECDH-ES+A256KW", &key, why), 0);
		assert_string_equal(key.crv, curves[i].crv);
		assert_int_equal(key.x_len, curves[i].len);
		assert_int_equal(key.y_len, curves[i].len);
		expect_same_key(&key, pkey);
		private_key_deinit(&key);
		refuse(without(ec_jwk(pkey, curves[i].crv, curves[i].len), "d"), "ECDH-ES", "\"d\"");
		refuse(ec_jwk(pkey, curves[i].crv, curves[i].len + 1), "ECDH-ES", "wrong length");
		refuse(ec_jwk(pkey, "secp256k1", curves[i].len), "ECDH-ES", "crv");
		set_number(mixed, "d", other, OSSL_PKEY_PARAM_PRIV_KEY, curves[i].len);
		refuse(mixed, "ECDH-ES", "valid key");
		EVP_PKEY_free(pkey);
		EVP_PKEY_free(other);
	}
}

static void test_x25519(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), *other = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	struct private_key key = {.kty = ""};
	char why[PRIVATE_WHY] = "";
	json_t *mixed = x25519_jwk(pkey), *foreign = x25519_jwk(other);

	assert_int_equal(read_jwk(x25519_jwk(pkey), "ECDH-ES", &key, why), 0);
	assert_string_equal(key.kty, "OKP");
	assert_int_equal(key.x_len, 32);
	expect_same_key(&key, pkey);
	private_key_deinit(&key);
	json_object_set(mixed, "x", json_object_get(foreign, "x"));
	json_decref(foreign);
	refuse(mixed, "ECDH-ES", "valid key");
	refuse(without(x25519_jwk(pkey), "d"), "ECDH-ES", "\"d\"");
	refuse(with(x25519_jwk(pkey), "d", json_string("AAAA")), "ECDH-ES", "\"d\" has a wrong length");
	refuse(with(x25519_jwk(pkey), "x", json_string("AAAA")), "ECDH-ES", "\"x\" has a wrong length");
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(other);
}

static void test_oct(void **state)
{
	static const char k32[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
	struct private_key key = {.kty = ""};
	char why[PRIVATE_WHY] = "";

	assert_int_equal(read_jwk(json_pack("{s:s, s:s}", "kty", "oct", "k", k32), "A256KW", &key, why), 0);
	assert_int_equal(key.secret_len, 32);
	assert_int_equal(key.secret[31], 31);
	private_key_deinit(&key);
	refuse(json_pack("{s:s, s:s}", "kty", "oct", "k", k32), "A128GCMKW", "128 bits");
	refuse(json_pack("{s:s, s:s}", "kty", "oct", "k", "****"), "A256KW", "base64url");
	refuse(json_pack("{s:s}", "kty", "oct"), "A256KW", "\"k\"");
	refuse(json_pack("{s:s, s:s}", "kty", "oct", "k", k32), "RSA-OAEP", "kty RSA");
	refuse(json_pack("{s:s}", "kty", "unheard-of"), "A256KW", "kty");
}

static void test_not_a_key(void **state)
{
	static const char *const bad[] = {"", "{", "[]", "null", "{}", "{\"kty\":1}",
		"{\"kty\":\"oct\",\"kty\":\"oct\"}", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"-----BEGIN NOTHING-----\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct private_key key = {.kty = ""};
		char why[PRIVATE_WHY] = "";

		assert_int_equal(read_one(bad[i], strlen(bad[i]), "A256KW", &key, why), -EINVAL);
		assert_string_not_equal(why, "");
	}
}

#define K32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define OCT "{\"kty\":\"oct\",\"k\":\"" K32 "\""

static void test_odd_members(void **state)
{
	static const char *const good[] = {
		OCT ",\"nbf\":1e999}",
		OCT ",\"nbf\":-1.5E+400}",
		OCT ",\"a\":\"\\u0000\"}",
		OCT ",\"a\":\"\\ud800\"}",
		OCT ",\"a\\u0000\":1,\"a\\ud800\":2}",
		"\xef\xbb\xbf" OCT "}",
		OCT ",\"a\":[-0,{\"b\":9223372036854775808}]}",
	};
	static const struct {
		const char *text, *why;
	} bad[] = {
		{OCT ",\n\"k\":\"" K32 "\"}", "line 2: a member twice"},
		{OCT ",\n\n\"a\":\"\xff\"}", "line 3: octets that are not"},
		{OCT ",\n", "line 2: the file ends too early"},
		{OCT "\n\"secret\"}", "line 2: a fault in the JSON)"},
		{OCT ",\"a\":01e999}", "line 1: a fault"},
		{"{\"k\":\"AA\"}", "has no \"kty\""},
		{"{\"kty\":\"oct\",\"k\":\"AA\\u0000AA\"}", "\"k\" is not base64url"},
	};
	char digits[512] = "", why[PRIVATE_WHY] = "", text[1024];
	struct private_key key = {.kty = ""};

	memset(digits, '7', 400);
	snprintf(text, sizeof(text), OCT ",\"exp\":%s}", digits);
	for (size_t i = 0; i <= sizeof(good) / sizeof(good[0]); i++) {
		const char *one = i < sizeof(good) / sizeof(good[0]) ? good[i] : text;

		if (read_one(one, strlen(one), "A256KW", &key, why) < 0)
			fail_msg("%s: %s", one, why);
		assert_int_equal(key.secret_len, 32);
		private_key_deinit(&key);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_one(bad[i].text, strlen(bad[i].text), "A256KW", &key, why), -EINVAL);
		if (!strstr(why, bad[i].why))
			fail_msg("\"%s\" does not say \"%s\"", why, bad[i].why);
	}
}

static void test_pem(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	char password[] = "password", why[PRIVATE_WHY] = "", *data;
	struct private_key key = {.kty = ""};
	BIO *plain = BIO_new(BIO_s_mem()), *encrypted = BIO_new(BIO_s_mem());
	long len;

	assert_true(PEM_write_bio_PKCS8PrivateKey(plain, pkey, NULL, NULL, 0, NULL, NULL));
	len = BIO_get_mem_data(plain, &data);
	assert_int_equal(read_one(data, (size_t)len, "ECDH-ES", &key, why), 0);
	expect_same_key(&key, pkey);
	private_key_deinit(&key);
	assert_true(PEM_write_bio_PKCS8PrivateKey(encrypted, pkey, EVP_aes_128_cbc(), password, 8, NULL, NULL));
	len = BIO_get_mem_data(encrypted, &data);
	assert_int_equal(read_one(data, (size_t)len, "ECDH-ES", &key, why), -EINVAL);
	assert_non_null(strstr(why, "encrypted"));
	BIO_free(plain);
	BIO_free(encrypted);
	EVP_PKEY_free(pkey);
}

static void test_several(void **state)
{
	EVP_PKEY *one = EVP_EC_gen("P-256"), *two = EVP_EC_gen("P-256");
	struct private_key key = {.kty = ""};
	char password[] = "password", why[PRIVATE_WHY] = "";

	for (int encrypted = 0; encrypted < 2; encrypted++) {
		BIO *bio = BIO_new(BIO_s_mem());

		assert_true(PEM_write_bio_PKCS8PrivateKey(bio, one, NULL, NULL, 0, NULL, NULL));
		assert_true(PEM_write_bio_PUBKEY(bio, two));
		assert_int_equal(read_bio(bio, "ECDH-ES", &key, why), 0);
		private_key_deinit(&key);
		BIO_reset(bio);
		assert_true(PEM_write_bio_PKCS8PrivateKey(bio, one, NULL, NULL, 0, NULL, NULL));
		assert_true(PEM_write_bio_PKCS8PrivateKey(bio, two, encrypted ? EVP_aes_128_cbc() : NULL,
			encrypted ? password : NULL, encrypted ? 8 : 0, NULL, NULL));
		assert_int_equal(read_bio(bio, "ECDH-ES", &key, why), -EINVAL);
		assert_non_null(strstr(why, "more than one"));
		BIO_free(bio);
	}
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
}

/* A second private key that cannot be read, behind the good one or in front of it, and a lone one. */
static void test_broken_beside(void **state)
{
	static const char *const broken[] = {
		"-----BEGIN RSA PRIVATE KEY-----\nMIIEow",
		"-----BEGIN PRIVATE KEY-----\n****\n-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"-----BEGIN EC PRIVATE KEY-----\n",
		"-----BEGIN OPENSSH PRIVATE KEY-----\r\n",
		"-----BEGIN PRIVATE KEY",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
	};
	EVP_PKEY *pkey = EVP_EC_gen("P-256");

	for (size_t i = 0; i < 3 * sizeof(broken) / sizeof(broken[0]); i++) {
		BIO *bio = BIO_new(BIO_s_mem());
		struct private_key key = {.kty = ""};
		char why[PRIVATE_WHY] = "";
		const char *one = broken[i / 3], *text = i % 3 == 2 ? "on line 1 of" : "(1st on line 1, 2nd on line ";

		if (i % 3 != 0)
			BIO_printf(bio, "%s\n", one);
		if (i % 3 != 2)
			assert_true(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL));
		if (i % 3 == 0)
			BIO_puts(bio, one);
		if (read_bio(bio, "ECDH-ES", &key, why) != -EINVAL)
			fail_msg("read in spite of \"%s\"", one);
		if (!strstr(why, text))
			fail_msg("\"%s\" does not say \"%s\"", why, text);
		BIO_free(bio);
	}
	EVP_PKEY_free(pkey);
}

enum { NEEDLE = 32, MAPPING_MAX = 64 << 20 /* bytes; larger ones are those of sanitizers */ };

/* Whether those octets, given inverted so that they are not found themselves, stand in data, in either order. */
static bool holds(const uint8_t *data, size_t len, const uint8_t inverted[NEEDLE])
{
	for (size_t at = 0; at + NEEDLE <= len; at++) {
		size_t forward = 0, backward = 0;

		while (forward < NEEDLE && (data[at + forward] ^ inverted[forward]) == 0xff)
			forward++;
		while (backward < NEEDLE && (data[at + backward] ^ inverted[NEEDLE - 1 - backward]) == 0xff)
			backward++;
		if (forward == NEEDLE || backward == NEEDLE)
			return true;
	}
	return false;
}

/* In how many mappings of this process that can be written to, but for the stack. */
static unsigned count_mappings(const uint8_t inverted[NEEDLE])
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long start, end;
	unsigned found = 0;
	char line[512];

	assert_non_null(maps);
	assert_true(mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		uint8_t *data;
		ssize_t n;

		if (sscanf(line, "%lx-%lx", &start, &end) != 2 || !strstr(line, " rw-p ") || strstr(line, "[stack]") ||
			end - start > MAPPING_MAX)
			continue;
		data = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(data, MAP_FAILED);
		n = pread(mem, data, end - start, (off_t)start);
		found += n > 0 && holds(data, (size_t)n, inverted);
		munmap(data, end - start);
	}
	close(mem);
	fclose(maps);
	return found;
}

/* What OpenSSL's decoders allocate on the way holds the key too. */
static void test_nothing_left(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	uint8_t *pem_copy, needle[NEEDLE];
	BIO *bio = BIO_new(BIO_s_mem());
	struct private_key key = {.kty = ""};
	size_t len = sizeof(needle);
	char why[PRIVATE_WHY] = "", *pem;
	long pem_len;

	assert_true(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL));
	assert_true(EVP_PKEY_get_raw_private_key(pkey, needle, &len) > 0);
	for (size_t i = 0; i < NEEDLE; i++)
		needle[i] = (uint8_t)~needle[i];
	EVP_PKEY_free(pkey);
	pem_len = BIO_get_mem_data(bio, &pem);
	pem_copy = malloc((size_t)pem_len);
	memcpy(pem_copy, pem, (size_t)pem_len);
	BIO_free(bio);
	assert_int_equal(read_one((const char *)pem_copy, (size_t)pem_len, "ECDH-ES", &key, why), 0);
	assert_int_equal(count_mappings(needle), 1); /* key.secret */
	private_key_deinit(&key);
	assert_int_equal(count_mappings(needle), 0);
	free(pem_copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_ec),
		cmocka_unit_test(test_x25519),
		cmocka_unit_test(test_oct),
		cmocka_unit_test(test_not_a_key),
		cmocka_unit_test(test_odd_members),
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_broken_beside),
		cmocka_unit_test(test_nothing_left),
	};

	return cmocka_run_group_tests(tests, private_keys_set_up, private_keys_tear_down);
}
