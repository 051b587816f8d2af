/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal without keys: the token is asked what it holds before anything is served. (What a copied or older journal
 * is taken for, tests/e2e/test_restore.py tells.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/broker/broker_calls.h"

typedef Cek__Internal__V1__TokenObject TokenObject;
typedef Cek__Internal__V1__Control Control;

static uint8_t id[CKA_ID_MAX] = {1, 2, 3, 4};

/* As cekd makes them. */
static TokenObject a_key(void)
{
	TokenObject object = CEK__INTERNAL__V1__TOKEN_OBJECT__INIT;

	object.cka_id = (ProtobufCBinaryData){.data = id, .len = CKA_ID_LEN};
	object.label = (char *)"api-tokens";
	object.class_ = (char *)"private";
	object.key_type = (char *)"RSA";
	object.whole = object.sensitive = true;
	return object;
}

static void new_journal(struct rig *rig)
{
	while (rig->journal.n_records > 0)
		free(rig->journal.records[--rig->journal.n_records].data);
}

/* The type of the last record, and whether it says that the journal is suspect. */
static void check_last_record(struct rig *rig, size_t n, const char *type, bool suspect)
{
	KeyRecord *record;

	assert_int_equal(rig->journal.n_records, n);
	record = cek__internal__v1__key_record__unpack(NULL, rig->journal.records[n - 1].len,
		rig->journal.records[n - 1].data);
	assert_non_null(record);
	assert_string_equal(record->type, type);
	assert_int_equal(record->suspect, suspect);
	cek__internal__v1__key_record__free_unpacked(record, NULL);
}

static const char *not_ready(struct rig *rig)
{
	const char *why = "";

	return broker_ready(&rig->broker, &why) ? NULL : why;
}

static CekRequest *call_restore(bool confirm)
{
	static Cek__V1__RestoreRequest message;
	static CekRequest request;

	message = (Cek__V1__RestoreRequest)CEK__V1__RESTORE_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.confirm = confirm;
	request.op_case = CEK__V1__REQUEST__OP_RESTORE;
	request.restore = &message;
	return &request;
}

static CekRequest *call_restore_preview(bool confirm)
{
	static Cek__V1__PreviewRequest message;
	static CekRequest request;

	message = (Cek__V1__PreviewRequest)CEK__V1__PREVIEW_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.change_case = CEK__V1__PREVIEW_REQUEST__CHANGE_RESTORE;
	message.restore = call_restore(confirm)->restore;
	request.op_case = CEK__V1__REQUEST__OP_PREVIEW;
	request.preview = &message;
	return &request;
}

static CekRequest *call_describe(const char *key)
{
	static Cek__V1__DescribeKeyRequest message;
	static CekRequest request;

	message = (Cek__V1__DescribeKeyRequest)CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.key = (char *)key;
	request.op_case = CEK__V1__REQUEST__OP_DESCRIBE_KEY;
	request.describe_key = &message;
	return &request;
}

static CekRequest *call_create(const char *key)
{
	static Cek__V1__CreateKeyRequest message;
	static CekRequest request;

	message = (Cek__V1__CreateKeyRequest)CEK__V1__CREATE_KEY_REQUEST__INIT;
	request = (CekRequest)CEK__V1__REQUEST__INIT;
	message.key = (char *)key;
	message.alg = (char *)"A256KW";
	request.op_case = CEK__V1__REQUEST__OP_CREATE_KEY;
	request.create_key = &message;
	return &request;
}

static void call_fsck(struct rig *rig)
{
	Cek__V1__FsckRequest message = CEK__V1__FSCK_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	struct rig_client client;

	request.op_case = CEK__V1__REQUEST__OP_FSCK;
	request.fsck = &message;
	rig_connect(rig, &client);
	assert_int_equal(call_for_status(rig, &client, &request), STATUS_OK);
	rig_close(&client);
}

/* Nothing that has to do with a key, whether it is there or not, is answered for good. */
static void check_unavailable(struct rig *rig)
{
	struct rig_client client;

	rig_connect(rig, &client);
	assert_int_equal(call_for_status(rig, &client, call_unwrap("a-kid", NULL)), STATUS_UNAVAILABLE);
	assert_int_equal(call_for_status(rig, &client, call_unwrap(NULL, "a-key")), STATUS_UNAVAILABLE);
	assert_int_equal(call_for_status(rig, &client, call_wrap("a-key")), STATUS_UNAVAILABLE);
	assert_int_equal(call_for_status(rig, &client, call_create("a-key")), STATUS_UNAVAILABLE);
	assert_int_equal(call_for_status(rig, &client, call_describe("a-key")), STATUS_UNAVAILABLE);
	assert_int_equal(call_for_status(rig, &client, call_set_state("a-kid", STATE_SUSPENDED)), STATUS_UNAVAILABLE);
	assert_int_equal(call_for_status(rig, &client, call_destroy("a-kid", true)), STATUS_UNAVAILABLE);
	assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_restore(false)), STATUS_OK);
	rig_close(&client);
}

