/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring: all keys and versions as they stand, folded from the key journal. It changes in one way only: ring_apply()
 * of a record that is durable, at start for the whole journal and later for each new record. Nothing is ever removed;
 * kids and CKA_IDs are unique for ever.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/release.h"
#include "base/table.h"
#include "daemon/broker/base/names.h"
#include "daemon/shared/clocks.h"
#include "proto/alg.h"

enum {
	RING_PEERS_MAX = 16, /* peers remembered of one version */
	CKA_ID_LEN = 16,     /* of an object that cekd makes */
	CKA_ID_MAX = 64,     /* of one that it adopts */
	CRV_MAX = 15,
	RING_HEAD_MAX = 96, /* "SEQ:HASH" */
	ALIASES_MAX = 16,   /* of one version; a journal may hold more */
};

struct usage {
	const char *listener; /* interned: compare the pointer */
	uint32_t uid;
	uint64_t unwraps, wraps;
	uint64_t last_used;
};

/* What failed, cekd does not try again by itself before that; the pauses grow. */
struct pause {
	uint64_t until;    /* monotonic time */
	uint32_t failures; /* in a row */
	bool held;         /* as steps.c saw it last: it is not over */
};

struct version {
	struct key *key;
	char *kid;
	char **alias;
	size_t n_alias;
	size_t n_alias_given; /* the first of them: those that it was made with */
	uint8_t cka_id[CKA_ID_MAX];
	size_t cka_id_len;
	uint32_t number; /* 1, 2, … within its key */
	unsigned bits;   /* RSA: of this version, since an imported one may differ */
	enum state state;
	enum state before; /* SUSPENDED, WAITING: the state that it had before */
	struct {
		enum state before;
		uint64_t until;
	} suspension;     /* WAITING: the one that it interrupts, if any */
	struct wait wait; /* WAITING: until, by both clocks */
	enum provenance provenance;
	bool missing;
	uint64_t created, activated, deactivated, destroyed, until;
	uint64_t unwraps, wraps, refused, last_used;
	uint64_t without_kid; /* of the unwraps, those that named the key only */
	struct usage *peers;  /* RING_PEERS_MAX of them, once there is one */
	size_t n_peers;
	bool more_peers; /* some were forgotten */
	PublicKey *public_key;
	char *note;
	/* AES-GCM: wraps that the journal allows, wraps that may have happened. */
	uint64_t reserved, taken;
	/* Not from the journal: */
	struct link dirty;          /* counters not yet durable */
	uint64_t look_again;        /* missing: monotonic time of the next attempt to find the object */
	bool reserving;             /* a reservation is under way */
	bool marking;               /* "missing" or "found" is under way */
	bool twins;                 /* the token has several objects that could be it: none is used */
	struct pause destroy_pause; /* its destruction failed */
	uint64_t looked;            /* id of the last job before that was seen; only later ones tell that it is over */
};

struct key {
	char *name;
	const struct alg *alg;
	unsigned bits;
	char crv[CRV_MAX + 1];
	struct version **versions; /* oldest first */
	size_t n_versions;
	struct version *active;
	uint32_t period, lead, overlap, token_lifetime, jwks_max_age;
	uint32_t max_uses;
	/* Not from the journal: */
	struct change *change; /* the life-cycle change under way, or NULL */
	struct link parked;    /* wraps that wait for a reservation or a rotation */
	struct pause pause;    /* a change of it failed */
};

/* Something that cekd was about to make or destroy in the token and never finished saying. */
struct intent {
	struct link link;
	uint8_t cka_id[CKA_ID_MAX];
	size_t cka_id_len;
	char op[16];
	char key[KEY_NAME_MAX + 1];
	uint64_t time;
};

struct ring {
	uint64_t epoch; /* seq of the last record that changed a key */
	uint64_t last_seq;
	uint64_t last_time;
	bool live;                 /* replayed: counters in memory are ahead of the journal's from now on */
	struct clocks clocks;      /* what the records' times tell */
	char release[RELEASE_MAX]; /* of cekd, as the last record "open" names it */
	char file[80];             /* which file the journal was when cekd last opened it */
	bool suspect;              /* it seems to be a copy or an older one, and no operator has confirmed it since */
	bool confirmed;            /* an operator has confirmed it once */
	char found[RING_HEAD_MAX]; /* suspect: its last line as it was found */
	uint64_t found_time;
	struct table names, kids, cka_ids;
	struct key **keys; /* by name */
	size_t n_keys;
	size_t n_versions;
	struct link intents;
	char boot[CLOCKS_BOOT_MAX]; /* this boot of the machine; stays */
	struct link dirty;          /* versions whose counters are not yet durable */
	char **interned;
	size_t n_interned;
};

void ring_init(struct ring *ring);
void ring_deinit(struct ring *ring);
/* Empty it, but for the boot, and for the interned names: connections point to them. */
void ring_reset(struct ring *ring);

/* Apply one record. 0; -EPROTO if it contradicts the ring (ret_why says how; the journal is not ours or was changed);
 * -ENOMEM. After an error the ring is not to be used any more. */
int ring_apply(struct ring *ring, const KeyRecord *record, char *ret_why, size_t why_size);

struct key *ring_key(const struct ring *ring, const char *name);
/* The index of the key of this name in keys. False: there is none. */
bool ring_place(const struct ring *ring, const char *name, size_t *ret_place);
/* By kid or alias. */
struct version *ring_version(const struct ring *ring, const char *kid);
struct version *ring_object(const struct ring *ring, const uint8_t *cka_id, size_t len);
/* NULL: without a schedule. */
void ring_set_schedule(struct key *key, const Schedule *schedule, uint32_t max_uses);

/* Who of those that are remembered used it last; NULL: nobody. */
const struct usage *ring_last_user(const struct version *version);
/* The public half that tells its object from others with the same CKA_ID; NULL: AES, which has none. */
PublicKey *ring_public_half(const struct version *version);
/* A destruction of this version was begun, and its end is not written yet: the object may be there or not. */
bool ring_destruction_open(const struct ring *ring, const struct version *version);
/* The first key whose name sorts after this one (NULL: the first of all), as an index into keys. */
size_t ring_after(const struct ring *ring, const char *name);

/* The one copy of a listener's name, NULL when there is no memory. */
const char *ring_intern(struct ring *ring, const char *name);

/* Count a use of a version that succeeded, or one that its state refused. */
void ring_used(struct ring *ring, struct version *version, const char *listener, uint32_t uid, uint64_t unwraps,
	uint64_t wraps, uint64_t now);
void ring_refused(struct ring *ring, struct version *version);
