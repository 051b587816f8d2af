/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing of the jobs that every request about a CEK makes (base/pack.h). Fields that a peer sent and this cekd does
 * not know are not passed on: only what was checked goes to a worker.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/base/names.h"

/* Bytes written to to; 0: more than size, or not a job about a CEK: let protobuf-c pack that. */
size_t pack_job(const Job *job, uint8_t *to, size_t size);
