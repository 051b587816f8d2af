/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What verbs share that change something: a preview, by cekd itself, and the question before what cannot be undone.
 */
#pragma once

#include <stdbool.h>

#include "cek.pb-c.h"
#include "client/cekctl/console/ctl.h"

enum change_asks {
	CHANGE_ASKS_NEVER,
	CHANGE_ASKS_IF_TOLD, /* if cekd says that somebody may lose something */
	CHANGE_ASKS_ALWAYS,
};

struct change_how {
	bool dry_run; /* --dry-run */
	bool yes;     /* --yes */
	enum change_asks asks;
};

/* The rows for a verb's options; the texts stand in cekctl(1) as well. */
#define CHANGE_DRY_RUN(how)                                                                        \
	{                                                                                          \
		"dry-run", ARG_FLAG, &(how).dry_run, NULL, "change nothing: say what would happen" \
	}
#define CHANGE_YES(how)                                         \
	{                                                       \
		"yes", ARG_FLAG, &(how).yes, NULL, "do not ask" \
	}

/* Whether to go on and send this request. If not, *ret_exit is the exit status: a preview was asked for and printed, or
 * it is refused; or there is a question, and nobody to answer it, or not with yes. */
bool change_agreed(struct ctl *ctl, const Cek__V1__Request *request, const struct change_how *how, int *ret_exit);

/* Ask for the preview alone (a PreviewReply); and print one, as --dry-run does. Return exit statuses. */
int change_preview(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply **ret_reply);
int change_preview_print(const struct ctl *ctl, const Cek__V1__PreviewReply *preview);

/* The same as change_agreed() without a preview: a question, what it is about being on the screen already.
 * EXIT_SUCCESS: yes. */
int change_ask(const struct ctl *ctl, bool yes, const char *question);

/* Agreed: send it, and print what became of the key (keys_change). Returns an exit status. */
int change_run(struct ctl *ctl, const Cek__V1__Request *request, const char *kid, const struct change_how *how);
