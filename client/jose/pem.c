/* SPDX-License-Identifier: Apache-2.0 */
/* cek-jose.h, cek_jwk_pem(). */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/pem.h>

#include "client/jose/cek-jose.h"
#include "client/jose/error.h"
#include "client/jose/pkey.h"

static char *write_pem(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *data;
	long len;

	if (bio && PEM_write_bio_PUBKEY(bio, pkey)) {
		len = BIO_get_mem_data(bio, &data);
		text = strndup(data, (size_t)len);
	}
	BIO_free(bio);
	return text;
}

int cek_jwk_pem(const struct cek_public_key *public_key, char **ret_pem, struct cek_jwe_error *ret_error)
{
	EVP_PKEY *pkey = pkey_from_public(public_key);
	char *text;

	if (!pkey)
		return jwe_error(ret_error, CEK_JWE_MALFORMED, "no public key of RSA, EC or X25519");
	text = write_pem(pkey);
	EVP_PKEY_free(pkey);
	if (!text)
		return jwe_error_code(ret_error, CEK_JWE_NOMEM);
	*ret_pem = text;
	return jwe_error_code(ret_error, CEK_JWE_OK);
}
