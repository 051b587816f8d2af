/* SPDX-License-Identifier: Apache-2.0 */
/* error.h, and the texts of cek-jose.h. */
#include "client/jose/error.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *text;
} codes[] = {
	[CEK_JWE_OK] = {"OK", "done"},
	[CEK_JWE_MALFORMED] = {"MALFORMED", "not as the RFC wants it"},
	[CEK_JWE_POLICY] = {"POLICY", "not allowed by the policy"},
	[CEK_JWE_NO_KEY] = {"NO_KEY", "no key that may be used for this"},
	[CEK_JWE_DENIED] = {"DENIED", "cekd does not let this caller do that"},
	[CEK_JWE_UNAVAILABLE] = {"UNAVAILABLE", "no answer of cekd or its token"},
	[CEK_JWE_TOO_LARGE] = {"TOO_LARGE", "larger than the limit"},
	[CEK_JWE_NOMEM] = {"NOMEM", "out of memory"},
	[CEK_JWE_FAILED] = {"FAILED", "the token cannot be opened"},
	[CEK_JWT_CLAIM] = {"CLAIM", "a claim of the token is not as it has to be"},
	[CEK_JWT_SCOPE] = {"SCOPE", "the token lacks a scope"},
};

enum { CODES = sizeof(codes) / sizeof(codes[0]) };

const char *cek_jwe_code_name(int code)
{
	return code >= 0 && code < CODES ? codes[code].name : "UNKNOWN";
}

const char *cek_jwe_code_text(int code)
{
	return code >= 0 && code < CODES ? codes[code].text : "not a code of libcek-jose";
}

/* Whole, padding too: what cekd refused and what the tag refused must not differ in a single byte. */
static void error_set(struct cek_jwe_error *error, int code)
{
	memset(error, 0, sizeof(*error));
	error->code = code;
	error->temporary = code == CEK_JWE_NOMEM;
}

int jwe_error(struct cek_jwe_error *error, int code, const char *format, ...)
{
	va_list list;

	if (!error)
		return code;
	error_set(error, code);
	va_start(list, format);
	(void)vsnprintf(error->details, sizeof(error->details), format, list);
	va_end(list);
	for (char *c = error->details; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	return code;
}

int jwe_error_code(struct cek_jwe_error *error, int code)
{
	if (error)
		error_set(error, code);
	return code;
}

static int code_of_status(int status)
{
	switch (status) {
	case CEK_OK:
		return CEK_JWE_OK;
	case CEK_MALFORMED:
	case CEK_E_INVALID:
		return CEK_JWE_MALFORMED;
	case CEK_TOO_LARGE:
		return CEK_JWE_TOO_LARGE;
	case CEK_FAILED:
		return CEK_JWE_FAILED;
	case CEK_UNKNOWN_KEY:
	case CEK_UNUSABLE:
		return CEK_JWE_NO_KEY;
	case CEK_DENIED:
		return CEK_JWE_DENIED;
	case CEK_UNSUPPORTED:
	case CEK_NOT_IMPLEMENTED:
		return CEK_JWE_POLICY;
	case CEK_E_NOMEM:
		return CEK_JWE_NOMEM;
	default:
		return CEK_JWE_UNAVAILABLE;
	}
}

int jwe_error_status(struct cek_jwe_error *error, int status, const char *message)
{
	int code = code_of_status(status);

	if (code == CEK_JWE_OK || code == CEK_JWE_FAILED)
		return jwe_error_code(error, code);
	if (code == CEK_JWE_NOMEM)
		jwe_error_code(error, code);
	else
		jwe_error(error, code, "%s", message && *message ? message : cek_status_text(status));
	if (error) {
		error->status = status;
		error->temporary |= cek_status_is_temporary(status) || status == CEK_E_FULL;
	}
	return code;
}

int jwe_error_result(struct cek_jwe_error *error, int status, const cek_result *result)
{
	int code = jwe_error_status(error, status, result ? cek_result_message(result) : NULL);
	int reason = cek_result_reason(result);

	/* A ciphertext that failed has no reason but one that does not speak of it. */
	if (error && (code == CEK_JWE_FAILED ? reason == CEK_REASON_UNTRIED : error->status != CEK_OK) &&
		reason > CEK_REASON_NONE && reason <= UCHAR_MAX)
		error->reason = (unsigned char)reason;
	return code;
}
