/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/verb_table.c and cekctl(1) say the same: every verb has its section, every option of its --help stands
 * there, and the section has no option that the verb does not have. */
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

#include "client/cekctl/console/outcome.h"
#include "client/cekctl/verb_table.h"

enum { PAGE_MAX = 1 << 17, HELP_MAX = 1 << 14, NAME_MAX_LEN = 64 };

static char page[PAGE_MAX];

static int read_page(void **state)
{
	const char *source = getenv("CEK_SOURCE");
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/man/cekctl.1", source ? source : ".");
	file = fopen(path, "r");
	if (!file)
		return -1;
	n = fread(page, 1, sizeof(page) - 1, file);
	fclose(file);
	return n > 0 ? 0 : -1;
}

/* From ".Ss VERB" to the next heading, in memory of its own. */
static char *section_of(const char *verb)
{
	char head[NAME_MAX_LEN + 8];
	const char *start, *end, *chapter;

	snprintf(head, sizeof(head), "\n.Ss %s\n", verb);
	start = strstr(page, head);
	if (!start) {
		fail_msg("cekctl(1) has no section \"%s\"", verb);
		abort(); /* fail_msg() does not return, and the compiler does not know */
	}
	end = strstr(start + 1, "\n.Ss ");
	chapter = strstr(start + 1, "\n.Sh ");
	assert_non_null(chapter);
	if (!end || chapter < end)
		end = chapter;
	return strndup(start, (size_t)(end - start));
}

/* What the verb prints for --help. */
static void help_of(const struct verb *verb, char help[HELP_MAX])
{
	char name[] = "verb", option[] = "--help", *argv[] = {name, option, NULL};
	struct ctl ctl = {.verb = verb, .verbs = verb_table, .timeout = 1};
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	assert_int_equal(verb->run(&ctl, 2, argv), EXIT_SUCCESS);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	rewind(file);
	n = fread(help, 1, HELP_MAX - 1, file);
	help[n] = '\0';
	fclose(file);
	assert_true(n > 0);
}

static bool is_global(const char *option)
{
	static const char *const globals[] = {"json", "output", "socket", "timeout", "utc", "color", "help"};

	for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++)
		if (strcmp(globals[i], option) == 0)
			return true;
	return false;
}

/* The word after prefix at *text, which moves behind it; false if there is none left. */
static bool next_word(const char **text, const char *prefix, char word[NAME_MAX_LEN])
{
	const char *found = strstr(*text, prefix);
	size_t len;

	if (!found)
		return false;
	found += strlen(prefix);
	len = strspn(found, "abcdefghijklmnopqrstuvwxyz-");
	assert_true(len < NAME_MAX_LEN);
	memcpy(word, found, len);
	word[len] = '\0';
	*text = found + len;
	return true;
}

static void test_sections(void **state)
{
	size_t n = 0;

	for (const struct verb *verb = verb_table; verb->name; verb++, n++) {
		char *section = section_of(verb->name), help[HELP_MAX], word[NAME_MAX_LEN], needle[NAME_MAX_LEN + 8];
		const char *at = help;

		help_of(verb, help);
		while (next_word(&at, "\n  --", word)) {
			snprintf(needle, sizeof(needle), ".It Fl -%s", word);
			if (!is_global(word) && !strstr(section, needle))
				fail_msg("cekctl(1) does not explain --%s of \"%s\"", word, verb->name);
		}
		at = section;
		while (next_word(&at, ".It Fl -", word)) {
			snprintf(needle, sizeof(needle), "\n  --%s ", word);
			if (!strstr(help, needle))
				fail_msg("cekctl(1) explains --%s, which \"%s\" does not have", word, verb->name);
		}
		free(section);
	}
	assert_true(n > 20);
}

static void test_no_other_sections(void **state)
{
	const char *at = page;

	while ((at = strstr(at, "\n.Ss "))) {
		char name[NAME_MAX_LEN];
		bool found = false;

		at += 5;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "\n"), at);
		for (const struct verb *verb = verb_table; verb->name; verb++)
			found = found || strcmp(verb->name, name) == 0;
		if (!found)
			fail_msg("cekctl(1) has a section \"%s\", which is no verb", name);
	}
}

/* Each has an example of its own, a line for a shell; test_console.py runs them. */
static void test_examples(void **state)
{
	for (const struct verb *verb = verb_table; verb->name; verb++) {
		char command[NAME_MAX_LEN + 8], help[HELP_MAX];

		snprintf(command, sizeof(command), "cekctl %s", verb->name);
		if (!verb->example || !strstr(verb->example, command) || strchr(verb->example, '\n'))
			fail_msg("\"%s\" has no example of one line", verb->name);
		help_of(verb, help);
		assert_non_null(strstr(help, verb->example));
	}
}

#define KID "-Vh4Ml9Ov73jD9z2mFbQG8tUQ-Uz_oQ1n8tTgq7b0xE"

