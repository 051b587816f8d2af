/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/context/metrics.h"
#include "daemon/broker/journal/watch.h"
#include "daemon/broker/request/operation.h"
#include "daemon/broker/ring/issuers.h"
#include "daemon/broker/ring/retire.h"
#include "daemon/broker/rpc/rpc.h"
#include "daemon/broker/workers/patience.h"
#include "proto/frame.h"

enum {
	TEXT_SIZE = FRAME_BODY_MAX - 256, /* with what is around it: a frame */
	KEYS_MAX = 64,                    /* with lines of their own, so that there is room for all else */
};

static uint64_t workers_up_now(const struct broker *broker)
{
	uint64_t n = 0;

	for (const struct link *link = broker->workers.all.next; link != &broker->workers.all; link = link->next)
		n += list_entry(link, struct worker, link)->ready;
	return n;
}

struct rows {
	struct metric *row;
	size_t n, n_keys; /* those of the name that is being added */
};

/* What is 0 has no line; the keys that have none of their own are added up under the name "". */
static void add_key(struct rows *rows, struct metric metric)
{
	if (metric.value == 0)
		return;
	if (rows->n_keys++ < KEYS_MAX) {
		rows->row[rows->n++] = metric;
		return;
	}
	metric.key = "";
	if (rows->n_keys > KEYS_MAX + 1)
		metric.value += rows->row[--rows->n].value;
	rows->row[rows->n++] = metric;
}

/* All of them, so that an alarm sees the first one. */
static void add_pairs(const struct broker *broker, struct rows *rows)
{
	for (unsigned i = 0; i < SEQUENCE_PAIRS; i++)
		rows->row[rows->n++] = (struct metric){.name = "broken_sequences",
			.help = "Processes of cekd ended because they sent another one what may not come, by pair.",
			.value = broker->broken[i],
			.counts = true,
			.pair = sequence_pair_name(i)};
}

static uint64_t late_issuers(const struct broker *broker, const struct key *key)
{
	uint64_t n = 0;

	for (size_t i = 0; i < key->n_versions; i++)
		n += key->versions[i]->state == STATE_DEACTIVATED && retire_late_issuer(key->versions[i], broker->skew);
	return n;
}

static void add_keys(const struct broker *broker, struct rows *rows)
{
	const struct ring *ring = &broker->ring;

	for (size_t i = 0; i < ring->n_keys; i++)
		add_key(rows,
			(struct metric){"unwraps_without_kid", "Unwraps that named a key and no kid, by key.",
				issuers_without_kid(ring->keys[i]), true, ring->keys[i]->name});
	rows->n_keys = 0;
	for (size_t i = 0; i < ring->n_keys; i++)
		add_key(rows,
			(struct metric){"late_issuer_versions",
				"Deactivated versions for which an issuer still encrypts, by key.",
				late_issuers(broker, ring->keys[i]), false, ring->keys[i]->name});
}

static uint64_t oldest_job(const struct broker *broker)
{
	uint64_t oldest_us = 0;

	for (const struct link *link = broker->workers.all.next; link != &broker->workers.all; link = link->next) {
		const struct worker *worker = list_entry(link, struct worker, link);
		const uint64_t age_us = pulse_age(&broker->turn.pulse, patience_oldest(worker));

		oldest_us = age_us > oldest_us ? age_us : oldest_us;
	}
	return oldest_us;
}

static uint64_t late_processes(const struct broker *broker)
{
	uint64_t n = broker->late.since_us != 0;

	n += broker->journal.late.since_us != 0;
	for (const struct link *link = broker->workers.all.next; link != &broker->workers.all; link = link->next)
		n += list_entry(link, struct worker, link)->late.since_us != 0;
	return n;
}

int rpc_metrics(struct request *request)
{
	struct broker *broker = request->broker;
	const struct server *server = &broker->server;
	Cek__V1__MetricsReply *reply = arena_alloc(&broker->turn.arena, sizeof(*reply));
	char *text = arena_alloc(&broker->turn.arena, TEXT_SIZE);
	const char *why;
	struct rows rows = {0};
	const struct metric whole[] = {
		{"ready", "1 if a real unwrap worked and nothing has failed since.", broker_ready(broker, &why)},
		{"connections", "Open connections.", broker->server.n_peers},
		{"open_requests", "Requests not yet answered.", broker->requests.in_use},
		{"queued_jobs", "Jobs that wait for a use worker.", broker->workers.queue.n},
		{"queued_manage_jobs", "Jobs that wait for the manage worker.", broker->workers.manage_queue.n},
		{"workers", "Workers that are ready.", workers_up_now(broker)},
		{"keys", "Keys.", broker->ring.n_keys},
		{"versions", "Versions of all keys, tombstones included.", broker->ring.n_versions},
		{"ring_epoch", "Number of the last record that changed a key.", broker->ring.epoch},
		{"audit_unacknowledged_bytes", "Audit records that the journal has not acknowledged.",
			broker->audit.kept_bytes},
		{"oldest_record_seconds", "Since when the oldest record waits for the journal to acknowledge it.",
			pulse_age(&broker->turn.pulse, watch_oldest(&broker->journal)), .micros = true},
		{"oldest_job_seconds", "Since when the slowest worker is at the present step of its job.",
			oldest_job(broker), .micros = true},
		{"late_processes", "Processes of cekd that owe an answer for longer than it should take.",
			late_processes(broker)},
		{"refused_connections", "Connections over a limit or from an unmapped uid.",
			server->refused_connections, true},
		{"malformed_frames", "Frames that were no request.", server->malformed_frames, true},
		{"silent_connections", "Connections closed because no whole request came.", server->closed_silent,
			true},
		{"stalled_connections", "Connections closed because replies were not read.", server->closed_stalled,
			true},
	};

	rows.row = arena_alloc(&broker->turn.arena,
		sizeof(whole) + (SEQUENCE_PAIRS + 2 * (KEYS_MAX + 1)) * sizeof(*rows.row));
	if (!reply || !text || !rows.row)
		return log_origin(-ENOMEM);
	memcpy(rows.row, whole, sizeof(whole));
	rows.n = sizeof(whole) / sizeof(whole[0]);
	add_pairs(broker, &rows);
	add_keys(broker, &rows);
	cek__v1__metrics_reply__init(reply);
	if (metrics_text(&broker->metrics, operation_metric, rows.row, rows.n, text, TEXT_SIZE) == 0)
		return request_say(request, STATUS_TOO_LARGE, "the metrics do not fit into a reply");
	reply->text = text;
	request->reply.result_case = CEK__V1__REPLY__RESULT_METRICS;
	request->reply.metrics = reply;
	return STATUS_OK;
}
