/* SPDX-License-Identifier: Apache-2.0 */
/* alg.h */
#include "client/jose/jwt/alg.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

enum { DER_MAX = 3 + 2 * (2 + 1 + 66) }; /* octets: an ECDSA signature on P-521 */

static const struct jws_alg algs[] = {
	{"RS256", "RSA", NULL, JWS_SHA256, false},
	{"RS384", "RSA", NULL, JWS_SHA384, false},
	{"RS512", "RSA", NULL, JWS_SHA512, false},
	{"PS256", "RSA", NULL, JWS_SHA256, true},
	{"PS384", "RSA", NULL, JWS_SHA384, true},
	{"PS512", "RSA", NULL, JWS_SHA512, true},
	{"ES256", "EC", "P-256", JWS_SHA256, false},
	{"ES384", "EC", "P-384", JWS_SHA384, false},
	{"ES512", "EC", "P-521", JWS_SHA512, false},
	{"EdDSA", "OKP", NULL, JWS_HASHES, false},
	{"Ed25519", "OKP", "Ed25519", JWS_HASHES, false},
	{"Ed448", "OKP", "Ed448", JWS_HASHES, false},
};

const struct jws_alg *jws_alg_find(const char *name)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (strcmp(algs[i].name, name) == 0)
			return &algs[i];
	return NULL;
}

bool jws_hashes_init(struct jws_hashes *hashes)
{
	static const char *const names[JWS_HASHES] = {"SHA256", "SHA384", "SHA512"};
	bool ok = true;

	*hashes = (struct jws_hashes){0};
	for (size_t i = 0; i < JWS_HASHES; i++) {
		hashes->md[i] = EVP_MD_fetch(NULL, names[i], NULL);
		ok = ok && hashes->md[i];
	}
	return ok;
}

void jws_hashes_deinit(struct jws_hashes *hashes)
{
	for (size_t i = 0; i < JWS_HASHES; i++)
		EVP_MD_free(hashes->md[i]);
	*hashes = (struct jws_hashes){0};
}

/* RFC 7518 section 3.4: r and s, each as long as the order of the curve, one after the other; OpenSSL wants DER. That
 * both are within 1 and the order it checks itself. Returns the length, 0 if there is none. */
static size_t to_der(struct cek_bytes raw, uint8_t ret_der[DER_MAX])
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)raw.len / 2, len = 0;
	BIGNUM *r = BN_bin2bn(raw.data, half, NULL);
	BIGNUM *s = BN_bin2bn((const uint8_t *)raw.data + half, half, NULL);

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
		r = s = NULL;
		len = i2d_ECDSA_SIG(sig, NULL) <= DER_MAX ? i2d_ECDSA_SIG(sig, &ret_der) : 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len > 0 ? (size_t)len : 0;
}

/* Of what is signed with ECDSA; otherwise OpenSSL's own length is that of the JWS. */
static size_t raw_len(EVP_PKEY *pkey)
{
	return 2 * (((size_t)EVP_PKEY_get_bits(pkey) + 7) / 8);
}

static bool verify(const struct jws_alg *alg, EVP_MD_CTX *ctx, const EVP_MD *md, EVP_PKEY *pkey, struct cek_bytes text,
	struct cek_bytes signature)
{
	EVP_PKEY_CTX *pctx; /* belongs to ctx */

	if (EVP_DigestVerifyInit(ctx, &pctx, md, NULL, pkey) <= 0)
		return false;
	if (alg->pss &&
		(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) <= 0 ||
			EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) <= 0))
		return false;
	return EVP_DigestVerify(ctx, signature.data, signature.len, text.data, text.len) == 1;
}

bool jws_verify(const struct jws_alg *alg, const struct jws_hashes *hashes, EVP_PKEY *pkey, struct cek_bytes text,
	struct cek_bytes signature)
{
	bool ec = strcmp(alg->kty, "EC") == 0, ok;
	uint8_t der[DER_MAX];
	EVP_MD_CTX *ctx;

	if (signature.len != (ec ? raw_len(pkey) : (size_t)EVP_PKEY_get_size(pkey)))
		return false;
	if (ec)
		signature = (struct cek_bytes){der, to_der(signature, der)};
	ctx = EVP_MD_CTX_new();
	ok = ctx && signature.len > 0 &&
		verify(alg, ctx, alg->hash < JWS_HASHES ? hashes->md[alg->hash] : NULL, pkey, text, signature);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}
