#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/bound.h"
#include "daemon/broker/request.h"

/* A message whose fields are all set, each as long as it may be: what it packs to is no more than its bound. */
static uint8_t bytes[ENCRYPTED_KEY_MAX];
static char name[KEY_NAME_MAX + 1], kid[KID_MAX + 1];

static ProtobufCBinaryData data(size_t len)
{
	return (ProtobufCBinaryData){.data = bytes, .len = len};
}

static AlgParams *all_params(void)
{
	static AlgParams params;
	static PublicKey epk;

	memset(name, 'n', KEY_NAME_MAX);
	memset(kid, 'k', KID_MAX);
	params = (AlgParams)CEK__V1__ALG_PARAMS__INIT;
	epk = (PublicKey)CEK__V1__PUBLIC_KEY__INIT;
	epk.kty = epk.crv = (char *)"X25519";
	epk.n = epk.e = epk.x = epk.y = data(66);
	params.epk = &epk;
	params.apu = params.apv = data(PARTY_INFO_MAX);
	params.iv = data(GCM_IV_LEN);
	params.tag = data(GCM_TAG_LEN);
	return &params;
}

static void test_jobs(void **state)
{
	Cek__Internal__V1__UnwrapJob unwrap = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
	Cek__Internal__V1__WrapJob wrap = CEK__INTERNAL__V1__WRAP_JOB__INIT;
	Cek__Internal__V1__RewrapJob rewrap = CEK__INTERNAL__V1__REWRAP_JOB__INIT;
	Job job = CEK__INTERNAL__V1__JOB__INIT;

	job.id = UINT64_MAX;
	unwrap.cka_id = wrap.cka_id = data(CKA_ID_MAX);
	unwrap.alg = wrap.alg = unwrap.enc = wrap.enc = (char *)"ECDH-ES+A256KW";
	unwrap.cek_len = wrap.cek_len = UINT32_MAX;
	unwrap.params = wrap.params = all_params();
	unwrap.encrypted_key = data(CEK_LEN_MAX + 8);
	wrap.cek = data(CEK_LEN_MAX);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	job.unwrap = &unwrap;
	assert_in_range(cek__internal__v1__job__get_packed_size(&job), 1000, bound_job(&job));
	assert_true(bound_job(&job) <= REQUEST_JOB_MAX);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	job.wrap = &wrap;
	assert_in_range(cek__internal__v1__job__get_packed_size(&job), 1000, bound_job(&job));
	assert_true(bound_job(&job) <= REQUEST_JOB_MAX);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_REWRAP;
	rewrap.from = &unwrap;
	rewrap.to = &wrap;
	job.rewrap = &rewrap;
	assert_in_range(cek__internal__v1__job__get_packed_size(&job), 2000, bound_job(&job));
	wrap.params = NULL; /* a rewrap chooses none */
	assert_true(bound_job(&job) <= REQUEST_JOB_MAX);
	job.op_case = CEK__INTERNAL__V1__JOB__OP_TRANSPORT;
	assert_int_equal(bound_job(&job), 0);
}

static CekReply reply_of(Cek__V1__Reply__ResultCase result)
{
	CekReply reply = CEK__V1__REPLY__INIT;

	reply.id = reply.epoch = UINT64_MAX;
	reply.status = CEK__V1__STATUS__STATUS_NOT_IMPLEMENTED;
	reply.message = kid;
	reply.result_case = result;
	return reply;
}

static void test_replies(void **state)
{
	Cek__V1__UnwrapReply unwrap = CEK__V1__UNWRAP_REPLY__INIT;
	Cek__V1__WrapReply wrap = CEK__V1__WRAP_REPLY__INIT;
	Cek__V1__GenerateCekReply generate = CEK__V1__GENERATE_CEK_REPLY__INIT;
	Cek__V1__RewrapReply rewrap = CEK__V1__REWRAP_REPLY__INIT;
	CekReply reply = reply_of(CEK__V1__REPLY__RESULT_UNWRAP);

	wrap.params = generate.params = rewrap.params = all_params();
	unwrap.kid = wrap.kid = generate.kid = rewrap.kid = kid;
	wrap.alg = generate.alg = rewrap.alg = (char *)"ECDH-ES+A256KW";
	wrap.encrypted_key = generate.encrypted_key = rewrap.encrypted_key = data(ENCRYPTED_KEY_MAX);
	unwrap.cek = generate.cek = data(CEK_LEN_MAX);
	unwrap.key = name;
	unwrap.candidates = UINT32_MAX;
	rewrap.unchanged = true;
	reply.unwrap = &unwrap;
	assert_in_range(cek__v1__reply__get_packed_size(&reply), 600, bound_reply(&reply));
	reply = reply_of(CEK__V1__REPLY__RESULT_WRAP);
	reply.wrap = &wrap;
	assert_in_range(cek__v1__reply__get_packed_size(&reply), 2000, bound_reply(&reply));
	reply = reply_of(CEK__V1__REPLY__RESULT_GENERATE_CEK);
	reply.generate_cek = &generate;
	assert_in_range(cek__v1__reply__get_packed_size(&reply), 2000, bound_reply(&reply));
	reply = reply_of(CEK__V1__REPLY__RESULT_REWRAP);
	reply.rewrap = &rewrap;
	assert_in_range(cek__v1__reply__get_packed_size(&reply), 2000, bound_reply(&reply));
	reply = reply_of(CEK__V1__REPLY__RESULT__NOT_SET);
	assert_in_range(cek__v1__reply__get_packed_size(&reply), 250, bound_reply(&reply));
	reply = reply_of(CEK__V1__REPLY__RESULT_LIST_KEYS);
	assert_int_equal(bound_reply(&reply), 0);
}

/* Every number of the message at its largest, every string set: also those of fields that come later. */
static void test_audit_records(void **state)
{
	AuditRecord record = CEK__INTERNAL__V1__AUDIT_RECORD__INIT;
	const ProtobufCMessageDescriptor *descriptor = record.base.descriptor;

	all_params();
	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		void *field = (uint8_t *)&record + descriptor->fields[i].offset;

		if (descriptor->fields[i].type == PROTOBUF_C_TYPE_UINT64)
			*(uint64_t *)field = UINT64_MAX;
		else if (descriptor->fields[i].type == PROTOBUF_C_TYPE_UINT32)
			*(uint32_t *)field = UINT32_MAX;
	}
	record.listener = record.op = record.key = record.alg = record.status = name;
	record.kid = record.detail = kid;
	record.encrypted_key = data(ENCRYPTED_KEY_MAX);
	assert_in_range(cek__internal__v1__audit_record__get_packed_size(&record), 1000, bound_audit(&record));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_audit_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
