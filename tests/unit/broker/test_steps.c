/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekd does by itself, with the clock in the test's hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/lifecycle/notes.h"
#include "daemon/broker/lifecycle/steps.h"
#include "daemon/shared/testhook.h"
#include "tests/unit/broker/broker_calls.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define PATIENCE (UINT64_C(60) * 1000000)

static struct testhook_page *page;

static int map_page(void **state)
{
	int fd = memfd_create("page", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*page)), 0);
	assert_int_equal(testhook_map(fd), 0);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(page != MAP_FAILED);
	close(fd);
	return 0;
}

static int setup(void **state)
{
	page->clock_offset_us = page->clock_set_us = 0;
	return calls_setup(state);
}

/* Until the condition holds: the broker's timer turns it, nothing else has to happen. */
#define WAIT_FOR(rig, condition)                                        \
	do {                                                            \
		uint64_t give_up = clock_monotonic_us() + PATIENCE;     \
                                                                        \
		while (!(condition)) {                                  \
			assert_true(clock_monotonic_us() < give_up);    \
			assert_true(broker_turn(&(rig)->broker, true)); \
			rig_run(rig);                                   \
		}                                                       \
	} while (0)

static const struct version *version_of(const struct rig *rig, const char *kid)
{
	return ring_version(&rig->broker.ring, kid);
}

/* Let the broker look at the clock more than once. */
static void look(struct rig *rig)
{
	const struct steps *steps = &rig->broker.steps;

	for (int looks = 0; looks < 3; looks++) {
		uint64_t last = steps->last_monotonic;

		WAIT_FOR(rig, steps->last_monotonic != last);
	}
}

/* So much time has passed since the start. */
static void shift(struct rig *rig, int64_t offset)
{
	page->clock_offset_us = offset;
	look(rig);
}

/* The clock is set, which is no time that passes. */
static void set_clock(struct rig *rig, int64_t ahead)
{
	page->clock_set_us = ahead;
	look(rig);
}

/* The parent's word that the operator has sent SIGHUP. */
static void confirm(struct rig *rig)
{
	notes_confirm_clock(&rig->broker);
}

/* A version that is to be destroyed in an hour, and one of another key whose suspension ends then. */
static void schedule_both(struct rig *rig, struct rig_client *client, char **ret_waiting, char **ret_suspended)
{
	CekRequest *request;

	rig_start(rig);
	rig_connect(rig, client);
	*ret_waiting = rig_create(rig, client, "w", "A256KW");
	*ret_suspended = rig_create(rig, client, "s", "A256KW");
	assert_int_equal(call_for_status(rig, client, call_rotate("w", *ret_waiting)), STATUS_OK);
	request = call_destroy(*ret_waiting, true);
	request->destroy_version->wait = 3600;
	assert_int_equal(call_for_status(rig, client, request), STATUS_OK);
	request = call_set_state(*ret_suspended, STATE_SUSPENDED);
	request->set_key_state->until = version_of(rig, *ret_waiting)->until;
	assert_int_equal(call_for_status(rig, client, request), STATUS_OK);
}

/* The clock is set while a destruction and a suspension wait. If it jumped, neither ends before that is confirmed. */
static void jump(struct rig *rig, int64_t there, int64_t back, bool suspect)
{
	struct rig_client client;
	char *waiting, *suspended;

	schedule_both(rig, &client, &waiting, &suspended);
	shift(rig, HOUR - 20 * MINUTE);
	assert_int_equal(version_of(rig, waiting)->state, STATE_WAITING);
	set_clock(rig, there);
	assert_int_equal(broker_clock_jumped(&rig->broker), suspect);
	set_clock(rig, back);
	shift(rig, HOUR + 2 * MINUTE);
	if (suspect) {
		uint64_t jobs = rig->manage.jobs;

		look(rig);
		assert_int_equal(version_of(rig, waiting)->state, STATE_WAITING);
		assert_int_equal(version_of(rig, suspended)->state, STATE_SUSPENDED);
		assert_int_equal(rig->manage.jobs, jobs);
		assert_int_equal(call_for_status(rig, &client, call_set_state(waiting, STATE_DEACTIVATED)), STATUS_OK);
		assert_int_equal(call_for_status(rig, &client, call_unwrap(waiting, NULL)), STATUS_OK);
		assert_int_equal(call_for_status(rig, &client, call_destroy(waiting, true)), STATUS_OK);
		shift(rig, HOUR + 2 * MINUTE + 8 * DAY); /* the usual period of the rig is seven */
		assert_int_equal(version_of(rig, waiting)->state, STATE_WAITING);
		confirm(rig);
	}
	WAIT_FOR(rig, version_of(rig, suspended)->state == STATE_ACTIVE);
	WAIT_FOR(rig, version_of(rig, waiting)->state == STATE_DESTROYED);
	rig_run(rig);
	for (int i = 0; i < RIG_WORKERS; i++) /* nobody keeps a copy of it */
		assert_int_equal(rig->use[i].forgets, 1);
	assert_false(broker_clock_jumped(&rig->broker));
	rig_close(&client);
	free(waiting);
	free(suspended);
}

