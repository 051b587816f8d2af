/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature algorithms of JWS with public keys (RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1, RFC 9864), and
 * verification by them. There is no "none" and no HMAC: a name that is not in the table does not exist.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "client/cek.h"

enum { JWS_SIGNATURE_MAX = 512 }; /* octets: RSA-4096 */

enum jws_hash {
	JWS_SHA256,
	JWS_SHA384,
	JWS_SHA512,
	JWS_HASHES, /* how many there are, and: the algorithm has its own */
};

struct jws_alg {
	const char *name;
	const char *kty;
	const char *crv; /* NULL: RSA, or any of the OKP curves */
	enum jws_hash hash;
	bool pss;
};

/* NULL if there is none of that name. Byte for byte. */
const struct jws_alg *jws_alg_find(const char *name);

/* The hash functions, fetched once: a fetch costs as much as a verification by RSA. */
struct jws_hashes {
	EVP_MD *md[JWS_HASHES];
};

/* false without memory; deinit in any case. */
bool jws_hashes_init(struct jws_hashes *hashes);
void jws_hashes_deinit(struct jws_hashes *hashes);

/* Whether signature, as a JWS has it, is one of text by the owner of pkey, a key that fits alg. */
bool jws_verify(const struct jws_alg *alg, const struct jws_hashes *hashes, EVP_PKEY *pkey, struct cek_bytes text,
	struct cek_bytes signature);
