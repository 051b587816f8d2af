/* SPDX-License-Identifier: Apache-2.0 */
/* cek_public_keys(): pages put together; and another side that never ends, or changes under the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "client/state.h"
#include "tests/unit/client/stub_cekd.h"

enum { ENTRIES_MAX = 600, MAX_AGE = 300 };

static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* Answer with n entries of x_len octets, whose kids count from first. */
static void answer(struct stub *stub, uint64_t id, uint64_t epoch, size_t first, size_t n, size_t x_len,
	const char *next, bool end)
{
	static Cek__V1__PublicKeyEntry rows[ENTRIES_MAX];
	static Cek__V1__PublicKey keys[ENTRIES_MAX];
	static Cek__V1__PublicKeyEntry *entries[ENTRIES_MAX];
	static char kids[ENTRIES_MAX][16];
	static uint8_t x[65536];
	Cek__V1__PublicKeysReply page = CEK__V1__PUBLIC_KEYS_REPLY__INIT;
	Cek__V1__Reply reply = CEK__V1__REPLY__INIT;

	for (size_t i = 0; i < n; i++) {
		cek__v1__public_key_entry__init(&rows[i]);
		cek__v1__public_key__init(&keys[i]);
		snprintf(kids[i], sizeof(kids[i]), "k%zu", first + i);
		keys[i].kty = word("OKP");
		keys[i].crv = word("X25519");
		keys[i].x = (ProtobufCBinaryData){x_len, x};
		rows[i].key = word("api");
		rows[i].kid = kids[i];
		rows[i].alg = word("ECDH-ES");
		rows[i].public_key = &keys[i];
		entries[i] = &rows[i];
	}
	page.entry = entries;
	page.n_entry = n;
	page.next = word(next);
	page.end = end;
	if (end && n != 10) {
		page.age_case = CEK__V1__PUBLIC_KEYS_REPLY__AGE_MAX_AGE;
		page.max_age = MAX_AGE;
	}
	reply.id = id;
	reply.status = CEK__V1__STATUS__STATUS_OK;
	reply.epoch = epoch;
	reply.result_case = CEK__V1__REPLY__RESULT_PUBLIC_KEYS;
	reply.public_keys = &page;
	stub_reply(stub, &reply);
	cek_conn_process(stub->conn);
}

static uint64_t asked(struct stub *stub, const char *after)
{
	Cek__V1__Request *request;
	uint64_t id;

	while (stream_pending(&stub->conn->out) > 0) /* after a lost connection it waits a little */
		cek_conn_wait(stub->conn, 100);
	request = stub_request(stub);
	id = request->id;

	assert_int_equal(request->op_case, CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS);
	assert_true(request->get_public_keys->pages);
	assert_string_equal(request->get_public_keys->after, after);
	assert_int_equal(request->get_public_keys->n_key, 2);
	assert_string_equal(request->get_public_keys->key[0], "api");
	assert_string_equal(request->get_public_keys->key[1], "other");
	cek__v1__request__free_unpacked(request, NULL);
	return id;
}

static cek_call *ask(struct stub *stub, int timeout_ms, struct seen *seen)
{
	char names[2][8] = {"api", "other"};
	const char *const list[] = {names[0], names[1]};
	cek_call *call = NULL;

	assert_int_equal(cek_public_keys_start(stub->conn, &(struct cek_public_keys){list, 2}, timeout_ms,
				 seen_callback, seen, &call),
		CEK_OK);
	memset(names, 'x', sizeof(names)); /* they are not needed any more */
	return call;
}

static void assert_kids(const cek_result *result, size_t n)
{
	char kid[16];

	for (size_t i = 0; i < n; i++) {
		snprintf(kid, sizeof(kid), "k%zu", i);
		assert_string_equal(cek_result_public_key(result, i)->kid, kid);
		assert_string_equal(cek_result_public_key(result, i)->public_key.crv, "X25519");
	}
	assert_null(cek_result_public_key(result, n));
}

