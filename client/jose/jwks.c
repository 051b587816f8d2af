/* SPDX-License-Identifier: Apache-2.0 */
/* JWK Sets (RFC 7517 section 5): read, asked of cekd, written. */
#include <stdlib.h>
#include <string.h>

#include "client/jose/error.h"
#include "client/jose/jwk.h"
#include "client/json/json.h"
#include "proto/cek.pb-c.h"

/* Bytes. All that cekd may tell in one answer (4 MiB, put together of pages) fits, written as JSON; how many keys that
 * are is then bounded as well. */
enum { TEXT_MAX = 8388608 };

struct entry {
	struct cek_jwk jwk;
	uint8_t *octets;
};

struct cek_jwks {
	json_t *json; /* holds the strings; an array */
	struct entry *entries;
	size_t n_entries;
	bool has_max_age;
	uint32_t max_age; /* seconds */
};

cek_jwks *cek_jwks_free(cek_jwks *jwks)
{
	if (!jwks)
		return NULL;
	for (size_t i = 0; i < jwks->n_entries; i++)
		free(jwks->entries[i].octets);
	free(jwks->entries);
	json_decref(jwks->json);
	free(jwks);
	return NULL;
}

size_t cek_jwks_count(const cek_jwks *jwks)
{
	return jwks->n_entries;
}

const struct cek_jwk *cek_jwks_get(const cek_jwks *jwks, size_t i)
{
	return i < jwks->n_entries ? &jwks->entries[i].jwk : NULL;
}

const struct cek_jwk *cek_jwks_find(const cek_jwks *jwks, const char *kid)
{
	for (size_t i = 0; i < jwks->n_entries; i++)
		if (jwks->entries[i].jwk.kid && strcmp(jwks->entries[i].jwk.kid, kid) == 0)
			return &jwks->entries[i].jwk;
	return NULL;
}

bool cek_jwks_max_age(const cek_jwks *jwks, uint32_t *ret_seconds)
{
	if (jwks->has_max_age)
		*ret_seconds = jwks->max_age;
	return jwks->has_max_age;
}

static bool add(cek_jwks *jwks, size_t number, const json_t *json, struct jwk_passed *passed)
{
	struct entry *entry = &jwks->entries[jwks->n_entries];
	const char *why = "";
	enum jwk_result result = jwk_from_json(json, &entry->jwk, &entry->octets, &why);

	return jwk_passed_by(passed, result, number, why, &jwks->n_entries);
}

/* Takes the reference to keys, an array. */
static int from_array(json_t *keys, cek_jwks **ret_jwks, struct cek_jwe_error *error)
{
	cek_jwks *jwks = calloc(1, sizeof(*jwks));
	size_t n = json_array_size(keys), i;
	struct jwk_passed passed = {0};
	const json_t *key;
	bool ok = true;
	int code;

	if (jwks)
		jwks->entries = calloc(n + 1, sizeof(*jwks->entries));
	if (!jwks || !jwks->entries) {
		json_decref(keys);
		free(jwks);
		return jwe_error_code(error, CEK_JWE_NOMEM);
	}
	jwks->json = keys;
	json_array_foreach(keys, i, key) ok = ok && add(jwks, i + 1, key, &passed);
	code = ok ? jwk_passed_judge(&passed, jwks->n_entries, error) : jwe_error_code(error, CEK_JWE_NOMEM);
	if (code == CEK_JWE_OK)
		*ret_jwks = jwks;
	else
		cek_jwks_free(jwks);
	return code;
}

int cek_jwks_parse(const char *text, size_t len, cek_jwks **ret_jwks, struct cek_jwe_error *ret_error)
{
	json_t *json, *keys;

	if (len > TEXT_MAX)
		return jwe_error(ret_error, CEK_JWE_TOO_LARGE, "JWK Set: over %d bytes", TEXT_MAX);
	json = json_set_parse(text, len);
	if (!json)
		return jwe_error(ret_error, CEK_JWE_MALFORMED,
			"JWK Set: not a JSON object, a member twice, or nested too deep");
	keys = json_incref(json_object_get(json, "keys"));
	if (!keys && json_object_get(json, "kty"))
		keys = json_pack("[O]", json);
	json_decref(json);
	if (!json_is_array(keys)) {
		json_decref(keys);
		return jwe_error(ret_error, CEK_JWE_MALFORMED, "JWK Set: keys is missing or not an array");
	}
	return from_array(keys, ret_jwks, ret_error);
}

/* ---- from cekd --------------------------------------------------------------------------------------------------- */

static struct cek_bytes bytes(ProtobufCBinaryData data)
{
	return (struct cek_bytes){data.data, data.len};
}

