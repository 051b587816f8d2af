/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS1_MGF1() is deprecated, but this needs nothing else of RSA-OAEP. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <string.h>

#include <openssl/bn.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "daemon/token/algs/oaep.h"
#include "die.h"
#include "faults.h"
#include "proto/alg.h"

enum fault_of_oaep { LEADING_BYTE, LABEL_HASH, SEPARATOR, CEK_LENGTH, OAEP_FAULTS };

enum { EM_LEN = 256, HASH_MAX = 64 };

static void mask(uint8_t *data, size_t len, const uint8_t *seed, size_t seed_len, const EVP_MD *hash)
{
	uint8_t bytes[EM_LEN];

	if (PKCS1_MGF1(bytes, (long)len, seed, (long)seed_len, hash) != 0)
		die("no MGF1");
	for (size_t i = 0; i < len; i++)
		data[i] ^= bytes[i];
}

/* RFC 8017 section 7.1.1 with one fault. */
static void encode(const EVP_MD *hash, enum fault_of_oaep fault, uint8_t *ret_em)
{
	const size_t hash_len = (size_t)EVP_MD_get_size(hash), db_len = EM_LEN - 1 - hash_len;
	const size_t cek_len = fault == CEK_LENGTH ? 16 : 32;
	uint8_t *seed = ret_em + 1, *db = seed + hash_len, *cek = ret_em + EM_LEN - cek_len;
	const char *label = fault == LABEL_HASH ? "label" : "";

	memset(ret_em, 0, EM_LEN);
	if (hash_len > HASH_MAX || RAND_bytes(seed, (int)hash_len) != 1 || RAND_bytes(cek, (int)cek_len) != 1 ||
		EVP_Digest(label, strlen(label), db, NULL, hash, NULL) != 1)
		die("no hash");
	cek[-1] = fault == SEPARATOR ? 2 : 1;
	mask(db, db_len, seed, hash_len, hash);
	mask(seed, hash_len, db, db_len, hash);
	ret_em[0] = fault == LEADING_BYTE;
}

static void encrypt(const Cek__V1__PublicKey *key, uint8_t *block)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = BN_bin2bn(key->n.data, (int)key->n.len, NULL), *e = BN_bin2bn(key->e.data, (int)key->e.len, NULL),
	       *x = BN_bin2bn(block, EM_LEN, NULL);

	if (!ctx || !n || !e || !x || BN_mod_exp(x, x, e, n, ctx) != 1 || BN_bn2binpad(x, block, EM_LEN) != EM_LEN)
		die("no RSA");
	BN_free(n);
	BN_free(e);
	BN_free(x);
	BN_CTX_free(ctx);
}

void faults_of_rsa(struct faults_maker *maker)
{
	static const char *const names[OAEP_FAULTS] = {"leading byte", "label hash", "separator", "CEK length"};
	const unsigned hash_bits = alg_find(maker->alg)->hash_bits;
	const EVP_MD *hash = oaep_hash(hash_bits);
	/* OAEP is plaintext-aware: what decodes comes from somebody who knows what is inside. SoftHSM, which has OAEP
	 * with SHA-1 only, prepares a line for its log when it does not decode. The others the worker decodes. */
	const bool in_token = hash_bits == 1;
	uint8_t block[EM_LEN];

	for (enum fault_of_oaep fault = 0; fault < OAEP_FAULTS; fault++)
		for (size_t i = 0; i < FAULT_MESSAGES; i++) {
			encode(hash, fault, block);
			encrypt(maker->generated->result->public_key, block);
			faults_add(maker, names[fault], fault == CEK_LENGTH && in_token, fault == LEADING_BYTE,
				&(ProtobufCBinaryData){EM_LEN, block}, NULL);
		}
}
