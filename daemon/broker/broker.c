#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/net/parent_link.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/request/request.h"
#include "proto/dgram.h"
#include "proto/frame.h"

enum {
	SPARE_FILES = 256,      /* cekd raises the limit of files to the connections and as many more */
	OUTPUTS_OF_A_USER = 64, /* connections whose unread replies may all reach their limit */
};

static uint32_t or(uint32_t value, uint32_t fallback)
{
	return value > 0 ? value : fallback;
}

/* Connections must not take the last descriptors: a new worker comes as one, and a message whose descriptor finds no
 * place ends the broker. */
static uint32_t affordable(uint32_t connections)
{
	struct rlimit files;
	uint64_t most;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return connections;
	most = files.rlim_cur > 2 * SPARE_FILES ? files.rlim_cur - SPARE_FILES : files.rlim_cur / 2;
	return most < connections ? (uint32_t)most : connections;
}

void broker_set_limits(struct broker *broker, const Limits *limits)
{
	Limits *to = &broker->limits;

	*to = (Limits)CEK__INTERNAL__V1__LIMITS__INIT;
	to->connections = affordable(or(limits->connections, 10240));
	to->connections_per_uid = or(limits->connections_per_uid, to->connections);
	to->requests_per_connection = or(limits->requests_per_connection, 128);
	to->requests_per_uid = or(limits->requests_per_uid, 1024);
	to->queue_per_worker = or(limits->queue_per_worker, 16);
	to->queue = or(limits->queue, 4096);
	to->output_bytes = or(limits->output_bytes, 262144);
	broker->output_per_user = (size_t)to->output_bytes * OUTPUTS_OF_A_USER;
	to->silent_seconds = or(limits->silent_seconds, 30);
	to->stalled_seconds = or(limits->stalled_seconds, 30);
	to->deadline_ms = or(limits->deadline_ms, 10000);
	to->manage_deadline_ms = or(limits->manage_deadline_ms, 120000);
	to->versions_tried = or(limits->versions_tried, 8);
	broker->quota.connections_max = to->connections_per_uid;
	broker->quota.requests_max = to->requests_per_uid;
}

int broker_set_rules(struct broker *broker, Rule *const *rules, size_t n_rules, char *ret_why, size_t why_size)
{
	char *names[64];
	struct policy policy;
	int r;

	for (size_t i = 0; i < broker->server.n_listeners; i++)
		names[i] = (char *)broker->server.listeners[i].name;
	r = policy_load(rules, n_rules, names, broker->server.n_listeners, &policy, ret_why, why_size);
	if (r < 0)
		return r;
	policy_deinit(&broker->policy);
	broker->policy = policy;
	broker->rules_since = clock_real_us();
	return 0;
}

void broker_look_at_clock(struct broker *broker)
{
	broker->now = clock_monotonic_us();
}

bool broker_serving(const struct broker *broker)
{
	return broker->journal.ok && broker->journal.replayed && !broker->stop;
}

bool broker_ready(const struct broker *broker, const char **ret_why)
{
	if (!broker->journal.known)
		*ret_why = "the journal has not answered yet";
	else if (!broker->journal.ok)
		*ret_why = "the journal does not write";
	else if (!broker->journal.replayed)
		*ret_why = "the key journal is being read";
	else if (broker->ring.suspect)
		*ret_why = restore_why(broker);
	else if (broker->draining)
		*ret_why = "stopping";
	else if (!workers_ready(broker) && broker->workers.why[0] != '\0')
		*ret_why = broker->workers.why;
	else if (!workers_ready(broker))
		*ret_why = "no token worker is ready";
	else if (restore_needed(broker)) /* the token is asked, which needs a worker */
		*ret_why = restore_why(broker);
	else
		return true;
	return false;
}

void broker_fail(struct broker *broker, int failing_class, const char *why)
{
	if (broker->stop)
		return;
	log_error("%s", why);
	control_tell_failing(broker, failing_class, why);
	broker->exit_status = 1;
	broker->stop = true;
}

/* ---- set up -------------------------------------------------------------------------------------------------- */

static int init_memory(struct broker *broker)
{
	int r = arena_init(&broker->arena, ARENA_SIZE);

	if (r == 0)
		r = arena_init(&broker->buffers, INPUT_SIZE + DGRAM_MAX + FRAME_HEADER + FRAME_BODY_MAX + 64);
	if (r < 0)
		return r;
	broker->input = arena_alloc(&broker->buffers, INPUT_SIZE);
	broker->datagram = arena_alloc(&broker->buffers, DGRAM_MAX);
	broker->frame = arena_alloc(&broker->buffers, FRAME_HEADER + FRAME_BODY_MAX);
	pool_init(&broker->requests, sizeof(struct request));
	pool_init(&broker->chunks, sizeof(struct chunk));
	return broker->frame ? 0 : -ENOMEM;
}

