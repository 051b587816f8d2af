/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/wrapped.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/json/soften.h"
#include "proto/base64url.h"

static int complain(char why[WRAPPED_WHY], const char *name, const char *what)
{
	snprintf(why, WRAPPED_WHY, "%s %s", name, what);
	return -EINVAL;
}

/* A string member without NUL inside, and no number that is kept as one; NULL if it is not there. */
static int get_text(const json_t *object, const char *name, const char **ret_text, char why[WRAPPED_WHY])
{
	const json_t *member = json_object_get(object, name);

	*ret_text = NULL;
	if (!member)
		return 0;
	if (!json_is_string(member) || strlen(json_string_value(member)) != json_string_length(member) ||
		strstr(json_string_value(member), JSON_UNHELD))
		return complain(why, name, "must be a string");
	*ret_text = json_string_value(member);
	return 0;
}

static int get_bytes(const json_t *object, const char *name, uint8_t *data, size_t size, struct cek_bytes *ret_bytes,
	char why[WRAPPED_WHY])
{
	const char *text;
	ssize_t n;

	if (get_text(object, name, &text, why) < 0)
		return -EINVAL;
	if (!text)
		return 0;
	n = b64u_decode(text, strlen(text), data, size);
	if (n < 0)
		return complain(why, name, n == -EMSGSIZE ? "is too long" : "is not base64url");
	*ret_bytes = (struct cek_bytes){data, (size_t)n};
	return 0;
}

static int read_epk(const json_t *epk, struct wrapped *wrapped, char why[WRAPPED_WHY])
{
	struct cek_public_key *to = &wrapped->args.params.epk;

	if (!epk)
		return 0;
	if (!json_is_object(epk))
		return complain(why, "epk", "must be an object");
	if (json_object_get(epk, "d"))
		return complain(why, "epk", "has a private member");
	if (get_text(epk, "kty", &to->kty, why) < 0 || get_text(epk, "crv", &to->crv, why) < 0 ||
		get_bytes(epk, "x", wrapped->x, sizeof(wrapped->x), &to->x, why) < 0 ||
		get_bytes(epk, "y", wrapped->y, sizeof(wrapped->y), &to->y, why) < 0)
		return -EINVAL;
	return to->kty ? 0 : complain(why, "epk", "has no kty");
}

int wrapped_read(const json_t *object, struct wrapped *ret_wrapped, char why[WRAPPED_WHY])
{
	struct wrapped *w = ret_wrapped;
	struct cek_unwrap *args = &w->args;

	*args = (struct cek_unwrap){0};
	if (!json_is_object(object))
		return complain(why, "the line", "must be a JSON object");
	if (get_text(object, "kid", &args->kid, why) < 0 || get_text(object, "key", &args->key, why) < 0 ||
		get_text(object, "alg", &args->alg, why) < 0 || get_text(object, "enc", &args->enc, why) < 0 ||
		get_bytes(object, "encrypted_key", w->encrypted_key, sizeof(w->encrypted_key), &args->encrypted_key,
			why) < 0 ||
		get_bytes(object, "iv", w->iv, sizeof(w->iv), &args->params.iv, why) < 0 ||
		get_bytes(object, "tag", w->tag, sizeof(w->tag), &args->params.tag, why) < 0 ||
		get_bytes(object, "apu", w->apu, sizeof(w->apu), &args->params.apu, why) < 0 ||
		get_bytes(object, "apv", w->apv, sizeof(w->apv), &args->params.apv, why) < 0 ||
		read_epk(json_object_get(object, "epk"), w, why) < 0)
		return -EINVAL;
	if (!args->alg)
		return complain(why, "alg", "is missing");
	return args->enc ? 0 : complain(why, "enc", "is missing");
}

static int set_text(json_t *object, const char *name, const char *text)
{
	if (!text || !*text) {
		json_object_del(object, name);
		return 0;
	}
	return json_object_set_new(object, name, json_string(text)) == 0 ? 0 : -ENOMEM;
}

static int set_bytes(json_t *object, const char *name, struct cek_bytes bytes)
{
	char *text = bytes.len ? b64u_text(bytes.data, bytes.len) : NULL;
	int r = bytes.len && !text ? -ENOMEM : set_text(object, name, text);

	free(text);
	return r;
}

static int set_epk(json_t *object, const struct cek_public_key *epk)
{
	json_t *member;

	if (!epk->kty) {
		json_object_del(object, "epk");
		return 0;
	}
	member = json_object();
	if (set_text(member, "kty", epk->kty) < 0 || set_text(member, "crv", epk->crv) < 0 ||
		set_bytes(member, "x", epk->x) < 0 || set_bytes(member, "y", epk->y) < 0) {
		json_decref(member);
		return -ENOMEM;
	}
	return json_object_set_new(object, "epk", member) == 0 ? 0 : -ENOMEM;
}

int wrapped_write(json_t *object, const char *key, const char *enc, const cek_result *result)
{
	struct cek_alg_params params = cek_result_params(result);

	if (set_text(object, "key", key) < 0 || set_text(object, "kid", cek_result_kid(result)) < 0 ||
		set_text(object, "alg", cek_result_alg(result)) < 0 || set_text(object, "enc", enc) < 0 ||
		set_bytes(object, "encrypted_key", cek_result_encrypted_key(result)) < 0 ||
		set_bytes(object, "iv", params.iv) < 0 || set_bytes(object, "tag", params.tag) < 0 ||
		set_epk(object, &params.epk) < 0 || set_bytes(object, "apu", params.apu) < 0 ||
		set_bytes(object, "apv", params.apv) < 0)
		return -ENOMEM;
	return 0;
}
