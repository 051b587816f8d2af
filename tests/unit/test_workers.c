/*
 * Workers that die, grow, or lose an object.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker_calls.h"

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

/* It dies of the second of five: the first was answered before, and its answer counts although it is read afterwards. */
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

static void test_a_missing_object_comes_back(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	call_data[0] = 0xfe;
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_UNUSABLE);
	assert_true(rig->broker.ring.keys[0]->active->missing);
	call_data[0] = 0;
	rig->broker.ring.keys[0]->active->look_again = 0; /* as after a while */
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	assert_false(rig->broker.ring.keys[0]->active->missing);
	rig_close(&client);
	free(kid);
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
		TEST(test_a_missing_object_comes_back),
		TEST(test_a_rewrap_finds_its_target_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
