/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcek-jose, signed tokens: whether a JWT in the compact serialisation (RFC 7515 section 3.1, RFC 7519) was signed by
 * one of the keys of a JWK Set, and whether it says what the caller asks for. A decrypted JWE usually holds one:
 * cek_jwe_plaintext() goes into cek_jwt_verify(). No connection and no cekd are needed. libcek-jwt(3) explains it.
 *
 * RFC 8725 is built in: the caller lists the algorithms; "none" and HMAC do not exist here; a key serves the algorithms
 * of its own kind alone; no key is ever taken from a token (jwk, jku, x5c, x5u are ignored).
 *
 * Threads: a cek_jwt_keys and a cek_jwt never change once they were returned, and may be read by many threads at a
 * time. Memory: the decoded payload stands in locked memory that cek_jwt_free() wipes; single claims stand in memory
 * that it wipes as well, but that is not locked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cek-jose.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum {
	CEK_JWT_KEYS_MAX = 1024,         /* entries of a JWK Set */
	CEK_JWT_KEYS_TEXT_MAX = 1048576, /* bytes of its JSON */
	CEK_JWT_TRIES_MAX = 4,           /* keys tried for a token without kid */
	CEK_JWT_DEPTH_MAX = 16,          /* arrays and objects inside each other, in a payload; 8 in a header */
	CEK_JWT_VALUES_MAX = 10000,      /* members and elements of a payload, at all depths */
	CEK_JWT_HEADER_VALUES_MAX = 256, /* and of a header, which anybody may have written */
	CEK_JWT_LEEWAY_MAX = 86400,      /* seconds */
};

/* ---- keys of signers (RFC 7517) ---------------------------------------------------------------------------------- */

typedef struct cek_jwt_keys cek_jwt_keys;

/* Parse a JWK Set, or a single JWK, of public keys: RSA of 2048 to 4096 bits, EC on P-256, P-384 and P-521, OKP on
 * Ed25519 and Ed448 (RFC 8037). use, key_ops and alg of an entry are honoured: what is not for verification is passed
 * over in silence. Other entries that cannot be used are passed over as well (RFC 7517 section 5), symmetric keys, keys
 * with a private member and kinds that are not known among them; ret_error->details then tells how many and the first
 * one's fault, although the code is OK. If nothing is left and one of these was there, the set is MALFORMED; a set
 * without keys for signatures is empty, and verifies nothing. MALFORMED as a whole as cek_jwks_parse(); TOO_LARGE over
 * CEK_JWT_KEYS_TEXT_MAX or CEK_JWT_KEYS_MAX; NOMEM. *ret_keys has to be freed with cek_jwt_keys_free(). */
int cek_jwt_keys_parse(const char *json, size_t len, cek_jwt_keys **ret_keys, struct cek_jwe_error *ret_error);

/* NULL is allowed; returns NULL. What was verified with the keys does not need them any more. */
cek_jwt_keys *cek_jwt_keys_free(cek_jwt_keys *keys);

/* Usable keys. */
size_t cek_jwt_keys_count(const cek_jwt_keys *keys);

/* ---- verification ------------------------------------------------------------------------------------------------ */

typedef struct cek_jwt cek_jwt;

/* What the caller accepts. Zero the struct, set size, then algs and whatever else shall be looked at. Lists end with
 * NULL; an empty list accepts nothing. Needed only during the call that takes it. */
struct cek_jwt_policy {
	size_t size; /* sizeof(struct cek_jwt_policy) */
	const char *const
		*algs; /* names (RFC 7518 section 3.1, RFC 8037, RFC 9864); mandatory (RFC 8725 section 3.1) */
	const char *const *issuers;   /* iss is one of these, octet for octet; NULL = not looked at */
	const char *const *audiences; /* aud is or has one of these; NULL = not looked at, so that the caller has to */
	const char *const *types;     /* typ is one of these, in any case, with or without "application/"; NULL = not
					 looked at. "at+jwt" for RFC 9068 */
	const char *const *required;  /* claims that are there and not null */
	const char *const *scopes;    /* scope (RFC 8693 section 4.2), or scp if there is none, has all of these */
	unsigned leeway;  /* seconds that clocks may differ, for exp, nbf and iat; at most CEK_JWT_LEEWAY_MAX */
	int64_t now;      /* seconds since 1970; 0 = the clock */
	bool no_exp;      /* accept a token without exp */
	size_t max_token; /* bytes; 0 = CEK_JWE_TOKEN_DEFAULT, at most CEK_JWE_TOKEN_MAX */
};

