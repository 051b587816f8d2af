/*
 * Upper bounds of packed sizes of what is packed for each request: a few additions instead of a walk over the message
 * (protobuf_c_message_get_packed_size), which would cost as much as packing itself.
 */
#pragma once

#include <stddef.h>

#include "daemon/broker/names.h"

/* No less than the packed size; 0: not a message for which this is known, ask protobuf-c. */
size_t bound_job(const Job *job);
size_t bound_reply(const CekReply *reply);
size_t bound_audit(const AuditRecord *record);
