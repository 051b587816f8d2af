/* SPDX-License-Identifier: Apache-2.0 */
/* client/json/tree.c and tree_walk.c: beside jansson, which reads the same texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "client/json/tree.h"

static const struct json_tree_bounds wide = {64, 1000};

static enum json_tree_result result_of(const char *text, const struct json_tree_bounds *bounds)
{
	struct json_tree tree;
	enum json_tree_result result = json_tree_init(&tree, bounds, text, strlen(text));

	if (result == JSON_TREE_OK)
		json_tree_deinit(&tree);
	return result;
}

static void test_members(void **state)
{
	const char text[] = " {\"a\":\"x\\ny\",\"n\":-1.50E+3 , "
			    "\"t\":true,\"f\":false,\"z\":null,\n\"o\":{\"a\":[1,[],{}]},\"\":\"\"}\t";
	static const uint8_t kinds[] = {JSON_KIND_STRING, JSON_KIND_NUMBER, JSON_KIND_TRUE, JSON_KIND_FALSE,
		JSON_KIND_NULL, JSON_KIND_OBJECT, JSON_KIND_STRING};
	const struct json_node *all, *node;
	struct json_tree tree;
	size_t i = 0;
	char *dump;

	(void)state;
	assert_int_equal(json_tree_init(&tree, &wide, text, sizeof(text) - 1), JSON_TREE_OK);
	all = tree.nodes;
	assert_int_equal(all->size, tree.n);
	for (node = json_tree_first(all); node; node = json_tree_next(all, node))
		assert_int_equal(node->kind, kinds[i++]);
	assert_int_equal(i, sizeof(kinds));
	assert_string_equal(json_tree_member(all, "a")->text, "x\ny");
	assert_int_equal(json_tree_member(all, "a")->text_len, 3);
	assert_string_equal(json_tree_member(all, "n")->text, "-1.50E+3");
	assert_string_equal(json_tree_member(all, "")->text, "");
	assert_null(json_tree_member(all, "b"));
	assert_null(json_tree_member(NULL, "a"));
	assert_null(json_tree_member(json_tree_member(all, "a"), "a"));
	node = json_tree_member(json_tree_member(all, "o"), "a");
	assert_int_equal(node->size, 4);
	assert_null(json_tree_first(json_tree_next(node, json_tree_first(node))));
	dump = json_tree_dump(all);
	assert_string_equal(dump,
		"{\"a\":\"x\\ny\",\"n\":-1.50E+3,\"t\":true,\"f\":false,\"z\":null,\"o\":{\"a\":[1,[],{}]},\"\":\"\"}");
	free(dump);
	json_tree_deinit(&tree);
	json_tree_deinit(&tree);
}

static void test_bounds(void **state)
{
	const struct json_tree_bounds bounds = {3, 4};

	(void)state;
	assert_int_equal(result_of("{\"a\":[[]]}", &bounds), JSON_TREE_OK);
	assert_int_equal(result_of("{\"a\":[[[]]]}", &bounds), JSON_TREE_DEEP);
	assert_int_equal(result_of("{\"a\":1,\"b\":[2,3]}", &bounds), JSON_TREE_OK);
	assert_int_equal(result_of("{\"a\":1,\"b\":[2,3,4]}", &bounds), JSON_TREE_MANY);
	assert_int_equal(result_of("{\"a\":[1,2,3", &bounds), JSON_TREE_BAD);
	assert_int_equal(result_of("{\"a\":[1,2,3,", &bounds), JSON_TREE_MANY);
}

static void test_what_a_string_cannot_hold(void **state)
{
	static const char *const unheld[] = {"{\"a\":\"\\u0000\"}", "{\"\\u0000\":1}", "{\"a\":\"\\ud800\"}",
		"{\"a\":\"\\udc00\"}", "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\ud800\\n\"}"};
	struct json_tree tree;

	(void)state;
	for (size_t i = 0; i < sizeof(unheld) / sizeof(unheld[0]); i++)
		assert_int_equal(result_of(unheld[i], &wide), JSON_TREE_UNHELD);
	for (int escaped = 0; escaped < 2; escaped++) {
		const char *text = escaped ? "{\"a\":\"\\uffff\"}" : "{\"a\":\"\xef\xbf\xbf\"}";

		assert_int_equal(json_tree_init(&tree, &wide, text, strlen(text)), JSON_TREE_OK);
		assert_true(tree.noncharacter);
		json_tree_deinit(&tree);
	}
}

/* At the number of members from which on they are sorted, and one past; wherever the two stand. */
static void test_a_member_twice(void **state)
{
	char text[4096];

	(void)state;
	for (int n = 2; n < 40; n++)
		for (int twice = 0; twice < n; twice++) {
			int len = sprintf(text, "{");

			for (int i = 0; i < n; i++)
				len += sprintf(text + len, "%s\"m%d\":{\"m\":[]}", i > 0 ? "," : "",
					i == twice ? n - 1 : i);
			strcpy(text + len, "}");
			assert_int_equal(result_of(text, &wide), twice == n - 1 ? JSON_TREE_OK : JSON_TREE_TWICE);
		}
	assert_int_equal(result_of("{\"a\":{\"b\":1,\"\\u0062\":2}}", &wide), JSON_TREE_TWICE);
	assert_int_equal(result_of("{\"a\":{\"b\":1},\"b\":2}", &wide), JSON_TREE_OK);
}

