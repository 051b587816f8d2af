/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/probe/pairs.h"

#include <string.h>

#include <openssl/rsa.h>

#include "daemon/token/algs/oaep.h"
#include "daemon/token/algs/rsa.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/p11/public.h"
#include "daemon/token/probe/roundtrip.h"

/* OAEP with a label must not open: JWE has none, and a token that ignored the label hash would ignore our empty one. */
static bool oaep_label_refused(struct token *token, struct key *key, const struct alg *alg)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->public_key, NULL);
	unsigned char *label = (unsigned char *)OPENSSL_strdup("label");
	uint8_t *cek = arena_alloc(&token->arena, CEK_LEN_MAX), encrypted[RSA_BITS_MAX / 8];
	struct unwrap unwrap = {.alg = alg,
		.cek_len = CEK_LEN_MAX,
		.encrypted_key = encrypted,
		.encrypted_key_len = key->modulus_len};
	size_t len = sizeof(encrypted);
	bool refused = false;

	if (ctx && label && cek && EVP_PKEY_encrypt_init(ctx) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_oaep_md(ctx, oaep_hash(alg->hash_bits)) == 1 &&
		EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, 5) == 1) {
		label = NULL;
		if (EVP_PKEY_encrypt(ctx, encrypted, &len, cek, 16) == 1) {
			unwrap.cek_len = 16;
			refused = rsa_unwrap(token, key, &unwrap, cek) != CKR_OK;
		}
	}
	OPENSSL_free(label);
	EVP_PKEY_CTX_free(ctx);
	return refused;
}

static CK_RV session_rsa_key(struct token *token, CK_ULONG bits, CK_OBJECT_HANDLE *ret_public, struct key *ret_key)
{
	CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
	CK_BYTE exponent[] = {1, 0, 1};
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE public[] = {
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_MODULUS_BITS, &bits, sizeof(bits)},
		{CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent)},
		{CKA_ENCRYPT, &yes, sizeof(yes)},
	};
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &no, sizeof(no)},
		{CKA_DECRYPT, &yes, sizeof(yes)},
	};

	*ret_key = (struct key){.class = CKO_PRIVATE_KEY, .type = CKK_RSA, .modulus_len = bits / 8};
	return token->session.f->C_GenerateKeyPair(token->session.handle, &mechanism, public, 4, private, 4, ret_public,
		&ret_key->handle);
}

static CK_RV try_oaep(struct token *token, struct key *key, const struct alg *alg)
{
	const unsigned index = facts_hash_index(alg);
	const bool raw = token->facts.raw_rsa;
	CK_RV rv;

	token->facts.raw_rsa = false;
	token->facts.oaep[index] = true;
	key->rsa_way = RSA_TOKEN_OAEP;
	rv = round_trip(token, key, alg);
	token->facts.oaep[index] = rv == CKR_OK && oaep_label_refused(token, key, alg);
	token->facts.raw_rsa = raw;
	EVP_PKEY_CTX_free(key->encrypt);
	key->encrypt = NULL;
	return rv;
}

static CK_RV try_raw(struct token *token, struct key *key)
{
	CK_RV rv;

	token->facts.raw_rsa = true;
	key->rsa_way = RSA_RAW;
	rv = round_trip(token, key, alg_find("RSA-OAEP-256"));
	token->facts.raw_rsa = rv == CKR_OK;
	EVP_PKEY_CTX_free(key->encrypt);
	key->encrypt = NULL;
	return rv;
}

static void try_rsa(struct token *token, struct key *key)
{
	for (size_t i = 0; alg_row(i); i++) {
		const struct alg *alg = alg_row(i);

		if (alg->family == ALG_RSA_OAEP && !token->facts.oaep[facts_hash_index(alg)])
			facts_note(&token->facts, FACTS_RSA, try_oaep(token, key, alg));
	}
	if (!token->facts.raw_rsa)
		facts_note(&token->facts, FACTS_RSA, try_raw(token, key));
}

/* The smallest modulus that SHA-512 and a CEK fit into: a key of that size is no use for anything else, but is made in
 * milliseconds. A token that refuses it gets a proper one. */