/* Bounded, for a machine under load; a retry comes after a second. */
static void wait_ready(struct rig *rig)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	for (int i = 0; i < 6000 && not_ready(rig); i++) {
		nanosleep(&pause, NULL);
		rig_run(rig);
	}
	assert_null(not_ready(rig));
}

static void test_new_token(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;

	rig_start(rig);
	assert_null(not_ready(rig));
	check_last_record(rig, 1, "open", false);
	rig_connect(rig, &client);
	assert_int_equal(call_for_status(rig, &client, call_unwrap("a-kid", NULL)), STATUS_UNKNOWN_KEY);
	free(rig_create(rig, &client, "k", "A256KW"));
	reply = rig_call(rig, &client, call_restore(false));
	assert_int_equal(reply->result_case, CEK__V1__REPLY__RESULT_RESTORE);
	assert_non_null(reply->restore);
	cek__v1__reply__free_unpacked(reply, NULL);
	assert_int_equal(call_for_status(rig, &client, call_restore_preview(false)), STATUS_MALFORMED); /* no change */
	assert_int_equal(call_for_status(rig, &client, call_restore_preview(true)),
		call_for_status(rig, &client, call_restore(true)));
	rig_close(&client);
}

static void test_marks(void **state)
{
	struct rig *rig = *state;
	TokenObject secret = a_key(), shorter = a_key(), longer = a_key(), nameless = a_key(), public = a_key(),
		    open = a_key(), portable = a_key(), signs = a_key(), partial = a_key(), key = a_key();
	const struct {
		TokenObject *object;
		bool ours;
	} rows[] = {
		{&key, true},
		{&secret, true},
		{&partial, true},
		{&shorter, false},
		{&longer, false},
		{&nameless, false},
		{&public, false},
		{&open, false},
		{&portable, false},
		{&signs, false},
	};

	secret.class_ = (char *)"secret";
	partial.whole = false;
	shorter.cka_id.len = CKA_ID_LEN - 1;
	longer.cka_id.len = 20;
	nameless.label = (char *)"Key of Alice & Bob";
	public.class_ = (char *)"public";
	open.sensitive = false;
	portable.extractable = true;
	signs.signs = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rig->manage.objects = &rows[i].object;
		rig->manage.n_objects = 1;
		rig_start(rig);
		assert_int_equal(rows[i].ours, not_ready(rig) != NULL);
		check_last_record(rig, 1, "open", rows[i].ours);
		rig_stop_broker(rig);
		new_journal(rig);
	}
	rig_start(rig);
}

