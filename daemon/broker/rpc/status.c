/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plural.h"
#include "daemon/broker/journal/watch.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/ring/retire.h"
#include "daemon/broker/rpc/rpc.h"
#include "daemon/broker/workers/patience.h"
#include "daemon/broker/workers/worker.h"

enum {
	WARNINGS_MAX = 32, /* the last one counts those that did not fit */
	WARNING_LEN_MAX = 200,
};

/* The names of what came after the first release; cek.proto says what they mean. Never one less. */
static char *features[] = {(char *)"alias", (char *)"explain", (char *)"preview", (char *)"suspend-rotate"};

static char *shown(const char *text)
{
	return (char *)(text[0] != '\0' ? text : "unknown");
}

static int fill_workers(struct request *request, Cek__V1__StatusReply *reply)
{
	struct broker *broker = request->broker;
	struct link *all = &broker->workers.all;
	Cek__V1__WorkerStatus *rows;
	size_t n = 0;

	for (struct link *link = all->next; link != all; link = link->next)
		n++;
	rows = arena_alloc(&broker->turn.arena, n * sizeof(*rows));
	reply->worker = arena_alloc(&broker->turn.arena, n * sizeof(*reply->worker));
	if (!rows || !reply->worker)
		return log_origin(-ENOMEM);
	for (struct link *link = all->next; link != all; link = link->next) {
		const struct worker *worker = list_entry(link, struct worker, link);
		Cek__V1__WorkerStatus *row = &rows[reply->n_worker];

		cek__v1__worker_status__init(row);
		row->kind = (char *)(worker->manage ? "manage" : "use");
		row->index = worker->index;
		row->generation = worker->generation;
		row->state = (char *)(worker->leaving ? "leaving" : worker->ready ? "ready" : "starting");
		row->queued = worker->n_jobs;
		row->done = worker->done;
		row->memory = worker->memory;
		row->pid = worker->pid;
		reply->worker[reply->n_worker++] = row;
	}
	return 0;
}

enum { SINGLE_PROCESSES = 3 };

static uint64_t age_ms(const struct broker *broker, uint64_t since_us)
{
	return pulse_age(&broker->turn.pulse, since_us) / 1000;
}

static void fill_single(const struct broker *broker, Cek__V1__ProcessStatus rows[SINGLE_PROCESSES])
{
	rows[0].kind = (char *)"cekd";
	rows[0].pid = (int32_t)getppid();
	rows[0].heard_ms = age_ms(broker, broker->parent.heard_us);
	rows[0].late = broker->late.since_us != 0;
	rows[1].kind = (char *)"broker";
	rows[1].pid = (int32_t)getpid();
	rows[1].sandbox = (char *)broker->sandbox;
	rows[2].kind = (char *)"journal";
	rows[2].pid = broker->journal.pid;
	rows[2].sandbox = (char *)broker->journal.sandbox;
	rows[2].heard_ms = age_ms(broker, broker->journal.heard_us);
	rows[2].owes_ms = age_ms(broker, watch_oldest(&broker->journal));
	rows[2].late = broker->journal.late.since_us != 0;
}

static int fill_seen(struct request *request, Cek__V1__ProcessStatus *row)
{
	const struct seen *seen = parent_link_seen(&request->broker->parent, row->pid);

	if (!seen)
		return 0;
	row->seen = arena_alloc(&request->broker->turn.arena, sizeof(*row->seen));
	if (!row->seen)
		return log_origin(-ENOMEM);
	cek__v1__process_seen__init(row->seen);
	row->seen->uid = seen->uid;
	row->seen->threads = seen->threads;
	row->seen->seccomp_filters = seen->filters;
	row->seen->no_new_privs = seen->no_new_privs;
	return 0;
}

static int fill_processes(struct request *request, Cek__V1__StatusReply *reply)
{
	const struct broker *broker = request->broker;
	struct arena *arena = &request->broker->turn.arena;
	const size_t n = SINGLE_PROCESSES + reply->n_worker;
	Cek__V1__ProcessStatus *rows = arena_alloc(arena, n * sizeof(*rows));
	const struct link *link = broker->workers.all.next;

	reply->process = arena_alloc(arena, n * sizeof(*reply->process));
	if (!rows || !reply->process)
		return log_origin(-ENOMEM);
	for (size_t i = 0; i < n; i++) {
		cek__v1__process_status__init(&rows[i]);
		reply->process[reply->n_process++] = &rows[i];
	}
	fill_single(broker, rows);
	for (size_t i = SINGLE_PROCESSES; i < n; i++, link = link->next) {
		const struct worker *worker = list_entry(link, struct worker, link);

		rows[i].kind = (char *)(worker->manage ? "manage" : "use");
		rows[i].index = worker->index;
		rows[i].pid = worker->pid;
		rows[i].heard_ms = age_ms(broker, worker->heard_us);
		rows[i].owes_ms = age_ms(broker, patience_oldest(worker));
		rows[i].late = worker->late.since_us != 0;
		if (worker->hello)
			rows[i].sandbox = worker->hello->sandbox;
	}
	for (size_t i = 0; i < n; i++)
		if (fill_seen(request, &rows[i]) < 0)
			return -ENOMEM;
	return 0;
}

