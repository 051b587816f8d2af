/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/result.h"
#include "client/slots.h"
#include "proto/frame.h"

static cek_result *parse(struct slots *slots, const Cek__V1__Reply *reply, int expected)
{
	size_t len = cek__v1__reply__get_packed_size(reply);
	uint8_t *packed = malloc(len);
	cek_result *result = NULL;

	assert_non_null(packed);
	cek__v1__reply__pack(reply, packed);
	assert_int_equal(result_parse(slots, packed, len, &result), expected);
	free(packed);
	return result;
}

static Cek__V1__Reply ok(void)
{
	Cek__V1__Reply reply = CEK__V1__REPLY__INIT;

	reply.id = 1;
	reply.status = CEK__V1__STATUS__STATUS_OK;
	reply.epoch = 3;
	return reply;
}

static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

static bool slot_is_zero(const void *slot)
{
	const uint8_t *data = slot;

	for (size_t i = 0; i < SLOT_SIZE; i++)
		if (data[i] != 0)
			return false;
	return true;
}

static void test_cek_is_wiped(void **state)
{
	Cek__V1__UnwrapReply unwrap = CEK__V1__UNWRAP_REPLY__INIT;
	struct slots *slots = slots_new();
	Cek__V1__Reply reply = ok();
	cek_result *result, *other;

	unwrap.cek = (ProtobufCBinaryData){16, (uint8_t *)word("0123456789abcdef")};
	unwrap.kid = word("k");
	reply.result_case = CEK__V1__REPLY__RESULT_UNWRAP;
	reply.unwrap = &unwrap;
	other = parse(slots, &reply, CEK_OK); /* keeps the slab mapped */
	result = parse(slots, &reply, CEK_OK);
	assert_ptr_equal(cek_result_keep(result), result);
	cek_result_free(result);
	assert_memory_equal(cek_result_cek(result).data, "0123456789abcdef", 16);
	assert_non_null(memmem(result, SLOT_SIZE, "0123456789abcdef", 16));
	cek_result_free(result);
	assert_true(slot_is_zero(result));
	assert_true(result_answers(other, CALL_UNWRAP, 16));
	assert_true(result_answers(other, CALL_UNWRAP, 0));
	assert_false(result_answers(other, CALL_UNWRAP, 32));
	assert_false(result_answers(other, CALL_WRAP, 0));
	assert_true(result_answers(other, CALL_ANY, 0));
	slots_close(slots);
	assert_string_equal(cek_result_kid(other), "k"); /* results outlive the connection */
	cek_result_free(other);
}

/* The largest reply of the hot path needs no mapping of its own. */
static void test_largest_wrap_fits_a_slot(void **state)
{
	Cek__V1__WrapReply wrap = CEK__V1__WRAP_REPLY__INIT;
	Cek__V1__AlgParams params = CEK__V1__ALG_PARAMS__INIT;
	Cek__V1__PublicKey epk = CEK__V1__PUBLIC_KEY__INIT;
	struct slots *slots = slots_new();
	Cek__V1__Reply reply = ok();
	uint8_t bytes[512] = {1};
	char kid[257];
	cek_result *result;

	memset(kid, 'k', 256);
	kid[256] = '\0';
	epk.kty = word("EC");
	epk.crv = word("P-521");
	epk.x = epk.y = (ProtobufCBinaryData){66, bytes};
	params.epk = &epk;
	params.iv = (ProtobufCBinaryData){12, bytes};
	params.tag = (ProtobufCBinaryData){16, bytes};
	wrap.encrypted_key = (ProtobufCBinaryData){512, bytes};
	wrap.kid = kid;
	wrap.alg = word("ECDH-ES+A256KW");
	wrap.params = &params;
	reply.result_case = CEK__V1__REPLY__RESULT_WRAP;
	reply.wrap = &wrap;
	result = parse(slots, &reply, CEK_OK);
	assert_non_null(result->slab);
	assert_int_equal(cek_result_encrypted_key(result).len, 512);
	assert_int_equal(strlen(cek_result_kid(result)), 256);
	assert_string_equal(cek_result_alg(result), "ECDH-ES+A256KW");
	assert_string_equal(cek_result_params(result).epk.crv, "P-521");
	assert_int_equal(cek_result_params(result).epk.y.len, 66);
	assert_int_equal(cek_result_params(result).tag.len, 16);
	cek_result_free(result);

	wrap.encrypted_key.len = 513;
	wrap.encrypted_key.data = calloc(1, 513);
	parse(slots, &reply, CEK_E_PROTOCOL);
	free(wrap.encrypted_key.data);
	wrap.encrypted_key = (ProtobufCBinaryData){512, bytes};
	wrap.kid = calloc(1, 258);
	memset(wrap.kid, 'k', 257);
	parse(slots, &reply, CEK_E_PROTOCOL);
	free(wrap.kid);
	slots_close(slots);
}

