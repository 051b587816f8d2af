/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PINs made by cekctl: random, printable, in locked memory and in a file that only its owner reads.
 */
#pragma once

enum { PIN_LEN = 32 /* hex digits: 128 bits */ };

/* Fill pin (locked memory of PIN_LEN + 1 bytes) with random digits and a NUL. 0 or -errno. */
int pin_make(char *pin);

/* Write pin and a newline to a new file, 0400, on disk before it is used. Never overwrites: -EEXIST. 0 or -errno. */
int pin_store(const char *path, const char *pin);
