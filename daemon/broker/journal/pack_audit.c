/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/journal/pack_audit.h"
#include "proto/fields.h"
#include "proto/put.h"

size_t pack_audit(const AuditRecord *record, uint8_t *to, size_t size)
{
	struct put out = {.at = to, .room = size};

	put_number(&out, FIELD_AUDIT_RECORD_N, record->n);
	put_number(&out, FIELD_AUDIT_RECORD_TIME, record->time);
	put_text(&out, FIELD_AUDIT_RECORD_LISTENER, record->listener);
	put_number(&out, FIELD_AUDIT_RECORD_UID, record->uid);
	put_number(&out, FIELD_AUDIT_RECORD_PID, record->pid);
	put_text(&out, FIELD_AUDIT_RECORD_OP, record->op);
	put_text(&out, FIELD_AUDIT_RECORD_KEY, record->key);
	put_text(&out, FIELD_AUDIT_RECORD_KID, record->kid);
	put_text(&out, FIELD_AUDIT_RECORD_ALG, record->alg);
	put_text(&out, FIELD_AUDIT_RECORD_STATUS, record->status);
	put_bytes(&out, FIELD_AUDIT_RECORD_ENCRYPTED_KEY, &record->encrypted_key);
	put_text(&out, FIELD_AUDIT_RECORD_DETAIL, record->detail);
	put_number(&out, FIELD_AUDIT_RECORD_EPOCH, record->epoch);
	return put_finish(&out, to);
}
