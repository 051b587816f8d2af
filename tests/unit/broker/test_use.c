/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which versions a request about a CEK works with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/ring/moves.h"
#include "daemon/broker/rpc/use.h"
#include "tests/unit/broker/broker_calls.h"

static void test_states_that_unwrap(void **state)
{
	for (size_t i = 0; alg_row(i); i++) {
		struct key key = {.alg = alg_row(i)};
		bool is_public = key.alg->family == ALG_RSA_OAEP || key.alg->family == ALG_ECDH;

		for (int in = STATE_NONE; in <= STATE_COUNT; in++) {
			struct version version = {.key = &key, .state = (enum state)in};
			bool expected = in == STATE_ACTIVE || in == STATE_DEACTIVATED ||
				(in == STATE_PRE_ACTIVE && is_public);

			assert_int_equal(move_opens(&version), expected);
		}
	}
}

/* A version made by an earlier life of the broker. */
static void put_version(struct rig *rig, const char *key, const char *kid, const char *alg, enum state state)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;
	size_t n = rig->journal.n_records++;

	record.seq = n + 1;
	record.type = (char *)"version";
	record.key = (char *)key;
	record.kid = (char *)kid;
	record.alg = (char *)alg;
	record.bits = strncmp(alg, "RSA", 3) == 0 ? 2048 : 256;
	record.cka_id = (ProtobufCBinaryData){.data = (uint8_t *)kid, .len = strlen(kid)};
	record.state = (Cek__V1__State)state;
	record.provenance = CEK__V1__PROVENANCE__PROVENANCE_GENERATED;
	rig->journal.records[n].len = cek__internal__v1__key_record__get_packed_size(&record);
	rig->journal.records[n].data = malloc(rig->journal.records[n].len);
	cek__internal__v1__key_record__pack(&record, rig->journal.records[n].data);
}

static uint64_t jobs(const struct rig *rig)
{
	uint64_t n = 0;

	for (int i = 0; i < RIG_WORKERS; i++)
		n += rig->use[i].jobs;
	return n;
}

static CekRequest *unwrap_as(const char *kid, const char *key, const char *alg)
{
	CekRequest *request = call_unwrap(kid, key);

	request->unwrap->alg = (char *)alg;
	if (strncmp(alg, "RSA", 3) == 0)
		request->unwrap->encrypted_key = call_bytes(256);
	return request;
}

/* How many versions an unwrap without kid that none of them opens has tried. */
static uint64_t tried(struct rig *rig, struct rig_client *client, const char *key, const char *alg)
{
	uint64_t before = jobs(rig);

	call_data[0] = 0xff;
	assert_int_equal(call_for_status(rig, client, unwrap_as(NULL, key, alg)), STATUS_FAILED);
	call_data[0] = 0x11;
	return jobs(rig) - before;
}

/* Nothing can have been wrapped under a version before it was active, unless its public key was published. */
static void test_a_symmetric_version_unwraps_from_its_activation(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	uint64_t before;

	put_version(rig, "k", "one", "A256KW", STATE_ACTIVE);
	put_version(rig, "k", "two", "A256KW", STATE_PRE_ACTIVE);
	put_version(rig, "r", "old", "RSA-OAEP-256", STATE_ACTIVE);
	put_version(rig, "r", "new", "RSA-OAEP-256", STATE_PRE_ACTIVE);
	put_version(rig, "only", "next", "A256KW", STATE_PRE_ACTIVE);
	rig_start(rig);
	rig_connect(rig, &client);
	before = jobs(rig);
	assert_int_equal(call_for_status(rig, &client, unwrap_as("two", NULL, "A256KW")), STATUS_UNUSABLE);
	assert_int_equal(call_for_status(rig, &client, unwrap_as(NULL, "only", "A256KW")), STATUS_UNUSABLE);
	assert_int_equal(jobs(rig), before); /* no worker was asked */
	assert_int_equal(tried(rig, &client, "k", "A256KW"), 1);
	assert_int_equal(call_for_status(rig, &client, unwrap_as("new", NULL, "RSA-OAEP-256")), STATUS_OK);
	assert_int_equal(tried(rig, &client, "r", "RSA-OAEP-256"), 2);
	assert_int_equal(call_for_status(rig, &client, call_set_state("two", STATE_ACTIVE)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, unwrap_as("two", NULL, "A256KW")), STATUS_OK);
	assert_int_equal(tried(rig, &client, "k", "A256KW"), 2);
	rig_close(&client);
}

/* Without kid: the active one, then from the youngest to the oldest, those that may unwrap. */
static void test_states_that_are_tried(void **state)
{
	static const struct {
		const char *kid;
		enum state to;
		uint64_t left;
	} steps[] = {
		{"one", STATE_SUSPENDED, 2},
		{"two", STATE_COMPROMISED, 1},
		{"one", STATE_DEACTIVATED, 2},
		{"one", STATE_COMPROMISED, 1},
	};
	struct rig *rig = *state;
	struct rig_client client;

	put_version(rig, "k", "one", "A256KW", STATE_DEACTIVATED);
	put_version(rig, "k", "two", "A256KW", STATE_DEACTIVATED);
	put_version(rig, "k", "three", "A256KW", STATE_ACTIVE);
	rig_start(rig);
	rig_connect(rig, &client);
	assert_int_equal(tried(rig, &client, "k", "A256KW"), 3);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(call_for_status(rig, &client, call_set_state(steps[i].kid, steps[i].to)), STATUS_OK);
		assert_int_equal(tried(rig, &client, "k", "A256KW"), steps[i].left);
	}
	rig_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states_that_unwrap),
		TEST(test_a_symmetric_version_unwraps_from_its_activation),
		TEST(test_states_that_are_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
