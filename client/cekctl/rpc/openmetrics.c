/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/rpc/openmetrics.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:"

struct reader {
	const char *at;
	json_t *families;
	json_t *family; /* borrowed: the one that samples belong to */
};

static bool skip(struct reader *reader, const char *what)
{
	size_t len = strlen(what);

	if (strncmp(reader->at, what, len) != 0)
		return false;
	reader->at += len;
	return true;
}

/* NULL if there is no name. */
static json_t *take_name(struct reader *reader)
{
	size_t len = strspn(reader->at, NAME_CHARACTERS);
	json_t *name = len ? json_stringn(reader->at, len) : NULL;

	reader->at += len;
	return name;
}

/* Up to a character of end, with \\, \" and \n as in OpenMetrics. NULL if the text ends before. */
static json_t *take_escaped(struct reader *reader, char end)
{
	char *copy = malloc(strlen(reader->at) + 1), *to = copy;
	json_t *string = NULL;

	while (copy && *reader->at && *reader->at != end && *reader->at != '\n') {
		char c = *reader->at++;

		if (c == '\\' && *reader->at)
			c = *reader->at++ == 'n' ? '\n' : reader->at[-1];
		*to++ = c;
	}
	if (copy && *reader->at == end)
		string = json_stringn(copy, (size_t)(to - copy));
	free(copy);
	return string;
}

static bool begin_family(struct reader *reader, json_t *name)
{
	json_t *family;

	if (reader->family &&
		strcmp(json_string_value(json_object_get(reader->family, "name")), json_string_value(name)) == 0) {
		json_decref(name);
		return true;
	}
	family = json_pack("{s:o, s:[]}", "name", name, "samples");
	reader->family = family;
	return json_array_append_new(reader->families, family) == 0;
}

/* "# TYPE name text" and its like, behind the "# ". */
static bool take_comment(struct reader *reader)
{
	static const struct {
		const char *keyword, *member;
	} kinds[] = {{"TYPE ", "type"}, {"UNIT ", "unit"}, {"HELP ", "help"}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		json_t *name;

		if (!skip(reader, kinds[i].keyword))
			continue;
		name = take_name(reader);
		return name && begin_family(reader, name) && skip(reader, " ") &&
			json_object_set_new(reader->family, kinds[i].member, take_escaped(reader, '\n')) == 0;
	}
	return false;
}

static bool take_labels(struct reader *reader, json_t *labels)
{
	if (!skip(reader, "{"))
		return true;
	while (!skip(reader, "}")) {
		json_t *name = take_name(reader);
		bool good = name && skip(reader, "=\"") &&
			json_object_set_new(labels, json_string_value(name), take_escaped(reader, '"')) == 0;

		json_decref(name);
		if (!good || !skip(reader, "\""))
			return false;
		(void)skip(reader, ",");
	}
	return true;
}

/* A number, and a timestamp that nobody needs. */
static bool take_value(struct reader *reader, json_t *sample)
{
	size_t len = strcspn(reader->at, " \n");
	bool whole = strspn(reader->at, "0123456789") == len;
	json_t *value = NULL;
	char *end;

	errno = 0;
	if (whole) {
		value = json_integer(strtoll(reader->at, &end, 10));
	} else {
		double number = strtod(reader->at, &end);

		value = isfinite(number) ? json_real(number) : NULL;
	}
	if (value)
		json_object_set_new(sample, "value", value);
	if (len == 0 || end != reader->at + len || errno == ERANGE)
		return false;
	reader->at += strcspn(reader->at, "\n");
	return true;
}

static bool take_sample(struct reader *reader)
{
	json_t *name = take_name(reader), *labels = json_object(), *sample;

	if (!name) {
		json_decref(labels);
		return false;
	}
	sample = json_pack("{s:o, s:o}", "name", name, "labels", labels);
	if (!reader->family && !begin_family(reader, json_incref(name))) {
		json_decref(sample);
		return false;
	}
	json_array_append_new(json_object_get(reader->family, "samples"), sample);
	return take_labels(reader, labels) && skip(reader, " ") && take_value(reader, sample);
}

json_t *openmetrics_json(const char *text)
{
	struct reader reader = {.at = text, .families = json_array()};

	while (*reader.at && strcmp(reader.at, "# EOF\n") != 0)
		if (!(skip(&reader, "# ") ? take_comment(&reader) : take_sample(&reader)) || !skip(&reader, "\n")) {
			json_decref(reader.families);
			return NULL;
		}
	return reader.families;
}
