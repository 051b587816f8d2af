/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each request once for each allocation of the broker that it takes, with that one failing: the broker answers, or
 * closes the connection, or ends; it serves on, or its successor does, from the records that there are. So also each
 * step that cekd takes by itself, which is then done later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "daemon/broker/lifecycle/steps.h"
#include "tests/unit/broker/broker_calls.h"
#include "tests/unit/scarce.h"

bool __real_broker_turn(struct broker *broker, bool wait);
bool __wrap_broker_turn(struct broker *broker, bool wait);

/* The rest of the rig has all the memory that it wants. */
bool __wrap_broker_turn(struct broker *broker, bool wait)
{
	bool goes_on;

	scarce_on(true);
	goes_on = __real_broker_turn(broker, wait);
	scarce_on(false);
	return goes_on;
}

void *__real_arena_alloc(struct arena *arena, size_t size);
void *__wrap_arena_alloc(struct arena *arena, size_t size);
void *__real_pool_take(struct pool *pool);
void *__wrap_pool_take(struct pool *pool);

/* What is locked and bounded. */
void *__wrap_arena_alloc(struct arena *arena, size_t size)
{
	return scarce_fails() ? NULL : __real_arena_alloc(arena, size);
}

void *__wrap_pool_take(struct pool *pool)
{
	return scarce_fails() ? NULL : __real_pool_take(pool);
}

/* What a request is about: two keys with two versions, "k" for A256KW and "r" for RSA. */
struct scene {
	char *active, *old;
	char *rsa;
};

typedef CekRequest *make_fn(const struct scene *scene);

