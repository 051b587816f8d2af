/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/restore.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "client/cekctl/console/output.h"
#include "client/cekctl/rpc/listing.h"
#include "client/cekctl/rpc/rpc.h"

int restore_call(struct ctl *ctl, Cek__V1__RestoreRequest *restore, Cek__V1__Reply **ret_reply)
{
	Cek__V1__Request request = CEK__V1__REQUEST__INIT;

	request.op_case = CEK__V1__REQUEST__OP_RESTORE;
	request.restore = restore;
	return rpc_call(ctl, &request, CEK__V1__REPLY__RESULT_RESTORE, ret_reply);
}

static json_t *to_json(const Cek__V1__RestoreReply *restore)
{
	json_t *object = json_object(), *later = json_array();

	for (size_t i = 0; i < restore->n_later; i++)
		json_array_append_new(later, output_string(restore->later[i]));
	json_object_set_new(object, "needed", json_boolean(restore->needed));
	output_set_text(object, "why", restore->why);
	output_set_time(object, "last_time", restore->last_time);
	output_set_text(object, "head", restore->head);
	json_object_set_new(object, "later_changes", later);
	json_object_set_new(object, "more_later_changes", json_boolean(restore->more_later));
	return object;
}

int restore_print(struct ctl *ctl, const Cek__V1__RestoreReply *restore)
{
	char time[OUTPUT_TIME];

	if (ctl->json)
		return output_json(ctl, to_json(restore));
	if (!restore->needed) {
		printf("The key journal is the one that cekd wrote last: there is nothing to confirm.\n");
		return EXIT_SUCCESS;
	}
	printf("The key journal is not known to be the right one. No CEK is served until it is confirmed.\n");
	output_field("why", restore->why);
	output_field("last record", output_time(restore->last_time, time));
	output_field("head", restore->head);
	if (restore->more_later)
		output_field("NOT IN IT", "older changes, of which only the last few are known here:");
	for (size_t i = 0; i < restore->n_later; i++)
		output_field(i == 0 ? "NOT IN IT" : "", restore->later[i]);
	printf("\nThe keys as it knows them:\n\n");
	return listing_print(ctl);
}
