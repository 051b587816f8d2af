/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What users give up: the private key in the memory of the gateway. Whole tokens by libcjose, one at a time, one
 * thread. Usage: bench-local CASE JWK SECONDS
 */
#include <cjose/cjose.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "measure.h"

int main(int argc, char **argv)
{
	static struct bench_case bench;
	static struct measure result;
	static char token[16384], text[16384];
	uint64_t deadline;
	cjose_err err;
	cjose_jwk_t *jwk;

	if (argc != 4)
		return 2;
	case_read(argv[1], &bench);
	case_read_line(bench.token_file, token, sizeof(token));
	case_read_line(argv[2], text, sizeof(text));
	jwk = cjose_jwk_import(text, strlen(text), &err);
	if (!jwk)
		case_die(err.message);
	result.started = measure_now();
	deadline = result.started + (uint64_t)(atof(argv[3]) * 1e9);
	while (result.ended < deadline) {
		uint64_t sent = measure_now();
		cjose_jwe_t *jwe = cjose_jwe_import(token, strlen(token), &err);
		size_t len;
		uint8_t *content = jwe ? cjose_jwe_decrypt(jwe, jwk, &len, &err) : NULL;

		if (!content)
			case_die(err.message);
		free(content);
		cjose_jwe_release(jwe);
		result.ended = measure_now();
		measure_add(&result, result.ended - sent);
	}
	measure_print(&result);
	return 0;
}
