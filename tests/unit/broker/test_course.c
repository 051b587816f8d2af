/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes that do not come to their end: what is said, what the journal holds then, and that the key is as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/workers/jobs.h"
#include "tests/unit/broker/broker_calls.h"

typedef Cek__Internal__V1__Control Control;

#define PATIENCE (UINT64_C(60) * 1000000)

/* The one reply that has come: status, and that its text begins like this. */
static void assert_refused(struct rig_client *client, enum status status, const char *text)
{
	CekReply *reply = rig_reply(client);

	assert_non_null(reply);
	assert_int_equal(reply->status, status);
	assert_int_equal(strncmp(reply->message, text, strlen(text)), 0);
	cek__v1__reply__free_unpacked(reply, NULL);
}

/* The newest record of the key journal. */
static void assert_last_record(const struct rig *rig, const char *type, const char *op)
{
	const size_t last = rig->journal.n_records - 1;
	KeyRecord *record = cek__internal__v1__key_record__unpack(NULL, rig->journal.records[last].len,
		rig->journal.records[last].data);

	assert_non_null(record);
	assert_string_equal(record->type, type);
	assert_string_equal(record->op, op);
	cek__internal__v1__key_record__free_unpacked(record, NULL);
}

static const struct key *only_key(const struct rig *rig)
{
	assert_int_equal(rig->broker.ring.n_keys, 1);
	return rig->broker.ring.keys[0];
}

static char *begin(struct rig *rig, struct rig_client *client)
{
	rig_start(rig);
	rig_connect(rig, client);
	return rig_create(rig, client, "k", "A256KW");
}

/* Nothing is in the way of the next change. */
static void end(struct rig *rig, struct rig_client *client, char *kid)
{
	assert_true(list_empty(&rig->broker.steps.changes));
	assert_int_equal(call_for_status(rig, client, call_rotate("k", ring_key(&rig->broker.ring, "k")->active->kid)),
		STATUS_OK);
	assert_serves(rig, kid);
	rig_close(client);
	free(kid);
}

static void test_an_intent_that_is_not_recorded(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = begin(rig, &client);
	uint64_t jobs = rig->manage.jobs;
	size_t records = rig->journal.n_records;

	rig->journal.refuse = true;
	rig_send(&client, call_rotate("k", kid));
	rig_run(rig);
	assert_refused(&client, STATUS_UNAVAILABLE, "the journal does not write");
	assert_int_equal(rig->manage.jobs, jobs); /* the token was not touched */
	assert_int_equal(rig->journal.n_records, records);
	assert_int_equal(only_key(rig)->n_versions, 1);
	rig->journal.refuse = false;
	end(rig, &client, kid);
}

static void test_a_move_that_is_not_recorded(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = begin(rig, &client);

	rig->journal.refuse = true;
	rig_send(&client, call_set_state(kid, STATE_SUSPENDED));
	rig_run(rig);
	assert_refused(&client, STATUS_UNAVAILABLE, "the journal does not write");
	assert_int_equal(only_key(rig)->active->state, STATE_ACTIVE);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	rig->journal.refuse = false;
	end(rig, &client, kid);
}

/* The token has made it: the intent stays open, so that the next start knows of the object. */
static void test_a_version_that_is_not_recorded(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = begin(rig, &client);

	rig->manage.deaf = true;
	rig_send(&client, call_rotate("k", kid));
	rig_run(rig);
	assert_null(rig_reply(&client));
	rig->journal.refuse = true;
	rig->manage.deaf = false;
	rig_run(rig);
	assert_refused(&client, STATUS_UNAVAILABLE, "the journal does not write");
	assert_last_record(rig, "intent", "rotate");
	assert_int_equal(only_key(rig)->n_versions, 1);
	assert_false(list_empty(&rig->broker.ring.intents));
	rig->journal.refuse = false;
	end(rig, &client, kid);
}

/* The journal stops between the token and the record. */
static void test_a_version_when_the_journal_has_stopped(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = begin(rig, &client);

	rig->manage.deaf = true;
	rig_send(&client, call_rotate("k", kid));
	rig_run(rig);
	rig_journal_state(rig, false);
	rig->manage.deaf = false;
	rig_run(rig);
	assert_refused(&client, STATUS_UNAVAILABLE, "the journal does not write");
	assert_int_equal(only_key(rig)->n_versions, 1);
	rig_journal_state(rig, true);
	rig_run(rig);
	end(rig, &client, kid);
}

