/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/ring/ring.h"

static uint64_t seq, now;

static int apply_why(struct ring *ring, KeyRecord *record, char *why, size_t size)
{
	record->seq = ++seq;
	record->time = now += 1000000;
	return ring_apply(ring, record, why, size);
}

static int apply(struct ring *ring, KeyRecord *record)
{
	char why[200];

	return apply_why(ring, record, why, sizeof(why));
}

static KeyRecord record_of(const char *type, const char *key, const char *kid)
{
	KeyRecord record = CEK__INTERNAL__V1__KEY_RECORD__INIT;

	record.type = (char *)type;
	record.key = (char *)key;
	record.kid = (char *)kid;
	return record;
}

static KeyRecord version_of(const char *key, const char *kid, enum state state)
{
	KeyRecord record = record_of("version", key, kid);

	record.alg = (char *)"A256GCMKW";
	record.bits = 256;
	record.cka_id = (ProtobufCBinaryData){.data = (uint8_t *)kid, .len = strlen(kid)};
	record.state = (Cek__V1__State)state;
	record.provenance = CEK__V1__PROVENANCE__PROVENANCE_GENERATED;
	return record;
}

static KeyRecord state_of(const char *kid, enum state state)
{
	KeyRecord record = record_of("state", "k", kid);

	record.state = (Cek__V1__State)state;
	return record;
}

static int setup(void **state)
{
	struct ring *ring = malloc(sizeof(*ring));

	seq = 0;
	now = UINT64_C(1000000) * 1000000;
	ring_init(ring);
	*state = ring;
	return 0;
}

static int teardown(void **state)
{
	ring_deinit(*state);
	free(*state);
	return 0;
}

static void add(struct ring *ring, const char *key, const char *kid, enum state state)
{
	KeyRecord record = version_of(key, kid, state);

	assert_int_equal(apply(ring, &record), 0);
}

/* What a record of a version must have; each alone is missing or wrong. */
static void test_a_version_that_cannot_be(void **state)
{
	static const struct {
		const char *key, *kid, *alg, *crv;
		size_t id_len;
		enum state state;
		const char *why;
	} rows[] = {
		{"", "one", "A256GCMKW", "", 3, STATE_ACTIVE, "key name or kid"},
		{"k", "", "A256GCMKW", "", 3, STATE_ACTIVE, "key name or kid"},
		{"k", "one", "A256GCMKW", "", 0, STATE_ACTIVE, "CKA_ID"},
		{"k", "one", "A256GCMKW", "", CKA_ID_MAX + 1, STATE_ACTIVE, "CKA_ID"},
		{"k", "one", "A257GCMKW", "", 3, STATE_ACTIVE, "unknown alg or crv"},
		{"k", "one", "ECDH-ES", "a curve with a name that is too long", 3, STATE_ACTIVE, "unknown alg or crv"},
		{"there", "one", "A256KW", "", 3, STATE_ACTIVE, "one alg"},
		{"k", "one", "A256GCMKW", "", 3, STATE_SUSPENDED, "no state that a new version has"},
		{"k", "one", "A256GCMKW", "", 3, STATE_DESTROYED, "no state that a new version has"},
		{"k", "old", "A256GCMKW", "", 3, STATE_ACTIVE, "kid was used before"},
	};
	static uint8_t id[CKA_ID_MAX + 1] = {1, 2, 3};
	struct ring *ring = *state;
	char why[200];

	add(ring, "there", "old", STATE_ACTIVE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		KeyRecord record = version_of(rows[i].key, rows[i].kid, rows[i].state);

		record.alg = (char *)rows[i].alg;
		record.crv = (char *)rows[i].crv;
		record.cka_id = (ProtobufCBinaryData){.data = id, .len = rows[i].id_len};
		record.seq = ring->last_seq + 1;
		assert_int_equal(ring_apply(ring, &record, why, sizeof(why)), -EPROTO);
		assert_non_null(strstr(why, rows[i].why));
	}
	assert_int_equal(ring->n_keys, 1);
}

