/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "daemon/token/p11/public.h"
#include "managing.h"

struct rig_worker manage;

int managing_open(void **state)
{
	misbehaving_open(state);
	rig_start(&rig, &manage, &(struct rig_options){.manage = true}, NULL);
	return 0;
}

int managing_close(void **state)
{
	assert_int_equal(rig_stop(&manage), 0);
	return misbehaving_close(state);
}

Cek__Internal__V1__FromWorker *manage_call(Cek__Internal__V1__Job *job)
{
	Cek__Internal__V1__FromWorker *answer = rig_call(&manage, job);
	const Cek__Internal__V1__JobResult *result = answer->result;

	if (result->outcome == OUTCOME(OK))
		return answer;
	assert_string_not_equal(result->text, "");
	assert_string_equal(result->kid, "");
	assert_string_equal(result->crv, "");
	assert_string_equal(result->note, "");
	assert_null(result->public_key);
	assert_int_equal(result->bits, 0);
	assert_int_equal(result->cka_id.len, 0);
	return answer;
}

void fresh_id(uint8_t cka_id[16])
{
	assert_int_equal(RAND_bytes(cka_id, 16), 1);
}

void half_of(EVP_PKEY *key, struct public_half *ret_half)
{
	BIGNUM *n = NULL, *e = NULL;
	char group[32];

	memset(ret_half, 0, sizeof(*ret_half));
	if (EVP_PKEY_is_a(key, "RSA")) {
		assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &n), 1);
		assert_int_equal(EVP_PKEY_get_bn_param(key, "e", &e), 1);
		ret_half->n_len = (size_t)BN_bn2bin(n, ret_half->n);
		ret_half->e_len = (size_t)BN_bn2bin(e, ret_half->e);
		BN_free(n);
		BN_free(e);
		return;
	}
	assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", ret_half->point, POINT_MAX, &ret_half->point_len),
		1);
	ret_half->curve = curve_find("X25519");
	if (EVP_PKEY_is_a(key, "EC")) {
		assert_int_equal(EVP_PKEY_get_group_name(key, group, sizeof(group), NULL), 1);
		ret_half->curve = curve_find(strcmp(group, "prime256v1") == 0 ? "P-256"
				: strcmp(group, "secp384r1") == 0             ? "P-384"
									      : "P-521");
	}
}

Cek__Internal__V1__FromWorker *manage_adopt(const char *alg, uint8_t *cka_id, const char *label, bool insist)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__AdoptJob op = CEK__INTERNAL__V1__ADOPT_JOB__INIT;

	op.alg = (char *)(uintptr_t)alg;
	if (cka_id)
		op.cka_id = (ProtobufCBinaryData){16, cka_id};
	if (label)
		op.label = (char *)(uintptr_t)label;
	op.insist = insist;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_ADOPT;
	job.adopt = &op;
	return manage_call(&job);
}

void create_aes(uint8_t *cka_id, const char *label, bool extractable, bool too_broad)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE, open = extractable, broad = too_broad;
	uint8_t value[32];
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, &yes, 1},
		{CKA_PRIVATE, &yes, 1},
		{CKA_SENSITIVE, &yes, 1},
		{CKA_EXTRACTABLE, &open, 1},
		{CKA_ENCRYPT, &yes, 1},
		{CKA_DECRYPT, &yes, 1},
		{CKA_WRAP, &no, 1},
		{CKA_UNWRAP, &no, 1},
		{CKA_SIGN, &broad, 1},
		{CKA_VERIFY, &broad, 1},
		{CKA_DERIVE, &no, 1},
		{CKA_ID, cka_id, 16},
		{CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
		{CKA_VALUE, value, sizeof(value)},
	};

	fresh_id(cka_id);
	assert_int_equal(RAND_bytes(value, sizeof(value)), 1);
	rig_create(&rig, template, sizeof(template) / sizeof(template[0]));
}

void expect_adopt(const char *alg, uint8_t *cka_id, const char *label, bool insist, int outcome, const char *note)
{
	Cek__Internal__V1__FromWorker *answer = manage_adopt(alg, cka_id, label, insist);

	if ((int)answer->result->outcome != outcome)
		fail_msg("%s %s: %d %s", alg, label ? label : "by cka_id", answer->result->outcome,
			answer->result->text);
	if (note)
		assert_string_equal(answer->result->note, note);
	if (outcome == OUTCOME(OK)) {
		assert_int_equal(answer->result->cka_id.len, 16);
		assert_int_equal(answer->result->bits, 256);
	}
	rig_free(answer);
}

void create_ec(const uint8_t *cka_id, EVP_PKEY *pair, EVP_PKEY *told)
{
	struct public_half half;
	BIGNUM *number = NULL;
	uint8_t d[32];

	assert_int_equal(EVP_PKEY_get_bn_param(pair, "priv", &number), 1);
	assert_int_equal(BN_bn2binpad(number, d, sizeof(d)), sizeof(d));
	BN_clear_free(number);
	half_of(told, &half);
	rig_create_ec(&rig, cka_id, "P-256", d, sizeof(d), half.point + 1, half.point + 33, 32);
}

