/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No reply before its record, and what happens when the journal dies or does not write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "daemon/broker/journal/audit.h"
#include "daemon/broker/lifecycle/steps.h"
#include "tests/unit/broker/broker_calls.h"

static void test_a_reply_waits_for_its_record_on_disk(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;

	rig->audit_durable = true;
	rig_start(rig);
	rig_connect(rig, &client);
	rig->journal.mute = true;
	rig_send(&client, call_wrap("no-such-key"));
	rig_run(rig);
	assert_null(rig_reply(&client));
	rig_send(&client, call_wrap("no-such-key"));
	rig_run(rig);
	assert_null(rig_reply(&client));
	rig_audit_done(rig);
	rig_run(rig);
	for (int i = 0; i < 2; i++) {
		reply = rig_reply(&client);
		assert_non_null(reply);
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	rig_close(&client);
}

/* Also on a connection on which others wait for their records. */
static void test_status_waits_for_no_record(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;

	rig->audit_durable = true;
	rig_start(rig);
	rig_connect(rig, &client);
	rig->journal.mute = true;
	rig_send(&client, call_wrap("no-such-key"));
	rig_run(rig);
	assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_OK);
	assert_null(rig_reply(&client));
	rig_audit_done(rig);
	rig_run(rig);
	reply = rig_reply(&client);
	assert_non_null(reply);
	assert_int_equal(reply->status, STATUS_UNKNOWN_KEY);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(rig->journal.audit_n, 2);
	rig_close(&client);
}

/* Then it has no record either: there is no room for one. What came before it waits, and so does what comes behind
 * that. */
static void test_status_when_too_much_is_unacknowledged(void **state)
{
	struct rig *rig = *state;
	struct rig_client client, other;
	size_t all;

	rig_start(rig);
	rig_connect(rig, &client);
	rig_connect(rig, &other);
	rig->broker.audit.kept_bytes += AUDIT_KEPT_MAX + 1;
	assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_OK);
	rig_send(&client, call_wrap("no-such-key"));
	rig_send(&client, call_status());
	rig_run(rig);
	assert_null(rig_reply(&client));
	assert_int_equal(call_for_status(rig, &other, call_status()), STATUS_OK);
	assert_int_equal(rig->broker.audit.last, 0);
	rig->broker.audit.kept_bytes -= AUDIT_KEPT_MAX + 1;
	rig_run(rig);
	assert_int_equal(count_status(&client, STATUS_OK, &all), 1);
	assert_int_equal(all, 2);
	assert_int_equal(rig->journal.audit_n, 2);
	rig_close(&client);
	rig_close(&other);
}

/* A process that is there and does nothing: the log and Status say since when, and cekd is told to end it. */
static void test_a_journal_that_hangs(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	const char *why = "";

	rig_start(rig);
	rig_connect(rig, &client);
	rig->journal.pid = 77;
	rig_journal_state(rig, true);
	rig_run(rig);
	rig->journal.deaf = true;
	rig_send(&client, call_wrap("no-such-key"));
	rig_run(rig);
	rig_beat(rig, 1);
	assert_true(broker_ready(&rig->broker, &why));
	rig_beat(rig, 1);
	assert_false(broker_ready(&rig->broker, &why));
	assert_non_null(strstr(why, "the journal does not answer since 20"));
	assert_int_equal(rig->ended_journal, 0);
	rig_beat(rig, 5);
	assert_int_equal(rig->ended_journal, 0);
	rig_beat(rig, 1);
	assert_int_equal(rig->ended_journal, 77);
	rig->journal.deaf = false;
	rig->journal.pid = 78;
	rig_journal_state(rig, true);
	rig_run(rig);
	rig_beat(rig, 1);
	assert_true(broker_ready(&rig->broker, &why));
	rig_close(&client);
}

static void test_no_reply_before_its_record_is_in_the_kernel(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	uint64_t replies = 0;
	CekReply *reply;

	rig->limits.requests_per_uid = 1000000;
	rig_start(rig);
	rig_connect(rig, &client);
	rig->journal.deaf = true; /* until the pair is full */
	for (int i = 0; i < 5000; i++) {
		rig_send(&client, call_wrap("no-such-key"));
		rig_run(rig);
		while ((reply = rig_reply(&client))) {
			replies++;
			cek__v1__reply__free_unpacked(reply, NULL);
		}
		assert_true(replies <= rig->broker.audit.sent);
		if (rig->broker.journal.full)
			break;
	}
	assert_true(rig->broker.journal.full);
	rig->journal.deaf = false;
	rig_run(rig);
	rig_run(rig);
	while ((reply = rig_reply(&client))) {
		replies++;
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	assert_int_equal(replies, rig->broker.audit.sent);
	assert_int_equal(rig->journal.audit_n, replies);
	rig_close(&client);
}

static void test_records_come_again_after_the_journal_died(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;

	rig_start(rig);
	rig_connect(rig, &client);
	rig->journal.mute = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_OK);
	assert_int_equal(rig->journal.audit_n, 3);
	rig->journal.audit_n = 0; /* a journal died before it wrote them; here is the next */
	rig->journal.mute = false;
	rig_journal_state(rig, true);
	rig_run(rig);
	assert_int_equal(rig->journal.audit_n, 3);
	assert_true(list_empty(&rig->broker.audit.kept));
	rig_close(&client);
}

/* It died with its pair full, and the next one begins by saying so: the question what became of the append under way
 * waits until there is room. */
