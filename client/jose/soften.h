/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What JSON allows and jansson cannot hold: numbers of any size, NULs and halves of surrogate pairs in strings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Begins what stands for that which no C string or UTF-8 text can hold; as a character it means nothing (U+FFFF). */
#define JSON_UNHELD "\xef\xbf\xbf"

enum { SOFT_GROWS = 3 }; /* a raw U+FFFF of 3 bytes becomes 7; all else grows less */

/* Write text as jansson can hold it, without making JSON of what is none: numbers become 0 and, if escapes is true,
 * NULs and halves JSON_UNHELD and their four hex digits. Lines stay lines. ret_soft has room for SOFT_GROWS times len;
 * nothing is kept elsewhere. Returns how many bytes that are. */
size_t soften(const char *text, size_t len, bool escapes, char *ret_soft);
