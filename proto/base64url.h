/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64url without padding (RFC 7515 section 2, RFC 4648 section 5), strict: no padding, no white space, the unused
 * bits of the last character zero. So every octet string has exactly one encoding.
 *
 * Good for secrets: characters and digits are computed, not looked up in a table, whose cache lines would tell which
 * ones a secret has; and nothing of them stays on the stack.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Characters for that many octets. */
size_t b64u_encoded_len(size_t octets);

/* Octets in that many characters; whether it can be that many is for b64u_decode() to say. */
size_t b64u_decoded_len(size_t chars);

/* Writes b64u_encoded_len(len) characters, without NUL; returns that number. */
size_t b64u_encode(const void *data, size_t len, char *ret_text);

/* The same as a string for free(3), which does not wipe it; NULL without memory. */
char *b64u_text(const void *data, size_t len);

/* Writes b64u_decoded_len(len) octets and returns that number; -EMSGSIZE if that is more than size, -EINVAL if text is
 * not strict base64url. What was written by then is wiped. */
ssize_t b64u_decode(const char *text, size_t len, uint8_t *ret_data, size_t size);
