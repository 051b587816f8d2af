/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sign of life on standard error, if that is a terminal, for what takes more than a second.
 */
#pragma once

/* From now on something is waited for: what, one of the program's own texts that stays until the end. Inside another
 * one it does nothing. */
void waiting_begin(const char *what);

/* It is over; the outermost one takes the sign away. */
void waiting_end(void);

/* Something is about to be written to the terminal: take the sign away, for good. */
void waiting_hide(void);
