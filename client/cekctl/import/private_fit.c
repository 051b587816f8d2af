/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/private_fit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proto/base64url.h"
#include "proto/utf8.h"

__attribute__((format(printf, 2, 3))) static int unfit(char why[PRIVATE_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, PRIVATE_WHY, format, args);
	va_end(args);
	return PRIVATE_UNFIT;
}

static const char *text_of(const json_t *jwk, const char *name)
{
	const char *text = json_string_value(json_object_get(jwk, name));

	return text ? text : "";
}

static bool is_aes(const struct alg *alg)
{
	return alg->family == ALG_AES_KW || alg->family == ALG_AES_GCMKW;
}

static int check_types(const json_t *jwk, char why[PRIVATE_WHY])
{
	static const char *const names[] = {"kty", "crv", "alg", "use"};

	if (!json_is_object(jwk))
		return private_refuse(why, "not a JSON object");
	if (!json_object_get(jwk, "kty"))
		return private_refuse(why, "the JWK has no \"kty\"");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_object_get(jwk, names[i]) && !json_is_string(json_object_get(jwk, names[i])))
			return private_refuse(why, "the JWK's \"%s\" is not a string", names[i]);
	return 0;
}

static int check_kty(const json_t *jwk, const struct alg *alg, char why[PRIVATE_WHY])
{
	const char *wanted = alg->family == ALG_RSA_OAEP ? "RSA" : is_aes(alg) ? "oct" : "EC or OKP";
	const char *kty = text_of(jwk, "kty"), *own = text_of(jwk, "alg"), *crv = text_of(jwk, "crv");
	const struct curve *curve = curve_find(crv);
	bool right = alg->family == ALG_ECDH ? strcmp(kty, "EC") == 0 || strcmp(kty, "OKP") == 0
					     : strcmp(kty, wanted) == 0;

	if (!right && strcmp(own, alg->name) == 0)
		return private_refuse(why, "the JWK's \"alg\" is %s, which does not fit its \"kty\" %.16s", own, kty);
	if (!right)
		return unfit(why, "%s needs a key of kty %s, and this one is %.16s", alg->name, wanted, kty);
	if (alg->family != ALG_ECDH)
		return 0;
	if (!curve)
		return unfit(why, "the JWK's \"crv\" is none of P-256, P-384, P-521 and X25519");
	if (strcmp(curve->kty, kty) != 0)
		return private_refuse(why, "the JWK's \"crv\" is %s, which does not fit its \"kty\" %s", crv, kty);
	return 0;
}

static int check_alg(const json_t *jwk, const struct alg *alg, char why[PRIVATE_WHY])
{
	const char *own = text_of(jwk, "alg"), *use = text_of(jwk, "use");

	if (json_object_get(jwk, "alg") && strcmp(own, alg->name) != 0)
		return unfit(why, "the JWK's \"alg\" is \"%.40s\", not %s", own, alg->name);
	if (json_object_get(jwk, "use") && strcmp(use, "enc") != 0)
		return unfit(why, "the JWK's \"use\" is \"%.40s\", not enc", use);
	return 0;
}

static bool is_one_of(const char *text, const char *const *words)
{
	while (*words && strcmp(*words, text) != 0)
		words++;
	return *words != NULL;
}

static int check_ops(const json_t *jwk, const struct alg *alg, char why[PRIVATE_WHY])
{
	static const char *const opening[] = {"decrypt", "unwrapKey", NULL},
				 *const agreeing[] = {"deriveKey", "deriveBits", NULL};
	static const char *const signing[] = {"sign", "verify", NULL};
	const char *const *fitting = alg->family == ALG_ECDH ? agreeing : opening;
	const json_t *ops = json_object_get(jwk, "key_ops"), *other;
	const json_t *op;
	bool fits = false;
	size_t i, k;

	if (!ops)
		return 0;
	if (!json_is_array(ops))
		return private_refuse(why, "the JWK's \"key_ops\" is not an array");
	json_array_foreach(ops, i, op)
	{
		const char *name = json_string_value(op);

		if (!name)
			return private_refuse(why, "the JWK's \"key_ops\" has what is not a string");
		json_array_foreach(ops, k, other) if (k < i && json_equal(op, other)) return private_refuse(why,
			"the JWK's \"key_ops\" has \"%.40s\" twice", name);
		if (json_object_get(jwk, "use") && is_one_of(name, signing))
			return private_refuse(why, "the JWK's \"use\" is enc, and its \"key_ops\" has \"%s\"", name);
		fits = fits || is_one_of(name, fitting);
	}
	return fits ? 0
		    : unfit(why, "the JWK's \"key_ops\" has neither \"%s\" nor \"%s\", which %s needs", fitting[0],
			      fitting[1], alg->name);
}

