/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/ask_pin.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/token/hear.h"
#include "daemon/token/tell.h"
#include "proto/dgram.h"
#include "proto/internal.pb-c.h"

typedef Cek__Internal__V1__Control Control;

enum {
	ANSWER_MAX = 8192, /* bytes */
};

static int take_pin(const Cek__Internal__V1__Pin *pin, int fd)
{
	if (fd >= 0)
		return fd;
	return pin->stopped ? -EPERM : -ENOENT;
}

/* -EAGAIN: it was something else. */
static int hear(struct ask_pin *ask)
{
	static uint8_t buffer[ANSWER_MAX];
	Control *message;
	size_t n_fds = 0;
	int fd = -1, r;
	const ssize_t len = dgram_recv(ask->control, 0, buffer, sizeof(buffer), &fd, 1, &n_fds);

	if (len == -EINTR)
		return -EAGAIN;
	if (len <= 0) {
		ask->drained = true;
		return len < 0 ? log_origin((int)len) : -EPIPE;
	}
	message = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
	r = -EAGAIN;
	if (!hear_fits(ask->hear, message)) {
		ask->drained = true;
		r = -EPIPE;
	} else if (message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_PIN) {
		r = take_pin(message->pin, n_fds > 0 ? fd : -1);
	} else {
		ask->drained = true; /* the order to end: the answer comes all the same */
	}
	if (r < 0 && n_fds > 0)
		close(fd);
	cek__internal__v1__control__free_unpacked(message, NULL);
	return r;
}

int ask_pin(void *owner)
{
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__WantPin want = CEK__INTERNAL__V1__WANT_PIN__INIT;
	struct ask_pin *ask = owner;
	int r;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WANT_PIN;
	message.want_pin = &want;
	tell_cekd(&message);
	sequence_sent(&ask->hear->cekd, message.what_case);
	do
		r = hear(ask);
	while (r == -EAGAIN);
	return r;
}

void ask_pin_done(void *owner)
{
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__LoginOver over = CEK__INTERNAL__V1__LOGIN_OVER__INIT;

	(void)owner;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_LOGIN_OVER;
	message.login_over = &over;
	tell_cekd(&message);
}