/* Records about a key or a version that no record has made. */
static void test_records_about_nothing(void **state)
{
	static const char *const types[] = {"schedule", "state", "alias"};
	struct ring *ring = *state;
	char why[200];

	add(ring, "k", "one", STATE_ACTIVE);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		KeyRecord record = record_of(types[i], "nobody", "none");

		record.seq = ring->last_seq + 1;
		record.state = CEK__V1__STATE__STATE_SUSPENDED;
		assert_int_equal(ring_apply(ring, &record, why, sizeof(why)), -EPROTO);
	}
	assert_int_equal(ring->n_keys, 1);
}

static void test_one_version_is_active(void **state)
{
	struct ring *ring = *state;
	struct key *key;

	add(ring, "k", "one", STATE_ACTIVE);
	add(ring, "k", "two", STATE_ACTIVE);
	key = ring_key(ring, "k");
	assert_non_null(key);
	assert_int_equal(key->n_versions, 2);
	assert_string_equal(key->active->kid, "two");
	assert_int_equal(key->versions[0]->state, STATE_DEACTIVATED);
	assert_true(key->versions[0]->deactivated > key->versions[0]->activated);
	assert_int_equal(key->versions[1]->number, 2);
	assert_int_equal(ring->epoch, seq);
	assert_null(ring_key(ring, "K"));
	assert_null(ring_version(ring, "three"));
}

static void test_a_published_version_becomes_active(void **state)
{
	struct ring *ring = *state;
	KeyRecord record;

	add(ring, "k", "one", STATE_ACTIVE);
	add(ring, "k", "two", STATE_PRE_ACTIVE);
	assert_string_equal(ring_key(ring, "k")->active->kid, "one");
	record = state_of("two", STATE_ACTIVE);
	assert_int_equal(apply(ring, &record), 0);
	assert_string_equal(ring_key(ring, "k")->active->kid, "two");
	assert_int_equal(ring_version(ring, "one")->state, STATE_DEACTIVATED);
}

static int move_until(struct ring *ring, const char *kid, enum state state, uint64_t until)
{
	KeyRecord record = state_of(kid, state);

	record.until_time = until;
	return apply(ring, &record);
}

static void test_suspension_and_waiting_remember_where_they_came_from(void **state)
{
	struct ring *ring = *state;
	const struct version *version;

	add(ring, "k", "one", STATE_ACTIVE);
	version = ring_version(ring, "one");
	assert_int_equal(move_until(ring, "one", STATE_SUSPENDED, 77), 0);
	assert_int_equal(version->before, STATE_ACTIVE);
	assert_int_equal(version->until, 77);
	assert_null(ring_key(ring, "k")->active);
	assert_int_equal(move_until(ring, "one", STATE_WAITING, 99), 0);
	assert_int_equal(version->before, STATE_SUSPENDED);
	assert_int_equal(version->suspension.before, STATE_ACTIVE);
	assert_int_equal(version->suspension.until, 77);
	assert_int_equal(version->until, 99);
	assert_int_equal(move_until(ring, "one", STATE_DESTROYED, 0), 0);
	assert_int_equal(version->before, STATE_NONE);
	assert_int_equal(version->suspension.before, STATE_NONE);
	assert_int_equal(version->destroyed, now);
	assert_int_equal(move_until(ring, "one", STATE_ACTIVE, 0), -EPROTO);
}

