/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What users give up: the same unwrap by OpenSSL with the key in the memory of the process, one thread. The key is made
 * here. Usage: bench-openssl CASE BITS SECONDS (of CASE: alg and crv)
 */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "crypto.h"
#include "measure.h"

enum { CEK = 32, OUT_MAX = 1024 };

static struct bench_case bench;
static unsigned char cek[CEK], kek[32], secret_out[OUT_MAX], iv[12], tag[16];
static EVP_PKEY *own, *epk;
static EVP_PKEY_CTX *rsa;
static EVP_CIPHER_CTX *gcm;
static EVP_CIPHER *gcm_cipher;

static void must(int done, const char *what)
{
	if (done <= 0)
		case_die(what);
}

static void wrap_with_kek(void)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
	int len = 0;

	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	must(EVP_EncryptInit_ex2(ctx, cipher, kek, NULL, NULL), "wrap");
	must(EVP_EncryptUpdate(ctx, bench.encrypted_key.data, &len, cek, CEK), "wrap");
	bench.encrypted_key.len = (size_t)len;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
}

static void set_oaep(EVP_PKEY_CTX *ctx)
{
	const EVP_MD *hash = strcmp(bench.alg, "RSA-OAEP") == 0 ? EVP_sha1() : EVP_sha256();

	must(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), "padding");
	must(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash), "hash");
	must(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash), "MGF1 hash");
}

static void prepare_rsa(unsigned bits)
{
	EVP_PKEY_CTX *ctx;
	size_t len = CASE_BYTES;

	own = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	ctx = EVP_PKEY_CTX_new(own, NULL);
	must(EVP_PKEY_encrypt_init(ctx), "RSA");
	set_oaep(ctx);
	must(EVP_PKEY_encrypt(ctx, bench.encrypted_key.data, &len, cek, CEK), "RSA");
	bench.encrypted_key.len = len;
	EVP_PKEY_CTX_free(ctx);
	rsa = EVP_PKEY_CTX_new(own, NULL);
	must(EVP_PKEY_decrypt_init(rsa), "RSA");
	set_oaep(rsa);
}

static size_t derive(EVP_PKEY *private, EVP_PKEY *public)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(private, NULL);
	size_t len = OUT_MAX;

	must(EVP_PKEY_derive_init(ctx), "ECDH");
	must(EVP_PKEY_derive_set_peer(ctx, public), "ECDH");
	must(EVP_PKEY_derive(ctx, secret_out, &len), "ECDH");
	EVP_PKEY_CTX_free(ctx);
	return len;
}

static void prepare_ecdh(void)
{
	bool okp = strcmp(bench.crv, "X25519") == 0;

	own = okp ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519") : EVP_PKEY_Q_keygen(NULL, NULL, "EC", bench.crv);
	epk = okp ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519") : EVP_PKEY_Q_keygen(NULL, NULL, "EC", bench.crv);
	if (!crypto_concat_kdf(secret_out, derive(epk, own), kek))
		case_die("KDF");
	wrap_with_kek();
}

static void prepare_gcm(void)
{
	int len = 0;

	gcm = EVP_CIPHER_CTX_new();
	gcm_cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	must(EVP_EncryptInit_ex2(gcm, gcm_cipher, kek, iv, NULL), "GCM");
	must(EVP_EncryptUpdate(gcm, bench.encrypted_key.data, &len, cek, CEK), "GCM");
	must(EVP_EncryptFinal_ex(gcm, bench.encrypted_key.data + len, &len), "GCM");
	must(EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag), "GCM");
	bench.encrypted_key.len = CEK;
}

static size_t open_gcm(unsigned char *out)
{
	int len = 0, more = 0;

	must(EVP_DecryptInit_ex2(gcm, gcm_cipher, kek, iv, NULL), "GCM");
	must(EVP_DecryptUpdate(gcm, out, &len, bench.encrypted_key.data, CEK), "GCM");
	must(EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag), "GCM");
	must(EVP_DecryptFinal_ex(gcm, out + len, &more), "GCM");
	return (size_t)len;
}

static size_t unwrap(unsigned char *out)
{
	size_t len = OUT_MAX;

	if (rsa) {
		must(EVP_PKEY_decrypt(rsa, out, &len, bench.encrypted_key.data, bench.encrypted_key.len), "RSA");
		return len;
	}
	if (gcm)
		return open_gcm(out);
	if (own && !crypto_concat_kdf(secret_out, derive(own, epk), kek))
		case_die("KDF");
	return crypto_unwrap(kek, &bench.encrypted_key, out);
}

int main(int argc, char **argv)
{
	static struct measure result;
	unsigned char out[OUT_MAX];
	uint64_t deadline;

	if (argc != 4)
		return 2;
	case_read(argv[1], &bench);
	must(RAND_bytes(cek, CEK) == 1 && RAND_bytes(kek, sizeof(kek)) == 1 && RAND_bytes(iv, sizeof(iv)) == 1,
		"RAND_bytes");
	if (bench.crv[0])
		prepare_ecdh();
	else if (strncmp(bench.alg, "RSA", 3) == 0)
		prepare_rsa((unsigned)atoi(argv[2]));
	else if (strstr(bench.alg, "GCM"))
		prepare_gcm();
	else
		wrap_with_kek();
	result.started = result.ended = measure_now();
	deadline = result.started + (uint64_t)(atof(argv[3]) * 1e9);
	while (result.ended < deadline) {
		uint64_t before = result.ended;

		if (unwrap(out) != CEK || memcmp(out, cek, CEK) != 0)
			case_die("a wrong CEK");
		result.ended = measure_now();
		measure_add(&result, result.ended - before);
	}
	measure_print(&result);
	return 0;
}
