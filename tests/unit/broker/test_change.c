/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of keys through the whole broker, and its orderly end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/lifecycle/change.h"
#include "proto/base64url.h"
#include "tests/unit/broker/broker_calls.h"

static void test_watchers_hear_of_each_epoch(void **state)
{
	struct rig *rig = *state;
	struct rig_client watcher, client;
	Cek__V1__WatchRequest message = CEK__V1__WATCH_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	CekReply *reply;

	rig_start(rig);
	rig_connect(rig, &watcher);
	rig_connect(rig, &client);
	request.id = 99;
	request.op_case = CEK__V1__REQUEST__OP_WATCH;
	request.watch = &message;
	assert_int_equal(call_for_status(rig, &watcher, &request), STATUS_OK);
	assert_null(rig_reply(&watcher));
	free(rig_create(rig, &client, "k", "A256KW"));
	reply = rig_reply(&watcher);
	assert_non_null(reply);
	assert_int_equal(reply->id, 99);
	assert_int_equal(reply->watch->epoch, rig->broker.ring.epoch);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_null(rig_reply(&watcher));
	rig_close(&watcher);
	rig_close(&client);
}

/* The turn in which a change becomes durable is the one in which watchers are told. */
static void test_watchers_hear_in_the_same_turn(void **state)
{
	enum { TURNS = 5 };
	struct rig *rig = *state;
	struct rig_client watcher, client;
	Cek__V1__WatchRequest message = CEK__V1__WATCH_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	CekReply *reply;
	uint64_t before;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &watcher);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	request.id = 99;
	request.op_case = CEK__V1__REQUEST__OP_WATCH;
	request.watch = &message;
	assert_int_equal(call_for_status(rig, &watcher, &request), STATUS_OK);
	rig_send(&client, call_set_state(kid, STATE_COMPROMISED));
	for (int i = 0; i < TURNS; i++)
		assert_true(broker_turn(&rig->broker, false));
	before = rig->broker.ring.epoch;
	assert_null(rig_reply(&watcher));
	rig_journal_answer(rig);
	assert_true(broker_turn(&rig->broker, false));
	assert_true(rig->broker.ring.epoch > before);
	reply = rig_reply(&watcher);
	assert_non_null(reply);
	assert_int_equal(reply->watch->epoch, rig->broker.ring.epoch);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&watcher);
	rig_close(&client);
	free(kid);
}

/* A CEK that the token gave while its version was compromised does not leave. */
static void test_no_cek_after_a_compromise(void **state)
{
	enum { TURNS = 5 };
	struct rig *rig = *state;
	struct rig_client client, operator;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	rig_connect(rig, &operator);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig_send(&client, call_unwrap(kid, NULL));
	for (int i = 0; i < TURNS; i++)
		assert_true(broker_turn(&rig->broker, false)); /* now it is with a worker */
	rig_send(&operator, call_set_state(kid, STATE_COMPROMISED));
	for (int i = 0; i < TURNS; i++) {
		assert_true(broker_turn(&rig->broker, false));
		rig_journal_answer(rig);
	}
	assert_int_equal(ring_version(&rig->broker.ring, kid)->state, STATE_COMPROMISED);
	rig_run(rig);
	reply = rig_reply(&client);
	assert_non_null(reply);
	assert_int_equal(reply->status, STATUS_UNUSABLE);
	assert_int_equal(reply->result_case, CEK__V1__REPLY__RESULT__NOT_SET);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
	rig_close(&operator);
	free(kid);
}

static CekRequest alias_request(Cek__V1__AliasRequest *message, char *kid, const char *alias)
{
	CekRequest request = CEK__V1__REQUEST__INIT;

	*message = (Cek__V1__AliasRequest)CEK__V1__ALIAS_REQUEST__INIT;
	message->kid = kid;
	message->alias = (char *)alias;
	request.id = 7;
	request.op_case = CEK__V1__REQUEST__OP_ALIAS;
	request.alias = message;
	return request;
}

/* Two keys change at once: what one of them is about to get the other one does not get as well, or the journal would
 * contradict itself. */
