/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/journal/lines.h"
#include "tests/unit/journal/journal_records.h"

typedef Cek__Internal__V1__KeyRecord KeyRecord;

static struct lines lines;
static struct arena arena;

static int setup(void **state)
{
	(void)state;
	return lines_init(&lines) < 0 || arena_init(&arena, 1 << 20) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	lines_deinit(&lines);
	arena_deinit(&arena);
	return 0;
}

/* As any reader of the journal checks them. */
static void check_chain(const struct chain_head *from, unsigned n)
{
	struct chain_head head = *from;
	const char *line = lines.text.data;
	struct chain_hasher *hasher;
	char why[CHAIN_WHY_MAX];

	assert_int_equal(chain_hasher_new(&hasher), 0);
	for (unsigned i = 0; i < n; i++) {
		const char *end = memchr(line, '\n', lines.text.len - (size_t)(line - lines.text.data));
		json_t *object = chain_line_parse(line, (size_t)(end - line), why);

		assert_int_equal(json_integer_value(json_object_get(object, "seq")), head.seq + 1);
		assert_string_equal(json_string_value(json_object_get(object, "prev")), head.hash);
		assert_int_equal(json_is_true(json_object_get(object, "more")), i + 1 < n);
		assert_int_equal(chain_hash(hasher, line, (size_t)(end - line), head.hash), 0);
		head.seq++;
		json_decref(object);
		line = end + 1;
	}
	assert_ptr_equal(line, lines.text.data + lines.text.len);
	assert_int_equal(lines.next.seq, head.seq);
	assert_string_equal(lines.next.hash, head.hash);
	chain_hasher_free(hasher);
}

static void test_records_are_chained(void **state)
{
	KeyRecord a = journal_key_record("version", "a"), b = journal_key_record("state", "b"), *records[] = {&a, &b};
	struct chain_head head = chain_start();
	char why[STORE_WHY_MAX];

	(void)state;
	assert_int_equal(lines_add_keys(&lines, records, 2, &arena, why), 0);
	assert_int_equal(a.seq, 1);
	assert_int_equal(b.seq, 2);
	check_chain(&head, 2);
	head = lines.next;
	lines_drop(&lines, &head); /* written; more follow */
	assert_int_equal(lines.text.len, 0);
	assert_int_equal(lines_add_keys(&lines, records, 1, &arena, why), 0);
	assert_int_equal(a.seq, 3);
	check_chain(&head, 1);
}

static void test_what_cannot_be_read_back_is_refused(void **state)
{
	KeyRecord bad = journal_key_record("version", "\xff"), *records[] = {&bad};
	struct chain_head start = chain_start();
	char why[STORE_WHY_MAX];

	(void)state;
	assert_int_equal(lines_add_keys(&lines, records, 0, &arena, why), -EINVAL);
	assert_int_equal(lines_add_keys(&lines, records, 1, &arena, why), -EILSEQ);
	bad = journal_key_record("", "a");
	assert_int_equal(lines_add_keys(&lines, records, 1, &arena, why), -EINVAL);
	bad = journal_key_record("version", "a");
	bad.time = 0;
	assert_int_equal(lines_add_keys(&lines, records, 1, &arena, why), -EINVAL);
	assert_string_equal(why, "record 1 of 1 (version) has no type, no time or a value without a name");
	bad = journal_key_record("version", "a");
	bad.time = UINT64_MAX;
	assert_int_equal(lines_add_keys(&lines, records, 1, &arena, why), -ERANGE);
	assert_int_equal(lines.text.len, 0);
	assert_int_equal(lines.next.seq, start.seq);
	assert_string_equal(lines.next.hash, start.hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_records_are_chained, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_read_back_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