static void test_a_destruction_taken_back_restores_the_suspension(void **state)
{
	struct ring *ring = *state;
	struct version *version;

	add(ring, "k", "one", STATE_ACTIVE);
	version = ring_version(ring, "one");
	assert_int_equal(move_until(ring, "one", STATE_SUSPENDED, 77), 0);
	add(ring, "k", "two", STATE_ACTIVE);
	for (int i = 0; i < 2; i++) { /* also the second time */
		assert_int_equal(move_until(ring, "one", STATE_WAITING, 99), 0);
		version->refused = 3;
		assert_int_equal(move_until(ring, "one", STATE_SUSPENDED, 77), 0);
		assert_int_equal(version->before, STATE_ACTIVE);
		assert_int_equal(version->until, 77);
		assert_int_equal(version->suspension.before, STATE_NONE);
		assert_int_equal(version->suspension.until, 0);
		assert_int_equal(version->refused, 3);
	}
	assert_int_equal(move_until(ring, "one", STATE_ACTIVE, 0), -EPROTO);
	assert_string_equal(ring_key(ring, "k")->active->kid, "two");
	seq--; /* that one does not count */
	assert_int_equal(move_until(ring, "one", STATE_DEACTIVATED, 0), 0);
	assert_string_equal(ring_key(ring, "k")->active->kid, "two");
}

/* Every record that a journal may hold of a version "one", and what no cekd has ever written. */
static const struct fold_row {
	const char *path;   /* how it came to be where it is; '+': another version becomes active */
	const char *moves;  /* y: the record is taken */
	const char *before; /* what is remembered then, '.': nothing */
} folds[] = {
	/*         PADSCXW    PADSCXW */
	{"P", "-y-yy-y", "...P..P"},
	{"P+", "-y-yy-y", "...P..P"},
	{"A", "--yyy--", "...A..."},
	{"A+", "---yy-y", "...D..D"},
	{"AD", "---yy-y", "...D..D"},
	{"D", "---yy-y", "...D..D"}, /* imported */
	{"PS", "y--yy-y", "...P..S"},
	{"PS+", "y--yy-y", "...P..S"},
	{"AS", "-yyyy-y", "...A..S"},
	{"AS+", "--yyy-y", "...A..S"},
	{"ASS+", "--yyy-y", "...A..S"},
	{"DS", "--yyy-y", "...D..S"},
	{"DS+", "--yyy-y", "...D..S"},
	{"AC", "------y", "......C"},
	{"AC+", "------y", "......C"},
	{"PW", "y---yy-", "......."},
	{"DW", "--y-yy-", "......."},
	{"DW+", "--y-yy-", "......."},
	{"ACW", "----yy-", "......."},
	{"DWC", "------y", "......C"},
	{"DWX", "-------", "......."},
	{"DWX+", "-------", "......."},
	/* Older releases took these destructions back and ended the suspension with it. */
	{"PSW", "y--yyy-", "...P..."},
	{"ASW", "-yyyyy-", "...A..."},
	{"ASW+", "-yyyyy-", "...A..."},
	{"DSW", "--yyyy-", "...D..."},
	{"DSW+", "--yyyy-", "...D..."},
	{"ASWS", "-yyyy-y", "...A..S"},
	{"ASWS+", "--yyy-y", "...A..S"},
	{"DSWS", "--yyy-y", "...D..S"},
	{"ASWC", "------y", "......C"},
};

static const char letters[] = "PADSCXW";
static const enum state states[] = {STATE_PRE_ACTIVE, STATE_ACTIVE, STATE_DEACTIVATED, STATE_SUSPENDED,
	STATE_COMPROMISED, STATE_DESTROYED, STATE_WAITING};

static enum state state_named(char letter)
{
	return letter == '.' ? STATE_NONE : states[strchr(letters, letter) - letters];
}

static void walk(struct ring *ring, const char *path)
{
	add(ring, "k", "one", state_named(path[0]));
	for (const char *step = path + 1; *step; step++) {
		if (*step == '+')
			add(ring, "k", "two", STATE_ACTIVE);
		else
			assert_int_equal(move_until(ring, "one", state_named(*step), 50), 0);
	}
}

