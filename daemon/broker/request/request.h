/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request from its frame to its reply. request_run() shows the order: decode, resolve, authorise, dispatch; then, at
 * once or when the answer came, record, encode, reply.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/broker/base/names.h"
#include "daemon/broker/base/timers.h"
#include "daemon/broker/context/context.h"
#include "daemon/broker/ring/ring.h"
#include "daemon/broker/workers/job.h"

enum {
	/* a packed job about a CEK: the longest parts that the checks let pass, names, and some slack */
	REQUEST_JOB_MAX = 2560,
	REQUEST_TEXT_MAX = 512,
	REQUEST_TRIES_MAX = 64, /* versions-tried is no larger */
};

struct request {
	struct link open;   /* among its peer's */
	struct link parked; /* among a key's */
	struct timer deadline;
	struct job job;
	struct broker *broker;
	struct peer *peer; /* NULL: gone */
	struct user *user;
	const char *listener;
	uid_t uid;
	pid_t pid;
	uint64_t id;
	const struct operation *op; /* NULL: it did not decode */
	uint64_t arrived;
	size_t reserved;           /* bytes of the peer's output */
	bool answered;             /* the peer has its reply (or is gone); the work goes on */
	const CekRequest *message; /* while the handler runs; then NULL */
	struct key *key, *to_key;
	struct version *version, *to_version;
	const struct enc *enc;
	/* What the answer to the job means: a status, or STATUS_PENDING if there is more to wait for. result NULL:
	 * lost. */
	int (*resume)(struct request *request, const JobResult *result);
	/* Try again after having been parked. */
	int (*unpark)(struct request *request);
	uint32_t tries, candidate, candidates;
	Cek__V1__Reason reason; /* of a refusal: set only where it is clear that this peer may use the key */
	bool without_kid;
	bool failed;    /* without kid: the token could try one of them, and it did not open it */
	CekReply reply; /* the handler fills in its result, made in the arena */
	/* What the handler has made wait for it, or keeps for it; gone is called once if the request ends before that:
	 */
	void *held;
	void (*gone)(struct request *request); /* NULL: nothing */
	bool preview;                          /* of what op does: nothing changes */
	bool counted;                          /* in its user's quota */
	bool large;                            /* the reply may be as long as a frame */
	/* Up to here a new request is zeroed; of these only the first byte is. */
	char text[REQUEST_TEXT_MAX];              /* what the reply says if it is not OK */
	struct version *tried[REQUEST_TRIES_MAX]; /* without kid: tries of them */
	/* For the audit trail: */
	char key_name[KEY_NAME_MAX + 1], kid[KID_MAX + 1];
	char detail[REQUEST_TEXT_MAX];
	size_t encrypted_key_len;
	uint8_t encrypted_key[ENCRYPTED_KEY_MAX];
	uint8_t packed[REQUEST_JOB_MAX]; /* secrets only here */
};

/* Serve one frame's body. */
void request_run(struct broker *broker, struct peer *peer, const uint8_t *body, size_t len);

/* Whether this is one whose answer waits for no record: it has none if too many wait already, or as none is written. */
bool request_at_once(struct broker *broker, const uint8_t *body, size_t len);

/* What has come is no frame: answer it. */
void request_refuse_frame(struct broker *broker, struct peer *peer, enum status status, const char *text);

/* Record, encode, reply, if outcome is not STATUS_PENDING: a status or -errno. The request is gone then. */
void request_finish(struct request *request, int outcome);

/* The peer has gone: go on without it. */
void request_orphan(struct request *request);

/* Set the text of the reply and return status. */
int request_say(struct request *request, enum status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, and why: for a peer that may do what it asked for with that key. */
int request_say_why(struct request *request, enum status status, Cek__V1__Reason reason, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Let go of it, answered or not: it stays only until a worker that has its job has answered. */
void request_free(struct request *request);