static void test_a_journal_that_died_with_its_pair_full(void **state)
{
	struct rig *rig = *state;
	struct rig_client client, operator;
	size_t all;
	char *kid;

	rig->limits.requests_per_uid = 1000000;
	rig_start(rig);
	rig_connect(rig, &client);
	rig_connect(rig, &operator);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig->journal.deaf = true;
	rig_send(&operator, call_set_state(kid, STATE_SUSPENDED));
	rig_run(rig);
	assert_true(rig->broker.journal.sent);
	for (int i = 0; i < 5000 && !rig->broker.journal.full; i++) {
		rig_send(&client, call_wrap("no-such-key"));
		rig_run(rig);
		count_status(&client, STATUS_OK, &all);
	}
	assert_true(rig->broker.journal.full);
	rig_journal_state(rig, true);
	rig_run(rig);
	assert_true(rig->broker_up);
	assert_true(rig->broker.journal.question > 0);
	rig->journal.deaf = false;
	rig->journal.mute = true; /* as many acknowledgements would not fit into the pair either */
	rig_run(rig);
	assert_true(rig->broker_up);
	assert_int_equal(rig->broker.journal.question, 0);
	rig->journal.mute = false;
	rig_audit_done(rig);
	rig_run(rig);
	assert_int_equal(count_status(&operator, STATUS_OK, &all), 1);
	assert_int_equal(call_for_status(rig, &operator, call_unwrap(kid, NULL)), STATUS_UNUSABLE);
	rig_close(&client);
	rig_close(&operator);
	free(kid);
}

static void test_nothing_is_served_when_the_journal_does_not_write(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	rig_journal_state(rig, false);
	rig_run(rig);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_UNAVAILABLE);
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_UNAVAILABLE);
	assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_OK);
	rig_journal_state(rig, true);
	rig_run(rig);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	rig_close(&client);
	free(kid);
}

/* The journal died with an append: whether it was written is what its successor's records say. */
static void test_an_append_that_was_under_way_when_the_journal_died(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	uint8_t lost[4096];
	CekReply *reply;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "k", "A256KW"));
	rig->journal.deaf = true;
	rig_send(&client, call_set_state(rig->broker.ring.keys[0]->active->kid, STATE_SUSPENDED));
	rig_run(rig);
	while (recv(rig->journal.fd, lost, sizeof(lost), MSG_DONTWAIT) > 0)
		continue;
	rig->journal.deaf = false;
	rig_journal_state(rig, true);
	rig_run(rig);
	reply = rig_reply(&client);
	assert_non_null(reply);
	assert_int_equal(reply->status, STATUS_OK);
	assert_int_equal(reply->key->key->version[0]->state, STATE_SUSPENDED);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
}

/* What the next journal finds is less than what was durable: the ring is no longer what the file says, and is read
 * anew. */
static void test_a_key_journal_that_became_shorter(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "k", "A256KW"));
	rig_journal_state(rig, true);
	rig_run(rig);
	assert_true(rig->broker_up);
	free(rig->journal.records[--rig->journal.n_records].data);
	rig_journal_state(rig, true);
	rig_run(rig);
	assert_false(rig->broker_up);
	assert_int_equal(rig->broker.exit_status, 1);
	rig_close(&client);
}

/* It has no number: the next one has the one that it would have had, and the journal gets that. */
static void test_a_record_that_has_no_room(void **state)
{
	static char endless[AUDIT_BATCH_MAX];
	AuditRecord record = CEK__INTERNAL__V1__AUDIT_RECORD__INIT;
	struct rig *rig = *state;
	struct rig_client client;
	uint64_t last;

	rig_start(rig);
	rig_connect(rig, &client);
	assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_OK);
	last = rig->broker.audit.last;
	assert_int_equal(rig->journal.audit_n, last);
	memset(endless, 'k', sizeof(endless) - 1);
	record.key = endless;
	assert_int_equal(audit_add(&rig->broker.audit, &record), 0);
	assert_int_equal(rig->broker.audit.last, last);
	assert_int_equal(rig->broker.audit.len, 0);
	assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_OK);
	assert_int_equal(rig->journal.audit_n, last + 1);
	rig_close(&client);
}

static void test_a_restart_folds_the_same_ring(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	const struct version *version;
	char *kid;

	rig_start(rig);
	rig_connect(rig, &client);
	kid = rig_create(rig, &client, "k", "A256KW");
	assert_int_equal(call_for_status(rig, &client, call_unwrap(kid, NULL)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_rotate("k", kid)), STATUS_OK);
	steps_flush_usage(&rig->broker);
	rig_run(rig);
	rig_close(&client);
	rig_stop_broker(rig);
	rig_start(rig);
	version = ring_version(&rig->broker.ring, kid);
	assert_non_null(version);
	assert_int_equal(version->state, STATE_DEACTIVATED);
	assert_int_equal(version->unwraps, 1);
	assert_int_equal(version->n_peers, 1);
	assert_int_equal(version->key->n_versions, 2);
	assert_int_equal(version->key->active->number, 2);
	assert_serves(rig, kid);
	free(kid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_reply_waits_for_its_record_on_disk),
		TEST(test_status_waits_for_no_record),
		TEST(test_status_when_too_much_is_unacknowledged),
		TEST(test_a_journal_that_hangs),
		TEST(test_no_reply_before_its_record_is_in_the_kernel),
		TEST(test_records_come_again_after_the_journal_died),
		TEST(test_a_journal_that_died_with_its_pair_full),
		TEST(test_nothing_is_served_when_the_journal_does_not_write),
		TEST(test_an_append_that_was_under_way_when_the_journal_died),
		TEST(test_a_key_journal_that_became_shorter),
		TEST(test_a_record_that_has_no_room),
		TEST(test_a_restart_folds_the_same_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