static void test_one_kid_is_given_once_whoever_is_quicker(void **state)
{
	enum { TURNS = 5 };
	struct rig *rig = *state;
	struct rig_client first, second;
	Cek__V1__AliasRequest message;
	CekRequest request;
	CekReply *reply;
	char *a, *b;

	rig_start(rig);
	rig_connect(rig, &first);
	rig_connect(rig, &second);
	a = rig_create(rig, &first, "a", "A256KW");
	b = rig_create(rig, &first, "b", "A256KW");
	request = alias_request(&message, a, "theirs");
	rig_send(&first, &request);
	request = alias_request(&message, b, "theirs");
	rig_send(&second, &request);
	for (int i = 0; i < TURNS; i++)
		assert_true(broker_turn(&rig->broker, false)); /* nothing is durable yet */
	rig_run(rig);
	reply = rig_reply(&first);
	assert_int_equal(reply->status, STATUS_OK);
	cek__v1__reply__free_unpacked(reply, NULL);
	reply = rig_reply(&second);
	assert_int_equal(reply->status, STATUS_CONFLICT);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_string_equal(ring_version(&rig->broker.ring, "theirs")->kid, a);
	free(a);
	free(b);
	rig_close(&first);
	rig_close(&second);
}

static void test_a_preview_leaves_no_record_and_asks_the_token_only_for_an_adoption(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	Cek__V1__RotateKeyRequest rotate = CEK__V1__ROTATE_KEY_REQUEST__INIT;
	Cek__V1__AdoptKeyRequest adopt = CEK__V1__ADOPT_KEY_REQUEST__INIT;
	Cek__V1__PreviewRequest preview = CEK__V1__PREVIEW_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	size_t records;
	uint64_t jobs;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	records = rig->journal.n_records;
	jobs = rig->manage.jobs;
	request.id = 7;
	request.op_case = CEK__V1__REQUEST__OP_PREVIEW;
	request.preview = &preview;
	rotate.key = (char *)"k";
	rotate.active_kid = kid;
	preview.change_case = CEK__V1__PREVIEW_REQUEST__CHANGE_ROTATE_KEY;
	preview.rotate_key = &rotate;
	reply = rig_call(rig, &client, &request);
	assert_int_equal(reply->status, STATUS_OK);
	assert_int_equal(reply->preview->key->n_version, 2);
	assert_string_equal(reply->preview->key->version[1]->kid, "");
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(rig->manage.jobs, jobs);
	adopt.key = (char *)"other";
	adopt.alg = (char *)"A256KW";
	adopt.label = (char *)"theirs";
	preview.change_case = CEK__V1__PREVIEW_REQUEST__CHANGE_ADOPT_KEY;
	preview.adopt_key = &adopt;
	reply = rig_call(rig, &client, &request);
	assert_string_equal(rig->journal.last_op, "preview");
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(rig->manage.jobs, jobs + 1);
	rig_send(&client, &request);
	rig_close(&client); /* nobody waits for it any more */
	rig_run(rig);
	assert_int_equal(rig->journal.n_records, records);
	assert_null(ring_key(&rig->broker.ring, "other"));
	assert_int_equal(rig->broker.requests.in_use, 0);
	free(kid);
}

static void test_destruction_is_refused_with_evidence_and_can_be_taken_back(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	assert_int_equal(call_for_status(rig, &client, call_destroy(kid, true)), STATUS_CONFLICT); /* active */
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_OK);
	reply = rig_call(rig, &client, call_destroy(kid, false));
	assert_int_equal(reply->status, STATUS_CONFLICT);
	assert_non_null(strstr(reply->message, "main/"));
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(call_for_status(rig, &client, call_destroy(kid, true)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_UNUSABLE);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_DEACTIVATED)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	rig_close(&client);
	free(kid);
}

static void assert_described(struct rig *rig, struct rig_client *client, const char *kid, enum state state,
	enum state back, uint64_t until)
{
	Cek__V1__DescribeKeyRequest message = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	const Cek__V1__Version *version = NULL;
	CekReply *reply;

	message.kid = (char *)kid;
	request.op_case = CEK__V1__REQUEST__OP_DESCRIBE_KEY;
	request.describe_key = &message;
	reply = rig_call(rig, client, &request);
	assert_int_equal(reply->status, STATUS_OK);
	for (size_t i = 0; i < reply->key->key->n_version; i++) {
		if (strcmp(reply->key->key->version[i]->kid, kid) == 0)
			version = reply->key->key->version[i];
	}
	assert_non_null(version);
	assert_int_equal(version->state, state);
	assert_int_equal(version->resumes_to, back);
	assert_int_equal(version->until, until);
	cek__v1__reply__free_unpacked(reply, NULL);
}

/* How a version stands, also when the ring is folded anew. */
static void assert_version(struct rig *rig, struct rig_client *client, const char *kid, enum state state,
	enum state back, uint64_t until)
{
	assert_described(rig, client, kid, state, back, until);
	rig_close(client);
	rig_stop_broker(rig);
	rig_start(rig);
	rig_connect(rig, client);
	assert_described(rig, client, kid, state, back, until);
}

