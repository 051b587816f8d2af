/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/plural.h"
#include "daemon/broker/net/parent_link.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__Control Control;

/* False: it was not said; with a full pair the caller says it again in a later turn. */
static bool tell(const struct parent_link *link, const Control *message)
{
	int r = dgram_send(link->fd, &message->base, NULL, 0);

	if (r < 0 && r != -EAGAIN)
		log_error("cannot tell cekd: %s", strerror(-r));
	return r == 0;
}

bool parent_link_want_worker(struct parent_link *link, bool manage, uint32_t index, uint32_t generation)
{
	Cek__Internal__V1__WantWorker want = CEK__INTERNAL__V1__WANT_WORKER__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	want.manage = manage;
	want.index = index;
	want.generation = generation;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WANT_WORKER;
	message.want_worker = &want;
	return tell(link, &message);
}

bool parent_link_end_worker(struct parent_link *link, const Cek__Internal__V1__EndWorker *end)
{
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_END_WORKER;
	message.end_worker = (Cek__Internal__V1__EndWorker *)end;
	return tell(link, &message);
}

bool parent_link_end_journal(struct parent_link *link, int32_t pid, const char *how, bool broke)
{
	Cek__Internal__V1__EndJournal end = CEK__INTERNAL__V1__END_JOURNAL__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	end.pid = pid;
	end.how = (char *)how;
	end.broke = broke;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_END_JOURNAL;
	message.end_journal = &end;
	return tell(link, &message);
}

void parent_link_tell_ready(struct parent_link *link)
{
	Cek__Internal__V1__Ready ready = CEK__INTERNAL__V1__READY__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	if (link->ready_sent)
		return;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_READY;
	message.ready = &ready;
	link->ready_sent = tell(link, &message);
}

/* From the loop, so that it says that the loop turns; the service manager's watchdog lives on it. */
static bool tell_alive(const struct parent_link *link)
{
	Cek__Internal__V1__Alive alive = CEK__INTERNAL__V1__ALIVE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE;
	message.alive = &alive;
	return tell(link, &message);
}

static bool tell_reloaded(const struct parent_link *link)
{
	Cek__Internal__V1__Reloaded reloaded = CEK__INTERNAL__V1__RELOADED__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_RELOADED;
	message.reloaded = &reloaded;
	return tell(link, &message);
}

/* What cekd waits for, and asks only once: a pair that was full must not swallow it. */
static void tell_owed(struct parent_link *link)
{
	if (link->owes_alive)
		link->owes_alive = !tell_alive(link);
	while (link->owes_reloaded > 0 && tell_reloaded(link))
		link->owes_reloaded--;
}

void parent_link_tell_reloaded(struct parent_link *link)
{
	link->owes_reloaded++;
	tell_owed(link);
}

/* Nothing is written into text unless something may have changed. */
void parent_link_tell_state(struct parent_link *link, bool ready, const char *waits_for, const char *why, size_t n_keys)
{
	Cek__Internal__V1__ServiceState state = CEK__INTERNAL__V1__SERVICE_STATE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	char text[sizeof(link->told)];

	tell_owed(link);
	if (ready && link->told_ready && link->told_keys == n_keys)
		return;
	if (ready)
		snprintf(text, sizeof(text), "serving %zu key%s", n_keys, plural(n_keys));
	else if (waits_for)
		snprintf(text, sizeof(text), "waiting for %s: %s", waits_for, why);
	else
		snprintf(text, sizeof(text), "not ready: %s", why);
	if (ready == link->told_ready && strcmp(text, link->told) == 0)
		return;
	state.ready = ready;
	state.waiting = waits_for != NULL;
	state.text = text;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_STATE;
	message.state = &state;
	if (!tell(link, &message))
		return;
	link->told_ready = ready;
	link->told_keys = n_keys;
	snprintf(link->told, sizeof(link->told), "%s", text);
}

void parent_link_tell_failing(const struct parent_link *link, int failing_class, const char *why)
{
	Cek__Internal__V1__Failing failing = CEK__INTERNAL__V1__FAILING__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	failing.class_ = (Cek__Internal__V1__Failing__Class)failing_class;
	failing.why = (char *)why;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_FAILING;
	message.failing = &failing;
	tell(link, &message);
}

