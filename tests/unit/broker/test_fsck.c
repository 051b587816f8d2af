/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the comparison of ring and token says of a version, by what the token holds under its CKA_ID.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/broker/lifecycle/fsck.h"
#include "tests/unit/broker/broker_calls.h"

typedef Cek__Internal__V1__TokenObject TokenObject;

enum { MOST = 3 };

struct bench {
	struct rig *rig;
	struct version *version; /* "k", for A256KW */
	struct arena arena;
	Cek__V1__FsckReply reply;
};

static void begin(struct bench *bench, struct rig *rig)
{
	struct rig_client client;

	rig_start(rig);
	rig_connect(rig, &client);
	free(rig_create(rig, &client, "k", "A256KW"));
	rig_close(&client);
	bench->rig = rig;
	bench->version = rig->broker.ring.keys[0]->active;
	assert_int_equal(arena_init(&bench->arena, ARENA_SIZE), 0);
}

/* With that many objects of its CKA_ID in the token, the first of them whole or not. */
static void look(struct bench *bench, size_t n, bool whole)
{
	TokenObject objects[MOST], *list[MOST];
	JobResult result = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	struct inventory *inventory = NULL;

	for (size_t i = 0; i < n; i++) {
		objects[i] = (TokenObject)CEK__INTERNAL__V1__TOKEN_OBJECT__INIT;
		objects[i].cka_id = (ProtobufCBinaryData){.data = bench->version->cka_id,
			.len = bench->version->cka_id_len};
		objects[i].label = (char *)"k";
		objects[i].class_ = (char *)"secret";
		objects[i].key_type = (char *)"AES";
		objects[i].whole = whole || i > 0;
		list[i] = &objects[i];
	}
	result.object = list;
	result.n_object = n;
	assert_int_equal(fsck_add(&inventory, &result), 0);
	arena_reset(&bench->arena);
	bench->reply = (Cek__V1__FsckReply)CEK__V1__FSCK_REPLY__INIT;
	assert_int_equal(fsck_findings(&bench->rig->broker, inventory, &bench->arena, &bench->reply), 0);
	inventory_free(inventory);
}

/* The one finding. */
static void expect(const struct bench *bench, const char *kind, const char *what, const char *advice)
{
	const Cek__V1__Finding *finding = bench->reply.finding[0];

	assert_int_equal(bench->reply.n_finding, 1);
	assert_int_equal(bench->reply.more, 0);
	assert_string_equal(finding->kind, kind);
	assert_string_equal(finding->key, "k");
	assert_string_equal(finding->kid, bench->version->kid);
	assert_int_equal(finding->cka_id.len, bench->version->cka_id_len);
	assert_memory_equal(finding->cka_id.data, bench->version->cka_id, finding->cka_id.len);
	assert_string_equal(finding->what, what);
	assert_non_null(strstr(finding->advice, advice));
}

static void test_one_object(void **state)
{
	struct bench bench;

	begin(&bench, *state);
	look(&bench, 1, true);
	assert_int_equal(bench.reply.n_finding, 0);
	look(&bench, 1, false);
	expect(&bench, "partial", "the object has no value", "restore the token from its backup");
	look(&bench, 0, false);
	expect(&bench, "missing", "the token has no object for this version", "restore the token from its backup");
	bench.version->state = STATE_DESTROYED;
	look(&bench, 0, false);
	assert_int_equal(bench.reply.n_finding, 0);
	look(&bench, 1, true);
	expect(&bench, "orphan", "destroyed by the journal, but the object is there", "delete the object");
	bench.version->provenance = PROVENANCE_ADOPTED;
	look(&bench, 1, true);
	expect(&bench, "orphan", "destroyed by the journal, but the token has an object with its CKA_ID",
		"ask who made it");
	arena_deinit(&bench.arena);
}

static void test_twins(void **state)
{
	struct bench bench;

	begin(&bench, *state);
	look(&bench, 2, true);
	expect(&bench, "twin", "1 other key of the token has the same CKA_ID", "give the others another CKA_ID");
	look(&bench, 3, true);
	expect(&bench, "twin", "2 other keys of the token have the same CKA_ID", "give the others another CKA_ID");
	bench.version->twins = true;
	look(&bench, 2, true);
	expect(&bench, "twin",
		"1 other key of the token has the same CKA_ID, and nothing tells them apart: this version is not used",
		"find out with the token's own tools which is which");
	bench.version->state = STATE_WAITING;
	look(&bench, 3, true);
	expect(&bench, "twin",
		"2 other keys of the token have the same CKA_ID, and nothing tells them apart: its destruction waits "
		"for that",
		"find out with the token's own tools which is which");
	arena_deinit(&bench.arena);
}

/* No empty answer, which would say that all is well. */
static void test_without_memory(void **state)
{
	struct inventory *inventory = NULL;
	const JobResult empty = CEK__INTERNAL__V1__JOB_RESULT__INIT;
	struct bench bench;
	size_t left = 0;
	int r;

	begin(&bench, *state);
	bench.reply = (Cek__V1__FsckReply)CEK__V1__FSCK_REPLY__INIT;
	assert_int_equal(fsck_findings(&bench.rig->broker, NULL, &bench.arena, &bench.reply), -ENOMEM);
	assert_int_equal(fsck_add(&inventory, &empty), 0);
	do { /* as much as the list takes, and more, until the version that is missing has its place */
		left += 16;
		arena_reset(&bench.arena);
		assert_non_null(arena_alloc(&bench.arena, bench.arena.size - left));
		bench.reply = (Cek__V1__FsckReply)CEK__V1__FSCK_REPLY__INIT;
		r = fsck_findings(&bench.rig->broker, inventory, &bench.arena, &bench.reply);
		assert_true(r == 0 || r == -ENOMEM);
	} while (r < 0);
	expect(&bench, "missing", "the token has no object for this version", "restore the token from its backup");
	inventory_free(inventory);
	arena_deinit(&bench.arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_object),
		TEST(test_twins),
		TEST(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
