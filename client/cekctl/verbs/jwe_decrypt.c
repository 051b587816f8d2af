/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl jwe decrypt: a compact JWE becomes its plaintext, of which nothing is written before all of it is
 * authenticated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wipe.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/io.h"
#include "client/cekctl/console/waiting.h"
#include "client/cekctl/rpc/jwe.h"
#include "client/cekctl/rpc/near.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"
#include "client/jose/cek-jose.h"
#include "proto/alg.h"

/* Without --alg or --enc: all that cekd serves. */
static void allow_all(struct arg_list *algs, struct arg_list *encs)
{
	for (size_t i = 0; algs->count == i && i < ARG_LIST_MAX && alg_row(i); i++)
		algs->item[algs->count++] = alg_row(i)->name;
	for (size_t i = 0; encs->count == i && i < ARG_LIST_MAX && enc_row(i); i++)
		encs->item[encs->count++] = enc_row(i)->name;
}

static int check_lists(const struct ctl *ctl, const struct arg_list *algs, const struct arg_list *encs)
{
	char hint[REACH_TEXT];

	for (size_t i = 0; i < algs->count; i++) {
		if (alg_refusal(algs->item[i]))
			return ctl_usage(ctl, "--alg %s: %s", algs->item[i], alg_refusal(algs->item[i]));
		if (near_no_value("ALG", algs->item[i], hint))
			return ctl_usage(ctl, "--alg %s: unknown algorithm; %s", algs->item[i], hint);
	}
	for (size_t i = 0; i < encs->count; i++)
		if (near_no_value("ENC", encs->item[i], hint))
			return ctl_usage(ctl, "--enc %s: unknown content encryption; %s", encs->item[i], hint);
	return EXIT_SUCCESS;
}

static int decrypt(struct ctl *ctl, const struct cek_jwe_policy *policy)
{
	struct cek_jwe_error error;
	struct arena input;
	cek_jwe *jwe;
	cek_conn *conn = NULL;
	size_t len;
	int status, r = rpc_connect(ctl, &conn);

	if (r == EXIT_SUCCESS)
		r = jwe_read_input(ctl, policy->max_token, &input, &len);
	if (r != EXIT_SUCCESS)
		return r;
	while (len > 0 && (input.base[len - 1] == '\n' || input.base[len - 1] == '\r'))
		len--;
	ctl->operation = "unwrap";
	waiting_begin("waiting for cekd");
	status = cek_jwe_decrypt(conn, policy, (const char *)input.base, len, rpc_timeout(ctl), &jwe, &error);
	waiting_end();
	if (status == CEK_JWE_OK) {
		struct cek_bytes plaintext = cek_jwe_plaintext(jwe);
		int written = io_write_all(STDOUT_FILENO, plaintext.data, plaintext.len);

		if (written < 0)
			r = ctl_fail(ctl, "cannot write to standard output: %s", strerror(-written));
		cek_jwe_free(jwe);
	} else {
		r = jwe_fail(ctl, &error);
	}
	arena_deinit(&input);
	return r;
}

int verb_jwe_decrypt(struct ctl *ctl, int argc, char **argv)
{
	struct arg_list algs = {.count = 0}, encs = {.count = 0};
	struct cek_jwe_policy policy = {0};
	uint32_t limit = JWE_PLAINTEXT;
	const struct arg args[] = {
		{"key", ARG_STRING, &policy.key, "NAME", "only this key may open the token"},
		{"alg", ARG_LIST, &algs, "ALG", "accept only this alg; may be repeated"},
		{"enc", ARG_LIST, &encs, "ENC", "accept only this enc; may be repeated"},
		{"allow-zip", ARG_FLAG, &policy.allow_zip, NULL, "accept a compressed token"},
		{"limit", ARG_NUMBER, &limit, "BYTES", "of the plaintext (default: 1 MiB)"},
		{0},
	};
	char **words;
	int r = args_parse(ctl, argc, argv, args, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	r = jwe_check_limit(ctl, limit);
	if (r == EXIT_SUCCESS)
		r = check_lists(ctl, &algs, &encs);
	if (r != EXIT_SUCCESS)
		return r;
	allow_all(&algs, &encs);
	policy.algs = algs.item;
	policy.encs = encs.item;
	policy.max_plaintext = limit;
	policy.max_token = (size_t)limit * 2 + 2 * CEK_JWE_HEADER_MAX;
	return decrypt(ctl, &policy);
}
