/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/rpc/rpc.h"

/* The first answer is the reply to this request; later ones are made by peer_tell_epoch under the same id. */
int rpc_watch(struct request *request)
{
	struct broker *broker = request->broker;
	struct peer *peer = request->peer;
	Cek__V1__WatchReply *reply = arena_alloc(&broker->turn.arena, sizeof(*reply));

	if (!reply)
		return log_origin(-ENOMEM);
	if (!list_empty(&peer->watching))
		return request_say(request, STATUS_CONFLICT, "this connection watches already");
	cek__v1__watch_reply__init(reply);
	reply->epoch = broker->ring.epoch;
	peer->watch_id = request->id;
	list_append(&broker->server.watchers, &peer->watching);
	request->reply.result_case = CEK__V1__REPLY__RESULT_WATCH;
	request->reply.watch = reply;
	return STATUS_OK;
}