static void test_statuses(void **state)
{
	struct slots *slots = slots_new();
	Cek__V1__Reply reply = ok();
	cek_result *result;
	char message[1026];

	memset(message, 'm', sizeof(message));
	message[3] = '\n';
	message[sizeof(message) - 1] = '\0';
	reply.message = message;
	reply.status = CEK__V1__STATUS__STATUS_UNSPECIFIED;
	parse(slots, &reply, CEK_E_PROTOCOL);
	reply.status = (Cek__V1__Status)-4;
	parse(slots, &reply, CEK_E_PROTOCOL);
	reply.status = (Cek__V1__Status)99; /* a newer cekd */
	result = parse(slots, &reply, CEK_OK);
	assert_int_equal(cek_result_status(result), 99);
	assert_string_equal(cek_status_name(99), "UNKNOWN");
	assert_int_equal(strlen(cek_result_message(result)), 1024);
	assert_memory_equal(cek_result_message(result), "mmm?m", 5);
	cek_result_free(result);
	slots_close(slots);
	for (int i = CEK_E_FULL; i <= CEK_NOT_IMPLEMENTED; i++) {
		assert_non_null(cek_status_text(i));
		if (i != 1) /* no such value */
			assert_string_not_equal(cek_status_name(i), "UNKNOWN");
		if (i < 0)
			assert_int_equal(cek_result_status(result_local(i)), i);
	}
	assert_true(cek_status_is_temporary(CEK_UNAVAILABLE));
	assert_false(cek_status_is_temporary(CEK_FAILED));
	assert_string_equal(cek_state_name(CEK_STATE_WAITING), "waiting");
	assert_string_equal(cek_state_name(8), "unknown");
	assert_string_equal(cek_state_name(-1), "unknown");
}

static void test_no_result(void **state)
{
	assert_int_equal(cek_result_status(NULL), CEK_E_INVALID);
	assert_non_null(cek_result_message(NULL));
	assert_int_equal(cek_result_cek(NULL).len, 0);
	assert_null(cek_result_kid(NULL));
	assert_null(cek_result_key_info(NULL, 0));
	assert_null(cek_result_public_key(NULL, 0));
	assert_null(cek_result_daemon(NULL));
	assert_null(cek_result_free(NULL));
	assert_null(cek_result_keep(NULL));
	assert_null(cek_result_kid(result_local(CEK_E_TIMEOUT)));
	assert_null(cek_result_free(cek_result_keep(result_local(CEK_E_TIMEOUT))));
}

static void test_key(void **state)
{
	Cek__V1__KeyReply body = CEK__V1__KEY_REPLY__INIT;
	Cek__V1__Key key = CEK__V1__KEY__INIT;
	Cek__V1__Version old = CEK__V1__VERSION__INIT, young = CEK__V1__VERSION__INIT, *versions[] = {&old, &young};
	Cek__V1__Usage usage = CEK__V1__USAGE__INIT, *usages[] = {&usage};
	Cek__V1__Event event = CEK__V1__EVENT__INIT, *plan[] = {&event};
	Cek__V1__Schedule schedule = CEK__V1__SCHEDULE__INIT;
	char *aliases[] = {word("issuer-1")};
	struct slots *slots = slots_new();
	Cek__V1__Reply reply = ok();
	const struct cek_key *info;
	cek_result *result;

	usage.peer = word("gateway/33");
	usage.unwraps = 4;
	old.kid = word("old");
	old.state = CEK__V1__STATE__STATE_DEACTIVATED;
	old.n_alias = 1;
	old.alias = aliases;
	old.n_peers = 1;
	old.peers = usages;
	young.kid = word("young");
	young.state = CEK__V1__STATE__STATE_ACTIVE;
	young.provenance = CEK__V1__PROVENANCE__PROVENANCE_IMPORTED;
	young.note = word("bell\a");
	event.what = word("activate");
	event.time = 99;
	schedule.period = 3600;
	key.name = word("api");
	key.alg = word("A256KW");
	key.n_version = 2;
	key.version = versions;
	key.before = 5;
	key.more_plan = 6;
	old.more_peers = true;
	key.schedule = &schedule;
	key.n_plan = 1;
	key.plan = plan;
	body.key = &key;
	reply.result_case = CEK__V1__REPLY__RESULT_KEY;
	reply.key = &body;
	result = parse(slots, &reply, CEK_OK);
	assert_true(result_answers(result, CALL_KEY, 0));
	assert_string_equal(cek_result_key(result), "api");
	assert_string_equal(cek_result_kid(result), "young");
	info = cek_result_key_info(result, 0);
	assert_null(cek_result_key_info(result, 1));
	assert_int_equal(info->n_versions, 2);
	assert_string_equal(info->versions[0]->aliases[0], "issuer-1");
	assert_string_equal(info->versions[0]->peers[0]->peer, "gateway/33");
	assert_int_equal(info->versions[0]->peers[0]->unwraps, 4);
	assert_string_equal(info->versions[1]->provenance, "imported");
	assert_string_equal(info->versions[1]->note, "bell?");
	assert_null(info->versions[1]->public_key.kty);
	assert_string_equal(info->plan[0]->what, "activate");
	assert_int_equal(info->period, 3600);
	assert_int_equal(info->before, 5);
	assert_int_equal(info->more_plan, 6);
	assert_true(info->versions[0]->more_peers);
	assert_false(info->versions[1]->more_peers);
	assert_string_equal(info->crv, "");
	cek_result_free(result);
	body.key = NULL;
	parse(slots, &reply, CEK_E_PROTOCOL);
	slots_close(slots);
}