/* What the token said counts, although it cannot be written down that the change is over. */
static void test_an_abandonment_that_is_not_recorded(void **state)
{
	struct rig *rig = *state;

	for (int stopped = 0; stopped < 2; stopped++) {
		struct rig_client client;
		char *kid = begin(rig, &client);

		rig->manage.outcome = OUTCOME_REFUSED;
		rig->manage.deaf = true;
		rig_send(&client, call_adopt("a", "ceremony"));
		rig_run(rig);
		if (stopped)
			rig_journal_state(rig, false);
		rig->journal.refuse = !stopped;
		rig->manage.deaf = false;
		rig_run(rig);
		assert_refused(&client, STATUS_CONFLICT, "");
		assert_last_record(rig, "intent", "adopt");
		rig->journal.refuse = false;
		rig_journal_state(rig, true);
		rig_run(rig);
		rig->manage.outcome = 0;
		end(rig, &client, kid);
		rig_stop_broker(rig);
		while (rig->journal.n_records > 0)
			free(rig->journal.records[--rig->journal.n_records].data);
	}
	rig_start(rig);
}

/* What the token made is no version of this key: said in the journal, and to the caller. */
static void test_an_adopted_kid_that_is_there_already(void **state)
{
	struct rig *rig = *state;
	uint8_t id[] = {1, 2, 3}, other[] = {4, 5, 6};
	struct rig_client client;
	char *kid = begin(rig, &client);

	rig->manage.adopts = (ProtobufCBinaryData){.data = id, .len = sizeof(id)};
	assert_int_equal(call_for_status(rig, &client, call_adopt("k", "ceremony")), STATUS_OK);
	rig_send(&client, call_adopt("k", "again"));
	rig_run(rig);
	assert_refused(&client, STATUS_CONFLICT, "the object with this CKA_ID is a version already");
	assert_last_record(rig, "abandoned", "adopt");
	rig->manage.adopts = (ProtobufCBinaryData){.data = other, .len = sizeof(other)};
	rig_send(&client, call_adopt("k", "a copy"));
	rig_run(rig);
	assert_refused(&client, STATUS_CONFLICT, "this key material is a version already");
	assert_last_record(rig, "abandoned", "adopt");
	assert_int_equal(only_key(rig)->n_versions, 2);
	end(rig, &client, kid);
}

/* cekd's word that no login is tried, to a broker that waits for a manage worker. */
static void say_hopeless(struct rig *rig)
{
	static char why[] = "PIN: the token says CKR_PIN_INCORRECT";
	Cek__Internal__V1__WorkerGone gone = CEK__INTERNAL__V1__WORKER_GONE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	gone.manage = true;
	gone.hopeless = true;
	gone.why = why;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_GONE;
	message.worker_gone = &gone;
	rig_control(rig, &message, NULL, 0);
	rig_run(rig);
}

/* No worker had the job: it is said in the journal, others serve on, and when an operator has acted it can be done. */
static void test_a_token_that_nobody_can_log_into(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = begin(rig, &client);

	rig_kill_worker(&rig->manage);
	rig_run(rig);
	rig->no_manage = true;
	for (int i = 0; i < 2; i++) {
		size_t wanted = rig->wanted_manage;

		rig_send(&client, call_rotate("k", kid));
		rig_run(rig);
		assert_int_equal(rig->wanted_manage, wanted + 1);
		assert_null(rig_reply(&client));
		say_hopeless(rig);
		assert_refused(&client, STATUS_UNAVAILABLE, "the token is not available");
		assert_last_record(rig, "abandoned", "rotate");
		assert_true(list_empty(&rig->broker.ring.intents));
	}
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK); /* by who is logged in */
	rig->no_manage = false;
	end(rig, &client, kid);
}

static void test_no_manage_worker_comes(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	uint64_t give_up = clock_monotonic_us() + PATIENCE;
	char *kid = begin(rig, &client);

	rig_kill_worker(&rig->manage);
	rig_run(rig);
	rig->no_manage = true;
	rig->broker.turn.limits.manage_deadline_ms = 1;
	rig_send(&client, call_rotate("k", kid));
	rig_run(rig);
	while (!list_empty(&rig->broker.steps.changes)) {
		assert_true(clock_monotonic_us() < give_up);
		assert_true(broker_turn(&rig->broker, true));
		rig_run(rig);
	}
	assert_refused(&client, STATUS_DEADLINE, "");
	assert_last_record(rig, "abandoned", "rotate");
	assert_true(list_empty(&rig->broker.ring.intents));
	rig->broker.turn.limits.manage_deadline_ms = 60000;
	rig->broker.workers.manage_wanted = false;
	rig->no_manage = false;
	end(rig, &client, kid);
}

/* A move takes one record: the last one that has room, and one past it. */
static void test_too_many_changes_wait_for_the_journal(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = begin(rig, &client);
	size_t records = rig->journal.n_records;

	rig->broker.journal.n_appends += APPENDS_MAX;
	rig_send(&client, call_set_state(kid, STATE_SUSPENDED));
	rig_run(rig);
	assert_refused(&client, STATUS_OVERLOADED, "too many changes wait for the journal");
	assert_int_equal(rig->journal.n_records, records);
	rig->broker.journal.n_appends--;
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_SUSPENDED)), STATUS_OK);
	rig->broker.journal.n_appends -= APPENDS_MAX - 1;
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_ACTIVE)), STATUS_OK);
	end(rig, &client, kid);
}

