/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tokens that cannot unwrap a kind of private key (SoftHSM: X25519): the key is opened here, in memory, and created
 * in the token. The operator is told.
 */
#pragma once

#include "daemon/token/facts/token.h"
#include "daemon/token/manage/template.h"
#include "daemon/token/p11/curves.h"

/* Open wrapped (RFC 5649) with the AES-256 key kek and create what it holds, with the attributes of template. curve is
 * that of the public half (NULL: RSA, or AES if the class is secret). CKR_WRAPPED_KEY_INVALID if it does not open or is
 * no such key, or what the token says. */
CK_RV plain_create(struct token *token, const uint8_t *kek, const ProtobufCBinaryData *wrapped, CK_OBJECT_CLASS class,
	CK_KEY_TYPE type, const struct curve *curve, const struct template *template, CK_OBJECT_HANDLE *ret_object);
