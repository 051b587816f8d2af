/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that no single reply holds: the page that is just full and the one byte more, and the mark of what is left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/context/metrics.h"
#include "daemon/broker/lifecycle/fsck.h"
#include "daemon/broker/request/operation.h"
#include "proto/frame.h"
#include "tests/unit/broker/broker_calls.h"

enum { BYTES_MAX = FRAME_BODY_MAX - 1024 }; /* of a page's entries, each with 8 bytes around it */

static CekReply *get_public(struct rig *rig, struct rig_client *client, const char *name, bool pages, const char *after)
{
	Cek__V1__GetPublicKeysRequest get = CEK__V1__GET_PUBLIC_KEYS_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	CekReply *reply;

	get.key = (char *[]){(char *)name};
	get.n_key = name ? 1 : 0;
	get.pages = pages;
	get.after = (char *)after;
	request.id = 9;
	request.op_case = CEK__V1__REQUEST__OP_GET_PUBLIC_KEYS;
	request.get_public_keys = &get;
	reply = rig_call(rig, client, &request);
	assert_true(cek__v1__reply__get_packed_size(reply) <= FRAME_BODY_MAX);
	return reply;
}

/* Of all entries of one key each, as they count. */
static size_t public_size(const struct rig *rig)
{
	size_t size = 0;

	for (size_t i = 0; i < rig->broker.ring.n_keys; i++) {
		const struct version *version = rig->broker.ring.keys[i]->versions[0];
		Cek__V1__PublicKeyEntry entry = CEK__V1__PUBLIC_KEY_ENTRY__INIT;

		entry.key = version->key->name;
		entry.kid = version->kid;
		entry.alg = (char *)version->key->alg->name;
		entry.state = (Cek__V1__State)version->state;
		entry.public_key = version->public_key;
		size += cek__v1__public_key_entry__get_packed_size(&entry) + 8;
	}
	return size;
}

/* As many keys as take a little more than a page. The moduli of the first make up for it. */
static void fill_page(struct rig *rig, struct rig_client *client)
{
	char name[32];

	for (size_t i = 0; i == 0 || public_size(rig) <= BYTES_MAX; i++) {
		snprintf(name, sizeof(name), "a%04zu", i);
		free(rig_create(rig, client, name, "RSA-OAEP"));
	}
	for (size_t i = 0; public_size(rig) > BYTES_MAX; i = (i + 1) % 16)
		rig->broker.ring.keys[i]->versions[0]->public_key->n.len--;
	assert_int_equal(public_size(rig), BYTES_MAX);
}

static void free_all(CekReply *a, CekReply *b)
{
	cek__v1__reply__free_unpacked(a, NULL);
	cek__v1__reply__free_unpacked(b, NULL);
}

