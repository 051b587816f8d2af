/*
 * Lists that no single reply holds: the page that is just full and the one byte more, and the mark of what is left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker_calls.h"
#include "proto/frame.h"

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
	for (size_t i = 0; i < n; i++)
		assert_int_equal(call_for_status(rig, client, call_rotate(name, ring_key(&rig->broker.ring, name)->active->kid)),
			STATUS_OK);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_public_keys_that_just_fit),
		TEST(test_order_of_public_keys_over_all_pages),
		TEST(test_a_page_after_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
