/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/parent/config/config.h"
#include "daemon/parent/config/syntax.h"

static char error[CONFIG_ERROR_MAX];

static int read_bytes(const char *text, size_t len, char **ret_text)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
	int r;

	assert_non_null(file);
	error[0] = '\0';
	r = syntax_read(file, "f", ret_text, error);
	(void)fclose(file);
	return r;
}

static void gives(const char *text, const char *expected)
{
	char *out = NULL;

	if (read_bytes(text, strlen(text), &out) < 0)
		fail_msg("%s", error);
	assert_string_equal(out, expected);
	free(out);
}

static void refuse_bytes(const char *text, size_t len, const char *expected)
{
	char *out = error;

	assert_int_equal(read_bytes(text, len, &out), -EINVAL);
	assert_ptr_equal(out, error); /* untouched */
	if (strstr(error, expected) == NULL)
		fail_msg("\"%s\" does not hold \"%s\"", error, expected);
}

static void refuse(const char *text, const char *expected)
{
	refuse_bytes(text, strlen(text), expected);
}

static void test_what_is_taken_as_it_is(void **state)
{
	(void)state;
	gives("", "");
	gives("a = \"x\"\nb = 12\nc = {}\nd = {\"x\", y,}\n", "a = \"x\"\nb = 12\nc = {}\nd = {\"x\", y,}\n");
	gives("s t { a = 1 }\ns \"u v\"\n{\ta = 1 b = '\\*${A}' }\r\nl{}",
		"s t { a = 1 }\ns \"u v\"\n{\ta = 1 b = '\\*${A}' }\r\nl{}");
	gives("a = \"\\n\\\\\\\"\\t\\$\\\n\"\n", "a = \"\\n\\\\\\\"\\t\\$\\\n\"\n");
}

/* libconfuse counts three lines for each. */
static void test_comments_go_and_lines_stay(void **state)
{
	(void)state;
	gives("# one { \"\na = 1 // two\n/* three\n} */ b = \"#\" /**/\n", "\na = 1 \n \n b = \"#\"  \n");
}

static void test_variables(void **state)
{
	(void)state;
	assert_int_equal(setenv("T_SET", "v\"\\${x}\n*", 1), 0);
	assert_int_equal(setenv("T_EMPTY", "", 1), 0);
	assert_int_equal(unsetenv("T_UNSET"), 0);
	gives("a = \"<${T_SET}>\"\n", "a = \"<v\\\"\\\\\\${x}\\n*>\"\n");
	gives("a = ${T_SET} b = {${T_SET}}\n", "a = \"v\\\"\\\\\\${x}\\n*\" b = {\"v\\\"\\\\\\${x}\\n*\"}\n");
	gives("a = \"${T_SET:-no}${T_UNSET:-:-*}${T_EMPTY:-d}${T_UNSET:-}\"\n", "a = \"v\\\"\\\\\\${x}\\n*:-*d\"\n");
	gives("s \"${T_UNSET:-n}\" { }\n# ${T_UNSET}\na = '${T_UNSET}' b = \"$T_UNSET \\${T_UNSET}\"\n",
		"s \"n\" { }\n\na = '${T_UNSET}' b = \"\\$T_UNSET \\${T_UNSET}\"\n");
	refuse("\nrule \"r\" {\n keys = {\"a\",\n\"${T_UNSET}*\"} }\n",
		"f:4: rule \"r\": keys: the environment variable T_UNSET is not set: set it, or write "
		"${T_UNSET:-default}");
	refuse("a = \"${T_EMPTY}\"\n", "f:1: a: the environment variable T_EMPTY is empty: set it");
	refuse("a = ${T_UNSET}\n", "f:1: a: the environment variable T_UNSET is not set");
	refuse("rule \"${T_UNSET}\" { }\n", "f:1: rule: the environment variable T_UNSET is not set");
}

