/* base64url.h */
#include "client/jose/base64url.h"

static const char alphabet[64] = { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" };

/* Value + 1 of each character; 0 = not in the alphabet. */
static const uint8_t values[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['-'] = 63, ['_'] = 64,
};

size_t b64u_encoded_len(size_t octets)
{
	return octets / 3 * 4 + (octets % 3 ? octets % 3 + 1 : 0);
}

size_t b64u_decoded_len(size_t chars)
{
	return chars / 4 * 3 + (chars % 4 ? chars % 4 - 1 : 0);
}

size_t b64u_encode(const void *data, size_t len, char *ret_text)
{
	const uint8_t *in = data;
	char *out = ret_text;

	for (; len >= 3; in += 3, len -= 3) {
		*out++ = alphabet[in[0] >> 2];
		*out++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
		*out++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
		*out++ = alphabet[in[2] & 63];
	}
	if (len > 0) {
		*out++ = alphabet[in[0] >> 2];
		*out++ = alphabet[(in[0] & 3) << 4 | (len == 2 ? in[1] >> 4 : 0)];
	}
	if (len == 2)
		*out++ = alphabet[(in[1] & 15) << 2];
	return (size_t)(out - ret_text);
}

/* The value of one character; sets *bad, which collects, if it has none. */
static unsigned value(char c, unsigned *bad)
{
	unsigned plus_one = values[(uint8_t)c];

	*bad |= plus_one == 0;
	return (plus_one - 1) & 63;
}

bool b64u_decode(const char *text, size_t len, uint8_t *ret_data)
{
	unsigned bad = len % 4 == 1;
	uint8_t *out = ret_data;

	for (; len >= 4; text += 4, len -= 4) {
		unsigned bits = value(text[0], &bad) << 18 | value(text[1], &bad) << 12 | value(text[2], &bad) << 6 |
				value(text[3], &bad);

		*out++ = (uint8_t)(bits >> 16);
		*out++ = (uint8_t)(bits >> 8);
		*out++ = (uint8_t)bits;
	}
	if (len >= 2) {
		unsigned bits = value(text[0], &bad) << 10 | value(text[1], &bad) << 4;

		if (len == 3)
			bits |= value(text[2], &bad) >> 2;
		*out++ = (uint8_t)(bits >> 8);
		if (len == 3)
			*out++ = (uint8_t)bits;
		bad |= (values[(uint8_t)text[len - 1]] - 1U) & (len == 2 ? 15 : 3);
	}
	return bad == 0;
}
