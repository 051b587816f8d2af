/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers that die, grow, or lose an object.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/broker/workers/jobs.h"
#include "proto/dgram.h"
#include "tests/unit/broker/broker_calls.h"

/* One use worker, of two, and a key. */
static char *start_with_one_worker(struct rig *rig, struct rig_client *client)
{
	char *kid;

	rig_start(rig);
	rig_connect(rig, client);
	kid = rig_create(rig, client, "k", "A256KW");
	rig_kill_worker(&rig->use[1]);
	rig_run(rig);
	return kid;
}

static void send_unwraps(struct rig *rig, struct rig_client *client, const char *kid, int n)
{
	for (int i = 0; i < n; i++)
		rig_send(client, call_unwrap(kid, NULL));
	rig_run(rig);
}

static void test_jobs_that_a_worker_did_not_begin_are_given_out_again(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);
	size_t all;

	rig->use[0].deaf = true;
	send_unwraps(rig, &client, kid, 5);
	rig_kill_worker(&rig->use[0]);
	rig->use[0].deaf = false;
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 0);
	assert_int_equal(all, 0);
	rig_start_worker(rig, &rig->use[0], false, 0);
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 5);
	rig_close(&client);
	free(kid);
}

/* Whatever the reason, a job is not given to workers for ever. */
static void test_a_job_that_three_workers_did_not_survive_fails(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);
	size_t all;

	rig->use[0].deaf = true;
	send_unwraps(rig, &client, kid, 1);
	for (int i = 0; i < 2; i++) {
		rig_kill_worker(&rig->use[0]);
		rig_start_worker(rig, &rig->use[0], false, 0);
		rig_run(rig);
		count_status(&client, STATUS_OK, &all);
		assert_int_equal(all, 0);
	}
	rig_kill_worker(&rig->use[0]);
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_UNAVAILABLE, &all), 1);
	rig->use[0].deaf = false;
	rig_start_worker(rig, &rig->use[0], false, 0);
	rig_run(rig);
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

/* It dies of the second of five: the first was answered before, and its answer counts although it is read afterwards.
 * */
static void test_what_a_worker_answered_before_it_died_counts(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);
	size_t all;

	rig->use[0].dies_after = 2;
	send_unwraps(rig, &client, kid, 5);
	assert_int_equal(rig->use[0].fd, -1);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 1);
	assert_int_equal(all, 2);
	rig_start_worker(rig, &rig->use[0], false, 0);
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 3);
	assert_int_equal(all, 3);
	rig_close(&client);
	free(kid);
}

/* It dies of the third of five with the results of the first two still in its hands. */
static void test_a_worker_dies_of_the_job_that_it_executes(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);
	size_t all;

	rig->use[0].holds = true;
	rig->use[0].dies_after = 3;
	send_unwraps(rig, &client, kid, 5);
	assert_int_equal(rig->use[0].fd, -1);
	assert_int_equal(count_status(&client, STATUS_UNAVAILABLE, &all), 1);
	assert_int_equal(all, 1);
	rig->use[0].holds = false;
	rig_start_worker(rig, &rig->use[0], false, 0);
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 4);
	assert_int_equal(all, 4);
	rig_close(&client);
	free(kid);
}

static void test_results_come_together(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);
	size_t all;

	rig->use[0].holds = true;
	send_unwraps(rig, &client, kid, 3);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 0);
	rig->use[0].holds = false;
	send_unwraps(rig, &client, kid, 1);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 4);
	assert_int_equal(all, 4);
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

static void test_a_worker_that_has_grown_is_replaced(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->use[0].replace = rig->use[1].replace = true;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	assert_int_equal(rig->wanted_use, 1);
	rig->use[0].replace = rig->use[1].replace = false;
	for (int i = 0; i < 5; i++)
		assert_serves(rig, kid);
	assert_int_equal(rig->wanted_use, 1);
	rig_close(&client);
	free(kid);
}

static void test_generate_is_not_repeated_when_the_manage_worker_dies(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->manage.dies_after = 1;
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_UNAVAILABLE);
	assert_int_equal(rig->broker.ring.n_versions, 1);
	assert_false(list_empty(&rig->broker.ring.intents)); /* for fsck */
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_CONFLICT);
	rig_close(&client);
	free(kid);
}

