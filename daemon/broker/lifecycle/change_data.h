/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change to the life of a key, as data: its kind, what it makes of the key, and by whom.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/context/context.h"
#include "daemon/broker/journal/journal.h"
#include "daemon/broker/ring/ring.h"
#include "daemon/broker/workers/job.h"

struct request;

enum change_kind {
	CHANGE_CREATE,
	CHANGE_ROTATE, /* a new version; state says whether it is active or only published */
	CHANGE_IMPORT,
	CHANGE_ADOPT,
	CHANGE_DESTROY,
	CHANGE_MOVE, /* version to state, until */
	CHANGE_SCHEDULE,
	CHANGE_ALIAS,   /* version gets kid as an alias, or loses it */
	CHANGE_RESTORE, /* an operator confirms the journal; about no key */
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
	char kid[KID_MAX + 1];  /* IMPORT, ADOPT: a kid that issuers use already; ALIAS: the alias */
	bool removes;           /* ALIAS: it goes */
	bool hides;             /* ADOPT: what it names would be an object of a key that its peer may not use */
	char made[KID_MAX + 1]; /* the kid of a new version, when its record is on its way */
	enum state state;
	uint64_t until;
	bool force;
	bool then_rotate;          /* MOVE to compromised: a new version in the same step, as cka_id says, */
	struct version *successor; /* MOVE to compromised or suspended: this one becomes active */
	struct version
		*then_suspend; /* ROTATE: this one is suspended, until that time, when the new version is active */
	char reason[REASON_MAX + 1];
	bool looks;       /* it is a preview, and the token is asked what it holds */
	bool renewed;     /* the journal was asked for another receipt */
	bool compromised; /* ROTATE: that much is done already */
	bool rotated;     /* MOVE: likewise */
	/* By whom: */
	const char *listener; /* NULL: by cekd itself */
	uint32_t uid;
	int32_t pid;
	/* Inside: */
	struct append append;
	struct job job;
	struct timer timer; /* for a manage worker that does not come */
	int outcome;        /* to be answered after the last record */
	char text[256];
};

/* "create", "rotate", …: static storage. */
const char *change_op(const struct change *change);

/* For the tests: after how many of its steps the change stands. */
enum change_step { CHANGE_INTENDED, CHANGE_TOUCHED, CHANGE_RECORDED };
void change_step(const struct change *change, enum change_step step);

/* Another change under way is about to give this kid to a version. */
bool change_kid_taken(const struct change *change, const char *kid);

/* Gone, whether it was started or not. */
void change_free(struct change *change);

/* A change of this key failed: cekd waits before it tries one by itself, longer each time, up to an hour. destroyed: it
 * was the destruction of this version, and only that waits; or NULL. */
void change_back_off(struct broker *broker, struct key *key, struct version *destroyed);

/* It went well: the next failure is a first one. */
void change_went_well(struct key *key, struct version *destroyed);