struct warnings {
	Cek__V1__StatusReply *reply;
	struct arena *arena;
	size_t left_out;
};

/* The last place is for the number of those that have none. */
static void warn(struct warnings *warnings, const char *text)
{
	Cek__V1__StatusReply *reply = warnings->reply;

	if (reply->n_warning < WARNINGS_MAX - 1)
		reply->warning[reply->n_warning++] = (char *)text;
	else
		warnings->left_out++;
}

static void warn_of(struct warnings *warnings, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void warn_of(struct warnings *warnings, const char *format, ...)
{
	char *text = arena_alloc(warnings->arena, WARNING_LEN_MAX);
	va_list args;

	if (!text) {
		warnings->left_out++;
		return;
	}
	va_start(args, format);
	vsnprintf(text, WARNING_LEN_MAX, format, args);
	va_end(args);
	warn(warnings, text);
}

/* All of them, and it is hardly the right token. */
static void warn_of_missing(struct warnings *warnings, const struct broker *broker)
{
	size_t missing = 0, all = 0;

	for (size_t i = 0; i < broker->ring.n_keys; i++) {
		for (size_t j = 0; j < broker->ring.keys[i]->n_versions; j++) {
			const struct version *version = broker->ring.keys[i]->versions[j];

			all += version->state != STATE_DESTROYED;
			missing += version->state != STATE_DESTROYED && version->missing;
		}
	}
	if (missing > 0)
		warn_of(warnings, "the token has no object for %zu of %zu version%s%s (cekctl fsck)", missing, all,
			plural(all), missing == all ? ": is it the right token?" : "");
}

static void warn_of_lost_objects(struct warnings *warnings, const struct broker *broker)
{
	warn_of_missing(warnings, broker);
	for (size_t i = 0; i < broker->ring.n_keys; i++) {
		const struct key *key = broker->ring.keys[i];

		for (size_t j = 0; j < key->n_versions; j++) {
			const struct version *version = key->versions[j];

			if (version->state == STATE_DESTROYED)
				continue;
			if (version->twins)
				warn_of(warnings,
					"key %s: the token has several keys that could be version %u: "
					"cekctl fsck",
					key->name, version->number);
			if (version->missing)
				warn_of(warnings, "key %s: the token has no object for version %u", key->name,
					version->number);
		}
	}
}

static const char *key_that_needs(const struct broker *broker, const char *alg)
{
	for (size_t i = 0; i < broker->ring.n_keys; i++) {
		const struct key *key = broker->ring.keys[i];

		for (size_t j = 0; strcmp(key->alg->name, alg) == 0 && j < key->n_versions; j++) {
			if (move_opens(key->versions[j]))
				return key->name;
		}
	}
	return NULL;
}

static void warn_of_algs(struct warnings *warnings, const struct broker *broker)
{
	const struct link *all = &broker->workers.all;

	for (const struct link *link = all->next; link != all; link = link->next) {
		const struct worker *worker = list_entry(link, struct worker, link);

		for (size_t i = 0; worker->hello && !worker->manage && i < worker->hello->n_alg; i++) {
			const Cek__V1__AlgStatus *alg = worker->hello->alg[i];
			const char *key = alg->available ? NULL : key_that_needs(broker, alg->alg);

			if (key)
				warn_of(warnings, "worker %u.%u: %s, which key %s needs: %s", worker->index,
					worker->generation, alg->alg, key, alg->how);
		}
	}
}

static void warn_of_issuers(struct warnings *warnings, const struct broker *broker)
{
	char last[RETIRE_LAST_TOKEN];

	for (size_t i = 0; i < broker->ring.n_keys; i++) {
		const struct key *key = broker->ring.keys[i];

		for (size_t j = 0; j < key->n_versions; j++) {
			const struct version *version = key->versions[j];

			if (version->state == STATE_DEACTIVATED && retire_late_issuer(version, broker->skew))
				warn_of(warnings, "key %s: an issuer still encrypts for version %u: %s", key->name,
					version->number, retire_last_token(version, last));
		}
	}
}

static void warn_of_files(struct warnings *warnings, const struct turn *turn)
{
	if (turn->limits.connections < turn->connections_wanted)
		warn_of(warnings,
			"descriptors suffice for %u connection%s, not for %u: raise LimitNOFILE, or lower connections",
			turn->limits.connections, plural(turn->limits.connections), turn->connections_wanted);
}

static void warn_of_late(struct warnings *warnings, const struct broker *broker)
{
	const struct stuck *stuck = &broker->workers.stuck;

	if (broker->late.since_us != 0)
		warn_of(warnings, "cekd itself does not answer since %s: whatever ends now is not started again",
			broker->late.since);
	if (stuck->pid != 0)
		warn_of(warnings,
			"%s worker %u.%u (pid %d) hangs inside a login since %s: it is not killed, since that can ruin "
			"the "
			"token, and no other one logs in",
			stuck->manage ? "manage" : "use", stuck->index, stuck->generation, (int)stuck->pid,
			stuck->since);
}

static bool any_doubtful(const struct ring *ring)
{
	for (size_t i = 0; i < ring->n_keys; i++) {
		for (size_t j = 0; j < ring->keys[i]->n_versions; j++) {
			const struct version *version = ring->keys[i]->versions[j];

			if (version->state == STATE_WAITING && wait_doubtful(&version->wait, &ring->clocks))
				return true;
		}
	}
	return false;
}

static void warn_of_clock(struct warnings *warnings, const struct broker *broker)
{
	if (broker_clock_jumped(broker))
		warn(warnings,
			"the clock jumped: nothing happens by schedule until the time is confirmed (kill -HUP "
			"cekd)");
	else if (any_doubtful(&broker->ring))
		warn(warnings,
			"before this boot the clock went on by more than a day that nobody saw: what waited for "
			"its destruction then is not destroyed until the time is confirmed (kill -HUP cekd)");
}

static int fill_warnings(struct request *request, Cek__V1__StatusReply *reply)
{
	const struct broker *broker = request->broker;
	struct warnings warnings = {.reply = reply, .arena = &request->broker->turn.arena};

	reply->warning = arena_alloc(&request->broker->turn.arena, WARNINGS_MAX * sizeof(*reply->warning));
	if (!reply->warning)
		return log_origin(-ENOMEM);
	if (!broker->split_uids)
		warn(&warnings, "all processes run under one uid: a fault of one reaches the others");
	if (!broker->turn.arena.locked || !broker->turn.buffers.locked || broker->requests.unlocked ||
		broker->server.chunks.unlocked)
		warn(&warnings, "memory for CEKs could not be locked, so they may reach swap: raise LimitMEMLOCK");
	warn_of_files(&warnings, &broker->turn);
	warn_of_late(&warnings, broker);
	warn_of_clock(&warnings, broker);
	if (broker->journal.law[0] != '\0')
		warn(&warnings, broker->journal.law);
	if (broker->workers.hopeless)
		warn(&warnings, broker->workers.why);
	if (!list_empty(&broker->ring.intents))
		warn(&warnings, "some life-cycle changes began and did not end: cekctl fsck says what is left of them");
	if (broker->restore.foreign > 0)
		warn_of(&warnings,
			"token holds %zu key%s the journal does not know (cekctl fsck): if adopted, then the journal "
			"is "
			"not the right one",
			broker->restore.foreign, plural(broker->restore.foreign));
	warn_of_algs(&warnings, broker);
	warn_of_lost_objects(&warnings, broker);
	warn_of_issuers(&warnings, broker);
	if (warnings.left_out > 0) {
		char *text = arena_alloc(&request->broker->turn.arena, WARNING_LEN_MAX);

		if (!text)
			return log_origin(-ENOMEM);
		snprintf(text, WARNING_LEN_MAX, "%zu more warning%s: cekctl fsck and cekd's log tell more",
			warnings.left_out, plural(warnings.left_out));
		reply->warning[reply->n_warning++] = text;
	}
	return 0;
}

static void fill_token(const struct broker *broker, Cek__V1__StatusReply *reply)
{
	const WorkerHello *hello = workers_hello(&broker->workers);

	if (!hello)
		return;
	reply->token_label = hello->token_label;
	reply->token_serial = hello->token_serial;
	reply->token_model = hello->token_model;
	reply->module = hello->module;
	reply->alg = hello->alg;
	reply->n_alg = hello->n_alg;
}

int rpc_status(struct request *request)
{
	struct broker *broker = request->broker;
	Cek__V1__StatusReply *reply = arena_alloc(&broker->turn.arena, sizeof(*reply));
	const char *why = "";

	if (!reply)
		return log_origin(-ENOMEM);
	cek__v1__status_reply__init(reply);
	reply->ready = broker_ready(broker, &why);
	reply->why_not_ready = (char *)why;
	reply->version = broker->version;
	reply->journal = shown(broker->journal.keys);
	reply->audit = shown(broker->journal.audit);
	reply->sandbox = broker->sandbox;
	reply->split_uids = broker->split_uids;
	reply->started = broker->started;
	reply->keys = (uint32_t)broker->ring.n_keys;
	reply->versions = (uint32_t)broker->ring.n_versions;
	reply->connections = broker->server.n_peers;
	reply->now = clock_real_us();
	if (broker->journal.free_known)
		reply->room_case = CEK__V1__STATUS_REPLY__ROOM_STATE_FREE;
	reply->state_free = broker->journal.free;
	reply->features = features;
	reply->n_features = sizeof(features) / sizeof(features[0]);
	fill_token(broker, reply);
	if (fill_workers(request, reply) < 0 || fill_processes(request, reply) < 0 || fill_warnings(request, reply) < 0)
		return -ENOMEM;
	request->reply.result_case = CEK__V1__REPLY__RESULT_STATUS_REPLY;
	request->reply.status_reply = reply;
	return STATUS_OK;
}
