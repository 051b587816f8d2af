/* SPDX-License-Identifier: Apache-2.0 */
/* RSA_padding_check_PKCS1_OAEP_mgf1() is deprecated, yet what else does just this step in constant time? */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "daemon/token/algs/oaep.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "daemon/shared/testhook.h"

const EVP_MD *oaep_hash(unsigned hash_bits)
{
	static EVP_MD *hash[4];
	const char *name[] = {"SHA1", "SHA256", "SHA384", "SHA512"};
	const size_t i = hash_bits == 1 ? 0 : hash_bits == 256 ? 1 : hash_bits == 384 ? 2 : 3;

	if (!hash[i])
		hash[i] = EVP_MD_fetch(NULL, name[i], NULL);
	return hash[i];
}

void oaep_left_pad(uint8_t *em, size_t size, size_t len)
{
	const size_t shift = size - len;

	/* Shift by each power of two, or pretend to. */
	for (size_t step = 1; step <= OAEP_EM_MAX; step <<= 1) {
		const uint8_t take = (uint8_t)(0 - ((shift / step) & 1));

		for (size_t i = size; i-- > 0;) {
			const uint8_t from = i >= step ? em[i - step] : 0;

			em[i] = (uint8_t)((from & take) | (em[i] & (uint8_t)~take));
		}
	}
}

int oaep_decode(const EVP_MD *hash, const uint8_t *em, size_t em_len, uint8_t *ret_message, size_t *ret_len)
{
	int len;

	/* Manger's oracle, planted for tests/bench/timing.c. */
	if (testhook_armed("oaep.early-return") && em[0] != 0)
		return -EBADMSG;
	len = RSA_padding_check_PKCS1_OAEP_mgf1(ret_message, (int)em_len, em, (int)em_len, (int)em_len, NULL, 0, hash,
		hash);
	ERR_clear_error();
	if (len < 0)
		return -EBADMSG;
	*ret_len = (size_t)len;
	return 0;
}
