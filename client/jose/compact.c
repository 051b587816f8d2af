/* SPDX-License-Identifier: Apache-2.0 */
/* compact.h */
#include "client/jose/compact.h"

#include <stdlib.h>
#include <string.h>

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
