/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "daemon/parent/news.h"
#include "proto/dgram.h"

typedef Cek__Internal__V1__Control Control;

static struct family family;
static struct logins logins;
static struct news news;
static unsigned changes;
static int broker_end, worker_end; /* the children's ends of their control sockets */

static void on_changed(void *owner)
{
	(void)owner;
	changes++;
}

/* A process that does nothing, until it is killed. */
static pid_t idle(void)
{
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		for (;;)
			(void)pause();
	return pid;
}

static int start(struct child *child)
{
	int pair[2];

	assert_int_equal(dgram_pair(pair), 0);
	child_started(child, idle(), pair[0]);
	assert_int_equal(child_listen(child, family.base, news_heard, &news), 0);
	return pair[1];
}

static int set_up(void **state)
{
	(void)state;
	changes = 0;
	logins = (struct logins){0};
	news = (struct news){.family = &family, .logins = &logins, .pin_file = "/pin"};
	assert_int_equal(family_init(&family, event_base_new(), 2, on_changed, NULL), 0);
	family.broker_runs = 1;
	broker_end = start(&family.broker);
	worker_end = start(&family.slots[1].child[0]);
	family.slots[1].child[0].generation = 7;
	family.slots[1].child[0].broker_run = 1;
	return 0;
}

/* Of a process that is to be reaped; 0 if nobody has killed it yet. */
static int signal_of_end(struct child *child)
{
	int status = 0;

	(void)kill(child->pid, SIGTERM);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	child_ended(child, status);
	return WTERMSIG(status) == SIGTERM ? 0 : WTERMSIG(status);
}

static void end(struct family *of, struct child *child, void *data)
{
	(void)of;
	(void)data;
	(void)signal_of_end(child);
}

static int tear_down(void **state)
{
	struct event_base *base = family.base;

	(void)state;
	family_each(&family, end, NULL);
	family_deinit(&family);
	event_base_free(base);
	(void)close(broker_end);
	(void)close(worker_end);
	return 0;
}

static void say(int from, const Control *message)
{
	const unsigned before = changes;

	assert_int_equal(dgram_send(from, &message->base, NULL, 0), 0);
	assert_int_equal(event_base_loop(family.base, EVLOOP_ONCE), 0);
	assert_int_equal(changes, before + 1);
}

static void say_want(int from, bool manage, unsigned index, unsigned generation)
{
	Cek__Internal__V1__WantWorker want = CEK__INTERNAL__V1__WANT_WORKER__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	want.manage = manage;
	want.index = index;
	want.generation = generation;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_WANT_WORKER;
	message.want_worker = &want;
	say(from, &message);
}

static void say_ready(int from)
{
	Cek__Internal__V1__Ready ready = CEK__INTERNAL__V1__READY__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_READY;
	message.ready = &ready;
	say(from, &message);
}

static void say_wrong_pin(int from)
{
	Cek__Internal__V1__Failing failing = CEK__INTERNAL__V1__FAILING__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	failing.class_ = CEK__INTERNAL__V1__FAILING__CLASS__PIN;
	failing.why = (char *)(uintptr_t) "wrong PIN";
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_FAILING;
	message.failing = &failing;
	say(from, &message);
}

static void say_end(int from, unsigned generation)
{
	Cek__Internal__V1__EndWorker end_worker = CEK__INTERNAL__V1__END_WORKER__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	end_worker.index = 1;
	end_worker.generation = generation;
	end_worker.how = (char *)(uintptr_t) "lied";
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_END_WORKER;
	message.end_worker = &end_worker;
	say(from, &message);
}

static void test_only_the_broker_wants(void **state)
{
	(void)state;
	say_want(broker_end, true, 0, 0);
	assert_true(family.manage_wanted);
	family.manage_wanted = false;
	say_want(worker_end, true, 0, 0);
	assert_false(family.manage_wanted);
	assert_int_equal(family.broken[SEQUENCE_WORKER_TO_CEKD], 1);
	assert_string_equal(family.slots[1].child[0].why, "killed: it sent \"want_worker\" while it starts");
	assert_int_equal(signal_of_end(&family.slots[1].child[0]), SIGKILL);
}

/* The one that it means, and not before the one before that is gone. */
static void test_another_worker(void **state)
{
	struct slot *slot = &family.slots[1];

	(void)state;
	say_want(broker_end, false, 1, 6);
	say_want(broker_end, false, 2, 7);
	assert_int_equal(slot->now, 0);
	slot->child[1].pid = family.broker.pid;
	say_want(broker_end, false, 1, 7);
	assert_int_equal(slot->now, 0);
	slot->child[1].pid = 0;
	say_want(broker_end, false, 1, 7);
	assert_int_equal(slot->now, 1);
}

static void test_ready(void **state)
{
	(void)state;
	assert_false(family.slots[1].child[0].ready);
	say_ready(worker_end);
	assert_true(family.slots[1].child[0].ready);
	assert_true(family.broker.ready_us == 0);
	say_ready(broker_end);
	assert_true(family.broker.ready_us > 0);
}

