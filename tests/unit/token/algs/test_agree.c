/* SPDX-License-Identifier: Apache-2.0 */
/* Concat KDF (RFC 7518 appendix C) and AES key wrap (RFC 3394 section 4). */
#include "daemon/token/algs/agree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "proto/alg.h"

static const uint8_t z[32] = {0x9e, 0x56, 0xd9, 0x1d, 0x81, 0x71, 0x35, 0xd3, 0x72, 0x83, 0x42, 0x83, 0xbf, 0x84, 0x26,
	0x9c, 0xfb, 0x31, 0x6e, 0xa3, 0xda, 0x80, 0x6a, 0x48, 0xf6, 0xda, 0xa7, 0x79, 0x8c, 0xfe, 0x90, 0xc4};

static void rfc7518_appendix_c(void **state)
{
	static const uint8_t want[16] = {0x56, 0xaa, 0x8d, 0xea, 0xf8, 0x23, 0x6d, 0x20, 0x5c, 0x22, 0x28, 0xcd, 0x71,
		0xa7, 0x10, 0x1a};
	uint8_t key[16];

	(void)state;
	for (int again = 0; again < 2; again++) {
		memset(key, 0, sizeof(key));
		assert_int_equal(agree_kdf(z, sizeof(z), "A128GCM", (const uint8_t *)"Alice", 5, (const uint8_t *)"Bob",
					 3, key, 16),
			0);
		assert_memory_equal(key, want, 16);
	}
}

/* 64 bytes are two rounds of SHA-256, computed here by hand. */
static void two_rounds(void **state)
{
	static const uint8_t rest[] = {0, 0, 0, 13, 'A', '2', '5', '6', 'C', 'B', 'C', '-', 'H', 'S', '5', '1', '2', 0,
		0, 0, 0, 0, 0, 0, 1, 7, 0, 0, 2, 0};
	const uint8_t seven = 7;
	uint8_t key[64], want[64], in[4 + sizeof(z) + sizeof(rest)] = {0};

	(void)state;
	for (uint8_t round = 1; round <= 2; round++) {
		in[3] = round;
		memcpy(in + 4, z, sizeof(z));
		memcpy(in + 4 + sizeof(z), rest, sizeof(rest));
		SHA256(in, sizeof(in), want + 32 * (round - 1));
	}
	assert_int_equal(agree_kdf(z, sizeof(z), "A256CBC-HS512", NULL, 0, &seven, 1, key, 64), 0);
	assert_memory_equal(key, want, 64);
}

static void party_info_has_a_limit(void **state)
{
	static const uint8_t info[PARTY_INFO_MAX + 1];
	uint8_t key[16];

	(void)state;
	assert_int_equal(agree_kdf(z, 32, "A128GCM", info, PARTY_INFO_MAX, info, PARTY_INFO_MAX, key, 16), 0);
	assert_int_equal(agree_kdf(z, 32, "A128GCM", info, PARTY_INFO_MAX + 1, info, 0, key, 16), -EINVAL);
	assert_int_equal(agree_kdf(z, 32, "A128GCM", info, 0, info, PARTY_INFO_MAX + 1, key, 16), -EINVAL);
	assert_int_equal(agree_kdf(z, 32, "a name that is longer than any that is registered", info, 0, info, 0, key,
				 16),
		-EINVAL);
}

static void rfc3394_section_4_6(void **state)
{
	static const uint8_t want[40] = {0x28, 0xc9, 0xf4, 0x04, 0xc4, 0xb8, 0x10, 0xf4, 0xcb, 0xcc, 0xb3, 0x5c, 0xfb,
		0x87, 0xf8, 0x26, 0x3f, 0x57, 0x86, 0xe2, 0xd8, 0x0e, 0xd3, 0x26, 0xcb, 0xc7, 0xf0, 0xe7, 0x1a, 0x99,
		0xf4, 0x3b, 0xfb, 0x98, 0x8b, 0x9b, 0x7a, 0x02, 0xdd, 0x21};
	uint8_t kek[32], cek[32], wrapped[40], out[32];

	(void)state;
	for (uint8_t i = 0; i < 32; i++) {
		kek[i] = i;
		cek[i] = i < 16 ? (uint8_t)(i * 0x11) : (uint8_t)(i - 16);
	}
	assert_int_equal(agree_wrap(kek, 32, cek, 32, wrapped), 0);
	assert_memory_equal(wrapped, want, 40);
	assert_int_equal(agree_unwrap(kek, 32, wrapped, 40, out), 0);
	assert_memory_equal(out, cek, 32);
	for (size_t i = 0; i < 40; i++) {
		wrapped[i] ^= 0x80;
		assert_int_equal(agree_unwrap(kek, 32, wrapped, 40, out), -EBADMSG);
		wrapped[i] ^= 0x80;
	}
	assert_int_equal(agree_unwrap(kek, 32, wrapped, 39, out), -EBADMSG);
	assert_int_equal(agree_unwrap(kek, 32, wrapped, 16, out), -EBADMSG);
	assert_int_equal(agree_unwrap(kek, 32, wrapped, 0, out), -EBADMSG);
	assert_int_equal(agree_unwrap(kek, 24, wrapped, 40, out), -EBADMSG);
	assert_int_equal(agree_unwrap(kek, 31, wrapped, 40, out), -EINVAL);
	assert_int_equal(agree_wrap(kek, 8, cek, 32, wrapped), -EINVAL);
}

static void finds_all_zero(void **state)
{
	uint8_t data[64] = {0};

	(void)state;
	assert_int_equal(agree_all_zero(data, sizeof(data)), 1);
	for (size_t i = 0; i < sizeof(data); i++)
		for (unsigned bit = 1; bit < 256; bit <<= 1) {
			data[i] = (uint8_t)bit;
			assert_int_equal(agree_all_zero(data, sizeof(data)), 0);
			data[i] = 0;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc7518_appendix_c),
		cmocka_unit_test(two_rounds),
		cmocka_unit_test(party_info_has_a_limit),
		cmocka_unit_test(rfc3394_section_4_6),
		cmocka_unit_test(finds_all_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
