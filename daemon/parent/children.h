/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One child of cekd: its process, its control socket, and when it may be started again. What is started when is decided
 * in supervisor.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/internal.pb-c.h"
#include "proto/sequence.h"

struct event;
struct event_base;
struct executing;

enum child_role {
	CHILD_JOURNAL,
	CHILD_BROKER,
	CHILD_WORKER,
};

/* Of a worker: pins.h. */
enum child_pin {
	CHILD_NO_PIN,
	CHILD_WANTS_PIN,
	CHILD_HAS_PIN, /* it is in a login */
};

struct child {
	enum child_role role;
	bool manage;         /* workers */
	unsigned index;      /* workers */
	unsigned generation; /* workers: how often that one, by kind and index, was started; names the process that runs
			      * or ran last */
	unsigned broker_run; /* workers: which start of the broker holds the other end of the pair */
	char name[32];       /* for messages */

	pid_t pid; /* 0: none */
	int control;
	struct event *readable; /* NULL: not listened to */
	void (*heard)(void *owner, struct child *child);
	void *owner;
	bool ready;
	bool draining;
	enum child_pin pin;
	bool deaf;         /* nothing more comes from it: it has ended, or is about to */
	uint64_t ready_us; /* when it got ready last, monotonic; 0: never yet */

	/* Liveness, by the pulse of the judge (judge.h). */
	uint64_t owed_us; /* since when it owes an answer, or a worker what it is expected to do; 0: nothing */
	bool asked;       /* the question of broker or journal is on its way; else the pair was full */
	unsigned asks;    /* so far */
	pid_t looked_at;  /* the pid that was looked at (look.h) when it was ready */
	struct {
		uint64_t begun, allowed_us;
		bool login;
	} seen;                   /* of its page */
	bool late;                /* the log has been told */
	bool in_login;            /* so has it that it hangs inside a login, for as long as it does */
	bool unwanted;            /* the broker has given it up: to be killed as soon as it is in no login */
	bool condemned;           /* it was killed */
	struct sequence sequence; /* what it may say */
	int executing;            /* workers: the page of executing.h, -1: none, and */
	const struct executing *page;

	unsigned delay_ms;      /* before the start after the next failure */
	uint64_t not_before_us; /* monotonic */

	Cek__Internal__V1__Failing__Class failing;
	char why[200]; /* what it said before it ended, else how it ended */
};

void child_init(struct child *child, enum child_role role, bool manage, unsigned index);

/* A process runs now; control is its socket. */
void child_started(struct child *child, pid_t pid, int control);

/* A worker's page, whose descriptor belongs to child from now on. 0 or -errno. */
int child_watch(struct child *child, int executing);

/* Call heard whenever it has sent something, until it has ended. 0 or -errno. */
int child_listen(struct child *child, struct event_base *base, void (*heard)(void *owner, struct child *child),
	void *owner);

/* Nothing of what it sends is wanted any more. */
void child_ignore(struct child *child);

/* It could not be started, or has ended with this status of waitpid(2): forget the process, set why and, unless it
 * ended as it was asked to, when it may be started again. Logs. */
void child_start_failed(struct child *child, const char *why);
void child_ended(struct child *child, int status);

/* It was started by the program that this process had before, which may have asked it already whether it is there. */
void child_inherited(struct child *child, bool ready);

/* It told that it is ready. */
void child_ready(struct child *child);

/* Is it not running, and may be started now? */
bool child_due(const struct child *child, uint64_t now_us);

/* 0 or -errno. A control socket that is full or broken means that the child is of no use: the caller kills it. */
int child_send(struct child *child, const Cek__Internal__V1__Control *message, const int *fds, size_t n_fds);

/* Ask it to finish, once; quiet (broker): at a moment in which no key is being changed. */
void child_drain(struct child *child);
void child_drain_quietly(struct child *child);

void child_kill(const struct child *child, int signal_number);