/* A broker that comes later is told as well that no worker will come. */
static void test_wrong_pin(void **state)
{
	static uint8_t buffer[DGRAM_MAX];
	Control *message;
	ssize_t len;

	(void)state;
	assert_int_equal(dgram_recv(broker_end, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL), -EAGAIN);
	say_wrong_pin(worker_end);
	assert_true(logins.stopped);
	assert_string_equal(family.slots[1].child[0].why, "wrong PIN");
	say_ready(broker_end);
	len = dgram_recv(broker_end, MSG_DONTWAIT, buffer, sizeof(buffer), NULL, 0, NULL);
	assert_true(len > 0);
	message = cek__internal__v1__control__unpack(NULL, (size_t)len, buffer);
	assert_non_null(message);
	assert_int_equal(message->what_case, CEK__INTERNAL__V1__CONTROL__WHAT_WORKER_GONE);
	assert_true(message->worker_gone->hopeless);
	assert_int_equal(message->worker_gone->index, 1);
	assert_string_equal(message->worker_gone->why, "wrong PIN");
	cek__internal__v1__control__free_unpacked(message, NULL);
}

static void test_a_worker_is_ended(void **state)
{
	struct child *worker = &family.slots[1].child[0];

	(void)state;
	say_ready(broker_end);
	say_end(broker_end, 6);
	assert_string_equal(worker->why, "");
	assert_int_equal(family.broken[SEQUENCE_WORKER_TO_BROKER], 0);
	say_end(broker_end, 7);
	assert_string_equal(worker->why, "killed: it lied");
	assert_int_equal(family.broken[SEQUENCE_WORKER_TO_BROKER], 1);
	assert_int_equal(signal_of_end(worker), SIGKILL);
}

static void say_broke(int from, bool cekd)
{
	Cek__Internal__V1__Broke broke = CEK__INTERNAL__V1__BROKE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	broke.cekd = cekd;
	broke.how = (char *)(uintptr_t) "lied";
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_BROKE;
	message.broke = &broke;
	say(from, &message);
}

/* A worker that accuses its broker ends that one; it has one word. */
static void test_a_worker_accuses_its_broker(void **state)
{
	struct child *worker = &family.slots[1].child[0];

	(void)state;
	say_ready(worker_end);
	say_broke(worker_end, false);
	assert_int_equal(family.broken[SEQUENCE_BROKER_TO_WORKER], 1);
	assert_string_equal(worker->why, "the broker lied");
	assert_string_equal(family.broker.why, "killed: it lied");
	say_broke(worker_end, false);
	assert_int_equal(family.broken[SEQUENCE_BROKER_TO_WORKER], 1);
	assert_int_equal(family.broken[SEQUENCE_WORKER_TO_CEKD], 1);
	assert_int_equal(signal_of_end(worker), SIGKILL);
	assert_int_equal(signal_of_end(&family.broker), SIGKILL);
}

/* Not the one that came after its own. */
static void test_a_worker_accuses_an_earlier_broker(void **state)
{
	(void)state;
	say_ready(worker_end);
	family.broker_runs++;
	say_broke(worker_end, false);
	assert_int_equal(family.broken[SEQUENCE_BROKER_TO_WORKER], 1);
	assert_int_equal(signal_of_end(&family.broker), 0);
}

static void test_cekd_is_accused(void **state)
{
	(void)state;
	say_ready(worker_end);
	say_broke(worker_end, true);
	assert_int_equal(family.broken[SEQUENCE_CEKD_TO_WORKER], 1);
	assert_string_equal(family.slots[1].child[0].why, "cekd lied");
	assert_int_equal(signal_of_end(&family.broker), 0);
}

static void say_end_journal(int from, int32_t pid, bool broke)
{
	Cek__Internal__V1__EndJournal end_journal = CEK__INTERNAL__V1__END_JOURNAL__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	end_journal.pid = pid;
	end_journal.how = (char *)(uintptr_t) "lied";
	end_journal.broke = broke;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_END_JOURNAL;
	message.end_journal = &end_journal;
	say(from, &message);
}

/* Also one that has not said yet which process it is. */
static void test_a_journal_is_ended(void **state)
{
	const int end_of_journal = start(&family.journal);

	(void)state;
	say_end_journal(broker_end, 0, false);
	say_end_journal(broker_end, (int32_t)family.journal.pid + 1, true);
	assert_string_equal(family.journal.why, "");
	say_end_journal(broker_end, 0, true);
	assert_string_equal(family.journal.why, "killed: it lied");
	assert_int_equal(family.broken[SEQUENCE_JOURNAL_TO_BROKER], 2);
	assert_int_equal(signal_of_end(&family.journal), SIGKILL);
	(void)close(end_of_journal);
}

/* Nobody asked; and what somebody said behind a breach does not count. */
static void test_an_answer_to_no_question(void **state)
{
	Cek__Internal__V1__Alive alive = CEK__INTERNAL__V1__ALIVE__INIT;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;

	(void)state;
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_ALIVE;
	message.alive = &alive;
	say(broker_end, &message);
	assert_string_equal(family.broker.why, "killed: it sent \"alive\", for which it was not asked");
	assert_int_equal(family.broken[SEQUENCE_BROKER_TO_CEKD], 1);
	assert_int_equal(dgram_send(broker_end, &message.base, NULL, 0), 0);
	news_read(&news, &family.broker);
	assert_int_equal(family.broken[SEQUENCE_BROKER_TO_CEKD], 1);
	assert_int_equal(signal_of_end(&family.broker), SIGKILL);
}

static void test_garbage(void **state)
{
	(void)state;
	assert_int_equal(send(worker_end, "\xff", 1, 0), 1);
	news_read(&news, &family.slots[1].child[0]);
	assert_int_equal(changes, 0);
	assert_int_equal(signal_of_end(&family.slots[1].child[0]), SIGKILL);
	assert_int_equal(signal_of_end(&family.broker), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_the_broker_wants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_worker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ready, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_pin, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_worker_is_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_worker_accuses_its_broker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_worker_accuses_an_earlier_broker, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cekd_is_accused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_journal_is_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_answer_to_no_question, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_garbage, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
