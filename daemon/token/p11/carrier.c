/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/carrier.h"

#include "daemon/token/p11/objects.h"

static const CK_OBJECT_CLASS class = CKO_SECRET_KEY;
static const CK_KEY_TYPE type = CKK_GENERIC_SECRET;
static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

CK_ULONG carrier_template(CK_ATTRIBUTE ret_template[CARRIER_ATTRIBUTES], const CK_ATTRIBUTE *more)
{
	CK_ULONG n = 0;

	ret_template[n++] = (CK_ATTRIBUTE){CKA_CLASS, (void *)(uintptr_t) & class, sizeof(class)};
	ret_template[n++] = (CK_ATTRIBUTE){CKA_KEY_TYPE, (void *)(uintptr_t)&type, sizeof(type)};
	ret_template[n++] = (CK_ATTRIBUTE){CKA_TOKEN, (void *)(uintptr_t)&no, sizeof(no)};
	ret_template[n++] = (CK_ATTRIBUTE){CKA_PRIVATE, (void *)(uintptr_t)&no, sizeof(no)};
	ret_template[n++] = (CK_ATTRIBUTE){CKA_SENSITIVE, (void *)(uintptr_t)&no, sizeof(no)};
	ret_template[n++] = (CK_ATTRIBUTE){CKA_EXTRACTABLE, (void *)(uintptr_t)&yes, sizeof(yes)};
	if (more)
		ret_template[n++] = *more;
	return n;
}

CK_RV carrier_take(struct session *session, CK_OBJECT_HANDLE object, uint8_t *ret_value, size_t size, size_t *ret_len)
{
	CK_RV rv = object_read(session, object, CKA_VALUE, ret_value, size, ret_len);
	CK_RV destroyed = object_destroy(session, object);

	return rv != CKR_OK ? rv : destroyed;
}