static void test_every_move_in_a_journal(void **state)
{
	for (size_t i = 0; i < sizeof(folds) / sizeof(folds[0]) * 7; i++) {
		const struct fold_row *row = &folds[i / 7];
		const struct version *version, *two;
		struct ring *ring;
		int r;

		setup(state);
		ring = *state;
		walk(ring, row->path);
		version = ring_version(ring, "one");
		two = ring_version(ring, "two");
		r = move_until(ring, "one", states[i % 7], 60);
		assert_int_equal(r, row->moves[i % 7] == 'y' ? 0 : -EPROTO);
		if (r == 0) {
			assert_int_equal(version->state, states[i % 7]);
			assert_int_equal(version->before, state_named(row->before[i % 7]));
			assert_int_equal(version->until, 60);
			assert_ptr_equal(version->key->active, states[i % 7] == STATE_ACTIVE ? version : two);
		}
		if (two)
			assert_int_equal(two->state,
				r == 0 && states[i % 7] == STATE_ACTIVE ? STATE_DEACTIVATED : STATE_ACTIVE);
		teardown(state);
	}
	setup(state);
}

static void test_a_new_version_is_in_use_or_was(void **state)
{
	for (int i = STATE_NONE; i <= STATE_COUNT; i++) {
		KeyRecord record = version_of("k", "one", (enum state)i);
		bool good = i == STATE_PRE_ACTIVE || i == STATE_ACTIVE || i == STATE_DEACTIVATED;

		setup(state);
		assert_int_equal(apply(*state, &record), good ? 0 : -EPROTO);
		teardown(state);
	}
	setup(state);
}

static void test_kids_and_objects_are_unique_for_ever(void **state)
{
	struct ring *ring = *state;
	char *alias[] = {(char *)"alias"};
	KeyRecord record = version_of("k", "one", STATE_ACTIVE);
	char why[200];

	record.alias = alias;
	record.n_alias = 1;
	assert_int_equal(apply(ring, &record), 0);
	assert_ptr_equal(ring_version(ring, "alias"), ring_version(ring, "one"));
	assert_ptr_equal(ring_object(ring, (const uint8_t *)"one", 3), ring_version(ring, "one"));
	record = state_of("one", STATE_DEACTIVATED);
	assert_int_equal(apply(ring, &record), 0);
	record = state_of("one", STATE_WAITING);
	assert_int_equal(apply(ring, &record), 0);
	record = state_of("one", STATE_DESTROYED);
	assert_int_equal(apply(ring, &record), 0);
	record = version_of("other", "alias", STATE_ACTIVE);
	assert_int_equal(apply_why(ring, &record, why, sizeof(why)), -EPROTO);
	assert_non_null(strstr(why, "kid"));
}

static KeyRecord alias_of(const char *kid, char **alias, const char *op)
{
	KeyRecord record = record_of("alias", "k", kid);

	record.op = (char *)op;
	record.alias = alias;
	record.n_alias = 1;
	return record;
}

static void test_aliases_come_and_go(void **state)
{
	struct ring *ring = *state;
	char *made[] = {(char *)"thumbprint"}, *added[] = {(char *)"theirs"}, *own[] = {(char *)"one"};
	KeyRecord record = version_of("k", "one", STATE_ACTIVE);
	uint64_t epoch;

	record.alias = made;
	record.n_alias = 1;
	assert_int_equal(apply(ring, &record), 0);
	epoch = ring->epoch;
	record = alias_of("one", added, "add");
	assert_int_equal(apply(ring, &record), 0);
	assert_ptr_equal(ring_version(ring, "theirs"), ring_version(ring, "one"));
	assert_int_equal(ring_version(ring, "one")->n_alias, 2);
	assert_true(ring->epoch > epoch);
	record = alias_of("thumbprint", added, "remove"); /* the version may be named by any of its kids */
	assert_int_equal(apply(ring, &record), 0);
	assert_null(ring_version(ring, "theirs"));
	assert_int_equal(ring_version(ring, "one")->n_alias, 1);
	record = alias_of("one", added, "add"); /* free again */
	assert_int_equal(apply(ring, &record), 0);
	for (int i = 0; i < 5; i++) {
		char *none[] = {(char *)"none"};
		KeyRecord bad[] = {alias_of("one", added, "add"), alias_of("one", own, "add"),
			alias_of("one", made, "remove"), alias_of("one", none, "remove"),
			alias_of("one", added, "rename")};
		char why[200];

		record = bad[i];
		record.seq = ring->last_seq + 1;
		assert_int_equal(ring_apply(ring, &record, why, sizeof(why)), -EPROTO);
		assert_non_null(strstr(why, "alias"));
	}
}