static void test_what_is_no_variable(void **state)
{
	static const char *const wrong[] = {
		"a = \"${}\"\n",
		"a = \"${X\"\n}\n",
		"a = \"${X-d}\"\n",
		"a = \"${X:?d}\"\n",
		"a = \"${1X}\"\n",
		"a = \"${X Y}\"\n",
		"a = \"${X:-d\"\n}\n",
		"a = ${X\n}\n",
		"a = \"${X:-d\n}\"\n",
	};

	(void)state;
	assert_int_equal(setenv("X", "x", 1), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refuse(wrong[i], "f:1: a: \"${\" does not begin ${NAME} or ${NAME:-default}");
}

/* Not even where the default is not wanted. */
static void test_defaults_are_plain(void **state)
{
	(void)state;
	assert_int_equal(setenv("X", "x", 1), 0);
	assert_int_equal(unsetenv("T_UNSET"), 0);
	refuse("a = \"${T_UNSET:-${X}}*\"\n",
		"f:1: a: \"$\" in the default of ${T_UNSET}: a default is taken as it stands");
	refuse("a = ${T_UNSET:-${X}}\n", "f:1: a: \"$\" in the default of ${T_UNSET}");
	refuse("a = \"${X:-${X:-d}}\"\n", "\"$\" in the default of ${X}");
	refuse("a = \"${T_UNSET:-$X}\"\n", "\"$\" in the default of ${T_UNSET}");
	refuse("a = \"$${T_UNSET:-{X}}*\"\n", "\"{\" in the default of ${T_UNSET}");
	refuse("a = \"${T_UNSET:-\\}}\"\n", "\"\\\" in the default of ${T_UNSET}");
	refuse("a = \"${T_UNSET:-api-\\\\*}\"\n", "\"\\\" in the default of ${T_UNSET}");
}

/* libconfuse would put a variable in, or take what follows as a part of the escape. */
static void test_what_a_value_completes(void **state)
{
	(void)state;
	assert_int_equal(setenv("T_BRACES", "{T_UNSET}", 1), 0);
	assert_int_equal(setenv("T_DIGITS", "01", 1), 0);
	assert_int_equal(unsetenv("T_UNSET"), 0);
	gives("a = \"$${T_UNSET:-x}$\" b = \"$${T_BRACES}*\"\n", "a = \"\\$x\\$\" b = \"\\${T_UNSET}*\"\n");
	gives("a = \"$\\x7bT_UNSET}*\"\n", "a = \"\\${T_UNSET}*\"\n");
	gives("a = \"\\1${T_DIGITS} \\x4${T_DIGITS} \\42\\134\\x24\\12\"\n",
		"a = \"\x01\x30\x31 \x04\x30\x31 \\\"\\\\\\$\\n\"\n");
}

/* "\*" would be "*" to libconfuse, and a NUL the end of the string. */
static void test_escapes(void **state)
{
	(void)state;
	refuse("a = 1\nkeys = {\"api\\*\"}\n", "f:2: keys: \"\\*\" is no escape: write \"\\\\*\"");
	refuse("a = \"*\\x00-api\"\n", "\"\\x00\" is no escape");
	refuse("a = \"*\\0-api\"\n", "\"\\0\" is no escape");
	refuse("a = \"*\\000\"\n", "\"\\000\" is no escape");
	refuse("a = \"\\400\"\n", "\"\\400\" is no escape");
	refuse("a = \"\\8\"\n", "\"\\8\" is no escape");
	refuse("a = \"\\0101\"\n", "\"\\0101\" is no escape");
	refuse("a = \"\\xg\"\n", "\"\\x\" is no escape");
	refuse_bytes("a = \"*\0-api\"\n", 12, "f:1: a control character (0x00)");
	refuse("\na = \"\x1b\"\n", "f:2: a control character (0x1b)");
}

static void test_what_is_no_syntax(void **state)
{
	(void)state;
	refuse("a = \"x\nb = \"y\"\n", "f:1: a: a string has no \" at its end");
	refuse("a = 'x\n", "f:1: a: a string has no ' at its end");
	refuse("keys = {*}\n", "f:1: keys: \"*\" where a value should stand");
	refuse("keys = {api-*}\n", "\"*\" in the list of line 1 where a comma or its } should stand");
	refuse("keys = {\"a\" \"b\"}\n", "where a comma or its } should stand");
	refuse("keys += {\"a\"}\n", "f:1: keys: \"+\" where a \"=\" should stand");
	refuse("\"a\" = 1\n", "f:1: '\"' where an option should begin");
	refuse("limits|queue = 1\n", "\"|\"");
	refuse("a = 1 }\n", "f:1: \"}\" where an option should begin");
	refuse("s { a = 1\nt { b = 2 } }\n", "f:2: s: t: a section inside that of line 1: a } is missing before it");
	refuse("s \"n\" { a = {\"x\"\n}\nt \"m\" { b = 2 }\n",
		"f:3: s \"n\": t: a section inside that of line 1: a } is missing before it");
	refuse("s \"n\" { a \"b\" { c = 1 } }\n", "f:1: s \"n\": a: a section inside that of line 1");
	refuse("s \"n\" { a\n\"b\"\n}\n", "f:2: s \"n\": a: '\"' where a \"=\" should stand, or a } is missing");
	refuse("a = $X\n", "f:1: a: \"$\" does not begin ${NAME}: text with it needs double quotes");
	refuse("s $X { }\n", "f:1: s: \"$\" does not begin ${NAME}");
}

/* Wherever the line stands, and with or without its newline. */
static void test_a_missing_equals(void **state)
{
	(void)state;
	refuse("workers 2\n", "f:1: workers: \"2\" where a \"=\" should stand");
	refuse("workers 2", "f:1: workers: \"2\" where a \"=\" should stand");
	refuse("a = 1\nworkers 2 # two\nb = 1\n", "f:2: workers: \"2\" where a \"=\" should stand");
	refuse("sandbox \"off\"\nb = 1\n", "f:1: sandbox: '\"' where a \"=\" should stand");
	refuse("s x { a 2\n}\n", "f:1: s x: a: \"2\" where a \"=\" should stand, or a } is missing before it");
	refuse("keys {\"a\"}\n", "f:1: keys: '\"' where an option should begin");
}

/* What cannot be seen, or is no character, is told by name. */
static void test_odd_characters(void **state)
{
	(void)state;
	refuse("\xef\xbb\xbf"
	       "a = 1\n",
		"f:1: U+FEFF (byte order mark) where an option should begin");
	refuse("a = \xc2\xa0"
	       "1\n",
		"f:1: a: U+00A0 (no-break space) where a value should stand");
	refuse("a = \xe2\x80\x9cx\xe2\x80\x9d\n", "U+201C (typographic quotation mark) where a value should stand");
	refuse("a\xc2 = 1\n", "f:1: a: the byte 0xc2 where a \"=\" should stand");
	refuse("a \xc2\x85= 1\n", "f:1: a: the byte 0xc2 where a \"=\" should stand");
	refuse("l = {a \xc3\xa9}\n", "f:1: l: \"\xc3\xa9\" (U+00E9) in the list of line 1 where a comma");
	refuse("\xf0\x9f\x94\x91 = 1\n", "f:1: \"\xf0\x9f\x94\x91\" (U+1F511) where an option should begin");
	refuse("a = \"\\\xe9\"\n", "f:1: a: a backslash and the byte 0xe9 are no escape");
	refuse("a = \"\\\r\n\"\n", "f:1: a: a backslash and the byte 0x0d are no escape");
}

static void test_nothing_is_given_twice(void **state)
{
	(void)state;
	gives("s a { x = 1 } s b { x = 1 } x = 1\n", "s a { x = 1 } s b { x = 1 } x = 1\n");
	refuse("x = {}\nx = {\"*\"}\n", "f:2: x is given twice: remove one");
	refuse("s a {\n x = {\"a\",}\n x = {\"b\",} }\n", "f:3: s a: x is given twice");
	refuse("x = a\nx = b\n", "f:2: x is given twice");
	refuse("l { }\nl { }\n", "f:2: l is given twice");
}

static void test_size(void **state)
{
	const size_t most = 1 << 20;
	char *text = malloc(most + 1), *out;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', most + 1);
	assert_int_equal(read_bytes(text, most, &out), 0);
	assert_int_equal(strlen(out), most);
	free(out);
	refuse_bytes(text, most + 1, "f:1: more than 1048576 bytes");
	free(text);
}

/* Where it may be cut without anybody noticing: between two of them; and where one closes by itself, before its
 * newline. */
static const struct piece {
	const char *text;
	bool closes;
} pieces[] = {
	{"# comment { \" ${X} \n", false},
	{"module = \"/m.so\"\n", true},
	{"workers = 12\n", false},
	{"copy-keys = true\n", false},
	{"// c\n", false},
	{"users = root\n", false},
	{"token = ${T:-x}\n", true},
	{"environment = {\"A=${T:-x}\", 'B=\\'}', \"C=\\\\*\\x20\"}\n", true},
	{"/* a {\n comment */\n", true},
	{"state = 'x'\n", true},
	{"listener \"main\" {\n  path = \"/run/x\" # c\n  mode = 0660\n}\n", true},
	{"rule 'r' { keys = {\"*\"} anyone = yes }\n", true},
	{"rule r{keys={} /* c */}\n", true},
	{"limits {\n}\n", true},
};

/* Each prefix is refused with a line, or ends between two pieces. */
static void test_cut_at_every_byte(void **state)
{
	char text[1024] = "", *out;
	size_t begin = 0, accepted = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		const size_t len = strlen(pieces[i].text);

		strcat(text, pieces[i].text);
		for (size_t n = 1; n < len; n++) {
			if (read_bytes(text, begin + n, &out) == 0) {
				if (n < len - 1 || !pieces[i].closes)
					fail_msg("accepted: …%.*s", (int)n, pieces[i].text);
				free(out);
				accepted++;
				continue;
			}
			assert_ptr_equal(strstr(error, "f:"), error);
		}
		begin += len;
		assert_int_equal(read_bytes(text, begin, &out), 0);
		free(out);
	}
	assert_int_equal(accepted, 9); /* as many as close */
}

