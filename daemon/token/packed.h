/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs as they come from the broker, packed several to a ToWorker: told apart before any of them is unpacked, so that
 * one that is the end of the worker does not take the others along.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packed {
	const uint8_t *at;
	size_t len;
};

/* Take the first one: false if there is none, or what is left is none. */
bool packed_next(struct packed *packed, const uint8_t **ret_job, size_t *ret_len);

unsigned packed_count(struct packed packed);

/* Job.id, which stands first in a packed job; 0 if it does not. */
uint64_t packed_id(const uint8_t *job, size_t len);