#define REQUEST(NAME, CASE, FIELD, TYPE, INIT, ...)                 \
	static CekRequest *make_##NAME(const struct scene *scene)   \
	{                                                           \
		static Cek__V1__##TYPE message;                     \
		static CekRequest request;                          \
                                                                    \
		message = (Cek__V1__##TYPE)CEK__V1__##INIT##__INIT; \
		request = (CekRequest)CEK__V1__REQUEST__INIT;       \
		request.op_case = CEK__V1__REQUEST__OP_##CASE;      \
		request.FIELD = &message;                           \
		__VA_ARGS__;                                        \
		return &request;                                    \
	}

static PublicKey *some_public_key(void)
{
	static uint8_t n[256] = {0xc1}, e[] = {1, 0, 1};
	static PublicKey key;

	key = (PublicKey)CEK__V1__PUBLIC_KEY__INIT;
	key.kty = (char *)"RSA";
	key.n = (ProtobufCBinaryData){.data = n, .len = sizeof(n)};
	key.e = (ProtobufCBinaryData){.data = e, .len = sizeof(e)};
	return &key;
}

static Schedule *some_schedule(void)
{
	static Schedule schedule;

	schedule = (Schedule)CEK__V1__SCHEDULE__INIT;
	schedule.period = 10 * 86400;
	schedule.lead = 86400;
	schedule.overlap = 86400;
	return &schedule;
}

static CekRequest *make_unwrap(const struct scene *scene)
{
	return call_unwrap(scene->old, NULL);
}

/* Each version is tried. */
static CekRequest *make_unwrap_without_kid(const struct scene *scene)
{
	call_data[0] = 0xff;
	return call_unwrap(NULL, "k");
}

static CekRequest *make_wrap(const struct scene *scene)
{
	return call_wrap("k");
}

static CekRequest *make_generate(const struct scene *scene)
{
	return call_generate("k");
}

static CekRequest *make_rotate(const struct scene *scene)
{
	return call_rotate("k", scene->active);
}

static CekRequest *make_compromise(const struct scene *scene)
{
	CekRequest *request = call_set_state(scene->active, STATE_COMPROMISED);

	request->set_key_state->rotate = true;
	return request;
}

static CekRequest *make_suspend(const struct scene *scene)
{
	CekRequest *request = call_set_state(scene->active, STATE_SUSPENDED);

	request->set_key_state->rotate = true;
	return request;
}

static CekRequest *make_destroy(const struct scene *scene)
{
	return call_destroy(scene->old, true);
}

static CekRequest *make_adopt(const struct scene *scene)
{
	CekRequest *request = call_adopt("a", "ceremony");

	request->adopt_key->kid = (char *)"given";
	return request;
}

static CekRequest *make_status(const struct scene *scene)
{
	return call_status();
}

REQUEST(rewrap, REWRAP, rewrap, RewrapRequest, REWRAP_REQUEST, message.kid = scene->old; message.alg = (char *)"A256KW";
	message.enc = (char *)"A256GCM"; message.encrypted_key = call_bytes(40))
REQUEST(create, CREATE_KEY, create_key, CreateKeyRequest, CREATE_KEY_REQUEST, message.key = (char *)"new";
	message.alg = (char *)"RSA-OAEP-256"; message.bits = 2048)
REQUEST(import, IMPORT_KEY, import_key, ImportKeyRequest, IMPORT_KEY_REQUEST, message.key = (char *)"i";
	message.alg = (char *)"RSA-OAEP-256"; message.transport_id = (char *)"t";
	message.wrapped_aes_key = call_bytes(256); message.wrapped_key = call_bytes(600);
	message.public_key = some_public_key())
REQUEST(transport, GET_TRANSPORT_KEY, get_transport_key, GetTransportKeyRequest, GET_TRANSPORT_KEY_REQUEST, )
REQUEST(schedule, SET_KEY_SCHEDULE, set_key_schedule, SetKeyScheduleRequest, SET_KEY_SCHEDULE_REQUEST,
	message.key = (char *)"r";
	message.schedule = some_schedule())
REQUEST(alias, ALIAS, alias, AliasRequest, ALIAS_REQUEST, message.kid = scene->rsa; message.alias = (char *)"also")
REQUEST(list, LIST_KEYS, list_keys, ListKeysRequest, LIST_KEYS_REQUEST, )
REQUEST(describe, DESCRIBE_KEY, describe_key, DescribeKeyRequest, DESCRIBE_KEY_REQUEST, message.key = (char *)"k")
REQUEST(public, GET_PUBLIC_KEYS, get_public_keys, GetPublicKeysRequest, GET_PUBLIC_KEYS_REQUEST, )
REQUEST(metrics, METRICS, metrics, MetricsRequest, METRICS_REQUEST, )
REQUEST(watch, WATCH, watch, WatchRequest, WATCH_REQUEST, )
REQUEST(fsck, FSCK, fsck, FsckRequest, FSCK_REQUEST, )
REQUEST(restore, RESTORE, restore, RestoreRequest, RESTORE_REQUEST, )
REQUEST(preview, PREVIEW, preview, PreviewRequest, PREVIEW_REQUEST,
	message.change_case = CEK__V1__PREVIEW_REQUEST__CHANGE_ROTATE_KEY;
	message.rotate_key = call_rotate("k", scene->active)->rotate_key)
REQUEST(explain, EXPLAIN, explain, ExplainRequest, EXPLAIN_REQUEST, message.operation = (char *)"unwrap";
	message.key = (char *)"k")

#define ROW(name)                  \
	{                          \
#name, make_##name \
	}

static const struct {
	const char *name;
	make_fn *make;
} rows[] = {
	ROW(unwrap),
	ROW(unwrap_without_kid),
	ROW(wrap),
	ROW(generate),
	ROW(rewrap),
	ROW(create),
	ROW(rotate),
	ROW(compromise),
	ROW(suspend),
	ROW(destroy),
	ROW(import),
	ROW(adopt),
	ROW(transport),
	ROW(schedule),
	ROW(alias),
	ROW(list),
	ROW(describe),
	ROW(public),
	ROW(status),
	ROW(metrics),
	ROW(watch),
	ROW(fsck),
	ROW(restore),
	ROW(preview),
	ROW(explain),
};

static void set_scene(struct rig *rig, struct rig_client *client, struct scene *scene)
{
	memset(call_data, 0x11, sizeof(call_data));
	rig_start(rig);
	rig_connect(rig, client);
	scene->old = rig_create(rig, client, "k", "A256KW");
	scene->rsa = rig_create(rig, client, "r", "RSA-OAEP-256");
	assert_int_equal(call_for_status(rig, client, call_rotate("k", scene->old)), STATUS_OK);
	scene->active = strdup(ring_key(&rig->broker.ring, "k")->active->kid);
}

static void leave_scene(struct rig_client *client, struct scene *scene)
{
	rig_close(client);
	free(scene->old);
	free(scene->rsa);
	free(scene->active);
}

/* Who comes next is served, and keys can be changed. */
static void assert_well(struct rig *rig, const struct scene *scene)
{
	struct rig_client client;
	const struct key *key = ring_key(&rig->broker.ring, "r");

	memset(call_data, 0x11, sizeof(call_data));
	rig_connect(rig, &client);
	assert_int_equal(call_for_status(rig, &client, call_wrap("r")), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_rotate("r", key->active->kid)), STATUS_OK);
	assert_int_equal(call_for_status(rig, &client, call_status()), STATUS_OK);
	rig_close(&client);
}

