#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker/net/parent_link.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__Control Control;

static const struct timeval alive_period = {.tv_sec = 2};

/* False: it was not said; with a full pair the caller says it again in a later turn. */
static bool tell(struct broker *broker, const Control *message)
{
	int r = dgram_send(broker->control, &message->base, NULL, 0);

	if (r < 0 && r != -EAGAIN)
		log_error("cannot tell cekd: %s", strerror(-r));
	return r == 0;
}

bool control_want_worker(struct broker *broker, bool manage, uint32_t index, uint32_t generation)
{
	Cek__Internal__V1__WantWorker want = CEK__INTERNAL__V1__WANT_WORKER__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	want.manage = manage;
	want.index = index;
	want.generation = generation;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WANT_WORKER;
	message.want_worker = &want;
	return tell(broker, &message);
}

void control_end_worker(struct broker *broker, const struct worker *worker, const char *how)
{
	Cek__Internal__V1__EndWorker end = CEK__INTERNAL__V1__END_WORKER__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	end.manage = worker->manage;
	end.index = worker->index;
	end.generation = worker->generation;
	end.how = (char *)how;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_END_WORKER;
	message.end_worker = &end;
	if (!tell(broker, &message))
		log_error("cekd could not be told to kill it");
}

/* Set up, sandboxed, and the journal replayed or known not to write, so that Status can say why. */
static void tell_ready(struct broker *broker)
{
	Cek__Internal__V1__Ready ready = CEK__INTERNAL__V1__READY__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	if (broker->ready_sent || !(broker->journal.replayed || (broker->journal.known && !broker->journal.ok)))
		return;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_READY;
	message.ready = &ready;
	broker->ready_sent = tell(broker, &message);
}

/* Called each turn: nothing is written into text unless something may have changed. */
void control_tell_state(struct broker *broker)
{
	Cek__Internal__V1__ServiceState state = CEK__INTERNAL__V1__SERVICE_STATE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	const char *why = "";
	char text[sizeof(broker->told)];
	bool ready = broker_ready(broker, &why);

	tell_ready(broker);
	if (ready && broker->told_ready && broker->told_keys == broker->ring.n_keys)
		return;
	if (ready)
		snprintf(text, sizeof(text), "serving %zu keys", broker->ring.n_keys);
	else
		snprintf(text, sizeof(text), "not ready: %s", why);
	if (ready == broker->told_ready && strcmp(text, broker->told) == 0)
		return;
	state.ready = ready;
	state.text = text;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_STATE;
	message.state = &state;
	if (!tell(broker, &message))
		return;
	broker->told_ready = ready;
	broker->told_keys = broker->ring.n_keys;
	snprintf(broker->told, sizeof(broker->told), "%s", text);
}

void control_tell_failing(struct broker *broker, int failing_class, const char *why)
{
	Cek__Internal__V1__Failing failing = CEK__INTERNAL__V1__FAILING__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	failing.class_ = (Cek__Internal__V1__Failing__Class)failing_class;
	failing.why = (char *)why;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_FAILING;
	message.failing = &failing;
	tell(broker, &message);
}

static void on_alive(evutil_socket_t fd, short what, void *data)
{
	Cek__Internal__V1__Alive alive = CEK__INTERNAL__V1__ALIVE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE;
	message.alive = &alive;
	tell(data, &message);
	server_accept_again(data);
}

static void on_reload(struct broker *broker, const Cek__Internal__V1__Reload *reload)
{
	char why[256];

	if (broker_set_rules(broker, reload->rule, reload->n_rule, why, sizeof(why)) < 0) {
		log_error("the new rules are not taken: %s", why);
		return;
	}
	if (reload->limits)
		broker_set_limits(broker, reload->limits);
	server_rematch(broker);
	steps_confirm_clock(broker);
	steps_tell_rules(broker);
	log_info("new rules and limits are in force");
}

enum { FDS_MAX = 2 }; /* of WorkerUp */

static void on_message(struct broker *broker, const Control *message, int fds[FDS_MAX], size_t n_fds)
{
	switch (message->what_case) {
	case CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_UP:
		if (n_fds < FDS_MAX)
			break;
		if (workers_up(broker, fds[0], fds[1], message->worker_up) < 0)
			log_error("out of memory for a worker");
		fds[0] = -1;
		break;
	case CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_GONE:
		workers_gone(broker, message->worker_gone);
		break;
	case CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN:
		broker_drain(broker);
		break;
	case CEK__INTERNAL__V1__CONTROL__WHAT_RELOAD:
		on_reload(broker, message->reload);
		break;
	default:
		break;
	}
}

static void on_readable(evutil_socket_t socket, short what, void *data)
{
	struct broker *broker = data;
	Control *message;
	size_t n_fds = 0;
	int fds[FDS_MAX];
	ssize_t n = dgram_recv(socket, MSG_DONTWAIT, broker->turn.datagram, DGRAM_MAX, fds, FDS_MAX, &n_fds);

	turn_look_at_clock(&broker->turn);
	if (n == -EAGAIN)
		return;
	if (n <= 0) { /* cekd is gone: nobody would start workers or stop us */
		log_error("cekd is gone");
		broker->exit_status = 1;
		broker->turn.stop = true;
		return;
	}
	message = cek__internal__v1__control__unpack(NULL, (size_t)n, broker->turn.datagram);
	if (message)
		on_message(broker, message, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	cek__internal__v1__control__free_unpacked(message, NULL);
}

int control_init(struct broker *broker)
{
	event_assign(&broker->control_event, broker->turn.base, broker->control, EV_READ | EV_PERSIST, on_readable, broker);
	event_assign(&broker->alive_event, broker->turn.base, -1, EV_PERSIST, on_alive, broker);
	if (event_add(&broker->control_event, NULL) < 0 || event_add(&broker->alive_event, &alive_period) < 0)
		return -ENOMEM;
	on_alive(-1, 0, broker);
	return 0;
}

void control_deinit(struct broker *broker)
{
	event_del(&broker->control_event);
	event_del(&broker->alive_event);
}
