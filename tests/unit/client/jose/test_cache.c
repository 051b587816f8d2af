/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/jose/cache.h"
#include "tests/unit/client/jose/make_token.h"
#include "tests/unit/client/jose/stub_cek.h"

static const char *const algs[] = {"A256KW", NULL};
static const char *const encs[] = {"A256GCM", NULL};

/* What the stand-in for cekd does: the right CEK, and perhaps the ring moves while it answers. */
static uint64_t reply_epoch;

static void unwrap(const struct cek_unwrap *args, struct stub_answer *answer)
{
	answer->kid = "version-1";
	answer->key = "tokens";
	answer->cek_len = 32;
	answer->epoch = reply_epoch;
	memcpy(answer->cek, make_token_cek, 32);
}

struct fixture {
	cek_conn *conn;
	cek_jwe_cache *cache;
	char *token;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	reply_epoch = 0;
	fixture->conn = stub_conn(unwrap, NULL);
	fixture->token = make_token(&(struct token_parts){.plaintext = "inner", .len = 5});
	assert_int_equal(cek_jwe_cache_new(fixture->conn, 2, 60, &fixture->cache), CEK_JWE_OK);
	/* Tests that count in their own time stay away from it. */
	assert_int_equal(cek_jwe_cache_set_silence(fixture->cache, 3600), CEK_JWE_OK);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	cek_jwe_cache_free(fixture->cache);
	cek_conn_free(fixture->conn);
	free(fixture->token);
	free(fixture);
	return 0;
}

/* Returns whether the cache answered; the token opens either way. */
static bool hits_with(struct fixture *fixture, cek_conn *conn, const char *token, const char *key)
{
	struct cek_jwe_policy policy = {.algs = algs, .encs = encs, .key = key, .cache = fixture->cache};
	unsigned calls = stub_calls(conn);
	cek_jwe *jwe = NULL;
	bool hit;

	assert_int_equal(cek_jwe_decrypt(conn, &policy, token, strlen(token), -1, &jwe, NULL), CEK_JWE_OK);
	assert_memory_equal(cek_jwe_plaintext(jwe).data, "inner", 5);
	assert_string_equal(cek_jwe_key(jwe), "tokens");
	assert_string_equal(cek_jwe_version(jwe), "version-1");
	hit = cek_jwe_from_cache(jwe);
	assert_int_equal(stub_calls(conn), calls + !hit);
	cek_jwe_free(jwe);
	return hit;
}

static bool hits(struct fixture *fixture)
{
	return hits_with(fixture, fixture->conn, fixture->token, "tokens");
}

static struct cek_jwe_cache_stats stats_of(const struct fixture *fixture)
{
	struct cek_jwe_cache_stats stats;

	cek_jwe_cache_get_stats(fixture->cache, &stats);
	return stats;
}

/* The watch is started by the first use and stands when cekd has answered it. */
static void warm(struct fixture *fixture)
{
	hits(fixture);
	cek_conn_process(fixture->conn);
	assert_true(stats_of(fixture).live);
	hits(fixture);
	assert_true(hits(fixture));
}

static void test_hit(void **state)
{
	struct fixture *fixture = *state;

	assert_false(hits(fixture));
	assert_true(stub_has_watch(fixture->conn));
	assert_true(stats_of(fixture).live); /* the watch is asked for before the token's question */
	assert_true(hits(fixture));
	assert_true(hits(fixture));
	assert_int_equal(stats_of(fixture).hits, 2);
	assert_int_equal(stats_of(fixture).misses, 1);
	assert_int_equal(stats_of(fixture).stored, 1);
	assert_int_equal(stats_of(fixture).entries, 1);
}

static void test_new_epoch(void **state)
{
	struct fixture *fixture = *state;

	warm(fixture);
	stub_set_epoch(fixture->conn, 2);
	assert_false(hits(fixture)); /* the waiting call reads what cekd has said first */
	assert_int_equal(stats_of(fixture).dropped, 1);
	assert_true(hits(fixture));
	stub_set_epoch(fixture->conn, 1); /* backwards counts as well */
	assert_false(hits(fixture));
	stub_set_epoch(fixture->conn, 3);
	cek_conn_process(fixture->conn); /* an idle connection learns it from the watch */
	assert_int_equal(stats_of(fixture).entries, 0);
}

