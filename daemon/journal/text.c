/* SPDX-License-Identifier: Apache-2.0 */
/* text.h */
#include "daemon/journal/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base64url.h"
#include "proto/utf8.h"

enum {
	ESCAPED_MAX = 6, /* one byte as \u00XX */
	FIRST_SIZE = 4096,
	SECONDS_A_DAY = 86400,
};

void text_deinit(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

/* Room for more bytes at the end; NULL when an error sticks. */
static char *reserve(struct text *text, size_t more)
{
	size_t size = text->size ? text->size : FIRST_SIZE;
	char *data;

	if (text->error != 0)
		return NULL;
	if (more <= text->size - text->len)
		return text->data + text->len;
	while (size - text->len < more)
		size *= 2;
	data = realloc(text->data, size);
	if (!data) {
		text->error = -ENOMEM;
		return NULL;
	}
	text->data = data;
	text->size = size;
	return data + text->len;
}

void text_raw(struct text *text, const char *data, size_t len)
{
	char *to = reserve(text, len);

	if (to) {
		memcpy(to, data, len);
		text->len += len;
	}
}

static bool is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static char *put_escape(char *to, unsigned c)
{
	static const char digits[] = "0123456789abcdef";

	*to++ = '\\';
	*to++ = 'u';
	for (unsigned shift = 16; shift > 0; shift -= 4)
		*to++ = digits[c >> (shift - 4) & 15];
	return to;
}

/* One character that is not plain; *s moves behind it. NULL if it is no UTF-8 and strict. */
static char *put_special(char *to, const char **s, bool strict)
{
	const char *c = *s;
	size_t len = utf8_len(c);

	*s += len ? len : 1;
	if (len == 0)
		return strict ? NULL : put_escape(to, 0xfffd);
	if (c[0] == '"' || c[0] == '\\') {
		*to++ = '\\';
		*to++ = c[0];
		return to;
	}
	if (utf8_is_control(c))
		return put_escape(to, (unsigned char)c[len - 1]); /* C1: the second byte is the character's number */
	memcpy(to, c, len);
	return to + len;
}

void text_string(struct text *text, const char *string, bool strict)
{
	const char *s = string;
	char *to = reserve(text, strlen(string) * ESCAPED_MAX + 2);

	if (!to)
		return;
	*to++ = '"';
	while (*s) {
		if (is_plain(*s)) {
			*to++ = *s++;
			continue;
		}
		to = put_special(to, &s, strict);
		if (!to) {
			text->error = -EILSEQ;
			return;
		}
	}
	*to++ = '"';
	text->len = (size_t)(to - text->data);
}

/* Exactly width digits. */
static void put_digits(char *to, uint64_t number, size_t width)
{
	while (width-- > 0) {
		to[width] = (char)('0' + number % 10);
		number /= 10;
	}
}

void text_number(struct text *text, uint64_t number)
{
	size_t width = 1;
	char *to = reserve(text, 20);

	if (!to)
		return;
	if (number > INT64_MAX) {
		text->error = -ERANGE;
		return;
	}
	for (uint64_t rest = number; rest >= 10; rest /= 10)
		width++;
	put_digits(to, number, width);
	text->len += width;
}

void text_base64url(struct text *text, const uint8_t *data, size_t len)
{
	char *to = reserve(text, b64u_encoded_len(len) + 2);

	if (!to)
		return;
	*to++ = '"';
	to += b64u_encode(data, len, to);
	*to++ = '"';
	text->len = (size_t)(to - text->data);
}

/*
 * Days and dates of the Gregorian calendar, with years that begin in March so that a leap day is the last one.
 * gmtime_r() would look for time-zone files from inside the sandbox, and takes a lock.
 */
static void date_of(uint64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	uint64_t z = days + 719468; /* since 0000-03-01 */
	uint64_t era = z / 146097, of_era = z % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153;

	*ret_day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (unsigned)(month < 10 ? month + 3 : month - 9);
	*ret_year = (unsigned)(era * 400 + year + (*ret_month <= 2));
}

static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
	uint64_t y = year - (month <= 2);
	uint64_t era = y / 400, of_era = y % 400;
	uint64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void text_time(struct text *text, uint64_t time)
{
	static const char pattern[] = "\"0000-00-00T00:00:00.000000Z\"";
	uint64_t seconds = time / 1000000, of_day = seconds % SECONDS_A_DAY;
	unsigned year, month, day;
	char *to = reserve(text, sizeof(pattern));

	if (!to)
		return;
	if (time > TEXT_TIME_LAST) {
		text->error = -ERANGE;
		return;
	}
	date_of(seconds / SECONDS_A_DAY, &year, &month, &day);
	memcpy(to, pattern, sizeof(pattern) - 1);
	put_digits(to + 1, year, 4);
	put_digits(to + 6, month, 2);
	put_digits(to + 9, day, 2);
	put_digits(to + 12, of_day / 3600, 2);
	put_digits(to + 15, of_day / 60 % 60, 2);
	put_digits(to + 18, of_day % 60, 2);
	put_digits(to + 21, time % 1000000, 6);
	text->len += sizeof(pattern) - 1;
}

int text_parse_time(const char *string, uint64_t *ret_time)
{
	static const char pattern[] = "0000-00-00T00:00:00.000000Z";
	unsigned parts[7] = {0}; /* year, month, day, hour, minute, second, microsecond */
	size_t part = 0;
	unsigned year, month, day;
	uint64_t days;

	for (size_t i = 0; i < sizeof(pattern); i++) {
		if (pattern[i] == '0' && string[i] >= '0' && string[i] <= '9')
			parts[part] = parts[part] * 10 + (unsigned)(string[i] - '0');
		else if (pattern[i] != '0' && pattern[i] == string[i])
			part++;
		else
			return -EINVAL;
	}
	if (parts[0] < 1970 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 || parts[3] > 23 || parts[4] > 59 ||
		parts[5] > 59)
		return -EINVAL;
	days = days_of(parts[0], parts[1], parts[2]);
	date_of(days, &year, &month, &day);
	if (year != parts[0] || month != parts[1] || day != parts[2])
		return -EINVAL; /* no such day in that month */
	*ret_time = (((days * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]) * 1000000 + parts[6];
	return 0;
}
