/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key create: a new key, made in the token. */
#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

enum { NOT_GIVEN = UINT32_MAX };

int verb_key_create(struct ctl *ctl, int argc, char **argv)
{
	const char *alg = NULL, *crv = NULL;
	uint32_t bits = NOT_GIVEN, max_uses = 0;
	struct change_how how = {.asks = CHANGE_ASKS_NEVER};
	const struct arg args[] = {
		{"alg", ARG_STRING, &alg, "ALG", "its one JWE algorithm, such as RSA-OAEP-256 or A256KW"},
		{"size", ARG_NUMBER, &bits, "2048|3072|4096", "RSA: bits of the modulus (default: 3072)"},
		{"curve", ARG_STRING, &crv, "CRV", "ECDH-ES: P-256 (default), P-384, P-521 or X25519"},
		{"max-uses", ARG_NUMBER, &max_uses, "N", "rotate before a version was used that often"},
		CHANGE_DRY_RUN(how),
		{0},
	};
	Cek__V1__CreateKeyRequest create = CEK__V1__CREATE_KEY_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (!alg)
		return ctl_usage(ctl, "--alg is needed");
	if (bits == 0) /* to cekd that is its default */
		return ctl_usage(ctl, "--size is at least 2048; without it the modulus has 3072 bits");
	if (bits != NOT_GIVEN && crv)
		return ctl_usage(ctl, "--size is for RSA and --curve for ECDH-ES: not both");
	create.key = words[0];
	create.alg = rpc_text(alg);
	create.bits = bits == NOT_GIVEN ? 0 : bits;
	create.crv = rpc_text(crv);
	create.max_uses = max_uses;
	request.op_case = CEK__V1__REQUEST__OP_CREATE_KEY;
	request.create_key = &create;
	return change_run(ctl, &request, NULL, &how);
}
