#include "daemon/broker/journal/pack_audit.h"
#include "proto/put.h"

size_t pack_audit(const AuditRecord *record, uint8_t *to, size_t size)
{
	struct put out = {.at = to, .room = size};

	put_number(&out, 1, record->n);
	put_number(&out, 2, record->time);
	put_text(&out, 3, record->listener);
	put_number(&out, 4, record->uid);
	put_number(&out, 5, record->pid);
	put_text(&out, 6, record->op);
	put_text(&out, 7, record->key);
	put_text(&out, 8, record->kid);
	put_text(&out, 9, record->alg);
	put_text(&out, 10, record->status);
	put_bytes(&out, 11, &record->encrypted_key);
	put_text(&out, 12, record->detail);
	put_number(&out, 13, record->epoch);
	return put_finish(&out, to);
}
