/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/objects.h"

enum {
	MISSED_US = 5000000,
	SEEN_US = 1000000, /* so long a key is used without a look at its object */
};

static size_t bucket_of(const uint8_t *id, size_t id_len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < id_len; i++)
		hash = (hash ^ id[i]) * 16777619u;
	return hash % KEY_BUCKETS;
}

/* A key that was looked for in vain with all means: not again before some seconds have passed. */
static bool missed_lately(struct keys *keys, const uint8_t *id, size_t id_len)
{
	uint64_t now = clock_monotonic_us();

	for (size_t i = 0; i < sizeof(keys->missed) / sizeof(keys->missed[0]); i++)
		if (keys->missed[i].id_len == id_len && memcmp(keys->missed[i].id, id, id_len) == 0 &&
			keys->missed[i].until_us > now)
			return true;
	memcpy(keys->missed[keys->next_missed].id, id, id_len);
	keys->missed[keys->next_missed].id_len = id_len;
	keys->missed[keys->next_missed].until_us = now + MISSED_US;
	keys->next_missed = (keys->next_missed + 1) % (sizeof(keys->missed) / sizeof(keys->missed[0]));
	return false;
}

/* Whether the token shows any object at all. */
static bool shows_any(struct session *session)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE template[] = {{CKA_TOKEN, &yes, sizeof(yes)}};
	CK_OBJECT_HANDLE object;
	CK_ULONG n = 0;

	return objects_find(session, template, 1, &object, 1, &n) == CKR_OK && n > 0;
}

/* SoftHSM shows an empty token for a moment while another process writes to it, and with a read-only token.object it
 * sees what others made only after C_Initialize. */
static CK_RV find_patiently(struct keys *keys, const struct name *name, CK_OBJECT_HANDLE *ret_object)
{
	CK_RV rv = named_find(&keys->finder, name, ret_object);
	enum session_result result;

	if (rv == CKR_CEKD_MISSING)
		rv = named_find(&keys->finder, name, ret_object);
	if (rv != CKR_CEKD_MISSING || keys->never_reopen)
		return rv;
	/* A token that shows nothing at all may be gone: that is another answer than a missing key. */
	if (missed_lately(keys, name->id, name->id_len) && shows_any(keys->finder.session))
		return rv;
	keys_forget_all(keys);
	result = session_reopen(keys->finder.session);
	if (result != SESSION_OK) {
		log_error("%s", keys->finder.session->why);
		return result == SESSION_PIN ? CKR_PIN_INCORRECT : CKR_TOKEN_NOT_PRESENT;
	}
	return named_find(&keys->finder, name, ret_object);
}

/* Never work with a copy that is less protected than its original. */
static CK_OBJECT_HANDLE copy_object(struct session *session, CK_OBJECT_HANDLE object)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE template[] = {{CKA_TOKEN, &no, sizeof(no)}};
	CK_OBJECT_HANDLE copy;

	if (session->f->C_CopyObject(session->handle, object, template, 1, &copy) != CKR_OK)
		return object;
	if (object_flag(session, copy, CKA_SENSITIVE) && !object_flag(session, copy, CKA_EXTRACTABLE) &&
		!object_flag(session, copy, CKA_TOKEN))
		return copy;
	object_destroy(session, copy);
	return object;
}

static struct key *known(const struct keys *keys, const struct name *name)
{
	struct key *key = keys->bucket[bucket_of(name->id, name->id_len)];

	while (key &&
		(key->id_len != name->id_len || memcmp(key->id, name->id, name->id_len) != 0 || !name->alg ||
			key->class != named_class(name->alg) || !named_type_fits(name->alg, key->type)))
		key = key->next;
	return key;
}

/* Is the token object still there? An object that was destroyed has no attributes, and a stale handle may name another
 * one. CKR_CEKD_MISSING if it is gone. */
static CK_RV look_at(struct keys *keys, struct key *key)
{
	uint8_t id[CKA_ID_MAX];
	size_t len = 0;
	CK_RV rv;

	if (keys->now_us - key->seen_us < SEEN_US)
		return CKR_OK;
	rv = object_read(keys->finder.session, key->object, CKA_ID, id, sizeof(id), &len);
	if (ckr_class(rv) == CKR_CLASS_HANDLE ||
		(rv == CKR_OK && (len != key->id_len || memcmp(id, key->id, len) != 0)))
		return CKR_CEKD_MISSING;
	if (rv == CKR_OK)
		key->seen_us = keys->now_us;
	return rv;
}

CK_RV keys_get(struct keys *keys, const struct name *name, struct key **ret_key)
{
	struct key *key;
	CK_RV rv;

	if (name->id_len == 0 || name->id_len > CKA_ID_MAX)
		return CKR_CEKD_MISSING;
	key = known(keys, name);
	rv = key ? look_at(keys, key) : CKR_CEKD_MISSING;
	if (rv == CKR_OK)
		*ret_key = key;
	if (rv != CKR_CEKD_MISSING)
		return rv;
	keys_forget(keys, name->id, name->id_len);
	key = calloc(1, sizeof(*key));
	if (!key)
		return CKR_HOST_MEMORY;
	memcpy(key->id, name->id, name->id_len);
	key->id_len = name->id_len;
	rv = find_patiently(keys, name, &key->object);
	if (rv == CKR_OK) {
		key->class = named_class(name->alg);
		rv = key_describe(keys->finder.session, key);
	}
	if (rv != CKR_OK) {
		key_free(key);
		return rv;
	}
	key->seen_us = keys->now_us;
	key->handle = keys->copy ? copy_object(keys->finder.session, key->object) : key->object;
	key->next = keys->bucket[bucket_of(name->id, name->id_len)];
	keys->bucket[bucket_of(name->id, name->id_len)] = key;
	*ret_key = key;
	return CKR_OK;
}

void keys_forget(struct keys *keys, const uint8_t *id, size_t id_len)
{
	struct key **at = &keys->bucket[bucket_of(id, id_len)];

	while (*at) {
		struct key *key = *at;

		if (key->id_len != id_len || memcmp(key->id, id, id_len) != 0) {
			at = &key->next;
			continue;
		}
		if (key->handle != key->object)
			object_destroy(keys->finder.session, key->handle);
		*at = key->next;
		key_free(key);
	}
}

void keys_forget_all(struct keys *keys)
{
	for (size_t i = 0; i < KEY_BUCKETS; i++)
		while (keys->bucket[i]) {
			struct key *key = keys->bucket[i];

			keys->bucket[i] = key->next;
			key_free(key);
		}
}