/* The last entry fills the page to the last byte; one byte more of it comes on a page of its own. */
static void test_public_keys_that_just_fit(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply, *second;
	size_t n;

	rig_start(rig);
	rig_connect(rig, &client);
	fill_page(rig, &client);
	n = rig->broker.ring.n_keys;
	for (int pages = 0; pages < 2; pages++) {
		reply = get_public(rig, &client, NULL, pages, "");
		assert_int_equal(reply->status, STATUS_OK);
		assert_true(reply->public_keys->end);
		assert_string_equal(reply->public_keys->next, "");
		assert_int_equal(reply->public_keys->n_entry, n);
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	rig->broker.ring.keys[0]->versions[0]->public_key->n.len++;
	reply = get_public(rig, &client, NULL, false, "");
	assert_int_equal(reply->status, STATUS_TOO_LARGE);
	assert_non_null(strstr(reply->message, "pages"));
	cek__v1__reply__free_unpacked(reply, NULL);
	reply = get_public(rig, &client, NULL, true, "");
	assert_false(reply->public_keys->end);
	assert_int_equal(reply->public_keys->n_entry, n - 1);
	second = get_public(rig, &client, NULL, true, reply->public_keys->next);
	assert_int_equal(second->status, STATUS_OK);
	assert_true(second->public_keys->end);
	assert_int_equal(second->public_keys->n_entry, 1);
	assert_string_equal(second->public_keys->entry[0]->key, rig->broker.ring.keys[n - 1]->name);
	free_all(reply, second);
	reply = get_public(rig, &client, "a0000", false, "");
	assert_int_equal(reply->public_keys->n_entry, 1);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
}

static void rotate(struct rig *rig, struct rig_client *client, const char *name, size_t n)
{
	const struct key *key = ring_key(&rig->broker.ring, name);

	for (size_t i = 0; i < n; i++)
		assert_int_equal(call_for_status(rig, client, call_rotate(name, key->active->kid)), STATUS_OK);
}

/* Many an issuer takes the first key with its alg: of no key may a version that is only published come before an active
 * one of another. And how long the set may be kept, by the strictest of its keys. */
static void test_active_before_published(void **state)
{
	static const char *const kids[] = {"a", "b", "a", "a"};
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	struct key *a, *b;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "a", "RSA-OAEP"));
	free(rig_create(rig, &client, "b", "RSA-OAEP"));
	rotate(rig, &client, "a", 2);
	a = ring_key(&rig->broker.ring, "a");
	b = ring_key(&rig->broker.ring, "b");
	a->versions[1]->state = STATE_ACTIVE;
	a->versions[2]->state = STATE_PRE_ACTIVE;
	reply = get_public(rig, &client, NULL, false, "");
	assert_int_equal(reply->public_keys->n_entry, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(reply->public_keys->entry[i]->key, kids[i]);
	assert_int_equal(reply->public_keys->entry[0]->state, CEK__V1__STATE__STATE_ACTIVE);
	assert_int_equal(reply->public_keys->entry[2]->state, CEK__V1__STATE__STATE_PRE_ACTIVE);
	assert_int_equal(reply->public_keys->age_case, CEK__V1__PUBLIC_KEYS_REPLY__AGE__NOT_SET);
	cek__v1__reply__free_unpacked(reply, NULL);
	a->jwks_max_age = 600;
	b->jwks_max_age = 300;
	reply = get_public(rig, &client, NULL, false, "");
	assert_int_equal(reply->public_keys->max_age, 300);
	cek__v1__reply__free_unpacked(reply, NULL);
	reply = get_public(rig, &client, "a", false, "");
	assert_int_equal(reply->public_keys->max_age, 600);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
}

/* Current ones of all keys first, whichever pages they are on; then the others, the youngest of each key first. */
static void test_order_of_public_keys_over_all_pages(void **state)
{
	enum { ROTATIONS = 150 };
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char after[256] = "";
	size_t n = 0, n_pages = 0;
	bool end = false;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "a", "RSA-OAEP"));
	free(rig_create(rig, &client, "aes", "A256KW"));
	free(rig_create(rig, &client, "b", "RSA-OAEP"));
	rotate(rig, &client, "a", ROTATIONS);
	rotate(rig, &client, "b", ROTATIONS);
	for (; !end; n_pages++) {
		reply = get_public(rig, &client, NULL, true, after);
		assert_int_equal(reply->status, STATUS_OK);
		for (size_t i = 0; i < reply->public_keys->n_entry; i++, n++) {
			const Cek__V1__PublicKeyEntry *entry = reply->public_keys->entry[i];
			const char *name = n < 2 ? (n == 0 ? "a" : "b") : (n < 2 + ROTATIONS ? "a" : "b");
			size_t number = n < 2 ? ROTATIONS : ROTATIONS - 1 - (n - 2) % ROTATIONS;

			assert_string_equal(entry->key, name);
			assert_string_equal(entry->kid, ring_key(&rig->broker.ring, name)->versions[number]->kid);
		}
		end = reply->public_keys->end;
		snprintf(after, sizeof(after), "%s", reply->public_keys->next);
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	assert_int_equal(n, 2 * (ROTATIONS + 1));
	assert_true(n_pages > 1);
	rig_close(&client);
}

