/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/private_pem.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/plural.h"

/* What OpenSSL asks us for, perhaps more than once: it tries several readers. */
struct answer {
	const struct passphrase *from;
	char *text; /* secure heap; NULL before it was asked for */
	int len;
	bool encrypted;
	char *why;
};

static int give(char *buffer, int size, int writing, void *userdata)
{
	struct answer *answer = userdata;

	if (!answer->encrypted) {
		answer->encrypted = true;
		answer->len = -1;
		answer->text = OPENSSL_secure_malloc(PASSPHRASE_MAX);
		if (!answer->from)
			private_refuse(answer->why, "the private key is encrypted: its passphrase is needed");
		else if (answer->text)
			answer->len = answer->from->get(answer->from->owner, answer->text, PASSPHRASE_MAX, answer->why);
	}
	if (answer->len < 0 || answer->len > size)
		return -1;
	memcpy(buffer, answer->text, (size_t)answer->len);
	return answer->len;
}

static void forget(struct answer *answer)
{
	OPENSSL_secure_clear_free(answer->text, PASSPHRASE_MAX);
}

/* Whether what OpenSSL stumbled over is the kind of encryption: with another passphrase it would be no different. With
 * a wrong one that passes for padding, decoders say "unsupported" too, of what came out. */
static bool is_unknown_encryption(void)
{
	bool unknown = false;
	unsigned long error;

	while ((error = ERR_get_error()) != 0)
		unknown = unknown ||
			(ERR_GET_LIB(error) == ERR_LIB_EVP &&
				(ERR_GET_REASON(error) == ERR_R_UNSUPPORTED ||
					ERR_GET_REASON(error) == EVP_R_UNKNOWN_PBE_ALGORITHM ||
					ERR_GET_REASON(error) == EVP_R_UNSUPPORTED_KEY_DERIVATION_FUNCTION ||
					ERR_GET_REASON(error) == EVP_R_UNSUPPORTED_PRF));
	return unknown;
}

/* Why an encrypted key did not open; that of a passphrase that could not be had stands already. */
static void explain(const struct answer *answer, char why[PRIVATE_WHY])
{
	if (answer->len < 0)
		return;
	if (is_unknown_encryption())
		private_refuse(why,
			"the private key is encrypted in a way that OpenSSL does not open any more: write it "
			"anew with openssl pkcs8 -topk8 -v2 aes-256-cbc");
	else
		private_refuse(why,
			"the passphrase does not open the private key: it is wrong, or the file is damaged");
}

/* ---- PEM --------------------------------------------------------------------------------------------------------- */

bool private_is_pem(const char *data, size_t len)
{
	return len > 11 && memmem(data, len, "-----BEGIN ", 11) != NULL;
}

/* The line on which the private key of that number (from 1) begins, 0 if there are fewer. Whether it can be read does
 * not matter: a file that holds half a key beside a whole one is not what its owner thinks. */
static size_t begins_at(const char *data, size_t len, size_t number)
{
	static const char begin[] = "-----BEGIN ", wanted[] = "PRIVATE";
	size_t line = 1;

	for (size_t at = 0; at < len; line++) {
		const char *start = data + at, *end = memchr(start, '\n', len - at);
		size_t n = end ? (size_t)(end - start) : len - at;

		if (memmem(start, n, begin, sizeof(begin) - 1) && memmem(start, n, wanted, sizeof(wanted) - 1) &&
			--number == 0)
			return line;
		at += n + 1;
	}
	return 0;
}

/* Which of several keys is meant nobody can tell. */
EVP_PKEY *private_pem_read(const char *data, size_t len, const struct passphrase *passphrase, char why[PRIVATE_WHY])
{
	size_t first = begins_at(data, len, 1), second = begins_at(data, len, 2);
	struct answer answer = {.from = passphrase, .why = why};
	EVP_PKEY *pkey;
	BIO *bio;

	if (second)
		private_refuse(why,
			"the PEM file has more than one private key (1st on line %zu, 2nd on line %zu): "
			"leave only the one that is meant",
			first, second);
	else if (!first)
		private_refuse(why, "the PEM file has no private key");
	if (second || !first)
		return NULL;
	ERR_clear_error();
	bio = BIO_new_mem_buf(data, (int)len);
	pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, give, &answer) : NULL;
	if (!pkey && answer.encrypted)
		explain(&answer, why);
	else if (!pkey)
		private_refuse(why, "the private key on line %zu of the PEM file is none that OpenSSL can read", first);
	BIO_free(bio);
	forget(&answer);
	ERR_clear_error();
	return pkey;
}

/* ---- DER --------------------------------------------------------------------------------------------------------- */

/* A SEQUENCE; as a character it is "0", with which no JWK begins. */
bool private_is_der(const char *data, size_t len)
{
	return len > 2 && data[0] == 0x30;
}

EVP_PKEY *private_der_read(const char *data, size_t len, const struct passphrase *passphrase, char why[PRIVATE_WHY])
{
	struct answer answer = {.from = passphrase, .why = why};
	const unsigned char *at = (const unsigned char *)data;
	EVP_PKEY *pkey = NULL;
	size_t left = len;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(&pkey, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);
	bool read;

	ERR_clear_error();
	if (ctx)
		(void)OSSL_DECODER_CTX_set_pem_password_cb(ctx, give, &answer);
	read = ctx && OSSL_DECODER_from_data(ctx, &at, &left) > 0 && pkey;
	if (!read && answer.encrypted)
		explain(&answer, why);
	else if (!read)
		private_refuse(why, "the DER file is no private key that OpenSSL can read");
	else if (left > 0)
		private_refuse(why, "the DER file goes on after the private key, with %zu byte%s", left, plural(left));
	if (!read || left > 0) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	OSSL_DECODER_CTX_free(ctx);
	forget(&answer);
	ERR_clear_error();
	return pkey;
}
