/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A moment in words.
 */
#pragma once

#include <stdint.h>

enum { WHEN_MAX = 32 };

/* RFC 3339 in UTC, in whole seconds: 2026-01-02T03:04:05Z. Returns text. */
const char *when_utc(uint64_t micros, char text[WHEN_MAX]);
