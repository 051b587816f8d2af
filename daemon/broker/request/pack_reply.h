/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing of the replies to requests about a CEK (base/pack.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/base/names.h"

/* Bytes written to to; 0: more than size, or not a reply about a CEK: let protobuf-c pack that. */
size_t pack_reply(const CekReply *reply, uint8_t *to, size_t size);
