/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the doctor has found so far: a line a step, and what to do about the first one that failed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"

enum {
	REPORT_STEPS_MAX = 64,
	REPORT_TEXT = 640,
};

enum report_outcome {
	REPORT_OK,
	REPORT_WARNING, /* it works, for now */
	REPORT_FAILED,
	REPORT_SKIPPED,
};

struct report_step {
	const char *name; /* static storage */
	enum report_outcome outcome;
	char text[REPORT_TEXT];
};

struct doctor {
	struct ctl *ctl;
	const char *key; /* a name, or NULL */

	/* Found on the way: */
	Cek__V1__Reply *status;  /* StatusReply; NULL: cekd was not asked, or does not tell it to this user */
	uint64_t before, after;  /* this side's clock around that */
	Cek__V1__Reply *explain; /* ExplainReply about this user; NULL: cekd is older than that */

	struct report_step steps[REPORT_STEPS_MAX];
	size_t n_steps;
	const struct report_step *failed; /* the first one */
	const char *failed_status;        /* a row of exits.h */
	char next[REPORT_TEXT];
};

/* A step that did not fail. */
void report_add(struct doctor *doctor, const char *name, enum report_outcome outcome, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* One that did, as which status of exits.h, and the one thing to do about it. */
void report_fail(struct doctor *doctor, const char *name, const char *status, const char *next, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Print all of it. The exit status: that of the first step that failed. */
int report_print(const struct doctor *doctor);
