/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/private_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "client/cekctl/import/private_fit.h"
#include "client/cekctl/import/private_json.h"
#include "client/cekctl/import/private_jwk.h"
#include "client/cekctl/import/private_pem.h"

enum { NAME_BYTES = 48 }; /* of a kid in an error: enough to know it again */

/* One more key of the file, or NULL. */
static struct private_entry *add(struct private_file *file, char why[PRIVATE_WHY])
{
	struct private_entry *entries = reallocarray(file->entries, file->n + 1, sizeof(*entries));

	if (!entries) {
		private_refuse(why, "out of memory");
		return NULL;
	}
	file->entries = entries;
	entries[file->n] = (struct private_entry){.number = file->n + 1};
	return &entries[file->n++];
}

static void set_kid(struct private_entry *entry, const char *kid)
{
	snprintf(entry->kid, sizeof(entry->kid), "%s", kid ? kid : "");
}

/* ---- one key ----------------------------------------------------------------------------------------------------- */

static int read_pkey(EVP_PKEY *pkey, const struct private_wanted *wanted, struct private_file *file,
	char why[PRIVATE_WHY])
{
	struct private_key key;
	int r = private_key_of(pkey, wanted->alg, &key, why);
	struct private_entry *entry = r == 0 ? add(file, why) : NULL;

	if (r < 0)
		return r;
	if (!entry) {
		private_key_deinit(&key);
		return -EINVAL;
	}
	entry->key = key;
	set_kid(entry, wanted->kid);
	return 0;
}

static int read_jwk(const json_t *jwk, const struct private_wanted *wanted, struct private_file *file,
	char why[PRIVATE_WHY])
{
	struct private_entry *entry = add(file, why);
	int r = entry ? private_fit(jwk, wanted->alg, why) : -EINVAL;

	if (r == 0 && !wanted->kid)
		r = private_fit_kid(jwk, entry->kid, why);
	else if (r == 0)
		set_kid(entry, wanted->kid);
	if (r == 0)
		r = private_jwk_read(jwk, wanted->alg, &entry->key, why);
	return r == 0 ? 0 : -EINVAL;
}

/* ---- a set ------------------------------------------------------------------------------------------------------- */

static const char *kid_of(const json_t *jwk)
{
	const char *kid = json_string_value(json_object_get(jwk, "kid"));

	return kid ? kid : "";
}

/* The same reason, and which key of the set it is about. */
static int about(const struct private_entry *entry, const json_t *jwk, char why[PRIVATE_WHY])
{
	char reason[PRIVATE_WHY];
	const char *kid = kid_of(jwk);

	snprintf(reason, sizeof(reason), "%s", why);
	return private_refuse(why, "key %zu of the set%s%.*s%s: %s", entry->number, *kid ? " (kid " : "", NAME_BYTES,
		kid, *kid ? ")" : "", reason);
}

static int read_entry(const json_t *jwk, const struct private_wanted *wanted, struct private_file *file,
	char why[PRIVATE_WHY])
{
	struct private_entry *entry = add(file, why);
	int r;

	if (!entry)
		return -EINVAL;
	if (wanted->kid && strcmp(kid_of(jwk), wanted->kid) != 0) {
		snprintf(entry->skipped, sizeof(entry->skipped), "its kid is another");
		return 0;
	}
	r = private_fit(jwk, wanted->alg, why);
	if (r == PRIVATE_UNFIT) {
		snprintf(entry->skipped, sizeof(entry->skipped), "%s", why);
		if (private_fit_kid(jwk, entry->kid, why) < 0)
			entry->kid[0] = '\0';
		return 0;
	}
	if (r == 0)
		r = private_fit_kid(jwk, entry->kid, why);
	if (r == 0)
		r = private_jwk_read(jwk, wanted->alg, &entry->key, why);
	return r == 0 ? 0 : about(entry, jwk, why);
}

