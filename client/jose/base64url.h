/*
 * base64url without padding (RFC 7515 section 2, RFC 4648 section 5), strict: no padding, no white space, the unused
 * bits of the last character zero. So every octet string has exactly one encoding.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters for that many octets. */
size_t b64u_encoded_len(size_t octets);

/* Octets in that many characters; whether it can be that many is for b64u_decode() to say. */
size_t b64u_decoded_len(size_t chars);

/* Writes b64u_encoded_len(len) characters, without NUL; returns that number. */
size_t b64u_encode(const void *data, size_t len, char *ret_text);

/* Writes b64u_decoded_len(len) octets. false if text is not strict base64url; what was written is of no use then. Not
 * for secrets: it looks characters up in a table. */
bool b64u_decode(const char *text, size_t len, uint8_t *ret_data);