static uint64_t in_an_hour(void)
{
	return clock_real_us() + UINT64_C(3600) * 1000000;
}

static enum status suspend(struct rig *rig, struct rig_client *client, const char *kid, uint64_t until)
{
	CekRequest *request = call_set_state(kid, STATE_SUSPENDED);

	request->set_key_state->until = until;
	return call_for_status(rig, client, request);
}

/* A version that was suspended while active, with another one active by now and its own destruction scheduled. */
static char *waiting_after_suspension(struct rig *rig, struct rig_client *client, uint64_t until)
{
	char *kid;

	rig_start(rig);
	rig_connect(rig, client);
	kid = rig_create(rig, client, "k", "A256KW");
	assert_int_equal(suspend(rig, client, kid, until), STATUS_OK);
	assert_int_equal(call_for_status(rig, client, call_rotate("k", "")), STATUS_OK);
	assert_int_equal(call_for_status(rig, client, call_destroy(kid, true)), STATUS_OK);
	return kid;
}

static void test_a_destruction_taken_back_promotes_nothing(void **state)
{
	static const enum state others[] = {STATE_PRE_ACTIVE, STATE_ACTIVE, STATE_DEACTIVATED};
	const uint64_t until = in_an_hour();
	struct rig *rig = *state;
	struct rig_client client;
	const struct key *key;
	char *kid = waiting_after_suspension(rig, &client, until), *active;

	active = strdup(rig->broker.ring.keys[0]->active->kid);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(call_for_status(rig, &client, call_set_state(kid, others[i])), STATUS_CONFLICT);
	assert_int_equal(suspend(rig, &client, kid, until + 1), STATUS_CONFLICT); /* it has its own end */
	assert_int_equal(ring_version(&rig->broker.ring, kid)->state, STATE_WAITING);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_SUSPENDED)), STATUS_OK);
	assert_version(rig, &client, kid, STATE_SUSPENDED, STATE_DEACTIVATED, until);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_ACTIVE)), STATUS_CONFLICT);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_DEACTIVATED)), STATUS_OK);
	assert_version(rig, &client, kid, STATE_DEACTIVATED, STATE_NONE, 0);
	key = rig->broker.ring.keys[0];
	assert_string_equal(key->active->kid, active);
	assert_int_equal(key->n_versions, 2);
	rig_close(&client);
	free(kid);
	free(active);
}

static void test_a_waiting_version_shows_where_it_goes_back_to(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = waiting_after_suspension(rig, &client, 0);

	assert_version(rig, &client, kid, STATE_WAITING, STATE_SUSPENDED, ring_version(&rig->broker.ring, kid)->until);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_SUSPENDED)), STATUS_OK);
	assert_version(rig, &client, kid, STATE_SUSPENDED, STATE_DEACTIVATED, 0);
	assert_int_equal(call_for_status(rig, &client, call_destroy(kid, true)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_COMPROMISED)), STATUS_OK);
	assert_version(rig, &client, kid, STATE_COMPROMISED, STATE_NONE, 0);
	assert_int_equal(call_for_status(rig, &client, call_destroy(kid, true)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_SUSPENDED)), STATUS_CONFLICT);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_DEACTIVATED)), STATUS_CONFLICT);
	assert_version(rig, &client, kid, STATE_WAITING, STATE_COMPROMISED,
		ring_version(&rig->broker.ring, kid)->until);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_COMPROMISED)), STATUS_OK);
	assert_version(rig, &client, kid, STATE_COMPROMISED, STATE_NONE, 0);
	rig_close(&client);
	free(kid);
}

/* Between the look at a version and the request somebody else has moved it. */
static void test_a_move_out_of_another_state_is_a_conflict(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = waiting_after_suspension(rig, &client, 0);
	const struct version *version = ring_version(&rig->broker.ring, kid);

	/* "key suspend" of what waits by now, "key resume" of it */
	assert_int_equal(call_for_status(rig, &client, call_set_state_from(kid, STATE_SUSPENDED, STATE_SUSPENDED)),
		STATUS_CONFLICT);
	assert_int_equal(version->state, STATE_WAITING);
	/* "key keep" of what was kept and resumed, to the state that it had then */
	assert_int_equal(call_for_status(rig, &client, call_set_state_from(kid, STATE_WAITING, STATE_SUSPENDED)),
		STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_set_state_from(kid, STATE_SUSPENDED, STATE_DEACTIVATED)),
		STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_set_state_from(kid, STATE_WAITING, STATE_SUSPENDED)),
		STATUS_CONFLICT);
	assert_int_equal(version->state, STATE_DEACTIVATED);
	/* "key resume" of what was resumed and is to be destroyed by now */
	assert_int_equal(call_for_status(rig, &client, call_destroy(kid, true)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_set_state_from(kid, STATE_SUSPENDED, STATE_DEACTIVATED)),
		STATUS_CONFLICT);
	assert_int_equal(version->state, STATE_WAITING);
	rig_close(&client);
	free(kid);
}

