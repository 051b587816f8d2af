/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/pin.h"

#include <errno.h>
#include <unistd.h>

int pin_read(int fd, struct pin *ret_pin)
{
	struct pin pin = {0};
	ssize_t n = 0;
	int r;

	r = arena_init(&pin.arena, PIN_LEN_MAX + 2);
	if (r < 0)
		return r;
	pin.text = arena_alloc(&pin.arena, PIN_LEN_MAX + 2);
	if (!pin.text)
		r = -ENOMEM;
	if (r == 0 && fd >= 0) {
		n = pread(fd, pin.text, PIN_LEN_MAX + 2, 0);
		if (n < 0)
			r = -errno;
		else if (n > 0 && pin.text[n - 1] == '\n')
			n--;
	}
	if (r == 0 && n > PIN_LEN_MAX)
		r = -EMSGSIZE;
	if (r == 0 && fd >= 0 && n == 0)
		r = -EINVAL;
	if (r < 0) {
		arena_deinit(&pin.arena);
		return r;
	}
	pin.len = (size_t)n;
	*ret_pin = pin;
	return 0;
}

void pin_wipe(struct pin *pin)
{
	arena_deinit(&pin->arena);
}
