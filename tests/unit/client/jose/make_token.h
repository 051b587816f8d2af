/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compact tokens with a known CEK, well-formed or not.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What is 0 or NULL is as an A256KW token with A256GCM wants it. */
struct token_parts {
	const char *header; /* JSON */
	const char *enc;    /* that the content is really encrypted with */
	size_t key_len, iv_len, tag_len;
	const char *plaintext;
	size_t len;
};

/* The CEK of all of them: its first octets, as many as enc needs. */
extern const uint8_t make_token_cek[64];

/* For free(3). The encrypted key is all zero. */
char *make_token(const struct token_parts *want);
