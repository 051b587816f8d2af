/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys the token holds: for fsck, and for a start with an empty journal. Nothing is changed, and nothing secret is
 * asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/token/manage/jobs.h"
#include "daemon/token/manage/manage.h"
#include "daemon/token/p11/ckr.h"
#include "daemon/token/p11/curves.h"
#include "daemon/token/p11/objects.h"
#include "daemon/token/p11/public.h"
#include "daemon/token/probe/roundtrip.h"

enum { PER_RESULT = 64, LABEL_MAX = 128 };

struct list {
	CK_OBJECT_HANDLE *object;
	CK_ULONG n;
};

static const char *class_name(CK_OBJECT_CLASS class)
{
	return class == CKO_SECRET_KEY ? "secret" : class == CKO_PRIVATE_KEY ? "private" : "public";
}

static const char *type_name(CK_KEY_TYPE type)
{
	switch (type) {
	case CKK_RSA:
		return "RSA";
	case CKK_EC:
		return "EC";
	case CKK_EC_EDWARDS:
		return "EC_EDWARDS";
	case CKK_MONTGOMERY:
		return "EC_MONTGOMERY";
	case CKK_AES:
		return "AES";
	case CKK_GENERIC_SECRET:
		return "GENERIC_SECRET";
	default:
		return "other";
	}
}

static bool has(struct worker *worker, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	uint8_t buffer[RSA_BITS_MAX / 8 + 1];
	size_t len = 0;

	return object_read(&worker->token.session, object, type, buffer, sizeof(buffer), &len) == CKR_OK && len > 0;
}

/* SoftHSM gives an unwrapped AES key neither length nor check value; what shows is whether it works. */
static bool secret_works(struct worker *worker, CK_OBJECT_HANDLE object)
{
	struct key key = {
		.object = object,
		.handle = object,
		.class = CKO_SECRET_KEY,
		.type = CKK_AES,
		.can_decrypt = object_flag(&worker->token.session, object, CKA_DECRYPT),
		.can_unwrap = object_flag(&worker->token.session, object, CKA_UNWRAP),
	};

	return round_trip(&worker->token, &key, alg_find("A256KW")) == CKR_OK ||
		round_trip(&worker->token, &key, alg_find("A256GCMKW")) == CKR_OK;
}

/* A creation that was cut short leaves an object without its value. The value is sensitive and cannot be asked for, but
 * these come with it. Never try a private key instead: SoftHSM 2.6.1 dies of an RSA key without modulus. */
static bool whole(struct worker *worker, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS class, CK_KEY_TYPE type)
{
	CK_ULONG value_len = 0;
	size_t len = 0;

	if (type == CKK_RSA && class != CKO_SECRET_KEY)
		return has(worker, object, CKA_MODULUS);
	if (class != CKO_SECRET_KEY)
		return has(worker, object, class == CKO_PUBLIC_KEY ? CKA_EC_POINT : CKA_EC_PARAMS);
	if (object_read(&worker->token.session, object, CKA_VALUE_LEN, &value_len, sizeof(value_len), &len) == CKR_OK &&
		value_len > 0)
		return true;
	return has(worker, object, CKA_CHECK_VALUE) || (type == CKK_AES && secret_works(worker, object));
}

/* The name of the key that the object is a half of; an EC private key does not tell. */
static char *thumbprint(struct worker *worker, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS class, CK_KEY_TYPE type)
{
	struct public_half half;
	uint8_t params[64];
	size_t len = 0;
	const struct curve *curve = NULL;
	char *kid;

	if (class == CKO_SECRET_KEY)
		return NULL;
	if (type != CKK_RSA &&
		object_read(&worker->token.session, object, CKA_EC_PARAMS, params, sizeof(params), &len) == CKR_OK)
		curve = curves_from_params(params, len);
	if (public_of_object(&worker->token.session, object, type, curve, &half) != CKR_OK)
		return NULL;
	kid = arena_alloc(&worker->token.arena, KID_LEN);
	if (kid)
		public_thumbprint(&half, kid);
	return kid;
}

static Cek__Internal__V1__TokenObject *describe(struct worker *worker, CK_OBJECT_HANDLE object)
{
	struct session *session = &worker->token.session;
	Cek__Internal__V1__TokenObject *out = arena_alloc(&worker->token.arena, sizeof(*out));
	uint8_t *id = arena_alloc(&worker->token.arena, CKA_ID_MAX);
	char *label = arena_alloc(&worker->token.arena, LABEL_MAX + 1), *kid;
	CK_OBJECT_CLASS class = 0;
	CK_KEY_TYPE type = 0;
	size_t len;

	if (!out || !id || !label)
		return NULL;
	cek__internal__v1__token_object__init(out);
	if (object_read(session, object, CKA_CLASS, &class, sizeof(class), &len) != CKR_OK ||
		(class != CKO_SECRET_KEY && class != CKO_PRIVATE_KEY && class != CKO_PUBLIC_KEY))
		return NULL;
	if (object_read(session, object, CKA_ID, id, CKA_ID_MAX, &len) == CKR_OK)
		out->cka_id = (ProtobufCBinaryData){len, id};
	if (object_read(session, object, CKA_LABEL, label, LABEL_MAX, &len) == CKR_OK)
		out->label = label;
	if (object_read(session, object, CKA_KEY_TYPE, &type, sizeof(type), &len) == CKR_OK)
		out->key_type = (char *)(uintptr_t)type_name(type);
	out->class_ = (char *)(uintptr_t)class_name(class);
	kid = thumbprint(worker, object, class, type);
	if (kid)
		out->kid = kid;
	out->whole = whole(worker, object, class, type);
	out->sensitive = class == CKO_PUBLIC_KEY || object_flag(session, object, CKA_SENSITIVE);
	out->extractable = class != CKO_PUBLIC_KEY && object_flag(session, object, CKA_EXTRACTABLE);
	out->signs = class != CKO_PUBLIC_KEY && object_flag(session, object, CKA_SIGN);
	return out;
}

/* All handles first: an open search allows no other calls in some modules. */
static CK_RV find_all(struct worker *worker, struct list *ret_list)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE template[] = {{CKA_TOKEN, &yes, sizeof(yes)}};

	return objects_find_all(&worker->token.session, template, 1, &ret_list->object, &ret_list->n);
}

int manage_inventory(struct worker *worker, manage_send *send, void *context, Cek__Internal__V1__JobResult *ret_result)
{
	Cek__Internal__V1__TokenObject **row = arena_alloc(&worker->token.arena, PER_RESULT * sizeof(*row));
	struct list list = {0};
	CK_RV rv = row ? manage_begin_anew(worker) : CKR_HOST_MEMORY;
	size_t n = 0;

	if (rv == CKR_OK)
		rv = find_all(worker, &list);
	if (rv != CKR_OK) {
		manage_fail_rv(worker, ret_result, "listing the objects", rv);
		return 0;
	}
	const size_t mark = worker->token.arena.used;

	ret_result->object = row;
	ret_result->outcome = OUTCOME(OK);
	for (CK_ULONG i = 0; i < list.n; i++) {
		if (n == PER_RESULT) {
			int r;

			ret_result->n_object = n;
			ret_result->more = true;
			r = send(context, ret_result);
			if (r < 0) {
				free(list.object);
				return r;
			}
			ret_result->more = false;
			n = 0;
			wipe(worker->token.arena.base + mark, worker->token.arena.used - mark);
			worker->token.arena.used = mark;
		}
		row[n] = describe(worker, list.object[i]);
		n += row[n] != NULL;
	}
	ret_result->n_object = n;
	free(list.object);
	return 0;
}
