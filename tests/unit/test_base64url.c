#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/base64url.h"

static void check_decode(const char *text, bool good)
{
	uint8_t *data = malloc(b64u_decoded_len(strlen(text)) + 1); /* no more than it says: a sanitizer watches */

	assert_non_null(data);
	assert_int_equal(b64u_decode(text, strlen(text), data), good);
	free(data);
}

/* RFC 4648 section 10, without padding. */
static void test_published(void **state)
{
	static const char *const encoded[] = { "", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy" };
	char text[16];
	uint8_t data[8];

	(void)state;
	for (size_t n = 0; n < 7; n++) {
		assert_int_equal(b64u_encode("foobar", n, text), strlen(encoded[n]));
		assert_memory_equal(text, encoded[n], strlen(encoded[n]));
		assert_int_equal(b64u_encoded_len(n), strlen(encoded[n]));
		assert_int_equal(b64u_decoded_len(strlen(encoded[n])), n);
		assert_true(b64u_decode(encoded[n], strlen(encoded[n]), data));
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

		assert_int_equal(chars, b64u_encoded_len(n));
		assert_null(memchr(text, '=', chars));
		assert_true(b64u_decode(text, chars, back));
		assert_memory_equal(data, back, n);
	}
}

/* Each single character, in each position of a group: the 64 and no other. */
static void test_alphabet(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char text[] = "AAAAAAAA";
	uint8_t data[8];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool good = c != 0 && strchr(alphabet, (int)c);

		for (size_t at = 0; at < 8; at++) {
			memset(text, 'A', 8);
			text[at] = (char)c;
			assert_int_equal(b64u_decode(text, 8, data), good);
		}
		memset(text, 'A', 8);
		text[4] = (char)c;
		assert_int_equal(b64u_decode(text, 7, data), good);
		assert_int_equal(b64u_decode(text, 6, data), good);
	}
}

static void test_strict(void **state)
{
	(void)state;
	check_decode("A", false);     /* 6 bits are no octet */
	check_decode("AAAAA", false);
	check_decode("Zg==", false);  /* padding */
	check_decode("Zg=", false);
	check_decode("Zm9v\n", false);
	check_decode(" Zm9v", false);
	check_decode("Zm 9v", false);
	check_decode("Zm+v", false);  /* the other alphabet */
	check_decode("Zm/v", false);
	check_decode("Zh", false);    /* unused bits that are not zero */
	check_decode("Zk", false);
	check_decode("Zm9", false);
	check_decode("Zm-", false);
	check_decode("Zg", true);
	check_decode("Zm8", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_alphabet),
		cmocka_unit_test(test_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
