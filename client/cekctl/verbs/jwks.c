/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl jwks: the public keys as a JWK Set (RFC 7517 section 5), the active ones first. */
#include <stdio.h>
#include <stdlib.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/rpc/jwe.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"
#include "client/jose/cek-jose.h"

enum { NAMES_MAX = 1024 };

static int print_jwks(const struct ctl *ctl, Cek__V1__Reply *reply, bool all)
{
	size_t size = cek__v1__reply__get_packed_size(reply);
	uint8_t *packed = malloc(size);
	struct cek_jwe_error error = {.code = CEK_JWE_NOMEM};
	cek_jwks *jwks = NULL;
	char *json = NULL;
	int r = CEK_JWE_NOMEM;

	if (packed) {
		cek__v1__reply__pack(reply, packed);
		r = cek_jwks_from_reply(packed, size, &jwks, &error);
	}
	if (r == CEK_JWE_OK && *error.details) /* an issuer would miss a key */
		ctl_warn(ctl, "warning: %s", error.details);
	if (r == CEK_JWE_OK)
		r = cek_jwks_write(jwks, all, &json, &error);
	if (r == CEK_JWE_OK) {
		output_document(json);
		putchar('\n');
	}
	free(json);
	cek_jwks_free(jwks);
	free(packed);
	return r == CEK_JWE_OK ? EXIT_SUCCESS : jwe_fail(ctl, &error);
}

int verb_jwks(struct ctl *ctl, int argc, char **argv)
{
	bool all = false;
	const struct arg args[] = {
		{"all", ARG_FLAG, &all, NULL, "also those that only unwrap"},
		{0},
	};
	Cek__V1__Reply *reply;
	size_t n_names = 0;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, NAMES_MAX, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	while (words[n_names])
		n_names++;
	r = rpc_public_keys(ctl, (const char *const *)words, n_names, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	r = print_jwks(ctl, reply, all);
	rpc_reply_free(reply);
	return r;
}