/* Names that no JWK has keep cekd's own knowledge until the entry is made of it. */
static json_t *entry_to_json(const Cek__V1__PublicKeyEntry *entry)
{
	const Cek__V1__PublicKey *from = entry->public_key;
	struct cek_public_key key = {0};
	json_t *json;
	int rc;

	if (!from)
		return NULL;
	key = (struct cek_public_key){
		from->kty,
		bytes(from->n),
		bytes(from->e),
		from->crv,
		bytes(from->x),
		bytes(from->y),
	};
	json = jwk_to_json(&key);
	rc = json_object_set_new(json, "kid", json_string(entry->kid));
	rc |= json_object_set_new(json, "alg", json_string(entry->alg));
	rc |= json_object_set_new(json, "cekd_key", json_string(entry->key));
	rc |= json_object_set_new(json, "cekd_state", json_integer(entry->state));
	if (rc == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* The entries were made in the order of the array, of which some were passed over. */
static void take_names(cek_jwks *jwks)
{
	size_t k = 0;

	for (size_t i = 0; i < jwks->n_entries; i++) {
		struct cek_jwk *jwk = &jwks->entries[i].jwk;
		const json_t *json = json_array_get(jwks->json, k++);
		json_int_t state;

		while (json && json_string_value(json_object_get(json, "kid")) != jwk->kid)
			json = json_array_get(jwks->json, k++);
		state = json_integer_value(json_object_get(json, "cekd_state"));
		jwk->key = json_string_value(json_object_get(json, "cekd_key"));
		jwk->decrypts_only = state != CEK__V1__STATE__STATE_ACTIVE && state != CEK__V1__STATE__STATE_PRE_ACTIVE;
	}
}

static int from_entries(const Cek__V1__PublicKeysReply *reply, cek_jwks **ret_jwks, struct cek_jwe_error *error)
{
	json_t *keys = json_array();
	cek_jwks *jwks = NULL;
	int code;

	for (size_t i = 0; i < reply->n_entry; i++) {
		json_t *json = entry_to_json(reply->entry[i]);

		if (!json || json_array_append_new(keys, json) < 0) {
			json_decref(keys);
			return jwe_error(error, CEK_JWE_MALFORMED, "reply, entry %zu: incomplete", i + 1);
		}
	}
	code = from_array(keys, &jwks, error);
	if (code != CEK_JWE_OK)
		return code;
	take_names(jwks);
	jwks->has_max_age = reply->age_case == CEK__V1__PUBLIC_KEYS_REPLY__AGE_MAX_AGE;
	jwks->max_age = jwks->has_max_age ? reply->max_age : 0;
	*ret_jwks = jwks;
	return CEK_JWE_OK;
}

int cek_jwks_from_reply(const void *reply, size_t len, cek_jwks **ret_jwks, struct cek_jwe_error *ret_error)
{
	Cek__V1__Reply *message = cek__v1__reply__unpack(NULL, len, reply);
	int code;

	if (!message)
		return jwe_error(ret_error, CEK_JWE_MALFORMED, "reply: not a message of this protocol");
	if (message->status == CEK__V1__STATUS__STATUS_UNSPECIFIED)
		code = jwe_error(ret_error, CEK_JWE_MALFORMED, "reply: has no status");
	else if (message->status != CEK__V1__STATUS__STATUS_OK)
		code = jwe_error_status(ret_error, (int)message->status, message->message);
	else if (message->result_case != CEK__V1__REPLY__RESULT_PUBLIC_KEYS)
		code = jwe_error(ret_error, CEK_JWE_MALFORMED, "reply: holds no public keys");
	else if (message->public_keys->next[0] != '\0')
		code = jwe_error(ret_error, CEK_JWE_MALFORMED,
			"reply: a page of a set; cek_public_keys() puts them together");
	else
		code = from_entries(message->public_keys, ret_jwks, ret_error);
	cek__v1__reply__free_unpacked(message, NULL);
	return code;
}

int cek_jwks_fetch(cek_conn *conn, const char *const *keys, int timeout_ms, cek_jwks **ret_jwks,
	struct cek_jwe_error *ret_error)
{
	struct cek_public_keys args = {.keys = keys};
	cek_result *result = NULL;
	struct cek_bytes reply;
	int code, status;

	while (keys && keys[args.n_keys])
		args.n_keys++;
	status = cek_public_keys(conn, &args, timeout_ms, &result);
	if (status != CEK_OK) {
		code = jwe_error_result(ret_error, status, result);
	} else {
		reply = cek_result_reply(result);
		code = cek_jwks_from_reply(reply.data, reply.len, ret_jwks, ret_error);
	}
	cek_result_free(result);
	return code;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static json_t *to_json(const struct cek_jwk *jwk)
{
	json_t *json = jwk_to_json(&jwk->public_key);
	int rc = json_object_set_new(json, "use", json_string("enc"));

	if (jwk->kid)
		rc |= json_object_set_new(json, "kid", json_string(jwk->kid));
	if (jwk->alg)
		rc |= json_object_set_new(json, "alg", json_string(jwk->alg));
	if (rc == 0)
		return json;
	json_decref(json);
	return NULL;
}

int cek_jwks_write(const cek_jwks *jwks, bool all, char **ret_json, struct cek_jwe_error *ret_error)
{
	json_t *keys = json_array();
	json_t *set = json_pack("{so}", "keys", keys);
	char *text = NULL;
	bool ok = set != NULL;

	for (size_t i = 0; ok && i < jwks->n_entries; i++)
		if (all || !jwks->entries[i].jwk.decrypts_only)
			ok = json_array_append_new(keys, to_json(&jwks->entries[i].jwk)) == 0;
	if (ok)
		text = json_dumps(set, JSON_COMPACT);
	json_decref(set);
	if (!text)
		return jwe_error_code(ret_error, CEK_JWE_NOMEM);
	*ret_json = text;
	return jwe_error_code(ret_error, CEK_JWE_OK);
}
