/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/policy/policy.h"
#include "daemon/broker/ring/max_age.h"
#include "daemon/broker/ring/moves.h"
#include "daemon/broker/rpc/rpc.h"
#include "proto/frame.h"

enum {
	ENTRIES_MAX = 1024,                /* of one page: more do not fit, but for keys with the shortest of names */
	BYTES_MAX = FRAME_BODY_MAX - 1024, /* of entries; the rest is for what is around them */
	NEXT_MAX = 128,                    /* with NUL */
	PASSES = 3,                        /* the active ones, the pre-active ones, those that only unwrap */
	NAMES_MAX = 256,                   /* of one request */
};

/* An entry's place in the whole set: the pass, then the key, then its versions from the youngest. It holds while keys
 * and rules are what they were: nothing in it is ever out of the ring, so that one that was made up does no harm. */
struct place {
	uint64_t epoch, rules;
	unsigned pass;
	size_t key;
	uint32_t number;
};

struct page {
	struct request *request;
	Cek__V1__PublicKeysReply *reply;
	size_t size;
	uint64_t *wanted;   /* bit i: key i of the ring is in the set */
	struct place place; /* of the entry that is looked at */
	bool full;
};

static bool place_read(const char *text, struct place *ret_place)
{
	struct place place;
	char copy[NEXT_MAX];

	if (sscanf(text, "%" SCNu64 ".%" SCNu64 ".%u.%zu.%" SCNu32, &place.epoch, &place.rules, &place.pass, &place.key,
		    &place.number) != 5)
		return false;
	snprintf(copy, sizeof(copy), "%" PRIu64 ".%" PRIu64 ".%u.%zu.%" PRIu32, place.epoch, place.rules, place.pass,
		place.key, place.number);
	*ret_place = place;
	return strcmp(text, copy) == 0;
}

static char *place_write(struct arena *arena, const struct place *place)
{
	char *text = arena_alloc(arena, NEXT_MAX);

	if (text)
		snprintf(text, NEXT_MAX, "%" PRIu64 ".%" PRIu64 ".%u.%zu.%" PRIu32, place->epoch, place->rules,
			place->pass, place->key, place->number);
	return text;
}

/* Add a version. The first that has no room is where the next page begins. */
static int add(struct page *page, const struct version *version)
{
	Cek__V1__PublicKeyEntry *entry = arena_alloc(&page->request->broker->turn.arena, sizeof(*entry));
	size_t size;

	if (!entry)
		return log_origin(-ENOMEM);
	cek__v1__public_key_entry__init(entry);
	entry->key = version->key->name;
	entry->kid = version->kid;
	entry->alg = (char *)version->key->alg->name;
	entry->state = (Cek__V1__State)version->state;
	entry->public_key = version->public_key;
	size = cek__v1__public_key_entry__get_packed_size(entry) + 8;
	if (size > BYTES_MAX)
		return log_origin(-EMSGSIZE);
	page->full = page->size + size > BYTES_MAX || page->reply->n_entry == ENTRIES_MAX;
	if (page->full)
		return 0;
	page->size += size;
	page->reply->entry[page->reply->n_entry++] = entry;
	return 0;
}

/* Many an issuer takes the first key that has its alg: that shall be one that is active. */
static unsigned pass_of(const struct version *version)
{
	return version->state == STATE_ACTIVE ? 0 : version->state == STATE_PRE_ACTIVE ? 1 : 2;
}

/* The versions numbered below page->place.number, youngest first; 0: all. */
static int add_key(struct page *page, const struct key *key)
{
	size_t n = key->n_versions;
	int r = 0;

	if (page->place.number > 0 && page->place.number <= n)
		n = page->place.number - 1;
	for (size_t i = n; r == 0 && i-- > 0;) {
		const struct version *version = key->versions[i];
		bool has_public = version->public_key && strcmp(version->public_key->kty, "oct") != 0;

		if (!has_public || !move_opens(version) || pass_of(version) != page->place.pass)
			continue;
		r = add(page, version);
		if (page->full) {
			page->place.number = version->number + 1;
			break;
		}
	}
	return r;
}

static bool wanted(const struct page *page, size_t key)
{
	return page->wanted[key / 64] >> key % 64 & 1;
}

static bool allowed(const struct request *request, const char *name)
{
	return policy_allows(&request->broker->policy, &request->peer->grants, PERMISSION_PUBLIC, name);
}

