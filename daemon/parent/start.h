/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting children: the process, its first message, and the broker's word of it.
 */
#pragma once

#include "daemon/parent/family.h"
#include "daemon/parent/host/listeners.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/host/state.h"
#include "daemon/parent/news.h"

/* What they are started with. */
struct start {
	struct family *family;
	struct news *news; /* listens to them */
	const struct config *config;
	const char *programs; /* directory */
	int test_page;        /* -1: none */
	struct state *state;
	struct logins *logins;
	const struct listeners *listeners;
	int journal_pair[2]; /* the journal's end, the broker's end: both stay open here, so that records survive */
};

/* The process alone, without a word said to it yet. 0 or -errno. */
int start_launch(const struct start *start, struct child *child);

/* Descriptors that a broker needs. */
unsigned start_broker_files(const struct config *config);

/* Start one now; failures are logged and set its back-off. */
void start_journal(struct start *start);
void start_broker(struct start *start);
void start_worker(struct start *start, struct child *child);
