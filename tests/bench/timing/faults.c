/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "die.h"
#include "proto/alg.h"

#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name

enum { CEK_LEN = 32, RSA_BITS = 2048 };

static void *text(const char *constant)
{
	return (void *)(uintptr_t)constant;
}

void faults_add(struct faults_maker *maker, const char *name, bool is_public, bool planted,
	const ProtobufCBinaryData *encrypted_key, Cek__V1__AlgParams *params)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__UnwrapJob op = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
	Cek__Internal__V1__ToWorker message = CEK__INTERNAL__V1__TO_WORKER__INIT;
	struct faults *faults = maker->faults;
	struct fault *fault;
	size_t i = 0, at = 0;

	while (i < faults->n && strcmp(faults->fault[i].name, name) != 0)
		i++;
	if (i == FAULTS_MAX)
		die("%s: too many faults", name);
	fault = &faults->fault[i];
	if (i == faults->n) {
		faults->n++;
		*fault = (struct fault){.name = name, .is_public = is_public, .planted = planted};
	}
	while (at < FAULT_MESSAGES && fault->message[at].data)
		at++;
	if (at == FAULT_MESSAGES)
		die("%s: too many messages", name);
	op.cka_id = (ProtobufCBinaryData){sizeof(maker->id), maker->id};
	op.alg = text(maker->alg);
	op.enc = text("A256GCM");
	op.cek_len = CEK_LEN;
	op.encrypted_key = *encrypted_key;
	op.params = params;
	job.id = 1;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = &op;
	message.n_job = 1;
	message.job = (Cek__Internal__V1__Job *[]){&job};
	fault->message[at].len = cek__internal__v1__to_worker__get_packed_size(&message);
	fault->message[at].data = malloc(fault->message[at].len);
	if (!fault->message[at].data)
		die("no memory");
	cek__internal__v1__to_worker__pack(&message, fault->message[at].data);
}

static Cek__Internal__V1__FromWorker *generate(struct faults_maker *maker)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__GenerateJob op = CEK__INTERNAL__V1__GENERATE_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;

	if (RAND_bytes(maker->id, sizeof(maker->id)) != 1)
		die("no random bytes");
	op.label = text("timing");
	op.cka_id = (ProtobufCBinaryData){sizeof(maker->id), maker->id};
	op.alg = text(maker->alg);
	op.bits = alg_find(maker->alg)->family == ALG_RSA_OAEP ? RSA_BITS : 0;
	op.crv = text(maker->crv);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_GENERATE;
	job.generate = &op;
	answer = rig_call(maker->manage, &job);
	if (answer->result->outcome != OUTCOME(OK))
		die("%s: no key: %s", maker->alg, answer->result->text);
	return answer;
}

static Cek__Internal__V1__FromWorker *wrap(struct faults_maker *maker)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__WrapJob op = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;

	op.cka_id = (ProtobufCBinaryData){sizeof(maker->id), maker->id};
	op.alg = text(maker->alg);
	op.enc = text("A256GCM");
	op.cek_len = CEK_LEN;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &op;
	answer = rig_call(maker->use, &job);
	if (answer->result->outcome != OUTCOME(OK))
		die("%s: does not wrap: %s", maker->alg, answer->result->text);
	return answer;
}

void faults_add_spoilt(struct faults_maker *maker, const char *name, bool in_tag, bool at_end)
{
	Cek__Internal__V1__FromWorker *wrapped = wrap(maker);
	ProtobufCBinaryData *what = in_tag ? &wrapped->result->params->tag : &wrapped->result->encrypted_key;

	what->data[at_end ? what->len - 1 : 0] ^= 0x10;
	faults_add(maker, name, false, false, &wrapped->result->encrypted_key, wrapped->result->params);
	rig_free(wrapped);
}

static void faults_of_aes(struct faults_maker *maker, bool gcm)
{
	for (size_t i = 0; i < FAULT_MESSAGES; i++) {
		Cek__Internal__V1__FromWorker *wrapped = wrap(maker);

		faults_add_spoilt(maker, "first byte", false, false);
		faults_add_spoilt(maker, "last byte", false, true);
		if (gcm) {
			faults_add_spoilt(maker, "tag's first byte", true, false);
			faults_add_spoilt(maker, "tag's last byte", true, true);
		}
		if (RAND_bytes(wrapped->result->encrypted_key.data, (int)wrapped->result->encrypted_key.len) != 1)
			die("no random bytes");
		faults_add(maker, "random", false, false, &wrapped->result->encrypted_key, wrapped->result->params);
		rig_free(wrapped);
	}
}

void faults_make(struct rig_worker *manage, struct rig_worker *use, const char *alg, const char *crv,
	struct faults *ret_faults)
{
	struct faults_maker maker = {.manage = manage, .use = use, .alg = alg, .crv = crv, .faults = ret_faults};

	memset(ret_faults, 0, sizeof(*ret_faults));
	maker.generated = generate(&maker);
	switch (alg_find(alg)->family) {
	case ALG_RSA_OAEP:
		faults_of_rsa(&maker);
		break;
	case ALG_AES_KW:
	case ALG_AES_GCMKW:
		faults_of_aes(&maker, alg_find(alg)->family == ALG_AES_GCMKW);
		break;
	case ALG_ECDH:
		faults_of_ecdh(&maker);
		break;
	}
	rig_free(maker.generated);
}

void faults_free(struct faults *faults)
{
	for (size_t i = 0; i < faults->n; i++)
		for (size_t m = 0; m < FAULT_MESSAGES; m++)
			free(faults->fault[i].message[m].data);
	faults->n = 0;
}
