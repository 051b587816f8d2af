/* SPDX-License-Identifier: Apache-2.0 */
#include "published.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "proto/alg.h"
#include "proto/base64url.h"

json_t *published_load(const char *folder, const char *file)
{
	char path[512];
	json_error_t error;
	json_t *json;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!json && error.line > 0)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return json;
}

const char *published_string(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	return text ? text : "";
}

void published_hex(const json_t *json, const char *member, struct octets *ret_octets)
{
	const char *text = published_string(json, member);

	memset(ret_octets, 0, sizeof(*ret_octets));
	assert_true(strlen(text) / 2 <= OCTETS_MAX);
	for (; text[0] && text[1]; text += 2) {
		unsigned value;

		assert_int_equal(sscanf(text, "%2x", &value), 1);
		ret_octets->data[ret_octets->len++] = (uint8_t)value;
	}
}

void published_b64u_text(const char *text, size_t len, struct octets *ret_octets)
{
	ssize_t n;

	memset(ret_octets, 0, sizeof(*ret_octets));
	n = b64u_decode(text, len, ret_octets->data, OCTETS_MAX);
	assert_true(n >= 0);
	ret_octets->len = (size_t)n;
}

void published_b64u(const json_t *json, const char *member, struct octets *ret_octets)
{
	const char *text = published_string(json, member);

	published_b64u_text(text, strlen(text), ret_octets);
}

static CK_OBJECT_HANDLE key_rsa(struct rig *rig, const json_t *jwk, const uint8_t *id)
{
	static const char *members[8] = {"n", "e", "d", "p", "q", "dp", "dq", "qi"};
	static struct octets octets[8];
	ProtobufCBinaryData part[8];

	for (size_t i = 0; i < 8; i++) {
		published_b64u(jwk, members[i], &octets[i]);
		part[i] = (ProtobufCBinaryData){octets[i].len, octets[i].data};
	}
	return rig_create_rsa(rig, id, part);
}

CK_OBJECT_HANDLE published_key(struct rig *rig, const json_t *jwk, uint8_t ret_id[16])
{
	const char *kty = published_string(jwk, "kty");
	static struct octets d, x, y;

	assert_int_equal(RAND_bytes(ret_id, 16), 1);
	if (strcmp(kty, "RSA") == 0)
		return key_rsa(rig, jwk, ret_id);
	if (strcmp(kty, "oct") == 0) {
		published_b64u(jwk, "k", &d);
		return rig_create_aes(rig, ret_id, d.data, d.len);
	}
	published_b64u(jwk, "d", &d);
	published_b64u(jwk, "x", &x);
	published_b64u(jwk, "y", &y);
	return rig_create_ec(rig, ret_id, published_string(jwk, "crv"), d.data, d.len, x.data, y.data, x.len);
}

CK_OBJECT_HANDLE published_rsa(struct rig *rig, const struct octets *pkcs8, uint8_t ret_id[16])
{
	static const char *names[8] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
		OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
	const unsigned char *at = pkcs8->data;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)pkcs8->len);
	static struct octets octets[8];
	ProtobufCBinaryData part[8];

	assert_non_null(key);
	for (size_t i = 0; i < 8; i++) {
		BIGNUM *number = NULL;

		assert_int_equal(EVP_PKEY_get_bn_param(key, names[i], &number), 1);
		octets[i].len = (size_t)BN_bn2bin(number, octets[i].data);
		part[i] = (ProtobufCBinaryData){octets[i].len, octets[i].data};
		BN_free(number);
	}
	EVP_PKEY_free(key);
	assert_int_equal(RAND_bytes(ret_id, 16), 1);
	return rig_create_rsa(rig, ret_id, part);
}

static void member(const json_t *json, const char *name, ProtobufCBinaryData *ret_data)
{
	struct octets octets;

	published_b64u(json, name, &octets);
	ret_data->len = octets.len;
	ret_data->data = malloc(octets.len + 1);
	assert_non_null(ret_data->data);
	memcpy(ret_data->data, octets.data, octets.len);
}

static void fill_params(const json_t *header, Cek__V1__AlgParams *params, Cek__V1__PublicKey *epk)
{
	const json_t *point = json_object_get(header, "epk");

	member(header, "apu", &params->apu);
	member(header, "apv", &params->apv);
	member(header, "iv", &params->iv);
	member(header, "tag", &params->tag);
	member(point, "x", &epk->x);
	member(point, "y", &epk->y);
	epk->kty = (char *)(uintptr_t)published_string(point, "kty");
	epk->crv = (char *)(uintptr_t)published_string(point, "crv");
	params->epk = point ? epk : NULL;
}

Cek__Internal__V1__Outcome published_unwrap(struct rig_worker *worker, const uint8_t id[16], const char *alg,
	const char *enc, size_t cek_len, const struct octets *encrypted_key, const json_t *header,
	struct octets *ret_cek)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__UnwrapJob op = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
	Cek__V1__AlgParams params = CEK__V1__ALG_PARAMS__INIT;
	Cek__V1__PublicKey epk = CEK__V1__PUBLIC_KEY__INIT;
	Cek__Internal__V1__FromWorker *answer;
	Cek__Internal__V1__Outcome outcome;

	if (header) {
		fill_params(header, &params, &epk);
		op.params = &params;
	}
	op.cka_id = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)id};
	op.alg = (char *)(uintptr_t)alg;
	op.enc = (char *)(uintptr_t)enc;
	op.cek_len = (uint32_t)cek_len;
	op.encrypted_key = (ProtobufCBinaryData){encrypted_key->len, (uint8_t *)(uintptr_t)encrypted_key->data};
	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = &op;
	answer = rig_call(worker, &job);
	outcome = answer->result->outcome;
	if (*answer->result->text)
		printf("# %s\n", answer->result->text);
	assert_int_equal(answer->result->cek.len, outcome == CEK__INTERNAL__V1__OUTCOME__OUTCOME_OK ? cek_len : 0);
	if (answer->result->cek.len > 0)
		memcpy(ret_cek->data, answer->result->cek.data, ret_cek->len = answer->result->cek.len);
	rig_free(answer);
	free(params.apu.data);
	free(params.apv.data);
	free(params.iv.data);
	free(params.tag.data);
	free(epk.x.data);
	free(epk.y.data);
	return outcome;
}