static void test_a_clock_set_back_stops_what_is_scheduled(void **state)
{
	jump(*state, -2 * DAY, 0, true);
}

static void test_a_clock_set_back_by_more_than_a_minute_does_too(void **state)
{
	jump(*state, -MINUTE - 5 * SECOND, 0, true);
}

/* As time servers and leap seconds do. */
static void test_a_clock_set_back_by_less_does_not(void **state)
{
	jump(*state, -MINUTE + 5 * SECOND, -MINUTE + 5 * SECOND, false);
}

static void test_a_clock_set_years_ahead_stops_what_is_scheduled(void **state)
{
	jump(*state, 366 * DAY, 366 * DAY, true);
}

static void test_a_clock_set_ahead_by_more_than_a_quarter_of_an_hour_does_too(void **state)
{
	jump(*state, 15 * MINUTE + SECOND, 15 * MINUTE + SECOND, true);
}

static void test_a_clock_set_ahead_by_less_does_not(void **state)
{
	jump(*state, 15 * MINUTE - SECOND, 0, false);
}

/* A machine that was asleep: nobody has set its clock. */
static void test_months_that_pass_are_no_jump(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *waiting, *suspended;

	schedule_both(rig, &client, &waiting, &suspended);
	shift(rig, 364 * DAY);
	WAIT_FOR(rig, version_of(rig, suspended)->state == STATE_ACTIVE);
	WAIT_FOR(rig, version_of(rig, waiting)->state == STATE_DESTROYED);
	rig_close(&client);
	free(waiting);
	free(suspended);
}

/* The clock is set ahead by less than is noticed: the waiting period ends when the machine was up for so long, and what
 * comes after it in the same key is not held up. */
static void test_a_clock_set_ahead_a_little_ends_no_waiting_period(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	char *kid, *active;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_OK);
	active = strdup(rig->broker.ring.keys[0]->active->kid);
	request = call_destroy(kid, true);
	request->destroy_version->wait = 3600;
	assert_int_equal(call_for_status(rig, &client, request), STATUS_OK);
	request = call_set_state(active, STATE_SUSPENDED);
	request->set_key_state->until = clock_real_us() + (uint64_t)(HOUR + 2 * MINUTE);
	assert_int_equal(call_for_status(rig, &client, request), STATUS_OK);
	set_clock(rig, 14 * MINUTE);
	shift(rig, HOUR - 10 * MINUTE);
	WAIT_FOR(rig, version_of(rig, active)->state == STATE_ACTIVE);
	assert_int_equal(version_of(rig, kid)->state, STATE_WAITING);
	shift(rig, HOUR + MINUTE);
	WAIT_FOR(rig, version_of(rig, kid)->state == STATE_DESTROYED);
	rig_close(&client);
	free(kid);
	free(active);
}

/* The end of a suspension does what an operator's resume does. */
static void test_a_suspension_ends_as_it_is_resumed(void **state)
{
	for (int rotated = 0; rotated < 2; rotated++) {
		struct rig *rig = *state;
		struct rig_client client;
		const struct key *key;
		CekRequest *request;
		char *kid;

		rig_start(rig);
		rig_connect(rig, &client);
		kid = rig_create(rig, &client, rotated ? "b" : "a", "A256KW");
		key = version_of(rig, kid)->key;
		request = call_set_state(kid, STATE_SUSPENDED);
		request->set_key_state->until = clock_real_us() + (uint64_t)HOUR;
		assert_int_equal(call_for_status(rig, &client, request), STATUS_OK);
		if (rotated)
			assert_int_equal(call_for_status(rig, &client, call_rotate(key->name, "")), STATUS_OK);
		assert_int_equal(call_for_status(rig, &client, call_destroy(kid, true)), STATUS_OK);
		shift(rig, (1 + rotated) * (HOUR + MINUTE)); /* it would end now */
		assert_int_equal(version_of(rig, kid)->state, STATE_WAITING);
		assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_SUSPENDED)), STATUS_OK);
		WAIT_FOR(rig, version_of(rig, kid)->state == (rotated ? STATE_DEACTIVATED : STATE_ACTIVE));
		assert_ptr_equal(key->active, key->versions[rotated]);
		rig_close(&client);
		rig_stop_broker(rig);
		free(kid);
	}
	rig_start(*state);
}

