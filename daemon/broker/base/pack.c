#include "daemon/broker/base/pack.h"

void pack_public_key(struct put *out, unsigned field, const PublicKey *key)
{
	uint8_t *body;

	if (!key)
		return;
	body = put_begin(out, field);
	put_text(out, 1, key->kty);
	put_bytes(out, 2, &key->n);
	put_bytes(out, 3, &key->e);
	put_text(out, 4, key->crv);
	put_bytes(out, 5, &key->x);
	put_bytes(out, 6, &key->y);
	put_end(out, body);
}

void pack_params(struct put *out, unsigned field, const AlgParams *params)
{
	uint8_t *body;

	if (!params)
		return;
	body = put_begin(out, field);
	pack_public_key(out, 1, params->epk);
	put_bytes(out, 2, &params->apu);
	put_bytes(out, 3, &params->apv);
	put_bytes(out, 4, &params->iv);
	put_bytes(out, 5, &params->tag);
	put_end(out, body);
}
