/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/children.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/shared/executing.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__Control Control;

enum {
	DELAY_FIRST_MS = 50,
	DELAY_MAX_MS = 5000,
	HEALTHY_US = 10000000, /* ready for so long: the next failure counts as the first */
};

static const struct sequence_table *table_of(enum child_role role)
{
	switch (role) {
	case CHILD_JOURNAL:
		return &sequence_journal_to_cekd;
	case CHILD_BROKER:
		return &sequence_broker_to_cekd;
	case CHILD_WORKER:
		break;
	}
	return &sequence_worker_to_cekd;
}

void child_init(struct child *child, enum child_role role, bool manage, unsigned index)
{
	*child = (struct child){.role = role, .manage = manage, .index = index, .control = -1, .executing = -1};
	sequence_init(&child->sequence, table_of(role), CHILD_STARTS);
	if (role == CHILD_WORKER && !manage)
		(void)snprintf(child->name, sizeof(child->name), "worker %u", index);
	else
		(void)snprintf(child->name, sizeof(child->name), "%s",
			role == CHILD_JOURNAL          ? "journal"
				: role == CHILD_BROKER ? "broker"
						       : "manage worker");
}

void child_started(struct child *child, pid_t pid, int control)
{
	child->pid = pid;
	child->control = control;
	sequence_init(&child->sequence, table_of(child->role), CHILD_STARTS);
	child->ready = false;
	child->draining = false;
	child->deaf = false;
	child->pin = CHILD_NO_PIN;
	child->owed_us = 0;
	child->asked = false;
	child->asks = 0;
	child->late = child->in_login = child->unwanted = child->condemned = false;
	child->failing = CEK__INTERNAL__V1__FAILING__CLASS__UNKNOWN;
	child->why[0] = '\0';
}

int child_watch(struct child *child, int executing)
{
	child->executing = executing;
	child->page = executing_map_read_only(executing);
	return child->page != NULL ? 0 : log_origin(-errno);
}

static void on_readable(int fd, short what, void *data)
{
	struct child *child = data;

	(void)fd;
	(void)what;
	child->heard(child->owner, child);
}

int child_listen(struct child *child, struct event_base *base, void (*heard)(void *owner, struct child *child),
	void *owner)
{
	if (fcntl(child->control, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return -errno;
	child->heard = heard;
	child->owner = owner;
	child->readable = event_new(base, child->control, EV_READ | EV_PERSIST, on_readable, child);
	if (child->readable == NULL || event_add(child->readable, NULL) < 0)
		return log_origin(-ENOMEM);
	return 0;
}

void child_ignore(struct child *child)
{
	child->deaf = true;
	(void)event_del(child->readable);
}

static void forget_process(struct child *child)
{
	if (child->readable != NULL)
		event_free(child->readable);
	child->readable = NULL;
	if (child->control >= 0)
		(void)close(child->control);
	child->control = -1;
	executing_unmap(child->page);
	child->page = NULL;
	if (child->executing >= 0)
		(void)close(child->executing);
	child->executing = -1;
	child->pid = 0;
	child->ready = false;
	child->pin = CHILD_NO_PIN;
}

/* At once after a long healthy time, else 50 ms, doubling to 5 s. */
static void back_off(struct child *child, uint64_t now_us, bool healthy)
{
	if (healthy)
		child->delay_ms = 0;
	child->not_before_us = now_us + (uint64_t)child->delay_ms * 1000;
	child->delay_ms = child->delay_ms == 0 ? DELAY_FIRST_MS : child->delay_ms * 2;
	if (child->delay_ms > DELAY_MAX_MS)
		child->delay_ms = DELAY_MAX_MS;
}

void child_start_failed(struct child *child, const char *why)
{
	(void)snprintf(child->why, sizeof(child->why), "%s", why);
	log_error("%s: %s", child->name, child->why);
	if (child->delay_ms == 0)
		child->delay_ms = DELAY_FIRST_MS;
	back_off(child, clock_monotonic_us(), false);
}

static void describe_end(struct child *child, int status)
{
	const int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (child->why[0] != '\0')
		return; /* it said more itself */
	if (number == SIGSYS)
		(void)snprintf(child->why, sizeof(child->why),
			"ended by its sandbox: it tried a system call that it must not make");
	else if (number == SIGALRM)
		(void)snprintf(child->why, sizeof(child->why), "ended: the token did not answer in time");
	else if (number != 0)
		(void)snprintf(child->why, sizeof(child->why), "ended by signal %d (%s)", number, strsignal(number));
	else
		(void)snprintf(child->why, sizeof(child->why), "ended with status %d", WEXITSTATUS(status));
}

void child_ended(struct child *child, int status)
{
	const uint64_t now = clock_monotonic_us();
	/* Workers end by themselves when the broker is gone, when they were replaced, or when there is nothing to
	 * manage. */
	const bool may_end = child->draining || (child->ready && child->role == CHILD_WORKER);
	const bool in_order = may_end && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	const bool told = child->role == CHILD_WORKER && child->why[0] != '\0'; /* it has logged that itself */
	const bool healthy = child->ready && now - child->ready_us >= HEALTHY_US;

	if (in_order) {
		(void)snprintf(child->why, sizeof(child->why), "ended in order");
		child->not_before_us = now;
	} else {
		describe_end(child, status);
		if (!told)
			log_error("%s (pid %d): %s", child->name, (int)child->pid, child->why);
		/* One that never got ready waits: it would fail again. */
		if (!child->ready && child->delay_ms == 0)
			child->delay_ms = DELAY_FIRST_MS;
		back_off(child, now, healthy);
	}
	forget_process(child);
}

void child_inherited(struct child *child, bool ready)
{
	child->sequence.state = ready ? CHILD_SERVES : CHILD_STARTS;
	child->sequence.open[ASKED_ALIVE - 1] = 1;
	if (ready)
		child_ready(child);
}

void child_ready(struct child *child)
{
	if (child->ready)
		return;
	child->ready = true;
	child->ready_us = clock_monotonic_us();
}

bool child_due(const struct child *child, uint64_t now_us)
{
	return child->pid == 0 && child->not_before_us <= now_us;
}

int child_send(struct child *child, const Control *message, const int *fds, size_t n_fds)
{
	const int r = child->control < 0 ? -ENOTCONN : dgram_send(child->control, &message->base, fds, n_fds);

	if (r == 0)
		sequence_sent(&child->sequence, message->what_case);
	return r;
}

static void drain(struct child *child, bool quiet)
{
	Cek__Internal__V1__Drain order = CEK__INTERNAL__V1__DRAIN__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	int r;

	if (child->pid == 0 || child->draining)
		return;
	child->draining = true;
	order.quiet = quiet;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN;
	message.drain = &order;
	r = child_send(child, &message, NULL, 0);
	if (r < 0 && r != -EPIPE) /* broken: it is ending already */
		log_warning("%s (pid %d) cannot be asked to end: %s", child->name, (int)child->pid, strerror(-r));
}

void child_drain(struct child *child)
{
	drain(child, false);
}

void child_drain_quietly(struct child *child)
{
	drain(child, true);
}

void child_kill(const struct child *child, int signal_number)
{
	if (child->pid != 0)
		(void)kill(child->pid, signal_number);
}
