/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/public.h"
#include "die.h"
#include "faults.h"

enum { ENCRYPTED_KEY_LEN = 40, Z_MAX = 66 };

/* An ephemeral key whose agreement with the KEK begins with a zero octet, or does not. */
static void ephemeral(EVP_PKEY *kek, const struct curve *curve, bool zero, struct public_half *ret_half)
{
	const bool okp = strcmp(curve->kty, "OKP") == 0;
	uint8_t z[Z_MAX];
	bool found = false;

	memset(ret_half, 0, sizeof(*ret_half));
	ret_half->curve = curve;
	while (!found) {
		EVP_PKEY *own = okp ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519")
				    : EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves_group(curve));
		EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
		size_t len = sizeof(z);

		if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, kek) != 1 ||
			EVP_PKEY_derive(ctx, z, &len) != 1 ||
			EVP_PKEY_get_octet_string_param(own, "pub", ret_half->point, POINT_MAX, &ret_half->point_len) !=
				1)
			die("no agreement");
		found = (z[0] == 0) == zero;
		EVP_PKEY_CTX_free(ctx);
		EVP_PKEY_free(own);
	}
}

/* To this ephemeral key a random encrypted key. */
static void add(struct faults_maker *maker, const char *name, struct public_half *half, bool planted, bool off_curve)
{
	Cek__V1__AlgParams params = CEK__V1__ALG_PARAMS__INIT;
	Cek__V1__PublicKey epk = CEK__V1__PUBLIC_KEY__INIT;
	uint8_t encrypted_key[ENCRYPTED_KEY_LEN];

	if (RAND_bytes(encrypted_key, sizeof(encrypted_key)) != 1)
		die("no random bytes");
	if (off_curve)
		half->point[half->point_len - 1] ^= 1;
	public_to_jose(half, &epk);
	params.epk = &epk;
	faults_add(maker, name, off_curve, planted, &(ProtobufCBinaryData){sizeof(encrypted_key), encrypted_key},
		&params);
}

void faults_of_ecdh(struct faults_maker *maker)
{
	struct public_half kek, half;
	EVP_PKEY *key;

	if (!public_from_jose(maker->generated->result->public_key, &kek))
		die("%s: no public key", maker->alg);
	key = public_for_openssl(&kek);
	for (size_t i = 0; i < FAULT_MESSAGES; i++) {
		faults_add_spoilt(maker, "key's first byte", false, false);
		faults_add_spoilt(maker, "key's last byte", false, true);
		ephemeral(key, kek.curve, false, &half);
		add(maker, "another key", &half, false, false);
		ephemeral(key, kek.curve, true, &half);
		add(maker, "Z begins with 0", &half, true, false);
		if (strcmp(kek.curve->kty, "OKP") == 0)
			continue;
		ephemeral(key, kek.curve, false, &half);
		add(maker, "off the curve", &half, false, true);
	}
	EVP_PKEY_free(key);
}
