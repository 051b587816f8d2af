/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/journal/pack_audit.h"
#include "daemon/broker/request/pack_reply.h"
#include "daemon/broker/request/request.h"
#include "daemon/broker/workers/pack_job.h"

/* What is packed here must be what protobuf-c packs, byte for byte, whatever is set; and never more than there is
 * room. */

enum { SIZE = 8192 };

static uint8_t bytes[ENCRYPTED_KEY_MAX], packed[SIZE], expected[SIZE];
static char name[KEY_NAME_MAX + 1], kid[KID_MAX + 1];

static int setup(void **state)
{
	memset(name, 'n', KEY_NAME_MAX);
	memset(kid, 'k', KID_MAX);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	return 0;
}

static ProtobufCBinaryData data(size_t len)
{
	return (ProtobufCBinaryData){.data = bytes, .len = len};
}

static AlgParams *all_params(void)
{
	static AlgParams params;
	static PublicKey epk;

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

/* The same, packed by protobuf-c; and with every smaller room nothing is written beyond it. */
static void assert_packed(const ProtobufCMessage *message, size_t (*pack)(const void *, uint8_t *, size_t))
{
	size_t len = protobuf_c_message_pack(message, expected);

	assert_int_equal(pack(message, packed, SIZE), len);
	assert_memory_equal(packed, expected, len);
	for (size_t size = 0; size < len; size++) {
		memset(packed, 0xa5, SIZE);
		assert_int_equal(pack(message, packed, size), 0);
		for (size_t i = size; i < size + 64; i++)
			assert_int_equal(packed[i], 0xa5);
	}
}

static size_t job(const void *message, uint8_t *to, size_t size)
{
	return pack_job(message, to, size);
}

static size_t reply(const void *message, uint8_t *to, size_t size)
{
	return pack_reply(message, to, size);
}

static size_t audit(const void *message, uint8_t *to, size_t size)
{
	return pack_audit(message, to, size);
}

static Job unwrap_job(Cek__Internal__V1__UnwrapJob *unwrap)
{
	Job message = CEK__INTERNAL__V1__JOB__INIT;

	message.op_case = CEK__INTERNAL__V1__JOB__OP_UNWRAP;
	message.unwrap = unwrap;
	return message;
}

static Cek__Internal__V1__UnwrapJob full_unwrap(void)
{
	Cek__Internal__V1__UnwrapJob unwrap = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;

	unwrap.cka_id = data(CKA_ID_MAX);
	unwrap.alg = unwrap.enc = (char *)"ECDH-ES+A256KW";
	unwrap.cek_len = UINT32_MAX;
	unwrap.encrypted_key = data(CEK_LEN_MAX + 8);
	unwrap.params = all_params();
	unwrap.public_key = unwrap.params->epk;
	return unwrap;
}

static Cek__Internal__V1__WrapJob full_wrap(void)
{
	Cek__Internal__V1__WrapJob wrap = CEK__INTERNAL__V1__WRAP_JOB__INIT;

	wrap.cka_id = data(CKA_ID_MAX);
	wrap.alg = wrap.enc = (char *)"ECDH-ES+A256KW";
	wrap.cek = data(CEK_LEN_MAX);
	wrap.cek_len = 1;
	wrap.params = all_params();
	wrap.public_key = wrap.params->epk;
	return wrap;
}

static void test_jobs(void **state)
{
	Cek__Internal__V1__UnwrapJob unwrap = full_unwrap(), bare = CEK__INTERNAL__V1__UNWRAP_JOB__INIT;
	Cek__Internal__V1__WrapJob wrap = full_wrap();
	Cek__Internal__V1__RewrapJob rewrap = CEK__INTERNAL__V1__REWRAP_JOB__INIT;
	Job message = unwrap_job(&bare);

	assert_packed(&message.base, job);
	message = unwrap_job(&unwrap);
	message.id = UINT64_MAX;
	assert_packed(&message.base, job);
	for (size_t len = 100; len < 140; len++) { /* where the length of a length changes */
		unwrap.params->apv = data(len);
		unwrap.params->apu = data(0);
		assert_packed(&message.base, job);
	}
	unwrap.params = all_params();
	unwrap.encrypted_key = data(ENCRYPTED_KEY_MAX);
	assert_packed(&message.base, job);
	message.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	message.wrap = &wrap;
	assert_packed(&message.base, job);
	message.op_case = CEK__INTERNAL__V1__JOB__OP_REWRAP;
	message.rewrap = &rewrap;
	assert_packed(&message.base, job);
	rewrap.from = &unwrap;
	rewrap.to = &wrap;
	assert_packed(&message.base, job);
	message.op_case = CEK__INTERNAL__V1__JOB__OP_TRANSPORT;
	assert_int_equal(pack_job(&message, packed, SIZE), 0);
}

/* A new field of these messages needs a line where it is packed, and in the functions above. */
static void test_no_field_is_left_out(void **state)
{
	assert_int_equal(cek__internal__v1__unwrap_job__descriptor.n_fields, 7);
	assert_int_equal(cek__internal__v1__wrap_job__descriptor.n_fields, 7);
	assert_int_equal(cek__internal__v1__rewrap_job__descriptor.n_fields, 2);
	assert_int_equal(cek__internal__v1__audit_record__descriptor.n_fields, 13);
	assert_int_equal(cek__v1__public_key__descriptor.n_fields, 6);
	assert_int_equal(cek__v1__alg_params__descriptor.n_fields, 5);
	assert_int_equal(cek__v1__unwrap_reply__descriptor.n_fields, 4);
	assert_int_equal(cek__v1__wrap_reply__descriptor.n_fields, 4);
	assert_int_equal(cek__v1__generate_cek_reply__descriptor.n_fields, 5);
	assert_int_equal(cek__v1__rewrap_reply__descriptor.n_fields, 5);
}

/* The largest jobs that the checks let pass have their place in a request. */
static void test_largest_jobs(void **state)
{
	Cek__Internal__V1__UnwrapJob unwrap = full_unwrap();
	Cek__Internal__V1__WrapJob wrap = full_wrap();
	Cek__Internal__V1__RewrapJob rewrap = CEK__INTERNAL__V1__REWRAP_JOB__INIT;
	Job message = unwrap_job(&unwrap);

	message.id = UINT64_MAX;
	assert_true(pack_job(&message, packed, REQUEST_JOB_MAX) > 0);
	message.op_case = CEK__INTERNAL__V1__JOB__OP_WRAP;
	message.wrap = &wrap;
	assert_true(pack_job(&message, packed, REQUEST_JOB_MAX) > 0);
	message.op_case = CEK__INTERNAL__V1__JOB__OP_REWRAP;
	rewrap.from = &unwrap;
	rewrap.to = &wrap;
	wrap.params = NULL; /* a rewrap chooses none */
	message.rewrap = &rewrap;
	assert_true(pack_job(&message, packed, REQUEST_JOB_MAX) > 0);
}

/* What a peer sends beside the fields that are checked is not passed on, however much it is. */
static void test_unknown_fields_stay_behind(void **state)
{
	Cek__Internal__V1__UnwrapJob unwrap = full_unwrap();
	ProtobufCMessageUnknownField unknown = {.tag = 99,
		.wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
		.len = 9000};
	Job message = unwrap_job(&unwrap);
	size_t len = pack_job(&message, expected, SIZE);

	unwrap.params->base.n_unknown_fields = unwrap.params->epk->base.n_unknown_fields = 1;
	unwrap.params->base.unknown_fields = unwrap.params->epk->base.unknown_fields = &unknown;
	assert_int_equal(pack_job(&message, packed, SIZE), len);
	assert_memory_equal(packed, expected, len);
}

static CekReply reply_of(Cek__V1__Reply__ResultCase result)
{
	CekReply message = CEK__V1__REPLY__INIT;

	message.id = message.epoch = UINT64_MAX;
	message.status = CEK__V1__STATUS__STATUS_NOT_IMPLEMENTED;
	message.message = kid;
	message.result_case = result;
	return message;
}

static void test_replies(void **state)
{
	Cek__V1__UnwrapReply unwrap = CEK__V1__UNWRAP_REPLY__INIT;
	Cek__V1__WrapReply wrap = CEK__V1__WRAP_REPLY__INIT;
	Cek__V1__GenerateCekReply generate = CEK__V1__GENERATE_CEK_REPLY__INIT;
	Cek__V1__RewrapReply rewrap = CEK__V1__REWRAP_REPLY__INIT;
	CekReply message = reply_of(CEK__V1__REPLY__RESULT_UNWRAP);

	message.unwrap = &unwrap;
	assert_packed(&message.base, reply);
	wrap.params = generate.params = rewrap.params = all_params();
	unwrap.kid = wrap.kid = generate.kid = rewrap.kid = kid;
	wrap.alg = generate.alg = rewrap.alg = (char *)"ECDH-ES+A256KW";
	wrap.encrypted_key = generate.encrypted_key = rewrap.encrypted_key = data(ENCRYPTED_KEY_MAX);
	unwrap.cek = generate.cek = data(CEK_LEN_MAX);
	unwrap.key = name;
	unwrap.candidates = UINT32_MAX;
	rewrap.unchanged = true;
	assert_packed(&message.base, reply);
	message = reply_of(CEK__V1__REPLY__RESULT_WRAP);
	message.wrap = &wrap;
	assert_packed(&message.base, reply);
	message = reply_of(CEK__V1__REPLY__RESULT_GENERATE_CEK);
	message.generate_cek = &generate;
	assert_packed(&message.base, reply);
	message = reply_of(CEK__V1__REPLY__RESULT_REWRAP);
	message.rewrap = &rewrap;
	assert_packed(&message.base, reply);
	message = reply_of(CEK__V1__REPLY__RESULT__NOT_SET);
	assert_packed(&message.base, reply);
	message = reply_of(CEK__V1__REPLY__RESULT_LIST_KEYS);
	assert_int_equal(pack_reply(&message, packed, SIZE), 0);
}

/* Every field of the message: also those that come later. */
static void test_audit_records(void **state)
{
	AuditRecord record = CEK__INTERNAL__V1__AUDIT_RECORD__INIT;
	const ProtobufCMessageDescriptor *descriptor = record.base.descriptor;

	assert_packed(&record.base, audit);
	for (unsigned i = 0; i < descriptor->n_fields; i++) {
		void *field = (uint8_t *)&record + descriptor->fields[i].offset;

		switch (descriptor->fields[i].type) {
		case PROTOBUF_C_TYPE_UINT64:
			*(uint64_t *)field = UINT64_MAX - i;
			break;
		case PROTOBUF_C_TYPE_UINT32:
			*(uint32_t *)field = UINT32_MAX - i;
			break;
		case PROTOBUF_C_TYPE_STRING:
			*(char **)field = kid + i;
			break;
		case PROTOBUF_C_TYPE_BYTES:
			*(ProtobufCBinaryData *)field = data(ENCRYPTED_KEY_MAX);
			break;
		default:
			fail_msg("%s is of a type that pack_audit.c does not know", descriptor->fields[i].name);
		}
	}
	assert_packed(&record.base, audit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_no_field_is_left_out),
		cmocka_unit_test(test_largest_jobs),
		cmocka_unit_test(test_unknown_fields_stay_behind),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_audit_records),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
