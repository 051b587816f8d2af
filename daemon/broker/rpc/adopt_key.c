/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/rpc/new_version.h"
#include "daemon/broker/rpc/rpc.h"

enum { LABEL_MAX = 128 };

static int check(struct request *request, const Cek__V1__AdoptKeyRequest *message, const struct alg **ret_alg)
{
	int r = new_version_check(request, message->alg, message->kid, ret_alg);

	if (r != STATUS_OK)
		return r;
	if ((message->cka_id.len > 0) == (message->label[0] != '\0'))
		return request_say(request, STATUS_MALFORMED, "cka_id, label: one of them");
	if (message->cka_id.len > CKA_ID_MAX || !text_valid(message->label, LABEL_MAX))
		return request_say(request, STATUS_MALFORMED, "cka_id, label: too long, or no UTF-8");
	if (message->cka_id.len > 0 && ring_object(&request->broker->ring, message->cka_id.data, message->cka_id.len))
		return request_say(request, STATUS_CONFLICT, "cka_id: this object is a version already");
	return STATUS_OK;
}

static int pack(struct change *change, const Cek__V1__AdoptKeyRequest *message, uint8_t **ret_packed, size_t *ret_len)
{
	Cek__Internal__V1__AdoptJob adopt = CEK__INTERNAL__V1__ADOPT_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	adopt.cka_id = message->cka_id;
	adopt.label = message->label;
	adopt.alg = message->alg;
	adopt.insist = message->insist;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_ADOPT;
	job.adopt = &adopt;
	return change_pack_job(change, &job, ret_packed, ret_len);
}

int rpc_adopt_key(struct request *request)
{
	const Cek__V1__AdoptKeyRequest *message = request->message->adopt_key;
	const struct alg *alg;
	struct change *change;
	uint8_t *packed = NULL;
	size_t len = 0;
	int r = check(request, message, &alg);

	if (r != STATUS_OK)
		return r;
	change = new_version_of_old_key(request, CHANGE_ADOPT, alg, message->kid);
	if (!change)
		return log_origin(-ENOMEM);
	if (message->cka_id.len > 0)
		memcpy(change->cka_id, message->cka_id.data, message->cka_id.len);
	change->cka_id_len = message->cka_id.len;
	r = pack(change, message, &packed, &len);
	return r == 0 ? change_start(change, packed, len) : change_drop(change, r);
}