/* What a page began is not gone on with when keys or rules are others. */
static void test_a_page_after_a_change(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply, *second;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "a", "RSA-OAEP"));
	rotate(rig, &client, "a", 250);
	reply = get_public(rig, &client, NULL, true, "");
	second = get_public(rig, &client, NULL, false, reply->public_keys->next);
	assert_int_equal(second->status, STATUS_MALFORMED);
	cek__v1__reply__free_unpacked(second, NULL);
	rig->broker.rules_since++;
	second = get_public(rig, &client, NULL, true, reply->public_keys->next);
	assert_int_equal(second->status, STATUS_CONFLICT);
	cek__v1__reply__free_unpacked(second, NULL);
	rig->broker.rules_since--;
	second = get_public(rig, &client, NULL, true, reply->public_keys->next);
	assert_int_equal(second->status, STATUS_OK);
	cek__v1__reply__free_unpacked(second, NULL);
	rotate(rig, &client, "a", 1);
	second = get_public(rig, &client, NULL, true, reply->public_keys->next);
	assert_int_equal(second->status, STATUS_CONFLICT);
	free_all(reply, second);
	rig_close(&client);
}

/* ---- versions of a key --------------------------------------------------------------------------------------- */

static CekReply *describe(struct rig *rig, struct rig_client *client, const char *key, const char *kid, uint32_t before,
	bool brief)
{
	Cek__V1__DescribeKeyRequest describe = CEK__V1__DESCRIBE_KEY_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	CekReply *reply;

	describe.key = (char *)(key ? key : "");
	describe.kid = (char *)(kid ? kid : "");
	describe.before = before;
	describe.brief = brief;
	request.id = 9;
	request.op_case = CEK__V1__REQUEST__OP_DESCRIBE_KEY;
	request.describe_key = &describe;
	reply = rig_call(rig, client, &request);
	assert_int_equal(reply->status, STATUS_OK);
	return reply;
}

static bool has(const Cek__V1__Key *key, const char *kid)
{
	for (size_t i = 0; i < key->n_version; i++) {
		if (strcmp(key->version[i]->kid, kid) == 0)
			return true;
	}
	return false;
}

/* Everything that a version can have, as long as it can be. */
static void burden(struct key *key)
{
	static char listener[65], note[300];

	memset(listener, 'l', sizeof(listener) - 1);
	memset(note, 'n', sizeof(note) - 1);
	for (size_t i = 0; i < key->n_versions; i++) {
		struct version *version = key->versions[i];

		version->note = strdup(note);
		version->peers = calloc(RING_PEERS_MAX, sizeof(*version->peers));
		version->n_peers = RING_PEERS_MAX;
		for (size_t j = 0; j < RING_PEERS_MAX; j++)
			version->peers[j] = (struct usage){.listener = listener,
				.uid = UINT32_MAX - (uint32_t)j,
				.unwraps = UINT64_MAX,
				.wraps = UINT64_MAX,
				.last_used = UINT64_MAX};
	}
	key->period = key->overlap = UINT32_MAX; /* each of them has its line in the timetable */
}

/* The pages of a key, from the youngest versions to the oldest: each number once. */
static void check_versions(struct rig *rig, struct rig_client *client, const char *name, bool brief)
{
	const struct key *key = ring_key(&rig->broker.ring, name);
	uint32_t before = 0, next = (uint32_t)key->n_versions;
	size_t n_pages = 0;

	do {
		CekReply *reply = describe(rig, client, name, NULL, before, brief);
		const Cek__V1__Key *shown = reply->key->key;

		assert_true(shown->n_version > 0);
		assert_true(shown->before == 0 || before == 0 || shown->before < before);
		for (size_t i = shown->n_version; i-- > 0 && shown->version[i]->number >= shown->before; next--) {
			assert_int_equal(shown->version[i]->number, next);
			assert_string_equal(shown->version[i]->kid, key->versions[next - 1]->kid);
			assert_int_equal(shown->version[i]->n_peers, brief ? 0 : key->versions[next - 1]->n_peers);
			assert_int_equal(shown->version[i]->public_key != NULL, !brief);
		}
		assert_int_equal(shown->before, next == 0 ? 0 : next + 1);
		before = shown->before;
		n_pages++;
		cek__v1__reply__free_unpacked(reply, NULL);
	} while (before > 0);
	assert_int_equal(next, 0);
	assert_true(n_pages > 1);
}

