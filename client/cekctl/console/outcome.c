/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cekctl/console/outcome.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/cekctl/console/escape.h"
#include "client/cekctl/console/width.h"

enum { SHAPE_VERSION = 1 };

json_t *outcome_object(json_t *members)
{
	json_t *object = json_object();

	/* jansson keeps the order in which members came */
	if (json_object_set_new(object, "version", json_integer(SHAPE_VERSION)) < 0 ||
		json_object_update_missing(object, members) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(members);
	return object;
}

/* A terminal may take the second byte of a character for C1, if it is none of UTF-8. */
bool outcome_dump(json_t *object, size_t flags)
{
	char *json = json_dumps(object, flags | (width_output() ? JSON_ENSURE_ASCII : 0)), *text = escape_json(json);
	bool good = text && puts(text) >= 0;

	free(text);
	free(json);
	json_decref(object);
	return good;
}

void outcome_answer(struct outcome *outcome, json_t *answer)
{
	if (outcome->answer)
		(void)outcome_dump(outcome->answer, JSON_INDENT(2));
	outcome->answer = answer;
}

json_t *outcome_error_object(const char *status, int exit_status, const char *message, const char *hint)
{
	return json_pack("{s:s, s:i, s:o, s:o*}", "status", status, "exit", exit_status, "message",
		escape_string(message), "hint", hint ? escape_string(hint) : NULL);
}

void outcome_error(struct outcome *outcome, const char *status, const char *message, const char *hint)
{
	if (!outcome->error)
		outcome->error = outcome_error_object(status, EXIT_FAILURE, message, hint);
}

bool outcome_print(struct outcome *outcome, bool with_error, int exit_status)
{
	json_t *answer = outcome->answer, *error = outcome->error;
	bool good = true;

	outcome->answer = outcome->error = NULL;
	if (with_error && error && outcome->output != OUTCOME_OWN) {
		json_object_set_new(error, "exit", json_integer(exit_status));
		if (!answer)
			answer = outcome_object(json_object());
		good = json_object_set(answer, "error", error) == 0;
	}
	json_decref(error);
	if (answer)
		good = outcome_dump(answer, outcome->output == OUTCOME_LINES ? JSON_COMPACT : JSON_INDENT(2)) && good;
	return good;
}
