/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's memory while a private key is read. Its secure heap takes what it is told to, but its decoders keep copies
 * of a key in plain memory and free them as they are: every block is wiped when it is freed instead.
 */
#pragma once

/* Before OpenSSL has allocated anything, else nothing is changed. Also locks all memory of the process if its limit
 * allows that (RLIMIT_MEMLOCK; root has none). */
void wiping_heap_setup(void);