static void test_versions_come_in_pages(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	struct key *key;
	char *oldest;

	rig_start(rig);
	rig_connect(rig, &client);
	oldest = rig_create(rig, &client, "k", "RSA-OAEP");
	rotate(rig, &client, "k", 700);
	key = ring_key(&rig->broker.ring, "k");
	for (int burdened = 0; burdened < 2; burdened++) {
		check_versions(rig, &client, "k", false);
		check_versions(rig, &client, "k", true);
		reply = describe(rig, &client, NULL, oldest, 0, false);
		assert_true(reply->key->key->before > 2);
		assert_string_equal(reply->key->key->version[0]->kid, oldest);
		assert_true(has(reply->key->key, key->active->kid));
		assert_true(!burdened || reply->key->key->more_plan > 0);
		cek__v1__reply__free_unpacked(reply, NULL);
		reply = describe(rig, &client, "k", NULL, 1, false);
		assert_int_equal(reply->key->key->n_version, 0);
		assert_int_equal(reply->key->key->before, 0);
		cek__v1__reply__free_unpacked(reply, NULL);
		if (!burdened)
			burden(key);
	}
	key->active->state = STATE_DEACTIVATED;
	key->active = key->versions[1];
	key->active->state = STATE_ACTIVE; /* as if all others were imported later */
	reply = describe(rig, &client, "k", NULL, 0, false);
	assert_true(has(reply->key->key, key->active->kid));
	assert_true(reply->key->key->before > 3);
	cek__v1__reply__free_unpacked(reply, NULL);
	check_versions(rig, &client, "k", true);
	rig_close(&client);
	free(oldest);
}

/* What was done is not answered with an error because of the answer's length, and the answer holds what was changed. */
static void test_a_change_of_a_key_with_many_versions(void **state)
{
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char *oldest;

	rig_start(rig);
	rig_connect(rig, &client);
	oldest = rig_create(rig, &client, "k", "RSA-OAEP");
	rotate(rig, &client, "k", 700);
	burden(ring_key(&rig->broker.ring, "k"));
	reply = rig_call(rig, &client, call_set_state(oldest, STATE_SUSPENDED));
	assert_int_equal(reply->status, STATUS_OK);
	assert_true(reply->key->key->before > 2);
	assert_string_equal(reply->key->key->version[0]->kid, oldest);
	assert_int_equal(reply->key->key->version[0]->state, STATE_SUSPENDED);
	cek__v1__reply__free_unpacked(reply, NULL);
	rotate(rig, &client, "k", 1);
	rig_close(&client);
	free(oldest);
}

/* A key that is too long for its page is marked; the list goes on behind it. */
static void test_a_list_of_keys_with_many_versions(void **state)
{
	Cek__V1__ListKeysRequest list = CEK__V1__LIST_KEYS_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	char after[KEY_NAME_MAX + 1] = "";
	size_t n = 0;
	bool more = true;

	rig_start(rig);
	rig_connect(rig, &client);
	for (size_t i = 0; i < 3; i++) {
		free(rig_create(rig, &client, (const char *[]){"a", "b", "c"}[i], "RSA-OAEP"));
		rotate(rig, &client, (const char *[]){"a", "b", "c"}[i], i == 1 ? 3 : 600);
	}
	request.op_case = CEK__V1__REQUEST__OP_LIST_KEYS;
	request.list_keys = &list;
	while (more) {
		list.after = after;
		reply = rig_call(rig, &client, &request);
		assert_int_equal(reply->status, STATUS_OK);
		for (size_t i = 0; i < reply->list_keys->n_key; i++, n++) {
			const Cek__V1__Key *key = reply->list_keys->key[i];

			assert_int_equal(key->before > 0, n != 1);
			assert_int_equal(key->n_version + (key->before > 0 ? key->before - 1 : 0), n == 1 ? 4 : 601);
			snprintf(after, sizeof(after), "%s", key->name);
		}
		more = reply->list_keys->more;
		cek__v1__reply__free_unpacked(reply, NULL);
	}
	assert_int_equal(n, 3);
	rig_close(&client);
}

