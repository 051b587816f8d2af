/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/manage/template.h"

#include <string.h>

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

void template_add(struct template *template, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
	if (template->n < TEMPLATE_MAX)
		template->attribute[template->n++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, len};
}

static void flag(struct template *template, CK_ATTRIBUTE_TYPE type, bool value)
{
	template_add(template, type, value ? &yes : &no, sizeof(yes));
}

static void name(struct template *template, const char *label, const ProtobufCBinaryData *id)
{
	template_add(template, CKA_LABEL, label, strlen(label));
	template_add(template, CKA_ID, id->data, id->len);
}

static void protect(struct template *template)
{
	flag(template, CKA_TOKEN, true);
	flag(template, CKA_PRIVATE, true);
	flag(template, CKA_SENSITIVE, true);
	flag(template, CKA_EXTRACTABLE, false);
}

/* Always the last one, so that it can be taken off again. */
static void allow(struct template *template, size_t n)
{
	template_add(template, CKA_ALLOWED_MECHANISMS, template->allowed, n * sizeof(template->allowed[0]));
}

void template_private(struct template *template, const struct facts *facts, const struct alg *alg, const char *label,
	const ProtobufCBinaryData *id)
{
	const bool rsa = alg->family == ALG_RSA_OAEP;

	template->n = 0;
	name(template, label, id);
	protect(template);
	flag(template, CKA_DECRYPT, rsa);
	flag(template, CKA_DERIVE, !rsa);
	flag(template, CKA_SIGN, false);
	flag(template, CKA_SIGN_RECOVER, false);
	flag(template, CKA_UNWRAP, false);
	if (!rsa) {
		template->allowed[0] = CKM_ECDH1_DERIVE;
		allow(template, 1);
		return;
	}
	/* Where OAEP is decoded in the worker today, a better module may do it tomorrow. */
	template->allowed[0] = CKM_RSA_PKCS_OAEP;
	template->allowed[1] = CKM_RSA_X_509;
	allow(template, facts->oaep[facts_hash_index(alg)] ? 1 : 2);
}

void template_secret(struct template *template, const struct facts *facts, const struct alg *alg, const char *label,
	const ProtobufCBinaryData *id)
{
	const bool cipher = alg->family == ALG_AES_GCMKW || facts->kw == KW_CIPHER;

	template->n = 0;
	name(template, label, id);
	protect(template);
	flag(template, CKA_ENCRYPT, cipher);
	flag(template, CKA_DECRYPT, cipher);
	flag(template, CKA_WRAP, !cipher);
	flag(template, CKA_UNWRAP, !cipher);
	flag(template, CKA_SIGN, false);
	flag(template, CKA_VERIFY, false);
	flag(template, CKA_DERIVE, false);
	template->allowed[0] = alg->family == ALG_AES_GCMKW ? CKM_AES_GCM : CKM_AES_KEY_WRAP;
	allow(template, 1);
}

void template_public(struct template *template, const struct alg *alg, const char *label, const ProtobufCBinaryData *id)
{
	template->n = 0;
	name(template, label, id);
	flag(template, CKA_TOKEN, true);
	flag(template, CKA_PRIVATE, false);
	flag(template, CKA_ENCRYPT, alg->family == ALG_RSA_OAEP);
	flag(template, CKA_VERIFY, false);
	flag(template, CKA_VERIFY_RECOVER, false);
	flag(template, CKA_WRAP, false);
	flag(template, CKA_DERIVE, false);
}

bool template_without_mechanisms(struct template *template)
{
	if (template->n == 0 || template->attribute[template->n - 1].type != CKA_ALLOWED_MECHANISMS)
		return false;
	template->n--;
	return true;
}

bool template_refused(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID ||
		rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_READ_ONLY;
}
