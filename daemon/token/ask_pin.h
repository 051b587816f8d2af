/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIN file, which cekd opens for each login of this worker: no descriptor of it is kept.
 */
#pragma once

#include <stdbool.h>

struct hear;

struct ask_pin {
	int control; /* the pair with cekd */
	struct hear *hear;
	bool drained; /* while it was asked, cekd gave the order to end, or was gone */
};

/* Wait for the turn of this worker. Its descriptor, which belongs to the caller, or -errno: -EPERM if no login may be
 * tried before an operator has acted. ask_pin_done() after 0 and more. owner is a struct ask_pin. */
int ask_pin(void *owner);

/* The login is over, and the PIN was not refused. */
void ask_pin_done(void *owner);
