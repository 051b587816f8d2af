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
	page->clock_offset_us = 0;
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

/* Shift the clock, and let the broker look at it more than once. */
static void shift(struct rig *rig, int64_t offset)
{
	const struct steps *steps = &rig->broker.steps;

	page->clock_offset_us = offset;
	for (int looks = 0; looks < 3; looks++) {
		uint64_t last = steps->last_monotonic;

		WAIT_FOR(rig, steps->last_monotonic != last);
	}
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

/* The clock jumps while a destruction waits; when its time has come by that clock it waits on, all else goes on. */
static void jump(struct rig *rig, int64_t there, int64_t back, bool suspect)
{
	struct rig_client client;
	char *waiting, *suspended;

	schedule_both(rig, &client, &waiting, &suspended);
	shift(rig, HOUR - 10 * MINUTE);
	assert_int_equal(version_of(rig, waiting)->state, STATE_WAITING);
	shift(rig, HOUR - 10 * MINUTE + there);
	assert_int_equal(broker_clock_suspect(&rig->broker), suspect);
	shift(rig, HOUR + MINUTE + back);
	WAIT_FOR(rig, version_of(rig, suspended)->state == STATE_ACTIVE);
	if (suspect) {
		uint64_t jobs = rig->manage.jobs;

		shift(rig, HOUR + MINUTE + back);
		assert_int_equal(version_of(rig, waiting)->state, STATE_WAITING);
		assert_int_equal(rig->manage.jobs, jobs);
		assert_int_equal(call_for_status(rig, &client, call_set_state(waiting, STATE_DEACTIVATED)), STATUS_OK);
		assert_int_equal(call_for_status(rig, &client, call_unwrap(waiting, NULL)), STATUS_OK);
		assert_int_equal(call_for_status(rig, &client, call_destroy(waiting, true)), STATUS_OK);
		shift(rig, HOUR + MINUTE + back + 8 * DAY); /* the usual period of the rig is seven */
		assert_int_equal(version_of(rig, waiting)->state, STATE_WAITING);
		confirm(rig);
	}
	WAIT_FOR(rig, version_of(rig, waiting)->state == STATE_DESTROYED);
	assert_false(broker_clock_suspect(&rig->broker));
	rig_close(&client);
	free(waiting);
	free(suspended);
}

static void test_a_clock_set_back_stops_destruction(void **state)
{
	jump(*state, -2 * DAY, 0, true);
}

static void test_a_clock_set_back_by_more_than_a_minute_stops_destruction(void **state)
{
	jump(*state, -MINUTE - 5 * SECOND, 0, true);
}

/* As time servers and leap seconds do. */
static void test_a_clock_set_back_by_less_does_not(void **state)
{
	jump(*state, -MINUTE + 5 * SECOND, 0, false);
}

static void test_a_clock_set_years_ahead_stops_destruction(void **state)
{
	jump(*state, 366 * DAY, 366 * DAY, true);
}

static void test_a_downtime_of_months_does_not(void **state)
{
	jump(*state, 364 * DAY, 364 * DAY, false);
}

/* The destruction comes first, and is not carried out: what comes after it in the same key is not held up. */
static void test_other_steps_of_the_key_go_on(void **state)
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
	request->set_key_state->until = clock_real_us() + (uint64_t)(2 * HOUR);
	assert_int_equal(call_for_status(rig, &client, request), STATUS_OK);
	shift(rig, -HOUR);
	shift(rig, 3 * HOUR);
	WAIT_FOR(rig, version_of(rig, active)->state == STATE_ACTIVE);
	assert_int_equal(version_of(rig, kid)->state, STATE_WAITING);
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
		shift(rig, HOUR + MINUTE); /* it would end now */
		assert_int_equal(version_of(rig, kid)->state, STATE_WAITING);
		assert_int_equal(call_for_status(rig, &client, call_set_state(kid, STATE_SUSPENDED)), STATUS_OK);
		WAIT_FOR(rig, version_of(rig, kid)->state == (rotated ? STATE_DEACTIVATED : STATE_ACTIVE));
		assert_ptr_equal(key->active, key->versions[rotated]);
		rig_close(&client);
		rig_stop_broker(rig);
		page->clock_offset_us = 0;
		free(kid);
	}
	rig_start(*state);
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
		TEST(test_a_clock_set_back_stops_destruction),
		TEST(test_a_clock_set_back_by_more_than_a_minute_stops_destruction),
		TEST(test_a_clock_set_back_by_less_does_not),
		TEST(test_a_clock_set_years_ahead_stops_destruction),
		TEST(test_a_downtime_of_months_does_not),
		TEST(test_other_steps_of_the_key_go_on),
		TEST(test_a_suspension_ends_as_it_is_resumed),
		TEST(test_a_destruction_that_cannot_be_waits_longer_and_longer),
	};

	return cmocka_run_group_tests(tests, map_page, NULL);
}
