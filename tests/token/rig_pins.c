/* SPDX-License-Identifier: Apache-2.0 */
#include "rig_pins.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/dgram.h"
#include "proto/internal.pb-c.h"

typedef Cek__Internal__V1__Control Control;

struct rig_pins {
	pthread_t thread;
	int worker, test;
	char path[128];
	uint8_t buffer[DGRAM_MAX];
};

static void must(bool held)
{
	if (!held)
		abort();
}

static void hand_out(struct rig_pins *pins)
{
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Pin pin = CEK__INTERNAL__V1__PIN__INIT;
	const int fd = open(pins->path, O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_PIN;
	message.pin = &pin;
	(void)dgram_send(pins->worker, &message.base, &fd, 1);
	(void)close(fd);
}

/* false: the end. */
static bool from_worker(struct rig_pins *pins)
{
	const ssize_t n = dgram_recv(pins->worker, 0, pins->buffer, sizeof(pins->buffer), NULL, 0, NULL);
	Control *message = n > 0 ? cek__internal__v1__control__unpack(NULL, (size_t)n, pins->buffer) : NULL;

	if (message == NULL)
		return false;
	if (message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_WANT_PIN)
		hand_out(pins);
	else if (message->what_case != CEK__INTERNAL__V1__CONTROL__WHAT_LOGIN_OVER)
		(void)dgram_send(pins->test, &message->base, NULL, 0);
	cek__internal__v1__control__free_unpacked(message, NULL);
	return true;
}

static bool from_test(struct rig_pins *pins)
{
	const ssize_t n = dgram_recv(pins->test, 0, pins->buffer, sizeof(pins->buffer), NULL, 0, NULL);

	return n > 0 && send(pins->worker, pins->buffer, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *pass(void *data)
{
	struct rig_pins *pins = data;
	struct pollfd fds[] = {{pins->worker, POLLIN, 0}, {pins->test, POLLIN, 0}};

	while (fds[0].fd >= 0) {
		must(poll(fds, 2, -1) > 0);
		if (fds[1].revents && !from_test(pins)) {
			(void)shutdown(pins->worker, SHUT_WR);
			fds[1].fd = -1;
		}
		if (fds[0].revents && !from_worker(pins))
			fds[0].fd = -1;
	}
	(void)shutdown(pins->test, SHUT_WR);
	return NULL;
}

struct rig_pins *rig_pins_start(int worker, const char *path, int *ret_control)
{
	struct rig_pins *pins = calloc(1, sizeof(*pins));
	int pair[2];

	must(pins != NULL && dgram_pair(pair) == 0);
	pins->worker = worker;
	pins->test = pair[1];
	(void)snprintf(pins->path, sizeof(pins->path), "%s", path);
	must(pthread_create(&pins->thread, NULL, pass, pins) == 0);
	*ret_control = pair[0];
	return pins;
}

void rig_pins_stop(struct rig_pins *pins)
{
	must(pthread_join(pins->thread, NULL) == 0);
	(void)close(pins->worker);
	(void)close(pins->test);
	free(pins);
}