/* ---- beside jansson ---------------------------------------------------------------------------------------------- */

static uint32_t dice(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* Pieces of which texts are made that are nearly JSON. */
static const char *const pieces[] = {"{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"b\":", "\"c\":1", "0", "1", "-",
	"1.5", "e", "E+2", "01", "true", "false", "null", "nul", " ", "\n", "\\", "\\u00e9", "\\ud83d\\ude00",
	"\\u0000", "\\ud800", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
	"\x7f", "\x01", "\\/", "\\\"", "\\b", "\\x", "{}", "[]", "\"d\":[1,{\"e\":2}]"};
static const char *const seeds[] = {
	"{\"iss\":\"https://issuer.example\",\"aud\":[\"a\",\"b\"],\"exp\":1700000600,\"sub\":\"Andr\\u00e9 "
	"\xf0\x9f\x98\x80\",\"address\":{\"city\":"
	"\"K\xc3\xb6ln\",\"n\":1.5e3}}",
	("{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\",\"cty\":\"JWT\",\"kid\":\"api:1\",\"epk\":{\"kty\":\"EC\","
	 "\"crv\":\"P-256\",\"x\":\"AA\"}}"),
	"{\"a\":[[],{},[{}],-0,0.1,10E-2,true,false,null,\"\\b\\f\\n\\r\\t\\\\\\\"\\/\\u001f\\u007f\"]}",
};

static size_t make(char *text, size_t size)
{
	size_t len = 0;

	if (dice() % 2) {
		len = (size_t)snprintf(text, size, "%s", seeds[dice() % (sizeof(seeds) / sizeof(seeds[0]))]);
		for (uint32_t n = dice() % 3; n > 0; n--) {
			size_t at = dice() % len;

			switch (dice() % 3) {
			case 0:
				text[at] = (char)dice();
				break;
			case 1:
				memmove(text + at, text + at + 1, --len - at);
				break;
			default:
				len = at + 1;
				break;
			}
		}
		return len;
	}
	len = (size_t)sprintf(text, "{\"x\":");
	for (uint32_t n = dice() % 12; n > 0; n--)
		len += (size_t)sprintf(text + len, "%s", pieces[dice() % (sizeof(pieces) / sizeof(pieces[0]))]);
	len += (size_t)sprintf(text + len, "}");
	return len;
}

/* Numbers are kept as they are written here, by jansson as it holds them: what it writes of both is the same. */
static void compare(const char *text, size_t len, const struct json_tree *tree, const json_t *json)
{
	char *dump = json_tree_dump(tree->nodes), *other = json_dumps(json, JSON_COMPACT), *again;
	json_t *read = json_loads(dump, 0, NULL);

	again = json_dumps(read, JSON_COMPACT);
	if (!again || strcmp(again, other) != 0)
		fail_msg("%.*s is %s, and not %s", (int)len, text, dump, other);
	json_decref(read);
	free(again);
	free(other);
	free(dump);
}

static void test_beside_jansson(void **state)
{
	size_t good = 0;

	(void)state;
	for (int i = 0; i < 60000; i++) {
		char text[1024], *exact;
		size_t len = make(text, sizeof(text));
		struct json_tree tree;
		json_error_t error;
		json_t *json;
		bool ours;

		exact = malloc(len > 0 ? len : 1); /* for a sanitizer to see what is read behind it */
		memcpy(exact, text, len);
		json = json_loadb(exact, len, JSON_REJECT_DUPLICATES, &error);
		ours = json_tree_init(&tree, &wide, exact, len) == JSON_TREE_OK;
		if (!json && json_error_code(&error) == json_error_numeric_overflow) {
			/* what jansson cannot hold */
		} else if (ours != json_is_object(json)) {
			fail_msg("%.*s: %d, jansson: %s", (int)len, text, ours, json ? "good" : error.text);
		}
		if (ours && json) {
			compare(exact, len, &tree, json);
			good++;
		}
		if (ours)
			json_tree_deinit(&tree);
		json_decref(json);
		free(exact);
	}
	assert_true(good > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_what_a_string_cannot_hold),
		cmocka_unit_test(test_a_member_twice),
		cmocka_unit_test(test_beside_jansson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
