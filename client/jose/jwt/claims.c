/* SPDX-License-Identifier: Apache-2.0 */
/* claims.h */
#include "client/jose/jwt/claims.h"

#include <string.h>

#include "client/jose/error.h"

static int refuse(struct cek_jwe_error *error, const char *claim, const char *why)
{
	return jwe_error(error, CEK_JWT_CLAIM, "%s: %s", claim, why);
}

/* ---- times (RFC 7519 sections 4.1.4 to 4.1.6) -------------------------------------------------------------------- */

/* A NumericDate in whole seconds and whether there is a fraction beyond; -1 if the claim is not there. */
struct instant {
	int64_t seconds;
	bool fraction;
};

static int take_time(const struct jwt_object *claims, const char *name, struct instant *ret,
	struct cek_jwe_error *error)
{
	struct cek_jwt_value value = jwt_object_get(claims, name);

	*ret = (struct instant){.seconds = -1};
	if (value.type == CEK_JWT_NONE)
		return CEK_JWE_OK;
	if (value.type != CEK_JWT_INTEGER && value.type != CEK_JWT_REAL)
		return refuse(error, name, "not a number");
	if (!(value.real >= 0 && value.real <= (double)JWT_TIME_MAX))
		return refuse(error, name, "not within 1970 and 9999");
	ret->seconds = value.type == CEK_JWT_INTEGER ? value.integer : (int64_t)value.real;
	ret->fraction = value.type == CEK_JWT_REAL && (double)ret->seconds < value.real;
	return CEK_JWE_OK;
}

static int check_exp(const struct jwt_object *claims, const struct cek_jwt_policy *policy, int64_t *ret_expires,
	struct cek_jwe_error *error)
{
	struct instant exp;
	int code = take_time(claims, "exp", &exp, error);

	if (code != CEK_JWE_OK)
		return code;
	if (exp.seconds < 0 && !policy->no_exp)
		return refuse(error, "exp", "missing");
	if (exp.seconds >= 0 && policy->now - (int64_t)policy->leeway >= exp.seconds)
		return refuse(error, "exp", "the token has expired");
	*ret_expires = exp.seconds;
	return CEK_JWE_OK;
}

static int check_begin(const struct jwt_object *claims, const struct cek_jwt_policy *policy, const char *name,
	struct cek_jwe_error *error)
{
	struct instant begin;
	int code = take_time(claims, name, &begin, error);

	if (code == CEK_JWE_OK && begin.seconds + begin.fraction > policy->now + (int64_t)policy->leeway)
		code = refuse(error, name, "in the future");
	return code;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* A string: an array with the issuer in it is none (RFC 8725 section 3.8). */
static int check_iss(const struct jwt_object *claims, const struct cek_jwt_policy *policy, struct cek_jwe_error *error)
{
	struct cek_jwt_value iss = jwt_object_get(claims, "iss");
	const char *const *issuer = policy->issuers;

	if (!issuer)
		return CEK_JWE_OK;
	if (iss.type != CEK_JWT_STRING)
		return refuse(error, "iss", iss.type == CEK_JWT_NONE ? "missing" : "not a string");
	while (*issuer && strcmp(*issuer, iss.text.data) != 0)
		issuer++;
	return *issuer ? CEK_JWE_OK : refuse(error, "iss", "not one of the caller's issuers");
}

static int check_aud(const struct jwt_object *claims, const struct cek_jwt_policy *policy, struct cek_jwe_error *error)
{
	const char *const *audience = policy->audiences;

	if (!audience)
		return CEK_JWE_OK;
	if (jwt_object_get(claims, "aud").type == CEK_JWT_NONE)
		return refuse(error, "aud", "missing");
	while (*audience && !jwt_object_has(claims, "aud", *audience))
		audience++;
	return *audience ? CEK_JWE_OK : refuse(error, "aud", "none of the caller's audiences, or not strings");
}

static int check_required(const struct jwt_object *claims, const struct cek_jwt_policy *policy,
	struct cek_jwe_error *error)
{
	for (const char *const *name = policy->required; name && *name; name++) {
		int type = jwt_object_get(claims, *name).type;

		if (type == CEK_JWT_NONE || type == CEK_JWT_NULL)
			return refuse(error, *name, type == CEK_JWT_NONE ? "missing" : "null");
	}
	return CEK_JWE_OK;
}

/* ---- scopes ------------------------------------------------------------------------------------------------------ */

/* RFC 8693 section 4.2: words with a space between. */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word), n;

	for (; *text; text += n + (text[n] == ' ')) {
		n = strcspn(text, " ");
		if (n == len && memcmp(text, word, n) == 0)
			return true;
	}
	return false;
}

static int check_scopes(const struct jwt_object *claims, const struct cek_jwt_policy *policy,
	struct cek_jwe_error *error)
{
	const char *name = jwt_object_get(claims, "scope").type == CEK_JWT_NONE ? "scp" : "scope";
	struct cek_jwt_value scope = jwt_object_get(claims, name);

	for (const char *const *wanted = policy->scopes; wanted && *wanted; wanted++)
		if (scope.type == CEK_JWT_STRING ? !has_word(scope.text.data, *wanted)
						 : !jwt_object_has(claims, name, *wanted))
			return jwe_error(error, CEK_JWT_SCOPE, "scope: %s is missing", *wanted);
	return CEK_JWE_OK;
}

int claims_check(const struct jwt_object *claims, const struct cek_jwt_policy *policy, int64_t *ret_expires,
	struct cek_jwe_error *error)
{
	int64_t expires = -1;
	int code = check_exp(claims, policy, &expires, error);

	if (code == CEK_JWE_OK)
		code = check_begin(claims, policy, "nbf", error);
	if (code == CEK_JWE_OK)
		code = check_begin(claims, policy, "iat", error);
	if (code == CEK_JWE_OK)
		code = check_iss(claims, policy, error);
	if (code == CEK_JWE_OK)
		code = check_aud(claims, policy, error);
	if (code == CEK_JWE_OK)
		code = check_required(claims, policy, error);
	if (code == CEK_JWE_OK)
		code = check_scopes(claims, policy, error);
	if (code == CEK_JWE_OK)
		*ret_expires = expires;
	return code;
}