/* It asks the token, too. */
static const CekRequest *preview_adoption(void)
{
	static Cek__V1__PreviewRequest message;
	static CekRequest request;

	message = (Cek__V1__PreviewRequest)CEK__V1__PREVIEW_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.change_case = CEK__V1__PREVIEW_REQUEST__CHANGE_ADOPT_KEY;
	message.adopt_key = call_adopt("a", "ceremony")->adopt_key;
	request.op_case = CEK__V1__REQUEST__OP_PREVIEW;
	request.preview = &message;
	return &request;
}

/* One at the limit, and one past it. */
static void test_too_many_changes_wait_for_the_token(void **state)
{
	Cek__V1__CreateKeyRequest create = CEK__V1__CREATE_KEY_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	struct rig *rig = *state;
	struct rig_client client;
	char name[32], *kid = begin(rig, &client);
	size_t all;

	rig_kill_worker(&rig->manage);
	rig_run(rig);
	rig->no_manage = true;
	request.op_case = CEK__V1__REQUEST__OP_CREATE_KEY;
	request.create_key = &create;
	create.key = name;
	create.alg = (char *)"A256KW";
	for (int i = 0; i <= MANAGE_QUEUE_MAX; i++) {
		rig_connect(rig, &client); /* a connection has a bound as well */
		snprintf(name, sizeof(name), "n%d", i);
		rig_send(&client, &request);
		rig_run(rig);
		if (i < MANAGE_QUEUE_MAX)
			assert_null(rig_reply(&client));
	}
	assert_refused(&client, STATUS_OVERLOADED, "too many changes wait for the token");
	assert_last_record(rig, "abandoned", "create");
	rig_send(&client, preview_adoption());
	rig_run(rig);
	assert_refused(&client, STATUS_OVERLOADED, "too many changes wait for the token");
	assert_last_record(rig, "abandoned", "create");
	rig->no_manage = false;
	rig->broker.workers.manage_wanted = false;
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 0);
	assert_int_equal(rig->broker.ring.n_keys, 1 + MANAGE_QUEUE_MAX);
	end(rig, &client, kid);
}

/* The rest of a change that wants two steps is left to whoever was quicker. */
static void suspend_after(struct rig *rig, bool recorded, const char *text)
{
	struct rig_client client, other;
	CekRequest *request;
	char *kid = begin(rig, &client);
	size_t all;

	rig_connect(rig, &other);
	rig->manage.deaf = true;
	request = call_set_state(kid, STATE_SUSPENDED);
	request->set_key_state->rotate = true;
	rig_send(&client, request);
	rig_run(rig);
	rig->journal.deaf = !recorded;
	if (!recorded) {
		rig->manage.deaf = false;
		rig_run(rig); /* the version's record is on its way */
	}
	rig_send(&other, call_set_state(kid, STATE_COMPROMISED));
	rig_run(rig);
	rig->journal.deaf = false;
	rig->manage.deaf = false;
	rig_run(rig);
	assert_refused(&client, STATUS_CONFLICT, text);
	assert_int_equal(count_status(&other, STATUS_OK, &all), 1);
	assert_int_equal(only_key(rig)->n_versions, 2);
	assert_int_equal(only_key(rig)->versions[0]->state, STATE_COMPROMISED);
	assert_ptr_equal(only_key(rig)->active, only_key(rig)->versions[1]);
	rig_close(&client);
	rig_close(&other);
	free(kid);
}

static void test_a_suspension_that_comes_after_a_compromise(void **state)
{
	suspend_after(*state, true, "rotated, but not suspended: it is compromised by now");
}

static void test_a_suspension_beside_a_compromise(void **state)
{
	suspend_after(*state, false, "rotated, but not suspended: another change of this key is under way");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_intent_that_is_not_recorded),
		TEST(test_a_move_that_is_not_recorded),
		TEST(test_a_version_that_is_not_recorded),
		TEST(test_a_version_when_the_journal_has_stopped),
		TEST(test_an_abandonment_that_is_not_recorded),
		TEST(test_an_adopted_kid_that_is_there_already),
		TEST(test_a_token_that_nobody_can_log_into),
		TEST(test_no_manage_worker_comes),
		TEST(test_too_many_changes_wait_for_the_journal),
		TEST(test_too_many_changes_wait_for_the_token),
		TEST(test_a_suspension_that_comes_after_a_compromise),
		TEST(test_a_suspension_beside_a_compromise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