/* Two at once: one of them finds the other one's move under way. */
static void test_keeping_meets_another_move(void **state)
{
	enum { TURNS = 5 };
	struct rig *rig = *state;
	struct rig_client client, other;
	char *kid = waiting_after_suspension(rig, &client, 0);
	size_t all;

	rig_connect(rig, &other);
	rig_send(&other, call_set_state(kid, STATE_COMPROMISED));
	for (int i = 0; i < TURNS; i++)
		assert_true(broker_turn(&rig->broker, false));
	rig_send(&client, call_set_state(kid, STATE_SUSPENDED));
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_CONFLICT, &all), 1);
	assert_int_equal(count_status(&other, STATUS_OK, &all), 1);
	assert_int_equal(ring_version(&rig->broker.ring, kid)->state, STATE_COMPROMISED);
	rig_close(&client);
	rig_close(&other);
	free(kid);
}

/* A restored journal may not know why a version is to be destroyed: not even to suspended it goes back. */
static void test_a_restored_journal_takes_no_destruction_back(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = waiting_after_suspension(rig, &client, 0);

	rig->broker.ring.suspect = true;
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_SUSPENDED)), STATUS_UNAVAILABLE);
	assert_int_equal(ring_version(&rig->broker.ring, kid)->state, STATE_WAITING);
	rig->broker.ring.suspect = false;
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_SUSPENDED)), STATUS_OK);
	rig->broker.ring.suspect = true;
	assert_int_equal(suspend(rig, &client, kid, in_an_hour()), STATUS_OK); /* another end */
	rig_close(&client);
	free(kid);
}

static void test_compromise_rotates_in_the_same_step(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	CekReply *reply;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	request = call_set_state(kid, STATE_COMPROMISED);
	request->set_key_state->rotate = true;
	reply = rig_call(rig, &client, request);
	assert_int_equal(reply->status, STATUS_OK);
	assert_int_equal(reply->key->key->n_version, 2);
	assert_int_equal(reply->key->key->version[0]->state, STATE_COMPROMISED);
	assert_int_equal(reply->key->key->version[1]->state, STATE_ACTIVE);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_UNUSABLE);
	assert_int_equal(call_for_status(rig, &client, call_wrap("k")), STATUS_OK);
	rig_close(&client);
	free(kid);
}

static void test_gcm_rotates_before_its_limit_and_no_wrap_fails(void **state)
{
	enum { LIMIT = 16, WRAPS = 100 };
	struct rig *rig = *state;
	struct rig_client client;
	size_t all = 0;

	rig->gcm_wrap_limit = LIMIT;
	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "g", "A256GCMKW"));
	for (int i = 0; i < WRAPS; i++)
		rig_send(&client, call_wrap("g"));
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), WRAPS);
	assert_true(rig->broker.ring.keys[0]->n_versions >= WRAPS / LIMIT);
	for (size_t i = 0; i < rig->broker.ring.keys[0]->n_versions; i++)
		assert_true(rig->broker.ring.keys[0]->versions[i]->wraps <= LIMIT);
	rig_close(&client);
}

static void test_two_changes_of_a_key_at_once(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	size_t all;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig_send(&client, call_rotate("k", kid));
	rig_send(&client, call_rotate("k", kid));
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_CONFLICT, &all), 1);
	assert_int_equal(all, 2);
	assert_int_equal(rig->broker.ring.n_versions, 2);
	rig_close(&client);
	free(kid);
}

/* A token that takes minutes over a new version does not hold up an emergency; other changes wait. */
static void test_a_compromise_does_not_wait_for_a_rotation(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	const struct key *key;
	size_t all;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	key = rig->broker.ring.keys[0];
	rig->manage.deaf = true;
	rig_send(&client, call_rotate("k", kid));
	rig_run(rig);
	assert_int_equal(call_for_status(rig, &client, call_destroy(kid, true)), STATUS_CONFLICT);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_DEACTIVATED)), STATUS_CONFLICT);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_SUSPENDED)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_COMPROMISED)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_UNUSABLE);
	assert_non_null(key->change);
	rig_send(&client, call_wrap("k")); /* waits for the new version */
	rig->manage.deaf = false;
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 2);
	assert_int_equal(key->n_versions, 2);
	assert_int_equal(key->versions[0]->state, STATE_COMPROMISED);
	assert_ptr_equal(key->active, key->versions[1]);
	assert_null(key->change);
	rig_close(&client);
	free(kid);
}

