/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/serve/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "proto/dgram.h"
#include "proto/internal.pb-c.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__Control Control;

enum { MESSAGE_MAX = 256 }; /* bytes: cekd says nothing longer here */

int control_init(struct control *control, int fd, bool stands_by)
{
	int flags = fcntl(fd, F_GETFL);

	*control = (struct control){.fd = fd};
	sequence_init(&control->sequence, &sequence_cekd_to_journal, stands_by ? JOURNAL_STANDS_BY : CHILD_SERVES);
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
	case CEK__INTERNAL__V1__CONTROL__WHAT_RELOAD:
		control->confirmed_us = clock_monotonic_us();
		return;
	case CEK__INTERNAL__V1__CONTROL__WHAT_TAKE_OVER:
		control->take_over = true;
		return;
	default: /* the table has no others */
		return;
	}
}

static void accuse(const struct control *control, bool cekd, const char *how)
{
	Cek__Internal__V1__Broke broke = CEK__INTERNAL__V1__BROKE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	log_error("%s %s", cekd ? "cekd" : "the broker", how);
	broke.cekd = cekd;
	broke.how = (char *)how;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_BROKE;
	message.broke = &broke;
	(void)dgram_send(control->fd, &message.base, NULL, 0);
}

void control_accuse_broker(const struct control *control, const char *how)
{
	accuse(control, false, how);
}

/* It cannot be replaced by us: another journal begins anew with it. What the broker has sent is written first. */
static void end(struct control *control, const char *how)
{
	accuse(control, true, how);
	control->end = true;
}

/* False: there is no more. */
static bool read_one(struct control *control)
{
	uint8_t buffer[MESSAGE_MAX];
	ssize_t len = dgram_recv(control->fd, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);
	char how[SEQUENCE_HOW_MAX];
	Control *message;

	if (len == -EAGAIN)
		return false;
	if (len <= 0 && len != -EMSGSIZE) {
		control->fd = -1;
		return false;
	}
	message = len < 0 ? NULL : cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
	if ((message ? sequence_take(&control->sequence, message->what_case, 0, how)
		     : sequence_no_message(&control->sequence, how)) == SEQUENCE_FITS)
		take(control, message);
	else if (!control->end)
		end(control, how);
	cek__internal__v1__control__free_unpacked(message, NULL);
	return true;
}

void control_read(struct control *control)
{
	while (control->fd >= 0 && read_one(control))
		continue;
}
