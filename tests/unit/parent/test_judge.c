/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever does not answer is killed, in a time that the test counts: eight periods of a second. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "daemon/parent/judge.h"
#include "daemon/parent/news.h"
#include "daemon/shared/executing.h"
#include "proto/dgram.h"
#include "proto/sequence_tables.h"

typedef Cek__Internal__V1__Control Control;

enum { CALL_SECONDS = 10 };

static struct family family;
static struct logins logins;
static struct news news;
static struct judge judge;
static uint64_t now;
static int broker_end, worker_end; /* the children's ends of their control sockets */
static struct child *worker;
static struct executing *page;

static void on_changed(void *owner)
{
	(void)owner;
}

static int start(struct child *child)
{
	int pair[2];
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		for (;;)
			(void)pause();
	assert_int_equal(dgram_pair(pair), 0);
	child_started(child, pid, pair[0]);
	assert_int_equal(child_listen(child, family.base, news_heard, &news), 0);
	return pair[1];
}

static int set_up(void **state)
{
	int executing;

	(void)state;
	logins = (struct logins){0};
	news = (struct news){.family = &family, .logins = &logins, .pin_file = "/pin"};
	assert_int_equal(family_init(&family, event_base_new(), 2, on_changed, NULL), 0);
	assert_int_equal(judge_init(&judge, &family, 8, CALL_SECONDS), 0);
	now = judge.pulse.looked_us;
	family.broker_runs = 1;
	broker_end = start(&family.broker);
	child_ready(&family.broker);
	family.broker.sequence.state = CHILD_SERVES;
	worker = &family.slots[1].child[0];
	worker_end = start(worker);
	worker->broker_run = 1;
	executing = executing_create();
	page = executing_map(executing);
	assert_int_equal(child_watch(worker, executing), 0);
	return 0;
}

/* Whether it was killed; it is gone then. */
static bool killed(struct child *child)
{
	const bool condemned = child->condemned;
	int status;

	if (!condemned)
		return false;
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	child_ended(child, status);
	return true;
}

static void end(struct family *of, struct child *child, void *data)
{
	int status;

	(void)of;
	(void)data;
	child_kill(child, SIGKILL);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	child_ended(child, status);
}

static int tear_down(void **state)
{
	struct event_base *base = family.base;

	(void)state;
	family_each(&family, end, NULL);
	judge_deinit(&judge);
	family_deinit(&family);
	event_base_free(base);
	executing_unmap(page);
	(void)close(broker_end);
	(void)close(worker_end);
	return 0;
}

static void beat(unsigned periods)
{
	for (unsigned i = 0; i < periods; i++) {
		now += judge.pulse.period_us;
		judge_beat(&judge, now);
	}
}

