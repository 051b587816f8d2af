/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 (RFC 3629), strict, of strings that end with NUL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed character at text, 0 if there is none: no overlong form, no surrogate, no more than
 * U+10FFFF. The NUL at the end counts as one of 1 byte. */
size_t utf8_len(const char *text);

/* Whether the character at text is a control character (C0, DEL, C1), which terminals may obey. */
bool utf8_is_control(const char *text);

/* Bytes of the well-formed character at text that can be shown as it is, 0 if it is none or a control character. */
size_t utf8_printable_len(const char *text);

/* The code point of the well-formed character at text. */
uint32_t utf8_code(const char *text);

/* Whether a reader cannot see the well-formed character at text: a format character, one that turns the text around it,
 * a filler, a blank other than the space, or what is no character for good. */
bool utf8_is_invisible(const char *text);

/* The first character of text that a reader cannot see, or that is none: control and format characters, fillers, blanks
 * other than spaces between visible ones, what is no character for good. NULL if all can be seen. */
const char *utf8_invisible(const char *text);
