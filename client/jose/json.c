/* json.h */
#include "client/jose/json.h"

#include <stdlib.h>

#include "client/jose/base64url.h"

/* jansson recurses; its own limit of 2048 is fixed when it is compiled. */
static bool is_shallow(const char *text, size_t len)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && depth > 0 && (c == '}' || c == ']'))
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return false;
	}
	return true;
}

json_t *json_object_parse(const char *text, size_t len)
{
	json_t *json;

	if (!is_shallow(text, len))
		return NULL;
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

bool json_octets(const json_t *string, size_t max, uint8_t *ret_data, size_t *ret_len)
{
	size_t len = json_string_length(string);

	if (!json_is_string(string) || b64u_decoded_len(len) > max ||
	    !b64u_decode(json_string_value(string), len, ret_data))
		return false;
	*ret_len = b64u_decoded_len(len);
	return true;
}

json_t *json_from_octets(const void *data, size_t len)
{
	size_t chars = b64u_encoded_len(len);
	char *text = malloc(chars + 1);
	json_t *json;

	if (!text)
		return NULL;
	b64u_encode(data, len, text);
	json = json_stringn(text, chars);
	free(text);
	return json;
}