/* Whether a member is base64url but for the end, and of how many octets: what it holds is no matter here. */
static bool has_octets(const json_t *jwk, const char *name, size_t *ret_octets)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *text = text_of(jwk, name);
	const size_t len = json_string_length(json_object_get(jwk, name));

	*ret_octets = b64u_decoded_len(len);
	return len > 0 && strspn(text, digits) == len;
}

static bool is_half(const json_t *jwk)
{
	return json_object_get(jwk, "p") || json_object_get(jwk, "q") || json_object_get(jwk, "dp") ||
		json_object_get(jwk, "dq") || json_object_get(jwk, "qi") || json_object_get(jwk, "oth");
}

static int check_private(const json_t *jwk, const struct alg *alg, char why[PRIVATE_WHY])
{
	const char *name = is_aes(alg) ? "k" : "d";
	size_t octets;

	if (!json_object_get(jwk, name)) {
		unfit(why, "the JWK has no \"%s\": a private key is needed, with all its members", name);
		return is_half(jwk) ? -EINVAL : PRIVATE_UNFIT;
	}
	if (is_aes(alg) && has_octets(jwk, "k", &octets) && octets != alg->key_bits / 8)
		return unfit(why, "%s needs a key of %u bits, and this one has %zu", alg->name, alg->key_bits,
			octets * 8);
	if (alg->family != ALG_RSA_OAEP || !has_octets(jwk, "n", &octets))
		return 0;
	if (octets < RSA_BITS_MIN / 8)
		return unfit(why, "RSA keys below %d bits are refused", RSA_BITS_MIN);
	if (octets > RSA_BITS_MAX / 8)
		return unfit(why, "RSA keys above %d bits are not supported", RSA_BITS_MAX);
	return 0;
}

int private_fit(const json_t *jwk, const struct alg *alg, char why[PRIVATE_WHY])
{
	int r = check_types(jwk, why);

	if (r == 0)
		r = check_kty(jwk, alg, why);
	if (r == 0)
		r = check_alg(jwk, alg, why);
	if (r == 0)
		r = check_ops(jwk, alg, why);
	return r == 0 ? check_private(jwk, alg, why) : r;
}

int private_kid_check(const char *kid, const char *name, char why[PRIVATE_WHY])
{
	const char *at = utf8_invisible(kid);

	if (!*kid)
		return private_refuse(why, "%s is empty", name);
	if (!kid_valid(kid))
		return private_refuse(why, "%s is longer than %d bytes", name, KID_MAX);
	if (at && utf8_len(at) == 0)
		return private_refuse(why, "%s is not UTF-8", name);
	if (at && *at == ' ')
		return private_refuse(why, "%s begins or ends with a space, which nobody sees", name);
	if (at)
		return private_refuse(why, "%s has the character U+%04X, which nobody sees, after %td bytes", name,
			(unsigned)utf8_code(at), at - kid);
	return 0;
}

int private_fit_kid(const json_t *jwk, char ret_kid[KID_MAX + 1], char why[PRIVATE_WHY])
{
	const json_t *kid = json_object_get(jwk, "kid");
	int r;

	ret_kid[0] = '\0';
	if (!kid)
		return 0;
	if (!json_is_string(kid))
		return private_refuse(why, "the JWK's \"kid\" is not a string");
	r = private_kid_check(json_string_value(kid), "the JWK's \"kid\"", why);
	if (r == 0)
		strcpy(ret_kid, json_string_value(kid));
	return r;
}
