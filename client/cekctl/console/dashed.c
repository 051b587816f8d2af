/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/dashed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_CHARACTERS "abcdefghijklmnopqrstuvwxyz-"

/* A kid as cekd makes them: base64url of 32 octets (a thumbprint) or of 16 (a CKA_ID), whose last character leaves bits
 * that are zero. No option is that long, and a misspelt one has only small letters. */
static bool is_made_kid(const char *word)
{
	size_t len = strlen(word);
	const char *last = len == 43 ? "AEIMQUYcgkosw048" : len == 22 ? "AQgw" : "";

	return *last && strchr(last, word[len - 1]) && strspn(word, OPTION_CHARACTERS) < len &&
		strspn(word, OPTION_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

bool dashed_is_word(const char *word)
{
	if (word[0] != '-' || word[1] == '\0')
		return false;
	return word[1] != '-' || is_made_kid(word);
}

/* The end of such a word; it is never empty. */
static char *without_dashes(char *word)
{
	return word + strspn(word, "-");
}

int dashed_hide(int argc, char **argv, struct dashed *ret_dashed)
{
	*ret_dashed = (struct dashed){.word = calloc((size_t)argc + 1, sizeof(char *))};
	if (!ret_dashed->word)
		return -ENOMEM;
	for (int i = 1; i < argc; i++)
		if (dashed_is_word(argv[i])) {
			ret_dashed->word[ret_dashed->count++] = argv[i];
			argv[i] = without_dashes(argv[i]);
		}
	return 0;
}

char *dashed_whole(const struct dashed *dashed, char *word)
{
	for (size_t i = 0; i < dashed->count; i++)
		if (without_dashes(dashed->word[i]) == word)
			return dashed->word[i];
	return word;
}

void dashed_show(int argc, char **argv, struct dashed *dashed)
{
	for (int i = 0; i < argc; i++)
		argv[i] = dashed_whole(dashed, argv[i]);
	free(dashed->word);
	*dashed = (struct dashed){0};
}
