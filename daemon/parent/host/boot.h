/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which boot of the machine this is: its children, which open no files, compare CLOCK_BOOTTIME within one boot only.
 */
#pragma once

enum { BOOT_MAX = 64 };

/* Its name, as CEKD_BOOT or else the kernel gives it; "" if neither tells, which is logged. */
void boot_read(char ret_boot[BOOT_MAX]);
