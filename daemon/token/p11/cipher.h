/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encryption and decryption by the token in one call, all in and all out.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/token/p11/session.h"

/* *len is how much ret_out holds, and then how much is in it. CKR_OK or what the token says. */
CK_RV cipher_encrypt(struct session *session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const uint8_t *in,
	size_t in_len, uint8_t *ret_out, CK_ULONG *len);
CK_RV cipher_decrypt(struct session *session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, const uint8_t *in,
	size_t in_len, uint8_t *ret_out, CK_ULONG *len);
