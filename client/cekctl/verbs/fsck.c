/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl fsck: where journal and token differ, and what to do about it. Changes nothing. */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/plural.h"
#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

static json_t *findings_json(const Cek__V1__FsckReply *fsck)
{
	json_t *array = json_array();

	for (size_t i = 0; i < fsck->n_finding; i++) {
		const Cek__V1__Finding *finding = fsck->finding[i];
		json_t *object = json_object();
		char id[OUTPUT_HEX];

		output_set_text(object, "kind", finding->kind);
		output_set_text(object, "key", finding->key);
		output_set_text(object, "kid", finding->kid);
		output_set_text(object, "cka_id", output_hex(&finding->cka_id, id));
		output_set_text(object, "what", finding->what);
		output_set_text(object, "advice", finding->advice);
		json_array_append_new(array, object);
	}
	return json_pack("{s:o, s:I}", "findings", array, "more", (json_int_t)fsck->more);
}

static void print_finding(const Cek__V1__Finding *finding)
{
	char id[OUTPUT_HEX];

	output_field("finding", finding->kind);
	output_field("  key", finding->key);
	output_field("  kid", finding->kid);
	output_field("  CKA_ID", output_hex(&finding->cka_id, id));
	output_field("  what", finding->what);
	output_field("  advice", finding->advice);
}

static void print_findings(const Cek__V1__FsckReply *fsck)
{
	if (fsck->n_finding == 0)
		printf("Journal and token agree.\n");
	for (size_t i = 0; i < fsck->n_finding; i++)
		print_finding(fsck->finding[i]);
	if (fsck->more)
		printf("and %u more, for which there was no room: mend some of these and look again\n", fsck->more);
}

/* What each finding is about: a version by its kid, an object that belongs to none by its CKA_ID. */
static void print_names(const Cek__V1__FsckReply *fsck)
{
	for (size_t i = 0; i < fsck->n_finding; i++) {
		const Cek__V1__Finding *finding = fsck->finding[i];
		char id[OUTPUT_HEX];

		output_text(*finding->kid ? finding->kid : output_hex(&finding->cka_id, id));
		putchar('\n');
	}
}

int verb_fsck(struct ctl *ctl, int argc, char **argv)
{
	Cek__V1__FsckRequest fsck = CEK__V1__FSCK_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	char **words;
	size_t n;
	int r = args_parse(ctl, argc, argv, NULL, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	request.op_case = CEK__V1__REQUEST__OP_FSCK;
	request.fsck = &fsck;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_FSCK, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	n = reply->fsck->n_finding;
	if (ctl->json)
		r = output_json(ctl, findings_json(reply->fsck));
	else if (ctl->names)
		print_names(reply->fsck);
	else
		print_findings(reply->fsck);
	n += reply->fsck->more;
	rpc_reply_free(reply);
	if (r == EXIT_SUCCESS && n > 0)
		r = ctl_fail_as(ctl, STATUS_FINDINGS, NULL, "%zu finding%s", n, plural(n));
	return r;
}
