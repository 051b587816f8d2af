/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/plural.h"
#include "daemon/broker/request/check.h"
#include "proto/alg.h"

int check_alg(struct request *request, const struct key *key, const char *alg)
{
	const char *refusal;

	if (alg[0] == '\0')
		return request_say(request, STATUS_MALFORMED, "alg: missing");
	if (strcmp(alg, key->alg->name) == 0)
		return STATUS_OK;
	refusal = alg_refusal(alg);
	if (refusal)
		return request_say(request, STATUS_UNSUPPORTED, "alg: %s", refusal);
	if (!alg_find(alg))
		return request_say(request, STATUS_UNSUPPORTED, "alg: not one that cekd knows");
	return request_say_why(request, STATUS_MALFORMED, CEK__V1__REASON__REASON_ALG, "alg: the key's is %s",
		key->alg->name);
}

int check_enc(struct request *request, const char *enc)
{
	if (enc[0] == '\0')
		return request_say(request, STATUS_MALFORMED, "enc: missing");
	request->enc = enc_find(enc);
	if (!request->enc)
		return request_say(request, STATUS_UNSUPPORTED, "enc: not one that cekd knows");
	return STATUS_OK;
}

static bool has_epk(const AlgParams *params)
{
	return params && params->epk;
}

static int check_epk(struct request *request, const struct key *key, const PublicKey *epk)
{
	const struct curve *curve = curve_find(key->crv);

	if (!epk)
		return request_say(request, STATUS_MALFORMED, "epk: missing");
	if (!curve || strcmp(epk->crv, curve->name) != 0 || strcmp(epk->kty, curve->kty) != 0)
		return request_say(request, STATUS_MALFORMED, "epk: the key's curve is %s", key->crv);
	if (epk->x.len != curve->field_len || epk->y.len != (strcmp(curve->kty, "EC") == 0 ? curve->field_len : 0))
		return request_say(request, STATUS_MALFORMED, "epk: a coordinate is not as long as the curve's field");
	if (epk->n.len > 0 || epk->e.len > 0)
		return request_say(request, STATUS_MALFORMED, "epk: n and e do not belong to a point");
	return STATUS_OK;
}

static int check_party_info(struct request *request, const AlgParams *params)
{
	if (params && (params->apu.len > PARTY_INFO_MAX || params->apv.len > PARTY_INFO_MAX))
		return request_say(request, STATUS_MALFORMED, "apu, apv: longer than %d octets", PARTY_INFO_MAX);
	return STATUS_OK;
}

static int check_params(struct request *request, const struct key *key, const AlgParams *params)
{
	bool gcm = key->alg->family == ALG_AES_GCMKW, ecdh = key->alg->family == ALG_ECDH;
	size_t iv_len = params ? params->iv.len : 0, tag_len = params ? params->tag.len : 0;
	int r;

	if (iv_len != (gcm ? GCM_IV_LEN : 0) || tag_len != (gcm ? GCM_TAG_LEN : 0))
		return request_say(request, STATUS_MALFORMED,
			gcm ? "iv, tag: exactly 12 and 16 octets" : "iv, tag: not with this alg");
	if (!ecdh && params && (has_epk(params) || params->apu.len > 0 || params->apv.len > 0))
		return request_say(request, STATUS_MALFORMED, "epk, apu, apv: not with this alg");
	if (!ecdh)
		return STATUS_OK;
	r = check_epk(request, key, params ? params->epk : NULL);
	return r == STATUS_OK ? check_party_info(request, params) : r;
}

int check_wrapped(struct request *request, const struct key *key, unsigned rsa_bits, size_t encrypted_key_len,
	const AlgParams *params)
{
	size_t expected = alg_encrypted_key_len(key->alg, rsa_bits, request->enc->cek_len);

	if (encrypted_key_len != expected)
		return request_say(request, STATUS_MALFORMED, "encrypted_key: %zu byte%s, must be %zu",
			encrypted_key_len, plural(encrypted_key_len), expected);
	return check_params(request, key, params);
}

int check_wrap_params(struct request *request, const struct key *key, const AlgParams *params)
{
	if (!params)
		return STATUS_OK;
	if (has_epk(params) || params->iv.len > 0 || params->tag.len > 0)
		return request_say(request, STATUS_MALFORMED, "params: epk, iv and tag are made by cekd");
	if (key->alg->family != ALG_ECDH && (params->apu.len > 0 || params->apv.len > 0))
		return request_say(request, STATUS_MALFORMED, "params: apu and apv belong to ECDH-ES");
	return check_party_info(request, params);
}
