#include "daemon/token/p11/objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/named.h"

enum {
	MISSED_US = 5000000,
	SEEN_US = 1000000, /* so long a key is used without a look at its object */
	FIND_AT_ONCE = 64,
};

CK_RV objects_find(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret_objects,
		   CK_ULONG max, CK_ULONG *ret_n)
{
	CK_RV rv = session->f->C_FindObjectsInit(session->handle, template, n);
	CK_RV final;
	CK_ULONG found = 0;

	if (rv != CKR_OK)
		return rv;
	while (found < max) {
		CK_ULONG more = 0;

		rv = session->f->C_FindObjects(session->handle, ret_objects + found, max - found, &more);
		if (rv != CKR_OK || more == 0)
			break;
		found += more;
	}
	final = session->f->C_FindObjectsFinal(session->handle);
	if (rv == CKR_OK)
		rv = final;
	if (rv == CKR_OK)
		*ret_n = found;
	return rv;
}

CK_RV objects_find_all(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE **ret_objects,
		       CK_ULONG *ret_n)
{
	CK_OBJECT_HANDLE *objects = NULL;
	CK_ULONG found = 0, more = 0;
	CK_RV rv = session->f->C_FindObjectsInit(session->handle, template, n), final;

	if (rv != CKR_OK)
		return rv;
	do {
		CK_OBJECT_HANDLE *grown = realloc(objects, (found + FIND_AT_ONCE) * sizeof(*objects));

		if (!grown) {
			rv = CKR_HOST_MEMORY;
			break;
		}
		objects = grown;
		more = 0;
		rv = session->f->C_FindObjects(session->handle, objects + found, FIND_AT_ONCE, &more);
		found += rv == CKR_OK ? more : 0;
	} while (rv == CKR_OK && more > 0);
	final = session->f->C_FindObjectsFinal(session->handle);
	if (rv == CKR_OK)
		rv = final;
	if (rv != CKR_OK) {
		free(objects);
		return rv;
	}
	*ret_objects = objects;
	*ret_n = found;
	return CKR_OK;
}

CK_RV object_read(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *ret_value,
		  size_t size, size_t *ret_len)
{
	CK_ATTRIBUTE attribute = { type, ret_value, size };
	CK_RV rv = session->f->C_GetAttributeValue(session->handle, object, &attribute, 1);

	if (rv != CKR_OK)
		return rv;
	if (attribute.ulValueLen > size)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	*ret_len = attribute.ulValueLen;
	return CKR_OK;
}

bool object_flag(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = CK_FALSE;
	size_t len = 0;

	return object_read(session, object, type, &value, sizeof(value), &len) == CKR_OK && len == sizeof(value) &&
	       value;
}

static size_t bucket_of(const uint8_t *id, size_t id_len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < id_len; i++)
		hash = (hash ^ id[i]) * 16777619u;
	return hash % KEY_BUCKETS;
}

static struct key *key_free(struct key *key)
{
	if (key) {
		EVP_PKEY_CTX_free(key->encrypt);
		EVP_PKEY_free(key->public_key);
		free(key);
	}
	return NULL;
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
	CK_ATTRIBUTE template[] = { { CKA_TOKEN, &yes, sizeof(yes) } };
	CK_OBJECT_HANDLE object;
	CK_ULONG n = 0;

	return objects_find(session, template, 1, &object, 1, &n) == CKR_OK && n > 0;
}

/* SoftHSM shows an empty token for a moment while another process writes to it, and with a read-only token.object it
 * sees what others made only after C_Initialize. */
static CK_RV find_patiently(struct keys *keys, const struct name *name, CK_OBJECT_HANDLE *ret_object)
{
	CK_RV rv = named_find(keys, name, ret_object);
	enum session_result result;

	if (rv == CKR_CEKD_MISSING)
		rv = named_find(keys, name, ret_object);
	if (rv != CKR_CEKD_MISSING || keys->never_reopen)
		return rv;
	/* A token that shows nothing at all may be gone: that is another answer than a missing key. */
	if (missed_lately(keys, name->id, name->id_len) && shows_any(keys->session))
		return rv;
	keys_forget_all(keys);
	result = session_reopen(keys->session);
	if (result != SESSION_OK) {
		log_error("%s", keys->session->why);
		return result == SESSION_PIN ? CKR_PIN_INCORRECT : CKR_TOKEN_NOT_PRESENT;
	}
	return named_find(keys, name, ret_object);
}