/* Whether an allocation failed; *ret_ended grows if the broker ended for it. */
static bool try_without(struct rig *rig, make_fn *make, size_t n, size_t *ret_ended)
{
	static uint8_t id[] = {1, 2, 3};
	struct rig_client client;
	struct scene scene;
	bool failed;

	rig_init(rig);
	rig->manage.adopts = (ProtobufCBinaryData){.data = id, .len = sizeof(id)};
	set_scene(rig, &client, &scene);
	scarce_arm(n);
	rig_send(&client, make(&scene));
	rig_run(rig);
	failed = scarce_failed();
	scarce_arm(0);
	if (rig->broker_up) {
		CekReply *reply = rig_reply(&client);

		assert_true(reply || rig_closed(&client)); /* nobody waits for ever */
		if (reply)
			cek__v1__reply__free_unpacked(reply, NULL);
		assert_well(rig, &scene);
	} else {
		assert_int_equal(rig->broker.exit_status, 1);
		++*ret_ended;
	}
	rig_stop_broker(rig);
	rig_start(rig); /* what it wrote down can be read */
	assert_well(rig, &scene);
	leave_scene(&client, &scene);
	rig_free(rig);
	return failed;
}

static void test_each_request_at_each_allocation(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = 1, ended = 0;

		while (try_without(rig, rows[i].make, n, &ended))
			n++;
		print_message("# %s: %zu allocations, %zu of which end the broker\n", rows[i].name, n - 1, ended);
	}
	free(rig);
}

/* ---- what cekd does by itself -------------------------------------------------------------------------------- */

enum by_itself { DESTROYS, RESUMES, ROTATES, BY_ITSELF };

/* Its time has come. */
static void make_due(struct rig *rig, struct rig_client *client, const struct scene *scene, enum by_itself what)
{
	struct version *version = ring_version(&rig->broker.ring, what == DESTROYS ? scene->old : scene->rsa);
	CekRequest *request;

	if (what == DESTROYS) {
		assert_int_equal(call_for_status(rig, client, call_destroy(scene->old, true)), STATUS_OK);
	} else if (what == RESUMES) {
		request = call_set_state(scene->rsa, STATE_SUSPENDED);
		request->set_key_state->until = version->activated + UINT64_C(3600) * 1000000;
		assert_int_equal(call_for_status(rig, client, request), STATUS_OK);
	} else {
		version->key->period = 86400;
		version->activated = 1;
	}
	if (what != ROTATES)
		version->until = 1;
	version->wait = (struct wait){0};
	steps_try_again(&rig->broker);
}

static bool is_done(const struct rig *rig, const struct scene *scene, enum by_itself what)
{
	const struct version *version = ring_version(&rig->broker.ring, what == DESTROYS ? scene->old : scene->rsa);

	return version->state ==
		(what == DESTROYS                 ? STATE_DESTROYED
				: what == RESUMES ? STATE_ACTIVE
						  : STATE_DEACTIVATED);
}

/* A rotation takes two steps. */
static void fire(struct rig *rig)
{
	for (int i = 0; i < 2 && rig->broker_up; i++) {
		event_active(&rig->broker.steps.timer, EV_TIMEOUT, 1);
		rig_run(rig);
	}
}

/* Whether an allocation failed. Then it is done when it is tried again. */
static bool by_itself_without(struct rig *rig, enum by_itself what, size_t n, size_t *ret_put_off)
{
	struct rig_client client;
	struct scene scene;
	bool failed;

	rig_init(rig);
	set_scene(rig, &client, &scene);
	make_due(rig, &client, &scene, what);
	assert_false(is_done(rig, &scene, what));
	scarce_arm(n);
	fire(rig);
	failed = scarce_failed();
	scarce_arm(0);
	if (rig->broker_up && !is_done(rig, &scene, what)) {
		assert_true(failed);
		++*ret_put_off;
		steps_try_again(&rig->broker);
		fire(rig);
		assert_true(!rig->broker_up || is_done(rig, &scene, what));
	}
	assert_true(rig->broker_up || failed);
	leave_scene(&client, &scene);
	rig_free(rig);
	return failed;
}

static void test_each_step_at_each_allocation(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	for (enum by_itself what = 0; what < BY_ITSELF; what++) {
		size_t n = 1, put_off = 0;

		while (by_itself_without(rig, what, n, &put_off))
			n++;
		print_message("# by itself, %d: %zu allocations, %zu of which put it off\n", (int)what, n - 1, put_off);
		assert_true(put_off > 0);
	}
	free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_request_at_each_allocation),
		cmocka_unit_test(test_each_step_at_each_allocation),
	};

	event_set_mem_functions(scarce_malloc, scarce_realloc, scarce_free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