CK_OBJECT_HANDLE create_rsa_twin(const uint8_t *cka_id, const char *label, EVP_PKEY *pair, bool decrypts)
{
	static const char *names[8] = {"n", "e", "d", "rsa-factor1", "rsa-factor2", "rsa-exponent1", "rsa-exponent2",
		"rsa-coefficient1"};
	static const CK_ATTRIBUTE_TYPE types[8] = {CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
		CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT};
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_RSA;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE, decrypt = decrypts, sign = !decrypts;
	uint8_t part[8][256];
	CK_ATTRIBUTE template[18] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, &yes, 1},
		{CKA_PRIVATE, &yes, 1},
		{CKA_SENSITIVE, &yes, 1},
		{CKA_EXTRACTABLE, &no, 1},
		{CKA_DECRYPT, &decrypt, 1},
		{CKA_SIGN, &sign, 1},
		{CKA_ID, (void *)(uintptr_t)cka_id, 16},
		{CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
	};

	for (size_t i = 0; i < 8; i++) {
		BIGNUM *number = NULL;

		assert_int_equal(EVP_PKEY_get_bn_param(pair, names[i], &number), 1);
		template[10 + i] = (CK_ATTRIBUTE){types[i], part[i], (CK_ULONG)BN_bn2bin(number, part[i])};
		BN_clear_free(number);
	}
	return rig_create(&rig, template, 18);
}

int manage_wrap(const char *alg, uint8_t *cka_id, Cek__V1__PublicKey *public)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__WrapJob op = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;
	struct rig_worker use;
	int outcome;

	op.cka_id = (ProtobufCBinaryData){16, cka_id};
	op.alg = (char *)(uintptr_t)alg;
	op.enc = (char *)(uintptr_t) "A256GCM";
	op.cek_len = 32;
	op.public_key = public;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &op;
	/* The manage worker does not do that. */
	rig_start(&rig, &use, &(struct rig_options){0}, NULL);
	answer = rig_call(&use, &job);
	outcome = (int)answer->result->outcome;
	rig_free(answer);
	assert_int_equal(rig_stop(&use), 0);
	return outcome;
}

size_t manage_count(const uint8_t *cka_id, bool *ret_whole)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__InventoryJob op = CEK__INTERNAL__V1__INVENTORY_JOB__INIT;
	size_t n = 0;
	bool more = true;

	job.op_case = CEK__INTERNAL__V1__JOB__OP_INVENTORY;
	job.inventory = &op;
	rig_send(&manage, &job);
	*ret_whole = true;
	while (more) {
		Cek__Internal__V1__FromWorker *answer = rig_receive(&manage);

		assert_non_null(answer);
		assert_int_equal(answer->result->id, job.id);
		assert_int_equal(answer->result->outcome, OUTCOME(OK));
		for (size_t i = 0; i < answer->result->n_object; i++) {
			const Cek__Internal__V1__TokenObject *object = answer->result->object[i];

			if (cka_id && (object->cka_id.len != 16 || memcmp(object->cka_id.data, cka_id, 16) != 0))
				continue;
			n++;
			*ret_whole = *ret_whole && object->whole && object->sensitive && !object->extractable &&
				!object->signs;
		}
		more = answer->result->more;
		rig_free(answer);
	}
	return n;
}

Cek__Internal__V1__FromWorker *manage_generate(const char *alg, uint8_t *cka_id, uint32_t bits, const char *crv)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__GenerateJob op = CEK__INTERNAL__V1__GENERATE_JOB__INIT;

	op.label = (char *)(uintptr_t) "made";
	op.cka_id = (ProtobufCBinaryData){16, cka_id};
	op.alg = (char *)(uintptr_t)alg;
	op.bits = bits;
	op.crv = (char *)(uintptr_t)crv;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_GENERATE;
	job.generate = &op;
	return manage_call(&job);
}

void manage_destroy(const char *alg, uint8_t *cka_id, Cek__V1__PublicKey *public, int outcome)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__DestroyJob op = CEK__INTERNAL__V1__DESTROY_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;

	op.cka_id = (ProtobufCBinaryData){16, cka_id};
	op.alg = (char *)(uintptr_t)alg;
	op.public_key = public;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_DESTROY;
	job.destroy = &op;
	answer = manage_call(&job);
	if ((int)answer->result->outcome != outcome)
		fail_msg("%s: %d %s", alg, answer->result->outcome, answer->result->text);
	rig_free(answer);
}

CK_OBJECT_HANDLE create_odd_ec(const uint8_t *cka_id, uint8_t *params, size_t params_len, size_t len)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	uint8_t value[32] = {1};
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_KEY_TYPE, &type, sizeof(type)},
		{CKA_TOKEN, &yes, 1},
		{CKA_PRIVATE, &yes, 1},
		{CKA_SENSITIVE, &yes, 1},
		{CKA_EXTRACTABLE, &no, 1},
		{CKA_DERIVE, &yes, 1},
		{CKA_ID, (void *)(uintptr_t)cka_id, 16},
		{CKA_EC_PARAMS, params, params_len},
		{CKA_VALUE, value, len},
	};

	return rig_create(&rig, template, sizeof(template) / sizeof(template[0]));
}
