/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting children: the process, its first message, and the broker's word of it.
 */
#pragma once

#include "daemon/parent/family.h"
#include "daemon/parent/host/boot.h"
#include "daemon/parent/host/listeners.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/host/state.h"
#include "daemon/parent/news.h"

enum {
	START_PROGRAMS = 3,
};

/* What they are started with. */
struct start {
	struct family *family;
	struct news *news; /* listens to them */
	const struct config *config;
	const char *programs;      /* directory */
	int files[START_PROGRAMS]; /* O_PATH, by role: those that were there at the start; -1: none yet */
	bool heir;                 /* another cekd serves: the journal stands by, and the children are that one's */
	int test_page;             /* -1: none */
	int receipts;              /* the key of the receipts (host/receipt_key.h) */
	char boot[BOOT_MAX];
	struct state *state;
	struct logins *logins;
	const struct listeners *listeners;
	int journal_pair[2]; /* the journal's end, the broker's end: both stay open here, so that records survive */
};

/* The process alone, without a word said to it yet. 0 or -errno. */
int start_launch(const struct start *start, struct child *child);

/* Descriptors that a broker needs. */
unsigned start_broker_files(const struct config *config);

/* Open the programs, so that an upgrade of the files does not mix releases. What is not there is looked for again when
 * it is started. start_close_programs() closes them. */
void start_open_programs(struct start *start);
void start_close_programs(struct start *start);

/* Start one now; failures are logged and set its back-off. */
void start_journal(struct start *start);
void start_broker(struct start *start);
void start_worker(struct start *start, struct child *child);
