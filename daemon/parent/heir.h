/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing over to the program that is installed now, without a moment in which nobody serves (docs/design.md). This is
 * the side of the one that serves: it starts its heir, which prepares itself beside it (take_over.h); when that stands
 * by its own broker and journal end, the heir serves, and this process becomes the heir's program.
 *
 * Whatever goes wrong before broker and journal have been asked to end has no effect but a line in the log.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/parent/family.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/news.h"
#include "daemon/parent/start.h"
#include "proto/sequence.h"

struct event;

enum heir_stage {
	HEIR_NONE,
	HEIR_PREPARES,
	HEIR_WAITS_FOR_BROKER,  /* ours, which answers what it has taken */
	HEIR_WAITS_FOR_JOURNAL, /* ours, which writes it down */
	HEIR_GOES,              /* it has been told to serve */
	HEIR_SERVES,            /* this process is to become its program */
	HEIR_ENDS,              /* given up: it and its children are waited for */
};

struct heir {
	struct family *family;
	struct start *start;
	struct news *news;
	const char *program;    /* path of cekd */
	char *const *arguments; /* for it */
	bool sandboxed;         /* this process has entered its sandbox */

	enum heir_stage stage;
	struct sequence sequence; /* what it may say */
	pid_t pid;                /* and its process group */
	int file;                 /* the program itself, O_PATH */
	int pair;
	struct event *readable, *timer;
	bool broke;  /* given up when broker and journal had gone: they are started again when it has gone */
	bool ending; /* SIGTERM came when it was too late to give up */
	bool reload; /* SIGHUP came meanwhile */
};

/* SIGUSR2: begin, if that can be. Logs. */
void heir_begin(struct heir *heir);

/* SIGTERM. True: its program will see to it. */
bool heir_stop(struct heir *heir);

/* After every change. True: neither broker nor journal is to be started now. */
bool heir_step(struct heir *heir);

/* SIGCHLD, while it is not HEIR_NONE: its children are this process's, and must stay there to be reaped by its program.
 */
void heir_reap(struct heir *heir);

/* Neither it nor one of its children is there. */
bool heir_is_gone(const struct heir *heir);

/* HEIR_SERVES, and outside of the loop: become its program. Returns only on failure. */
void heir_become(struct heir *heir);

void heir_deinit(struct heir *heir);
