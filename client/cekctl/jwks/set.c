/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/jwks/set.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cekctl/console/escape.h"
#include "client/cekctl/console/exits.h"
#include "client/jose/cek-jose.h"

enum { NIMBUS_MAX = 51200 /* octets that Nimbus JOSE reads of a set, unless it is told otherwise */ };

static bool fail(struct set_fault *fault, const char *status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool fail(struct set_fault *fault, const char *status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fault->status = status;
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	return false;
}

static bool is_current(const Cek__V1__PublicKeyEntry *entry)
{
	return entry->state == CEK__V1__STATE__STATE_ACTIVE || entry->state == CEK__V1__STATE__STATE_PRE_ACTIVE;
}

static bool has_current(const Cek__V1__PublicKeysReply *keys, const char *name)
{
	for (size_t i = 0; i < keys->n_entry; i++)
		if (is_current(keys->entry[i]) && (!name || strcmp(keys->entry[i]->key, name) == 0))
			return true;
	return false;
}

/* Keys of strangers in one set: an issuer takes the first with its alg. */
static bool check_names(const Cek__V1__PublicKeysReply *keys, const struct set_wanted *wanted, struct set_fault *fault)
{
	for (size_t i = 0; i < wanted->n_names; i++)
		if (!has_current(keys, wanted->names[i]))
			return fail(fault, "UNUSABLE", "key %s has no version to encrypt for", wanted->names[i]);
	if (wanted->n_names > 0)
		return true;
	for (size_t i = 1; i < keys->n_entry && !wanted->every_key; i++)
		if (strcmp(keys->entry[i]->key, keys->entry[0]->key) != 0)
			return fail(fault, STATUS_USAGE,
				"there is more than one key: name those that an issuer shall have, or say --every-key");
	return has_current(keys, NULL) || fail(fault, "UNUSABLE", "there is no public key to encrypt for");
}

/* ---- whom it would harm ------------------------------------------------------------------------------------------ */

/* Two keys with one alg. Versions of one key follow each other, and share it. */
static void warn_of_algs(const Cek__V1__PublicKeysReply *keys, char *text)
{
	for (size_t i = 0; i < keys->n_entry; i++)
		for (size_t j = 0; j < i && is_current(keys->entry[i]); j++) {
			const Cek__V1__PublicKeyEntry *a = keys->entry[j], *b = keys->entry[i];

			if (strcmp(a->alg, b->alg) != 0 || strcmp(a->key, b->key) == 0 || !is_current(a))
				continue;
			snprintf(text, SET_TEXT,
				"keys %s and %s are both for %s: many an issuer takes the first and never the other",
				a->key, b->key, a->alg);
			return;
		}
}

static void warn_of_x25519(const Cek__V1__PublicKeysReply *keys, bool all, char *text)
{
	bool others = false, x25519 = false;

	for (size_t i = 0; i < keys->n_entry; i++) {
		const bool is = keys->entry[i]->public_key && strcmp(keys->entry[i]->public_key->crv, "X25519") == 0;

		if (!all && !is_current(keys->entry[i]))
			continue;
		x25519 = x25519 || is;
		others = others || !is;
	}
	if (x25519 && others)
		snprintf(text, SET_TEXT,
			"an X25519 key stands beside others: go-jose refuses the whole set; give it a file of its own");
}

static void add_warnings(const Cek__V1__PublicKeysReply *keys, bool all, struct set *set)
{
	size_t n = 0;

	warn_of_algs(keys, set->warning[n]);
	n += *set->warning[n] != '\0';
	warn_of_x25519(keys, all, set->warning[n]);
	n += *set->warning[n] != '\0';
	if (strlen(set->text) > NIMBUS_MAX)
		snprintf(set->warning[n], SET_TEXT, "it has %zu octets: Nimbus JOSE reads no more than %d",
			strlen(set->text), NIMBUS_MAX);
}

/* ---- its text ---------------------------------------------------------------------------------------------------- */

static void summarise(const Cek__V1__PublicKeysReply *keys, const struct set_wanted *wanted, struct set *set)
{
	size_t n = 0, shown = 0, left = 0;

	for (size_t i = 0; i < keys->n_entry && (!wanted->pem || i == 0); i++) {
		const Cek__V1__PublicKeyEntry *entry = keys->entry[i];

		if (!wanted->all && !is_current(entry))
			continue;
		if (n + strlen(entry->kid) + 64 > SET_TEXT || shown == 4) {
			left++;
			continue;
		}
		n += (size_t)snprintf(set->summary + n, SET_TEXT - n, "%s%s (%s)", shown++ ? ", " : "", entry->kid,
			cek_state_name((int)entry->state));
	}
	if (left > 0)
		snprintf(set->summary + n, SET_TEXT - n, " and %zu more", left);
}

static bool write_pem(const Cek__V1__PublicKeysReply *keys, const cek_jwks *jwks, struct set *set,
	struct set_fault *fault)
{
	struct cek_jwe_error error;

	for (size_t i = 1; i < keys->n_entry; i++)
		if (strcmp(keys->entry[i]->key, keys->entry[0]->key) != 0)
			return fail(fault, STATUS_USAGE, "--format pem is one key: name one");
	if (keys->entry[0]->state != CEK__V1__STATE__STATE_ACTIVE || cek_jwks_count(jwks) == 0)
		return fail(fault, "UNUSABLE", "key %s has no active version", keys->entry[0]->key);
	if (cek_jwk_pem(&cek_jwks_get(jwks, 0)->public_key, &set->text, &error) != CEK_JWE_OK)
		return fail(fault, cek_jwe_code_name(error.code), "%s", error.details);
	return true;
}

static bool write_jwks(const cek_jwks *jwks, bool all, struct set *set, struct set_fault *fault)
{
	struct cek_jwe_error error;
	char *json, *escaped;

	if (cek_jwks_write(jwks, all, &json, &error) != CEK_JWE_OK)
		return fail(fault, cek_jwe_code_name(error.code), "%s", error.details);
	escaped = escape_json(json);
	if (!escaped || asprintf(&set->text, "%s\n", escaped) < 0)
		set->text = NULL;
	free(escaped);
	free(json);
	return set->text || fail(fault, STATUS_LOCAL, "out of memory");
}

/* What libcek-jose passes over, an issuer would miss. */
static bool read_keys(const Cek__V1__Reply *reply, cek_jwks **ret_jwks, struct set_fault *fault)
{
	const size_t size = cek__v1__reply__get_packed_size(reply);
	uint8_t *packed = malloc(size);
	struct cek_jwe_error error = {.code = CEK_JWE_NOMEM};
	int code = CEK_JWE_NOMEM;

	if (packed) {
		cek__v1__reply__pack(reply, packed);
		code = cek_jwks_from_reply(packed, size, ret_jwks, &error);
	}
	free(packed);
	if (code != CEK_JWE_OK)
		return fail(fault, cek_jwe_code_name(code), "%s",
			*error.details ? error.details : cek_jwe_code_text(code));
	if (!*error.details)
		return true;
	*ret_jwks = cek_jwks_free(*ret_jwks);
	return fail(fault, "E_PROTOCOL", "cekd answered with keys that are none: %s", error.details);
}

bool set_make(const Cek__V1__Reply *reply, const struct set_wanted *wanted, struct set *ret_set,
	struct set_fault *ret_fault)
{
	const Cek__V1__PublicKeysReply *keys = reply->public_keys;
	cek_jwks *jwks = NULL;
	bool ok;

	*ret_set = (struct set){0};
	if (!check_names(keys, wanted, ret_fault) || !read_keys(reply, &jwks, ret_fault))
		return false;
	ok = wanted->pem ? write_pem(keys, jwks, ret_set, ret_fault)
			 : write_jwks(jwks, wanted->all, ret_set, ret_fault);
	if (ok) {
		summarise(keys, wanted, ret_set);
		ret_set->has_max_age = cek_jwks_max_age(jwks, &ret_set->max_age);
	}
	if (ok && !wanted->pem)
		add_warnings(keys, wanted->all, ret_set);
	cek_jwks_free(jwks);
	return ok;
}
