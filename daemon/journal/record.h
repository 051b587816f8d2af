/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as JSON lines, and back (cekd-journal(5)).
 *
 * Both directions follow the descriptors that protobuf-c makes from internal.proto, so that a new field of a message is
 * a new member of the line by itself. Lines are read by jansson. They are written by a direct emitter instead: one is
 * written for every unwrap, and building and dumping a jansson tree costs some fifty allocations a line.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/wipe.h"
#include "daemon/journal/text.h"
#include "proto/chain.h"
#include "proto/internal.pb-c.h"

/* Append the object for record, without newline, as the line that follows before; record->seq is not looked at.
 * 0; -EILSEQ: a string is not UTF-8; -ERANGE: a number or time that JSON cannot carry; -EINVAL: an enum without name;
 * -ENOMEM. On failure the text is as it was. */
int record_write_key(struct text *text, const Cek__Internal__V1__KeyRecord *record, const struct chain_head *before);

/* The same for the audit journal. Strings there come from peers: what is not UTF-8 is written as U+FFFD.
 * encrypted_key becomes ek, the first 16 hex digits of its SHA-256; uid 0 is written like any other. */
int record_write_audit(struct text *text, const Cek__Internal__V1__AuditRecord *record, const char *instance,
	struct chain_hasher *hasher, const struct chain_head *before);

/* The first record of the audit journal at each start: type "open"; epoch is the last seq of the key journal. */
int record_write_audit_open(struct text *text, uint64_t time, const char *version, uint64_t epoch,
	const struct chain_head *before);

/* A line of keys.jsonl as a message in the arena. Every member must be one of KeyRecord, of its type and in its range:
 * a member from a later version could forbid what this one would allow. 0; -ENOMEM: the arena is full; -EBADMSG: why
 * holds one English phrase. */
int record_read_key(const json_t *object, struct arena *arena, Cek__Internal__V1__KeyRecord **ret_record,
	char why[CHAIN_WHY_MAX]);