static void test_state_directory_not_mounted(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	TokenObject key = a_key(), *objects[] = {&key, &key};
	size_t asked;

	rig->manage.objects = objects;
	rig->manage.n_objects = 2;
	rig->manage.parts = 1;
	/* Nor does it wear off. */
	for (size_t start = 1; start <= 2; start++) {
		rig_start(rig);
		assert_non_null(not_ready(rig));
		assert_non_null(
			strstr(not_ready(rig), "the token holds 4 that cekd made (is the state directory mounted?)"));
		check_last_record(rig, start, "open", true);
		check_unavailable(rig);
		if (start == 1)
			rig_stop_broker(rig);
	}
	rig_connect(rig, &client);
	assert_int_equal(call_for_status(rig, &client, call_restore(true)), STATUS_OK);
	assert_null(not_ready(rig));
	assert_int_equal(call_for_status(rig, &client, call_unwrap("a-kid", NULL)), STATUS_UNKNOWN_KEY);
	check_last_record(rig, 3, "restored", false);
	rig_close(&client);
	/* Said once and for all. */
	asked = rig->wanted_manage;
	rig_stop_broker(rig);
	rig_start(rig);
	assert_null(not_ready(rig));
	assert_int_equal(rig->wanted_manage, asked);
}

static void test_the_token_does_not_answer_yet(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;

	rig->no_manage = true;
	rig_start(rig);
	assert_non_null(strstr(not_ready(rig), "the token has not said yet"));
	check_unavailable(rig);
	rig_connect(rig, &client);
	assert_int_equal(call_for_status(rig, &client, call_restore(true)), STATUS_UNAVAILABLE);
	rig_close(&client);
	assert_int_equal(rig->journal.n_records, 0);
	rig_start_worker(rig, &rig->manage, true, 0);
	rig_run(rig);
	assert_null(not_ready(rig));
	check_last_record(rig, 1, "open", false);
}

static void test_asked_again(void **state)
{
	struct rig *rig = *state;
	TokenObject key = a_key(), *objects[] = {&key};

	/* A list without an end. */
	rig->manage.parts = 3;
	rig_start(rig);
	assert_non_null(strstr(not_ready(rig), "cannot be asked whether it holds any: its list of objects"));
	check_unavailable(rig);
	rig->manage.parts = 0;
	rig->manage.outcome = OUTCOME_UNAVAILABLE;
	while (rig->manage.jobs < 2)
		rig_run(rig);
	assert_non_null(strstr(not_ready(rig), "cannot be asked whether it holds any: it does not answer"));
	rig->manage.outcome = OUTCOME_OK;
	rig->manage.dies_after = 1;
	wait_ready(rig);
	assert_int_equal(rig->manage.dies_after, 0);
	check_last_record(rig, 1, "open", false);
	/* What came before the end of a useless answer does not count. */
	rig_stop_broker(rig);
	new_journal(rig);
	rig->manage.objects = objects;
	rig->manage.n_objects = 1;
	rig->manage.outcome = OUTCOME_INTERNAL;
	rig_start(rig);
	assert_non_null(not_ready(rig));
	rig->manage.n_objects = 0;
	rig->manage.outcome = OUTCOME_OK;
	wait_ready(rig);
}

/* The next try now, whenever it is due. */
static void ask_now(struct rig *rig)
{
	struct asking *asking = &rig->broker.asking;
	const uint64_t jobs = rig->manage.jobs;
	const struct timespec pause = {.tv_nsec = 10000000};

	assert_non_null(asking->again.fire);
	timer_set(&rig->broker.turn.timers, &asking->again, rig->broker.turn.now, asking->again.fire);
	while (rig->manage.jobs == jobs) {
		nanosleep(&pause, NULL);
		rig_run(rig);
	}
}

/* A token that is away for long is not asked each second; and at once when something has become better. */
static void test_pauses_grow(void **state)
{
	static const uint64_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct rig *rig = *state;
	struct asking *asking = &rig->broker.asking;

	rig->manage.outcome = OUTCOME_UNAVAILABLE;
	rig_start(rig);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		assert_int_equal(asking->pause_us, seconds[i] * 1000000);
		assert_true(asking->again.due_us <= rig->broker.turn.now + asking->pause_us);
		assert_true(rig->broker.restore.logged);
		ask_now(rig);
	}
	rig->manage.outcome = OUTCOME_OK;
	rig_kill_worker(&rig->use[0]);
	rig_run(rig);
	assert_non_null(not_ready(rig));
	rig_start_worker(rig, &rig->use[0], false, 0);
	wait_ready(rig);
	assert_false(rig->broker.restore.logged);
}

