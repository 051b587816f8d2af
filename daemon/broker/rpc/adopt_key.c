/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/lifecycle/hidden.h"
#include "daemon/broker/rpc/new_version.h"
#include "daemon/broker/rpc/rpc.h"

enum { LABEL_MAX = 128 };

/* The key whose object is asked for, as far as that can be told without the token: what cekd makes is labelled with the
 * key's name. */
static const struct key *owner_of(const struct ring *ring, const Cek__V1__AdoptKeyRequest *message)
{
	const struct version *version;

	if (message->cka_id.len == 0)
		return ring_key(ring, message->label);
	version = ring_object(ring, message->cka_id.data, message->cka_id.len);
	return version ? version->key : NULL;
}

static int check(struct request *request, const Cek__V1__AdoptKeyRequest *message, const struct alg **ret_alg)
{
	const struct key *owner;
	int r = new_version_check(request, message->alg, message->kid, ret_alg);

	if (r != STATUS_OK)
		return r;
	if ((message->cka_id.len > 0) == (message->label[0] != '\0'))
		return request_say(request, STATUS_MALFORMED, "cka_id, label: one of them");
	if (message->cka_id.len > CKA_ID_MAX || !text_valid(message->label, LABEL_MAX))
		return request_say(request, STATUS_MALFORMED, "cka_id, label: too long, or no UTF-8");
	owner = owner_of(&request->broker->ring, message);
	if (message->cka_id.len > 0 && owner && !hidden_key(request, owner))
		return request_say(request, STATUS_CONFLICT, "cka_id: this object is a version already");
	return STATUS_OK;
}

static int pack(struct change *change, const struct request *request, uint8_t **ret_packed, size_t *ret_len)
{
	const Cek__V1__AdoptKeyRequest *message = request->message->adopt_key;
	Cek__Internal__V1__AdoptJob adopt = CEK__INTERNAL__V1__ADOPT_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	change->hides = hidden_key(request, owner_of(&request->broker->ring, message));
	if (message->cka_id.len > 0)
		memcpy(change->cka_id, message->cka_id.data, message->cka_id.len);
	change->cka_id_len = message->cka_id.len;
	/* That object has its own records: the token is asked for one that is not there. */
	if (change->hides && message->cka_id.len > 0 && change_new_cka_id(change) < 0)
		return log_origin(-EIO);
	adopt.cka_id = (ProtobufCBinaryData){.data = change->cka_id, .len = change->cka_id_len};
	adopt.label = message->label;
	adopt.alg = message->alg;
	adopt.insist = message->insist;
	adopt.look = request->preview;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_ADOPT;
	job.adopt = &adopt;
	return change_pack_job(change, &job, ret_packed, ret_len);
}

int rpc_adopt_key(struct request *request)
{
	const Cek__V1__AdoptKeyRequest *message = request->message->adopt_key;
	const struct alg *alg;
	int r = check(request, message, &alg);

	return r == STATUS_OK ? new_version_start(request, CHANGE_ADOPT, alg, message->kid, pack) : r;
}
