/* SPDX-License-Identifier: Apache-2.0 */
/* compact.h, and what cek-jose.h tells of a text without decoding it. */
#include "client/jose/compact.h"

#include <stdlib.h>
#include <string.h>

#include "client/jose/cek-jose.h"
#include "proto/base64url.h"

bool compact_split(const char *token, size_t len, struct compact *ret_parts)
{
	struct compact parts;
	struct span *part[] = {&parts.header, &parts.encrypted_key, &parts.iv, &parts.ciphertext};

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		const char *dot = len > 0 ? memchr(token, '.', len) : NULL;

		if (!dot)
			return false;
		*part[i] = (struct span){token, (size_t)(dot - token)};
		len -= part[i]->len + 1;
		token = dot + 1;
	}
	if (len > 0 && memchr(token, '.', len))
		return false;
	parts.tag = (struct span){token, len};
	*ret_parts = parts;
	return true;
}

/* What a character may stand in. A table, and a block of it at a time: of the characters of a token no branch is
 * foreseen, which costs more than all else. */
enum {
	COMPACT = 1,  /* base64url and the dots between */
	B64TOKEN = 2, /* RFC 6750 section 2.1, but for the padding */
	BLOCK = 32,
};
static const uint8_t kinds[256] = {
	['A' ... 'Z'] = COMPACT | B64TOKEN,
	['a' ... 'z'] = COMPACT | B64TOKEN,
	['0' ... '9'] = COMPACT | B64TOKEN,
	['-'] = COMPACT | B64TOKEN,
	['_'] = COMPACT | B64TOKEN,
	['.'] = COMPACT | B64TOKEN,
	['~'] = B64TOKEN,
	['+'] = B64TOKEN,
	['/'] = B64TOKEN,
};

static bool is_block_of(const uint8_t *text, uint8_t kind)
{
	uint8_t all = kind;

	for (size_t i = 0; i < BLOCK; i++)
		all &= kinds[text[i]];
	return all != 0;
}

/* How many characters from the start on are of this kind. */
static size_t span_of(const uint8_t *text, size_t len, uint8_t kind)
{
	size_t i = 0;

	while (len - i >= BLOCK && is_block_of(text + i, kind))
		i += BLOCK;
	while (i < len && (kinds[text[i]] & kind))
		i++;
	return i;
}

/* '{', then the quotation mark of a member or what JSON takes for white space. */
static bool begins_object(struct span header)
{
	uint8_t start[3];

	return header.len >= 4 && b64u_decode(header.text, 4, start, sizeof(start)) == 3 && start[0] == '{' &&
		start[1] != '\0' && strchr("\" \t\r\n", start[1]);
}

bool cek_jwe_looks_compact(const char *token, size_t len)
{
	struct compact parts;

	if (!token || !compact_split(token, len, &parts) || !begins_object(parts.header))
		return false;
	return span_of((const uint8_t *)token, len, COMPACT) == len;
}

bool cek_jwe_is_b64token(const void *text, size_t len)
{
	const uint8_t *c = text;
	size_t chars = span_of(c, len, B64TOKEN), i = chars;

	while (i < len && c[i] == '=')
		i++;
	return chars > 0 && i == len;
}

char *compact_join(const struct compact_octets *parts)
{
	const struct cek_bytes *part[] = {&parts->encrypted_key, &parts->iv, &parts->ciphertext, &parts->tag};
	enum { PARTS = sizeof(part) / sizeof(part[0]) };
	size_t size = parts->header.len + 1;
	char *token, *out;

	for (size_t i = 0; i < PARTS; i++)
		size += 1 + b64u_encoded_len(part[i]->len);
	token = malloc(size);
	if (!token)
		return NULL;
	memcpy(token, parts->header.text, parts->header.len);
	out = token + parts->header.len;
	for (size_t i = 0; i < PARTS; i++) {
		*out++ = '.';
		out += b64u_encode(part[i]->data, part[i]->len, out);
	}
	*out = '\0';
	return token;
}
