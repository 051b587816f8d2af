/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What JSON allows and jansson cannot hold: numbers of any size, NULs and halves of surrogate pairs in strings.
 */
#pragma once

#include <stddef.h>

/* Begins what stands for that which no C string or UTF-8 text can hold; as a character it means nothing (U+FFFF). */
#define JSON_UNHELD "\xef\xbf\xbf"

/* How a string begins that was a number. No other one does: of U+FFFF in a text hex digits follow. */
#define JSON_KEPT_NUMBER JSON_UNHELD "N"

enum soften {
	SOFT_NUMBERS = 0, /* numbers become 0 */
	SOFT_ESCAPES = 1, /* and NULs and halves JSON_UNHELD and their four hex digits */
	SOFT_KEEPS = 2,   /* the latter, and numbers strings that harden() knows again */
};

enum {
	SOFT_GROWS = 3,       /* a raw U+FFFF of 3 bytes becomes 7; all else grows less */
	SOFT_KEEPS_GROWS = 7, /* a number of one digit gets JSON_UNHELD, a letter and quotation marks */
};

/* Write text as jansson can hold it, without making JSON of what is none. Lines stay lines. ret_soft has room for
 * SOFT_GROWS times len, with SOFT_KEEPS for SOFT_KEEPS_GROWS times; nothing is kept elsewhere. Returns how many bytes
 * that are. */
size_t soften(const char *text, size_t len, enum soften how, char *ret_soft);

/* What jansson wrote of a text that was softened with SOFT_KEEPS, in place: numbers are as they were, and NULs and
 * halves escapes. */
void harden(char *text);
