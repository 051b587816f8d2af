/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/journal/audit.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/journal/restore.h"
#include "daemon/broker/judge.h"
#include "daemon/broker/lifecycle/asking.h"
#include "daemon/broker/lifecycle/notes.h"
#include "daemon/broker/lifecycle/steps.h"
#include "daemon/broker/net/parent_link.h"
#include "daemon/broker/net/server.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/policy/quota.h"
#include "daemon/broker/request/request.h"
#include "daemon/broker/rpc/operations.h"
#include "daemon/broker/workers/jobs.h"
#include "daemon/broker/workers/worker.h"
#include "daemon/broker/workers/workers.h"

enum {
	LISTENERS_MAX = 64,
	QUIET_US = 10000000, /* a hand-over waits so long for the changes that are under way */
};

void broker_set_limits(struct broker *broker, const Limits *limits)
{
	turn_set_limits(&broker->turn, limits);
	broker->quota.connections_max = broker->turn.limits.connections_per_uid;
	broker->quota.requests_max = broker->turn.limits.requests_per_uid;
}

int broker_set_rules(struct broker *broker, Rule *const *rules, size_t n_rules, char *ret_why, size_t why_size)
{
	char *names[LISTENERS_MAX];
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

/* ---- what the connections tell --------------------------------------------------------------------------------- */

static void on_frame(void *owner, struct peer *peer, const uint8_t *body, size_t len)
{
	request_run(owner, peer, body, len);
}

static bool on_at_once(void *owner, const uint8_t *body, size_t len)
{
	return request_at_once(owner, body, len);
}

static void on_no_frame(void *owner, struct peer *peer, enum status status, const char *text)
{
	request_refuse_frame(owner, peer, status, text);
}

static void on_peer_gone(void *owner, struct link *request)
{
	request_orphan(list_entry(request, struct request, open));
}

static const struct server_events server_events = {
	.frame = on_frame,
	.at_once = on_at_once,
	.no_frame = on_no_frame,
	.gone = on_peer_gone,
};

/* ---- what the workers tell ------------------------------------------------------------------------------------- */

static bool on_want_worker(void *owner, bool manage, uint32_t index, uint32_t generation)
{
	struct broker *broker = owner;

	return parent_link_want_worker(&broker->parent, manage, index, generation);
}

static bool on_end_worker(void *owner, const struct worker *worker, const char *how, bool hung)
{
	struct broker *broker = owner;
	Cek__Internal__V1__EndWorker end = CEK__INTERNAL__V1__END_WORKER__INIT;

	end.manage = worker->manage;
	end.index = worker->index;
	end.generation = worker->generation;
	end.how = (char *)how;
	end.hung = hung;
	return parent_link_end_worker(&broker->parent, &end);
}

static void on_worker_ready(void *owner)
{
	notes_look_for_missing(owner);
	steps_try_again(owner);
	asking_try_again(owner);
}

static const struct workers_events workers_events = {
	.want = on_want_worker,
	.end = on_end_worker,
	.ready = on_worker_ready,
};

/* ---- what the journal tells ------------------------------------------------------------------------------------ */

/* Is it the right journal (one without keys asks the token first)? Then the record that cekd has started; and the
 * listeners. cekd starts the workers when it is told that this much is done. */
static void on_replayed(void *owner, const Cek__Internal__V1__ReplayBatch *last)
{
	struct broker *broker = owner;

	asking_begin(broker, last);
	server_begin(&broker->server);
}

/* Status can say why. */
static void on_mute(void *owner)
{
	struct broker *broker = owner;

	server_begin(&broker->server);
}

static void on_changed(void *owner)
{
	struct broker *broker = owner;

	steps_changed(&broker->steps);
}

static bool on_end_journal(void *owner, int32_t pid, const char *how, bool broke)
{
	struct broker *broker = owner;

	return parent_link_end_journal(&broker->parent, pid, how, broke);
}

static void on_failed(void *owner, const char *why)
{
	struct broker *broker = owner;

	if (broker->turn.stop)
		return;
	log_error("%s", why);
	parent_link_tell_failing(&broker->parent, CEK__INTERNAL__V1__FAILING__CLASS__JOURNAL, why);
	broker->exit_status = 1;
	broker->turn.stop = true;
}

static const struct journal_events journal_events = {
	.replayed = on_replayed,
	.mute = on_mute,
	.changed = on_changed,
	.end = on_end_journal,
	.failed = on_failed,
};

/* ---- what cekd tells ------------------------------------------------------------------------------------------- */

static void on_worker_up(void *owner, int fd, int executing, const Cek__Internal__V1__WorkerUp *up)
{
	struct broker *broker = owner;

	if (workers_up(&broker->workers, fd, executing, up) < 0)
		log_error("out of memory for a worker");
}

static void on_worker_gone(void *owner, const Cek__Internal__V1__WorkerGone *gone)
{
	struct broker *broker = owner;

	workers_gone(&broker->workers, gone);
}

static void on_reload(void *owner, const Cek__Internal__V1__Reload *reload)
{
	struct broker *broker = owner;
	char why[256];

	if (broker_set_rules(broker, reload->rule, reload->n_rule, why, sizeof(why)) < 0) {
		log_error("the new rules are not taken: %s", why);
		parent_link_tell_reloaded(&broker->parent);
		return;
	}
	if (reload->limits)
		broker_set_limits(broker, reload->limits);
	server_rematch(&broker->server);
	notes_confirm_clock(broker);
	steps_try_again(broker);
	asking_try_again(broker);
	notes_tell_rules(broker);
	log_info("new rules and limits are in force");
	parent_link_tell_reloaded(&broker->parent);
}

/* Accept nothing more, answer what has come by now, then stop. */
static void drain(struct broker *broker)
{
	if (broker->turn.draining)
		return;
	log_info("stopping: nothing more is accepted");
	broker->quiet_until = 0;
	broker->turn.draining = true;
	asking_drain(broker);
	server_drain(&broker->server);
}

/* An RSA key may take seconds to be made: nobody else shall wait for that between two brokers. */
static void on_drain(void *owner, bool quiet)
{
	struct broker *broker = owner;

	if (!quiet || list_empty(&broker->steps.changes))
		drain(broker);
	else if (broker->quiet_until == 0)
		broker->quiet_until = broker->turn.now + QUIET_US;
}

static void drain_when_quiet(struct broker *broker)
{
	if (broker->quiet_until > 0 && (list_empty(&broker->steps.changes) || broker->turn.now >= broker->quiet_until))
		drain(broker);
}

static void take_broken(struct broker *broker, const Cek__Internal__V1__Broken *broken)
{
	for (size_t i = 0; broken && i < SEQUENCE_PAIRS && i < broken->n_count; i++)
		broker->broken[i] = broken->count[i];
}

static void on_broken(void *owner, const Cek__Internal__V1__Broken *broken)
{
	take_broken(owner, broken);
}

static void on_lost(void *owner)
{
	struct broker *broker = owner;

	broker->exit_status = 1;
	broker->turn.stop = true;
}

static const struct parent_link_events parent_link_events = {
	.worker_up = on_worker_up,
	.worker_gone = on_worker_gone,
	.reload = on_reload,
	.drain = on_drain,
	.broken = on_broken,
	.lost = on_lost,
};

/* ---- set up -------------------------------------------------------------------------------------------------- */

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
	return value > 0 ? value : fallback;
}

