/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/algs/mech.h"

#include <string.h>

#include "daemon/token/algs/aeskw.h"
#include "daemon/token/algs/ecdh.h"
#include "daemon/token/algs/gcmkw.h"
#include "daemon/token/algs/rsa.h"

static const struct mech table[] = {
	{"RSA-OAEP", rsa_unwrap, rsa_wrap},
	{"RSA-OAEP-256", rsa_unwrap, rsa_wrap},
	{"RSA-OAEP-384", rsa_unwrap, rsa_wrap},
	{"RSA-OAEP-512", rsa_unwrap, rsa_wrap},
	{"A128KW", aeskw_unwrap, aeskw_wrap},
	{"A192KW", aeskw_unwrap, aeskw_wrap},
	{"A256KW", aeskw_unwrap, aeskw_wrap},
	{"A128GCMKW", gcmkw_unwrap, gcmkw_wrap},
	{"A192GCMKW", gcmkw_unwrap, gcmkw_wrap},
	{"A256GCMKW", gcmkw_unwrap, gcmkw_wrap},
	{"ECDH-ES", ecdh_unwrap, ecdh_wrap},
	{"ECDH-ES+A128KW", ecdh_unwrap, ecdh_wrap},
	{"ECDH-ES+A192KW", ecdh_unwrap, ecdh_wrap},
	{"ECDH-ES+A256KW", ecdh_unwrap, ecdh_wrap},
};

const struct mech *mech_find(const char *alg)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].alg, alg) == 0)
			return &table[i];
	return NULL;
}

bool mech_key_fits(const struct key *key, const struct alg *alg)
{
	switch (alg->family) {
	case ALG_RSA_OAEP:
		return key->class == CKO_PRIVATE_KEY && key->type == CKK_RSA && key->modulus_bits >= RSA_BITS_MIN &&
			key->modulus_bits <= RSA_BITS_MAX;
	case ALG_AES_KW:
	case ALG_AES_GCMKW:
		return key->class == CKO_SECRET_KEY && key->type == CKK_AES &&
			(key->value_len == 0 || key->value_len * 8 == alg->key_bits);
	case ALG_ECDH:
		return key->class == CKO_PRIVATE_KEY && key->type != CKK_RSA && key->curve;
	}
	return false;
}

void mech_params(const struct wrapped *wrapped, Cek__V1__AlgParams *ret_params, Cek__V1__PublicKey *ret_epk)
{
	const size_t field = wrapped->curve ? wrapped->curve->field_len : 0;
	uint8_t *x = (uint8_t *)(uintptr_t)wrapped->point;

	cek__v1__alg_params__init(ret_params);
	if (wrapped->gcm) {
		ret_params->iv = (ProtobufCBinaryData){GCM_IV_LEN, (uint8_t *)(uintptr_t)wrapped->iv};
		ret_params->tag = (ProtobufCBinaryData){GCM_TAG_LEN, (uint8_t *)(uintptr_t)wrapped->tag};
	}
	if (!wrapped->curve)
		return;
	cek__v1__public_key__init(ret_epk);
	ret_epk->kty = (char *)(uintptr_t)wrapped->curve->kty;
	ret_epk->crv = (char *)(uintptr_t)wrapped->curve->name;
	if (strcmp(wrapped->curve->kty, "EC") == 0) {
		x++;
		ret_epk->y = (ProtobufCBinaryData){field, x + field};
	}
	ret_epk->x = (ProtobufCBinaryData){field, x};
	ret_params->epk = ret_epk;
}
