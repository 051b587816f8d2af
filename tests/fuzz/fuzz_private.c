/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys out of a file: the first octet chooses the alg and whether a kid is wanted. What is read is a key that
 * ImportKey takes, and all that was taken from locked memory is given back.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "client/cekctl/import/private_file.h"

enum { WITH_KID = 0x80 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t used_by_openssl;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	uint8_t random;

	(void)argc;
	(void)argv;
	if (private_key_setup() < 0 || RAND_bytes(&random, 1) <= 0 || RAND_priv_bytes(&random, 1) <= 0)
		abort();
	used_by_openssl = CRYPTO_secure_used();
	return 0;
}

static void check(const struct private_entry *entry, const struct alg *alg)
{
	const struct private_key *key = &entry->key;
	bool aes = alg->family == ALG_AES_KW || alg->family == ALG_AES_GCMKW;

	if (memchr(entry->kid, '\0', sizeof(entry->kid)) == NULL ||
		memchr(entry->skipped, '\0', sizeof(entry->skipped)) == NULL)
		abort();
	if (*entry->skipped && key->secret)
		abort();
	if (*entry->skipped)
		return;
	if (!key->secret || key->secret_len == 0 || key->secret_len > PRIVATE_DER_MAX)
		abort();
	if (aes ? key->secret_len != alg->key_bits / 8 : key->n_len == 0 && key->x_len == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct private_wanted wanted = {0};
	struct private_file file = {0};
	char why[PRIVATE_WHY] = "";
	size_t algs = 0, fit = 0;

	if (size == 0 || size > PRIVATE_FILE_MAX)
		return 0;
	while (alg_row(algs))
		algs++;
	wanted.alg = alg_row((data[0] & 0x7f) % algs);
	wanted.kid = data[0] & WITH_KID ? "k" : NULL;
	if (private_file_read((const char *)data + 1, size - 1, &wanted, &file, why) < 0) {
		if (!*why || file.n > 0)
			abort();
	} else {
		for (size_t i = 0; i < file.n; i++) {
			check(&file.entries[i], wanted.alg);
			fit += !*file.entries[i].skipped;
		}
		if (fit == 0 || file.n > PRIVATE_KEYS_MAX)
			abort();
	}
	private_file_deinit(&file);
	if (CRYPTO_secure_used() != used_by_openssl)
		abort();
	return 0;
}
