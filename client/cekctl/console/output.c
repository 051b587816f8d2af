/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/output.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cekctl/console/escape.h"
#include "client/cekctl/console/outcome.h"
#include "proto/base64url.h"

int output_json(const struct ctl *ctl, json_t *value)
{
	json_t *object = outcome_object(value);

	if (!object)
		return ctl_fail(ctl, "out of memory");
	outcome_answer(ctl->outcome, object);
	return EXIT_SUCCESS;
}

int output_json_line(const struct ctl *ctl, json_t *value)
{
	json_t *object = ctl->json ? outcome_object(value) : value;

	if (!object)
		return ctl_fail(ctl, "out of memory");
	if (ctl->outcome->output == OUTCOME_NOTHING)
		ctl->outcome->output = OUTCOME_LINES;
	return outcome_dump(object, JSON_COMPACT) ? EXIT_SUCCESS : ctl_fail(ctl, "cannot write to standard output");
}

void output_lines(const struct ctl *ctl)
{
	if (ctl->outcome)
		ctl->outcome->output = OUTCOME_LINES;
}

void output_own(const struct ctl *ctl)
{
	ctl->outcome->output = OUTCOME_OWN;
}

void output_set_text(json_t *object, const char *name, const char *text)
{
	if (*text)
		json_object_set_new(object, name, escape_string(text));
}

void output_set_time(json_t *object, const char *name, uint64_t time)
{
	if (time)
		json_object_set_new(object, name, output_json_time(time));
}

json_t *output_string(const char *text)
{
	return escape_string(text);
}

json_t *output_bytes(const ProtobufCBinaryData *bytes)
{
	char *text = b64u_text(bytes->data, bytes->len);
	json_t *string = text ? json_string(text) : NULL;

	free(text);
	return string;
}

const char *output_hex(const ProtobufCBinaryData *bytes, char text[OUTPUT_HEX])
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < bytes->len && n + 2 < OUTPUT_HEX; i++)
		n += (size_t)snprintf(text + n, OUTPUT_HEX - n, "%02x", bytes->data[i]);
	return text;
}

json_t *output_json_time(uint64_t time)
{
	time_t seconds = (time_t)(time / 1000000);
	char text[OUTPUT_TIME];
	struct tm parts;

	if (time == 0)
		return json_null();
	if (!gmtime_r(&seconds, &parts) || strftime(text, OUTPUT_TIME, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
		strcpy(text, "?");
	return json_sprintf("%s.%06uZ", text, (unsigned)(time % 1000000));
}

const char *output_time(uint64_t time, char text[OUTPUT_TIME])
{
	time_t seconds = (time_t)(time / 1000000);
	struct tm parts;
	size_t n;

	if (time == 0)
		return strcpy(text, "-");
	/* strftime(3) writes the offset as +hhmm */
	if (!localtime_r(&seconds, &parts) || (n = strftime(text, OUTPUT_TIME - 1, "%Y-%m-%d %H:%M:%S%z", &parts)) < 5)
		return strcpy(text, "?");
	if (parts.tm_gmtoff == 0)
		return strcpy(text + n - 5, "Z"), text;
	memmove(text + n - 1, text + n - 2, 3);
	text[n - 2] = ':';
	return text;
}

/* The length of the time in UTC that text begins with, 0 if there is none. */
static size_t utc_time(const char *text, uint64_t *ret_time)
{
	struct tm parts = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts);

	if (!end || end - text != (ptrdiff_t)strlen("2026-01-31T12:00:00Z"))
		return 0;
	*ret_time = (uint64_t)timegm(&parts) * 1000000;
	return (size_t)(end - text);
}

const char *output_local(const char *sentence, char *text, size_t size)
{
	size_t n = 0;

	while (*sentence && n + OUTPUT_TIME < size) {
		uint64_t time;
		const size_t len = utc_time(sentence, &time);

		if (len > 0)
			n += strlen(output_time(time, text + n));
		else
			text[n++] = *sentence;
		sentence += len > 0 ? len : 1;
	}
	text[n] = '\0';
	return text;
}

const char *output_duration(uint32_t seconds, char text[OUTPUT_DURATION])
{
	static const struct {
		uint32_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t n = 0;

	if (seconds == 0)
		return strcpy(text, "0s");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds >= units[i].seconds)
			n += (size_t)snprintf(text + n, OUTPUT_DURATION - n, "%u%c", seconds / units[i].seconds,
				units[i].unit);
		seconds %= units[i].seconds;
	}
	return text;
}

void output_span(const char *text, size_t len)
{
	escape_put_span(stdout, text, len);
}

void output_text(const char *text)
{
	escape_put(stdout, text);
}
