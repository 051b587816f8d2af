/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway does with an encrypted access token: open it with cekd's key, verify the JWT in it with the issuer's
 * keys, hand on what it says. Usage: verify JWKS-FILE < TOKEN; the exit status is 0, 1 for 401, 3 for 403, 2 for
 * what is not the sender's fault.
 */
#include <stdio.h>

#include <cek-jose.h>
#include <cek-jwt.h>

static const char *const algs[] = {"RSA-OAEP-256", "ECDH-ES+A256KW", NULL};
static const char *const encs[] = {"A256GCM", "A128CBC-HS256", NULL};

static const struct cek_jwe_policy encryption = {.algs = algs, .encs = encs, .key = "api-tokens"};

/* An access token by RFC 9068. */
static const struct cek_jwt_policy signature = {
	.size = sizeof(signature),
	.algs = (const char *const[]){"ES256", "PS256", "EdDSA", NULL},
	.issuers = (const char *const[]){"https://issuer.example", NULL},
	.audiences = (const char *const[]){"https://api.example", NULL},
	.types = (const char *const[]){"at+jwt", NULL},
	.required = (const char *const[]){"sub", "client_id", "iat", "jti", NULL},
	.scopes = (const char *const[]){"orders:read", NULL},
	.leeway = 30,
};

static size_t read_all(FILE *file, char *text, size_t size)
{
	size_t len = file ? fread(text, 1, size, file) : 0;

	while (len > 0 && text[len - 1] == '\n')
		len--;
	return len;
}

static cek_jwt_keys *load_keys(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "r");
	size_t len = read_all(file, text, sizeof(text));
	struct cek_jwe_error error;
	cek_jwt_keys *keys = NULL;

	if (file)
		fclose(file);
	if (cek_jwt_keys_parse(text, len, &keys, &error) != CEK_JWE_OK || error.details[0] != '\0')
		fprintf(stderr, "%s: %s\n", path, error.details);
	return keys;
}

static int told(const struct cek_jwe_error *error)
{
	fprintf(stderr, "%s %s\n", cek_jwe_code_name(error->code), error->details);
	switch (error->code) {
	case CEK_JWE_DENIED:
	case CEK_JWE_UNAVAILABLE:
	case CEK_JWE_NOMEM:
		return 2;
	case CEK_JWT_SCOPE:
		return 3;
	default:
		return 1;
	}
}

static int serve(cek_conn *conn, const cek_jwt_keys *keys, const char *token, size_t len)
{
	struct cek_jwe_error error;
	struct cek_bytes inner;
	cek_jwe *jwe;
	cek_jwt *jwt;
	int code;

	if (cek_jwe_decrypt(conn, &encryption, token, len, 1000, &jwe, &error) != CEK_JWE_OK)
		return told(&error);
	inner = cek_jwe_plaintext(jwe);
	code = cek_jwt_verify(keys, &signature, inner.data, inner.len, &jwt, &error);
	cek_jwe_free(jwe);
	if (code != CEK_JWE_OK)
		return told(&error);
	printf("sub %s, until %lld\n", (const char *)cek_jwt_claim(jwt, (const char *const[]){"sub", NULL}).text.data,
		(long long)cek_jwt_expires(jwt));
	cek_jwt_free(jwt);
	return 0;
}

int main(int argc, char **argv)
{
	static char token[65536];
	size_t len = read_all(stdin, token, sizeof(token));
	cek_jwt_keys *keys = argc == 2 ? load_keys(argv[1]) : NULL;
	cek_conn *conn = NULL;
	int status = 2;

	if (keys && cek_conn_new(NULL, &conn) == CEK_OK)
		status = serve(conn, keys, token, len);
	cek_conn_free(conn);
	cek_jwt_keys_free(keys);
	return status;
}
