/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing of audit records (base/pack.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/base/names.h"

/* Bytes written to to; 0: more than size. */
size_t pack_audit(const AuditRecord *record, uint8_t *to, size_t size);
