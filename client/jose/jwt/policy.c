/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h */
#include "client/jose/jwt/policy.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "client/jose/error.h"
#include "client/jose/jwt/claims.h"
#include "proto/alg.h"

/* Bytes: what no header will ever reach, and memory that was not zeroed mostly does. */
enum { POLICY_SIZE_MAX = 1024 };

static int incomplete(struct cek_jwe_error *error, const char *why)
{
	return jwe_error(error, CEK_JWE_POLICY, "policy, %s", why);
}

/* Members that a newer header has count as not known unless they are zero. */
static bool take_known(const struct cek_jwt_policy *from, struct cek_jwt_policy *ret)
{
	const uint8_t *octets = (const uint8_t *)from;

	if (from->size < offsetof(struct cek_jwt_policy, issuers) || from->size > POLICY_SIZE_MAX)
		return false;
	for (size_t i = sizeof(*ret); i < from->size; i++)
		if (octets[i])
			return false;
	*ret = (struct cek_jwt_policy){0};
	memcpy(ret, from, from->size < sizeof(*ret) ? from->size : sizeof(*ret));
	return true;
}

int policy_take(const struct cek_jwt_policy *from, struct cek_jwt_policy *ret_policy, struct cek_jwe_error *error)
{
	struct cek_jwt_policy policy;

	if (!take_known(from, &policy))
		return incomplete(error, "size: not set, or members that this library does not know");
	if (!policy.algs || !policy.algs[0])
		return incomplete(error, "algs: missing");
	for (const char *const *name = policy.algs; *name; name++)
		if (!jws_alg_find(*name))
			return incomplete(error, "algs: one that is no signature with a public key");
	if (policy.leeway > CEK_JWT_LEEWAY_MAX)
		return incomplete(error, "leeway: over a day");
	if (policy.max_token > CEK_JWE_TOKEN_MAX)
		return incomplete(error, "max_token: over CEK_JWE_TOKEN_MAX");
	if (policy.max_token == 0)
		policy.max_token = CEK_JWE_TOKEN_DEFAULT;
	if (policy.now < 0 || policy.now > JWT_TIME_MAX)
		return incomplete(error, "now: not within 1970 and 9999");
	if (policy.now == 0)
		policy.now = (int64_t)(clock_real_us() / 1000000);
	*ret_policy = policy;
	return CEK_JWE_OK;
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

/* A string, or NULL if it is not there. */
static int take_string(const struct jwt_object *header, const char *name, const char **ret, struct cek_jwe_error *error)
{
	struct cek_jwt_value value = jwt_object_get(header, name);

	*ret = NULL;
	if (value.type == CEK_JWT_NONE)
		return CEK_JWE_OK;
	if (value.type != CEK_JWT_STRING || value.text.len == 0)
		return jwe_error(error, CEK_JWE_MALFORMED, "header, %s: not a string, or empty", name);
	*ret = value.text.data;
	return CEK_JWE_OK;
}

/* RFC 7515 section 4.1.9: "application/" may be left out where no other "/" is; media types are in any case. */
static const char *subtype(const char *type)
{
	static const char prefix[] = "application/";
	size_t len = sizeof(prefix) - 1;

	return strncasecmp(type, prefix, len) == 0 && !strchr(type + len, '/') ? type + len : type;
}

static bool is_type(const char *one, const char *other)
{
	return strcasecmp(subtype(one), subtype(other)) == 0;
}

static int check_alg(const struct cek_jwt_policy *policy, const struct jwt_object *header,
	const struct jws_alg **ret_alg, struct cek_jwe_error *error)
{
	const char *const *allowed = policy->algs;
	const char *name;
	int code = take_string(header, "alg", &name, error);

	if (code != CEK_JWE_OK)
		return code;
	if (!name)
		return jwe_error(error, CEK_JWE_MALFORMED, "header, alg: missing");
	while (*allowed && strcmp(*allowed, name) != 0)
		allowed++;
	if (!*allowed)
		return jwe_error(error, CEK_JWE_POLICY, "header, alg: not in the caller's list");
	*ret_alg = jws_alg_find(name);
	return CEK_JWE_OK;
}

/* RFC 8725 section 3.11, RFC 9068 section 4. */
static int check_typ(const struct cek_jwt_policy *policy, const struct jwt_object *header, struct cek_jwe_error *error)
{
	const char *const *allowed = policy->types;
	const char *typ;
	int code = take_string(header, "typ", &typ, error);

	if (code != CEK_JWE_OK || !allowed)
		return code;
	while (typ && *allowed && !is_type(*allowed, typ))
		allowed++;
	return typ && *allowed ? CEK_JWE_OK : jwe_error(error, CEK_JWE_POLICY, "header, typ: not in the caller's list");
}

/* RFC 7519 section 5.2: the payload would be another JWT, not claims. */
static int check_cty(const struct jwt_object *header, struct cek_jwe_error *error)
{
	const char *cty;
	int code = take_string(header, "cty", &cty, error);

	if (code == CEK_JWE_OK && cty && strcasecmp(subtype(cty), "JWT") == 0)
		code = jwe_error(error, CEK_JWE_POLICY, "header, cty: a JWT within a JWT");
	return code;
}

int policy_check_header(const struct cek_jwt_policy *policy, const struct jwt_object *header,
	const struct jws_alg **ret_alg, const char **ret_kid, struct cek_jwe_error *error)
{
	int code;

	if (jwt_object_get(header, "crit").type != CEK_JWT_NONE)
		return jwe_error(error, CEK_JWE_POLICY, "header, crit: no extension is understood");
	if (jwt_object_get(header, "b64").type != CEK_JWT_NONE) /* RFC 7797 section 7: not in a JWT */
		return jwe_error(error, CEK_JWE_POLICY, "header, b64: not in a JWT");
	code = check_alg(policy, header, ret_alg, error);
	if (code == CEK_JWE_OK)
		code = check_typ(policy, header, error);
	if (code == CEK_JWE_OK)
		code = check_cty(header, error);
	if (code == CEK_JWE_OK)
		code = take_string(header, "kid", ret_kid, error);
	return code;
}
