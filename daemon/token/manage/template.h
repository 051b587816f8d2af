/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attributes of every KEK that cekd puts into a token: CKA_TOKEN, PRIVATE, SENSITIVE, not EXTRACTABLE, and no usage
 * but what its alg needs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/token/facts/facts.h"
#include "proto/alg.h"
#include "proto/internal.pb-c.h"

enum { TEMPLATE_MAX = 32 };

struct template
{
	CK_ATTRIBUTE attribute[TEMPLATE_MAX];
	CK_ULONG n;
	CK_MECHANISM_TYPE allowed[4]; /* what CKA_ALLOWED_MECHANISMS points to */
};

/* label and id must outlive the template, which must not be moved. */
void template_private(struct template *template, const struct facts *facts, const struct alg *alg, const char *label,
	const ProtobufCBinaryData *id);
void template_secret(struct template *template, const struct facts *facts, const struct alg *alg, const char *label,
	const ProtobufCBinaryData *id);
/* The public half beside a private key: readable by all, good for encryption (RSA) or nothing. */
void template_public(struct template *template, const struct alg *alg, const char *label,
	const ProtobufCBinaryData *id);

void template_add(struct template *template, CK_ATTRIBUTE_TYPE type, const void *value, size_t len);

/* Take the last attribute off if it is CKA_ALLOWED_MECHANISMS, which not every token takes. False if it is not. */
bool template_without_mechanisms(struct template *template);

/* Is rv what tokens say to an attribute that they do not know? */
bool template_refused(CK_RV rv);
