/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "daemon/broker/lifecycle/record.h"
#include "daemon/broker/ring/reservation.h"

static void begin(const struct change *change, const char *type, KeyRecord *ret_record)
{
	*ret_record = (KeyRecord)CEK__INTERNAL__V1__KEY_RECORD__INIT;
	ret_record->type = (char *)type;
	ret_record->key = (char *)change->name;
	ret_record->reason = (char *)change->reason;
	ret_record->by_cekd = change->listener == NULL;
	if (change->listener) {
		ret_record->listener = (char *)change->listener;
		ret_record->uid = change->uid;
		ret_record->pid = (uint32_t)change->pid;
	}
}

void record_intent(const struct change *change, KeyRecord *ret_record)
{
	begin(change, "intent", ret_record);
	ret_record->op = (char *)(change->then_rotate ? "rotate" : change_op(change));
	ret_record->alg = (char *)change->alg->name;
	ret_record->cka_id = (ProtobufCBinaryData){.data = (uint8_t *)change->cka_id, .len = change->cka_id_len};
	if (change->version && !change->then_rotate)
		ret_record->kid = change->version->kid;
}

void record_abandoned(const struct change *change, KeyRecord *ret_record)
{
	begin(change, "abandoned", ret_record);
	ret_record->op = (char *)change_op(change);
	ret_record->cka_id = (ProtobufCBinaryData){.data = (uint8_t *)change->cka_id, .len = change->cka_id_len};
}

void record_state(const struct change *change, enum state state, uint64_t until, KeyRecord *ret_record)
{
	begin(change, "state", ret_record);
	ret_record->kid = change->version->kid;
	ret_record->state = (Cek__V1__State)state;
	ret_record->until_time = until;
	ret_record->force = change->force;
}

void record_activation(const struct change *change, KeyRecord *ret_record)
{
	begin(change, "state", ret_record);
	ret_record->kid = change->successor->kid;
	ret_record->state = (Cek__V1__State)STATE_ACTIVE;
}

void record_schedule(const struct change *change, KeyRecord *ret_record)
{
	begin(change, "schedule", ret_record);
	ret_record->schedule = (Schedule *)&change->schedule;
	ret_record->max_uses = change->max_uses;
}

void record_alias(const struct change *change, char *alias[1], KeyRecord *ret_record)
{
	begin(change, "alias", ret_record);
	ret_record->op = (char *)(change->removes ? "remove" : "add");
	ret_record->kid = change->version->kid;
	alias[0] = (char *)change->kid;
	ret_record->alias = alias;
	ret_record->n_alias = 1;
}

void record_restored(const struct change *change, KeyRecord *ret_record)
{
	begin(change, "restored", ret_record);
	ret_record->until_time = change->until;
}

/* Wraps that may be made under a new version before the next reservation; 0: they are not counted. */
static uint64_t first_reservation(const struct change *change)
{
	return change->alg->family == ALG_AES_GCMKW ? reservation_next(change->broker->gcm_wrap_limit, 0) : 0;
}

static const char *fault_of(const struct change *change, const JobResult *result)
{
	const struct ring *ring = &change->broker->ring;

	if (change->cka_id_len == 0 || !kid_valid(result->kid))
		return "the token gave no CKA_ID or kid for the new object";
	if (ring_object(ring, change->cka_id, change->cka_id_len))
		return "the object with this CKA_ID is a version already";
	if (ring_version(ring, result->kid) || change_kid_taken(change, result->kid))
		return "this key material is a version already";
	if (change->kid[0] != '\0' && ring_version(ring, change->kid))
		return "this kid was used before";
	if (change->key && strcmp(change->key->crv, result->crv) != 0)
		return "the key is on another curve";
	return NULL;
}

const char *record_version(const struct change *change, const JobResult *result, struct version_record *ret_record)
{
	static const enum provenance provenances[] = {
		[CHANGE_CREATE] = PROVENANCE_GENERATED,
		[CHANGE_ROTATE] = PROVENANCE_GENERATED,
		[CHANGE_IMPORT] = PROVENANCE_IMPORTED,
		[CHANGE_ADOPT] = PROVENANCE_ADOPTED,
	};
	const char *fault = fault_of(change, result);
	KeyRecord *record = &ret_record->record;

	if (fault)
		return fault;
	begin(change, "version", record);
	record->alg = (char *)change->alg->name;
	record->bits = result->bits;
	record->crv = result->crv;
	record->cka_id = (ProtobufCBinaryData){.data = (uint8_t *)change->cka_id, .len = change->cka_id_len};
	record->provenance = (Cek__V1__Provenance)provenances[change->kind];
	record->state = (Cek__V1__State)change->state;
	record->public_key = result->public_key;
	record->note = result->note;
	record->max_uses = change->max_uses;
	record->reserved = first_reservation(change);
	record->kid = result->kid;
	/* A kid that issuers use stands in the JWKS; the usual one finds the version as well. */
	if (change->kid[0] != '\0' && strcmp(change->kid, result->kid) != 0) {
		record->kid = (char *)change->kid;
		ret_record->alias[0] = result->kid;
		record->alias = ret_record->alias;
		record->n_alias = 1;
	}
	return NULL;
}