static void test_stopping_answers_what_was_accepted(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	Cek__Internal__V1__Drain drain = CEK__INTERNAL__V1__DRAIN__INIT;
	Cek__Internal__V1__Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	size_t all;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->use[0].deaf = rig->use[1].deaf = true;
	for (int i = 0; i < 50; i++)
		rig_send(&client, call_unwrap(kid, NULL));
	rig_run(rig);
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN;
	message.drain = &drain;
	rig_control(rig, &message, NULL, 0);
	rig_run(rig);
	assert_true(rig->broker_up);
	rig->use[0].deaf = rig->use[1].deaf = false;
	rig_run(rig);
	assert_false(rig->broker_up);
	assert_int_equal(rig->broker.exit_status, 0);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 50);
	assert_int_equal(rig->journal.audit_n, 51);
	rig_close(&client);
	rig_stop_broker(rig);
	rig_start(rig);
	assert_int_equal(ring_version(&rig->broker.ring, kid)->unwraps, 50);
	free(kid);
}

/* Without care 128 of these would. */
static void test_no_cka_id_makes_a_kid_that_begins_with_a_dash(void **state)
{
	struct change change = {.kind = CHANGE_CREATE};
	char kid[2 * CKA_ID_MAX];

	for (int i = 0; i < 8192; i++) {
		assert_int_equal(change_new_cka_id(&change), 0);
		assert_int_equal(b64u_encode(change.cka_id, change.cka_id_len, kid), 22);
		assert_int_not_equal(kid[0], '-');
	}
}

static CekRequest *alias_of(const char *kid, const char *alias, bool remove)
{
	static Cek__V1__AliasRequest message;
	static CekRequest request;

	message = (Cek__V1__AliasRequest)CEK__V1__ALIAS_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.kid = (char *)kid;
	message.alias = (char *)alias;
	message.remove = remove;
	request.op_case = CEK__V1__REQUEST__OP_ALIAS;
	request.alias = &message;
	return &request;
}

/* What was added can be removed; what the version was made with stays. */
static void test_an_alias_comes_and_goes(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid, *other;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	other = rig_create(rig, &client, "o", "A256KW");
	assert_int_equal(call_for_status(rig, &client, alias_of(kid, "also", true)), STATUS_CONFLICT);
	assert_int_equal(call_for_status(rig, &client, alias_of(kid, "also", false)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_unwrap("also", NULL)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, alias_of(kid, "also", false)), STATUS_CONFLICT);
	assert_int_equal(call_for_status(rig, &client, alias_of(other, "also", false)), STATUS_CONFLICT);
	assert_int_equal(call_for_status(rig, &client, alias_of(other, kid, false)), STATUS_CONFLICT);
	assert_int_equal(call_for_status(rig, &client, alias_of(kid, kid, true)), STATUS_CONFLICT);
	assert_int_equal(call_for_status(rig, &client, alias_of(kid, "also", true)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_unwrap("also", NULL)), STATUS_UNKNOWN_KEY);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	rig_close(&client);
	free(kid);
	free(other);
}

/* The same key twice would be two objects for one kid; another one goes to the token. */
static void test_a_key_is_imported_once(void **state)
{
	static uint8_t modulus[256] = {0xc1};
	Cek__V1__ImportKeyRequest message = CEK__V1__IMPORT_KEY_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	PublicKey public_key = CEK__V1__PUBLIC_KEY__INIT;
	struct rig *rig = *state;
	struct rig_client client;
	uint64_t jobs;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "r", "RSA-OAEP-256"));
	request.op_case = CEK__V1__REQUEST__OP_IMPORT_KEY;
	request.import_key = &message;
	message.key = (char *)"i";
	message.alg = (char *)"RSA-OAEP-256";
	message.transport_id = (char *)"t";
	message.wrapped_aes_key = call_bytes(256);
	message.wrapped_key = call_bytes(600);
	message.public_key = &public_key;
	public_key.n = rig->broker.ring.keys[0]->active->public_key->n;
	jobs = rig->manage.jobs;
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_CONFLICT);
	assert_int_equal(rig->manage.jobs, jobs);
	public_key.n = (ProtobufCBinaryData){.data = modulus, .len = sizeof(modulus)};
	(void)call_for_status(rig, &client, &request);
	assert_int_equal(rig->manage.jobs, jobs + 1);
	rig_close(&client);
}