/* A CEK from before the ring moved is not kept, whichever of the two is heard first. */
static void test_old_reply(void **state)
{
	struct fixture *fixture = *state;

	warm(fixture);
	cek_jwe_cache_drop(fixture->cache);
	reply_epoch = 99; /* a reply that knows more than the watch has said */
	assert_false(hits(fixture));
	reply_epoch = 0;
	cek_conn_process(fixture->conn);
	stub_set_epoch(fixture->conn, 100);
	assert_false(hits(fixture));
	assert_true(hits(fixture));
	cek_jwe_cache_drop(fixture->cache);
	reply_epoch = 7;
	hits(fixture);
	reply_epoch = 0;
	stub_set_epoch(fixture->conn, 101);
	assert_false(hits(fixture));
}

static void test_no_watch_no_cache(void **state)
{
	struct fixture *fixture = *state;

	warm(fixture);
	stub_end_watch(fixture->conn, CEK_E_DISCONNECTED);
	assert_int_equal(stats_of(fixture).entries, 0);
	assert_false(stats_of(fixture).live);
	assert_false(hits(fixture));
	assert_false(hits(fixture)); /* nothing is kept meanwhile */
	assert_int_equal(stats_of(fixture).stored, 1);
}

/* A watch that was refused is not asked for again at once, but it is later. */
static void test_watch_again(void **state)
{
	struct fixture *fixture = *state;
	uint8_t id[CACHE_ID_LEN] = {0};
	struct cached cached;

	assert_false(hits(fixture));
	stub_end_watch(fixture->conn, CEK_DENIED);
	assert_false(cache_find(fixture->cache, fixture->conn, id, 0, &cached));
	assert_false(stub_has_watch(fixture->conn));
	assert_false(cache_find(fixture->cache, fixture->conn, id, cache_now() + 1000, &cached));
	assert_true(stub_has_watch(fixture->conn));
}

static void test_other_connection(void **state)
{
	struct fixture *fixture = *state;
	cek_conn *other = stub_conn(unwrap, NULL);

	warm(fixture);
	assert_false(hits_with(fixture, other, fixture->token, "tokens"));
	assert_false(hits_with(fixture, other, fixture->token, "tokens"));
	assert_true(hits(fixture));
	cek_conn_free(other);
}

/* All that went into the unwrap. */
static void test_what_counts(void **state)
{
	struct fixture *fixture = *state;
	char *kid = make_token(&(struct token_parts){"{\"alg\":\"A256KW\",\"enc\":\"A256GCM\",\"kid\":\"k\"}",
		.plaintext = "inner", .len = 5});
	char *other_key = strdup(fixture->token);

	warm(fixture);
	assert_false(hits_with(fixture, fixture->conn, fixture->token, "other"));
	assert_false(hits_with(fixture, fixture->conn, kid, "tokens"));
	*(strchr(other_key, '.') + 1) = 'B'; /* a bit of the encrypted key */
	cek_jwe_cache_drop(fixture->cache);
	assert_false(hits(fixture));
	assert_true(hits(fixture));
	assert_false(hits_with(fixture, fixture->conn, other_key, "tokens"));
	free(other_key);
	free(kid);
}

/* A hit does not spare the tag: a changed ciphertext fails, and costs no question. */
static void test_hit_still_verifies(void **state)
{
	struct fixture *fixture = *state;
	struct cek_jwe_policy policy = {.algs = algs, .encs = encs, .key = "tokens", .cache = fixture->cache};
	char *bad = strdup(fixture->token), *tag;
	cek_jwe *jwe = NULL;
	unsigned calls;

	warm(fixture);
	calls = stub_calls(fixture->conn);
	tag = strrchr(bad, '.') + 1;
	*tag = *tag == 'A' ? 'B' : 'A';
	assert_int_equal(cek_jwe_decrypt(fixture->conn, &policy, bad, strlen(bad), -1, &jwe, NULL), CEK_JWE_FAILED);
	assert_int_equal(stub_calls(fixture->conn), calls);
	free(bad);
}

static void saw(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	unsigned *times = userdata;

	assert_int_equal(error->code, CEK_JWE_OK);
	assert_true(cek_jwe_from_cache(jwe));
	cek_jwe_free(jwe);
	(*times)++;
}