static int check_pair(const struct private_entry *a, const struct private_entry *b, char why[PRIVATE_WHY])
{
	if (*a->skipped || *b->skipped)
		return 0;
	if (*a->kid && strcmp(a->kid, b->kid) == 0)
		return private_refuse(why, "keys %zu and %zu of the set both fit and have the kid %.*s", a->number,
			b->number, NAME_BYTES, a->kid);
	if (private_key_same(&a->key, &b->key))
		return private_refuse(why, "keys %zu and %zu of the set are the same key", a->number, b->number);
	return 0;
}

static int check_set(const struct private_file *file, const struct private_wanted *wanted, char why[PRIVATE_WHY])
{
	const struct private_entry *first = NULL;
	size_t fit = 0;

	for (size_t i = 0; i < file->n; i++) {
		const struct private_entry *entry = &file->entries[i];

		fit += !*entry->skipped;
		if (!first && (!wanted->kid || *entry->kid))
			first = entry;
		for (size_t k = 0; k < i; k++)
			if (check_pair(&file->entries[k], entry, why) < 0)
				return -EINVAL;
	}
	if (fit > 0)
		return 0;
	if (wanted->kid && !first)
		return private_refuse(why, "no key of the set has the kid %.*s", NAME_BYTES, wanted->kid);
	return private_refuse(why, "no key of the set fits; key %zu: %s", first->number, first->skipped);
}

static int read_set(const json_t *keys, const struct private_wanted *wanted, struct private_file *file,
	char why[PRIVATE_WHY])
{
	const json_t *jwk;
	size_t i;

	file->is_set = true;
	if (json_array_size(keys) == 0)
		return private_refuse(why, "the JWK Set has no keys");
	if (json_array_size(keys) > PRIVATE_KEYS_MAX)
		return private_refuse(why, "the JWK Set has more than %d keys", PRIVATE_KEYS_MAX);
	if (json_array_size(keys) == 1)
		return read_jwk(json_array_get(keys, 0), wanted, file, why);
	json_array_foreach(keys, i, jwk) if (read_entry(jwk, wanted, file, why) < 0) return -EINVAL;
	return check_set(file, wanted, why);
}

/* ---- all kinds --------------------------------------------------------------------------------------------------- */

static int read_json(const char *data, size_t len, const struct private_wanted *wanted, struct private_file *file,
	char why[PRIVATE_WHY])
{
	json_t *json = private_json_load(data, len, why);
	const json_t *keys = json_object_get(json, "keys");
	int r = -EINVAL;

	if (json_object_get(json, "kty"))
		r = read_jwk(json, wanted, file, why);
	else if (json_is_array(keys))
		r = read_set(keys, wanted, file, why);
	else if (json)
		r = private_refuse(why,
			keys ? "the JWK Set's \"keys\" is not an array"
			     : "the file is neither PEM, DER, a JWK nor a JWK Set: it has no \"kty\" and no \"keys\"");
	private_json_free(json);
	return r;
}

int private_file_read(const char *data, size_t len, const struct private_wanted *wanted, struct private_file *ret_file,
	char why[PRIVATE_WHY])
{
	struct private_file file = {false, 0, NULL};
	int r;

	private_refuse(why, "out of memory");
	if (private_is_der(data, len))
		r = read_pkey(private_der_read(data, len, wanted->passphrase, why), wanted, &file, why);
	else if (private_is_pem(data, len))
		r = read_pkey(private_pem_read(data, len, wanted->passphrase, why), wanted, &file, why);
	else
		r = read_json(data, len, wanted, &file, why);
	if (r == 0)
		*ret_file = file;
	else
		private_file_deinit(&file);
	return r;
}

void private_file_deinit(struct private_file *file)
{
	for (size_t i = 0; i < file->n; i++)
		private_key_deinit(&file->entries[i].key);
	free(file->entries);
	*file = (struct private_file){false, 0, NULL};
}
