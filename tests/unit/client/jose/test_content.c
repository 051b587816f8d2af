/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "client/jose/cek-jose.h"
#include "client/jose/content.h"
#include "tests/unit/client/jose/vectors.h"

/* RFC 7518 appendix B: encryption gives these octets, decryption takes them. */
static void test_published_cbc_hmac(void **state)
{
	json_t *json = vectors_load("rfc/rfc7518_appendix_b.json");
	const json_t *test;
	size_t i, ran = 0;

	(void)state;
	json_array_foreach(json_object_get(json, "tests"), i, test)
	{
		uint8_t key[64], plain[256], iv[16], aad[64], cipher[256], tag[32], out[256], out_tag[32];
		const struct enc *enc = enc_find(json_string_value(json_object_get(test, "enc")));
		size_t plain_len = vectors_hex(test, "plaintext", plain, sizeof(plain));
		size_t cipher_len = vectors_hex(test, "ciphertext", cipher, sizeof(cipher)), out_len;
		struct content content = {enc, key, {aad, vectors_hex(test, "aad", aad, sizeof(aad))}, iv};

		assert_int_equal(vectors_hex(test, "key", key, sizeof(key)), enc->cek_len);
		assert_int_equal(vectors_hex(test, "iv", iv, sizeof(iv)), content_iv_len(enc));
		assert_int_equal(vectors_hex(test, "tag", tag, sizeof(tag)), content_tag_len(enc));
		assert_int_equal(content_ciphertext_len(enc, plain_len), cipher_len);
		assert_int_equal(content_encrypt(&content, (struct cek_bytes){plain, plain_len}, out, out_tag),
			CEK_JWE_OK);
		assert_memory_equal(out, cipher, cipher_len);
		assert_memory_equal(out_tag, tag, content_tag_len(enc));
		assert_int_equal(content_decrypt(&content, (struct cek_bytes){cipher, cipher_len}, tag, out, &out_len),
			CEK_JWE_OK);
		assert_int_equal(out_len, plain_len);
		assert_memory_equal(out, plain, plain_len);
		ran++;
	}
	assert_int_equal(ran, 3);
	json_decref(json);
}

struct message {
	uint8_t cek[64];
	uint8_t iv[16];
	uint8_t aad[20];
	uint8_t cipher[96];
	uint8_t tag[32];
	size_t cipher_len;
};

static struct content content_of(const struct enc *enc, const struct message *message)
{
	return (struct content){enc, message->cek, {message->aad, sizeof(message->aad)}, message->iv};
}

static void make(const struct enc *enc, const uint8_t *plain, size_t len, struct message *ret)
{
	struct content content = content_of(enc, ret);

	for (unsigned i = 0; i < sizeof(ret->cek); i++)
		ret->cek[i] = (uint8_t)(i + 1);
	memset(ret->iv, 7, sizeof(ret->iv));
	memset(ret->aad, 'h', sizeof(ret->aad));
	ret->cipher_len = content_ciphertext_len(enc, len);
	assert_int_equal(content_encrypt(&content, (struct cek_bytes){plain, len}, ret->cipher, ret->tag), CEK_JWE_OK);
}

static int open_message(const struct enc *enc, const struct message *message, uint8_t *ret_plain, size_t *ret_len)
{
	struct content content = content_of(enc, message);

	return content_decrypt(&content, (struct cek_bytes){message->cipher, message->cipher_len}, message->tag,
		ret_plain, ret_len);
}

static void test_round_trip(void **state)
{
	uint8_t plain[80], out[96];
	struct message message;

	(void)state;
	memset(plain, 'p', sizeof(plain));
	for (size_t row = 0; enc_row(row); row++)
		for (size_t len = 0; len <= sizeof(plain); len++) {
			size_t out_len = 999;

			make(enc_row(row), plain, len, &message);
			assert_int_equal(open_message(enc_row(row), &message, out, &out_len), CEK_JWE_OK);
			assert_int_equal(out_len, len);
			assert_memory_equal(out, plain, len);
		}
}

static void check_fails(const struct enc *enc, const struct message *message)
{
	static const uint8_t zeros[96];
	uint8_t out[96] = {0};
	size_t len = 999;

	assert_int_equal(open_message(enc, message, out, &len), CEK_JWE_FAILED);
	assert_int_equal(len, 999);
	assert_memory_equal(out, zeros, sizeof(out)); /* nothing unauthenticated is left behind */
}

/* One bit in any part: the same code, and no plaintext. */
static void test_flipped_bits(void **state)
{
	uint8_t plain[40];

	(void)state;
	memset(plain, 'p', sizeof(plain));
	for (size_t row = 0; enc_row(row); row++) {
		const struct enc *enc = enc_row(row);
		struct message good, bad;

		make(enc, plain, sizeof(plain), &good);
		for (size_t bit = 0; bit < good.cipher_len * 8; bit++) {
			bad = good;
			bad.cipher[bit / 8] ^= (uint8_t)(1 << bit % 8);
			check_fails(enc, &bad);
		}
		for (size_t bit = 0; bit < content_tag_len(enc) * 8; bit++) {
			bad = good;
			bad.tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
			check_fails(enc, &bad);
		}
		for (size_t at = 0; at < enc->cek_len; at++) {
			if (!enc->gcm && at >= enc->cek_len / 2)
				break; /* the tag of CBC-HMAC says nothing about the other half */
			bad = good;
			bad.cek[at] ^= 1;
			check_fails(enc, &bad);
		}
		bad = good;
		bad.iv[0] ^= 1;
		check_fails(enc, &bad);
		bad = good;
		bad.aad[19] ^= 1;
		check_fails(enc, &bad);
	}
}

