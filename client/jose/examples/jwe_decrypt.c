/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's program in one piece: open the token that is its argument. Usage: jwe_decrypt TOKEN
 */
#include <stdio.h>
#include <string.h>

#include <cek-jose.h>

static const char *const algs[] = {"RSA-OAEP-256", "ECDH-ES+A256KW", NULL};
static const char *const encs[] = {"A256GCM", "A128CBC-HS256", NULL};

int main(int argc, char **argv)
{
	struct cek_jwe_policy policy = {.algs = algs, .encs = encs, .key = "api-tokens"};
	struct cek_jwe_error error;
	struct cek_bytes jwt;
	cek_conn *conn;
	cek_jwe *jwe;
	int code;

	if (argc != 2 || cek_conn_new(NULL, &conn) != CEK_OK)
		return 2;
	code = cek_jwe_cache_new(conn, 1000, 60, &policy.cache);
	if (code == CEK_JWE_OK)
		code = cek_jwe_decrypt(conn, &policy, argv[1], strlen(argv[1]), 1000, &jwe, &error);
	if (code == CEK_JWE_OK) {
		jwt = cek_jwe_plaintext(jwe);
		fwrite(jwt.data, 1, jwt.len, stdout); /* now check its signature and claims */
		cek_jwe_free(jwe);
	} else {
		fprintf(stderr, "%s\n", cek_jwe_code_text(code));
	}
	cek_jwe_cache_free(policy.cache);
	cek_conn_free(conn);
	return code == CEK_JWE_OK ? 0 : 1;
}
