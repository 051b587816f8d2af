/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/request/describe.h"
#include "daemon/broker/rpc/rpc.h"

static int plan(struct request *request)
{
	int r = describe_reply(request, request->key, &(struct describe){.brief = false});

	if (r == STATUS_OK && describe_plan(request, request->key, true, request->reply.key->key) < 0)
		return -ENOMEM;
	return r;
}

/* The active version must be the one that the caller believes in: then a lost reply cannot rotate twice. */
static int check_active(struct request *request, const char *kid)
{
	const struct version *active = request->key->active;

	if (!active && kid[0] == '\0')
		return STATUS_OK;
	if (kid[0] == '\0')
		return request_say(request, STATUS_MALFORMED, "active_kid: missing");
	if (!active)
		return request_say(request, STATUS_CONFLICT, "active_kid: no version is active");
	if (strcmp(active->kid, kid) != 0)
		return request_say(request, STATUS_CONFLICT, "active_kid: another version is active: %s", active->kid);
	return STATUS_OK;
}

static int activate(struct request *request, struct version *version)
{
	struct change *change = change_new(request->broker, request, CHANGE_MOVE);

	if (!change)
		return log_origin(-ENOMEM);
	change->version = version;
	change->state = STATE_ACTIVE;
	return change_start(change, NULL, 0);
}

int rpc_rotate_key(struct request *request)
{
	const Cek__V1__RotateKeyRequest *message = request->message->rotate_key;
	struct version *published;
	struct change *change;
	uint8_t *packed = NULL;
	size_t len = 0;
	int r;

	if (message->plan)
		return plan(request);
	r = check_active(request, message->active_kid);
	if (r != STATUS_OK)
		return r;
	published = change_published(request->key, NULL);
	if (published)
		return activate(request, published);
	change = change_new(request->broker, request, CHANGE_ROTATE);
	if (!change)
		return log_origin(-ENOMEM);
	change->state = STATE_ACTIVE;
	change_like(change, request->key);
	r = change_generate_job(change, &packed, &len);
	return r == 0 ? change_start(change, packed, len) : change_drop(change, r);
}