/* Verify a token of len bytes (no NUL needed). CEK_JWE_OK: *ret_jwt has to be freed with cek_jwt_free(). Otherwise it
 * is untouched: MALFORMED   no JWT: parts, base64url (strict), JSON, a member twice, a NUL, a number that no double
 * holds POLICY      alg, typ or cty is not accepted, crit or b64 is there, or the policy itself is not complete NO_KEY
 * kid names no key or several; without kid no key fits alg, or more than CEK_JWT_TRIES_MAX do FAILED      the signature
 * is not right, no details CLAIM       signed, but exp, nbf, iat, iss, aud or a required claim is not as it has to be:
 * details name it SCOPE       all is well but a scope that the caller wants is not there (403 rather than 401)
 *   TOO_LARGE, NOMEM
 * exp, nbf and iat are looked at whenever they are there: numbers from 0 to the end of the year 9999, also with a
 * fraction. exp is mandatory unless no_exp is set; nbf and iat must not be in the future. */
int cek_jwt_verify(const cek_jwt_keys *keys, const struct cek_jwt_policy *policy, const char *token, size_t len,
	cek_jwt **ret_jwt, struct cek_jwe_error *ret_error);

/* The same for a set of claims without a signature of its own (a JWE that holds JSON, not a JWS: RFC 7519 section 3).
 * Who may have made it is for the caller to know: with RSA-OAEP and ECDH-ES anybody, with AES keys who has the key.
 * json is len bytes, at most policy->max_token; its algs and types are not looked at. cek_jwt_header() finds nothing.
 * Codes as above. */
int cek_jwt_claims(const struct cek_jwt_policy *policy, const char *json, size_t len, cek_jwt **ret_jwt,
	struct cek_jwe_error *ret_error);

/* NULL is allowed; returns NULL. */
cek_jwt *cek_jwt_free(cek_jwt *jwt);

/* ---- what a verified token says ---------------------------------------------------------------------------------- */

enum {
	CEK_JWT_NONE = 0, /* not there */
	CEK_JWT_STRING = 1,
	CEK_JWT_INTEGER = 2, /* written without fraction and exponent, and fits into 64 bits */
	CEK_JWT_REAL = 3,    /* any other number; finite */
	CEK_JWT_BOOL = 4,
	CEK_JWT_NULL = 5,
	CEK_JWT_ARRAY = 6,
	CEK_JWT_OBJECT = 7,
};

/* text is a string's UTF-8, without NULs inside; a number as it was written; else compact JSON. A NUL that is not
 * counted stands behind it. It lives as long as the cek_jwt. NONE: data is "". Returned
 * by value, so that it never grows. */
struct cek_jwt_value {
	int type;
	struct cek_bytes text;
	int64_t integer; /* INTEGER */
	double real;     /* INTEGER and REAL: the nearest */
	bool truth;      /* BOOL */
};

/* A claim. path is a list of names that ends with NULL, each a member of the object that the one before names. NONE for
 * an empty list: cek_jwt_payload() is the whole. */
struct cek_jwt_value cek_jwt_claim(const cek_jwt *jwt, const char *const *path);

/* A member of the header. */
struct cek_jwt_value cek_jwt_header(const cek_jwt *jwt, const char *name);

/* The payload, octet for octet as it was signed; NUL behind. */
struct cek_bytes cek_jwt_payload(const cek_jwt *jwt);

/* exp, seconds since 1970, a fraction cut off, leeway not added; -1 = none. */
int64_t cek_jwt_expires(const cek_jwt *jwt);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
