/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/serve/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

int pair_init(struct pair *pair)
{
	int flags = fcntl(pair->fd, F_GETFL);

	if (flags < 0 || fcntl(pair->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return log_origin(-errno);
	pair->buffer = malloc(DGRAM_MAX);
	pair->sequence = malloc(sizeof(*pair->sequence));
	if (!pair->buffer || !pair->sequence)
		return log_origin(-ENOMEM);
	sequence_init(pair->sequence, &sequence_broker_to_journal, BROKER_UNHEARD);
	return 0;
}

void pair_deinit(struct pair *pair)
{
	free(pair->buffer);
	pair->buffer = NULL;
	free(pair->sequence);
	pair->sequence = NULL;
}

int pair_send(const struct pair *pair, const Cek__Internal__V1__FromJournal *message)
{
	sequence_sent(pair->sequence, message->what_case);
	for (;;) {
		struct pollfd fds[] = {
			{.fd = pair->fd, .events = POLLOUT},
			{.fd = pair->control->fd, .events = POLLIN},
		};
		int r = dgram_send(pair->fd, &message->base, NULL, 0);

		if (r == -EPIPE || r == -ECONNRESET || (r == -EAGAIN && pair->ending))
			return 0;
		if (r != -EAGAIN)
			return r < 0 ? log_origin(r) : 0;
		control_read(pair->control);
		if (control_calls(pair->control))
			return 0;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return log_origin(-errno);
	}
}

bool pair_may_come(const struct pair *pair, const Cek__Internal__V1__ToJournal *message)
{
	const bool accused = pair->sequence->state == BROKER_ACCUSED;
	char how[SEQUENCE_HOW_MAX];
	enum sequence_verdict verdict = message ? sequence_take(pair->sequence, message->what_case, 0, how)
						: sequence_no_message(pair->sequence, how);

	if (verdict != SEQUENCE_BROKEN)
		return verdict == SEQUENCE_FITS;
	pair->sequence->state = BROKER_ACCUSED;
	if (!accused)
		control_accuse_broker(pair->control, how);
	return false;
}

ssize_t pair_receive(struct pair *pair)
{
	ssize_t len;

	do {
		len = dgram_recv(pair->fd, MSG_DONTWAIT, pair->buffer, DGRAM_MAX, NULL, 0, NULL);
	} while (len == -ECONNRESET); /* something stayed unread there; told once, and before the last records */
	if (len == 0) {
		pair->closed = true;
		return -EAGAIN;
	}
	return len;
}
