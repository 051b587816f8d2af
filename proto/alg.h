/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What JOSE calls the algorithms and how long their parts are: the one table of JWE key management (RFC 7518 section 4,
 * RFC 8037) and content encryption (RFC 7518 section 5). CONTRIBUTING.md tells what else
 * a new one needs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum alg_family {
	ALG_RSA_OAEP,
	ALG_AES_KW,
	ALG_AES_GCMKW,
	ALG_ECDH, /* with key_bits 0 direct agreement, otherwise followed by AES key wrap of that many bits */
};

struct alg {
	const char *name;
	enum alg_family family;
	unsigned hash_bits; /* RSA-OAEP: hash and MGF1 hash: 1 for SHA-1, else 256, 384, 512 */
	unsigned key_bits;  /* AES KEK size; ECDH: size of the wrapping key, 0 = direct */
};

struct enc {
	const char *name;
	unsigned cek_len; /* bytes */
	bool gcm;         /* AES-GCM, otherwise AES-CBC with HMAC (RFC 7518 section 5.2) */
};

struct curve {
	const char *name;
	const char *kty;    /* "EC" or "OKP" */
	unsigned field_len; /* bytes of one coordinate */
};

enum {
	CEK_LEN_MAX = 64,
	ENCRYPTED_KEY_MAX = 512, /* RSA-4096 */
	PARTY_INFO_MAX = 512,    /* apu, apv, decoded */
	GCM_IV_LEN = 12,
	GCM_TAG_LEN = 16,
	RSA_BITS_MIN = 2048,
	RSA_BITS_DEFAULT = 3072,
	RSA_BITS_MAX = 4096,
	KEY_NAME_MAX = 64,
	KID_MAX = 256,
	REASON_MAX = 200,
};

/* NULL if there is none of that name. Byte for byte, as JOSE asks. */
const struct alg *alg_find(const char *name);
const struct enc *enc_find(const char *name);
const struct curve *curve_find(const char *name);

/* For loops over the tables: row i, NULL past the end. */
const struct alg *alg_row(size_t i);
const struct enc *enc_row(size_t i);
const struct curve *curve_row(size_t i);

/* Why this name is refused although JOSE knows it ("RSA1_5", "dir", "PBES2-…", JWS algorithms, "none"): one English
 * line. NULL for names that nobody knows. */
const char *alg_refusal(const char *name);

/* The exact length of encrypted_key for this alg: rsa_bits is the modulus of the KEK (0 unless RSA). */
size_t alg_encrypted_key_len(const struct alg *alg, unsigned rsa_bits, size_t cek_len);

/* Key names as cek.proto defines them; kids: 1 to KID_MAX bytes, no NUL. */
bool key_name_valid(const char *name);
bool kid_valid(const char *kid);
