/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/config/token_uri.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char scheme[] = "pkcs11:";

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding of len bytes. NULL with errno EINVAL (also for an encoded NUL) or ENOMEM. */
static char *decode(const char *text, size_t len)
{
	char *plain = malloc(len + 1), *out = plain;

	for (size_t i = 0; plain != NULL && i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			const int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

			c = low >= 0 ? high * 16 + low : 0;
			i += 2;
		}
		if (c == 0) {
			free(plain);
			errno = EINVAL;
			return NULL;
		}
		*out++ = (char)c;
	}
	if (plain != NULL)
		*out = '\0';
	return plain;
}

struct attribute {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

static bool is(const struct attribute *attribute, const char *name)
{
	return attribute->name_len == strlen(name) && memcmp(attribute->name, name, attribute->name_len) == 0;
}

/* Split off the next name=value before a separator; false at the end. */
static bool next_attribute(const char **text, const char *end, char separator, struct attribute *ret_attribute)
{
	const char *start = *text, *stop, *equals;

	if (start >= end)
		return false;
	stop = memchr(start, separator, (size_t)(end - start));
	if (stop == NULL)
		stop = end;
	equals = memchr(start, '=', (size_t)(stop - start));
	ret_attribute->name = start;
	ret_attribute->name_len = (size_t)((equals != NULL ? equals : stop) - start);
	ret_attribute->value = equals != NULL ? equals + 1 : stop;
	ret_attribute->value_len = (size_t)(stop - ret_attribute->value);
	*text = stop < end ? stop + 1 : end;
	return true;
}

/* An absolute path, for pin-source also as a file: URI without a host (RFC 8089). */
static int take_path(const struct attribute *attribute, char **ret_path, const char **ret_error)
{
	const char *value = attribute->value;
	size_t len = attribute->value_len;
	char *path;

	if (*ret_path != NULL) {
		*ret_error = "a query attribute stands there twice";
		return -EINVAL;
	}
	if (len >= 5 && memcmp(value, "file:", 5) == 0) {
		value += 5;
		len -= 5;
		if (len >= 3 && memcmp(value, "///", 3) == 0) {
			value += 2;
			len -= 2;
		}
	}
	path = decode(value, len);
	if (path == NULL && errno == ENOMEM)
		return -ENOMEM;
	if (path == NULL || path[0] != '/' || path[1] == '/') {
		free(path);
		*ret_error = is(attribute, "module-path") ? "module-path must be an absolute path"
							  : "pin-source must be an absolute path or file:/PATH";
		return -EINVAL;
	}
	*ret_path = path;
	return 0;
}

static const char no_pin_value[] =
	"pin-value would put the PIN into the configuration: write it to a file and name that in pin-file";

static int check_path_part(const char *text, const char *end, const char **ret_error)
{
	struct attribute attribute;
	bool named = false;

	while (next_attribute(&text, end, ';', &attribute)) {
		if (is(&attribute, "pin-value")) {
			*ret_error = no_pin_value;
			return -EINVAL;
		}
		if ((is(&attribute, "token") || is(&attribute, "serial")) && attribute.value_len > 0)
			named = true;
	}
	if (!named) {
		*ret_error = "it must name the token by token= or serial=, since slot numbers change";
		return -EINVAL;
	}
	return 0;
}

static int read_query(const char *text, const char *end, struct token_uri *uri, const char **ret_error)
{
	struct attribute attribute;
	int r = 0;

	while (r == 0 && next_attribute(&text, end, '&', &attribute)) {
		if (is(&attribute, "pin-source"))
			r = take_path(&attribute, &uri->pin_source, ret_error);
		else if (is(&attribute, "module-path"))
			r = take_path(&attribute, &uri->module_path, ret_error);
		else {
			*ret_error = is(&attribute, "pin-value")
				? no_pin_value
				: "only pin-source and module-path may stand after the question mark";
			r = -EINVAL;
		}
	}
	return r;
}

int token_uri_parse(const char *text, struct token_uri *ret_uri, const char **ret_error)
{
	const char *end = text + strlen(text), *query;
	struct token_uri uri = {0};
	int r;

	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0) {
		*ret_error = "it must start with pkcs11:";
		return -EINVAL;
	}
	text += sizeof(scheme) - 1;
	query = strchrnul(text, '?');
	r = check_path_part(text, query, ret_error);
	if (r == 0 && query < end)
		r = read_query(query + 1, end, &uri, ret_error);
	if (r < 0) {
		token_uri_deinit(&uri);
		return r;
	}
	*ret_uri = uri;
	return 0;
}

void token_uri_deinit(struct token_uri *uri)
{
	free(uri->pin_source);
	free(uri->module_path);
	*uri = (struct token_uri){0};
}
