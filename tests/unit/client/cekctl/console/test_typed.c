/* SPDX-License-Identifier: Apache-2.0 */
/* client/cekctl/console/typed.c: what the last word of an unfinished command line may become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cekctl/console/args.h"
#include "client/cekctl/console/typed.h"

enum { WORDS_MAX = 16 };

static int run(struct ctl *ctl, int argc, char **argv)
{
	const char *text = NULL;
	bool flag = false;
	const struct arg args[] = {
		{"alg", ARG_STRING, &text, "ALG", ""},
		{"kid", ARG_STRING, &text, "KID", "", .fresh = true},
		{"flag", ARG_FLAG, &flag, NULL, ""},
		{0},
	};
	char **words;

	return args_exit(args_parse(ctl, argc, argv, args, 0, 2, &words));
}

static const struct verb verbs[] = {
	{"plain", "[--flag]", "", run, false},
	{"key one", "NAME --alg ALG", "", run, true, .fresh = true},
	{"key two", "{KID | --kid KID} [--flag]", "", run, true},
	{"key three", "KID ALIAS", "", run, true},
	{"many", "[NAME…] [--all]", "", run, true},
	{"shell", "{bash | zsh}", "", run, true},
	{"help", "[VERB…]", "", run, false},
	{0},
};

/* line is split at blanks; one that ends with a blank ends with an empty word. */
static void expect(const char *line, const char *kind, const char *word, bool options)
{
	static char copy[256];
	static struct typed typed;
	char *words[WORDS_MAX], *rest = copy;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *one = strsep(&rest, " "); one && n < WORDS_MAX; one = strsep(&rest, " "))
		words[n++] = one;
	typed_read(verbs, words, n, &typed);
	if (strcmp(typed.kind, kind) != 0 || strcmp(typed.word, word) != 0 || typed.options != options)
		fail_msg("\"%s\": kind \"%s\", word \"%s\", options %d", line, typed.kind, typed.word, typed.options);
}

static void test_verbs(void **state)
{
	expect("", "VERB", "", true);
	expect("ke", "VERB", "ke", true);
	expect("key ", "VERB", "", false);
	expect("key o", "VERB", "o", false);
	expect("--json key o", "VERB", "o", false);
	expect("--socket /s key o", "VERB", "o", false);
	expect("nonsense o", "", "o", false);
	expect("help ", "VERB", "", true);
	expect("help key o", "VERB", "o", true);
}

static void test_operands(void **state)
{
	expect("key one ", "NAME", "", true);
	expect("key one x ", "", "", true);
	expect("key two ab", "KID", "ab", true);
	expect("key two -ab", "KID", "-ab", true);
	expect("key two --flag ", "KID", "", true);
	expect("key two -- --ab", "KID", "--ab", false);
	expect("key three a b", "ALIAS", "b", true);
	expect("key three a b c", "", "c", true);
	expect("many a b c", "NAME", "c", true);
	expect("shell z", "bash|zsh", "z", true);
	expect("plain ", "", "", true);
}

static void test_values(void **state)
{
	expect("key one x --alg ", "ALG", "", false);
	expect("key one x --alg A1", "ALG", "A1", false);
	expect("key one x --alg=A1", "ALG", "A1", false);
	expect("key one --alg RSA x", "NAME", "x", true);
	expect("key one --alg=RSA x", "NAME", "x", true);
	expect("key one --kid ", "KID", "", false);
	expect("key one --color ", "auto|always|never", "", false);
	expect("--color al", "auto|always|never", "al", false);
	expect("--color=al", "auto|always|never", "al", false);
	expect("--output json key two a", "KID", "a", true);
	expect("key one --nonsense a", "NAME", "a", true);
	expect("key one --nonsense=a", "", "a", false);
}

static void test_rest(void **state)
{
	char key[] = "key", one[] = "one", socket[] = "--socket", path[] = "/s", kid[] = "--kid", equals[] = "--kid=x";
	char *words[] = {key, one, socket, path, kid, equals}, *early[] = {socket, path, key};
	static struct typed typed;

	typed_read(verbs, words, 5, &typed);
	assert_string_equal(typed.socket, "/s");
	assert_ptr_equal(typed.verb, &verbs[1]);
	words[4] = equals;
	typed_read(verbs, words, 5, &typed);
	assert_string_equal(typed.before, "--kid=");
	assert_true(typed.fresh);
	typed_read(verbs, early, 3, &typed);
	assert_string_equal(typed.socket, "/s");
	typed_read(verbs, NULL, 0, &typed);
	assert_string_equal(typed.kind, "VERB");
	typed_read(verbs, words, 3, &typed); /* "key one --socket" */
	assert_true(typed.n_args >= 3 + 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