static void test_more_peers_than_are_remembered(void **state)
{
	static const char *const listeners[] = {"main", "other"};
	struct rig *rig = *state;
	struct rig_client client;
	struct version *version;
	CekReply *reply;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "k", "A256KW"));
	version = ring_key(&rig->broker.ring, "k")->active;
	for (uint32_t i = 0; i <= RING_PEERS_MAX; i++) {
		reply = describe(rig, &client, "k", NULL, 0, false);
		assert_int_equal(reply->key->key->version[0]->n_peers, i);
		assert_false(reply->key->key->version[0]->more_peers);
		cek__v1__reply__free_unpacked(reply, NULL);
		ring_used(&rig->broker.ring, version, ring_intern(&rig->broker.ring, listeners[i % 2]), i / 2, 1, 0,
			100 + i);
	}
	reply = describe(rig, &client, "k", NULL, 0, false);
	assert_int_equal(reply->key->key->version[0]->n_peers, RING_PEERS_MAX);
	assert_true(reply->key->key->version[0]->more_peers);
	assert_string_equal(reply->key->key->version[0]->peers[0]->peer, "main/8");
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
}

/* ---- other lists --------------------------------------------------------------------------------------------- */

static void add_objects(struct inventory **inventory, size_t from, size_t n)
{
	Cek__Internal__V1__TokenObject object = CEK__INTERNAL__V1__TOKEN_OBJECT__INIT, *objects[] = {&object};
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	uint8_t id[CKA_ID_MAX] = {0};
	char label[65], class[] = "private";

	memset(label, 'l', 64);
	label[64] = '\0';
	object.class_ = class;
	object.label = label;
	object.whole = true;
	object.cka_id = (ProtobufCBinaryData){.data = id, .len = sizeof(id)};
	result.object = objects;
	result.n_object = 1;
	for (size_t i = from; i < from + n; i++) {
		memcpy(id, &i, sizeof(i));
		assert_int_equal(fsck_add(inventory, &result), 0);
	}
}

/* All findings that fit, and the number of the others. */
static void test_findings_that_do_not_fit(void **state)
{
	enum { N = 3000 };
	Cek__V1__FsckReply fsck = CEK__V1__FSCK_REPLY__INIT;
	struct inventory *inventory = NULL;
	struct rig *rig = *state;
	struct arena arena;
	size_t fit;

	rig_start(rig);
	assert_int_equal(arena_init(&arena, ARENA_SIZE), 0);
	add_objects(&inventory, 0, N);
	assert_int_equal(fsck_findings(&rig->broker, inventory, &arena, &fsck), 0);
	fit = fsck.n_finding;
	assert_in_range(fit, 150, N - 1);
	assert_int_equal(fit + fsck.more, N);
	assert_in_range(cek__v1__fsck_reply__get_packed_size(&fsck), 59000, FRAME_BODY_MAX - 64);
	inventory_free(inventory);
	inventory = NULL;
	add_objects(&inventory, 0, fit);
	fsck = (Cek__V1__FsckReply)CEK__V1__FSCK_REPLY__INIT;
	arena_reset(&arena);
	assert_int_equal(fsck_findings(&rig->broker, inventory, &arena, &fsck), 0);
	assert_int_equal(fsck.n_finding, fit);
	assert_int_equal(fsck.more, 0);
	inventory_free(inventory);
	arena_deinit(&arena);
}

