#include <errno.h>
#include <string.h>

#include "daemon/broker/broker.h"
#include "daemon/broker/peer.h"
#include "daemon/broker/rpc.h"
#include "daemon/broker/use.h"
#include "proto/frame.h"

enum {
	ENTRIES_MAX = 512,
	BYTES_MAX = FRAME_BODY_MAX - 1024, /* of entries; the rest is for what is around them */
};

struct entries {
	struct request *request;
	Cek__V1__PublicKeysReply *reply;
	size_t size;
};

/* Add a version unless the reply is full: those that only unwrap come last and are what is left out then. */
static int add(struct entries *entries, const struct version *version)
{
	Cek__V1__PublicKeyEntry *entry = arena_alloc(&entries->request->broker->arena, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	cek__v1__public_key_entry__init(entry);
	entry->key = version->key->name;
	entry->kid = version->kid;
	entry->alg = (char *)version->key->alg->name;
	entry->state = (Cek__V1__State)version->state;
	entry->public_key = version->public_key;
	entries->size += cek__v1__public_key_entry__get_packed_size(entry) + 8;
	if (entries->size > BYTES_MAX || entries->reply->n_entry == ENTRIES_MAX)
		return 0;
	entries->reply->entry[entries->reply->n_entry++] = entry;
	return 0;
}

/* Youngest first, so that what is left out is oldest. */
static int add_key(struct entries *entries, const struct key *key, bool encrypts)
{
	int r = 0;

	for (size_t i = key->n_versions; r == 0 && i-- > 0;) {
		const struct version *version = key->versions[i];
		bool current = version->state == STATE_ACTIVE || version->state == STATE_PRE_ACTIVE;
		bool has_public = version->public_key && strcmp(version->public_key->kty, "oct") != 0;

		if (has_public && use_unwraps(version) && current == encrypts)
			r = add(entries, version);
	}
	return r;
}

static bool wanted(const struct request *request, const struct key *key)
{
	const Cek__V1__GetPublicKeysRequest *message = request->message->get_public_keys;

	if (!policy_allows(&request->broker->policy, &request->peer->grants, PERMISSION_PUBLIC, key->name))
		return false;
	for (size_t i = 0; i < message->n_key; i++) {
		if (strcmp(message->key[i], key->name) == 0)
			return true;
	}
	return message->n_key == 0;
}

/* A name that is given must be one that this peer may see. */
static int check_names(struct request *request)
{
	const Cek__V1__GetPublicKeysRequest *message = request->message->get_public_keys;

	for (size_t i = 0; i < message->n_key; i++) {
		bool allowed;

		if (!key_name_valid(message->key[i]))
			return request_say(request, STATUS_MALFORMED, "key: not a key name");
		allowed = policy_allows(&request->broker->policy, &request->peer->grants, PERMISSION_PUBLIC,
			message->key[i]);
		if (!allowed || !ring_key(&request->broker->ring, message->key[i]))
			return request_say(request, STATUS_UNKNOWN_KEY, "no such key that this peer may use");
	}
	return STATUS_OK;
}

int rpc_get_public_keys(struct request *request)
{
	struct broker *broker = request->broker;
	struct entries entries = {.request = request, .reply = arena_alloc(&broker->arena, sizeof(*entries.reply))};
	int r = check_names(request);

	if (r != STATUS_OK)
		return r;
	if (!entries.reply)
		return -ENOMEM;
	cek__v1__public_keys_reply__init(entries.reply);
	entries.reply->entry = arena_alloc(&broker->arena, ENTRIES_MAX * sizeof(*entries.reply->entry));
	if (!entries.reply->entry)
		return -ENOMEM;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < broker->ring.n_keys; i++) {
			if (wanted(request, broker->ring.keys[i]) && add_key(&entries, broker->ring.keys[i],
				pass == 0) < 0)
				return -ENOMEM;
		}
	}
	request->reply.result_case = CEK__V1__REPLY__RESULT_PUBLIC_KEYS;
	request->reply.public_keys = entries.reply;
	return STATUS_OK;
}
