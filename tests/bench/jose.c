/*
 * Whole tokens: decrypts the compact JWE of CASE through libcek-jose and cekd, one at a time. USES > 1 turns the cache on
 * and asks for a fresh token (another file line) only every USES times. Usage: bench-jose CASE USES SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "client/jose/cek-jose.h"
#include "measure.h"

enum { TOKENS_MAX = 20000 };

static char *tokens[TOKENS_MAX];
static size_t n_tokens;

static void read_tokens(const char *path)
{
	FILE *file = fopen(path, "re");
	static char line[16384];

	if (!file)
		case_die(path);
	while (n_tokens < TOKENS_MAX && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		tokens[n_tokens++] = strdup(line);
	}
	fclose(file);
	if (n_tokens == 0)
		case_die("no tokens");
}

int main(int argc, char **argv)
{
	static struct bench_case bench;
	static struct measure result;
	const char *algs[] = {bench.alg, NULL}, *encs[] = {bench.enc, NULL};
	struct cek_jwe_policy policy = {.algs = algs, .encs = encs, .key = bench.key};
	struct cek_jwe_error error;
	uint64_t deadline;
	cek_conn *conn;
	int uses;

	if (argc != 4)
		return 2;
	case_read(argv[1], &bench);
	read_tokens(bench.token_file);
	uses = atoi(argv[2]);
	if (cek_conn_new(NULL, &conn) != CEK_OK)
		case_die("no connection object");
	/* More entries than tokens between two uses of the same one, fewer than all: a token comes back only as a new one. */
	if (uses > 1 && cek_jwe_cache_new(conn, n_tokens / 2 ? n_tokens / 2 : 1, 3600, &policy.cache) != CEK_JWE_OK)
		case_die("no cache");
	result.started = measure_now();
	deadline = result.started + (uint64_t)(atof(argv[3]) * 1e9);
	for (uint64_t i = 0; result.ended < deadline; i++) {
		const char *token = tokens[(i / (uint64_t)uses) % n_tokens];
		uint64_t sent = measure_now();
		cek_jwe *jwe;

		if (cek_jwe_decrypt(conn, &policy, token, strlen(token), -1, &jwe, &error) != CEK_JWE_OK)
			case_die(error.details);
		cek_jwe_free(jwe);
		result.ended = measure_now();
		measure_add(&result, result.ended - sent);
	}
	measure_print(&result);
	policy.cache = cek_jwe_cache_free(policy.cache);
	cek_conn_free(conn);
	return 0;
}
