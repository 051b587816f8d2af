/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token/p11/ckr.h"

#include <stdio.h>

static const struct {
	CK_RV rv;
	const char *name;
	enum ckr_class class;
} table[] = {
#define ROW(code, class)                       \
	{                                      \
		code, #code, CKR_CLASS_##class \
	}
	ROW(CKR_OK, OK),
	ROW(CKR_ENCRYPTED_DATA_INVALID, DATA),
	ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, DATA),
	ROW(CKR_WRAPPED_KEY_INVALID, DATA),
	ROW(CKR_WRAPPED_KEY_LEN_RANGE, DATA),
	ROW(CKR_DATA_INVALID, DATA),
	ROW(CKR_DATA_LEN_RANGE, DATA),
	ROW(CKR_BUFFER_TOO_SMALL, DATA),
	ROW(CKR_DOMAIN_PARAMS_INVALID, DATA),
	ROW(CKR_PUBLIC_KEY_INVALID, DATA),
	/* The peer's point or IV is a parameter, and NSS says the second of a derived key that is all zero. */
	ROW(CKR_MECHANISM_PARAM_INVALID, DATA),
	ROW(CKR_KEY_SIZE_RANGE, DATA),
	ROW(CKR_GENERAL_ERROR, AMBIGUOUS),
	ROW(CKR_FUNCTION_FAILED, AMBIGUOUS),
	ROW(CKR_ARGUMENTS_BAD, AMBIGUOUS),
	ROW(CKR_HOST_MEMORY, AMBIGUOUS),
	ROW(CKR_SESSION_HANDLE_INVALID, SESSION),
	ROW(CKR_SESSION_CLOSED, SESSION),
	ROW(CKR_OPERATION_ACTIVE, SESSION),
	ROW(CKR_OPERATION_NOT_INITIALIZED, SESSION),
	ROW(CKR_USER_NOT_LOGGED_IN, LOGIN),
	ROW(CKR_OBJECT_HANDLE_INVALID, HANDLE),
	ROW(CKR_KEY_HANDLE_INVALID, HANDLE),
	ROW(CKR_WRAPPING_KEY_HANDLE_INVALID, HANDLE),
	ROW(CKR_UNWRAPPING_KEY_HANDLE_INVALID, HANDLE),
	ROW(CKR_PIN_INCORRECT, PIN),
	ROW(CKR_PIN_INVALID, PIN),
	ROW(CKR_PIN_LEN_RANGE, PIN),
	ROW(CKR_PIN_LOCKED, PIN),
	ROW(CKR_PIN_EXPIRED, PIN),
	ROW(CKR_USER_PIN_NOT_INITIALIZED, PIN),
	ROW(CKR_DEVICE_ERROR, HARD),
	ROW(CKR_DEVICE_REMOVED, HARD),
	ROW(CKR_DEVICE_MEMORY, HARD),
	ROW(CKR_TOKEN_NOT_PRESENT, HARD),
	ROW(CKR_TOKEN_NOT_RECOGNIZED, HARD),
	ROW(CKR_SLOT_ID_INVALID, HARD),
	ROW(CKR_CRYPTOKI_NOT_INITIALIZED, HARD),
	ROW(CKR_MECHANISM_INVALID, UNSUPPORTED),
	ROW(CKR_FUNCTION_NOT_SUPPORTED, UNSUPPORTED),
	ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, UNSUPPORTED),
	ROW(CKR_KEY_TYPE_INCONSISTENT, UNSUPPORTED),
	ROW(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, UNSUPPORTED),
	ROW(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, UNSUPPORTED),
	ROW(CKR_CURVE_NOT_SUPPORTED, UNSUPPORTED),
	ROW(CKR_ATTRIBUTE_TYPE_INVALID, UNSUPPORTED),
	ROW(CKR_ATTRIBUTE_VALUE_INVALID, UNSUPPORTED),
	ROW(CKR_ATTRIBUTE_SENSITIVE, UNSUPPORTED),
	ROW(CKR_ATTRIBUTE_READ_ONLY, UNSUPPORTED),
	ROW(CKR_TEMPLATE_INCOMPLETE, UNSUPPORTED),
	ROW(CKR_TEMPLATE_INCONSISTENT, UNSUPPORTED),
	ROW(CKR_ACTION_PROHIBITED, UNSUPPORTED),
	ROW(CKR_CEKD_MISSING, MISSING),
	ROW(CKR_CEKD_AMBIGUOUS, TWINS),
	ROW(CKR_CEKD_WRONG, AMBIGUOUS),
	ROW(CKR_CEKD_UNTRIED, UNTRIED),
#undef ROW
};

enum ckr_class ckr_class(CK_RV rv)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].rv == rv)
			return table[i].class;
	return CKR_CLASS_AMBIGUOUS;
}

bool ckr_doubtful(CK_RV rv)
{
	const enum ckr_class class = ckr_class(rv);

	return class == CKR_CLASS_HARD || class == CKR_CLASS_AMBIGUOUS;
}

const char *ckr_name(CK_RV rv)
{
	static char unknown[32];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].rv == rv)
			return table[i].name;
	snprintf(unknown, sizeof(unknown), "CKR 0x%lx", rv);
	return unknown;
}

const char *ckr_says(CK_RV rv)
{
	static char text[64];

	switch (rv) {
	case CKR_CEKD_MISSING:
		return "the token has no such key";
	case CKR_CEKD_AMBIGUOUS:
		return "several keys of the token could be meant";
	case CKR_CEKD_WRONG:
		return "the token's result is wrong";
	case CKR_CEKD_UNTRIED:
		return "the token has not shown yet whether it can";
	default:
		snprintf(text, sizeof(text), "the token says %s", ckr_name(rv));
		return text;
	}
}
