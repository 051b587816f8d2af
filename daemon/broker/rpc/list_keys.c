/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/request/describe.h"
#include "daemon/broker/rpc/rpc.h"

enum {
	PAGE_BYTES = 20000, /* one key takes 32000 at most: a page fits into a frame */
	PAGE_KEYS = 100,
};

/* Keys that this peer may list, until the page is full. */
static int fill(struct request *request, size_t from, Cek__V1__ListKeysReply *reply)
{
	struct broker *broker = request->broker;
	size_t size = 0;

	for (size_t i = from; i < broker->ring.n_keys; i++) {
		const struct key *key = broker->ring.keys[i];
		int r;

		if (!policy_allows(&broker->policy, &request->peer->grants, PERMISSION_LIST, key->name))
			continue;
		if (size > PAGE_BYTES || reply->n_key == PAGE_KEYS) {
			reply->more = true;
			break;
		}
		r = describe_key(request, key, &(struct describe){.brief = true}, &reply->key[reply->n_key]);
		if (r < 0)
			return r;
		size += cek__v1__key__get_packed_size(reply->key[reply->n_key++]);
	}
	return STATUS_OK;
}

int rpc_list_keys(struct request *request)
{
	const char *after = request->message->list_keys->after;
	Cek__V1__ListKeysReply *reply = arena_alloc(&request->broker->turn.arena, sizeof(*reply));

	if (after[0] != '\0' && !key_name_valid(after))
		return request_say(request, STATUS_MALFORMED, "after: not a key name");
	if (!reply)
		return log_origin(-ENOMEM);
	cek__v1__list_keys_reply__init(reply);
	reply->key = arena_alloc(&request->broker->turn.arena, PAGE_KEYS * sizeof(*reply->key));
	if (!reply->key)
		return log_origin(-ENOMEM);
	request->reply.result_case = CEK__V1__REPLY__RESULT_LIST_KEYS;
	request->reply.list_keys = reply;
	return fill(request, ring_after(&request->broker->ring, after[0] != '\0' ? after : NULL), reply);
}
