/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A benchmark has no use for an error but to say it.
 */
#pragma once

/* Print "bench-timing: …" and exit with status 2. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
