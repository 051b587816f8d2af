/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pair with cekd: workers that came and went, new rules, the order to stop; and what cekd learns of us.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "daemon/broker/base/names.h"
#include "daemon/broker/base/turn.h"
#include "proto/sequence.h"

struct parent_link_events {
	/* A worker was started: its pair is the receiver's, the page of executing.h stays ours. */
	void (*worker_up)(void *owner, int fd, int executing, const Cek__Internal__V1__WorkerUp *up);
	void (*worker_gone)(void *owner, const Cek__Internal__V1__WorkerGone *gone);
	void (*reload)(void *owner, const Cek__Internal__V1__Reload *reload);
	/* Finish; quiet: at a moment in which no key is being changed. */
	void (*drain)(void *owner, bool quiet);
	/* How often which pair broke the rules between cekd's processes, since cekd started. */
	void (*broken)(void *owner, const Cek__Internal__V1__Broken *broken);
	/* cekd is gone, or broke the rules: nobody would start workers or stop us. */
	void (*lost)(void *owner);
};

enum {
	PROCESSES_MAX = 256, /* of cekd */
};

/* What cekd saw of a process. */
struct seen {
	int32_t pid;
	uint32_t uid, threads, filters;
	bool no_new_privs;
};

struct parent_link {
	struct turn *turn;
	const struct parent_link_events *events;
	void *owner;
	int fd;
	struct event readable;
	struct sequence sequence; /* what cekd may say */
	uint64_t heard_us;        /* by the pulse: when cekd last asked whether we are there */
	struct seen seen[PROCESSES_MAX];
	size_t n_seen;
	bool owes_alive; /* an answer that the pair had no room for */
	unsigned owes_reloaded;
	bool ready_sent; /* Ready went to cekd */
	bool told_ready;
	size_t told_keys;
	char told[200];
};

/* fd is the caller's. 0 or -errno. */
int parent_link_init(struct parent_link *link, struct turn *turn, int fd, const struct parent_link_events *events,
	void *owner);
void parent_link_deinit(struct parent_link *link);

/* Ask for a worker: the manage worker, or one that replaces a use worker. False: cekd takes no message now. */
bool parent_link_want_worker(struct parent_link *link, bool manage, uint32_t index, uint32_t generation);

/* A worker broke the rules, or hangs: it is to be killed and replaced, since it may not end by itself. So for the
 * journal with this process id. False: as above. */
bool parent_link_end_worker(struct parent_link *link, const Cek__Internal__V1__EndWorker *end);
bool parent_link_end_journal(struct parent_link *link, int32_t pid, const char *how, bool broke);

/* Tell cekd, once, that we are set up. */
void parent_link_tell_ready(struct parent_link *link);

/* Tell it that we serve so many keys, or not and why, if that changed. waits_for: what may never come, or NULL. Called
 * each turn. */
void parent_link_tell_state(struct parent_link *link, bool ready, const char *waits_for, const char *why,
	size_t n_keys);

/* What cekd saw of the process last; NULL: nothing so far. */
const struct seen *parent_link_seen(const struct parent_link *link, int32_t pid);

/* What a reload asked for is done. */
void parent_link_tell_reloaded(struct parent_link *link);

/* Only fd need be set. */
void parent_link_tell_failing(const struct parent_link *link, int failing_class, const char *why);