/* The next version is published its lead before it becomes active, and is the same one; then the one after it. */
static void test_a_published_version_becomes_active_in_time(void **state)
{
	Cek__V1__SetKeyScheduleRequest message = CEK__V1__SET_KEY_SCHEDULE_REQUEST__INIT;
	Schedule schedule = CEK__V1__SCHEDULE__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	const struct version *first, *second;
	struct rig *rig = *state;
	struct rig_client client;
	const struct key *key;
	uint64_t due;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "k", "RSA-OAEP-256"));
	key = rig->broker.ring.keys[0];
	message.key = (char *)"k";
	message.schedule = &schedule;
	schedule.period = 10 * 86400;
	schedule.lead = 86400;
	schedule.overlap = 86400;
	request.op_case = CEK__V1__REQUEST__OP_SET_KEY_SCHEDULE;
	request.set_key_schedule = &message;
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_OK);
	shift(rig, 9 * DAY - HOUR);
	assert_int_equal(key->n_versions, 1);
	shift(rig, 9 * DAY + MINUTE);
	WAIT_FOR(rig, key->n_versions == 2);
	first = key->versions[0];
	second = key->versions[1];
	assert_int_equal(second->state, STATE_PRE_ACTIVE);
	assert_ptr_equal(key->active, first);
	due = second->created + (uint64_t)DAY;
	shift(rig, 10 * DAY - HOUR);
	assert_int_equal(second->state, STATE_PRE_ACTIVE);
	shift(rig, 10 * DAY + HOUR);
	WAIT_FOR(rig, second->state == STATE_ACTIVE);
	assert_true(second->activated >= due);
	assert_ptr_equal(key->active, second);
	assert_int_equal(first->state, STATE_DEACTIVATED);
	assert_int_equal(key->n_versions, 2);
	assert_int_equal(call_for_status(rig, &client, call_set_state(first->kid, STATE_COMPROMISED)), STATUS_OK);
	shift(rig, 20 * DAY - HOUR); /* the next one, a period after that */
	WAIT_FOR(rig, key->n_versions == 3);
	assert_ptr_equal(key->active, second);
	rig_close(&client);
}

/* A rotation at the limit of uses takes the version that is published. */
static void test_a_rotation_takes_what_is_published(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	struct key *key;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "k", "RSA-OAEP-256"));
	key = rig->broker.ring.keys[0];
	key->period = 10 * 86400;
	key->lead = 9 * 86400;
	shift(rig, 2 * DAY);
	WAIT_FOR(rig, key->n_versions == 2);
	assert_int_equal(key->versions[1]->state, STATE_PRE_ACTIVE);
	steps_rotate(&rig->broker, key);
	WAIT_FOR(rig, key->versions[1]->state == STATE_ACTIVE);
	assert_int_equal(key->n_versions, 2);
	rig_close(&client);
}

/* Two keys could be the version: one intent for all the tries, growing pauses, a warning; nothing else of the key
 * waits. */
static void test_a_destruction_that_cannot_be_waits_longer_and_longer(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekRequest *request;
	struct version *version;
	uint64_t jobs;
	size_t records;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_OK);
	request = call_destroy(kid, true);
	request->destroy_version->wait = 3600;
	assert_int_equal(call_for_status(rig, &client, request), STATUS_OK);
	rig->manage.outcome = OUTCOME_REFUSED;
	page->clock_offset_us = HOUR + MINUTE;
	version = ring_version(&rig->broker.ring, kid);
	WAIT_FOR(rig, version->destroy_pause.failures == 1);
	assert_true(version->twins);
	records = rig->journal.n_records;
	for (uint32_t failures = 1; failures < 14; failures++) {
		uint64_t pause = version->destroy_pause.until - rig->broker.turn.now;

		assert_true(pause <= (uint64_t)HOUR && (failures < 11 || pause > (uint64_t)HOUR - (uint64_t)MINUTE));
		version->destroy_pause.until = 0; /* it has passed */
		WAIT_FOR(rig, version->destroy_pause.failures == failures + 1);
	}
	assert_int_equal(rig->journal.n_records, records);
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", version->key->active->kid)), STATUS_OK);
	jobs = rig->manage.jobs;
	shift(rig, HOUR + 2 * MINUTE);
	assert_int_equal(rig->manage.jobs, jobs);
	rig->manage.outcome = OUTCOME_OK;
	steps_try_again(&rig->broker); /* SIGHUP */
	WAIT_FOR(rig, version->state == STATE_DESTROYED);
	assert_true(list_empty(&rig->broker.ring.intents));
	rig_close(&client);
	free(kid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_clock_set_back_stops_what_is_scheduled),
		TEST(test_a_clock_set_back_by_more_than_a_minute_does_too),
		TEST(test_a_clock_set_back_by_less_does_not),
		TEST(test_a_clock_set_years_ahead_stops_what_is_scheduled),
		TEST(test_a_clock_set_ahead_by_more_than_a_quarter_of_an_hour_does_too),
		TEST(test_a_clock_set_ahead_by_less_does_not),
		TEST(test_months_that_pass_are_no_jump),
		TEST(test_a_clock_set_ahead_a_little_ends_no_waiting_period),
		TEST(test_a_published_version_becomes_active_in_time),
		TEST(test_a_rotation_takes_what_is_published),
		TEST(test_a_suspension_ends_as_it_is_resumed),
		TEST(test_a_destruction_that_cannot_be_waits_longer_and_longer),
	};

	return cmocka_run_group_tests(tests, map_page, NULL);
}