/* A tag whose first half alone is right: the whole is compared. */
static void test_tag_is_whole(void **state)
{
	uint8_t plain[16] = {0};

	(void)state;
	for (size_t row = 0; enc_row(row); row++) {
		const struct enc *enc = enc_row(row);
		struct message message;

		make(enc, plain, sizeof(plain), &message);
		message.tag[content_tag_len(enc) - 1] ^= 0x80;
		check_fails(enc, &message);
	}
}

/* RFC 7518 section 5.2.2.1, steps 3 to 5, once more. */
static void compute_tag(const struct content *content, struct cek_bytes ciphertext, uint8_t *ret_tag)
{
	const EVP_MD *md = content->enc->cek_len == 32 ? EVP_sha256()
		: content->enc->cek_len == 48          ? EVP_sha384()
						       : EVP_sha512();
	size_t aad = content->aad.len, len = aad + 16 + ciphertext.len + 8, at = len - 8;
	uint8_t *text = calloc(1, len), mac[EVP_MAX_MD_SIZE];

	memcpy(text, content->aad.data, aad);
	memcpy(text + aad, content->iv, 16);
	memcpy(text + aad + 16, ciphertext.data, ciphertext.len);
	for (unsigned i = 0; i < 8; i++)
		text[at + i] = (uint8_t)((uint64_t)aad * 8 >> (56 - 8 * i));
	assert_non_null(HMAC(md, content->cek, (int)content->enc->cek_len / 2, text, len, mac, NULL));
	memcpy(ret_tag, mac, content_tag_len(content->enc));
	free(text);
}

/* AL counts bits: 8,192 octets and more of header do not fit into 16 of them (CVE-2016-9123, CVE-2017-12972). */
static void test_long_aad(void **state)
{
	uint8_t cipher[32], tag[32], expected[32], *aad = calloc(1, 100000);
	const size_t sizes[] = {31, 32, 8191, 8192, 8193, 100000};
	struct message message;

	(void)state;
	for (size_t row = 0; enc_row(row); row++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !enc_row(row)->gcm; i++) {
			struct content content = {enc_row(row), message.cek, {aad, sizes[i]}, message.iv};

			make(enc_row(row), aad, 1, &message);
			assert_int_equal(content_encrypt(&content, (struct cek_bytes){"text", 4}, cipher, tag),
				CEK_JWE_OK);
			compute_tag(&content, (struct cek_bytes){cipher, 16}, expected);
			assert_memory_equal(tag, expected, content_tag_len(enc_row(row)));
		}
	free(aad);
}

/* The MAC is judged first: bad padding shows only to who can make a good tag, and then as nothing but FAILED
 * (CVE-2017-12973). */
static void test_mac_before_padding(void **state)
{
	uint8_t plain[16] = {0}, out[96], untouched[96];
	size_t len = 999;

	(void)state;
	memset(untouched, 0xee, sizeof(untouched));
	for (size_t row = 0; enc_row(row); row++) {
		const struct enc *enc = enc_row(row);
		struct message message;
		struct content content = content_of(enc, &message);

		if (enc->gcm)
			continue;
		make(enc, plain, sizeof(plain), &message);
		message.cipher[15] ^= 1; /* the last octet of the padding, after decryption */
		memset(out, 0xee, sizeof(out));
		assert_int_equal(open_message(enc, &message, out, &len), CEK_JWE_FAILED);
		assert_memory_equal(out, untouched, sizeof(out)); /* nothing was decrypted */
		compute_tag(&content, (struct cek_bytes){message.cipher, message.cipher_len}, message.tag);
		memset(out, 0, sizeof(out));
		check_fails(enc, &message);
		assert_int_equal(ERR_peek_error(), 0);
		assert_int_equal(len, 999);
	}
}

static void test_lengths(void **state)
{
	const struct enc *gcm = enc_find("A192GCM"), *cbc = enc_find("A256CBC-HS512");

	(void)state;
	assert_int_equal(content_iv_len(gcm), 12);
	assert_int_equal(content_tag_len(gcm), 16);
	assert_int_equal(content_ciphertext_len(gcm, 17), 17);
	assert_int_equal(content_iv_len(cbc), 16);
	assert_int_equal(content_tag_len(cbc), 32);
	assert_int_equal(content_tag_len(enc_find("A192CBC-HS384")), 24);
	assert_int_equal(content_ciphertext_len(cbc, 0), 16);
	assert_int_equal(content_ciphertext_len(cbc, 15), 16);
	assert_int_equal(content_ciphertext_len(cbc, 16), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_cbc_hmac),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_tag_is_whole),
		cmocka_unit_test(test_long_aad),
		cmocka_unit_test(test_mac_before_padding),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
