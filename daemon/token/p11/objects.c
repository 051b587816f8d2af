/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/objects.h"

#include <stdlib.h>

#include "daemon/token/p11/ckr.h"

enum { FIND_AT_ONCE = 64 };

/* A search that does not end would be in the way of the next one. */
static CK_RV end_search(struct session *session)
{
	CK_RV rv = session->f->C_FindObjectsFinal(session->handle);

	if (!ckr_doubtful(rv))
		return rv;
	rv = session->f->C_FindObjectsFinal(session->handle);
	return rv == CKR_OPERATION_NOT_INITIALIZED ? CKR_OK : rv;
}

static CK_RV find_once(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret_objects,
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
	final = end_search(session);
	if (rv == CKR_OK)
		rv = final;
	if (rv == CKR_OK)
		*ret_n = found;
	return rv;
}

CK_RV objects_find(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret_objects,
	CK_ULONG max, CK_ULONG *ret_n)
{
	CK_RV rv = find_once(session, template, n, ret_objects, max, ret_n);

	return ckr_doubtful(rv) ? find_once(session, template, n, ret_objects, max, ret_n) : rv;
}

static CK_RV find_all_once(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE **ret_objects,
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
	final = end_search(session);
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

CK_RV objects_find_all(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE **ret_objects,
	CK_ULONG *ret_n)
{
	CK_RV rv = find_all_once(session, template, n, ret_objects, ret_n);

	return ckr_doubtful(rv) ? find_all_once(session, template, n, ret_objects, ret_n) : rv;
}

static CK_RV get(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attribute)
{
	const CK_ATTRIBUTE asked = *attribute;
	CK_RV rv = session->f->C_GetAttributeValue(session->handle, object, attribute, 1);

	if (!ckr_doubtful(rv))
		return rv;
	*attribute = asked;
	return session->f->C_GetAttributeValue(session->handle, object, attribute, 1);
}

CK_RV object_read(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *ret_value,
	size_t size, size_t *ret_len)
{
	CK_ATTRIBUTE attribute = {type, ret_value, size};
	CK_RV rv = get(session, object, &attribute);

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

CK_RV object_tells(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *ret_value,
	size_t size, size_t *ret_len, enum told *ret_told)
{
	CK_ATTRIBUTE attribute = {type, ret_value, size};
	CK_RV rv = get(session, object, &attribute);

	*ret_told = TOLD_NOTHING;
	if (rv == CKR_BUFFER_TOO_SMALL)
		*ret_told = TOLD_TOO_MUCH;
	if (rv == CKR_BUFFER_TOO_SMALL || rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE)
		return CKR_OK;
	if (rv != CKR_OK || attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION || attribute.ulValueLen == 0)
		return rv;
	*ret_told = attribute.ulValueLen > size ? TOLD_TOO_MUCH : TOLD;
	*ret_len = attribute.ulValueLen;
	return CKR_OK;
}

CK_RV object_destroy(struct session *session, CK_OBJECT_HANDLE object)
{
	return session->f->C_DestroyObject(session->handle, object);
}
