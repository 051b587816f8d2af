/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole tokens: decrypts the compact JWEs of CASE through libcek-jose and cekd, DEPTH of them open at any time. So many
 * different tokens come in turns, each USES times, then the next ones; USES > 1 turns the cache on.
 * Usage: bench-jose CASE USES DEPTH SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "client/jose/cek-jose.h"
#include "measure.h"

enum { TOKENS_MAX = 20000 };

static struct bench_case bench;
static struct cek_jwe_policy policy;
static struct measure result;
static char *tokens[TOKENS_MAX];
static size_t n_tokens, open_tokens;
static uint64_t n_started, uses, depth, deadline;
static cek_conn *conn;

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

static const char *next_token(void)
{
	const uint64_t n = n_started++, first = n / (uses * depth) * depth;

	return tokens[(first + n % depth) % n_tokens];
}

static void add(uint64_t sent)
{
	result.ended = measure_now();
	measure_add(&result, result.ended - sent);
}

static void one_at_a_time(void)
{
	struct cek_jwe_error error;

	while (result.ended < deadline) {
		const char *token = next_token();
		uint64_t sent = measure_now();
		cek_jwe *jwe;

		if (cek_jwe_decrypt(conn, &policy, token, strlen(token), -1, &jwe, &error) != CEK_JWE_OK)
			case_die(error.details);
		cek_jwe_free(jwe);
		add(sent);
	}
}

static void opened(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	uint64_t *sent = userdata;

	if (error->code != CEK_JWE_OK)
		case_die(error->details);
	cek_jwe_free(jwe);
	add(*sent);
	*sent = 0;
	open_tokens--;
}

static void many_at_a_time(void)
{
	uint64_t *sent = calloc(depth, sizeof(*sent));
	struct cek_jwe_error error;

	while (result.ended < deadline || open_tokens > 0) {
		for (uint64_t i = 0; i < depth && result.ended < deadline; i++) {
			const char *token;

			if (sent[i] > 0)
				continue;
			token = next_token();
			sent[i] = measure_now();
			open_tokens++;
			if (cek_jwe_decrypt_start(conn, &policy, token, strlen(token), -1, opened, &sent[i], NULL,
				    &error) != CEK_JWE_OK)
				case_die(error.details);
		}
		if (open_tokens > 0)
			cek_conn_wait(conn, 5000);
	}
	free(sent);
}

int main(int argc, char **argv)
{
	const char *algs[] = {bench.alg, NULL}, *encs[] = {bench.enc, NULL};

	if (argc != 5)
		return 2;
	case_read(argv[1], &bench);
	read_tokens(bench.token_file);
	uses = strtoull(argv[2], NULL, 10);
	depth = strtoull(argv[3], NULL, 10);
	policy = (struct cek_jwe_policy){.algs = algs, .encs = encs, .key = bench.key};
	if (uses == 0 || depth == 0 || cek_conn_new(NULL, &conn) != CEK_OK)
		case_die("no connection object");
	/* Half as many entries as tokens: when a token comes again after all the others it is a new one. */
	if (uses > 1 && cek_jwe_cache_new(conn, n_tokens / 2 ? n_tokens / 2 : 1, 3600, &policy.cache) != CEK_JWE_OK)
		case_die("no cache");
	result.started = measure_now();
	deadline = result.started + (uint64_t)(atof(argv[4]) * 1e9);
	if (depth == 1)
		one_at_a_time();
	else
		many_at_a_time();
	measure_print(&result);
	policy.cache = cek_jwe_cache_free(policy.cache);
	cek_conn_free(conn);
	return 0;
}
