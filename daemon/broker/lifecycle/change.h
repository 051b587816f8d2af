/*
 * A change to the life of a key, from its first record to its last: intent durable, token touched, result durable,
 * answered. A crash between any two steps leaves an intent that the next start finds in the ring.
 *
 *   create rotate publish import adopt     intent -> job to the manage worker -> "version" (or "abandoned")
 *   destroy                                intent -> job to the manage worker -> "state" destroyed
 *   moves and schedules                    one record
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/broker/base/timers.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/ring/ring.h"
#include "daemon/broker/workers/workers.h"

struct broker;
struct request;

enum change_kind {
	CHANGE_CREATE,
	CHANGE_ROTATE,   /* a new version; state says whether it is active or only published */
	CHANGE_IMPORT,
	CHANGE_ADOPT,
	CHANGE_DESTROY,
	CHANGE_MOVE,     /* version to state, until */
	CHANGE_SCHEDULE,
	CHANGE_RESTORE,  /* an operator confirms the journal; about no key */
};

struct change {
	struct link link; /* among all changes */
	struct broker *broker;
	struct request *request; /* that waits for it, or NULL */
	enum change_kind kind;
	struct key *key;         /* NULL: it does not exist yet */
	struct version *version; /* DESTROY, MOVE; afterwards the new version */
	char name[KEY_NAME_MAX + 1];
	const struct alg *alg;
	unsigned bits;
	char crv[CRV_MAX + 1];
	uint32_t max_uses;
	Schedule schedule;
	uint8_t cka_id[CKA_ID_MAX];
	size_t cka_id_len;
	char kid[KID_MAX + 1];   /* import, adopt: a kid that issuers use already */
	enum state state;
	uint64_t until;
	bool force;
	bool then_rotate;        /* MOVE to compromised: a new version in the same step, as cka_id says, */
	struct version *successor; /* or this one becomes active */
	char reason[REASON_MAX + 1];
	bool compromised;        /* ROTATE: that much is done already */
	/* By whom: */
	const char *listener;    /* NULL: by cekd itself */
	uint32_t uid;
	int32_t pid;
	/* Inside: */
	struct append append;
	struct job job;
	struct timer timer;      /* for a manage worker that does not come */
	int outcome;             /* to be answered after the last record */
	char text[256];
};

/* A change on behalf of a request (NULL: cekd itself): kind and whom filled in, the rest is the caller's. NULL without
 * memory. */
struct change *change_new(struct broker *broker, struct request *request, enum change_kind kind);

/* A request's way: begin, so that the request is finished with the key's description, or a status if it cannot begin.
 * packed is the job for the manage worker (malloc'ed, the change's from now on), NULL for moves and schedules. Returns
 * STATUS_PENDING, or a status with its text in the request; the change is gone then. */
int change_start(struct change *change, uint8_t *packed, size_t len);

/* Give up a change that was not started, and pass outcome on. */
int change_drop(struct change *change, int outcome);

/* A fresh random CKA_ID. 0 or -errno. */
int change_new_cka_id(struct change *change);

/* Pack the job that makes a new version of the key as the change describes it. 0 or -ENOMEM. */
int change_generate_job(struct change *change, uint8_t **ret_packed, size_t *ret_len);

/* Any other job for the manage worker; its id is filled in. */
int change_pack_job(struct change *change, Job *job, uint8_t **ret_packed, size_t *ret_len);

/* The version that is published and can become active at once, other than this one; or NULL. */
struct version *change_published(const struct key *key, const struct version *other);

/* alg, bits and crv as the key has them. */
void change_like(struct change *change, const struct key *key);

/* "create", "rotate", …: static storage. */
const char *change_op(const struct change *change);

/* Its request has gone; the change goes on. */
void change_detach(struct change *change);
