/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/context/metrics.h"
#include "daemon/broker/request/operation.h"
#include "daemon/broker/rpc/rpc.h"
#include "proto/frame.h"

enum { TEXT_SIZE = FRAME_BODY_MAX - 256 }; /* with what is around it: a frame */

static uint64_t workers_up_now(const struct broker *broker)
{
	uint64_t n = 0;

	for (const struct link *link = broker->workers.all.next; link != &broker->workers.all; link = link->next)
		n += list_entry(link, struct worker, link)->ready;
	return n;
}

int rpc_metrics(struct request *request)
{
	struct broker *broker = request->broker;
	const struct server *server = &broker->server;
	Cek__V1__MetricsReply *reply = arena_alloc(&broker->turn.arena, sizeof(*reply));
	char *text = arena_alloc(&broker->turn.arena, TEXT_SIZE);
	const char *why;
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
		{"refused_connections", "Connections over a limit or from an unmapped uid.",
			server->refused_connections, true},
		{"malformed_frames", "Frames that were no request.", server->malformed_frames, true},
		{"silent_connections", "Connections closed because no whole request came.", server->closed_silent,
			true},
		{"stalled_connections", "Connections closed because replies were not read.", server->closed_stalled,
			true},
	};

	if (!reply || !text)
		return log_origin(-ENOMEM);
	cek__v1__metrics_reply__init(reply);
	if (metrics_text(&broker->metrics, operation_metric, whole, sizeof(whole) / sizeof(whole[0]), text,
		    TEXT_SIZE) == 0)
		return request_say(request, STATUS_TOO_LARGE, "the metrics do not fit into a reply");
	reply->text = text;
	request->reply.result_case = CEK__V1__REPLY__RESULT_METRICS;
	request->reply.metrics = reply;
	return STATUS_OK;
}
