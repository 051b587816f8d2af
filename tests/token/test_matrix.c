/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every alg × every enc × {wrap, generate, unwrap, rewrap} through the real cekd-token, on the token named by the
 * argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/alg.h"
#include "rig.h"

#define OUTCOME(name) CEK__INTERNAL__V1__OUTCOME__OUTCOME_##name

static struct rig rig;
static struct rig_worker manage, use;

static int set_up(void **state)
{
	(void)state;
	rig_open(&rig, rig_kind());
	rig_start(&rig, &manage, &(struct rig_options){.manage = true}, NULL);
	rig_start(&rig, &use, &(struct rig_options){.copy_keys = true}, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(rig_stop(&use), 0);
	assert_int_equal(rig_stop(&manage), 0);
	rig_close(&rig);
	return 0;
}

static void generate(const char *alg, uint32_t bits, const char *crv, uint8_t id[16])
{
	static uint8_t next;
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__GenerateJob op = CEK__INTERNAL__V1__GENERATE_JOB__INIT;
	Cek__Internal__V1__FromWorker *answer;

	memset(id, 0x5a, 16);
	id[0] = ++next;
	op.label = (char *)(uintptr_t) "key";
	op.cka_id = (ProtobufCBinaryData){16, id};
	op.alg = (char *)(uintptr_t)alg;
	op.bits = bits;
	op.crv = (char *)(uintptr_t)crv;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_GENERATE;
	job.generate = &op;
	answer = rig_call(&manage, &job);
	if (answer->result->outcome != OUTCOME(OK))
		fail_msg("%s %u %s: %d %s", alg, bits, crv, answer->result->outcome, answer->result->text);
	assert_true(strlen(answer->result->kid) >= 22);
	assert_non_null(answer->result->public_key);
	rig_free(answer);
}

static Cek__Internal__V1__FromWorker *wrap(const char *alg, const struct enc *enc, uint8_t id[16], uint8_t *cek)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__WrapJob op = CEK__INTERNAL__V1__WRAP_JOB__INIT;

	op.cka_id = (ProtobufCBinaryData){16, id};
	op.alg = (char *)(uintptr_t)alg;
	op.enc = (char *)(uintptr_t)enc->name;
	op.cek_len = enc->cek_len;
	if (cek)
		op.cek = (ProtobufCBinaryData){enc->cek_len, cek};
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &op;
	return rig_call(&use, &job);
}

static Cek__Internal__V1__UnwrapJob unwrap_job(const char *alg, const struct enc *enc, uint8_t id[16],
	const Cek__Internal__V1__JobResult *wrapped)
{
	Cek__Internal__V1__UnwrapJob op = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;

	op.cka_id = (ProtobufCBinaryData){16, id};
	op.alg = (char *)(uintptr_t)alg;
	op.enc = (char *)(uintptr_t)enc->name;
	op.cek_len = enc->cek_len;
	op.encrypted_key = wrapped->encrypted_key;
	op.params = wrapped->params;
	return op;
}

static Cek__Internal__V1__FromWorker *unwrap(Cek__Internal__V1__UnwrapJob *op)
{
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;

	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = op;
	return rig_call(&use, &job);
}

static void expect_failed(Cek__Internal__V1__UnwrapJob *op)
{
	Cek__Internal__V1__FromWorker *answer = unwrap(op);
	Cek__Internal__V1__JobResult *result = answer->result;

	assert_int_equal(result->outcome, OUTCOME(FAILED));
	assert_int_equal(result->cek.len, 0);
	assert_string_equal(result->text, "");
	rig_free(answer);
}

/* Every single byte of what was wrapped matters, and so does each length. */
static void expect_tampering_noticed(Cek__Internal__V1__UnwrapJob *op)
{
	const size_t len = op->encrypted_key.len;

	for (size_t i = 0; i<len; i += len> 100 ? 37 : 7) {
		op->encrypted_key.data[i] ^= 0x10;
		expect_failed(op);
		op->encrypted_key.data[i] ^= 0x10;
	}
	if (len > 0) {
		op->encrypted_key.len--;
		expect_failed(op);
		op->encrypted_key.len++;
	}
	op->cek_len = op->cek_len == 32 ? 48 : 32;
	if (len > 0 || op->cek_len > 64)
		expect_failed(op);
}

static void check_cell(const char *alg_name, const struct enc *enc, uint8_t id[16])
{
	const struct alg *alg = alg_find(alg_name);
	const bool direct = alg->family == ALG_ECDH && alg->key_bits == 0;
	uint8_t cek[64];
	Cek__Internal__V1__FromWorker *wrapped, *answer, *again;
	Cek__Internal__V1__UnwrapJob op;

	for (uint8_t i = 0; i < 64; i++)
		cek[i] = (uint8_t)(i * 7 + 1);
	wrapped = wrap(alg_name, enc, id, direct ? NULL : cek);
	if (wrapped->result->outcome != OUTCOME(OK))
		fail_msg("%s %s: %d %s", alg_name, enc->name, wrapped->result->outcome, wrapped->result->text);
	if (direct)
		memcpy(cek, wrapped->result->cek.data, wrapped->result->cek.len);
	else
		assert_int_equal(wrapped->result->cek.len, 0);
	op = unwrap_job(alg_name, enc, id, wrapped->result);
	answer = unwrap(&op);
	if (answer->result->outcome != OUTCOME(OK))
		fail_msg("%s %s: %d %s", alg_name, enc->name, answer->result->outcome, answer->result->text);
	assert_int_equal(answer->result->cek.len, enc->cek_len);
	assert_memory_equal(answer->result->cek.data, cek, enc->cek_len);
	rig_free(answer);

	again = wrap(alg_name, enc, id, NULL);
	assert_int_equal(again->result->outcome, OUTCOME(OK));
	assert_int_equal(again->result->cek.len, enc->cek_len);
	assert_memory_not_equal(again->result->cek.data, cek, enc->cek_len);
	rig_free(again);
	expect_tampering_noticed(&op);
	rig_free(wrapped);
}

