/*
 * Packing what every request about a CEK packs: its job, its reply, its audit record. The bytes are those that
 * protobuf-c makes, without its walk over each message's description and without a first pass for the size. Fields that
 * a peer sent and this cekd does not know are not passed on: only what was checked goes to a worker.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/base/names.h"

/* Bytes written to to; 0: more than size, or not a message about a CEK: let protobuf-c pack that. */
size_t pack_job(const Job *job, uint8_t *to, size_t size);
size_t pack_reply(const CekReply *reply, uint8_t *to, size_t size);
size_t pack_audit(const AuditRecord *record, uint8_t *to, size_t size);