/* As many keys as a frame holds: a mapping of its own, and enough of it. */
static void test_long_list(void **state)
{
	enum { N = 2900 };
	Cek__V1__ListKeysReply body = CEK__V1__LIST_KEYS_REPLY__INIT;
	Cek__V1__Key key = CEK__V1__KEY__INIT, *keys[N];
	Cek__V1__Version version = CEK__V1__VERSION__INIT, *versions[] = {&version};
	struct slots *slots = slots_new();
	Cek__V1__Reply reply = ok();
	cek_result *result;

	version.kid = word("k");
	version.state = CEK__V1__STATE__STATE_ACTIVE;
	version.created = 1;
	key.name = word("a");
	key.alg = word("A256KW");
	key.n_version = 1;
	key.version = versions;
	for (unsigned i = 0; i < N; i++)
		keys[i] = &key;
	body.n_key = N;
	body.key = keys;
	body.more = true;
	reply.result_case = CEK__V1__REPLY__RESULT_LIST_KEYS;
	reply.list_keys = &body;
	assert_in_range(cek__v1__reply__get_packed_size(&reply), FRAME_BODY_MAX / 2, FRAME_BODY_MAX + 1);
	result = parse(slots, &reply, CEK_OK);
	assert_null(result->slab);
	assert_true(cek_result_more(result));
	assert_string_equal(cek_result_key_info(result, N - 1)->versions[0]->kid, "k");
	assert_null(cek_result_key_info(result, N));
	cek_result_keep(result);
	cek_result_free(result);
	slots_close(slots);
	cek_result_free(result);
}

/* Why, as far as cekd says it; a later one may say what this libcek has no word for. */
static void test_reasons(void **state)
{
	struct slots *slots = slots_new();
	Cek__V1__Reply reply = ok();
	cek_result *result;

	reply.status = CEK__V1__STATUS__STATUS_UNUSABLE;
	reply.reason = CEK__V1__REASON__REASON_WAITING;
	result = parse(slots, &reply, CEK_OK);
	assert_int_equal(cek_result_reason(result), CEK_REASON_WAITING);
	assert_string_equal(cek_reason_name(cek_result_reason(result)), "waiting");
	cek_result_free(result);
	reply.reason = (Cek__V1__Reason)4711;
	result = parse(slots, &reply, CEK_OK);
	assert_int_equal(cek_result_reason(result), 4711);
	assert_string_equal(cek_reason_name(4711), "");
	cek_result_free(result);
	slots_close(slots);
	assert_int_equal(cek_result_reason(NULL), CEK_REASON_NONE);
	assert_int_equal(CEK_REASON_UNTRIED, CEK__V1__REASON__REASON_UNTRIED);
	assert_string_equal(cek_reason_name(CEK_REASON_UNTRIED), "untried");
	assert_string_equal(cek_reason_name(CEK_REASON_NONE), "");
}