void probe_rsa(struct token *token)
{
	CK_OBJECT_HANDLE public;
	struct public_half half;
	struct key key;
	CK_RV rv = session_rsa_key(token, 1536, &public, &key);

	if (rv != CKR_OK)
		rv = session_rsa_key(token, 2048, &public, &key);
	facts_note(&token->facts, FACTS_RSA, rv);
	if (rv != CKR_OK)
		return;
	key.object = public;
	rv = public_read(&token->session, &key, &half);
	facts_note(&token->facts, FACTS_RSA, rv == CKR_CEKD_MISSING ? CKR_GENERAL_ERROR : rv);
	if (rv == CKR_OK) {
		key.public_key = public_for_openssl(&half);
		if (key.public_key)
			try_rsa(token, &key);
		else
			facts_note(&token->facts, FACTS_RSA, CKR_HOST_MEMORY);
		EVP_PKEY_free(key.public_key);
	}
	object_destroy(&token->session, public);
	object_destroy(&token->session, key.handle);
}

static CK_RV session_ec_key(struct token *token, const struct curve *curve, unsigned way, CK_MECHANISM_TYPE type,
	CK_OBJECT_HANDLE *ret_public, struct key *ret_key)
{
	CK_MECHANISM mechanism = {type, NULL, 0};
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	size_t len = 0;
	const uint8_t *params = curves_params(curve, way, &len);
	CK_ATTRIBUTE public[] = {
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_EC_PARAMS, (void *)(uintptr_t)params, len},
	};
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &no, sizeof(no)},
		{CKA_DERIVE, &yes, sizeof(yes)},
	};

	if (!params)
		return CKR_CURVE_NOT_SUPPORTED;
	*ret_key = (struct key){.class = CKO_PRIVATE_KEY, .type = CKK_EC, .curve = curve};
	return token->session.f->C_GenerateKeyPair(token->session.handle, &mechanism, public, 2, private, 4, ret_public,
		&ret_key->handle);
}

/* An agreement between the token's session key and one of OpenSSL's, with the point bare or in its DER shell. */
static bool try_curve(struct token *token, const struct curve *curve, unsigned way, CK_MECHANISM_TYPE type)
{
	const unsigned index = facts_curve_index(curve);
	CK_OBJECT_HANDLE public;
	struct public_half half;
	struct key key;
	bool works = false;
	CK_RV rv = session_ec_key(token, curve, way, type, &public, &key);

	facts_note(&token->facts, FACTS_CURVE_0 + index, rv);
	if (rv != CKR_OK)
		return false;
	key.object = public;
	rv = public_read(&token->session, &key, &half);
	facts_note(&token->facts, FACTS_CURVE_0 + index, rv == CKR_CEKD_MISSING ? CKR_GENERAL_ERROR : rv);
	if (rv == CKR_OK)
		key.public_key = public_for_openssl(&half);
	for (int wrapped = 0; key.public_key && !works && wrapped < 2; wrapped++) {
		token->facts.curve[index].wrapped_point = wrapped;
		rv = round_trip(token, &key, alg_find("ECDH-ES"));
		facts_note(&token->facts, FACTS_CURVE_0 + index, rv);
		works = rv == CKR_OK;
	}
	EVP_PKEY_free(key.public_key);
	object_destroy(&token->session, public);
	object_destroy(&token->session, key.handle);
	if (works) {
		token->facts.curve[index].works = true;
		token->facts.curve[index].params_way = way;
		token->facts.curve[index].generate = type;
	}
	return works;
}

void probe_curve(struct token *token, const struct curve *curve)
{
	static const CK_MECHANISM_TYPE types[] = {CKM_EC_KEY_PAIR_GEN, CKM_EC_EDWARDS_KEY_PAIR_GEN,
		CKM_MONTGOMERY_KEY_PAIR_GEN};
	const unsigned index = facts_curve_index(curve);
	const bool okp = strcmp(curve->kty, "OKP") == 0;
	bool works = token->facts.curve[index].works;

	for (unsigned way = 0; !works && way < 3; way++)
		for (size_t type = okp ? 3 : 1; !works && type-- > 0;)
			works = try_curve(token, curve, way, types[type]);
	/* The other ways need not work. */
	if (works)
		token->facts.doubt[FACTS_CURVE_0 + index] = CKR_OK;
}
