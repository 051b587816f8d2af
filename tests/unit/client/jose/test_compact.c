/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/cek-jose.h"
#include "client/jose/compact.h"

static void check_span(struct span span, const char *want)
{
	assert_int_equal(span.len, strlen(want));
	assert_memory_equal(span.text, want, span.len);
}

static void test_split(void **state)
{
	struct compact parts;

	(void)state;
	assert_true(compact_split("aa.b.ccc..d", 11, &parts));
	check_span(parts.header, "aa");
	check_span(parts.encrypted_key, "b");
	check_span(parts.iv, "ccc");
	check_span(parts.ciphertext, "");
	check_span(parts.tag, "d");
	assert_true(compact_split("....", 4, &parts));
	check_span(parts.header, "");
	check_span(parts.tag, "");
}

/* What is beyond len is not looked at. */
static void test_length(void **state)
{
	struct compact parts;

	(void)state;
	assert_false(compact_split("a.b.c.d.e", 7, &parts));
	assert_true(compact_split("a.b.c.d.e", 8, &parts));
	check_span(parts.tag, "");
	assert_true(compact_split("a.b.c.d.e.f", 9, &parts));
}

static void test_dots(void **state)
{
	char many[1000];
	struct compact parts = {.tag = {"untouched", 9}};

	(void)state;
	assert_false(compact_split(NULL, 0, &parts));
	assert_false(compact_split("", 0, &parts));
	assert_false(compact_split("a.b.c", 5, &parts)); /* a JWS */
	assert_false(compact_split("a.b.c.d", 7, &parts));
	assert_false(compact_split("a.b.c.d.e.", 10, &parts));
	assert_false(compact_split("a.b.c.d.e.f", 11, &parts));
	memset(many, '.', sizeof(many));
	assert_false(compact_split(many, sizeof(many), &parts));
	assert_int_equal(parts.tag.len, 9);
}

static void test_join(void **state)
{
	char *token = compact_join(&(struct compact_octets){
		.header = {"e30", 3},
		.iv = {"f", 1},
		.ciphertext = {"foobar", 6},
		.tag = {"fo", 2},
	});

	(void)state;
	assert_string_equal(token, "e30..Zg.Zm9vYmFy.Zm8");
	free(token);
}

static bool looks(const char *token)
{
	return cek_jwe_looks_compact(token, strlen(token));
}

static void test_looks_compact(void **state)
{
	static const char jwe[] = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..MTIzNDU2Nzg5MDEy.YQ.-_aBzZ09";

	(void)state;
	assert_true(looks(jwe));
	assert_true(looks("eyAi.a.b.c.d")); /* white space before the member */
	assert_true(looks("ewki.a.b.c.d"));
	assert_true(looks("ew0K.a.b.c.d"));
	assert_true(looks("ewoi...."));                       /* whether the parts make sense is not asked */
	assert_false(looks("eyJhbGciOiJFUzI1NiJ9.e30.c2ln")); /* a JWS */
	assert_false(looks("eyJhbGciOiJFUzI1NiJ9.a.b.c"));
	assert_false(looks("eyJhbGciOiJFUzI1NiJ9.a.b.c.d.e"));
	assert_false(looks("eyJ.a.b.c.d"));  /* shorter than any header */
	assert_false(looks("W10K.a.b.c.d")); /* [] */
	assert_false(looks("e30K.a.b.c.d")); /* {} */
	assert_false(looks("ewAi.a.b.c.d")); /* {\\0 */
	assert_false(looks("eyJh.a.b.c.d="));
	assert_false(looks("eyJh.a.b.c.d "));
	assert_false(looks("eyJh.a.b+.c.d"));
	assert_false(looks("eyJ\xc3.a.b.c.d"));
	assert_false(cek_jwe_looks_compact(NULL, 0));
	assert_false(cek_jwe_looks_compact("eyJh.a.b.c.d\0", 13));
	assert_true(cek_jwe_looks_compact("eyJh.a.b.c.d\n", 12)); /* what is beyond len is not looked at */
}

/* RFC 6750 section 2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static void test_b64token(void **state)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";

	(void)state;
	assert_true(cek_jwe_is_b64token(good, strlen(good)));
	assert_true(cek_jwe_is_b64token("a", 1));
	assert_true(cek_jwe_is_b64token("a===", 4));
	assert_false(cek_jwe_is_b64token("", 0));
	assert_false(cek_jwe_is_b64token(NULL, 0));
	assert_false(cek_jwe_is_b64token("=", 1));
	assert_false(cek_jwe_is_b64token("a=b", 3));
	for (int c = 0; c < 256; c++) {
		const char text[] = {'a', (char)c, 'b'};

		assert_int_equal(cek_jwe_is_b64token(text, 3), c != 0 && strchr(good, c) != NULL);
		assert_int_equal(cek_jwe_is_b64token(text, 2), c != 0 && (c == '=' || strchr(good, c) != NULL));
	}
}

/* Characters are looked at in blocks: one that does not belong there is found wherever it stands. */
static void test_b64token_of_any_length(void **state)
{
	char text[200];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t len = 1; len <= sizeof(text); len++) {
		assert_true(cek_jwe_is_b64token(text, len));
		for (size_t at = 0; at < len; at++) {
			text[at] = ',';
			assert_false(cek_jwe_is_b64token(text, len));
			text[at] = 'a';
		}
	}
	memcpy(text, "eyJh....", 8);
	for (size_t at = 8; at < sizeof(text); at++) {
		assert_true(cek_jwe_looks_compact(text, sizeof(text)));
		text[at] = '~';
		assert_false(cek_jwe_looks_compact(text, sizeof(text)));
		text[at] = 'a';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_dots),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_looks_compact),
		cmocka_unit_test(test_b64token),
		cmocka_unit_test(test_b64token_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
