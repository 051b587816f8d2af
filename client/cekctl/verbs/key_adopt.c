/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl key adopt: an object that somebody put into the token becomes a version of a key. */
#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/rpc/change.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

enum { CKA_ID_MAX = 64 };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Pairs of hex digits, with or without colons between them, as other tools print a CKA_ID. */
static int parse_id(const char *text, uint8_t id[CKA_ID_MAX], size_t *ret_len)
{
	size_t n = 0;

	for (const char *p = text; *p;) {
		int high = hex_digit(p[0]), low = high < 0 ? -1 : hex_digit(p[1]);

		if (low < 0 || n == CKA_ID_MAX)
			return -1;
		id[n++] = (uint8_t)(high << 4 | low);
		p += 2;
		if (*p == ':' && p[1])
			p++;
	}
	*ret_len = n;
	return n ? 0 : -1;
}

int verb_key_adopt(struct ctl *ctl, int argc, char **argv)
{
	const char *alg = NULL, *kid = NULL, *id = NULL, *label = NULL;
	uint8_t cka_id[CKA_ID_MAX];
	bool insist = false;
	struct change_how how = {.asks = CHANGE_ASKS_NEVER};
	const struct arg args[] = {
		{"alg", ARG_STRING, &alg, "ALG", "the key's one JWE algorithm"},
		{"id", ARG_STRING, &id, "HEX", "the object's CKA_ID"},
		{"label", ARG_STRING, &label, "LABEL", "the object's CKA_LABEL; exactly one must have it"},
		{"kid", ARG_STRING, &kid, "KID", "a kid that issuers already use", .fresh = true},
		{"insist", ARG_FLAG, &insist, NULL, "although it is extractable or may do more than the alg needs"},
		CHANGE_DRY_RUN(how),
		{0},
	};
	Cek__V1__AdoptKeyRequest adopt = CEK__V1__ADOPT_KEY_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	char **words;
	int r = args_parse(ctl, argc, argv, args, 1, 1, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	if (!alg || !id == !label)
		return ctl_usage(ctl, "--alg is needed, and one of --id and --label");
	if (id && parse_id(id, cka_id, &adopt.cka_id.len) < 0)
		return ctl_usage(ctl, "--id wants 1 to %d bytes in hex, not \"%s\"", CKA_ID_MAX, id);
	adopt.cka_id.data = cka_id;
	adopt.key = words[0];
	adopt.alg = rpc_text(alg);
	adopt.kid = rpc_text(kid);
	adopt.label = rpc_text(label);
	adopt.insist = insist;
	request.op_case = CEK__V1__REQUEST__OP_ADOPT_KEY;
	request.adopt_key = &adopt;
	return change_run(ctl, &request, kid, &how);
}