static void test_hit_without_waiting(void **state)
{
	struct fixture *fixture = *state;
	struct cek_jwe_policy policy = {.algs = algs, .encs = encs, .key = "tokens", .cache = fixture->cache};
	cek_jwe_op *op = (cek_jwe_op *)fixture;
	unsigned times = 0;

	warm(fixture);
	assert_int_equal(cek_jwe_decrypt_start(fixture->conn, &policy, fixture->token, strlen(fixture->token), -1, saw,
				 &times, &op, NULL),
		CEK_JWE_OK);
	assert_int_equal(times, 1);
	assert_null(op);
}

/* ---- deferred ---------------------------------------------------------------------------------------------------- */

struct seen {
	unsigned times;
	int code, status;
	bool from_cache;
};

static void saw_deferred(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata)
{
	struct seen *seen = userdata;

	seen->times++;
	seen->code = error->code;
	seen->status = error->status;
	assert_true((jwe != NULL) == (error->code == CEK_JWE_OK));
	seen->from_cache = jwe && cek_jwe_from_cache(jwe);
	cek_jwe_free(jwe);
}

static int start_deferred(struct fixture *fixture, const char *token, struct seen *seen, cek_jwe_op **ret_op)
{
	struct cek_jwe_policy policy = {.algs = algs,
		.encs = encs,
		.key = "tokens",
		.cache = fixture->cache,
		.deferred = true};
	int code = cek_jwe_decrypt_start(fixture->conn, &policy, token, strlen(token), -1, saw_deferred, seen, ret_op,
		NULL);

	assert_int_equal(seen->times, 0);
	return code;
}

static void test_deferred_hit(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0}, bad = {0};
	cek_jwe_op *op = NULL;
	char *changed = strdup(fixture->token), *tag = strrchr(changed, '.') + 1;
	unsigned calls;

	warm(fixture);
	*tag = *tag == 'A' ? 'B' : 'A';
	calls = stub_calls(fixture->conn);
	assert_int_equal(start_deferred(fixture, fixture->token, &seen, &op), CEK_JWE_OK);
	assert_non_null(op);
	assert_int_equal(start_deferred(fixture, changed, &bad, NULL), CEK_JWE_OK); /* a failure waits like any other */
	cek_conn_process(fixture->conn);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.code, CEK_JWE_OK);
	assert_true(seen.from_cache);
	assert_int_equal(bad.times, 1);
	assert_int_equal(bad.code, CEK_JWE_FAILED);
	assert_int_equal(stub_calls(fixture->conn), calls);
	free(changed);
}

static void test_deferred_hit_is_cancelled(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = {0}, full = {0}, closed = {0};
	cek_jwe_op *op = NULL;

	warm(fixture);
	assert_int_equal(start_deferred(fixture, fixture->token, &seen, &op), CEK_JWE_OK);
	cek_jwe_op_cancel(op);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.code, CEK_JWE_UNAVAILABLE);
	assert_int_equal(seen.status, CEK_E_CANCELLED);
	stub_fail_start(fixture->conn, CEK_E_FULL);
	assert_int_equal(start_deferred(fixture, fixture->token, &full, &op), CEK_JWE_UNAVAILABLE);
	assert_int_equal(full.times, 0);
	stub_fail_start(fixture->conn, CEK_OK);
	assert_int_equal(start_deferred(fixture, fixture->token, &closed, NULL), CEK_JWE_OK);
	fixture->conn = cek_conn_free(fixture->conn);
	assert_int_equal(closed.times, 1);
	assert_int_equal(closed.status, CEK_E_CANCELLED);
}

/* ---- a silent cekd ----------------------------------------------------------------------------------------------- */

static bool finds_at(struct fixture *fixture, uint64_t now)
{
	uint8_t id[CACHE_ID_LEN] = {1};
	struct cached cached;

	return cache_find(fixture->cache, fixture->conn, id, now, &cached);
}

/* A cache with an entry that was confirmed at the time that this returns. */
static uint64_t confirmed(struct fixture *fixture)
{
	uint8_t id[CACHE_ID_LEN] = {1}, cek[32] = {1};
	struct cached cached = {{cek, 32}, "key", "version"};
	const uint64_t now = cache_now() + 10000;

	assert_int_equal(cek_jwe_cache_set_silence(fixture->cache, 5), CEK_JWE_OK);
	warm(fixture);
	(void)finds_at(fixture, now); /* asks */
	cek_conn_process(fixture->conn);
	cache_store(fixture->cache, id, now, cek_conn_epoch(fixture->conn), &cached);
	assert_true(finds_at(fixture, now));
	return now;
}

