/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl jwe encrypt: standard input becomes a compact JWE (RFC 7516 section 7.1). */
#include <stdio.h>
#include <stdlib.h>

#include "base/wipe.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/waiting.h"
#include "client/cekctl/rpc/jwe.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"
#include "client/jose/cek-jose.h"

static int encrypt(struct ctl *ctl, const struct cek_jwe_params *params, size_t limit)
{
	struct cek_jwe_error error;
	struct arena input;
	cek_conn *conn = NULL;
	char *token;
	size_t len;
	int status, r = rpc_connect(ctl, &conn);

	if (r == EXIT_SUCCESS)
		r = jwe_read_input(ctl, limit, &input, &len);
	if (r != EXIT_SUCCESS)
		return r;
	ctl->operation = "generate";
	waiting_begin("waiting for cekd");
	status = cek_jwe_encrypt(conn, params, input.base, len, rpc_timeout(ctl), &token, &error);
	waiting_end();
	if (status == CEK_JWE_OK) {
		puts(token);
		free(token);
	} else {
		r = jwe_fail(ctl, &error);
	}
	arena_deinit(&input);
	return r;
}

int verb_jwe_encrypt(struct ctl *ctl, int argc, char **argv)
{
	struct cek_jwe_params params = {0};
	uint32_t limit = JWE_PLAINTEXT;
	const struct arg args[] = {
		{"key", ARG_STRING, &params.key, "NAME", "the key; its alg and its active version are used"},
		{"enc", ARG_STRING, &params.enc, "ENC", "the content encryption, such as A256GCM"},
		{"cty", ARG_STRING, &params.cty, "CTY", "content type; JWT for a nested token"},
		{"typ", ARG_STRING, &params.typ, "TYP", "type of the token"},
		{"limit", ARG_NUMBER, &limit, "BYTES", "of standard input (default: 1 MiB)"},
		{0},
	};
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (!params.key || !params.enc)
		return ctl_usage(ctl, "--key and --enc are needed");
	r = jwe_check_limit(ctl, limit);
	return r == EXIT_SUCCESS ? encrypt(ctl, &params, limit) : r;
}
