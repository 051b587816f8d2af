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
	struct ctl ctl = {.verb = verb, .timeout = 1};
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
	static const char *const globals[] = {"json", "socket", "timeout", "help"};

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

#define KID "-Vh4Ml9Ov73jD9z2mFbQG8tUQ-Uz_oQ1n8tTgq7b0xE"

enum { ARGV_MAX = 16 };

/* What a verb needs beside its KID to be understood. */
static size_t add_needed(const struct verb *verb, const char *argv[ARGV_MAX], size_t argc)
{
	static const struct { const char *verb, *words[8]; } needed[] = {
		{"key import", {"name", "--alg", "RSA-OAEP", "--jwk", "/nonexistent/key"}},
		{"key adopt", {"name", "--alg", "RSA-OAEP", "--label", "label"}},
		{"key rotate", {"name"}},
		{"unwrap", {"--alg", "RSA-OAEP", "--enc", "A256GCM"}},
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		for (size_t j = 0; strcmp(needed[i].verb, verb->name) == 0 && needed[i].words[j]; j++)
			argv[argc++] = needed[i].words[j];
	return argc;
}

/* There is no daemon: a verb that has understood its arguments fails, and one that has not says so. */
static int run_with(const struct verb *verb, const char *one, const char *two, const char *three)
{
	const char *const words[] = {one, two, three};
	struct ctl ctl = {.verb = verb, .timeout = 1, .socket = "/nonexistent/socket"};
	const char *argv[ARGV_MAX + 1] = {"verb"};
	size_t argc = add_needed(verb, argv, 1);
	int r;

	for (size_t i = 0; i < 3 && words[i]; i++)
		argv[argc++] = words[i];
	argv[argc] = NULL;
	r = verb->run(&ctl, (int)argc, (char **)(uintptr_t)argv);
	cek_conn_free(ctl.conn);
	return r;
}

/* Every verb that takes a KID takes one that begins with "-", as one of 64 does. */
static void test_kids(void **state)
{
	size_t operands = 0, options = 0;

	assert_non_null(freopen("/dev/null", "r", stdin)); /* unwrap reads it */
	for (const struct verb *verb = verb_table; verb->name; verb++) {
		const char *at = strstr(verb->arguments, " KID");
		char option[NAME_MAX_LEN];

		if (strncmp(verb->arguments, "KID", 3) == 0) {
			operands++;
			assert_int_equal(run_with(verb, KID, NULL, NULL), EXIT_FAILURE);
			assert_int_equal(run_with(verb, "--", KID, NULL), EXIT_FAILURE);
			assert_int_equal(run_with(verb, "--", "-short", NULL), EXIT_FAILURE);
			assert_int_equal(run_with(verb, "--forse", KID, NULL), EXIT_USAGE);
			assert_int_equal(run_with(verb, KID, "-forse", NULL), EXIT_USAGE);
		}
		if (at) {
			const char *start = at;

			options++;
			while (start > verb->arguments && start[-1] != ' ' && start[-1] != '[')
				start--;
			snprintf(option, sizeof(option), "%.*s", (int)(at - start), start);
			assert_int_equal(run_with(verb, option, KID, NULL), EXIT_FAILURE);
			assert_int_equal(run_with(verb, option, "-short", NULL), EXIT_FAILURE);
			assert_int_equal(run_with(verb, option, KID, "--forse"), EXIT_USAGE);
		}
	}
	assert_true(operands >= 5);
	assert_true(options >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kids),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_no_other_sections),
	};

	return cmocka_run_group_tests(tests, read_page, NULL);
}
