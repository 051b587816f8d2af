/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway with a cache of CEKs, for tests. Each line of standard input is "TOKEN" (a compact JWE), "stats", or
 * "idle": run the connection until it is told something; or "*100 TOKEN": start 100 decryptions at once, without the
 * cache. One line comes back for each: "OK HIT|ASKED KEY VERSION PLAINTEXT", or "CODE DETAILS"; for stats "HITS MISSES
 * ENTRIES LIVE"; for many how many were OK. Usage: jwe-gateway KEY, "-" for none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/jose/cek-jose.h"

static const char *const algs[] = {"RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512", "A128KW", "A192KW",
	"A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW",
	"ECDH-ES+A256KW", NULL};
static const char *const encs[] = {"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM",
	NULL};

static void open_token(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token)
{
	struct cek_jwe_error error;
	cek_jwe *jwe = NULL;
	struct cek_bytes plaintext;

	if (cek_jwe_decrypt(conn, policy, token, strlen(token), 60000, &jwe, &error) != CEK_JWE_OK) {
		printf("%s %s\n", cek_jwe_code_name(error.code), error.details);
		return;
	}
	plaintext = cek_jwe_plaintext(jwe);
	printf("OK %s %s %s %.*s\n", cek_jwe_from_cache(jwe) ? "HIT" : "ASKED", cek_jwe_key(jwe), cek_jwe_version(jwe),
		(int)plaintext.len, (const char *)plaintext.data);
	cek_jwe_free(jwe);
}

struct many {
	unsigned open;
	unsigned ok;
};

static void opened(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	struct many *many = userdata;

	many->open--;
	many->ok += error->code == CEK_JWE_OK;
	cek_jwe_free(jwe);
}

static void open_many(cek_conn *conn, struct cek_jwe_policy policy, const char *line)
{
	struct many many = {0};
	char *token;
	unsigned long n = strtoul(line, &token, 10);

	policy.cache = NULL;
	token++;
	for (unsigned long i = 0; i < n; i++)
		many.open += cek_jwe_decrypt_start(conn, &policy, token, strlen(token), 60000, opened, &many, NULL,
				     NULL) == CEK_JWE_OK;
	while (many.open > 0)
		cek_conn_wait(conn, -1);
	printf("%u\n", many.ok);
}

static void print_stats(const cek_jwe_cache *cache)
{
	struct cek_jwe_cache_stats stats;

	cek_jwe_cache_get_stats(cache, &stats);
	printf("%llu %llu %zu %d\n", (unsigned long long)stats.hits, (unsigned long long)stats.misses, stats.entries,
		stats.live);
}

int main(int argc, char **argv)
{
	struct cek_jwe_policy policy = {.algs = algs, .encs = encs, .allow_zip = getenv("ALLOW_ZIP") != NULL};
	static char line[1 << 20];
	cek_conn *conn;

	if (argc != 2 || cek_conn_new(NULL, &conn) != CEK_OK ||
		cek_jwe_cache_new(conn, 100, 3600, &policy.cache) != CEK_JWE_OK)
		return 2;
	policy.key = strcmp(argv[1], "-") == 0 ? NULL : argv[1];
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "stats") == 0)
			print_stats(policy.cache);
		else if (strcmp(line, "idle") == 0)
			puts(cek_conn_wait(conn, 60000) > 0 ? "open" : "closed");
		else if (line[0] == '*')
			open_many(conn, policy, line + 1);
		else
			open_token(conn, &policy, line);
		fflush(stdout);
	}
	cek_jwe_cache_free(policy.cache);
	cek_conn_free(conn);
	return 0;
}