static int init_settings(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup)
{
	Limits none = CEK__INTERNAL__V1__LIMITS__INIT;

	broker->gcm_wrap_limit = setup->gcm_wrap_limit > 0 ? setup->gcm_wrap_limit : UINT64_C(1) << 31;
	broker->destroy_wait = or_default(setup->destroy_wait, 604800);
	broker->destroy_wait_min = setup->destroy_wait_min;
	broker->skew = setup->skew;
	broker->usage_seconds = or_default(setup->usage_seconds, 60);
	broker->use_workers = setup->use_workers;
	broker->workers.call_seconds = setup->call_seconds;
	take_broken(broker, setup->broken);
	pulse_init(&broker->turn.pulse, setup->hang_seconds, broker->turn.now);
	broker->split_uids = setup->split_uids;
	broker->version = strdup(setup->version);
	broker->started = clock_real_us();
	snprintf(broker->ring.boot, sizeof(broker->ring.boot), "%s", setup->boot);
	quota_init(&broker->quota, 0, 0);
	log_ask(quota_may_log, &broker->quota);
	broker_set_limits(broker, setup->limits ? setup->limits : &none);
	return broker->version ? 0 : -ENOMEM;
}

static int init_server(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup, const int *fds)
{
	const struct server_uses uses = {.turn = &broker->turn,
		.ring = &broker->ring,
		.policy = &broker->policy,
		.quota = &broker->quota,
		.audit = &broker->audit};
	char *names[LISTENERS_MAX];

	for (size_t i = 0; i < setup->n_listener; i++)
		names[i] = setup->listener[i]->name;
	return server_init(&broker->server, &uses, &server_events, broker, names, fds, setup->n_listener);
}

