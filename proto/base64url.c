/* SPDX-License-Identifier: Apache-2.0 */
/* base64url.h: blocks of a fixed size, so that compilers turn the loops over characters into vector code. */
#include "proto/base64url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

enum {
	BLOCK_CHARS = 64,
	BLOCK_OCTETS = BLOCK_CHARS / 4 * 3,
	DIGIT_BAD = 0x80,
};

/* 0xff if c is one of the n values from first on, else 0. */
static uint8_t among(uint8_t c, uint8_t first, uint8_t n)
{
	return (uint8_t) - ((uint8_t)(c - first) < n);
}

/* What a digit is in text: steps where the alphabet goes on elsewhere in ASCII. */
static void digits_to_chars(uint8_t block[BLOCK_CHARS])
{
	for (size_t i = 0; i < BLOCK_CHARS; i++) {
		uint8_t digit = block[i];

		block[i] = (uint8_t)('A' + digit + (among(digit, 26, 38) & ('a' - 'A' - 26)) -
			(among(digit, 52, 12) & ('a' + 26 - '0')) - (among(digit, 62, 2) & ('0' + 10 - '-')) +
			(among(digit, 63, 1) & ('_' - '-' - 1)));
	}
}

/* The reverse; DIGIT_BAD for what is not in the alphabet. */
static void chars_to_digits(uint8_t block[BLOCK_CHARS])
{
	for (size_t i = 0; i < BLOCK_CHARS; i++) {
		uint8_t c = block[i];
		uint8_t upper = among(c, 'A', 26), lower = among(c, 'a', 26), number = among(c, '0', 10);
		uint8_t dash = among(c, '-', 1), underscore = among(c, '_', 1);

		block[i] = (uint8_t)((upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (number & (c - '0' + 52)) |
			(dash & 62) | (underscore & 63) | (~(upper | lower | number | dash | underscore) & DIGIT_BAD));
	}
}

size_t b64u_encoded_len(size_t octets)
{
	return octets / 3 * 4 + (octets % 3 * 4 + 2) / 3;
}

size_t b64u_decoded_len(size_t chars)
{
	return chars / 4 * 3 + chars % 4 * 3 / 4;
}

size_t b64u_encode(const void *data, size_t len, char *ret_text)
{
	const size_t total = b64u_encoded_len(len);
	uint8_t octets[BLOCK_OCTETS], block[BLOCK_CHARS];
	const uint8_t *from = data;

	for (size_t done = 0; done < total; done += BLOCK_CHARS) {
		size_t n = len < BLOCK_OCTETS ? len : BLOCK_OCTETS;
		size_t chars = total - done < BLOCK_CHARS ? total - done : BLOCK_CHARS;

		memcpy(octets, from, n);
		memset(octets + n, 0, BLOCK_OCTETS - n);
		for (size_t i = 0, k = 0; i < BLOCK_CHARS; i += 4, k += 3) {
			block[i] = octets[k] >> 2;
			block[i + 1] = (uint8_t)((octets[k] & 3) << 4 | octets[k + 1] >> 4);
			block[i + 2] = (uint8_t)((octets[k + 1] & 15) << 2 | octets[k + 2] >> 6);
			block[i + 3] = octets[k + 2] & 63;
		}
		digits_to_chars(block);
		memcpy(ret_text + done, block, chars);
		from += n;
		len -= n;
	}
	wipe(octets, sizeof(octets));
	wipe(block, sizeof(block));
	return total;
}

char *b64u_text(const void *data, size_t len)
{
	char *text = malloc(b64u_encoded_len(len) + 1);

	if (text)
		text[b64u_encode(data, len, text)] = '\0';
	return text;
}

/* What is decoded at a time. */
struct scratch {
	uint8_t block[BLOCK_CHARS], octets[BLOCK_OCTETS];
};

/* One block of chars characters into its octets; returns the bits that must all be zero. */
static uint8_t decode_block(struct scratch *scratch, const char *text, size_t chars, uint8_t *ret_data)
{
	uint8_t *block = scratch->block, *octets = scratch->octets, bad = 0;
	size_t len = b64u_decoded_len(chars);

	memcpy(block, text, chars);
	memset(block + chars, 'A', BLOCK_CHARS - chars); /* zero bits */
	chars_to_digits(block);
	for (size_t i = 0; i < BLOCK_CHARS; i++)
		bad |= block[i] & DIGIT_BAD;
	for (size_t i = 0, k = 0; i < BLOCK_CHARS; i += 4, k += 3) {
		octets[k] = (uint8_t)(block[i] << 2 | block[i + 1] >> 4);
		octets[k + 1] = (uint8_t)(block[i + 1] << 4 | block[i + 2] >> 2);
		octets[k + 2] = (uint8_t)(block[i + 2] << 6 | block[i + 3]);
	}
	if (len < BLOCK_OCTETS)
		bad |= octets[len]; /* the unused bits of the last character; there are no others behind them */
	memcpy(ret_data, octets, len);
	return bad;
}

ssize_t b64u_decode(const char *text, size_t len, uint8_t *ret_data, size_t size)
{
	const size_t total = b64u_decoded_len(len);
	struct scratch scratch;
	uint8_t *to = ret_data;
	uint8_t bad = len % 4 == 1;

	if (total > size)
		return -EMSGSIZE;
	while (len > 0) {
		size_t chars = len < BLOCK_CHARS ? len : BLOCK_CHARS;

		bad |= decode_block(&scratch, text, chars, to);
		to += b64u_decoded_len(chars);
		text += chars;
		len -= chars;
	}
	wipe(&scratch, sizeof(scratch));
	if (!bad)
		return (ssize_t)total;
	wipe(ret_data, total);
	return -EINVAL;
}
