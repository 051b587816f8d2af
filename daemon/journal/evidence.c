/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal/evidence.h"

#include <stdio.h>
#include <string.h>

static const char *member(const json_t *line, const char *name)
{
	const char *text = json_string_value(json_object_get(line, name));

	return text ? text : "";
}

static bool changes_keys(const char *op)
{
	static const char *const ops[] = {"create", "rotate", "state", "destroy", "import", "adopt", "schedule"};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(op, ops[i]) == 0)
			return true;
	}
	return false;
}

static void note_change(struct evidence *evidence, const json_t *line, uint64_t epoch)
{
	size_t place = evidence->n_later++ % EVIDENCE_LATER_MAX;

	if (evidence->n_later > EVIDENCE_LATER_MAX)
		evidence->dropped = evidence->later[place].epoch;
	evidence->later[place].epoch = epoch;
	snprintf(evidence->later[place].text, EVIDENCE_LINE_MAX, "%.40s %.70s %.256s: %.80s", member(line, "time"),
		member(line, "key"), member(line, "kid"), member(line, "detail"));
}

/* In the line that cekd-journal writes at its start, epoch is where the key journal ended then. */
static void note_start(struct evidence *evidence, uint64_t keys_seq)
{
	if (evidence->outlived || keys_seq >= evidence->epoch)
		return;
	evidence->outlived = true;
	evidence->ends = keys_seq;
}

void evidence_line(struct evidence *evidence, const json_t *line)
{
	json_int_t number = json_integer_value(json_object_get(line, "epoch"));
	uint64_t epoch = number > 0 ? (uint64_t)number : 0;
	const char *op = member(line, "op");
	bool ok = strcmp(member(line, "status"), "OK") == 0;

	if (strcmp(member(line, "type"), "open") == 0) {
		note_start(evidence, epoch);
	} else if (ok && strcmp(op, "restore") == 0 && strcmp(member(line, "detail"), "confirmed") == 0) {
		evidence_clear(evidence);
		evidence->epoch = epoch;
		return;
	} else if (ok && changes_keys(op) && !evidence->outlived && *member(line, "detail")) {
		note_change(evidence, line, epoch);
	}
	if (epoch > evidence->epoch)
		evidence->epoch = epoch;
}

void evidence_end(struct evidence *evidence, uint64_t keys_seq)
{
	note_start(evidence, keys_seq);
	if (!evidence->outlived)
		evidence->n_later = 0;
}

void evidence_clear(struct evidence *evidence)
{
	evidence->outlived = false;
	evidence->ends = evidence->epoch = evidence->dropped = 0;
	evidence->n_later = 0;
}

bool evidence_more_later(const struct evidence *evidence)
{
	return evidence->outlived && evidence->dropped > evidence->ends;
}

const char *evidence_later(const struct evidence *evidence, size_t i)
{
	size_t kept = evidence->n_later < EVIDENCE_LATER_MAX ? evidence->n_later : EVIDENCE_LATER_MAX;

	for (size_t j = 0; j < kept; j++) {
		size_t place = (evidence->n_later - kept + j) % EVIDENCE_LATER_MAX;

		if (evidence->later[place].epoch > evidence->ends && i-- == 0)
			return evidence->later[place].text;
	}
	return NULL;
}
