/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/probe/roundtrip.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "daemon/token/algs/mech.h"
#include "daemon/token/p11/ckr.h"

enum { TEST_CEK_LEN = 32 };

CK_RV round_trip(struct token *token, struct key *key, const struct alg *alg)
{
	const struct mech *mech = mech_find(alg->name);
	struct wrapped *wrapped = arena_alloc(&token->arena, sizeof(*wrapped));
	uint8_t *cek = arena_alloc(&token->arena, CEK_LEN_MAX);
	const struct wrap wrap = {.alg = alg, .enc = "A256GCM", .cek_len = TEST_CEK_LEN};
	struct unwrap unwrap = {.alg = alg, .enc = "A256GCM", .cek_len = TEST_CEK_LEN};
	Cek__V1__AlgParams params;
	Cek__V1__PublicKey epk;
	CK_RV rv;

	if (!wrapped || !cek || RAND_bytes(wrapped->cek, TEST_CEK_LEN) != 1)
		return CKR_HOST_MEMORY;
	rv = mech->wrap(token, key, &wrap, wrapped);
	if (rv != CKR_OK)
		return rv;
	mech_params(wrapped, &params, &epk);
	unwrap.params = &params;
	unwrap.encrypted_key = wrapped->encrypted_key;
	unwrap.encrypted_key_len = wrapped->encrypted_key_len;
	rv = mech->unwrap(token, key, &unwrap, cek);
	if (rv != CKR_OK)
		return rv;
	if (CRYPTO_memcmp(cek, wrapped->cek, TEST_CEK_LEN) != 0)
		return CKR_CEKD_WRONG;
	if (wrapped->encrypted_key_len == 0)
		return CKR_OK;
	wrapped->encrypted_key[wrapped->encrypted_key_len - 1] ^= 1;
	return mech->unwrap(token, key, &unwrap, cek) == CKR_OK ? CKR_CEKD_WRONG : CKR_OK;
}
