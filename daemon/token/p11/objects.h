/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding objects of the token and reading their attributes. What only looks is done once more when the token gave an
 * error that need not last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/token/p11/session.h"

/* Up to max token objects that match the template. */
CK_RV objects_find(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret_objects,
	CK_ULONG max, CK_ULONG *ret_n);

/* All token objects that match; malloc'ed, the caller's to free. */
CK_RV objects_find_all(struct session *session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE **ret_objects,
	CK_ULONG *ret_n);

/* Is this attribute there and true? */
bool object_flag(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);

/* One attribute into a buffer of at most size bytes. CKR_OK or what the token says. */
CK_RV object_read(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *ret_value,
	size_t size, size_t *ret_len);

/* What an object tells of itself. */
enum told { TOLD, TOLD_NOTHING, TOLD_TOO_MUCH };

/* The same, and an attribute that is not there, is empty, or is longer than size is an answer as well: CKR_OK, and
 * *ret_told says which. Any other result is an error of the token, which says nothing of the object. */
CK_RV object_tells(struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *ret_value,
	size_t size, size_t *ret_len, enum told *ret_told);

CK_RV object_destroy(struct session *session, CK_OBJECT_HANDLE object);
