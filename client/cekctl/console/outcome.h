/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run has to show with --json: its answer and its error, printed together at the end as one object, so that
 * standard output never holds two. cekctl-json(5) describes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct outcome {
	json_t *answer; /* {"version":1, …}; NULL = none */
	json_t *error;  /* what was reported first; NULL = nothing */
	enum outcome_output {
		OUTCOME_NOTHING, /* is written yet */
		OUTCOME_LINES,   /* an object a line: an error is the last one */
		OUTCOME_OWN,     /* another form (rewrap's, RFC 7517): an error is told on standard error only */
	} output;
};

/* A new object with the members of this one behind "version". Releases it; NULL if it is no object or memory ran out.
 */
json_t *outcome_object(json_t *members);

/* Print the object on standard output, jansson's flags say how, and release it. False: it could not be written, memory
 * ran out, or it is NULL. */
bool outcome_dump(json_t *object, size_t flags);

/* Keep it for the end; one that waits already is printed first. */
void outcome_answer(struct outcome *outcome, json_t *answer);

/* Remember the first error of a run. hint may be NULL. */
void outcome_error(struct outcome *outcome, const char *status, const char *message, const char *hint);

/* {"status", "exit", "message", "hint"} as it stands in answers and lines. NULL if memory ran out. */
json_t *outcome_error_object(const char *status, int exit_status, const char *message, const char *hint);

/* Print what there is to print, and release it; with_error: of a run that ended with this exit status and was asked for
 * JSON. False: it could not be written, or memory ran out. */
bool outcome_print(struct outcome *outcome, bool with_error, int exit_status);