/* What was not made needs no looking after. */
static void test_an_adoption_that_fails_is_abandoned(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	KeyRecord *record;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->manage.dies_after = 1;
	assert_int_equal(call_for_status(rig, &client, call_adopt("a", "ceremony")), STATUS_UNAVAILABLE);
	assert_true(list_empty(&rig->broker.ring.intents));
	record = cek__internal__v1__key_record__unpack(NULL, rig->journal.records[rig->journal.n_records - 1].len,
		rig->journal.records[rig->journal.n_records - 1].data);
	assert_string_equal(record->type, "abandoned");
	assert_string_equal(record->op, "adopt");
	cek__internal__v1__key_record__free_unpacked(record, NULL);
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

static bool warned(struct rig *rig, struct rig_client *client, const char *of)
{
	CekReply *reply = rig_call(rig, client, call_status());
	bool found = false;

	for (size_t i = 0; i < reply->status_reply->n_warning; i++)
		found = found || strstr(reply->status_reply->warning[i], of);
	cek__v1__reply__free_unpacked(reply, NULL);
	return found;
}

/* All workers look anew, and only what they find then counts: jobs given out before may be done with a copy. */
static void test_a_missing_object_comes_back(void **state)
{
	struct rig *rig = *state;
	struct rig_client client, other;
	struct version *version;
	size_t all;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	/* One worker has a job in hand, and the other one loses the object. */
	rig->use[0].deaf = true;
	rig_send(&client, call_unwrap(kid, NULL));
	rig_run(rig);
	rig_connect(rig, &other);
	call_data[0] = 0xfe;
	assert_int_equal(call_for_status(rig, &other, call_unwrap(kid, NULL)), STATUS_UNUSABLE);
	version = rig->broker.ring.keys[0]->active;
	assert_true(version->missing);
	rig->use[0].deaf = false;
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 1);
	assert_true(version->missing);
	assert_true(warned(rig, &client, "key k: the token has no object for version 1"));
	assert_int_equal(rig->use[0].forgets, 1);
	assert_int_equal(rig->use[1].forgets, 1);
	call_data[0] = 0;
	version->look_again = 0; /* as after a while */
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	assert_false(version->missing);
	assert_false(warned(rig, &client, "no object"));
	rig_close(&other);
	rig_close(&client);
	free(kid);
}

/* All workers look again; what one of them did before it was known does not tell that it is over. */
static void test_an_object_that_has_twins_is_not_used(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	struct version *version;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	version = rig->broker.ring.keys[0]->active;
	call_data[0] = 0xfc;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_UNUSABLE);
	assert_true(version->twins);
	assert_int_equal(rig->use[0].forgets, 1);
	assert_int_equal(rig->use[1].forgets, 1);
	assert_true(warned(rig, &client, "could be version 1"));
	call_data[0] = 0;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	assert_false(version->twins);
	call_data[0] = 0xfc;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_UNUSABLE);
	call_data[0] = 0;
	assert_int_equal(call_for_status(rig, &client, call_wrap("k")), STATUS_UNUSABLE);
	version->look_again = 0;      /* as after a while */
	version->looked = UINT64_MAX; /* as if the job had been given out before */
	assert_int_equal(call_for_status(rig, &client, call_wrap("k")), STATUS_OK);
	assert_true(version->twins);
	version->look_again = version->looked = 0;
	assert_int_equal(call_for_status(rig, &client, call_wrap("k")), STATUS_OK);
	assert_false(version->twins);
	assert_false(warned(rig, &client, "could be version 1"));
	rig_close(&client);
	free(kid);
}

static void send_news(struct rig_worker *worker, const char *how, bool available)
{
	Cek__Internal__V1__FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;
	Cek__Internal__V1__WorkerNews news = CEK__INTERNAL__V1__WORKER_NEWS__INIT;
	Cek__V1__AlgStatus status = CEK__V1__ALG_STATUS__INIT, *row = &status;

	status.alg = (char *)"A256KW";
	status.how = (char *)how;
	status.available = available;
	news.n_alg = 1;
	news.alg = &row;
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_NEWS;
	message.news = &news;
	assert_int_equal(dgram_send(worker->fd, &message.base, NULL, 0), 0);
}

/* What a token cannot do, or not yet, is told as long as a key needs it. */
static void test_news_of_a_worker(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	send_news(&rig->use[0], "not tried yet", false);
	rig_run(rig);
	assert_false(warned(rig, &client, "A256KW"));
	kid = rig_create(rig, &client, "k", "A256KW");
	assert_true(warned(rig, &client, "A256KW, which key k needs: not tried yet"));
	call_data[0] = 0xfb;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_UNAVAILABLE);
	call_data[0] = 0;
	for (int i = 0; i < 3; i++)
		send_news(&rig->use[0], "well", true);
	rig_run(rig);
	assert_false(warned(rig, &client, "A256KW"));
	assert_string_equal(workers_hello(&rig->broker.workers)->token_label, "rig");
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

