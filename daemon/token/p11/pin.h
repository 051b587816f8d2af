/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIN, for the moment between the file and C_Login.
 */
#pragma once

#include <stddef.h>

#include "base/wipe.h"

enum { PIN_LEN_MAX = 255 };

struct pin {
	struct arena arena; /* locked; text lies in it */
	unsigned char *text;
	size_t len;
};

/* Read the whole file from its beginning, without the one newline that editors put at the end. fd -1 gives a PIN of
 * length 0 (a token with a keypad). 0, -EMSGSIZE for a file that is no PIN, -EINVAL for an empty one, or -errno. */
int pin_read(int fd, struct pin *ret_pin);

/* Wipe and unmap. */
void pin_wipe(struct pin *pin);
