/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/broker/base/pack.h"
#include "proto/fields.h"

void pack_public_key(struct put *out, unsigned field, const PublicKey *key)
{
	uint8_t *body;

	if (!key)
		return;
	body = put_begin(out, field);
	put_text(out, FIELD_PUBLIC_KEY_KTY, key->kty);
	put_bytes(out, FIELD_PUBLIC_KEY_N, &key->n);
	put_bytes(out, FIELD_PUBLIC_KEY_E, &key->e);
	put_text(out, FIELD_PUBLIC_KEY_CRV, key->crv);
	put_bytes(out, FIELD_PUBLIC_KEY_X, &key->x);
	put_bytes(out, FIELD_PUBLIC_KEY_Y, &key->y);
	put_end(out, body);
}

void pack_params(struct put *out, unsigned field, const AlgParams *params)
{
	uint8_t *body;

	if (!params)
		return;
	body = put_begin(out, field);
	pack_public_key(out, FIELD_ALG_PARAMS_EPK, params->epk);
	put_bytes(out, FIELD_ALG_PARAMS_APU, &params->apu);
	put_bytes(out, FIELD_ALG_PARAMS_APV, &params->apv);
	put_bytes(out, FIELD_ALG_PARAMS_IV, &params->iv);
	put_bytes(out, FIELD_ALG_PARAMS_TAG, &params->tag);
	put_end(out, body);
}
