/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h; the NUL at the end stops every look ahead. */
#include "proto/utf8.h"

static bool continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_len(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || !continues(s[1]))
		return 0;
	if (s[0] < 0xe0)
		return 2;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || !continues(s[2]))
		return 0;
	if (s[0] < 0xf0)
		return 3;
	if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) || !continues(s[3]))
		return 0;
	return 4;
}

bool utf8_is_control(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0);
}

size_t utf8_printable_len(const char *text)
{
	return utf8_is_control(text) ? 0 : utf8_len(text);
}

uint32_t utf8_code(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	const size_t len = utf8_len(text);
	uint32_t code = len < 2 ? s[0] : s[0] & (0x7fU >> len);

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (s[i] & 0x3f);
	return code;
}

/* Unicode's White_Space, Default_Ignorable_Code_Point, General_Category=Cf and noncharacters, and U+2800, a blank. */
bool utf8_is_invisible(const char *text)
{
	const uint32_t code = utf8_code(text);
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0xa0, 0xa0},
		{0xad, 0xad},
		{0x34f, 0x34f},
		{0x600, 0x605},
		{0x61c, 0x61c},
		{0x6dd, 0x6dd},
		{0x70f, 0x70f},
		{0x890, 0x891},
		{0x8e2, 0x8e2},
		{0x115f, 0x1160},
		{0x1680, 0x1680},
		{0x17b4, 0x17b5},
		{0x180b, 0x180f},
		{0x2000, 0x200f},
		{0x2028, 0x202f},
		{0x205f, 0x206f},
		{0x2800, 0x2800},
		{0x3000, 0x3000},
		{0x3164, 0x3164},
		{0xfdd0, 0xfdef},
		{0xfe00, 0xfe0f},
		{0xfeff, 0xfeff},
		{0xffa0, 0xffa0},
		{0xfff0, 0xfffb},
		{0x110bd, 0x110bd},
		{0x110cd, 0x110cd},
		{0x13430, 0x1343f},
		{0x1bca0, 0x1bca3},
		{0x1d173, 0x1d17a},
		{0xe0000, 0xe0fff},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return (code & 0xfffe) == 0xfffe;
}

const char *utf8_invisible(const char *text)
{
	const char *start = text;

	while (*text) {
		const size_t len = utf8_printable_len(text);

		if (len == 0 || utf8_is_invisible(text))
			return text;
		if (*text == ' ' && (text == start || text[1] == '\0'))
			return text;
		text += len;
	}
	return NULL;
}
