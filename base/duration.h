/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A span of time in words, for people.
 */
#pragma once

#include <stdint.h>

enum { DURATION_MAX = 64 };

/* "7 days", "1 hour 30 minutes", "0 seconds": exact, units that are zero left out. Returns text. */
const char *duration_words(uint64_t seconds, char text[DURATION_MAX]);
