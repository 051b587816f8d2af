/* SPDX-License-Identifier: Apache-2.0 */
/* make_token.h */
#include "tests/unit/client/jose/make_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/jose/cek-jose.h"
#include "client/jose/compact.h"
#include "client/jose/content.h"
#include "proto/base64url.h"

const uint8_t make_token_cek[64] = {1, 2, 3, 4, 5, 6, 7, 8};

char *make_token(const struct token_parts *want)
{
	static const uint8_t iv[16] = {9}, encrypted_key[600];
	const struct enc *enc = enc_find(want->enc ? want->enc : "A256GCM");
	const char *json = want->header ? want->header : "{\"alg\":\"A256KW\",\"enc\":\"A256GCM\"}";
	uint8_t *cipher = calloc(1, content_ciphertext_len(enc, want->len) + 1), tag[32] = {0};
	char *header = calloc(1, b64u_encoded_len(strlen(json)) + 1), *token;
	struct content content = {enc, make_token_cek, {header, b64u_encode(json, strlen(json), header)}, iv};

	assert_int_equal(content_encrypt(&content, (struct cek_bytes){want->plaintext, want->len}, cipher, tag),
		CEK_JWE_OK);
	token = compact_join(&(struct compact_octets){
		.header = {header, content.aad.len},
		.encrypted_key = {encrypted_key, want->key_len ? want->key_len : 40},
		.iv = {iv, want->iv_len ? want->iv_len : content_iv_len(enc)},
		.ciphertext = {cipher, content_ciphertext_len(enc, want->len)},
		.tag = {tag, want->tag_len ? want->tag_len : content_tag_len(enc)},
	});
	free(header);
	free(cipher);
	assert_non_null(token);
	return token;
}
