/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session objects that carry a secret value (Z, a CEK) between the token and this process where no call takes or gives
 * it bare: readable, and gone at once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/token/p11/session.h"

enum { CARRIER_ATTRIBUTES = 7 };

/* The attributes of such an object and one more, if more is not NULL. How many they are. */
CK_ULONG carrier_template(CK_ATTRIBUTE ret_template[CARRIER_ATTRIBUTES], const CK_ATTRIBUTE *more);

/* Read its value, of at most size bytes, and destroy it in any case. CKR_OK or what the token says to either. */
CK_RV carrier_take(struct session *session, CK_OBJECT_HANDLE object, uint8_t *ret_value, size_t size, size_t *ret_len);
