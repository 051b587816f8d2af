/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/serve/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/log.h"
#include "proto/dgram.h"
#include "proto/internal.pb-c.h"

typedef Cek__Internal__V1__Control Control;

enum { MESSAGE_MAX = 256 }; /* bytes: cekd says nothing longer here */

int control_init(struct control *control, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	*control = (struct control){.fd = fd};
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? log_origin(-errno) : 0;
}

static void answer(const struct control *control)
{
	Cek__Internal__V1__Alive alive = CEK__INTERNAL__V1__ALIVE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE;
	message.alive = &alive;
	(void)dgram_send(control->fd, &message.base, NULL, 0);
}

static void take(struct control *control, const Control *message)
{
	switch (message->what_case) {
	case CEK__INTERNAL__V1__CONTROL__WHAT_ARE_YOU_THERE:
		answer(control);
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN:
		control->end = true;
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_TAKE_OVER:
		control->take_over = true;
		return;
	default:
		return;
	}
}

/* False: there is no more. */
static bool read_one(struct control *control)
{
	uint8_t buffer[MESSAGE_MAX];
	ssize_t len = dgram_recv(control->fd, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);
	Control *message;

	if (len == -EAGAIN)
		return false;
	if (len <= 0) {
		control->fd = -1;
		return false;
	}
	message = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
	if (message)
		take(control, message);
	cek__internal__v1__control__free_unpacked(message, NULL);
	return true;
}

void control_read(struct control *control)
{
	while (control->fd >= 0 && read_one(control))
		continue;
}
