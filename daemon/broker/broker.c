#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/net/parent_link.h"
#include "daemon/broker/net/peer.h"
#include "daemon/broker/request/request.h"
#include "proto/dgram.h"
#include "proto/frame.h"

static uint32_t or(uint32_t value, uint32_t fallback)
{
	return value > 0 ? value : fallback;
}

void broker_set_limits(struct broker *broker, const Limits *limits)
{
	turn_set_limits(&broker->turn, limits);
	broker->quota.connections_max = broker->turn.limits.connections_per_uid;
	broker->quota.requests_max = broker->turn.limits.requests_per_uid;
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

bool broker_serving(const struct broker *broker)
{
	return broker->journal.ok && broker->journal.replayed && !broker->turn.stop;
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
	else if (broker->turn.draining)
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
	if (broker->turn.stop)
		return;
	log_error("%s", why);
	control_tell_failing(broker, failing_class, why);
	broker->exit_status = 1;
	broker->turn.stop = true;
}

/* ---- set up -------------------------------------------------------------------------------------------------- */

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

int broker_init(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup, int control, const int *fds,
	size_t n_fds,
	char *ret_why, size_t why_size)
{
	int r;

	*broker = (struct broker){.control = control};
	snprintf(ret_why, why_size, "out of memory");
	ring_init(&broker->ring);
	workers_init(broker);
	pool_init(&broker->requests, sizeof(struct request));
	pool_init(&broker->chunks, sizeof(struct chunk));
	r = turn_init(&broker->turn);
	if (r == 0)
		r = init_settings(broker, setup);
	if (r < 0)
		return r;
	return init_parts(broker, setup, fds, n_fds, ret_why, why_size);
}

void broker_deinit(struct broker *broker)
{
	broker->turn.stop = true;
	server_deinit(broker);
	workers_deinit(broker);
	journal_deinit(broker);
	steps_deinit(broker);
	if (broker->turn.base)
		control_deinit(broker);
	restore_deinit(broker);
	audit_deinit(&broker->audit);
	policy_deinit(&broker->policy);
	ring_deinit(&broker->ring);
	quota_deinit(&broker->quota);
	pool_deinit(&broker->requests);
	pool_deinit(&broker->chunks);
	turn_deinit(&broker->turn);
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
	turn_timers(&broker->turn);
	workers_flush(broker);
	tell_epoch(broker);
	journal_flush(broker);
	server_flush(broker);
	control_tell_state(broker);
	turn_come_back(&broker->turn);
}

/* Something was begun while replies were written: do not wait before it is sent. */
static bool has_work(const struct broker *broker)
{
	return !list_empty(&broker->server.dirty);
}

void broker_drain(struct broker *broker)
{
	if (broker->turn.draining)
		return;
	log_info("stopping: nothing more is accepted");
	broker->turn.draining = true;
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
	turn_handle(&broker->turn, wait && !has_work(broker));
	end_turn(broker);
	if (broker->turn.draining && drained(broker))
		broker->turn.stop = true;
	return !broker->turn.stop;
}

int broker_run(struct broker *broker)
{
	while (broker_turn(broker, true))
		continue;
	return broker->exit_status;
}
