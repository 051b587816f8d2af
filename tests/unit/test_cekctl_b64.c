/* client/cekctl/b64.c: the vectors of RFC 4648 section 10, and what strict reading refuses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/cekctl/b64.h"

static void test_vectors(void **state)
{
	static const struct { const char *plain, *text; } rows[] = {
		{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"},
		{"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[16];
		uint8_t plain[8];

		b64_encode(rows[i].plain, strlen(rows[i].plain), text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(B64_LEN(strlen(rows[i].plain)), strlen(text));
		assert_int_equal(b64_decode(text, strlen(text), plain, sizeof(plain)), strlen(rows[i].plain));
		assert_memory_equal(plain, rows[i].plain, strlen(rows[i].plain));
	}
}

static void test_strict(void **state)
{
	static const char *const bad[] = {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm9v\n", " Zm9v", "Zm9vYm"};
	uint8_t plain[8];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(b64_decode(bad[i], strlen(bad[i]), plain, sizeof(plain)), -EINVAL);
}

static void test_size(void **state)
{
	uint8_t plain[4] = {0};

	assert_int_equal(b64_decode("Zm9v", 4, plain, 3), 3);
	assert_int_equal(b64_decode("Zm9vYg", 6, plain, 3), -EMSGSIZE);
	assert_int_equal(plain[3], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