static int init_settings(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup)
{
	Limits none = CEK__INTERNAL__V1__LIMITS__INIT;

	broker->gcm_wrap_limit = setup->gcm_wrap_limit > 0 ? setup->gcm_wrap_limit : UINT64_C(1) << 31;
	broker->destroy_wait = or(setup->destroy_wait, 604800);
	broker->destroy_wait_min = setup->destroy_wait_min;
	broker->skew = setup->skew;
	broker->usage_seconds = or(setup->usage_seconds, 60);
	broker->use_workers = setup->use_workers;
	broker->split_uids = setup->split_uids;
	broker->version = strdup(setup->version);
	broker->started = clock_real_us();
	quota_init(&broker->quota, 0, 0);
	broker_set_limits(broker, setup->limits ? setup->limits : &none);
	return broker->version ? 0 : -ENOMEM;
}

static int init_parts(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup, const int *fds, size_t n_fds,
	char *ret_why, size_t why_size)
{
	char *names[64];
	int r;

	if (n_fds != setup->n_listener + 1 || setup->n_listener > 64) {
		snprintf(ret_why, why_size, "%zu descriptors for %zu listeners and the journal", n_fds,
			setup->n_listener);
		return -EINVAL;
	}
	for (size_t i = 0; i < setup->n_listener; i++)
		names[i] = setup->listener[i]->name;
	r = audit_init(&broker->audit, setup->instance, setup->audit_durable);
	if (r == 0)
		r = server_init(broker, names, fds + 1, setup->n_listener);
	if (r == 0)
		r = broker_set_rules(broker, setup->rule, setup->n_rule, ret_why, why_size);
	if (r == 0)
		r = steps_init(broker);
	if (r == 0)
		r = control_init(broker);
	return r == 0 ? journal_init(broker, fds[0]) : r;
}

static void on_tick(evutil_socket_t fd, short what, void *data)
{
	/* The end of the turn looks at the timers. */
}

int broker_init(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup, int control, const int *fds,
	size_t n_fds,
	char *ret_why, size_t why_size)
{
	int r;

	*broker = (struct broker){.control = control, .now = clock_monotonic_us()};
	snprintf(ret_why, why_size, "out of memory");
	ring_init(&broker->ring);
	timers_init(&broker->timers, broker->now);
	workers_init(broker);
	r = init_memory(broker);
	if (r == 0)
		r = init_settings(broker, setup);
	if (r < 0)
		return r;
	broker->base = event_base_new();
	if (!broker->base)
		return -ENOMEM;
	event_assign(&broker->tick, broker->base, -1, 0, on_tick, broker);
	return init_parts(broker, setup, fds, n_fds, ret_why, why_size);
}

void broker_deinit(struct broker *broker)
{
	broker->stop = true;
	server_deinit(broker);
	workers_deinit(broker);
	journal_deinit(broker);
	steps_deinit(broker);
	if (broker->base) {
		control_deinit(broker);
		event_del(&broker->tick);
		event_base_free(broker->base);
	}
	restore_deinit(broker);
	audit_deinit(&broker->audit);
	policy_deinit(&broker->policy);
	ring_deinit(&broker->ring);
	quota_deinit(&broker->quota);
	pool_deinit(&broker->requests);
	pool_deinit(&broker->chunks);
	arena_deinit(&broker->arena);
	arena_deinit(&broker->buffers);
	free(broker->version);
}

/* ---- turning ------------------------------------------------------------------------------------------------- */

static void tell_epoch(struct broker *broker)
{
	if (broker->epoch_told == broker->ring.epoch)
		return;
	broker->epoch_told = broker->ring.epoch;
	server_tell_watchers(broker);
}

/* What was read in this turn goes on together: jobs to the workers, then records to the journal, and only then
 * replies. */
static void end_turn(struct broker *broker)
{
	static const struct timeval tick = {.tv_usec = TIMERS_TICK_US};

	timers_turn(&broker->timers, broker->now);
	arena_reset(&broker->arena);
	workers_flush(broker);
	tell_epoch(broker);
	journal_flush(broker);
	server_flush(broker);
	control_tell_state(broker);
	if (broker->timers.count > 0 && !event_pending(&broker->tick, EV_TIMEOUT, NULL))
		event_add(&broker->tick, &tick);
}

/* Something was begun while replies were written: do not wait before it is sent. */
static bool has_work(const struct broker *broker)
{
	return !list_empty(&broker->server.dirty);
}

void broker_drain(struct broker *broker)
{
	if (broker->draining)
		return;
	log_info("stopping: nothing more is accepted");
	broker->draining = true;
	restore_drain(broker);
	server_drain(broker);
}

/* Everything accepted is answered, written down and written out. */
static bool drained(struct broker *broker)
{
	if (!server_idle(broker) || !workers_idle(broker) || !steps_idle(broker))
		return false;
	if (!broker_serving(broker))
		return true;
	if (!broker->usage_flushed) {
		broker->usage_flushed = true;
		steps_flush_usage(broker);
		return false;
	}
	return broker->journal.n_appends == 0 && audit_settled(&broker->audit);
}

bool broker_turn(struct broker *broker, bool wait)
{
	if (event_base_loop(broker->base, EVLOOP_ONCE | (wait && !has_work(broker) ? 0 : EVLOOP_NONBLOCK)) < 0)
		broker->stop = true;
	broker_look_at_clock(broker);
	end_turn(broker);
	if (broker->draining && drained(broker))
		broker->stop = true;
	return !broker->stop;
}

int broker_run(struct broker *broker)
{
	while (broker_turn(broker, true))
		continue;
	return broker->exit_status;
}
