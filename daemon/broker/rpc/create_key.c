#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/broker/lifecycle/change.h"
#include "daemon/broker/rpc/rpc.h"

static const char default_curve[] = "P-256";

static int check_alg_name(struct request *request, const char *name, const struct alg **ret_alg)
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

/* What the token cannot do need not be tried. */
int rpc_check_available(struct request *request, const struct alg *alg)
{
	const WorkerHello *hello = workers_hello(&request->broker->workers);

	for (size_t i = 0; hello && i < hello->n_alg; i++) {
		if (strcmp(hello->alg[i]->alg, alg->name) == 0 && !hello->alg[i]->available)
			return request_say(request, STATUS_UNSUPPORTED, "the token cannot do %s: %s", alg->name,
				hello->alg[i]->how);
	}
	return STATUS_OK;
}

int rpc_create_key(struct request *request)
{
	const Cek__V1__CreateKeyRequest *message = request->message->create_key;
	const struct alg *alg = NULL;
	struct change *change;
	uint8_t *packed = NULL;
	size_t len = 0;
	int r = check_alg_name(request, message->alg, &alg);

	if (r == STATUS_OK)
		r = rpc_check_available(request, alg);
	if (r != STATUS_OK)
		return r;
	if (request->key)
		return request_say(request, STATUS_CONFLICT,
			"a key of this name exists: rotate it, or choose another name");
	change = change_new(request->broker, request, CHANGE_CREATE);
	if (!change)
		return -ENOMEM;
	change->alg = alg;
	change->state = STATE_ACTIVE;
	change->max_uses = message->max_uses;
	r = check_size(request, message, alg, change);
	if (r == STATUS_OK)
		r = change_generate_job(change, &packed, &len);
	return r == 0 ? change_start(change, packed, len) : change_drop(change, r);
}