/* Every row with the largest of numbers. */
static void test_the_longest_metrics_fit(void **state)
{
	Cek__V1__MetricsRequest metrics = CEK__V1__METRICS_REQUEST__INIT;
	CekRequest request = CEK__V1__REQUEST__INIT;
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	enum { KEYS = 70 };
	char small[2000], name[KEY_NAME_MAX + 1];

	rig_start(rig);
	rig_connect(rig, &client);
	for (size_t op = 0; op <= PERMISSION_COUNT; op++) {
		for (size_t i = 0; i < STATUS_COUNT; i++)
			rig->broker.metrics.answered[op][i] = UINT64_MAX - 1000;
		for (size_t i = 0; i <= METRICS_BUCKETS; i++)
			rig->broker.metrics.bucket[op][i] = UINT64_MAX / 16;
		rig->broker.metrics.micros[op] = UINT64_MAX - UINT32_MAX;
	}
	for (size_t i = 0; i < KEYS; i++) {
		snprintf(name, sizeof(name), "%02zu-%061d", i, 0);
		free(rig_create(rig, &client, name, "RSA-OAEP"));
		rig->broker.ring.keys[i]->versions[0]->without_kid = UINT64_MAX / KEYS;
		rig->broker.ring.keys[i]->token_lifetime = 1;
		rig->broker.ring.keys[i]->versions[0]->state = STATE_DEACTIVATED;
		rig->broker.ring.keys[i]->versions[0]->deactivated = 1;
		rig->broker.ring.keys[i]->versions[0]->last_used = UINT64_MAX;
	}
	request.op_case = CEK__V1__REQUEST__OP_METRICS;
	request.metrics = &metrics;
	reply = rig_call(rig, &client, &request);
	assert_int_equal(reply->status, STATUS_OK);
	assert_non_null(strstr(reply->metrics->text, "cekd_late_issuer_versions{key=\"63-"));
	assert_null(strstr(reply->metrics->text, "cekd_late_issuer_versions{key=\"64-"));
	assert_non_null(strstr(reply->metrics->text, "cekd_late_issuer_versions{key=\"\"} 6\n")); /* the other keys */
	assert_true(strlen(reply->metrics->text) > 30000);
	assert_non_null(strstr(reply->metrics->text, "cekd_latency_seconds_sum{operation=\"none\"}"));
	assert_string_equal(reply->metrics->text + strlen(reply->metrics->text) - 6, "# EOF\n");
	assert_int_equal(metrics_text(&rig->broker.metrics, operation_metric, NULL, 0, small, sizeof(small)), 0);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
}

/* 64 for use, one to manage, and those that leave: none is missing in the status. */
static void test_every_worker_is_in_the_status(void **state)
{
	enum { N = 150 };
	static struct worker workers[N];
	struct rig *rig = *state;
	struct rig_client client;
	CekReply *reply;
	size_t before;

	rig_start(rig);
	rig_connect(rig, &client);
	reply = rig_call(rig, &client, call_status());
	before = reply->status_reply->n_worker;
	cek__v1__reply__free_unpacked(reply, NULL);
	for (size_t i = 0; i < N; i++)
		list_append(&rig->broker.workers.all, &workers[i].link);
	reply = rig_call(rig, &client, call_status());
	for (size_t i = 0; i < N; i++)
		list_remove(&workers[i].link);
	assert_int_equal(reply->status, STATUS_OK);
	assert_int_equal(reply->status_reply->n_worker, before + N);
	cek__v1__reply__free_unpacked(reply, NULL);
	rig_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_public_keys_that_just_fit),
		TEST(test_active_before_published),
		TEST(test_order_of_public_keys_over_all_pages),
		TEST(test_a_page_after_a_change),
		TEST(test_versions_come_in_pages),
		TEST(test_a_change_of_a_key_with_many_versions),
		TEST(test_a_list_of_keys_with_many_versions),
		TEST(test_more_peers_than_are_remembered),
		TEST(test_findings_that_do_not_fit),
		TEST(test_the_longest_metrics_fit),
		TEST(test_every_worker_is_in_the_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