static int init_parts(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup, const int *fds, size_t n_fds,
	char *ret_why, size_t why_size)
{
	int r;

	if (n_fds != setup->n_listener + 1 || setup->n_listener > LISTENERS_MAX) {
		snprintf(ret_why, why_size, "%zu descriptors for %zu listeners and the journal", n_fds,
			setup->n_listener);
		return -EINVAL;
	}
	r = audit_init(&broker->audit, &broker->turn.pulse, setup->instance, setup->audit_durable);
	if (r == 0)
		r = init_server(broker, setup, fds + 1);
	if (r == 0)
		r = broker_set_rules(broker, setup->rule, setup->n_rule, ret_why, why_size);
	if (r == 0)
		r = steps_init(broker);
	if (r == 0)
		r = judge_init(broker);
	if (r == 0)
		r = parent_link_init(&broker->parent, &broker->turn, broker->parent.fd, &parent_link_events, broker);
	if (r < 0)
		return r;
	return journal_init(&broker->journal, &broker->turn, &broker->ring, &broker->audit, fds[0], &journal_events,
		broker);
}

int broker_init(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup, int control, const int *fds,
	size_t n_fds, char *ret_why, size_t why_size)
{
	int r;

	*broker = (struct broker){.parent.fd = control,
		.operations = operations,
		.n_operations = n_operations,
		.asking.broker = broker};
	snprintf(ret_why, why_size, "out of memory");
	ring_init(&broker->ring);
	workers_init(&broker->workers, &broker->turn, &workers_events, broker);
	pool_init(&broker->requests, sizeof(struct request));
	r = turn_init(&broker->turn);
	if (r == 0)
		r = init_settings(broker, setup);
	return r == 0 ? init_parts(broker, setup, fds, n_fds, ret_why, why_size) : r;
}

void broker_deinit(struct broker *broker)
{
	broker->turn.stop = true;
	judge_deinit(broker);
	server_deinit(&broker->server);
	workers_deinit(&broker->workers);
	journal_deinit(&broker->journal);
	steps_deinit(broker);
	parent_link_deinit(&broker->parent);
	asking_deinit(broker);
	restore_deinit(&broker->restore);
	audit_deinit(&broker->audit);
	policy_deinit(&broker->policy);
	ring_deinit(&broker->ring);
	log_ask(NULL, NULL);
	quota_deinit(&broker->quota);
	pool_deinit(&broker->requests);
	turn_deinit(&broker->turn);
	free(broker->version);
}

/* ---- turning ------------------------------------------------------------------------------------------------- */

static void tell_epoch(struct broker *broker)
{
	if (broker->epoch_told == broker->ring.epoch)
		return;
	broker->epoch_told = broker->ring.epoch;
	server_tell_watchers(&broker->server);
}

/* Ready is said when we are set up, sandboxed, and the journal is replayed, or so far as it can be while another one
 * writes, or known not to write, so that Status can say why. */
static void tell_state(struct broker *broker)
{
	const struct journal *journal = &broker->journal;
	const char *why = "", *waits_for = NULL;
	bool ready = broker_ready(broker, &why);

	if (!ready)
		(void)broker_waiting(broker, &waits_for);
	if (journal->replayed || journal->standing_by || (journal->known && !journal->ok))
		parent_link_tell_ready(&broker->parent);
	parent_link_tell_state(&broker->parent, ready, waits_for, why, broker->ring.n_keys);
}

/* What was read in this turn goes on together: jobs to the workers, then records to the journal, and only then
 * replies. */
static void end_turn(struct broker *broker)
{
	turn_timers(&broker->turn);
	workers_flush(&broker->workers);
	tell_epoch(broker);
	journal_flush(&broker->journal);
	server_flush(&broker->server);
	drain_when_quiet(broker);
	tell_state(broker);
	turn_come_back(&broker->turn);
}

/* Something was begun while replies were written, or not served yet: do not wait before that goes on. */
static bool has_work(const struct broker *broker)
{
	return !list_empty(&broker->server.dirty) || server_waiting(&broker->server);
}

/* Everything accepted is answered, written down and written out. */
static bool drained(struct broker *broker)
{
	if (!server_idle(&broker->server) || !workers_idle(&broker->workers) || !steps_idle(broker))
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
	server_serve(&broker->server);
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
