/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/import/private_json.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "client/json/soften.h"
#include "proto/depth.h"

static void *secure_alloc(size_t size)
{
	return OPENSSL_secure_malloc(size);
}

static void secure_free(void *data)
{
	OPENSSL_secure_free(data); /* which wipes what it knows the size of */
}

/* In our words: jansson's repeat what stands near the fault, and that may be a part of the key. */
static void refuse(const json_error_t *error, char why[PRIVATE_WHY])
{
	const char *what = "a fault in the JSON";

	if (json_error_code(error) == json_error_duplicate_key)
		what = "a member twice";
	else if (json_error_code(error) == json_error_invalid_utf8)
		what = "octets that are not UTF-8";
	else if (json_error_code(error) == json_error_premature_end_of_input)
		what = "the file ends too early";
	else if (json_error_code(error) == json_error_out_of_memory)
		what = "more than fits into locked memory";
	private_refuse(why, "the file is neither PEM, DER, a JWK nor a JWK Set (line %d: %s)", error->line, what);
}

/* No member that counts is a number. */
json_t *private_json_load(const char *data, size_t len, char why[PRIVATE_WHY])
{
	static const char mark[] = "\xef\xbb\xbf"; /* RFC 8259 section 8.1: may be ignored */
	size_t skip = len >= 3 && memcmp(data, mark, 3) == 0 ? 3 : 0;
	char *soft = OPENSSL_secure_malloc(SOFT_GROWS * len + 1);
	json_error_t error;
	json_t *json = NULL;

	json_set_alloc_funcs(secure_alloc, secure_free);
	if (!soft) {
		private_refuse(why, "out of locked memory");
	} else if (!json_depth_within(data, len, PRIVATE_JSON_DEPTH)) {
		private_refuse(why, "the JSON is nested more than %d deep", PRIVATE_JSON_DEPTH);
	} else {
		json = json_loadb(soft, soften(data + skip, len - skip, SOFT_ESCAPES, soft), JSON_REJECT_DUPLICATES,
			&error);
		if (!json)
			refuse(&error, why);
	}
	OPENSSL_secure_clear_free(soft, SOFT_GROWS * len + 1);
	return json;
}

void private_json_free(json_t *json)
{
	json_decref(json);
	json_set_alloc_funcs(malloc, free);
}
