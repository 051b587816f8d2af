/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/pins.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

typedef Cek__Internal__V1__Control Control;

bool pins_asked(struct child *worker)
{
	if (worker->role != CHILD_WORKER || worker->pin != CHILD_NO_PIN)
		return false;
	worker->pin = CHILD_WANTS_PIN;
	return true;
}

bool pins_over(struct child *worker)
{
	if (worker->role != CHILD_WORKER || worker->pin != CHILD_HAS_PIN)
		return false;
	worker->pin = CHILD_NO_PIN;
	return true;
}

/* fd -1: it gets none. One that cannot be answered is of no use. */
static void answer(struct child *worker, int fd, bool stopped)
{
	Cek__Internal__V1__Pin pin = CEK__INTERNAL__V1__PIN__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	pin.stopped = stopped;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_PIN;
	message.pin = &pin;
	worker->pin = fd >= 0 ? CHILD_HAS_PIN : CHILD_NO_PIN;
	if (child_send(worker, &message, &fd, fd >= 0 ? 1 : 0) < 0)
		child_kill(worker, SIGKILL);
}

static void find_user(struct family *family, struct child *child, void *data)
{
	bool *in_use = data;

	(void)family;
	*in_use = *in_use || child->pin == CHILD_HAS_PIN;
}

bool pins_in_use(struct family *family)
{
	bool in_use = false;

	family_each(family, find_user, &in_use);
	return in_use;
}

static void give(struct family *family, struct child *child, void *data)
{
	const struct pins *pins = data;
	int fd = -1;

	if (child->pin != CHILD_WANTS_PIN)
		return;
	if (pins->logins->stopped) {
		answer(child, -1, true);
		return;
	}
	if (!child->ready && pins_in_use(family))
		return;
	(void)logins_open_pin(pins->logins, pins->file, &fd);
	answer(child, fd, false);
	if (fd >= 0)
		(void)close(fd);
}

void pins_give(const struct pins *pins)
{
	family_each(pins->family, give, (void *)(uintptr_t)pins);
}