static void test_a_record_of_a_later_release_names_it(void **state)
{
	struct ring *ring = *state;
	KeyRecord record = record_of("open", "", "");
	char why[200];

	record.version = (char *)"7.8.9";
	assert_int_equal(apply(ring, &record), 0);
	record = record_of("quorum", "k", "one");
	assert_int_equal(apply_why(ring, &record, why, sizeof(why)), -EPROTO);
	assert_non_null(strstr(why, "written by cekd 7.8.9 or newer; install it"));
}

static void test_records_that_contradict(void **state)
{
	static const char *const no_key[] = {"state", "missing", "found", "reserve", "schedule", "alias"};
	KeyRecord record;
	char why[200];

	for (size_t i = 0; i < sizeof(no_key) / sizeof(no_key[0]); i++) {
		setup(state);
		record = record_of(no_key[i], "k", "nobody");
		record.state = CEK__V1__STATE__STATE_ACTIVE;
		assert_int_equal(apply_why(*state, &record, why, sizeof(why)), -EPROTO);
		assert_non_null(strstr(why, "no such k"));
		teardown(state);
	}
	setup(state);
	record = record_of("from-the-future", "k", "one");
	assert_int_equal(apply_why(*state, &record, why, sizeof(why)), -EPROTO);
	assert_non_null(strstr(why, "from-the-future"));
	record = version_of("k", "one", STATE_ACTIVE);
	record.seq = 2; /* the first one is missing */
	record.time = now;
	assert_int_equal(ring_apply(*state, &record, why, sizeof(why)), -EPROTO);
}

static void test_usage_survives_and_peers_are_bounded(void **state)
{
	struct ring *ring = *state;
	KidUsage total = CEK__INTERNAL__V1__KID_USAGE__INIT, peer = CEK__INTERNAL__V1__KID_USAGE__INIT,
		 *rows[] = {&total, &peer};
	KeyRecord record = record_of("usage", "", "");
	struct version *version;
	const char *name;

	add(ring, "k", "one", STATE_ACTIVE);
	total.kid = peer.kid = (char *)"one";
	total.unwraps = 100;
	total.last_time = 5;
	peer.peer = (char *)"gate/way/33";
	peer.unwraps = 60;
	record.usage = rows;
	record.n_usage = 2;
	for (int i = 0; i < 2; i++) { /* sums, not differences */
		assert_int_equal(apply(ring, &record), 0);
		version = ring_version(ring, "one");
		assert_int_equal(version->unwraps, 100);
		assert_int_equal(version->n_peers, 1);
		assert_string_equal(version->peers[0].listener, "gate/way");
		assert_int_equal(version->peers[0].uid, 33);
		assert_int_equal(version->peers[0].unwraps, 60);
	}
	assert_true(list_empty(&ring->dirty));
	name = ring_intern(ring, "main");
	assert_ptr_equal(name, ring_intern(ring, "main"));
	for (uint32_t uid = 0; uid < 40; uid++)
		ring_used(ring, version, name, uid, 1, 0, 1000 + uid);
	assert_int_equal(version->n_peers, RING_PEERS_MAX);
	assert_int_equal(version->unwraps, 140);
	for (size_t i = 0; i < version->n_peers; i++) /* the ones that were seen last */
		assert_true(version->peers[i].uid >= 40 - RING_PEERS_MAX && version->peers[i].listener == name);
	assert_false(list_empty(&ring->dirty));
}

static void test_counters_in_memory_are_ahead_of_a_live_record(void **state)
{
	struct ring *ring = *state;
	KidUsage total = CEK__INTERNAL__V1__KID_USAGE__INIT, *rows[] = {&total};
	KeyRecord record = record_of("usage", "", "");
	struct version *version;

	add(ring, "k", "one", STATE_ACTIVE);
	ring->live = true;
	version = ring_version(ring, "one");
	ring_used(ring, version, ring_intern(ring, "main"), 1, 5, 0, 1);
	total.kid = (char *)"one";
	total.unwraps = 3;
	record.usage = rows;
	record.n_usage = 1;
	assert_int_equal(apply(ring, &record), 0);
	assert_int_equal(version->unwraps, 5);
}

