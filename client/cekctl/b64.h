/*
 * base64url without padding (RFC 7515 section 2), read strictly: no padding, no other characters, unused bits zero.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Characters for len bytes. */
#define B64_LEN(len) (((len) * 4 + 2) / 3)

/* Write B64_LEN(len) characters and a NUL to out. */
void b64_encode(const void *data, size_t len, char *out);

/* The same in memory of its own, to be freed; NULL if there is none. Not for secrets. */
char *b64_text(const void *data, size_t len);

/* Read len characters into out, which has room for size bytes. Returns the number of bytes, or -EINVAL (not base64url) or
 * -EMSGSIZE (more than size). */
ssize_t b64_decode(const char *text, size_t len, uint8_t *out, size_t size);