static void test_public_keys_and_daemon(void **state)
{
	Cek__V1__PublicKeysReply keys = CEK__V1__PUBLIC_KEYS_REPLY__INIT;
	Cek__V1__PublicKeyEntry entry = CEK__V1__PUBLIC_KEY_ENTRY__INIT, *entries[] = {&entry};
	Cek__V1__PublicKey public_key = CEK__V1__PUBLIC_KEY__INIT;
	Cek__V1__StatusReply status = CEK__V1__STATUS_REPLY__INIT;
	Cek__V1__WorkerStatus worker = CEK__V1__WORKER_STATUS__INIT, *workers[] = {&worker};
	char *warnings[] = {word("disk\tfull")};
	struct slots *slots = slots_new();
	Cek__V1__Reply reply = ok();
	cek_result *result;

	public_key.kty = word("OKP");
	public_key.crv = word("X25519");
	public_key.x = (ProtobufCBinaryData){4, (uint8_t *)word("abcd")};
	entry.kid = word("k");
	entry.public_key = &public_key;
	keys.n_entry = 1;
	keys.entry = entries;
	reply.result_case = CEK__V1__REPLY__RESULT_PUBLIC_KEYS;
	reply.public_keys = &keys;
	result = parse(slots, &reply, CEK_OK);
	assert_string_equal(cek_result_public_key(result, 0)->public_key.crv, "X25519");
	assert_null(cek_result_public_key(result, 0)->public_key.n.data);
	assert_null(cek_result_public_key(result, 1));
	assert_null(cek_result_daemon(result));
	cek_result_free(result);
	entry.public_key = NULL;
	parse(slots, &reply, CEK_E_PROTOCOL);

	worker.kind = word("use");
	worker.pid = 17;
	status.ready = true;
	status.n_worker = 1;
	status.worker = workers;
	status.n_warning = 1;
	status.warning = warnings;
	reply.result_case = CEK__V1__REPLY__RESULT_STATUS_REPLY;
	reply.status_reply = &status;
	result = parse(slots, &reply, CEK_OK);
	assert_true(cek_result_daemon(result)->ready);
	assert_string_equal(cek_result_daemon(result)->workers[0]->kind, "use");
	assert_int_equal(cek_result_daemon(result)->workers[0]->pid, 17);
	assert_string_equal(cek_result_daemon(result)->warnings[0], "disk?full");
	assert_int_equal(cek_result_daemon(result)->n_algs, 0);
	cek_result_free(result);
	slots_close(slots);
}

/* 64 KiB of tiny fields would unpack to a megabyte and more: there is a bound. */
static void test_amplification(void **state)
{
	struct slots *slots = slots_new();
	uint8_t *data = malloc(FRAME_BODY_MAX);
	cek_result *result = NULL;
	size_t len = 0;

	assert_non_null(data);
	data[len++] = 0x10; /* status OK */
	data[len++] = 1;
	data[len++] = 0xf2; /* list_keys (30) */
	data[len++] = 0x01;
	data[len++] = 0x80; /* 60,000 bytes */
	data[len++] = 0xd3;
	data[len++] = 0x03;
	for (unsigned i = 0; i < 30080; i++) { /* keys without anything */
		data[len++] = 0x0a;
		data[len++] = 0;
	}
	assert_true(len <= FRAME_BODY_MAX);
	assert_int_equal(result_parse(slots, data, len, &result), CEK_E_PROTOCOL);
	assert_null(result);
	free(data);
	slots_close(slots);
}

static void test_random_bytes(void **state)
{
	struct slots *slots = slots_new();
	unsigned seed = 7, parsed = 0;

	for (unsigned round = 0; round < 200000; round++) {
		uint8_t data[64];
		size_t len = 1 + (size_t)rand_r(&seed) % sizeof(data);
		cek_result *result = NULL;

		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)(rand_r(&seed) >> 5);
		if (len > 6) { /* status OK, and one of the results */
			static const uint8_t fields[] = {10, 11, 12, 13, 20, 26, 30, 32, 40, 41, 42, 43};
			unsigned field = fields[round % sizeof(fields)];

			data[0] = 0x10;
			data[1] = 1;
			data[2] = (uint8_t)((field << 3 | 2) & 0x7f) | 0x80;
			data[3] = (uint8_t)(field >> 4);
			data[4] = (uint8_t)(len - 5);
		}
		if (result_parse(slots, data, len, &result) == CEK_OK)
			parsed++;
		cek_result_free(result);
	}
	assert_in_range(parsed, 1, 199999);
	slots_close(slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cek_is_wiped),
		cmocka_unit_test(test_largest_wrap_fits_a_slot),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_no_result),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_public_keys_and_daemon),
		cmocka_unit_test(test_amplification),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
