/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/args.c: options of one verb. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cekctl/console/args.h"

enum { WORDS_MAX = 2 * ARG_LIST_MAX + 8 };

static const struct verb with_json = {"test", "", "for the test", NULL, true},
			 without_json = {"test", "", "", NULL, false};

struct parsed {
	struct ctl ctl;
	bool flag;
	const char *text;
	uint32_t number, duration;
	struct arg_list list;
	char **words;
};

/* line is split at blanks. */
static int parse(const struct verb *verb, const char *line, int min_words, int max_words, struct parsed *parsed)
{
	static char copy[4096];
	static char *argv[WORDS_MAX + 1];
	const struct arg args[] = {
		{"flag", ARG_FLAG, &parsed->flag, NULL, ""},
		{"text", ARG_STRING, &parsed->text, "TEXT", ""},
		{"number", ARG_NUMBER, &parsed->number, "N", ""},
		{"duration", ARG_DURATION, &parsed->duration, "D", ""},
		{"list", ARG_LIST, &parsed->list, "ITEM", ""},
		{0},
	};
	int argc = 0;

	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	for (char *word = strtok(copy, " "); word && argc < WORDS_MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	*parsed = (struct parsed){.ctl = {.verb = verb, .timeout = 60}, .number = 7};
	return args_parse(&parsed->ctl, argc, argv, args, min_words, max_words, &parsed->words);
}

static void test_all(void **state)
{
	struct parsed parsed;

	assert_int_equal(parse(&with_json,
				 "test a --flag --text=t b --number 3 --duration 2m --list x --list y --socket s "
				 "--timeout 1h --json",
				 0, 2, &parsed),
		ARGS_GO);
	assert_true(parsed.flag && parsed.ctl.json);
	assert_string_equal(parsed.text, "t");
	assert_int_equal(parsed.number, 3);
	assert_int_equal(parsed.duration, 120);
	assert_int_equal(parsed.list.count, 2);
	assert_string_equal(parsed.list.item[1], "y");
	assert_null(parsed.list.item[2]);
	assert_string_equal(parsed.ctl.socket, "s");
	assert_int_equal(parsed.ctl.timeout, 3600);
	assert_string_equal(parsed.words[0], "a");
	assert_string_equal(parsed.words[1], "b");
	assert_null(parsed.words[2]);
}

static void test_absent(void **state)
{
	struct parsed parsed;

	assert_int_equal(parse(&with_json, "test -- --flag", 1, 1, &parsed), ARGS_GO);
	assert_string_equal(parsed.words[0], "--flag");
	assert_false(parsed.flag);
	assert_null(parsed.text);
	assert_int_equal(parsed.number, 7);
}

static void test_wrong(void **state)
{
	static const char *const bad[] = {
		"test --unknown",
		"test --text",
		"test --number x",
		"test --number -1",
		"test --duration soon",
		"test a -x",
		"test --timeout 0",
		"test --timeout 2d",
		"test --flag=yes",
		"test a b",
	};
	struct parsed parsed;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(&with_json, bad[i], 0, 1, &parsed), -EINVAL);
	assert_int_equal(parse(&with_json, "test", 1, 1, &parsed), -EINVAL);
	assert_int_equal(parse(&without_json, "test --json", 0, 0, &parsed), -EINVAL);
	assert_int_equal(parse(&without_json, "test --output json", 0, 0, &parsed), -EINVAL);
	assert_int_equal(args_exit(-EINVAL), EXIT_USAGE);
	assert_int_equal(args_exit(ARGS_HELP), EXIT_SUCCESS);
}

#define THUMBPRINT "-Vh4Ml9Ov73jD9z2mFbQG8tUQ-Uz_oQ1n8tTgq7b0xE"
#define TWO_DASHES "--h4Ml9Ov73jD9z2mFbQG8tUQ-Uz_oQ1n8tTgq7b0xE"
#define OF_CKA_ID "-AECAwQFBgcICQoLDA0ODw"
#define OF_20_OCTETS "-BERERERERERERERERERERERERE"

/* As operand, before and after options and behind "--", and as an option's value. */
static void test_kids(void **state)
{
	static const char *const kids[] = {
		THUMBPRINT,
		TWO_DASHES,
		OF_CKA_ID,
		OF_20_OCTETS,
		"-old",
		"-f",
		"-help",
		"-text=t",
		"-1",
		"-h\xc3\xa4",
	};
	static const struct {
		const char *before, *after;
	} lines[] = {
		{"test ", " --flag"},
		{"test --flag ", ""},
		{"test --flag -- ", ""},
		{"test --text t ", " --flag"},
	};
	struct parsed parsed;
	char line[256];

	for (size_t i = 0; i < sizeof(kids) / sizeof(kids[0]); i++) {
		for (size_t j = 0; j < sizeof(lines) / sizeof(lines[0]); j++) {
			snprintf(line, sizeof(line), "%s%s%s", lines[j].before, kids[i], lines[j].after);
			assert_int_equal(parse(&with_json, line, 1, 1, &parsed), ARGS_GO);
			assert_string_equal(parsed.words[0], kids[i]);
			assert_null(parsed.words[1]);
			assert_true(parsed.flag);
		}
		snprintf(line, sizeof(line), "test --text %s --list %s --list=%s %s word", kids[i], kids[i], kids[i],
			kids[i]);
		assert_int_equal(parse(&with_json, line, 2, 2, &parsed), ARGS_GO);
		assert_string_equal(parsed.text, kids[i]);
		assert_string_equal(parsed.list.item[0], kids[i]);
		assert_string_equal(parsed.list.item[1], kids[i]);
		assert_string_equal(parsed.words[0], kids[i]);
		assert_string_equal(parsed.words[1], "word");
	}
	assert_int_equal(parse(&with_json, "test -- --other", 1, 1, &parsed), ARGS_GO);
	assert_string_equal(parsed.words[0], "--other");
	assert_int_equal(parse(&with_json, "test --text --other", 0, 0, &parsed), ARGS_GO);
	assert_string_equal(parsed.text, "--other");
	assert_int_equal(parse(&with_json, "test -", 1, 1, &parsed), ARGS_GO);
	assert_string_equal(parsed.words[0], "-");
}

