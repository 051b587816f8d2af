/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway with a cache of CEKs, for tests. Each line of standard input is "TOKEN" (a compact JWE), "stats", or
 * "idle": run the connection until it is told something; "*100 TOKEN": start 100 decryptions at once, without the
 * cache; "@100 2000 TOKEN": the same, each within 2000 ms, in an edge-triggered event loop that is woken; or "silence
 * 2": set that of the cache; "~NAME TOKEN" or "~~NAME TOKEN": encrypt it again, for cekd's key of that name or for the
 * JWK of its active version, without waiting. One line comes back for each: "OK HIT|ASKED KEY VERSION PLAINTEXT", or
 * "CODE DETAILS"; for stats "HITS MISSES ENTRIES LIVE"; for many how many were OK; in the loop also the status of the
 * last that was not and whether that was temporary; for "~" the new token. Usage: jwe-gateway KEY, "-" for none.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client/jose/cek-jose.h"

static const char *const algs[] = {"RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512", "A128KW", "A192KW",
	"A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW",
	"ECDH-ES+A256KW", NULL};
static const char *const encs[] = {"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM",
	NULL};

static int timeout_ms = 60000; /* $TIMEOUT_MS, of the lines that are tokens */

static void open_token(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token)
{
	struct cek_jwe_error error;
	cek_jwe *jwe = NULL;
	struct cek_bytes plaintext;

	if (cek_jwe_decrypt(conn, policy, token, strlen(token), timeout_ms, &jwe, &error) != CEK_JWE_OK) {
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
	int status;
	bool temporary;
	int timeout; /* the event loop's */
};

static void opened(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	struct many *many = userdata;

	many->open--;
	many->ok += error->code == CEK_JWE_OK;
	if (error->code != CEK_JWE_OK) {
		many->status = error->status;
		many->temporary = error->temporary;
	}
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

static void wake(cek_conn *conn, void *userdata)
{
	struct many *many = userdata;

	many->timeout = cek_conn_timeout(conn);
}

static void turn_edge_triggered(cek_conn *conn, struct many *many)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, cek_conn_fd(conn), &event) < 0)
		exit(2);
	while (many->open > 0) {
		(void)epoll_wait(epoll, &event, 1, many->timeout);
		cek_conn_process(conn);
		many->timeout = cek_conn_timeout(conn);
	}
	close(epoll);
}

static void loop_many(cek_conn *conn, struct cek_jwe_policy policy, const char *line)
{
	struct many many = {.timeout = -1};
	char *rest;
	unsigned long n = strtoul(line, &rest, 10);
	int limit_ms = (int)strtoul(rest, &rest, 10);

	policy.cache = NULL;
	policy.deferred = true;
	cek_conn_set_wakeup(conn, wake, &many);
	for (rest++; n > 0; n--)
		many.open += cek_jwe_decrypt_start(conn, &policy, rest, strlen(rest), limit_ms, opened, &many, NULL,
				     NULL) == CEK_JWE_OK;
	turn_edge_triggered(conn, &many);
	cek_conn_set_wakeup(conn, NULL, NULL);
	printf("%u %s %d\n", many.ok, cek_status_name(many.status), many.temporary);
}

static void encrypted(char *token, const struct cek_jwe_error *error, void *userdata)
{
	bool *over = userdata;

	if (token)
		puts(token);
	else
		printf("%s %s\n", cek_jwe_code_name(error->code), error->details);
	free(token);
	*over = true;
}

static const struct cek_jwk *active_jwk(cek_conn *conn, const char *name, cek_jwks **ret_jwks)
{
	const char *const names[] = {name, NULL};

	return cek_jwks_fetch(conn, names, 60000, ret_jwks, NULL) == CEK_JWE_OK ? cek_jwks_get(*ret_jwks, 0) : NULL;
}

static void encrypt_again(cek_conn *conn, const struct cek_jwe_policy *policy, char *line)
{
	const bool to_jwk = *line == '~';
	char *name = line + to_jwk, *token = name + strcspn(name, " ");
	struct cek_jwe_params params = {.key = name};
	const struct cek_jwk *jwk;
	struct cek_jwe_error error;
	cek_jwks *jwks = NULL;
	bool over = false;

	*token++ = '\0';
	jwk = to_jwk ? active_jwk(conn, name, &jwks) : NULL;
	over = cek_jwe_reencrypt_start(conn, policy, token, strlen(token), &params, jwk, 60000, encrypted, &over, NULL,
		       &error) != CEK_JWE_OK;
	cek_jwks_free(jwks);
	if (over)
		printf("%s %s\n", cek_jwe_code_name(error.code), error.details);
	while (!over)
		cek_conn_wait(conn, -1);
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
	if (getenv("TIMEOUT_MS"))
		timeout_ms = atoi(getenv("TIMEOUT_MS"));
	policy.key = strcmp(argv[1], "-") == 0 ? NULL : argv[1];
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "stats") == 0)
			print_stats(policy.cache);
		else if (strcmp(line, "idle") == 0)
			puts(cek_conn_wait(conn, 60000) > 0 ? "open" : "closed");
		else if (line[0] == '*')
			open_many(conn, policy, line + 1);
		else if (line[0] == '~')
			encrypt_again(conn, &policy, line + 1);
		else if (line[0] == '@')
			loop_many(conn, policy, line + 1);
		else if (strncmp(line, "silence ", 8) == 0)
			printf("%d\n", cek_jwe_cache_set_silence(policy.cache, (unsigned)atoi(line + 8)));
		else
			open_token(conn, &policy, line);
		fflush(stdout);
	}
	cek_jwe_cache_free(policy.cache);
	cek_conn_free(conn);
	return 0;
}