/* The reply to this request, packed, but for the ring's epoch, which a failed change moves on. */
static size_t answer_to(struct rig *rig, struct rig_client *client, const CekRequest *request, uint8_t *ret_packed)
{
	CekReply *reply = rig_call(rig, client, request);
	size_t len;

	reply->epoch = 0;
	len = cek__v1__reply__pack(reply, ret_packed);
	cek__v1__reply__free_unpacked(reply, NULL);
	return len;
}

static CekRequest *adopt_by_id(const char *key, const uint8_t *id, size_t len)
{
	CekRequest *request = call_adopt(key, "");

	request->adopt_key->cka_id = (ProtobufCBinaryData){.data = (uint8_t *)id, .len = len};
	return request;
}

/* Whatever the token says of an object of theirs: what it says of one that is not there, and as much in the journal. */
static void test_an_adoption_does_not_tell_what_others_have(void **state)
{
	static const enum outcome outcomes[] = {OUTCOME_OK, OUTCOME_FAILED, OUTCOME_MISSING, OUTCOME_AMBIGUOUS,
		OUTCOME_REFUSED};
	struct rig *rig = *state;
	uint8_t nothing[1024], theirs[1024], id[CKA_ID_MAX];
	struct rig_client client;
	size_t len, records, id_len;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "theirs", "A256KW"));
	rig_close(&client);
	rig_stop_broker(rig);
	rig->keys = "ours-*";
	rig_start(rig);
	rig_connect(rig, &client);
	id_len = rig->broker.ring.keys[0]->active->cka_id_len;
	memcpy(id, rig->broker.ring.keys[0]->active->cka_id, id_len);
	rig->manage.outcome = OUTCOME_MISSING;
	records = rig->journal.n_records;
	len = answer_to(rig, &client, call_adopt("ours-1", "nothing"), nothing);
	records = rig->journal.n_records - records;
	assert_int_equal(records, 2);
	rig->manage.adopts = (ProtobufCBinaryData){.data = id, .len = id_len};
	for (size_t i = 0; i < 2 * sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		bool by_id = i % 2 > 0;
		size_t before = rig->journal.n_records;

		rig->manage.outcome = outcomes[i / 2];
		assert_int_equal(answer_to(rig, &client,
					 by_id ? adopt_by_id("ours-1", id, id_len) : call_adopt("ours-1", "theirs"),
					 theirs),
			len);
		assert_memory_equal(theirs, nothing, len);
		assert_int_equal(rig->journal.n_records, before + records);
	}
	/* Under a label of the ceremony's own: then the token's answer says whose it is. */
	rig->manage.outcome = OUTCOME_OK;
	assert_int_equal(answer_to(rig, &client, call_adopt("ours-1", "ceremony"), theirs), len);
	assert_memory_equal(theirs, nothing, len);
	rig->manage.adopts.len--; /* another object */
	assert_int_equal(call_for_status(rig, &client, call_adopt("ours-1", "theirs")), STATUS_OK);
	rig_close(&client);
}

/* Who may use the key is told. */
/* The journal knows one intent on an object: the second would take the place of the first. */
static void test_two_adoptions_of_an_object_at_once(void **state)
{
	static const uint8_t id[] = {1, 2, 3}, other[] = {1, 2, 4};
	struct rig *rig = *state;
	struct rig_client client;
	size_t all;

	rig_start(rig);
	rig_connect(rig, &client);
	rig->manage.adopts = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)id, .len = sizeof(id)};
	rig->manage.deaf = true;
	rig_send(&client, adopt_by_id("one", id, sizeof(id)));
	rig_run(rig);
	assert_int_equal(call_for_status(rig, &client, adopt_by_id("two", id, sizeof(id))), STATUS_CONFLICT);
	rig_send(&client, adopt_by_id("three", other, sizeof(other))); /* waits for the token */
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_CONFLICT, &all), 0);
	assert_int_equal(all, 0);
	rig->manage.deaf = false;
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 1);
	assert_ptr_equal(ring_object(&rig->broker.ring, id, sizeof(id))->key, ring_key(&rig->broker.ring, "one"));
	rig_close(&client);
}

static void test_an_adoption_names_what_is_a_version_already(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	const struct version *version;
	uint64_t jobs;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	version = rig->broker.ring.keys[0]->active;
	jobs = rig->manage.jobs;
	assert_int_equal(call_for_status(rig, &client, adopt_by_id("other", version->cka_id, version->cka_id_len)),
		STATUS_CONFLICT);
	assert_int_equal(rig->manage.jobs, jobs);
	rig->manage.outcome = OUTCOME_UNSUPPORTED; /* says nothing of an object */
	assert_int_equal(call_for_status(rig, &client, call_adopt("other", "k")), STATUS_UNSUPPORTED);
	rig_close(&client);
	free(kid);
}

