/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time, as every part of cekd and its clients see it: real time for what is written down, monotonic time for
 * deadlines, time since boot for what must not end early. With the meson option test_hooks a test can shift the real
 * time; otherwise that code is not there.
 */
#pragma once

#include <stdint.h>

/* Microseconds since 1970-01-01T00:00:00Z. */
uint64_t clock_real_us(void);

/* Since the machine was booted, time asleep included: nobody sets this clock. */
uint64_t clock_boot_us(void);

/* Since some moment in the past; never goes backwards. */
uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_us(void);

#ifdef CEK_TEST_HOOKS
/* From now on real time and time since boot are what they are plus *passed_us: so much has passed. Real time alone is
 * *set_us later still: it was set. Both stay and may change at any time. */
void clock_shift_by(const volatile int64_t *passed_us, const volatile int64_t *set_us);
#endif