static void test_reservations_count_as_used_after_a_restart(void **state)
{
	struct ring *ring = *state;
	KeyRecord record = version_of("k", "one", STATE_ACTIVE);

	record.reserved = 100;
	assert_int_equal(apply(ring, &record), 0);
	assert_int_equal(ring_version(ring, "one")->taken, 100);
	record = record_of("reserve", "k", "one");
	record.reserved = 200;
	assert_int_equal(apply(ring, &record), 0);
	assert_int_equal(ring_version(ring, "one")->taken, 200);
	ring->live = true;
	record.reserved = 300;
	assert_int_equal(apply(ring, &record), 0);
	assert_int_equal(ring_version(ring, "one")->reserved, 300);
	assert_int_equal(ring_version(ring, "one")->taken, 200);
}

static void test_intents_stay_until_they_end(void **state)
{
	struct ring *ring = *state;
	KeyRecord record = version_of("k", "one", STATE_ACTIVE);

	record.type = (char *)"intent";
	record.op = (char *)"create";
	assert_int_equal(apply(ring, &record), 0);
	assert_false(list_empty(&ring->intents));
	assert_null(ring_key(ring, "k"));
	add(ring, "k", "one", STATE_ACTIVE);
	assert_true(list_empty(&ring->intents));
	record = version_of("k", "two", STATE_ACTIVE);
	record.type = (char *)"intent";
	assert_int_equal(apply(ring, &record), 0);
	record.type = (char *)"abandoned";
	assert_int_equal(apply(ring, &record), 0);
	assert_true(list_empty(&ring->intents));
}

/* It makes and destroys nothing, so that nothing can be left of it. */
static void test_an_adoption_leaves_no_intent(void **state)
{
	struct ring *ring = *state;
	KeyRecord record = version_of("k", "one", STATE_ACTIVE);

	record.type = (char *)"intent";
	record.op = (char *)"adopt";
	assert_int_equal(apply(ring, &record), 0);
	assert_true(list_empty(&ring->intents));
	record.cka_id.len = 0; /* by label */
	assert_int_equal(apply(ring, &record), 0);
	assert_true(list_empty(&ring->intents));
	record.type = (char *)"abandoned";
	assert_int_equal(apply(ring, &record), 0);
}

/* What counts as one is tested in test_clocks.c. */
static void test_a_jump_of_the_clock_is_noticed(void **state)
{
	struct ring *ring = *state;
	KeyRecord record = record_of("open", "", "");

	assert_int_equal(apply(ring, &record), 0);
	now += 30 * 86400 * UINT64_C(1000000); /* a month without a record is none */
	assert_int_equal(apply(ring, &record), 0);
	assert_false(ring->clocks.jumped);
	now -= 3600 * UINT64_C(1000000);
	assert_int_equal(apply(ring, &record), 0);
	assert_true(ring->clocks.jumped);
	assert_int_equal(apply(ring, &record), 0);
	assert_true(ring->clocks.jumped); /* until it is confirmed */
	record.type = (char *)"clock";
	assert_int_equal(apply(ring, &record), 0);
	assert_false(ring->clocks.jumped);
}

