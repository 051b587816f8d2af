/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/ring/fold_alias.h"
#include "daemon/broker/rpc/new_version.h"
#include "daemon/broker/rpc/rpc.h"

static int check_added(struct request *request, const char *alias)
{
	const struct version *version = request->version;
	const struct version *other = ring_version(&request->broker->ring, alias);
	int r = new_version_kid(request, "alias", alias);

	if (r != STATUS_OK)
		return r;
	if (version->state == STATE_DESTROYED)
		return request_say(request, STATUS_CONFLICT,
			"the version is destroyed: nothing can be found by its kids");
	if (other == version)
		return request_say(request, STATUS_CONFLICT, "alias: this version has that kid already");
	if (other)
		return request_say(request, STATUS_CONFLICT, "alias: used before");
	if (version->n_alias >= ALIASES_MAX)
		return request_say(request, STATUS_CONFLICT, "alias: a version has at most %d", ALIASES_MAX);
	return STATUS_OK;
}

static int check_removed(struct request *request, const char *alias)
{
	const struct version *version = request->version;
	size_t place = alias_place(version, alias);

	if (strcmp(alias, version->kid) == 0 || place < version->n_alias_given)
		return request_say(request, STATUS_CONFLICT,
			"alias: the version was made with this kid and keeps it for ever");
	if (place == version->n_alias)
		return request_say(request, STATUS_CONFLICT, "alias: this version has no such alias");
	return STATUS_OK;
}

int rpc_alias(struct request *request)
{
	const Cek__V1__AliasRequest *message = request->message->alias;
	struct change *change;
	int r;

	if (message->alias[0] == '\0')
		return request_say(request, STATUS_MALFORMED, "alias: missing");
	if (strlen(message->alias) > KID_MAX)
		return request_say(request, STATUS_MALFORMED, "alias: longer than %d bytes", KID_MAX);
	if (!text_valid(message->reason, REASON_MAX))
		return request_say(request, STATUS_MALFORMED,
			"reason: at most %d bytes of UTF-8 without control characters", REASON_MAX);
	r = message->remove ? check_removed(request, message->alias) : check_added(request, message->alias);
	if (r != STATUS_OK)
		return r;
	change = change_new(request->broker, request, CHANGE_ALIAS);
	if (!change)
		return log_origin(-ENOMEM);
	change->version = request->version;
	change->removes = message->remove;
	snprintf(change->kid, sizeof(change->kid), "%s", message->alias);
	snprintf(change->reason, sizeof(change->reason), "%s", message->reason);
	return change_start(change, NULL, 0);
}