static void check_rewrap(const char *alg_name, uint8_t id[16])
{
	const struct alg *alg = alg_find(alg_name);
	const struct enc *enc = enc_find("A256GCM");
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__RewrapJob op = CEK__INTERNAL__V1__REWRAP_JOB__INIT;
	Cek__Internal__V1__WrapJob to = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Cek__Internal__V1__FromWorker *first = wrap(alg_name, enc, id, NULL), *second, *opened;
	Cek__Internal__V1__UnwrapJob from = unwrap_job(alg_name, enc, id, first->result);

	to.cka_id = (ProtobufCBinaryData){16, id};
	to.alg = (char *)(uintptr_t)alg_name;
	to.enc = (char *)(uintptr_t)enc->name;
	to.cek_len = enc->cek_len;
	op.from = &from;
	op.to = &to;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_REWRAP;
	job.rewrap = &op;
	second = rig_call(&use, &job);
	assert_int_equal(second->result->cek.len, 0);
	if (alg->family == ALG_ECDH && alg->key_bits == 0) {
		assert_int_equal(second->result->outcome, OUTCOME(UNSUPPORTED));
	} else {
		assert_int_equal(second->result->outcome, OUTCOME(OK));
		from = unwrap_job(alg_name, enc, id, second->result);
		opened = unwrap(&from);
		assert_int_equal(opened->result->outcome, OUTCOME(OK));
		assert_memory_equal(opened->result->cek.data, first->result->cek.data, enc->cek_len);
		rig_free(opened);
	}
	rig_free(first);
	rig_free(second);
}

static void check(const char *alg, uint32_t bits, const char *crv)
{
	uint8_t id[16];

	generate(alg, bits, crv, id);
	for (size_t i = 0; enc_row(i); i++)
		check_cell(alg, enc_row(i), id);
	check_rewrap(alg, id);
}

/* Which of the two objects is not there. */
static void rewrap_names_a_missing_target(void **state)
{
	const struct enc *enc = enc_find("A256GCM");
	Cek__Internal__V1__Job job = CEK__INTERNAL__V1__JOB__INIT;
	Cek__Internal__V1__RewrapJob op = CEK__INTERNAL__V1__REWRAP_JOB__INIT;
	Cek__Internal__V1__WrapJob to = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Cek__Internal__V1__FromWorker *wrapped, *answer;
	Cek__Internal__V1__UnwrapJob from;
	uint8_t id[16], absent[16] = "not there";

	(void)state;
	generate("A256KW", 256, "", id);
	wrapped = wrap("A256KW", enc, id, NULL);
	from = unwrap_job("A256KW", enc, id, wrapped->result);
	to.cka_id = (ProtobufCBinaryData){16, absent};
	to.alg = from.alg;
	to.enc = from.enc;
	to.cek_len = enc->cek_len;
	op.from = &from;
	op.to = &to;
	job.op_case = CEK__INTERNAL__V1__JOB__OP_REWRAP;
	job.rewrap = &op;
	answer = rig_call(&use, &job);
	assert_int_equal(answer->result->outcome, OUTCOME(MISSING));
	assert_int_equal(answer->result->cka_id.len, 16);
	assert_memory_equal(answer->result->cka_id.data, absent, 16);
	rig_free(answer);
	from.cka_id = to.cka_id;
	to.cka_id.data = id;
	answer = rig_call(&use, &job);
	assert_int_equal(answer->result->outcome, OUTCOME(MISSING));
	assert_int_equal(answer->result->cka_id.len, 0);
	rig_free(answer);
	rig_free(wrapped);
}

static void rsa_works(void **state)
{
	(void)state;
	for (size_t i = 0; alg_row(i); i++)
		if (alg_row(i)->family == ALG_RSA_OAEP)
			check(alg_row(i)->name, 2048, "");
	check("RSA-OAEP-256", 3072, "");
}

static void aes_works(void **state)
{
	(void)state;
	for (size_t i = 0; alg_row(i); i++)
		if (alg_row(i)->family == ALG_AES_KW || alg_row(i)->family == ALG_AES_GCMKW)
			check(alg_row(i)->name, 0, "");
}

static void ecdh_works(void **state)
{
	(void)state;
	for (size_t i = 0; alg_row(i); i++)
		for (size_t c = 0; alg_row(i)->family == ALG_ECDH && curve_row(c); c++)
			check(alg_row(i)->name, 0, curve_row(c)->name);
}

static void hello_names_everything(void **state)
{
	const Cek__Internal__V1__WorkerHello *hello = use.hello->hello;
	size_t rows = 0;

	(void)state;
	while (alg_row(rows))
		rows++;
	assert_int_equal(hello->n_alg, rows);
	for (size_t i = 0; i < rows; i++) {
		printf("%s: %s\n", hello->alg[i]->alg, hello->alg[i]->how);
		assert_true(hello->alg[i]->available);
	}
	assert_true(hello->memory > 0);
	printf("%s %s %s, %s, sandbox: %s, %lu KiB\n", hello->token_label, hello->token_serial, hello->token_model,
		hello->module, hello->sandbox, hello->memory / 1024);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_names_everything),
		cmocka_unit_test(rsa_works),
		cmocka_unit_test(rewrap_names_a_missing_target),
		cmocka_unit_test(aes_works),
		cmocka_unit_test(ecdh_works),
	};

	rig_arguments(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