/* What begins with "--" and only looks like a kid stays a wrong option: of another length, not base64url, or with bits
 * left over. */
static void test_no_kids(void **state)
{
	static const char *const bad[] = {
		"test --forse",
		"test --texts-and-more-textw",
		"test " TWO_DASHES "A",
		"test --ERERERERERERERERERERERERERE",
		"test --h4ml9ov-jd-z-mfbqg-tuq-uz-oq-n-ttgq-b-xe",
		"test --h4Ml9Ov73jD9z2mFbQG8tUQ-Uz_oQ1n8tTgq7b0xF",
		"test --ECAwQFBgcICQoLDA0ODx",
		"test --ECAwQFBgcICQoLDA0O=w",
		"test --ECAwQFBgcICQoLDA0OD",
		"test --old",
	};
	struct parsed parsed;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(&with_json, bad[i], 0, 1, &parsed) != -EINVAL)
			fail_msg("\"%s\" was understood", bad[i]);
}

/* What is wrong, and what to do about it. */
static void test_complaints(void **state)
{
	static const struct {
		const char *line, *text;
	} wrong[] = {
		{"test --old",
			"unknown option --old (a word that is no option, but begins with \"--\", stands after \"--\")"},
		{"test -f", "too many words (-f is one: options begin with \"--\")"},
		{"test a -help -x", "too many words (-help is one"},
		{"test --numbr 3", "unknown option --numbr; did you mean --number?"},
		{"test --nubmer=3", "unknown option --nubmer=3; did you mean --number?"},
		{"test --outptu json", "; did you mean --output?"},
		{"test --t x", "unknown option --t: it may be --text, --timeout"},
		{"test --output yaml", "--output wants name, table or json, not \"yaml\""},
		{"test --output name", "this verb shows no list"},
		{"test --json --output table", "--json and --output table do not go together"},
		{"test --color blue", "--color wants auto, always or never"},
		{"test a", "too many words: cekctl test"},
		{"test --flag=yes", "--flag takes no value"},
		{"test --text", "--text wants a value"},
	};
	struct parsed parsed;
	char said[512];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		FILE *file = tmpfile();
		int saved = dup(STDERR_FILENO);
		size_t n;

		assert_non_null(file);
		assert_true(saved >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
		assert_int_equal(parse(&with_json, wrong[i].line, 0, 0, &parsed), -EINVAL);
		assert_true(dup2(saved, STDERR_FILENO) >= 0);
		close(saved);
		rewind(file);
		n = fread(said, 1, sizeof(said) - 1, file);
		said[n] = '\0';
		fclose(file);
		if (!strstr(said, wrong[i].text))
			fail_msg("\"%s\": %s", wrong[i].line, said);
	}
}

static void test_output(void **state)
{
	static const struct verb list = {"test", "", "", NULL, true, NULL, .names = true};
	struct parsed parsed;

	assert_int_equal(parse(&with_json, "test --output json", 0, 0, &parsed), ARGS_GO);
	assert_true(parsed.ctl.json);
	assert_int_equal(parse(&with_json, "test --output json --json", 0, 0, &parsed), ARGS_GO);
	assert_true(parsed.ctl.json);
	assert_int_equal(parse(&with_json, "test --output table", 0, 0, &parsed), ARGS_GO);
	assert_false(parsed.ctl.json || parsed.ctl.names);
	assert_int_equal(parse(&list, "test --output name", 0, 0, &parsed), ARGS_GO);
	assert_true(parsed.ctl.names && !parsed.ctl.json);
}

static void test_list_limit(void **state)
{
	char line[4096] = "test";
	struct parsed parsed;

	for (size_t i = 0; i < ARG_LIST_MAX; i++)
		strcat(line, " --list x");
	assert_int_equal(parse(&with_json, line, 0, 0, &parsed), ARGS_GO);
	assert_int_equal(parsed.list.count, ARG_LIST_MAX);
	strcat(line, " --list x");
	assert_int_equal(parse(&with_json, line, 0, 0, &parsed), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_kids),
		cmocka_unit_test(test_no_kids),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_list_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
