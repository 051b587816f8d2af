/*
 * A gateway's program in one piece: open the token that is its argument. Usage: jwe_decrypt TOKEN
 */
#include <stdio.h>
#include <string.h>

#include <cek-jose.h>

static const char *const algs[] = { "RSA-OAEP-256", "ECDH-ES+A256KW", NULL };
static const char *const encs[] = { "A256GCM", "A128CBC-HS256", NULL };

int main(int argc, char **argv)
{
	struct cek_jwe_policy policy = { .algs = algs, .encs = encs, .key = "api-tokens" };
	struct cek_jwe_error error;
	struct cek_bytes jwt;
	cek_conn *conn;
	cek_jwe *jwe;

	if (argc != 2 || cek_conn_new(NULL, &conn) != CEK_OK)
		return 2;
	if (cek_jwe_cache_new(conn, 1000, 60, &policy.cache) != CEK_JWE_OK)
		return 2;
	if (cek_jwe_decrypt(conn, &policy, argv[1], strlen(argv[1]), 1000, &jwe, &error) != CEK_JWE_OK) {
		fprintf(stderr, "%s: %s\n", cek_jwe_code_text(error.code), error.details);
		return 1;
	}
	jwt = cek_jwe_plaintext(jwe);
	fwrite(jwt.data, 1, jwt.len, stdout); /* now check its signature and claims */
	cek_jwe_free(jwe);
	cek_jwe_cache_free(policy.cache);
	cek_conn_free(conn);
	return 0;
}
