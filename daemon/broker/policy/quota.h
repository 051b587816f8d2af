/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each user, a uid at a listener, holds at the moment and has cost lately, over all its connections, so that none
 * can crowd out the others. Each part gives back by itself: memory when it is freed, records when they are written,
 * time when nobody waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/broker/policy/turns.h"

enum {
	QUOTA_BUCKETS = 256,
	QUOTA_GONE_MAX = 1024,  /* users without a connection that are remembered */
	QUOTA_LINES = 10,       /* log lines a second that one user may cause */
	QUOTA_LINES_BURST = 20, /* and as many at once */
};

/* Bytes of records that are not yet written. Two groups, since only the last record of a group is known: what is said
 * to be left may be too much, by the younger group. */
struct backlog {
	size_t older, younger;
	uint64_t older_n, younger_n; /* the last record of each */
};

/* The log lines that a user has caused. */
struct log_lines {
	uint64_t spent_us; /* monotonic: when its allowance is whole again */
	uint64_t untold;   /* that were left out since the last one that was told */
	uint64_t untold_us;
	/* Of requests that the rules refused: */
	uint32_t told; /* permissions, each told once until then */
	uint64_t told_until_us;
	uint64_t refusals_untold;
};

struct user {
	struct link link; /* in its bucket */
	struct link gone; /* among those without a connection and a request */
	uint32_t uid;
	size_t listener;
	const char *listener_name; /* belongs to whoever made the user */
	uint32_t connections;
	uint32_t requests; /* open */
	size_t output;     /* bytes of replies that it has not read */
	size_t input;      /* bytes of frames that are not whole or cannot be served yet */
	struct backlog records;
	struct log_lines lines;
	struct turns_place turn;
	struct link ready;   /* its connections that have something to be read: net/input.c */
	void *input_holder;  /* the one that may complete a frame although input is as large as it may be */
	struct link waiting; /* those that have, and wait until it holds less */
	struct link stopped; /* too many of its records are not yet written */
};

struct quota {
	struct link buckets[QUOTA_BUCKETS];
	struct link gone; /* longest ago first */
	size_t n_gone;
	uint32_t present;         /* users with a connection */
	uint32_t connections_max; /* of a user */
	uint32_t requests_max;
	struct turns turns;
	struct user
		*served; /* for whom the broker works just now: what is logged is logged for him; NULL: for itself */
};

void quota_init(struct quota *quota, uint32_t connections_max, uint32_t requests_max);
void quota_deinit(struct quota *quota);

/* The user of this uid at the listener of this index and name, who need not have a connection: then it is valid until
 * others have come and gone, or quota_look(). NULL: no memory. */
struct user *quota_user(struct quota *quota, uint32_t uid, size_t listener, const char *name);

/* Count a connection. 0, and the user stays until its last connection and request are given back; -EUSERS if it has as
 * many as it may. */
int quota_connect(struct quota *quota, struct user *user);
void quota_disconnect(struct quota *quota, struct user *user);

/* Count a request. 0 or -EUSERS. */
int quota_request(struct quota *quota, struct user *user);
void quota_answer(struct quota *quota, struct user *user);

/* Record n, of so many bytes, is on its way. And how many bytes are, when all up to written_n are written. */
void quota_record(struct user *user, size_t len, uint64_t n);
size_t quota_records(struct user *user, uint64_t written_n);

/* The broker works for this user from now on, NULL: for itself, as when it says what became of the token, whoever made
 * it notice. Returns whom it worked for. */
struct user *quota_serve(struct quota *quota, struct user *user);

/* Whether a line that the served user causes may be logged; counts it. For log_ask(). */
bool quota_may_log(void *quota);

/* Now and then: tell how many lines were left out; forget users that are gone and owe nothing. */
void quota_look(struct quota *quota, uint64_t now_us, uint64_t written_n);