/* More than there is room for: the last one counts the others. */
static void test_no_warning_is_lost_in_silence(void **state)
{
	enum { KEYS = 40, WARNINGS_MAX = 32 };
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;

	rig_start(rig);
	rig_connect(rig, &client);
	for (int i = 0; i < KEYS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "k%d", i);
		free(rig_create(rig, &client, name, "A256KW"));
	}
	for (int i = 0; i < KEYS; i++)
		rig->broker.ring.keys[i]->active->missing = true;
	reply = rig_call(rig, &client, call_status());
	assert_int_equal(reply->status_reply->n_warning, WARNINGS_MAX);
	assert_non_null(strstr(reply->status_reply->warning[WARNINGS_MAX - 2], "no object"));
	assert_non_null(strstr(reply->status_reply->warning[WARNINGS_MAX - 1], " more warnings"));
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
}

/* The object to wrap with is missing: unwraps under the version that was opened go on. */
static void test_a_rewrap_finds_its_target_missing(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	Cek__V1__RewrapRequest rewrap = CEK__V1__REWRAP_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	const struct key *key;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	key = rig->broker.ring.keys[0];
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_OK);
	call_data[0] = 0xfd;
	rewrap.kid = kid;
	rewrap.alg = (char *)"A256KW";
	rewrap.enc = (char *)"A256GCM";
	rewrap.encrypted_key = call_bytes(40);
	request.op_case = CEK__V1__REQUEST__OP_REWRAP;
	request.rewrap = &rewrap;
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_UNUSABLE);
	assert_false(key->versions[0]->missing);
	assert_true(key->versions[1]->missing);
	call_data[0] = 0;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	/* It is back, and the next rewrap tells. */
	assert_true(warned(rig, &client, "no object for version 2"));
	key->versions[1]->look_again = 0;
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_OK);
	assert_false(key->versions[1]->missing);
	assert_false(warned(rig, &client, "no object"));
	rig_close(&client);
	free(kid);
}

/* Nobody who names it: a lost version is tried last, and only when its look is due. */
static void test_a_missing_object_comes_back_without_kid(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	Cek__V1__RewrapRequest rewrap = CEK__V1__REWRAP_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	struct version *version;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	version = rig->broker.ring.keys[0]->active;
	call_data[0] = 0xfe;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(NULL, "k")), STATUS_UNUSABLE);
	assert_true(version->missing);
	call_data[0] = 0;
	version->look_again = UINT64_MAX;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(NULL, "k")), STATUS_UNUSABLE);
	assert_true(version->missing);
	version->look_again = 0;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(NULL, "k")), STATUS_OK);
	assert_false(version->missing);
	version->missing = version->twins = true;
	version->look_again = 0;
	rewrap.key = (char *)"k";
	rewrap.alg = (char *)"A256KW";
	rewrap.enc = (char *)"A256GCM";
	rewrap.encrypted_key = call_bytes(40);
	request.op_case = CEK__V1__REQUEST__OP_REWRAP;
	request.rewrap = &rewrap;
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_OK);
	assert_false(version->missing || version->twins);
	rig_close(&client);
	free(kid);
}

/* ---- a worker that has been taken over ------------------------------------------------------------------------- */

static uint64_t taken[16];

