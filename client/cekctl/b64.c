#include "client/cekctl/b64.h"

#include <errno.h>
#include <stdlib.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void b64_encode(const void *data, size_t len, char *out)
{
	const uint8_t *in = data;
	unsigned bits = 0, n_bits = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | in[i]) & 0xffff;
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			*out++ = alphabet[bits >> (n_bits - 6) & 63];
	}
	if (n_bits)
		*out++ = alphabet[bits << (6 - n_bits) & 63];
	*out = '\0';
}

char *b64_text(const void *data, size_t len)
{
	char *text = malloc(B64_LEN(len) + 1);

	if (text)
		b64_encode(data, len, text);
	return text;
}

/* By comparison instead of a table, so that a secret's digits are not seen in the cache. */
static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

ssize_t b64_decode(const char *text, size_t len, uint8_t *out, size_t size)
{
	unsigned bits = 0, n_bits = 0;
	size_t n = 0;

	if (len % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int value = digit(text[i]);

		if (value < 0)
			return -EINVAL;
		bits = (bits << 6 | (unsigned)value) & 0xffff;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		if (n == size)
			return -EMSGSIZE;
		n_bits -= 8;
		out[n++] = (uint8_t)(bits >> n_bits);
	}
	return bits & ((1u << n_bits) - 1) ? -EINVAL : (ssize_t)n;
}
