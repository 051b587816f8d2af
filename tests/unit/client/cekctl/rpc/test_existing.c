/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/rpc/existing.c: the version that has a public key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/cekctl/rpc/existing.h"

static ProtobufCBinaryData bytes(const char *text)
{
	return (ProtobufCBinaryData){.data = (uint8_t *)text, .len = strlen(text)};
}

static Cek__V1__PublicKey public_of(const char *n, const char *x, const char *y)
{
	Cek__V1__PublicKey key = CEK__V1__PUBLIC_KEY__INIT;

	key.n = bytes(n);
	key.x = bytes(x);
	key.y = bytes(y);
	return key;
}

/* Of the same length as others, and with a half of a coordinate in common with others. */
static void test_the_version_with_that_public_key(void **state)
{
	enum { N = 7, AES = 6 };
	Cek__V1__PublicKey has[N] = {public_of("1111", "", ""), public_of("2222", "", ""), public_of("222", "", ""),
		public_of("", "33", "44"), public_of("", "33", "55"), public_of("", "33", "")},
			   other;
	Cek__V1__Version versions[N], *list[N];
	Cek__V1__Key key = CEK__V1__KEY__INIT;

	for (size_t i = 0; i < N; i++) {
		versions[i] = (Cek__V1__Version)CEK__V1__VERSION__INIT;
		versions[i].public_key = i == AES ? NULL : &has[i];
		list[N - 1 - i] = &versions[i];
	}
	key.version = list;
	key.n_version = N;
	for (size_t i = 0; i < AES; i++)
		assert_ptr_equal(existing_version(&key, &has[i]), &versions[i]);
	other = public_of("3333", "", "");
	assert_null(existing_version(&key, &other));
	other = public_of("", "33", "66");
	assert_null(existing_version(&key, &other));
	other = public_of("", "66", "44");
	assert_null(existing_version(&key, &other));
	other = public_of("", "", "");
	assert_null(existing_version(&key, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_version_with_that_public_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
