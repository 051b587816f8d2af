/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base64url.h"

static void check_decode(const char *text, bool good)
{
	uint8_t *data = malloc(b64u_decoded_len(strlen(text)) + 1); /* no more than it says: a sanitizer watches */

	assert_non_null(data);
	assert_int_equal(b64u_decode(text, strlen(text), data, b64u_decoded_len(strlen(text))) >= 0, good);
	free(data);
}

/* RFC 4648 section 10, without padding. */
static void test_published(void **state)
{
	static const char *const encoded[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
	char text[16];
	uint8_t data[8];

	(void)state;
	for (size_t n = 0; n < 7; n++) {
		assert_int_equal(b64u_encode("foobar", n, text), strlen(encoded[n]));
		assert_memory_equal(text, encoded[n], strlen(encoded[n]));
		assert_int_equal(b64u_encoded_len(n), strlen(encoded[n]));
		assert_int_equal(b64u_decoded_len(strlen(encoded[n])), n);
		assert_int_equal(b64u_decode(encoded[n], strlen(encoded[n]), data, sizeof(data)), n);
		assert_memory_equal(data, "foobar", n);
	}
}

static void test_round_trip(void **state)
{
	uint8_t data[256], back[256];
	char text[400];

	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 167 + 13);
	for (size_t n = 0; n <= sizeof(data); n++) {
		size_t chars = b64u_encode(data, n, text);
		char *string = b64u_text(data, n);

		assert_int_equal(strlen(string), chars);
		assert_memory_equal(string, text, chars);
		free(string);
		assert_int_equal(chars, b64u_encoded_len(n));
		assert_null(memchr(text, '=', chars));
		assert_int_equal(b64u_decode(text, chars, back, n), n);
		assert_memory_equal(data, back, n);
	}
}

/* Each digit has its own value, in the order of RFC 4648 table 2. */
static void test_values(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char text[4], back[4];
	uint8_t data[3];

	(void)state;
	for (unsigned digit = 0; digit < 64; digit++) {
		memset(text, alphabet[digit], 4);
		assert_int_equal(b64u_decode(text, 4, data, 3), 3);
		assert_int_equal(data[0] << 16 | data[1] << 8 | data[2], digit * 0x41041);
		assert_int_equal(b64u_encode(data, 3, back), 4);
		assert_memory_equal(back, text, 4);
	}
}

/* Each single character, in each position of a group, and across the blocks of which long texts are made: the 64 and no
 * other. */
static void test_alphabet(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char text[136];
	uint8_t data[sizeof(text)];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool good = c != 0 && strchr(alphabet, (int)c);

		for (size_t at = 0; at < sizeof(text); at++) {
			memset(text, 'A', sizeof(text));
			text[at] = (char)c;
			assert_int_equal(b64u_decode(text, sizeof(text), data, sizeof(data)) > 0, good);
		}
		memset(text, 'A', 8);
		text[4] = (char)c;
		assert_int_equal(b64u_decode(text, 7, data, sizeof(data)) > 0, good);
		assert_int_equal(b64u_decode(text, 6, data, sizeof(data)) > 0, good);
	}
}

static void test_strict(void **state)
{
	(void)state;
	check_decode("A", false); /* 6 bits are no octet */
	check_decode("AAAAA", false);
	check_decode("Zg==", false); /* padding */
	check_decode("Zg=", false);
	check_decode("Zm9v\n", false);
	check_decode(" Zm9v", false);
	check_decode("Zm 9v", false);
	check_decode("Zm+v", false); /* the other alphabet */
	check_decode("Zm/v", false);
	check_decode("Zh", false); /* unused bits that are not zero */
	check_decode("Zk", false);
	check_decode("Zm9", false);
	check_decode("Zm-", false);
	check_decode("Zg", true);
	check_decode("Zm8", true);
}

/* In each length of the last block, each value of the unused bits but zero. */
static void test_unused_bits(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char text[130];
	uint8_t data[sizeof(text)];

	(void)state;
	memset(text, 'A', sizeof(text));
	for (size_t len = 2; len <= sizeof(text); len++)
		for (unsigned digit = 0; digit < 64 && len % 4 >= 2; digit++) {
			bool good = digit % (len % 4 == 2 ? 16 : 4) == 0;

			text[len - 1] = alphabet[digit];
			assert_int_equal(b64u_decode(text, len, data, sizeof(data)) > 0, good);
			text[len - 1] = 'A';
		}
}

/* At the size and one past it; nothing that was decoded before a fault stays behind. */
static void test_size(void **state)
{
	uint8_t data[64], zero[64] = {0};
	char text[84];

	(void)state;
	memset(data, 0xee, sizeof(data));
	assert_int_equal(b64u_decode("Zm9vYg", 6, data, 3), -EMSGSIZE);
	assert_int_equal(data[0], 0xee);
	assert_int_equal(b64u_decode("Zm9vYg", 6, data, 4), 4);
	assert_int_equal(data[4], 0xee);
	memset(text, 'Q', sizeof(text));
	text[80] = '=';
	assert_int_equal(b64u_decode(text, sizeof(text), data, sizeof(data)), -EINVAL);
	assert_memory_equal(data, zero, 63);
	assert_int_equal(data[63], 0xee);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_alphabet),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_unused_bits),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
