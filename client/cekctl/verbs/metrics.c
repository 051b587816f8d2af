/* SPDX-License-Identifier: Apache-2.0 */
/* cekctl metrics: OpenMetrics text, for a collector that runs commands. */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/args.h"
#include "client/cekctl/console/output.h"
#include "client/cekctl/rpc/openmetrics.h"
#include "client/cekctl/rpc/rpc.h"
#include "client/cekctl/verbs/verbs.h"

static int print_json(const struct ctl *ctl, const char *text)
{
	json_t *families = openmetrics_json(text);

	if (!families)
		return rpc_fail_protocol(ctl, "cekd's metrics are no OpenMetrics text");
	return output_json(ctl, json_pack("{s:o}", "metrics", families));
}

int verb_metrics(struct ctl *ctl, int argc, char **argv)
{
	Cek__V1__MetricsRequest metrics = CEK__V1__METRICS_REQUEST__INIT;
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;
	Cek__V1__Reply *reply;
	char **words;
	int r = args_parse(ctl, argc, argv, NULL, 0, 0, &words);

	if (r != ARGS_GO)
		return args_exit(r);
	request.op_case = CEK__V1__REQUEST__OP_METRICS;
	request.metrics = &metrics;
	r = rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_METRICS, &reply);
	if (r != EXIT_SUCCESS)
		return r;
	if (ctl->json)
		r = print_json(ctl, reply->metrics->text);
	else
		output_document(reply->metrics->text);
	rpc_reply_free(reply);
	return r;
}