static void test_the_end_names_what_is_open(void **state)
{
	(void)state;
	refuse("\nrule \"all\" {\n  anyone = true\n",
		"f:4: the file ends inside rule \"all\" (a section that begins on line 2): it is not");
	refuse("rule \"all\" { keys = {\"a\"",
		"f:1: the file ends inside the list of rule \"all\": keys (a section that begins on line 1)");
	refuse("rule \"all\" { keys = {\"a", "f:1: the file ends inside a string of rule \"all\": keys");
	refuse("a = \"\\", "f:1: the file ends inside a string of a");
	refuse("a = 1\n/* x\n", "f:2: the file ends inside a comment");
	refuse("workers = 1", "f:1: the file ends inside a word (no newline behind it) of workers: it is not whole");
	refuse("a = 1\n# x", "f:2: the file ends inside a comment (no newline behind it): it is not whole");
	refuse("workers = # x",
		"f:1: the file ends inside a comment (no newline behind it) of workers: it is not whole");
	refuse("workers\n", "f:2: the file ends inside workers: it is not whole");
	refuse("listener \"x\"\n", "f:2: the file ends inside listener: it is not whole");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_taken_as_it_is),
		cmocka_unit_test(test_comments_go_and_lines_stay),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_what_is_no_variable),
		cmocka_unit_test(test_defaults_are_plain),
		cmocka_unit_test(test_what_a_value_completes),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_what_is_no_syntax),
		cmocka_unit_test(test_a_missing_equals),
		cmocka_unit_test(test_odd_characters),
		cmocka_unit_test(test_nothing_is_given_twice),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_the_end_names_what_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