static char *foreign_warning(struct rig *rig)
{
	struct rig_client client;
	char *found = NULL;
	CekReply *reply;

	rig_connect(rig, &client);
	reply = rig_call(rig, &client, call_status());
	for (size_t i = 0; i < reply->status_reply->n_warning; i++)
		if (strstr(reply->status_reply->warning[i], "the journal does not know"))
			found = strdup(reply->status_reply->warning[i]);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
	return found;
}

/* Keys of a ceremony bear no mark of cekd, and may have been adopted: no reason to wait, but to say so. */
static void test_keys_that_may_have_been_adopted(void **state)
{
	struct rig *rig = *state;
	TokenObject adopted = a_key(), public = a_key(), *objects[] = {&adopted, &public, &adopted};
	char *warning;

	adopted.extractable = true;
	public.class_ = (char *)"public";
	rig->manage.objects = objects;
	rig->manage.n_objects = 3;
	rig_start(rig);
	assert_null(not_ready(rig));
	warning = foreign_warning(rig);
	assert_non_null(warning);
	assert_non_null(strstr(warning, "token holds 2 keys the journal does not know"));
	free(warning);
	/* Whether they still are there fsck finds out. */
	rig->manage.n_objects = 0;
	call_fsck(rig);
	assert_null(foreign_warning(rig));
}

/* What a creation left that never ended is no key of another journal. */
static void test_object_of_an_intent(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	TokenObject key = a_key(), *objects[] = {&key};

	rig_start(rig);
	rig_connect(rig, &client);
	rig->manage.dies_after = 1;
	assert_int_equal(call_for_status(rig, &client, call_create("api-tokens")), STATUS_UNAVAILABLE);
	rig_close(&client);
	assert_false(list_empty(&rig->broker.ring.intents));
	memcpy(id, list_entry(rig->broker.ring.intents.next, struct intent, link)->cka_id, CKA_ID_LEN);
	rig_stop_broker(rig);
	rig->manage.objects = objects;
	rig->manage.n_objects = 1;
	rig_start(rig);
	assert_null(not_ready(rig));
	rig_stop_broker(rig);
	id[0] ^= 1;
	rig_start(rig);
	assert_non_null(not_ready(rig));
}

static void test_a_journal_with_keys_asks_nothing(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	TokenObject key = a_key(), *objects[] = {&key};
	size_t asked;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "k", "A256KW"));
	rig_close(&client);
	rig_stop_broker(rig);
	rig->manage.objects = objects;
	rig->manage.n_objects = 1;
	asked = rig->wanted_manage;
	rig_start(rig);
	assert_null(not_ready(rig));
	assert_int_equal(rig->wanted_manage, asked);
}

static void test_stop_while_asking(void **state)
{
	struct rig *rig = *state;
	Control message = CEK__INTERNAL__V1__CONTROL__INIT;
	Cek__Internal__V1__Drain drain = CEK__INTERNAL__V1__DRAIN__INIT;

	rig->no_manage = true;
	rig_start(rig);
	assert_true(rig->broker.restore.asking);
	message.what_case = CEK__INTERNAL__V1__CONTROL__WHAT_DRAIN;
	message.drain = &drain;
	rig_control(rig, &message, NULL, 0);
	rig_run(rig);
	assert_false(rig->broker_up);
	assert_int_equal(rig->broker.exit_status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_token),
		TEST(test_marks),
		TEST(test_state_directory_not_mounted),
		TEST(test_the_token_does_not_answer_yet),
		TEST(test_asked_again),
		TEST(test_pauses_grow),
		TEST(test_keys_that_may_have_been_adopted),
		TEST(test_object_of_an_intent),
		TEST(test_a_journal_with_keys_asks_nothing),
		TEST(test_stop_while_asking),
	};

	return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
