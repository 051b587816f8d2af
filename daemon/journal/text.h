/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing buffer of JSON text. It is emptied and used again, so that writing a record allocates nothing.
 * An error sticks: later calls do nothing, and the writer looks at it once, at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data;
	size_t len;
	size_t size;
	int error; /* 0, -ENOMEM, -EILSEQ or -ERANGE */
};

/* The last microsecond of the year 9999: later times are -ERANGE. */
#define TEXT_TIME_LAST UINT64_C(253402300799999999)

void text_deinit(struct text *text);

/* As it stands, without quotes or escapes. */
void text_raw(struct text *text, const char *data, size_t len);

/* A JSON string with its quotes. Control characters, also DEL and C1, are written \u00XX, so that a journal on a
 * terminal does nothing but show itself. Bytes that are not UTF-8 (RFC 3629): strict = -EILSEQ, otherwise \ufffd for
 * each. */
void text_string(struct text *text, const char *string, bool strict);

/* Above INT64_MAX is -ERANGE: jansson and others cannot read it back. */
void text_number(struct text *text, uint64_t number);

/* base64url without padding (RFC 4648 section 5), with quotes. */
void text_base64url(struct text *text, const uint8_t *data, size_t len);

/* Microseconds since 1970 as RFC 3339 in UTC, with quotes: 2026-01-02T03:04:05.678901Z. */
void text_time(struct text *text, uint64_t time);

/* The reverse, strict. 0, or -EINVAL. */
int text_parse_time(const char *string, uint64_t *ret_time);
