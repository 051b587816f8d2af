/* json.h */
#include "client/jose/json.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/base64url.h"
#include "proto/depth.h"

json_t *json_object_parse(const char *text, size_t len)
{
	json_t *json;

	if (!json_depth_within(text, len, JSON_DEPTH_MAX))
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
	ssize_t len = -EINVAL;

	if (json_is_string(string))
		len = b64u_decode(json_string_value(string), json_string_length(string), ret_data, max);
	if (len < 0)
		return false;
	*ret_len = (size_t)len;
	return true;
}

json_t *json_from_octets(const void *data, size_t len)
{
	char *text = b64u_text(data, len);
	json_t *json = text ? json_string(text) : NULL;

	free(text);
	return json;
}
