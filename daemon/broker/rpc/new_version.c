/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/rpc/new_version.h"
#include "daemon/broker/workers/worker.h"
#include "proto/utf8.h"

int new_version_alg(struct request *request, const char *name, const struct alg **ret_alg)
{
	const char *refusal = alg_refusal(name);

	if (name[0] == '\0')
		return request_say(request, STATUS_MALFORMED, "alg: missing");
	if (refusal)
		return request_say(request, STATUS_UNSUPPORTED, "alg: %s", refusal);
	*ret_alg = alg_find(name);
	if (!*ret_alg)
		return request_say(request, STATUS_UNSUPPORTED, "alg: not one that cekd knows");
	return STATUS_OK;
}

int new_version_available(struct request *request, const struct alg *alg)
{
	const WorkerHello *hello = workers_hello(&request->broker->workers);

	for (size_t i = 0; hello && i < hello->n_alg; i++) {
		if (strcmp(hello->alg[i]->alg, alg->name) == 0 && !hello->alg[i]->available &&
			!hello->alg[i]->untried) /* then the manage worker tries */
			return request_say(request, STATUS_UNSUPPORTED, "the token cannot do %s: %s", alg->name,
				hello->alg[i]->how);
	}
	return STATUS_OK;
}

int new_version_kid(struct request *request, const char *field, const char *kid)
{
	const char *hidden = utf8_invisible(kid);

	if (!kid_valid(kid) || !text_valid(kid, KID_MAX))
		return request_say(request, STATUS_MALFORMED,
			"%s: at most %d bytes of UTF-8 without characters that cannot be seen", field, KID_MAX);
	if (hidden)
		return request_say(request, STATUS_MALFORMED,
			"%s: at most %d bytes of UTF-8 without characters that cannot be seen: U+%04X is in it", field,
			KID_MAX, utf8_code(hidden));
	return STATUS_OK;
}

int new_version_check(struct request *request, const char *alg_name, const char *kid, const struct alg **ret_alg)
{
	int r = new_version_alg(request, alg_name, ret_alg);

	if (r != STATUS_OK)
		return r;
	if (request->key && request->key->alg != *ret_alg)
		return request_say(request, STATUS_CONFLICT, "alg: the key's is %s", request->key->alg->name);
	r = kid[0] != '\0' ? new_version_kid(request, "kid", kid) : STATUS_OK;
	if (r != STATUS_OK)
		return r;
	if (kid[0] != '\0' && ring_version(&request->broker->ring, kid))
		return request_say(request, STATUS_CONFLICT, "kid: used before");
	return new_version_available(request, *ret_alg);
}

int new_version_start(struct request *request, enum change_kind kind, const struct alg *alg, const char *kid,
	new_version_pack *pack)
{
	struct change *change = change_new(request->broker, request, kind);
	uint8_t *packed = NULL;
	size_t len = 0;
	int r;

	if (!change)
		return log_origin(-ENOMEM);
	change->alg = alg;
	change->state = request->key ? STATE_DEACTIVATED : STATE_ACTIVE;
	snprintf(change->kid, sizeof(change->kid), "%s", kid);
	r = pack(change, request, &packed, &len);
	return r == 0 ? change_start(change, packed, len) : change_drop(change, r);
}
