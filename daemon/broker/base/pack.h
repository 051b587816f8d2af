/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing what every request about a CEK packs: its job, its reply, its audit record, each where it is made.
 * The bytes are those that protobuf-c makes, without its walk over each message's description and without a first pass
 * for the size. Here are the parts that several of them have.
 */
#pragma once

#include "daemon/broker/base/names.h"
#include "proto/put.h"

/* As this field; NULL: left out. */
void pack_public_key(struct put *out, unsigned field, const PublicKey *key);
void pack_params(struct put *out, unsigned field, const AlgParams *params);