static void test_pages_are_one_answer(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	struct cek_bytes packed;
	Cek__V1__Reply *reply;
	uint32_t seconds = 0;

	ask(stub, 60000, &seen);
	answer(stub, asked(stub, ""), 5, 0, 500, 32, "a", false);
	assert_int_equal(seen.count, 0);
	answer(stub, asked(stub, "a"), 5, 500, 1, 32, "b", false);
	answer(stub, asked(stub, "b"), 5, 501, 499, 60, "", true);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_OK);
	assert_int_equal(seen.epoch, 5);
	assert_kids(seen.kept, 1000);
	packed = cek_result_reply(seen.kept);
	assert_true(packed.len > 65536);
	reply = cek__v1__reply__unpack(NULL, packed.len, packed.data);
	assert_non_null(reply);
	assert_int_equal(reply->public_keys->n_entry, 1000);
	assert_true(reply->public_keys->end);
	assert_string_equal(reply->public_keys->next, "");
	assert_int_equal(reply->public_keys->max_age, MAX_AGE);
	assert_true(cek_result_max_age(seen.kept, &seconds));
	assert_int_equal(seconds, MAX_AGE);
	cek__v1__reply__free_unpacked(reply, NULL);
	seen_free(&seen);
	assert_int_equal(cek_conn_process(stub->conn), 0);
}

static void test_one_page(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};

	ask(stub, -1, &seen);
	answer(stub, asked(stub, ""), 5, 0, 3, 32, "", true);
	assert_int_equal(seen.count, 1);
	assert_kids(seen.kept, 3);
	seen_free(&seen);
}

/* Half of the old set and half of the new one would be neither. */
static void test_a_change_in_between_starts_over(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	uint32_t seconds;

	ask(stub, -1, &seen);
	answer(stub, asked(stub, ""), 5, 100, 10, 32, "a", false);
	stub_reply_status(stub, asked(stub, "a"), CEK__V1__STATUS__STATUS_CONFLICT, "changed");
	cek_conn_process(stub->conn);
	answer(stub, asked(stub, ""), 6, 200, 10, 32, "b", false);
	answer(stub, asked(stub, "b"), 7, 300, 10, 32, "", true); /* it did not say so */
	assert_int_equal(seen.count, 0);
	answer(stub, asked(stub, ""), 7, 0, 10, 32, "c", false);
	answer(stub, asked(stub, "c"), 7, 10, 10, 32, "", true);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.epoch, 7);
	assert_kids(seen.kept, 20);
	assert_false(cek_result_max_age(seen.kept, &seconds)); /* which its last page does not have */
	seen_free(&seen);

	/* a conflict that answers the first page is the answer */
	ask(stub, -1, &seen);
	stub_reply_status(stub, asked(stub, ""), CEK__V1__STATUS__STATUS_CONFLICT, "why");
	cek_conn_process(stub->conn);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.status, CEK_CONFLICT);
	assert_string_equal(cek_result_message(seen.kept), "why");
	seen_free(&seen);
}

static void test_changes_without_end(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	unsigned n = 0;

	ask(stub, -1, &seen);
	while (seen.count == 0) {
		answer(stub, asked(stub, ""), n, 0, 10, 32, "a", false);
		stub_reply_status(stub, asked(stub, "a"), CEK__V1__STATUS__STATUS_CONFLICT, "");
		cek_conn_process(stub->conn);
		assert_true(++n < 100);
	}
	assert_int_equal(seen.status, CEK_UNAVAILABLE);
	assert_true(cek_status_is_temporary(seen.status));
	assert_non_null(strstr(cek_result_message(seen.kept), "changed"));
	seen_free(&seen);
}

/* Whoever says that there is more has to get on; otherwise there is no talking to him. */
static void test_no_progress(void **state)
{
	static const struct {
		size_t n;
		const char *next;
		bool end;
	} bad[] = {
		{1, "a", false},
		{0, "b", false},
		{1, "b", true},
		{1, "", false},
	};
	struct stub *stub = *state;
	struct seen seen = {0};
	char longest[130];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ask(stub, -1, &seen);
		answer(stub, asked(stub, ""), 5, 0, 1, 32, "a", false);
		answer(stub, asked(stub, "a"), 5, 1, bad[i].n, 32, bad[i].next, bad[i].end);
		assert_int_equal(seen.count, i + 1);
		assert_int_equal(seen.status, CEK_E_PROTOCOL);
		stub_hang_up(stub);
	}
	memset(longest, 'n', sizeof(longest));
	longest[128] = '\0';
	ask(stub, -1, &seen);
	answer(stub, asked(stub, ""), 5, 0, 1, 32, longest, false);
	assert_int_equal(seen.status, CEK_E_PROTOCOL); /* still that of the last one */
	answer(stub, asked(stub, longest), 5, 1, 1, 32, "", true);
	assert_int_equal(seen.status, CEK_OK);
	seen_free(&seen);
	longest[128] = 'n';
	longest[129] = '\0';
	ask(stub, -1, &seen);
	answer(stub, asked(stub, ""), 5, 0, 1, 32, longest, false);
	assert_int_equal(seen.status, CEK_E_PROTOCOL);
	seen_free(&seen);
}