enum { ARGV_MAX = 16 };

/* What a verb needs beside its word or its option to be understood. */
static const struct needed {
	const char *verb, *options[8];
	bool name; /* beside the option */
} needed[] = {
	{"key create", {"--alg", "RSA-OAEP"}, true},
	{"key import", {"--alg", "RSA-OAEP", "--jwk", "/nonexistent/key"}, true},
	{"key adopt", {"--alg", "RSA-OAEP", "--label", "label"}, true},
	{"key rotate", {NULL}, true},
	{"unwrap", {"--alg", "RSA-OAEP", "--enc", "A256GCM"}, false},
};

static const struct needed *needed_by(const struct verb *verb)
{
	static const struct needed nothing;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (strcmp(needed[i].verb, verb->name) == 0)
			return &needed[i];
	return &nothing;
}

/* There is no daemon: a verb that has understood its arguments fails, and one that has not says so. */
static int run_with(const struct verb *verb, bool name, const char *one, const char *two, const char *three)
{
	const char *const words[] = {one, two, three}, *argv[ARGV_MAX + 1] = {"verb"};
	struct outcome outcome = {0};
	struct ctl ctl = {.verb = verb,
		.verbs = verb_table,
		.timeout = 1,
		.socket = "/nonexistent/socket",
		.outcome = &outcome};
	const struct needed *needs = needed_by(verb);
	size_t argc = 1;
	int r;

	for (size_t i = 0; needs->options[i]; i++)
		argv[argc++] = needs->options[i];
	if (name && needs->name)
		argv[argc++] = "name";
	for (size_t i = 0; i < 3 && words[i]; i++)
		argv[argc++] = words[i];
	argv[argc] = NULL;
	r = verb->run(&ctl, (int)argc, (char **)(uintptr_t)argv);
	cek_conn_free(ctl.conn);
	json_decref(outcome.error);
	return r == EXIT_TRY_AGAIN ? EXIT_FAILURE : r; /* no cekd, or no file */
}

/* Other words than those of a verb. */
static bool takes_words(const struct verb *verb)
{
	const char *first = verb->arguments + strspn(verb->arguments, "[{");

	return *first >= 'A' && *first <= 'Z' && strncmp(first, "VERB", 4) != 0;
}

/* Every verb that takes a KID, a NAME or a FILE takes one that begins with "-", as one kid of 64 does; a verb that
 * takes none says so. */
static void test_words(void **state)
{
	static const char *const words[] = {KID, "-BERERERERERERERERERERERERE", "-AECAwQFBgcICQoLDA0ODw", "-old", "-f",
		"-h"};
	size_t with = 0, without = 0;

	assert_non_null(freopen("/dev/null", "r", stdin)); /* wrap and others read it */
	assert_int_equal(setenv("CEKCTL_ASSUME_YES", "1", 1), 0);
	for (const struct verb *verb = verb_table; verb->name; verb++) {
		bool takes = takes_words(verb);

		with += takes;
		without += !takes;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (run_with(verb, false, words[i], NULL, NULL) != (takes ? EXIT_FAILURE : EXIT_USAGE))
				fail_msg("%s %s: %s", verb->name, words[i], takes ? "not understood" : "understood");
		if (!takes)
			continue;
		assert_int_equal(run_with(verb, false, "--", KID, NULL), EXIT_FAILURE);
		assert_int_equal(run_with(verb, false, "--", "--old", NULL), EXIT_FAILURE);
		assert_int_equal(run_with(verb, false, "--forse", KID, NULL), EXIT_USAGE);
		assert_int_equal(run_with(verb, false, KID, "--old", NULL), EXIT_USAGE);
		if (strcmp(verb->name, "jwks") != 0 && strcmp(verb->name, "key rename") != 0) /* which take several */
			assert_int_equal(run_with(verb, false, KID, "-forse", NULL), EXIT_USAGE);
	}
	assert_true(with >= 12);
	assert_true(without >= 10);
}

/* And every option whose value is a KID. */
static void test_kid_options(void **state)
{
	size_t options = 0;

	for (const struct verb *verb = verb_table; verb->name; verb++) {
		const char *at = strstr(verb->arguments, " KID"), *start = at;
		char option[NAME_MAX_LEN];

		if (!at)
			continue;
		while (start > verb->arguments && start[-1] != ' ' && start[-1] != '[')
			start--;
		snprintf(option, sizeof(option), "%.*s", (int)(at - start), start);
		if (option[0] != '-') /* a word of its own, not the value of an option */
			continue;
		options++;
		assert_int_equal(run_with(verb, true, option, KID, NULL), EXIT_FAILURE);
		assert_int_equal(run_with(verb, true, option, "-short", NULL), EXIT_FAILURE);
		assert_int_equal(run_with(verb, true, option, KID, "--forse"), EXIT_USAGE);
	}
	assert_true(options >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_kid_options),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_no_other_sections),
		cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests(tests, read_page, NULL);
}
