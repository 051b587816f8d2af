/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/rpc/wrapped.c: wrapped CEKs as JSON objects. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "client/cekctl/rpc/wrapped.h"
#include "proto/base64url.h"

static int read_text(const char *text, struct wrapped *wrapped, char why[WRAPPED_WHY], json_t **ret_object)
{
	*ret_object = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(*ret_object);
	return wrapped_read(*ret_object, wrapped, why);
}

static void test_all_members(void **state)
{
	static const char text[] =
		"{\"kid\":\"k1\",\"key\":\"n\",\"alg\":\"A256GCMKW\",\"enc\":\"A256GCM\","
		"\"encrypted_key\":\"AQID\",\"iv\":\"BA\",\"tag\":\"BQ\",\"apu\":\"Bg\",\"apv\":\"Bw\","
		"\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"CA\",\"y\":\"CQ\"},\"mine\":[1]}";
	struct wrapped wrapped;
	char why[WRAPPED_WHY];
	json_t *object;

	assert_int_equal(read_text(text, &wrapped, why, &object), 0);
	assert_string_equal(wrapped.args.kid, "k1");
	assert_string_equal(wrapped.args.key, "n");
	assert_string_equal(wrapped.args.alg, "A256GCMKW");
	assert_string_equal(wrapped.args.enc, "A256GCM");
	assert_int_equal(wrapped.args.encrypted_key.len, 3);
	assert_memory_equal(wrapped.args.encrypted_key.data, "\x01\x02\x03", 3);
	assert_memory_equal(wrapped.args.params.iv.data, "\x04", 1);
	assert_memory_equal(wrapped.args.params.tag.data, "\x05", 1);
	assert_memory_equal(wrapped.args.params.apu.data, "\x06", 1);
	assert_memory_equal(wrapped.args.params.apv.data, "\x07", 1);
	assert_string_equal(wrapped.args.params.epk.kty, "EC");
	assert_memory_equal(wrapped.args.params.epk.x.data, "\x08", 1);
	assert_memory_equal(wrapped.args.params.epk.y.data, "\x09", 1);
	json_decref(object);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"[]",
		"\"text\"",
		"{\"enc\":\"A256GCM\"}",
		"{\"alg\":\"A256KW\"}",
		"{\"alg\":1,\"enc\":\"A256GCM\"}",
		"{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":7}",
		"{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"encrypted_key\":\"A\"}",
		"{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"encrypted_key\":\"AA==\"}",
		"{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":\"x\"}",
		"{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"P-256\"}}",
		"{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"EC\",\"d\":\"AA\"}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char why[WRAPPED_WHY] = "";
		struct wrapped wrapped;
		json_t *object;

		assert_int_equal(read_text(bad[i], &wrapped, why, &object), -EINVAL);
		assert_string_not_equal(why, "");
		json_decref(object);
	}
}

/* An encrypted key of the largest size, and one octet more. */
static void test_largest(void **state)
{
	uint8_t data[ENCRYPTED_KEY_MAX + 1];

	memset(data, 0xab, sizeof(data));
	for (size_t len = ENCRYPTED_KEY_MAX; len <= sizeof(data); len++) {
		char *text = b64u_text(data, len), why[WRAPPED_WHY] = "";
		json_t *object = json_pack("{s:s, s:s, s:s}", "alg", "RSA-OAEP", "enc", "A256GCM", "encrypted_key",
			text);
		struct wrapped wrapped;

		if (len == ENCRYPTED_KEY_MAX) {
			assert_int_equal(wrapped_read(object, &wrapped, why), 0);
			assert_int_equal(wrapped.args.encrypted_key.len, len);
		} else {
			assert_int_equal(wrapped_read(object, &wrapped, why), -EINVAL);
			assert_string_equal(why, "encrypted_key is too long");
		}
		json_decref(object);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_members),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