static CekRequest *call_alias(const char *kid, const char *alias, bool remove)
{
	static Cek__V1__AliasRequest message;
	static CekRequest request;

	message = (Cek__V1__AliasRequest)CEK__V1__ALIAS_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.kid = (char *)kid;
	message.alias = (char *)alias;
	message.remove = remove;
	request.op_case = CEK__V1__REQUEST__OP_ALIAS;
	request.alias = &message;
	return &request;
}

static void assert_says(struct rig *rig, struct rig_client *client, const CekRequest *request, enum status status,
	const char *text)
{
	CekReply *reply = rig_call(rig, client, request);

	assert_int_equal(reply->status, status);
	assert_string_equal(reply->message, text);
	cek__v1__reply__free_unpacked(reply, NULL);
}

static void assert_conflict(struct rig *rig, struct rig_client *client, const CekRequest *request, const char *text)
{
	assert_says(rig, client, request, STATUS_CONFLICT, text);
}

/* At each limit, and one past it. */
static void test_an_alias_that_is_added(void **state)
{
	char longest[KID_MAX + 2] = "", reason[REASON_MAX + 2] = "", name[16], *kid, *other;
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	struct version *version;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	other = rig_create(rig, &client, "other", "A256KW");
	version = ring_version(&rig->broker.ring, kid);
	assert_conflict(rig, &client, call_alias(kid, kid, false), "alias: this version has that kid already");
	assert_conflict(rig, &client, call_alias(kid, other, false), "alias: used before");
	assert_says(rig, &client, call_alias(kid, "", false), STATUS_MALFORMED, "alias: missing");
	memset(longest, 'a', KID_MAX + 1);
	memset(reason, 'r', REASON_MAX + 1);
	assert_says(rig, &client, call_alias(kid, longest, false), STATUS_MALFORMED, "alias: longer than 256 bytes");
	longest[KID_MAX] = '\0';
	request = call_alias(kid, longest, false);
	request->alias->reason = reason;
	assert_says(rig, &client, request, STATUS_MALFORMED,
		"reason: at most 200 bytes of UTF-8 without control characters");
	reason[REASON_MAX] = '\0';
	assert_int_equal(call_for_status(rig, &client, request), STATUS_OK);
	for (int i = 1; i < ALIASES_MAX; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		assert_int_equal(call_for_status(rig, &client, call_alias(kid, name, false)), STATUS_OK);
	}
	assert_conflict(rig, &client, call_alias(kid, "more", false), "alias: a version has at most 16");
	assert_int_equal(version->n_alias, ALIASES_MAX);
	version->state = STATE_DESTROYED;
	assert_conflict(rig, &client, call_alias(kid, "more", false),
		"the version is destroyed: nothing can be found by its kids");
	rig_close(&client);
	free(kid);
	free(other);
}

/* Only what was added is taken away, and only once. */
static void test_an_alias_that_is_removed(void **state)
{
	static const char keeps[] = "alias: the version was made with this kid and keeps it for ever";
	struct rig *rig = *state;
	struct rig_client client;
	struct version *version;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	version = rig->broker.ring.keys[0]->active;
	assert_int_equal(call_for_status(rig, &client, call_alias(kid, "added", false)), STATUS_OK);
	assert_conflict(rig, &client, call_alias(kid, kid, true), keeps);
	assert_conflict(rig, &client, call_alias(kid, "other", true), "alias: this version has no such alias");
	version->n_alias_given = 1; /* as if it had been made with it */
	assert_conflict(rig, &client, call_alias(kid, "added", true), keeps);
	version->n_alias_given = 0;
	assert_int_equal(call_for_status(rig, &client, call_alias(kid, "added", true)), STATUS_OK);
	assert_int_equal(version->n_alias, 0);
	assert_conflict(rig, &client, call_alias(kid, "added", true), "alias: this version has no such alias");
	rig_close(&client);
	free(kid);
}