/* How often the broker was asked since the last time. */
static unsigned asked(void)
{
	static uint8_t buffer[DGRAM_MAX];
	unsigned n = 0;
	ssize_t len;

	while ((len = recv(broker_end, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		Control *message = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);

		assert_non_null(message);
		n += message->what_case == CEK__INTERNAL__V1__CONTROL__WHAT_ARE_YOU_THERE;
		cek__internal__v1__control__free_unpacked(message, NULL);
	}
	return n;
}

static void say_alive(void)
{
	Cek__Internal__V1__Alive alive = CEK__INTERNAL__V1__ALIVE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE;
	message.alive = &alive;
	assert_int_equal(dgram_send(broker_end, &message.base, NULL, 0), 0);
	news_read(&news, &family.broker);
}

static void say_end_worker(bool hung)
{
	Cek__Internal__V1__EndWorker end_worker = CEK__INTERNAL__V1__END_WORKER__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	end_worker.index = 1;
	end_worker.how = (char *)(uintptr_t) "did not answer";
	end_worker.hung = hung;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_END_WORKER;
	message.end_worker = &end_worker;
	assert_int_equal(dgram_send(broker_end, &message.base, NULL, 0), 0);
	news_read(&news, &family.broker);
}

static void test_who_answers_lives(void **state)
{
	(void)state;
	child_ready(worker);
	for (int i = 0; i < 30; i++) {
		beat(1);
		assert_int_equal(asked(), 1);
		say_alive();
	}
	assert_false(killed(&family.broker));
	assert_false(killed(worker));
}

static void test_who_does_not_is_killed(void **state)
{
	(void)state;
	beat(8);
	assert_int_equal(asked(), 1);
	assert_true(family.broker.late);
	assert_false(killed(&family.broker));
	say_alive();
	assert_false(family.broker.late);
	beat(8);
	assert_int_equal(asked(), 1);
	assert_false(killed(&family.broker));
	beat(1);
	assert_true(killed(&family.broker));
}

/* A pair that is full is no excuse. */
static void test_who_does_not_even_read(void **state)
{
	char full[DGRAM_MAX / 2] = {0};

	(void)state;
	while (send(family.broker.control, full, sizeof(full), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	beat(8);
	assert_false(killed(&family.broker));
	beat(1);
	assert_true(killed(&family.broker));
}

/* Whom the question did not reach is asked again. */
static void test_who_was_not_asked(void **state)
{
	static char full[DGRAM_MAX / 2];

	(void)state;
	while (send(family.broker.control, full, sizeof(full), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	beat(7);
	while (recv(broker_end, full, sizeof(full), MSG_DONTWAIT) > 0)
		;
	beat(1);
	assert_int_equal(asked(), 1);
	beat(7);
	assert_false(killed(&family.broker));
	say_alive();
	beat(8);
	assert_int_equal(asked(), 1);
	assert_false(killed(&family.broker));
}

/* The broker hears now and then what cekd sees of its processes. */
static void test_the_broker_hears_of_processes(void **state)
{
	static uint8_t buffer[DGRAM_MAX];
	Control *message;
	ssize_t len;

	(void)state;
	beat(1);
	len = recv(broker_end, buffer, sizeof(buffer), MSG_DONTWAIT);
	assert_true(len > 0);
	message = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
	assert_non_null(message);
	assert_int_equal(message->are_you_there->n_look, 3);
	assert_int_equal(message->are_you_there->look[0]->pid, getpid());
	assert_int_equal(message->are_you_there->look[0]->uid, geteuid());
	assert_int_equal(message->are_you_there->look[0]->threads, 1);
	assert_int_equal(message->are_you_there->look[1]->pid, family.broker.pid);
	assert_int_equal(message->are_you_there->look[2]->pid, worker->pid);
	cek__internal__v1__control__free_unpacked(message, NULL);
}

/* A machine that slept, or a cekd that was stopped, holds nothing against anybody. */
static void test_time_that_nobody_had(void **state)
{
	(void)state;
	beat(6);
	now += UINT64_C(3600) * 1000000;
	beat(2);
	assert_false(killed(&family.broker));
	say_alive();
	beat(8);
	assert_false(killed(&family.broker));
}

/* What an orderly stop or a hand-over asked to end is given its own time; and a start may take long. */
static void test_other_bounds(void **state)
{
	(void)state;
	family.broker.ready = false;
	beat(240);
	assert_false(killed(&family.broker));
	family.broker.draining = true;
	beat(100);
	assert_false(killed(&family.broker));
	family.broker.draining = false;
	beat(1);
	assert_true(killed(&family.broker));
}

static void test_a_worker_that_starts(void **state)
{
	(void)state;
	page->allowed_us = CALL_SECONDS * 1000000;
	beat(18);
	assert_false(killed(worker));
	page->login = 1;
	beat(100);
	assert_false(killed(worker));
	assert_true(worker->in_login);
	page->login = 0; /* it goes on, and others may log in */
	beat(18);
	assert_false(killed(worker));
	assert_false(worker->in_login);
	beat(1);
	assert_true(killed(worker));
}

static void test_a_login_that_goes_on(void **state)
{
	(void)state;
	page->login = 1;
	beat(300);
	assert_true(worker->in_login);
	page->login = 0;
	child_ready(worker);
	beat(100);
	assert_false(killed(worker));
	assert_false(worker->in_login);
}

static void test_a_worker_that_serves_is_its_brokers(void **state)
{
	(void)state;
	child_ready(worker);
	page->allowed_us = CALL_SECONDS * 1000000;
	beat(8);
	beat(1000);
	assert_false(killed(worker));
}

/* Its broker is gone, or a successor is there: it reads that, and ends. */
static void test_a_worker_that_ought_to_end(void **state)
{
	(void)state;
	child_ready(worker);
	family.broker_runs++;
	beat(8);
	assert_false(killed(worker));
	page->job = 5; /* it goes on with what it had */
	beat(8);
	assert_false(killed(worker));
	beat(1);
	assert_true(killed(worker));
}

static void test_a_worker_whose_place_is_taken(void **state)
{
	(void)state;
	child_ready(worker);
	family.slots[1].now = 1;
	beat(8);
	assert_false(killed(worker));
	beat(1);
	assert_true(killed(worker));
}

static void test_a_worker_that_the_broker_gave_up(void **state)
{
	(void)state;
	child_ready(worker);
	page->login = 1;
	say_end_worker(true);
	beat(20);
	assert_false(killed(worker));
	page->login = 0;
	beat(1);
	assert_string_equal(worker->why, "killed: it did not answer");
	assert_true(killed(worker));
}

/* Whoever accuses the broker ends as well, by itself or not. */
static void test_a_worker_that_accused_another(void **state)
{
	Cek__Internal__V1__Broke broke = CEK__INTERNAL__V1__BROKE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	(void)state;
	child_ready(worker);
	worker->sequence.state = CHILD_SERVES;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_BROKE;
	message.broke = &broke;
	assert_int_equal(dgram_send(worker_end, &message.base, NULL, 0), 0);
	news_read(&news, worker);
	assert_false(killed(worker));
	beat(1);
	assert_true(killed(worker));
	assert_true(killed(&family.broker));
	family.broker.ready = false;
}

static void test_a_worker_that_broke_the_rules(void **state)
{
	(void)state;
	child_ready(worker);
	page->login = 1;
	say_end_worker(false);
	assert_true(killed(worker));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_who_answers_lives),
		TEST(test_who_does_not_is_killed),
		TEST(test_who_does_not_even_read),
		TEST(test_who_was_not_asked),
		TEST(test_the_broker_hears_of_processes),
		TEST(test_time_that_nobody_had),
		TEST(test_other_bounds),
		TEST(test_a_worker_that_starts),
		TEST(test_a_login_that_goes_on),
		TEST(test_a_worker_that_serves_is_its_brokers),
		TEST(test_a_worker_that_ought_to_end),
		TEST(test_a_worker_whose_place_is_taken),
		TEST(test_a_worker_that_the_broker_gave_up),
		TEST(test_a_worker_that_accused_another),
		TEST(test_a_worker_that_broke_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