const struct seen *parent_link_seen(const struct parent_link *link, int32_t pid)
{
	for (size_t i = 0; i < link->n_seen; i++)
		if (link->seen[i].pid == pid)
			return &link->seen[i];
	return NULL;
}

static void take_look(struct parent_link *link, const Cek__Internal__V1__AreYouThere *question)
{
	if (question->n_look == 0)
		return;
	link->n_seen = question->n_look < PROCESSES_MAX ? question->n_look : PROCESSES_MAX;
	for (size_t i = 0; i < link->n_seen; i++) {
		const Cek__Internal__V1__ProcessLook *look = question->look[i];

		link->seen[i] = (struct seen){.pid = look->pid,
			.uid = look->uid,
			.threads = look->threads,
			.filters = look->filters,
			.no_new_privs = look->no_new_privs};
	}
}

enum { FDS_MAX = 3 }; /* one more than any message has */

static void on_message(struct parent_link *link, const Control *message, int fds[FDS_MAX])
{
	switch (message->what_case) {
	case CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_UP:
		link->events->worker_up(link->owner, fds[0], fds[1], message->worker_up);
		fds[0] = -1;
		break;
	case CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_GONE:
		link->events->worker_gone(link->owner, message->worker_gone);
		break;
	case CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN:
		link->events->drain(link->owner, message->drain->quiet);
		break;
	case CEK__INTERNAL__V1__CONTROL__WHAT_RELOAD:
		link->events->reload(link->owner, message->reload);
		break;
	case CEK__INTERNAL__V1__CONTROL__WHAT_ARE_YOU_THERE:
		link->heard_us = link->turn->pulse.now_us;
		link->owes_alive = true;
		tell_owed(link);
		take_look(link, message->are_you_there);
		break;
	case CEK__INTERNAL__V1__CONTROL__WHAT_BROKEN:
		link->events->broken(link->owner, message->broken);
		break;
	default: /* the table has no others */
		break;
	}
}

/* It cannot be replaced by us; but what it says next is not believed, and another broker begins anew with it. */
static void accuse(struct parent_link *link, const char *how)
{
	Cek__Internal__V1__Broke broke = CEK__INTERNAL__V1__BROKE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	log_error("cekd %s: ending", how);
	broke.cekd = true;
	broke.how = (char *)how;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_BROKE;
	message.broke = &broke;
	tell(link, &message);
	link->events->lost(link->owner);
}

static void take(struct parent_link *link, ssize_t len, int fds[FDS_MAX], size_t n_fds)
{
	Control *message = len < 0 ? NULL : cek__internal__v1__control__unpack(NULL, (size_t)len, link->turn->datagram);
	char how[SEQUENCE_HOW_MAX];

	if ((message ? sequence_take(&link->sequence, message->what_case, n_fds, how)
		     : sequence_no_message(&link->sequence, how)) == SEQUENCE_FITS)
		on_message(link, message, fds);
	else
		accuse(link, how);
	cek__internal__v1__control__free_unpacked(message, NULL);
}

static void on_readable(evutil_socket_t socket, short what, void *data)
{
	struct parent_link *link = data;
	size_t n_fds = 0;
	int fds[FDS_MAX];
	ssize_t n = dgram_recv(socket, MSG_DONTWAIT, link->turn->datagram, DGRAM_MAX, fds, FDS_MAX, &n_fds);

	turn_look_at_clock(link->turn);
	if (n == -EAGAIN)
		return;
	if (n <= 0 && n != -EMSGSIZE) {
		log_error("cekd is gone");
		link->events->lost(link->owner);
		return;
	}
	take(link, n, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

int parent_link_init(struct parent_link *link, struct turn *turn, int fd, const struct parent_link_events *events,
	void *owner)
{
	int flags = fcntl(fd, F_GETFL);

	*link = (struct parent_link){.turn = turn,
		.fd = fd,
		.events = events,
		.owner = owner,
		.heard_us = turn->pulse.now_us};
	sequence_init(&link->sequence, &sequence_cekd_to_broker, CHILD_SERVES);
	/* A cekd that is stopped reads nothing, and must not stop us. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return log_origin(-errno);
	event_assign(&link->readable, turn->base, fd, EV_READ | EV_PERSIST, on_readable, link);
	return event_add(&link->readable, NULL) < 0 ? log_origin(-ENOMEM) : 0;
}

void parent_link_deinit(struct parent_link *link)
{
	if (!link->turn)
		return;
	event_del(&link->readable);
}
