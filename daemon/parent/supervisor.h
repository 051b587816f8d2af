/*
 * cekd while it runs: its children, and what is done when one of them gets ready, asks for something or ends.
 */
#pragma once

#include <stdbool.h>

#include "daemon/parent/children.h"
#include "daemon/parent/config/config.h"
#include "daemon/parent/host/listeners.h"
#include "daemon/parent/host/logins.h"
#include "daemon/parent/host/state.h"

struct event;
struct event_base;

/* A use worker and, for a while, its successor: the old one serves until the broker has taken over the new one. */
struct slot {
	struct child child[2];
	unsigned now; /* which of them is the current one; the other is the old one while it has a process */
	unsigned starts; /* of both */
};

struct supervisor {
	struct config *config;
	const char *config_path;
	const char *programs; /* directory */
	int test_page;        /* -1: none */

	struct event_base *base;
	struct event *timer; /* the next start that is due */
	struct event *stop_timer;

	struct state state;
	struct listeners listeners;
	int journal_pair[2]; /* the journal's end, the broker's end: both stay open here, so that records survive */
	struct logins logins;
	const struct child *refused; /* the worker whose PIN was wrong, while logins are stopped */

	struct child journal;
	struct child broker;
	struct child manage;
	bool manage_wanted;
	unsigned manage_starts;
	struct slot slots[CONFIG_WORKERS_MAX];
	unsigned broker_runs;

	bool announced;         /* READY=1 was sent */
	bool broker_ready_once; /* the first start has succeeded so far that only time is needed */
	bool stopping;
	unsigned stop_stage;
	int exit_status;
};

/* Start whatever ought to run and does not, or, while stopping, end whatever still runs. Called after every change. */
void supervisor_step(struct supervisor *supervisor);

/* Begin the orderly stop (SIGTERM): the broker answers what it accepted, then workers and journal end. */
void supervisor_stop(struct supervisor *supervisor);

/* SIGCHLD. */
void supervisor_reap(struct supervisor *supervisor);

/* SIGHUP: rules and limits from the file, and a new try with the PIN. */
void supervisor_reload(struct supervisor *supervisor);

/* ---- between the files of the supervisor ------------------------------------------------------------------------- */

/* Call f for each child that has a process. */
void supervisor_each(struct supervisor *supervisor, void (*f)(struct supervisor *, struct child *, void *), void *data);

/* Take another step at that time at the latest (monotonic). */
void supervisor_wake(struct supervisor *supervisor, uint64_t when_us, uint64_t now_us);

/* What a child has sent (news.c); readable is the event's callback. */
void control_readable(int fd, short what, void *child);
void control_read(struct supervisor *supervisor, struct child *child);

/* Start a child now (start.c); failures set its back-off. */
void start_journal(struct supervisor *supervisor);
void start_broker(struct supervisor *supervisor);
void start_worker(struct supervisor *supervisor, struct child *child);

/* Tell the broker about a worker that is gone, if it knew it. */
void tell_worker_gone(struct supervisor *supervisor, const struct child *child, bool hopeless);

/* The next step of an orderly stop (stop.c). */
void stop_step(struct supervisor *supervisor);