/* To the millisecond; the answer counts from when it was asked for, not from when it came. */
static void test_silence(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t at = confirmed(fixture);
	unsigned watches = stub_watches(fixture->conn);

	assert_true(finds_at(fixture, at + 2499));
	assert_int_equal(stub_watches(fixture->conn), watches);
	assert_true(finds_at(fixture, at + 2500));
	assert_int_equal(stub_watches(fixture->conn), watches + 1);
	assert_true(finds_at(fixture, at + 5000));
	assert_false(finds_at(fixture, at + 5001));
	assert_false(finds_at(fixture, at + 60000 - 1));
	assert_int_equal(stub_watches(fixture->conn), watches + 1); /* one at a time */
	assert_int_equal(stats_of(fixture).dropped, 0);
	cek_conn_process(fixture->conn); /* cekd goes on: that was asked at 2500 */
	assert_true(finds_at(fixture, at + 7500));
	cek_conn_process(fixture->conn);
	assert_true(finds_at(fixture, at + 12500));
	assert_false(finds_at(fixture, at + 12501));
	assert_true(stub_has_watch(fixture->conn));
}

/* When it goes on and the ring has moved meanwhile, the first word of it empties the cache. */
static void test_silence_and_new_epoch(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t at = confirmed(fixture);

	assert_true(finds_at(fixture, at + 3000));
	assert_false(finds_at(fixture, at + 9000));
	stub_set_epoch(fixture->conn, 2);
	cek_conn_process(fixture->conn);
	assert_false(finds_at(fixture, at + 9001));
	assert_int_equal(stats_of(fixture).entries, 0);
}

/* The watch goes, and the question with it; both come again. */
static void test_silence_and_end_of_watch(void **state)
{
	struct fixture *fixture = *state;
	uint64_t at = confirmed(fixture);

	assert_true(finds_at(fixture, at + 3000));
	stub_end_watch(fixture->conn, CEK_E_DISCONNECTED);
	stub_end_watch(fixture->conn, CEK_E_DISCONNECTED);
	assert_false(stub_has_watch(fixture->conn));
	assert_false(finds_at(fixture, at + 3001));
	cek_conn_process(fixture->conn);
	assert_true(stub_has_watch(fixture->conn));
	at = confirmed(fixture);
	assert_true(finds_at(fixture, at + 5000));
}

/* An answer to a question that outlived its watch opens nothing. */
static void test_silence_and_late_answer(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t at = confirmed(fixture);

	assert_true(finds_at(fixture, at + 3000));
	stub_end_watch(fixture->conn, CEK_E_DISCONNECTED);
	cek_conn_process(fixture->conn);
	assert_false(stats_of(fixture).live);
	assert_false(stub_has_watch(fixture->conn));
	assert_false(hits(fixture));
}

static void test_silence_bounds(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(cek_jwe_cache_set_silence(fixture->cache, 1), CEK_JWE_MALFORMED);
	assert_int_equal(cek_jwe_cache_set_silence(fixture->cache, 2), CEK_JWE_OK);
	assert_int_equal(cek_jwe_cache_set_silence(fixture->cache, 3600), CEK_JWE_OK);
	assert_int_equal(cek_jwe_cache_set_silence(fixture->cache, 3601), CEK_JWE_MALFORMED);
}

/* ---- entries: time is an argument -------------------------------------------------------------------------------- */

static void store(struct fixture *fixture, uint8_t number, uint64_t now)
{
	uint8_t id[CACHE_ID_LEN] = {number}, cek[32] = {number};
	struct cached cached = {{cek, 32}, "key", "version"};

	cache_store(fixture->cache, id, now, cek_conn_epoch(fixture->conn), &cached);
}

static bool finds(struct fixture *fixture, uint8_t number, uint64_t now)
{
	uint8_t id[CACHE_ID_LEN] = {number};
	struct cached cached;

	if (!cache_find(fixture->cache, fixture->conn, id, now, &cached))
		return false;
	assert_int_equal(*(const uint8_t *)cached.cek.data, number);
	assert_int_equal(cached.cek.len, 32);
	assert_string_equal(cached.key, "key");
	return true;
}

