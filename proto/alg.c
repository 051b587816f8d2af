/* SPDX-License-Identifier: Apache-2.0 */
/* alg.h: the tables, sorted as RFC 7518 lists them. */
#include "alg.h"

#include <string.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct alg algs[] = {
	{"RSA-OAEP", ALG_RSA_OAEP, 1, 0},
	{"RSA-OAEP-256", ALG_RSA_OAEP, 256, 0},
	{"RSA-OAEP-384", ALG_RSA_OAEP, 384, 0},
	{"RSA-OAEP-512", ALG_RSA_OAEP, 512, 0},
	{"A128KW", ALG_AES_KW, 0, 128},
	{"A192KW", ALG_AES_KW, 0, 192},
	{"A256KW", ALG_AES_KW, 0, 256},
	{"ECDH-ES", ALG_ECDH, 0, 0},
	{"ECDH-ES+A128KW", ALG_ECDH, 0, 128},
	{"ECDH-ES+A192KW", ALG_ECDH, 0, 192},
	{"ECDH-ES+A256KW", ALG_ECDH, 0, 256},
	{"A128GCMKW", ALG_AES_GCMKW, 0, 128},
	{"A192GCMKW", ALG_AES_GCMKW, 0, 192},
	{"A256GCMKW", ALG_AES_GCMKW, 0, 256},
};

static const struct enc encs[] = {
	{"A128CBC-HS256", 32, false},
	{"A192CBC-HS384", 48, false},
	{"A256CBC-HS512", 64, false},
	{"A128GCM", 16, true},
	{"A192GCM", 24, true},
	{"A256GCM", 32, true},
};

static const struct curve curves[] = {
	{"P-256", "EC", 32},
	{"P-384", "EC", 48},
	{"P-521", "EC", 66},
	{"X25519", "OKP", 32},
};

static const struct refusal {
	const char *name;
	const char *why;
} refusals[] = {
	{"RSA1_5", "RSA1_5 (PKCS #1 v1.5 padding) is refused: its padding oracle cannot be closed; use RSA-OAEP-256"},
	{"dir", "dir is refused: the content key would have to leave the token; use A256KW or ECDH-ES"},
	{"PBES2-HS256+A128KW", "PBES2 is refused: keys come from the token, not from passwords"},
	{"PBES2-HS384+A192KW", "PBES2 is refused: keys come from the token, not from passwords"},
	{"PBES2-HS512+A256KW", "PBES2 is refused: keys come from the token, not from passwords"},
	{"none", "none is refused: it protects nothing"},
	{"HS256", "HS256 is an algorithm for signatures (JWS), not for encryption"},
	{"HS384", "HS384 is an algorithm for signatures (JWS), not for encryption"},
	{"HS512", "HS512 is an algorithm for signatures (JWS), not for encryption"},
	{"RS256", "RS256 is an algorithm for signatures (JWS), not for encryption"},
	{"RS384", "RS384 is an algorithm for signatures (JWS), not for encryption"},
	{"RS512", "RS512 is an algorithm for signatures (JWS), not for encryption"},
	{"ES256", "ES256 is an algorithm for signatures (JWS), not for encryption"},
	{"ES384", "ES384 is an algorithm for signatures (JWS), not for encryption"},
	{"ES512", "ES512 is an algorithm for signatures (JWS), not for encryption"},
	{"ES256K", "ES256K is an algorithm for signatures (JWS), not for encryption"},
	{"PS256", "PS256 is an algorithm for signatures (JWS), not for encryption"},
	{"PS384", "PS384 is an algorithm for signatures (JWS), not for encryption"},
	{"PS512", "PS512 is an algorithm for signatures (JWS), not for encryption"},
	{"EdDSA", "EdDSA is an algorithm for signatures (JWS), not for encryption"},
};

const struct alg *alg_row(size_t i)
{
	return i < ROWS(algs) ? &algs[i] : NULL;
}

const struct enc *enc_row(size_t i)
{
	return i < ROWS(encs) ? &encs[i] : NULL;
}

const struct curve *curve_row(size_t i)
{
	return i < ROWS(curves) ? &curves[i] : NULL;
}

const struct alg *alg_find(const char *name)
{
	for (size_t i = 0; name && i < ROWS(algs); i++)
		if (strcmp(algs[i].name, name) == 0)
			return &algs[i];
	return NULL;
}

const struct enc *enc_find(const char *name)
{
	for (size_t i = 0; name && i < ROWS(encs); i++)
		if (strcmp(encs[i].name, name) == 0)
			return &encs[i];
	return NULL;
}

const struct curve *curve_find(const char *name)
{
	for (size_t i = 0; name && i < ROWS(curves); i++)
		if (strcmp(curves[i].name, name) == 0)
			return &curves[i];
	return NULL;
}

const char *alg_refusal(const char *name)
{
	for (size_t i = 0; name && i < ROWS(refusals); i++)
		if (strcmp(refusals[i].name, name) == 0)
			return refusals[i].why;
	return NULL;
}

size_t alg_encrypted_key_len(const struct alg *alg, unsigned rsa_bits, size_t cek_len)
{
	switch (alg->family) {
	case ALG_RSA_OAEP:
		return (rsa_bits + 7) / 8;
	case ALG_AES_KW:
		return cek_len + 8; /* RFC 3394 */
	case ALG_AES_GCMKW:
		return cek_len; /* RFC 7518 section 4.7: the tag travels in the header */
	case ALG_ECDH:
		return alg->key_bits == 0 ? 0 : cek_len + 8;
	}
	return 0;
}

bool key_name_valid(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len;

	if (!name || name[0] == '.')
		return false;
	len = strnlen(name, KEY_NAME_MAX + 1);
	return len > 0 && len <= KEY_NAME_MAX && strspn(name, allowed) == len;
}

bool kid_valid(const char *kid)
{
	size_t len = kid ? strnlen(kid, KID_MAX + 1) : 0;

	return len > 0 && len <= KID_MAX;
}