/* By both clocks, from the record on; over another boot by the real time alone, if somebody has seen it pass. */
static void test_a_waiting_period_is_counted_by_both_clocks(void **state)
{
	const uint64_t day = UINT64_C(86400) * 1000000;
	struct ring *ring = *state;
	KeyRecord record = record_of("open", "", "");
	const struct version *version;

	record.boot = (char *)"one";
	record.up = 5000;
	assert_int_equal(apply(ring, &record), 0);
	add(ring, "a", "kid", STATE_DEACTIVATED);
	record = record_of("state", "a", "kid");
	record.state = CEK__V1__STATE__STATE_WAITING;
	record.until_time = now + 1000000 + day;
	record.up = 7000;
	assert_int_equal(apply(ring, &record), 0);
	version = ring_version(ring, "kid");
	assert_int_equal(version->until, now + day);
	assert_false(wait_over_up(&version->wait, &ring->clocks, 7000 + day - 1));
	assert_true(wait_over_up(&version->wait, &ring->clocks, 7000 + day));
	record = record_of("restored", "", "");
	record.until_time = now + 1000000 + 2 * day;
	record.up = 9000;
	assert_int_equal(apply(ring, &record), 0);
	assert_false(wait_over_up(&version->wait, &ring->clocks, 9000 + 2 * day - 1));
	assert_true(wait_over_up(&version->wait, &ring->clocks, 9000 + 2 * day));
	record = record_of("open", "", "");
	record.boot = (char *)"two";
	record.up = 10;
	assert_int_equal(apply(ring, &record), 0);
	assert_true(wait_over_up(&version->wait, &ring->clocks, 10));
	assert_false(wait_doubtful(&version->wait, &ring->clocks));
	record.boot = (char *)"three";
	now += 3 * day;
	assert_int_equal(apply(ring, &record), 0);
	assert_true(wait_doubtful(&version->wait, &ring->clocks));
	record.type = (char *)"clock";
	assert_int_equal(apply(ring, &record), 0);
	assert_false(wait_doubtful(&version->wait, &ring->clocks));
}

static void test_keys_are_listed_by_name(void **state)
{
	struct ring *ring = *state;

	add(ring, "b", "1", STATE_ACTIVE);
	add(ring, "c", "2", STATE_ACTIVE);
	add(ring, "a", "3", STATE_ACTIVE);
	assert_string_equal(ring->keys[0]->name, "a");
	assert_string_equal(ring->keys[2]->name, "c");
	assert_int_equal(ring_after(ring, NULL), 0);
	assert_int_equal(ring_after(ring, "a"), 1);
	assert_int_equal(ring_after(ring, "bb"), 2);
	assert_int_equal(ring_after(ring, "c"), 3);
}

static void test_thousands_of_versions_are_found(void **state)
{
	struct ring *ring = *state;
	char kid[16];

	for (int i = 0; i < 3000; i++) {
		snprintf(kid, sizeof(kid), "kid-%d", i);
		add(ring, "k", kid, STATE_ACTIVE);
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(kid, sizeof(kid), "kid-%d", i);
		assert_string_equal(ring_version(ring, kid)->kid, kid);
	}
	assert_int_equal(ring_key(ring, "k")->active->number, 3000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_records_about_nothing),
		TEST(test_a_version_that_cannot_be),
		TEST(test_one_version_is_active),
		TEST(test_a_published_version_becomes_active),
		TEST(test_suspension_and_waiting_remember_where_they_came_from),
		TEST(test_a_destruction_taken_back_restores_the_suspension),
		cmocka_unit_test_teardown(test_every_move_in_a_journal, teardown),
		cmocka_unit_test_teardown(test_a_new_version_is_in_use_or_was, teardown),
		TEST(test_kids_and_objects_are_unique_for_ever),
		TEST(test_aliases_come_and_go),
		TEST(test_a_record_of_a_later_release_names_it),
		cmocka_unit_test_teardown(test_records_that_contradict, teardown),
		TEST(test_usage_survives_and_peers_are_bounded),
		TEST(test_counters_in_memory_are_ahead_of_a_live_record),
		TEST(test_reservations_count_as_used_after_a_restart),
		TEST(test_intents_stay_until_they_end),
		TEST(test_an_adoption_leaves_no_intent),
		TEST(test_a_jump_of_the_clock_is_noticed),
		cmocka_unit_test_setup_teardown(test_a_waiting_period_is_counted_by_both_clocks, setup, teardown),
		TEST(test_keys_are_listed_by_name),
		TEST(test_thousands_of_versions_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
