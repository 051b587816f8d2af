/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place through which text goes out that came from elsewhere: a daemon, which may be hostile, or a file. What
 * steers a terminal, hides, turns other text or is no UTF-8 is written so that it can be seen, to a terminal as to a
 * pipe: a program shows it to somebody in the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

enum { ESCAPE_SIZE = 12 }; /* bytes of one escape, with its NUL */

/* The bytes of the character at text, never 0; text must not be empty. ret_escape is "" if it may be shown as it is,
 * else what stands for it: \x1b (a control character, or a byte that is no UTF-8), \u202e, \U000e0041. */
size_t escape_step(const char *text, char ret_escape[ESCAPE_SIZE]);

/* Whether all of text may be shown as it is. */
bool escape_is_plain(const char *text);

/* Write text to a stream. */
void escape_put(FILE *to, const char *text);

/* The same with its first len bytes, which end where a character does. */
void escape_put_span(FILE *to, const char *text, size_t len);

/* The same into a buffer; what does not fit is cut off. Returns ret_text. */
char *escape_copy(const char *text, char *ret_text, size_t size);

/* A string for JSON; bytes that are no UTF-8 become U+FFFD. NULL if memory ran out. */
json_t *escape_string(const char *text);

/* JSON text, which means the same afterwards: jansson escapes C0 alone. For free(3); NULL if memory ran out, or text is
 * NULL. */
char *escape_json(const char *text);