/* A name that is given must be one that this peer may see; however often it is given, it is one key. */
static int want_names(struct page *page)
{
	struct request *request = page->request;
	const Cek__V1__GetPublicKeysRequest *message = request->message->get_public_keys;
	const struct ring *ring = &request->broker->ring;

	if (message->n_key > NAMES_MAX)
		return request_say(request, STATUS_TOO_LARGE, "key: more than %d names", NAMES_MAX);
	for (size_t i = 0; i < message->n_key; i++) {
		size_t place;

		if (!key_name_valid(message->key[i]))
			return request_say(request, STATUS_MALFORMED, "key: not a key name");
		if (!allowed(request, message->key[i]) || !ring_place(ring, message->key[i], &place))
			return request_say(request, STATUS_UNKNOWN_KEY, "no such key that this peer may use");
		page->wanted[place / 64] |= UINT64_C(1) << place % 64;
	}
	return STATUS_OK;
}

/* Each key is judged once, however often the set is gone through. */
static int want(struct page *page)
{
	const struct ring *ring = &page->request->broker->ring;

	page->wanted = arena_alloc(&page->request->broker->turn.arena, (ring->n_keys / 64 + 1) * sizeof(uint64_t));
	if (!page->wanted)
		return log_origin(-ENOMEM);
	if (page->request->message->get_public_keys->n_key > 0)
		return want_names(page);
	for (size_t i = 0; i < ring->n_keys; i++)
		page->wanted[i / 64] |= (uint64_t)allowed(page->request, ring->keys[i]->name) << i % 64;
	return STATUS_OK;
}

/* How long the whole set may be kept: no longer than any of its keys allows. */
static void set_max_age(const struct page *page)
{
	const struct ring *ring = &page->request->broker->ring;
	Cek__V1__PublicKeysReply *reply = page->reply;
	const uint64_t now = clock_real_us();
	uint32_t seconds;

	for (size_t i = 0; i < ring->n_keys; i++) {
		if (!wanted(page, i) || !max_age_of(ring->keys[i], now, &seconds))
			continue;
		if (reply->age_case == CEK__V1__PUBLIC_KEYS_REPLY__AGE__NOT_SET || seconds < reply->max_age)
			reply->max_age = seconds;
		reply->age_case = CEK__V1__PUBLIC_KEYS_REPLY__AGE_MAX_AGE;
	}
}

/* From page->place on, until the page is full. */
static int fill(struct page *page)
{
	const struct ring *ring = &page->request->broker->ring;
	struct place *place = &page->place;
	int r = 0;

	for (; place->pass < PASSES; place->pass++, place->key = 0) {
		for (; place->key < ring->n_keys; place->key++, place->number = 0) {
			if (wanted(page, place->key))
				r = add_key(page, ring->keys[place->key]);
			if (r < 0 || page->full)
				return r;
		}
	}
	page->reply->end = true;
	set_max_age(page);
	return 0;
}

/* Where the page begins. A set of which one half is older than the other would be none that ever was. */
static int check_place(struct request *request, struct place *ret_place)
{
	const Cek__V1__GetPublicKeysRequest *message = request->message->get_public_keys;
	const struct broker *broker = request->broker;

	*ret_place = (struct place){.epoch = broker->ring.epoch, .rules = broker->rules_since};
	if (message->after[0] == '\0')
		return STATUS_OK;
	if (!message->pages)
		return request_say(request, STATUS_MALFORMED, "after: only with pages");
	if (!place_read(message->after, ret_place))
		return request_say(request, STATUS_MALFORMED, "after: not what a reply had as next");
	if (ret_place->epoch != broker->ring.epoch || ret_place->rules != broker->rules_since)
		return request_say(request, STATUS_CONFLICT,
			"the keys or the rules changed since the page before: begin again without after");
	return STATUS_OK;
}

static int go_on(struct page *page)
{
	if (!page->request->message->get_public_keys->pages)
		return request_say(page->request, STATUS_TOO_LARGE,
			"more public keys than fit into one reply: name fewer keys, or set pages (an older libcek or "
			"cekctl does not know them: update it)");
	page->reply->next = place_write(&page->request->broker->turn.arena, &page->place);
	return page->reply->next ? STATUS_OK : log_origin(-ENOMEM);
}

int rpc_get_public_keys(struct request *request)
{
	struct broker *broker = request->broker;
	struct page page = {.request = request, .reply = arena_alloc(&broker->turn.arena, sizeof(*page.reply))};
	int r = want(&page);

	if (r == STATUS_OK)
		r = check_place(request, &page.place);
	if (r != STATUS_OK)
		return r;
	if (!page.reply)
		return log_origin(-ENOMEM);
	cek__v1__public_keys_reply__init(page.reply);
	page.reply->entry = arena_alloc(&broker->turn.arena, ENTRIES_MAX * sizeof(*page.reply->entry));
	if (!page.reply->entry)
		return log_origin(-ENOMEM);
	r = fill(&page);
	if (r < 0)
		return r;
	request->reply.result_case = CEK__V1__REPLY__RESULT_PUBLIC_KEYS;
	request->reply.public_keys = page.reply;
	return page.full ? go_on(&page) : STATUS_OK;
}