/* Read the jobs that wait for a deaf worker; how many, and their ids in taken. */
static size_t take_jobs(struct rig_worker *worker)
{
	static uint8_t data[DGRAM_MAX];
	size_t n = 0;
	ssize_t len;

	while ((len = recv(worker->fd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		Cek__Internal__V1__ToWorker *message = cek__internal__v1__to_worker__unpack(NULL, (size_t)len, data);

		assert_non_null(message);
		for (size_t i = 0; i < message->n_job && n < 16; i++)
			taken[n++] = message->job[i]->id;
		cek__internal__v1__to_worker__free_unpacked(message, NULL);
	}
	return n;
}

static void say(struct rig *rig, struct rig_worker *worker, uint64_t id, enum outcome outcome, bool more)
{
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	Cek__Internal__V1__FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;

	result.id = id;
	result.outcome = (Cek__Internal__V1__Outcome)outcome;
	result.more = more;
	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_RESULT;
	message.result = &result;
	assert_int_equal(dgram_send(worker->fd, &message.base, NULL, 0), 0);
	rig_run(rig);
}

static void say_hello(struct rig *rig, struct rig_worker *worker)
{
	Cek__Internal__V1__WorkerHello hello = CEK__INTERNAL__V1__WORKER_HELLO__INIT;
	Cek__Internal__V1__FromWorker message = CEK__INTERNAL__V1__FROM_WORKER__INIT;

	message.what_case = CEK__INTERNAL__V1__FROM_WORKER__WHAT_HELLO;
	message.hello = &hello;
	assert_int_equal(dgram_send(worker->fd, &message.base, NULL, 0), 0);
	rig_run(rig);
}

/* The broker has closed its end and told cekd to kill the process. */
static void assert_ended(struct rig *rig, struct rig_worker *worker, const char *how)
{
	uint8_t byte;
	ssize_t n;

	if (worker->fd >= 0) { /* a deaf one: the others have seen it already */
		while ((n = recv(worker->fd, &byte, 1, MSG_DONTWAIT)) > 0)
			continue;
		assert_true(n == 0 || errno == ECONNRESET);
	}
	assert_int_equal(rig->ended, 1);
	assert_non_null(strstr(rig->ended_how, how));
	rig_kill_worker(worker);
	rig_run(rig);
}

/* Without kid the answer FAILED submits the same job for the next version: it would be in two lists. */
static void test_an_unwrap_is_not_answered_in_parts(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);
	size_t all;

	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_OK);
	rig->use[0].deaf = true;
	rig_send(&client, call_unwrap(NULL, "k"));
	rig_run(rig);
	assert_int_equal(take_jobs(&rig->use[0]), 1);
	say(rig, &rig->use[0], taken[0], OUTCOME_FAILED, true);
	assert_ended(rig, &rig->use[0], "in parts, which is answered once");
	rig->use[0].deaf = false;
	rig_start_worker(rig, &rig->use[0], false, 0);
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 1); /* by an honest one */
	assert_int_equal(all, 1);
	rig_close(&client);
	free(kid);
}

/* done() of this job frees it. */
static void test_a_forget_job_is_not_answered_in_parts(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);

	rig->use[0].deaf = true;
	workers_forget(&rig->broker.workers, (const uint8_t *)"0123456789abcdef", 16);
	rig_run(rig);
	assert_int_equal(take_jobs(&rig->use[0]), 1);
	say(rig, &rig->use[0], taken[0], OUTCOME_OK, true);
	assert_ended(rig, &rig->use[0], "in parts, which is answered once");
	rig->use[0].deaf = false;
	rig_start_worker(rig, &rig->use[0], false, 0);
	rig_run(rig);
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