/* Never work with a copy that is less protected than its original. */
static CK_OBJECT_HANDLE copy_object(struct session *session, CK_OBJECT_HANDLE object)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE template[] = { { CKA_TOKEN, &no, sizeof(no) } };
	CK_OBJECT_HANDLE copy;

	if (session->f->C_CopyObject(session->handle, object, template, 1, &copy) != CKR_OK)
		return object;
	if (object_flag(session, copy, CKA_SENSITIVE) && !object_flag(session, copy, CKA_EXTRACTABLE) &&
	    !object_flag(session, copy, CKA_TOKEN))
		return copy;
	session->f->C_DestroyObject(session->handle, copy);
	return object;
}

static void set_modulus(struct key *key, const uint8_t *modulus, size_t len)
{
	size_t at = 0;

	while (at < len && modulus[at] == 0)
		at++;
	key->modulus_len = len - at;
	key->modulus_bits = (unsigned)key->modulus_len * 8;
	for (uint8_t top = 0x80; at < len && top && !(modulus[at] & top); top >>= 1)
		key->modulus_bits--;
}

/* What is kept must be what the object says: one call that fails is no answer. */
static CK_RV read_flag(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool *ret_flag)
{
	CK_BBOOL value = CK_FALSE;
	size_t len = 0;
	CK_RV rv = object_read(session, object, type, &value, sizeof(value), &len);

	*ret_flag = rv == CKR_OK && len == sizeof(value) && value;
	return ckr_class(rv) == CKR_CLASS_UNSUPPORTED ? CKR_OK : rv;
}

static CK_RV describe(struct session *session, struct key *key)
{
	uint8_t buffer[RSA_BITS_MAX / 8 + 1];
	size_t len;
	CK_RV rv = object_read(session, key->object, CKA_KEY_TYPE, &key->type, sizeof(key->type), &len);

	if (rv != CKR_OK)
		return rv;
	rv = read_flag(session, key->object, CKA_DECRYPT, &key->can_decrypt);
	if (rv == CKR_OK)
		rv = read_flag(session, key->object, CKA_UNWRAP, &key->can_unwrap);
	if (rv != CKR_OK)
		return rv;
	if (key->class == CKO_SECRET_KEY) {
		CK_ULONG value_len = 0;

		if (object_read(session, key->object, CKA_VALUE_LEN, &value_len, sizeof(value_len), &len) == CKR_OK)
			key->value_len = value_len;
		return CKR_OK;
	}
	if (key->type == CKK_RSA) {
		rv = object_read(session, key->object, CKA_MODULUS, buffer, sizeof(buffer), &len);
		if (rv != CKR_OK)
			return rv;
		set_modulus(key, buffer, len);
		return CKR_OK;
	}
	rv = object_read(session, key->object, CKA_EC_PARAMS, buffer, sizeof(buffer), &len);
	if (rv == CKR_OK)
		key->curve = curves_from_params(buffer, len);
	return rv;
}

static struct key *known(const struct keys *keys, const struct name *name)
{
	struct key *key = keys->bucket[bucket_of(name->id, name->id_len)];

	while (key && (key->id_len != name->id_len || memcmp(key->id, name->id, name->id_len) != 0 || !name->alg ||
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
	rv = object_read(keys->session, key->object, CKA_ID, id, sizeof(id), &len);
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
		rv = describe(keys->session, key);
	}
	if (rv != CKR_OK) {
		key_free(key);
		return rv;
	}
	key->seen_us = keys->now_us;
	key->handle = keys->copy ? copy_object(keys->session, key->object) : key->object;
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
			keys->session->f->C_DestroyObject(keys->session->handle, key->handle);
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