static void test_age(void **state)
{
	struct fixture *fixture = *state;

	warm(fixture);
	cek_jwe_cache_drop(fixture->cache);
	store(fixture, 1, 1000);
	assert_true(finds(fixture, 1, 60999));
	assert_int_equal(cache_expire(fixture->cache, 60999), 1);
	assert_false(finds(fixture, 1, 61000));
	assert_int_equal(stats_of(fixture).expired, 1);
	assert_int_equal(stats_of(fixture).entries, 0);
	assert_int_equal(cache_expire(fixture->cache, 61000), -1);
	store(fixture, 1, 70000);
	store(fixture, 1, 80000); /* the same again lives no longer */
	assert_int_equal(cache_expire(fixture->cache, 129999), 1);
	assert_int_equal(cache_expire(fixture->cache, 130000), -1);
}

/* Two entries fit; the third pushes the oldest out. */
static void test_bound(void **state)
{
	struct fixture *fixture = *state;
	uint64_t evicted;

	warm(fixture);
	cek_jwe_cache_drop(fixture->cache);
	evicted = stats_of(fixture).evicted;
	store(fixture, 1, 0);
	store(fixture, 2, 0);
	assert_true(finds(fixture, 1, 0));
	assert_true(finds(fixture, 2, 0));
	store(fixture, 3, 0);
	assert_false(finds(fixture, 1, 0));
	assert_true(finds(fixture, 2, 0));
	assert_true(finds(fixture, 3, 0));
	assert_int_equal(stats_of(fixture).evicted - evicted, 1);
	assert_int_equal(stats_of(fixture).entries, 2);
}

/* Many rounds through a larger one, against the obvious: the last 64 are there, the others are not. */
static void test_ring_of_slots(void **state)
{
	struct fixture *fixture = *state;
	struct fixture large = {.conn = fixture->conn, .token = fixture->token};

	assert_int_equal(cek_jwe_cache_new(large.conn, 64, 60, &large.cache), CEK_JWE_OK);
	warm(&large);
	cek_jwe_cache_drop(large.cache);
	for (unsigned i = 0; i < 250; i++) {
		store(&large, (uint8_t)i, i);
		for (unsigned k = 0; k <= i; k++)
			assert_int_equal(finds(&large, (uint8_t)k, i), i - k < 64);
	}
	cek_jwe_cache_drop(large.cache);
	for (unsigned k = 0; k < 250; k++)
		assert_false(finds(&large, (uint8_t)k, 250));
	cek_jwe_cache_free(large.cache);
}

static void test_arguments(void **state)
{
	struct fixture *fixture = *state;
	cek_jwe_cache *cache = NULL;

	assert_int_equal(cek_jwe_cache_new(NULL, 1, 1, &cache), CEK_JWE_MALFORMED);
	assert_int_equal(cek_jwe_cache_new(fixture->conn, 0, 1, &cache), CEK_JWE_MALFORMED);
	assert_int_equal(cek_jwe_cache_new(fixture->conn, 65537, 1, &cache), CEK_JWE_MALFORMED);
	assert_int_equal(cek_jwe_cache_new(fixture->conn, 1, 0, &cache), CEK_JWE_MALFORMED);
	assert_int_equal(cek_jwe_cache_new(fixture->conn, 1, 86401, &cache), CEK_JWE_MALFORMED);
	assert_null(cache);
	assert_int_equal(cek_jwe_cache_new(fixture->conn, 65536, 86400, &cache), CEK_JWE_OK);
	assert_int_equal(cek_jwe_cache_expire(cache), -1);
	assert_null(cek_jwe_cache_free(cache));
	assert_null(cek_jwe_cache_free(NULL));
}

static void test_connection_goes_first(void **state)
{
	struct fixture *fixture = *state;
	cek_conn *old = fixture->conn;

	warm(fixture);
	cek_conn_free(old);
	fixture->conn = stub_conn(unwrap, NULL);
	assert_int_equal(stats_of(fixture).entries, 0);
	assert_false(stats_of(fixture).live);
	assert_false(hits(fixture)); /* even if the new one came to lie where the old one was */
	assert_false(hits(fixture));
}

/* A child has neither its parent's connection nor the CEKs. */
static void test_fork(void **state)
{
	struct fixture *fixture = *state;
	int status = -1;
	pid_t child;

	warm(fixture);
	child = fork();
	if (child == 0)
		_exit(hits(fixture) ? 1 : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(hits(fixture));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_epoch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_watch_no_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hit_still_verifies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hit_without_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred_hit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred_hit_is_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silence_and_new_epoch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silence_and_end_of_watch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silence_and_late_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silence_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ring_of_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connection_goes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fork, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