static void test_a_generation_is_not_answered_in_parts(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	size_t all;
	char *kid = start_with_one_worker(rig, &client);

	rig->manage.deaf = true;
	rig_send(&client, call_rotate("k", kid));
	rig_run(rig);
	assert_int_equal(take_jobs(&rig->manage), 1);
	say(rig, &rig->manage, taken[0], OUTCOME_INTERNAL, true);
	assert_ended(rig, &rig->manage, "in parts, which is answered once");
	rig->manage.deaf = false;
	assert_int_equal(count_status(&client, STATUS_UNAVAILABLE, &all), 1);
	assert_false(list_empty(&rig->broker.ring.intents)); /* what it did is not known, and nobody does it again */
	assert_int_equal(rig->wanted_manage, 1);
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

static void test_an_inventory_ends_at_some_time(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	Cek__V1__FsckRequest fsck = CEK__V1__FSCK_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	char *kid = start_with_one_worker(rig, &client);

	rig->manage.deaf = true;
	request.op_case = CEK__V1__REQUEST__OP_FSCK;
	request.fsck = &fsck;
	rig_send(&client, &request);
	rig_run(rig);
	assert_int_equal(take_jobs(&rig->manage), 1);
	for (int i = 0; i < 4096; i++)
		say(rig, &rig->manage, taken[0], OUTCOME_OK, true);
	assert_int_equal(rig->ended, 0);
	say(rig, &rig->manage, taken[0], OUTCOME_OK, true);
	assert_ended(rig, &rig->manage, "in too many parts");
	rig->manage.deaf = false;
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

static void test_hello_is_said_once(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);

	say_hello(rig, &rig->use[0]);
	assert_ended(rig, &rig->use[0], "sent \"hello\" while it serves");
	rig_start_worker(rig, &rig->use[0], false, 0);
	rig_run(rig);
	assert_serves(rig, kid);
	rig_close(&client);
	free(kid);
}

/* The one that it was replaced by goes on, whoever says hello last. */
static void test_an_older_worker_retires_nobody(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	struct rig_worker *worker;
	char *kid = start_with_one_worker(rig, &client);

	rig->use[1].generation = rig->use[0].generation;
	rig_start_worker(rig, &rig->use[1], false, 0); /* of the same index as use[0], and younger */
	rig->use[0].generation = 0;
	worker = &rig->use[0];
	rig_kill_worker(worker);
	rig_start_worker(rig, worker, false, 0); /* generation 1: older, though it says hello later */
	rig_run(rig);
	assert_true(rig->use[1].fd >= 0);
	rig_kill_worker(worker);
	rig_run(rig);
	assert_serves(rig, kid);
	assert_int_equal(rig->use[1].jobs > 0, true);
	rig_close(&client);
	free(kid);
}

static void test_an_answer_to_a_job_that_was_not_given(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);

	rig->use[0].deaf = true;
	send_unwraps(rig, &client, kid, 2);
	assert_int_equal(take_jobs(&rig->use[0]), 2);
	say(rig, &rig->use[0], taken[1], OUTCOME_FAILED, false); /* out of order */
	assert_ended(rig, &rig->use[0], "which it was not given, or not before others");
	rig_close(&client);
	free(kid);
}

/* The log names the place, and whose request it was. */
static void test_a_cek_of_another_length(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client), log[512] = "";
	int file = memfd_create("log", MFD_CLOEXEC), was = dup(STDERR_FILENO);
	size_t all;

	assert_true(file >= 0 && was >= 0);
	rig->use[0].deaf = true;
	send_unwraps(rig, &client, kid, 1);
	assert_int_equal(take_jobs(&rig->use[0]), 1);
	dup2(file, STDERR_FILENO);
	say(rig, &rig->use[0], taken[0], OUTCOME_OK, false); /* without any */
	dup2(was, STDERR_FILENO);
	close(was);
	assert_int_equal(count_status(&client, STATUS_INTERNAL, &all), 1);
	assert_true(pread(file, log, sizeof(log) - 1, 0) > 0);
	assert_non_null(strstr(log, "daemon/broker/rpc/unwrap.c:"));
	assert_non_null(strstr(log, ": Bad message\n"));
	assert_non_null(strstr(log, "unwrap failed\n"));
	close(file);
	rig_close(&client);
	free(kid);
}

static void test_what_is_no_message(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid = start_with_one_worker(rig, &client);

	assert_int_equal(send(rig->use[0].fd, "\xff\xff\xff", 3, MSG_DONTWAIT), 3);
	rig_run(rig);
	assert_ended(rig, &rig->use[0], "sent what is no message");
	rig_close(&client);
	free(kid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_jobs_that_a_worker_did_not_begin_are_given_out_again),
		TEST(test_a_job_that_three_workers_did_not_survive_fails),
		TEST(test_what_a_worker_answered_before_it_died_counts),
		TEST(test_a_worker_dies_of_the_job_that_it_executes),
		TEST(test_results_come_together),
		TEST(test_a_worker_that_has_grown_is_replaced),
		TEST(test_generate_is_not_repeated_when_the_manage_worker_dies),
		TEST(test_an_adoption_that_fails_is_abandoned),
		TEST(test_a_missing_object_comes_back),
		TEST(test_an_object_that_has_twins_is_not_used),
		TEST(test_news_of_a_worker),
		TEST(test_no_warning_is_lost_in_silence),
		TEST(test_a_rewrap_finds_its_target_missing),
		TEST(test_a_missing_object_comes_back_without_kid),
		TEST(test_an_unwrap_is_not_answered_in_parts),
		TEST(test_a_forget_job_is_not_answered_in_parts),
		TEST(test_a_generation_is_not_answered_in_parts),
		TEST(test_an_inventory_ends_at_some_time),
		TEST(test_hello_is_said_once),
		TEST(test_an_older_worker_retires_nobody),
		TEST(test_an_answer_to_a_job_that_was_not_given),
		TEST(test_a_cek_of_another_length),
		TEST(test_what_is_no_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
