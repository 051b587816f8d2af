/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers in sentences.
 */
#pragma once

#include <stdint.h>

/* What makes a noun behind this number plural: "s", or "" behind 1. */
static inline const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}
