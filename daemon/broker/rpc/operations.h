/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of operations: one row an RPC of cek.proto.
 */
#pragma once

#include <stddef.h>

#include "daemon/broker/request/operation.h"

extern const struct operation operations[];
extern const size_t n_operations;
