/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/chain.h"

/* A chain of three lines; the hashes were made with sha256sum. */
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define LINE1 "{\"seq\":1,\"prev\":\"" ZEROS "\",\"type\":\"open\"}"
#define HASH1 "274a13034438c819fae095b6e43d46dc3623ecdcd99d91e1b524adffd8731cc6"
#define LINE2 "{\"seq\":2,\"prev\":\"" HASH1 "\",\"more\":true}"
#define HASH2 "0a52ed34ea905d04c3af5cf23361414c74fde41c1fcc27608a2a7f2c13a69c06"
#define LINE3 "{\"seq\":3,\"prev\":\"" HASH2 "\"}"
#define HASH3 "3cce758624f8efc22ecb6089260997ca361e9212f76fc19d8a03364077d46822"

static int file_of(const char *text, size_t len)
{
	int fd = memfd_create("chain", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static struct chain_result verify(const char *text, const struct chain_head *from, const struct chain_head *expected)
{
	struct chain_result result;
	int fd = file_of(text, strlen(text));

	assert_int_equal(chain_verify(fd, from, expected, NULL, NULL, &result), 0);
	close(fd);
	return result;
}

static void test_hash(void **state)
{
	struct chain_hasher *hasher;
	char hash[CHAIN_HEX + 1];

	(void)state;
	assert_int_equal(chain_hasher_new(&hasher), 0);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(chain_hash(hasher, "abc", 3, hash), 0); /* FIPS 180-2, B.1 */
		assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
		assert_int_equal(chain_hash(hasher, "", 0, hash), 0);
		assert_string_equal(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	}
	assert_true(chain_hash_valid(hash));
	assert_false(chain_hash_valid(hash + 1));
	hash[0] = 'E';
	assert_false(chain_hash_valid(hash));
	assert_null(chain_hasher_free(hasher));
	assert_null(chain_hasher_free(NULL));
}

static void test_head(void **state)
{
	static const char *const wrong[] = {"", "x", ":" ZEROS, "12", "12:", "12:" ZEROS "0", " 12:" ZEROS, "-1:" ZEROS,
		"+1:" ZEROS, "012:" ZEROS, "0x1:" ZEROS, "12 :" ZEROS, "99999999999999999999:" ZEROS, "12:" ZEROS "\n"};
	struct chain_head head = {7, "untouched"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(chain_head_parse(wrong[i], &head), -EINVAL);
	assert_int_equal(head.seq, 7);
	assert_int_equal(chain_head_parse("0:" ZEROS, &head), 0);
	assert_int_equal(head.seq, 0);
	assert_string_equal(head.hash, ZEROS);
	assert_int_equal(chain_head_parse("9:" ZEROS, &head), 0);
	assert_int_equal(head.seq, 9);
	assert_int_equal(chain_head_parse("18446744073709551615:" ZEROS, &head), 0);
	assert_true(head.seq == UINT64_MAX);
}

static void test_good(void **state)
{
	struct chain_result result = verify(LINE1 "\n" LINE2 "\n" LINE3 "\n", NULL, NULL);

	(void)state;
	assert_int_equal(result.fault, CHAIN_GOOD);
	assert_int_equal(result.lines, 3);
	assert_int_equal(result.bytes, strlen(LINE1 LINE2 LINE3) + 3);
	assert_int_equal(result.head.seq, 3);
	assert_string_equal(result.head.hash, HASH3);
	assert_false(result.torn);
	assert_int_equal(result.bad_line, 0);
	assert_string_equal(result.why, "");

	result = verify("", NULL, NULL);
	assert_int_equal(result.fault, CHAIN_GOOD);
	assert_int_equal(result.lines, 0);
	assert_string_equal(result.head.hash, ZEROS);
}

static void test_torn(void **state)
{
	struct chain_result result = verify(LINE1 "\n" LINE2 "\n" LINE3, NULL, NULL);

	(void)state;
	/* The line behind "more" is missing, so that one does not count either. */
	assert_int_equal(result.fault, CHAIN_GOOD);
	assert_true(result.torn);
	assert_int_equal(result.lines, 2);
	assert_int_equal(result.head.seq, 2);
	assert_int_equal(result.whole.seq, 1);
	assert_string_equal(result.whole.hash, HASH1);
	assert_int_equal(result.whole_bytes, strlen(LINE1) + 1);

	assert_true(verify(LINE1 "\n" LINE2 "\n", NULL, NULL).torn);
	assert_true(verify(LINE1 "\n{", NULL, NULL).torn);
	assert_false(verify(LINE1 "\n", NULL, NULL).torn);
}

static void test_continue(void **state)
{
	struct chain_head from = {.seq = 1, .hash = HASH1};
	struct chain_result result = verify(LINE2 "\n" LINE3 "\n", &from, NULL);

	(void)state;
	assert_int_equal(result.fault, CHAIN_GOOD);
	assert_int_equal(result.lines, 2);
	assert_string_equal(result.head.hash, HASH3);
	from.hash[5] ^= 1;
	result = verify(LINE2 "\n" LINE3 "\n", &from, NULL);
	assert_int_equal(result.fault, CHAIN_BAD_LINE);
	assert_int_equal(result.bad_line, 1);
}

static void test_bad_lines(void **state)
{
	static const struct {
		const char *text;
		uint64_t line;
		const char *why;
	} rows[] = {
		{LINE2 "\n", 1, "seq is 2, should be 1"},
		{LINE1 "\n" LINE3 "\n", 2, "seq is 3, should be 2"},
		{LINE1 "\n" LINE1 "\n", 2, "seq is 1, should be 2"},
		{LINE1 "\n" LINE2 "\n"
		       "{\"seq\":3,\"prev\":\"" HASH1 "\"}\n",
			3, "prev is not the hash of the line before, which is " HASH2},
		{LINE1 "\n\n", 2, "not a JSON object"},
		{LINE1 "\nnull\n", 2, "not a JSON object"},
		{LINE1 "\n[]\n", 2, "not a JSON object"},
		{LINE1 "\n{\"seq\":2\n", 2, "not a JSON object"},
		{LINE1 " \n" LINE2 "\n", 2, "prev is not"},
		{LINE1 "\n{\"seq\":2,\"seq\":2,\"prev\":\"" HASH1 "\"}\n", 2, "duplicate object key"},
		{LINE1 "\n{\"seq\":2}\n", 2, "no prev"},
		{LINE1 "\n{\"prev\":\"" HASH1 "\"}\n", 2, "no seq"},
		{LINE1 "\n{\"seq\":2.0,\"prev\":\"" HASH1 "\"}\n", 2, "no seq"},
		{LINE1 "\n{\"seq\":-2,\"prev\":\"" HASH1 "\"}\n", 2, "seq is -2"},
		{LINE1 "\n{\"seq\":2,\"prev\":\"" HASH1 "\"} x\n", 2, "not a JSON object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct chain_result result = verify(rows[i].text, NULL, NULL);

		assert_int_equal(result.fault, CHAIN_BAD_LINE);
		assert_int_equal(result.bad_line, rows[i].line);
		assert_int_equal(result.lines, rows[i].line - 1);
		if (!strstr(result.why, rows[i].why))
			fail_msg("row %zu: %s", i, result.why);
	}
}

static void test_expected_head(void **state)
{
	static const char text[] = LINE1 "\n" LINE2 "\n" LINE3 "\n";
	struct chain_head head = {.seq = 2, .hash = HASH2}, from = {.seq = 2, .hash = HASH2};

	(void)state;
	assert_int_equal(verify(text, NULL, &head).fault, CHAIN_GOOD);
	assert_int_equal(verify(LINE1 "\n", NULL, &head).fault, CHAIN_BAD_HEAD);
	assert_non_null(strstr(verify(LINE1 "\n", NULL, &head).why, "cut off"));
	assert_int_equal(verify(LINE3 "\n", &from, &head).fault, CHAIN_GOOD);
	head.hash[0] ^= 1;
	assert_int_equal(verify(text, NULL, &head).fault, CHAIN_BAD_HEAD);
	assert_non_null(strstr(verify(text, NULL, &head).why, "replaced"));
	assert_int_equal(verify(LINE3 "\n", &from, &head).fault, CHAIN_BAD_HEAD);
}

static void test_depth(void **state)
{
	char why[CHAIN_WHY_MAX], deep[2 * CHAIN_DEPTH_MAX + 16];
	json_t *json;
	int len;

	(void)state;
	len = snprintf(deep, sizeof(deep), "{\"[{\\\"[\":%.*s%.*s}", CHAIN_DEPTH_MAX - 1, "[[[[[[[[[[[[",
		CHAIN_DEPTH_MAX - 1, "]]]]]]]]]]]]");
	json = chain_line_parse(deep, (size_t)len, why);
	assert_non_null(json);
	json_decref(json);
	len = snprintf(deep, sizeof(deep), "{\"\":%.*s%.*s}", CHAIN_DEPTH_MAX, "[[[[[[[[[[[[", CHAIN_DEPTH_MAX,
		"]]]]]]]]]]]]");
	assert_null(chain_line_parse(deep, (size_t)len, why));
	assert_non_null(strstr(why, "inside each other"));
}

/* A line at the limit and one past it. */
static void test_long_lines(void **state)
{
	static const char start[] = "{\"seq\":1,\"prev\":\"" ZEROS "\",\"x\":\"";
	struct chain_result result;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		size_t len = CHAIN_LINE_MAX + more;
		char *line = malloc(len + 1);
		int fd;

		assert_non_null(line);
		memset(line, 'x', len);
		memcpy(line, start, sizeof(start) - 1);
		memcpy(line + len - 2, "\"}\n", 3);
		fd = file_of(line, len + 1);
		assert_int_equal(chain_verify(fd, NULL, NULL, NULL, NULL, &result), 0);
		assert_int_equal(result.fault, more ? CHAIN_BAD_LINE : CHAIN_GOOD);
		if (more)
			assert_non_null(strstr(result.why, "longer than"));
		close(fd);
		free(line);
	}
}

static int count_line(void *userdata, const json_t *object, const struct chain_head *head)
{
	uint64_t *count = userdata;

	assert_int_equal(json_integer_value(json_object_get(object, "seq")), head->seq);
	return ++*count == 2 ? -ECANCELED : 0;
}

static void test_callback_and_errors(void **state)
{
	static const char text[] = LINE1 "\n" LINE2 "\n" LINE3 "\n";
	struct chain_result result = {.lines = 77};
	uint64_t count = 0;
	int fd = file_of(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(chain_verify(fd, NULL, NULL, count_line, &count, &result), -ECANCELED);
	assert_int_equal(count, 2);
	assert_int_equal(result.lines, 77);
	close(fd);
	assert_int_equal(chain_verify(fd, NULL, NULL, NULL, NULL, &result), -EBADF);
	assert_int_equal(result.lines, 77);
}

/* A pipe gives pieces that end anywhere. */
static void test_pipe(void **state)
{
	static const char text[] = LINE1 "\n" LINE2 "\n" LINE3 "\n";
	struct chain_result result;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, sizeof(text) - 1), sizeof(text) - 1);
	close(fds[1]);
	assert_int_equal(chain_verify(fds[0], NULL, NULL, NULL, NULL, &result), 0);
	assert_int_equal(result.lines, 3);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_expected_head),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_callback_and_errors),
		cmocka_unit_test(test_pipe),
	};

	return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
