/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/rpc/new_version.h"
#include "daemon/broker/rpc/rpc.h"

static const char default_curve[] = "P-256";

static int check_size(struct request *request, const Cek__V1__CreateKeyRequest *message, const struct alg *alg,
	struct change *change)
{
	bool rsa = alg->family == ALG_RSA_OAEP, ecdh = alg->family == ALG_ECDH;
	unsigned bits = message->bits > 0 ? message->bits : RSA_BITS_DEFAULT;
	const char *crv = message->crv[0] != '\0' ? message->crv : default_curve;

	if (rsa && bits != 2048 && bits != 3072 && bits != 4096)
		return request_say(request, STATUS_UNSUPPORTED, "bits: 2048, 3072 or 4096");
	if (!rsa && !ecdh && message->bits > 0 && message->bits != alg->key_bits)
		return request_say(request, STATUS_MALFORMED, "bits: %s has %u", alg->name, alg->key_bits);
	if (ecdh && !curve_find(crv))
		return request_say(request, STATUS_UNSUPPORTED, "crv: P-256, P-384, P-521 or X25519");
	if ((!ecdh && message->crv[0] != '\0') || (ecdh && message->bits > 0))
		return request_say(request, STATUS_MALFORMED, "bits belong to RSA, crv to ECDH-ES");
	change->bits = rsa ? bits : ecdh ? 0 : alg->key_bits;
	snprintf(change->crv, sizeof(change->crv), "%s", ecdh ? crv : "");
	return STATUS_OK;
}

int rpc_create_key(struct request *request)
{
	const Cek__V1__CreateKeyRequest *message = request->message->create_key;
	const struct alg *alg = NULL;
	struct change *change;
	uint8_t *packed = NULL;
	size_t len = 0;
	int r = new_version_alg(request, message->alg, &alg);

	if (r == STATUS_OK)
		r = new_version_available(request, alg);
	if (r != STATUS_OK)
		return r;
	if (request->key)
		return request_say(request, STATUS_CONFLICT,
			"a key of this name exists: rotate it, or choose another name");
	change = change_new(request->broker, request, CHANGE_CREATE);
	if (!change)
		return log_origin(-ENOMEM);
	change->alg = alg;
	change->state = STATE_ACTIVE;
	change->max_uses = message->max_uses;
	r = check_size(request, message, alg, change);
	if (r == STATUS_OK)
		r = change_generate_job(change, &packed, &len);
	return r == 0 ? change_start(change, packed, len) : change_drop(change, r);
}