/* Each field in its place; and what is left out is 0. */
static void test_a_schedule_that_is_set(void **state)
{
	Cek__V1__SetKeyScheduleRequest message = CEK__V1__SET_KEY_SCHEDULE_REQUEST__INIT;
	Schedule schedule = CEK__V1__SCHEDULE__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	struct rig *rig = *state;
	struct rig_client client;
	const struct key *key;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "k", "A256KW"));
	key = rig->broker.ring.keys[0];
	request.op_case = CEK__V1__REQUEST__OP_SET_KEY_SCHEDULE;
	request.set_key_schedule = &message;
	message.key = (char *)"k";
	message.schedule = &schedule;
	message.max_uses = 1000;
	schedule.period = 20 * 86400;
	schedule.lead = 2 * 86400;
	schedule.overlap = 3 * 86400;
	schedule.token_lifetime = 4000;
	schedule.jwks_max_age = 5000;
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_OK);
	assert_int_equal(key->period, 20 * 86400);
	assert_int_equal(key->lead, 2 * 86400);
	assert_int_equal(key->overlap, 3 * 86400);
	assert_int_equal(key->token_lifetime, 4000);
	assert_int_equal(key->jwks_max_age, 5000);
	assert_int_equal(key->max_uses, 1000);
	schedule.lead = schedule.period + 1;
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_MALFORMED);
	assert_int_equal(key->lead, 2 * 86400);
	schedule.lead--;
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_OK);
	assert_int_equal(key->lead, 20 * 86400);
	message.schedule = NULL;
	message.max_uses = 0;
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_OK);
	assert_int_equal(key->period | key->lead | key->overlap | key->token_lifetime | key->jwks_max_age, 0);
	assert_int_equal(key->max_uses, 0);
	rig_close(&client);
}

/* A kid is given once. That it was is all that is said: not to whom, nor whether that one is still there. */
static void test_a_kid_that_others_have_is_as_one_that_was(void **state)
{
	struct rig *rig = *state;
	uint8_t gone[1024], theirs[1024];
	struct rig_client client;
	char *kids[2], *ours;
	CekRequest *request;
	size_t len;

	rig_start(rig);
	rig_connect(rig, &client);
	ours = rig_create(rig, &client, "ours-1", "A256KW");
	kids[0] = rig_create(rig, &client, "ours-2", "A256KW");
	kids[1] = rig_create(rig, &client, "theirs", "A256KW");
	assert_int_equal(call_for_status(rig, &client, call_set_state(kids[0], STATE_COMPROMISED)), STATUS_OK);
	rig_close(&client);
	rig_stop_broker(rig);
	rig->keys = "ours-*";
	rig_start(rig);
	rig_connect(rig, &client);
	request = call_adopt("ours-3", "ceremony");
	request->adopt_key->kid = kids[0];
	len = answer_to(rig, &client, request, gone);
	request->adopt_key->kid = kids[1];
	assert_int_equal(answer_to(rig, &client, request, theirs), len);
	assert_memory_equal(theirs, gone, len);
	assert_int_equal(call_for_status(rig, &client, call_set_state(kids[1], STATE_SUSPENDED)), STATUS_UNKNOWN_KEY);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(ours, NULL)), STATUS_OK);
	rig_close(&client);
	free(ours);
	free(kids[0]);
	free(kids[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_watchers_hear_of_each_epoch),
		TEST(test_watchers_hear_in_the_same_turn),
		TEST(test_no_cek_after_a_compromise),
		TEST(test_one_kid_is_given_once_whoever_is_quicker),
		TEST(test_a_preview_leaves_no_record_and_asks_the_token_only_for_an_adoption),
		TEST(test_destruction_is_refused_with_evidence_and_can_be_taken_back),
		TEST(test_a_destruction_taken_back_promotes_nothing),
		TEST(test_a_waiting_version_shows_where_it_goes_back_to),
		TEST(test_a_move_out_of_another_state_is_a_conflict),
		TEST(test_keeping_meets_another_move),
		TEST(test_a_restored_journal_takes_no_destruction_back),
		TEST(test_compromise_rotates_in_the_same_step),
		TEST(test_gcm_rotates_before_its_limit_and_no_wrap_fails),
		TEST(test_two_changes_of_a_key_at_once),
		TEST(test_a_compromise_does_not_wait_for_a_rotation),
		TEST(test_stopping_answers_what_was_accepted),
		TEST(test_an_alias_comes_and_goes),
		TEST(test_a_key_is_imported_once),
		TEST(test_an_adoption_does_not_tell_what_others_have),
		TEST(test_two_adoptions_of_an_object_at_once),
		TEST(test_an_adoption_names_what_is_a_version_already),
		TEST(test_an_alias_that_is_added),
		TEST(test_an_alias_that_is_removed),
		TEST(test_a_schedule_that_is_set),
		TEST(test_a_kid_that_others_have_is_as_one_that_was),
		cmocka_unit_test(test_no_cka_id_makes_a_kid_that_begins_with_a_dash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
