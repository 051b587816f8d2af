/* SPDX-License-Identifier: Apache-2.0 */
/* vectors.h */
#include "tests/unit/client/jose/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base64url.h"

json_t *vectors_load(const char *file)
{
	const char *source = getenv("CEK_SOURCE");
	json_error_t error;
	char path[1024];
	json_t *json;

	(void)snprintf(path, sizeof(path), "%s/tests/vectors/%s", source ? source : ".", file);
	json = json_load_file(path, 0, &error);
	if (!json)
		fail_msg("%s: %s", path, error.text);
	return json;
}

const json_t *vectors_at(const json_t *json, const json_t *path)
{
	const json_t *step;
	size_t i;

	json_array_foreach(path, i, step) json = json_is_string(step)
		? json_object_get(json, json_string_value(step))
		: json_array_get(json, (size_t)json_integer_value(step));
	assert_non_null(json);
	return json;
}

static const char *text_of(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	assert_non_null(text);
	return text;
}

size_t vectors_hex(const json_t *json, const char *member, uint8_t *ret_data, size_t size)
{
	const char *text = text_of(json, member);
	size_t len = strlen(text) / 2;

	assert_true(len <= size);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(sscanf(text + 2 * i, "%2hhx", &ret_data[i]), 1);
	return len;
}

size_t vectors_b64u(const json_t *json, const char *member, uint8_t *ret_data, size_t size)
{
	const char *text = text_of(json, member);

	ssize_t len = b64u_decode(text, strlen(text), ret_data, size);

	assert_true(len >= 0);
	return (size_t)len;
}
