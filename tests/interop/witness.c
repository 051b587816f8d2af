/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The independent witness: OpenSSL through libp11 works with the same objects of the token as cekd, and shares no code
 * with it. Usage, all octets in hex, input on standard input:
 *   witness MODULE TOKEN PINFILE ID decrypt sha1|sha256    encrypted key → CEK
 *   witness MODULE TOKEN PINFILE ID encrypt sha1|sha256    CEK → encrypted key
 *   witness MODULE TOKEN PINFILE ID derive PEMFILE         the other side's public key → shared secret Z
 * ID is CKA_ID in hex.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* libp11 is an engine */
#include <libp11.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1024 };

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static size_t from_hex(const char *hex, unsigned char *out)
{
	size_t n = 0;
	unsigned byte;

	for (; n < BYTES_MAX && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (unsigned char)byte;
	return n;
}

static void read_pin(const char *path, char pin[256])
{
	FILE *file = fopen(path, "re");

	if (!file || !fgets(pin, 256, file))
		die("PIN file");
	pin[strcspn(pin, "\n")] = '\0';
	fclose(file);
}

static PKCS11_SLOT *find_token(PKCS11_CTX *ctx, const char *label)
{
	PKCS11_SLOT *slots, *slot = NULL;
	unsigned n;

	if (PKCS11_enumerate_slots(ctx, &slots, &n) != 0)
		die("slots");
	while ((slot = PKCS11_find_next_token(ctx, slots, n, slot)))
		if (slot->token->label && strcmp(slot->token->label, label) == 0)
			return slot;
	die("no such token");
	return NULL;
}

static PKCS11_KEY *find_key(PKCS11_SLOT *slot, const char *id_hex)
{
	unsigned char id[BYTES_MAX];
	size_t id_len = from_hex(id_hex, id);
	PKCS11_KEY *keys;
	unsigned n;

	if (PKCS11_enumerate_keys(slot->token, &keys, &n) != 0)
		die("keys");
	for (unsigned i = 0; i < n; i++)
		if (keys[i].id_len == id_len && memcmp(keys[i].id, id, id_len) == 0)
			return &keys[i];
	die("no such key");
	return NULL;
}

/* With libp11's methods the token does OAEP where it can; without them OpenSSL would ask it for raw RSA only. */
static ENGINE *engine(void)
{
	static ENGINE *engine;

	if (!engine) {
		engine = ENGINE_new();
		if (!engine || !ENGINE_set_id(engine, "witness") || !ENGINE_set_name(engine, "witness") ||
			!ENGINE_set_pkey_meths(engine, PKCS11_pkey_meths) || !ENGINE_init(engine))
			die("engine");
	}
	return engine;
}

static size_t oaep(EVP_PKEY *pkey, int encrypt, const char *hash, const unsigned char *in, size_t in_len,
	unsigned char *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, encrypt ? NULL : engine());
	const EVP_MD *md = EVP_get_digestbyname(hash);
	size_t len = BYTES_MAX;

	if (!ctx || !md || (encrypt ? EVP_PKEY_encrypt_init(ctx) : EVP_PKEY_decrypt_init(ctx)) <= 0 ||
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) <= 0 ||
		EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) <= 0 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) <= 0)
		die("OAEP");
	if ((encrypt ? EVP_PKEY_encrypt(ctx, out, &len, in, in_len) : EVP_PKEY_decrypt(ctx, out, &len, in, in_len)) <=
		0)
		die(encrypt ? "encrypt" : "decrypt");
	EVP_PKEY_CTX_free(ctx);
	return len;
}

static size_t derive(EVP_PKEY *pkey, const char *peer_path, unsigned char *out)
{
	FILE *file = fopen(peer_path, "re");
	EVP_PKEY *peer = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	size_t len = BYTES_MAX;

	if (!peer || !ctx || EVP_PKEY_derive_init(ctx) <= 0 || EVP_PKEY_derive_set_peer(ctx, peer) <= 0 ||
		EVP_PKEY_derive(ctx, out, &len) <= 0)
		die("derive");
	fclose(file);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	return len;
}

int main(int argc, char **argv)
{
	static char hex[2 * BYTES_MAX + 2], pin[256];
	static unsigned char in[BYTES_MAX], out[BYTES_MAX];
	PKCS11_CTX *ctx = PKCS11_CTX_new();
	PKCS11_SLOT *slot;
	EVP_PKEY *pkey;
	size_t len;

	if (argc != 7)
		return 2;
	if (!ctx || PKCS11_CTX_load(ctx, argv[1]) != 0)
		die("module");
	slot = find_token(ctx, argv[2]);
	read_pin(argv[3], pin);
	if (PKCS11_login(slot, 0, pin) != 0)
		die("login");
	pkey = PKCS11_get_private_key(find_key(slot, argv[4]));
	if (!pkey)
		die("private key");
	len = fgets(hex, sizeof(hex), stdin) ? from_hex(hex, in) : 0;
	if (strcmp(argv[5], "derive") == 0)
		len = derive(pkey, argv[6], out);
	else
		len = oaep(pkey, strcmp(argv[5], "encrypt") == 0, argv[6], in, len, out);
	for (size_t i = 0; i < len; i++)
		printf("%02x", out[i]);
	putchar('\n');
	fflush(stdout);
	_Exit(0); /* SoftHSM and OpenSSL fall over each other in their exit handlers (docs/facts.md) */
}