/* Without end in bytes, and in pages. */
static void test_a_set_without_end(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	char after[16] = "", next[16];
	unsigned n = 0;

	ask(stub, -1, &seen);
	for (; seen.count == 0; n++) {
		snprintf(next, sizeof(next), "p%u", n);
		answer(stub, asked(stub, after), 5, 0, 1, 60000, next, false);
		strcpy(after, next);
		assert_true(n < 200);
	}
	assert_in_range(n, 4 << 20 >> 16, 100);
	assert_int_equal(seen.status, CEK_TOO_LARGE);
	assert_non_null(strstr(cek_result_message(seen.kept), "name fewer"));
	seen_free(&seen);

	ask(stub, -1, &seen);
	after[0] = '\0';
	for (n = 0; seen.count == 1; n++) {
		snprintf(next, sizeof(next), "q%u", n);
		answer(stub, asked(stub, after), 5, 0, 1, 1, next, false);
		strcpy(after, next);
		assert_true(n < 2000);
	}
	assert_int_equal(seen.status, CEK_E_PROTOCOL);
	seen_free(&seen);
}

/* A cekd before pages says neither next nor end. What cannot have been cut is taken. */
static void test_an_older_cekd(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};

	ask(stub, -1, &seen);
	answer(stub, asked(stub, ""), 5, 0, 400, 32, "", false);
	assert_int_equal(seen.status, CEK_OK);
	assert_kids(seen.kept, 400);
	ask(stub, -1, &seen);
	answer(stub, asked(stub, ""), 5, 0, 512, 32, "", false);
	assert_int_equal(seen.status, CEK_TOO_LARGE);
	assert_non_null(strstr(cek_result_message(seen.kept), "older"));
	ask(stub, -1, &seen);
	answer(stub, asked(stub, ""), 5, 0, 126, 470, "", false);
	assert_int_equal(seen.status, CEK_TOO_LARGE);
	seen_free(&seen);
}

static void test_it_ends_in_between(void **state)
{
	struct stub *stub = *state;
	struct seen seen = {0};
	cek_call *call;

	call = ask(stub, -1, &seen);
	answer(stub, asked(stub, ""), 5, 0, 10, 32, "a", false);
	cek_call_cancel(call); /* the next page may have been asked for */
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.status, CEK_E_CANCELLED);

	ask(stub, -1, &seen);
	(void)asked(stub, "a");
	answer(stub, asked(stub, ""), 5, 0, 10, 32, "a", false);
	(void)asked(stub, "a");
	stub_hang_up(stub);
	cek_conn_process(stub->conn);
	assert_int_equal(seen.count, 1);
	(void)asked(stub, "a"); /* once more */
	stub_hang_up(stub);
	while (seen.count == 1)
		cek_conn_wait(stub->conn, 100);
	assert_int_equal(seen.status, CEK_E_DISCONNECTED);

	call = ask(stub, 60000, &seen);
	answer(stub, asked(stub, ""), 5, 0, 10, 32, "a", false);
	(void)asked(stub, "a");
	call->timer.key = clock_monotonic_ns(); /* it goes on from page to page */
	cek_conn_process(stub->conn);
	assert_int_equal(seen.status, CEK_E_TIMEOUT);

	ask(stub, -1, &seen);
	answer(stub, asked(stub, ""), 5, 0, 10, 32, "a", false);
	stub->conn = cek_conn_free(stub->conn);
	assert_int_equal(seen.count, 4);
	assert_int_equal(seen.status, CEK_E_CANCELLED);
	seen_free(&seen);
}

#define WITH_STUB(function) cmocka_unit_test_setup_teardown(function, stub_setup, stub_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STUB(test_pages_are_one_answer),
		WITH_STUB(test_one_page),
		WITH_STUB(test_a_change_in_between_starts_over),
		WITH_STUB(test_changes_without_end),
		WITH_STUB(test_no_progress),
		WITH_STUB(test_a_set_without_end),
		WITH_STUB(test_an_older_cekd),
		WITH_STUB(test_it_ends_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
