/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker with everything around it in one process: a journal and token workers that answer as the test says, and
 * clients on a real socket. Nothing runs by itself: rig_run() turns all of them until there is nothing left to do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/broker/broker.h"
#include "daemon/token/results.h"

enum {
	RIG_WORKERS = 2,
	RIG_RECORDS_MAX = 4096,
	RIG_REPLY_MAX = 131072,
};

struct rig_worker {
	int fd; /* -1: not there */
	struct executing *executing;
	bool deaf; /* reads nothing */
	uint32_t generation;
	uint64_t jobs; /* that it has answered */
	bool said_hello;
	bool replace;      /* asks to be replaced */
	size_t forgets;    /* jobs to forget a key */
	size_t dies_after; /* closes its end when it reads the job after so many more; 0: never */
	bool holds;        /* results of unwraps stay until the first one for which it does not */
	Cek__Internal__V1__TokenObject *const *objects; /* what an inventory finds */
	size_t n_objects;
	size_t parts;               /* of an inventory, each with all objects, before the last one */
	enum outcome outcome;       /* of an inventory, a destruction or an adoption; 0: OK */
	ProtobufCBinaryData adopts; /* CKA_ID of the object that an adoption finds */
	struct arena arena;
	struct results results;
};

struct rig_journal {
	int fd;
	bool deaf;   /* reads nothing */
	bool mute;   /* reads, acknowledges no audit */
	bool refuse; /* appends fail */
	int32_t pid; /* that it tells */
	struct {
		uint8_t *data;
		size_t len;
	} records[RIG_RECORDS_MAX]; /* packed KeyRecords, seq = index + 1 */
	size_t n_records;
	uint64_t audit_n; /* last audit record taken */
	uint64_t told_n;  /* last one acknowledged */
	char last_status[32], last_op[32], last_key[80], last_kid[300];
	size_t last_ek_len;
};

struct rig {
	struct broker broker;
	bool broker_up;
	char dir[64], path[96];
	int listener, control;
	struct rig_journal journal;
	int journal_far; /* the broker's end, kept as cekd keeps it */
	struct rig_worker use[RIG_WORKERS], manage;
	size_t wanted_manage, wanted_use;
	int32_t ended_journal; /* that cekd was told to kill */
	size_t ended;          /* workers that cekd was told to kill */
	char ended_how[128];   /* the last one */
	bool told_ready;
	const char *keys; /* pattern of the rule, "*" */
	const char *const *operations;
	Limits limits;
	bool audit_durable;
	uint64_t gcm_wrap_limit;
	bool no_manage; /* WantWorker{manage} is ignored */
};

struct rig_client {
	int fd;
	size_t len;
	uint8_t data[RIG_REPLY_MAX];
};

/* Fill in what a test may change before rig_start. */
void rig_init(struct rig *rig);
void rig_start(struct rig *rig);
void rig_stop_broker(struct rig *rig);
void rig_free(struct rig *rig);

/* Turn everything until nobody has anything to do; waits for nothing. */
void rig_run(struct rig *rig);

/* So many periods of the pulse go by. */
void rig_beat(struct rig *rig, unsigned periods);

/* A message for the broker from cekd. */
void rig_control(struct rig *rig, const Cek__Internal__V1__Control *message, const int *fds, size_t n_fds);
void rig_start_worker(struct rig *rig, struct rig_worker *worker, bool manage, uint32_t index);
void rig_kill_worker(struct rig_worker *worker);
/* Let only the journal read and answer. */
void rig_journal_answer(struct rig *rig);
void rig_journal_state(struct rig *rig, bool ok);
void rig_audit_done(struct rig *rig);
void rig_audit_done_up_to(struct rig *rig, uint64_t n);

void rig_connect(struct rig *rig, struct rig_client *client);
void rig_close(struct rig_client *client);
void rig_send(struct rig_client *client, const CekRequest *request);
void rig_send_raw(struct rig_client *client, const void *data, size_t len);
/* The next reply that has come; NULL if there is none; freed with cek__v1__reply__free_unpacked. */
CekReply *rig_reply(struct rig_client *client);
/* Whether the broker has closed the connection (and nothing is left to be read). */
bool rig_closed(struct rig_client *client);
/* Send, run, take the one reply. */
CekReply *rig_call(struct rig *rig, struct rig_client *client, const CekRequest *request);

/* Create a key and return its active kid (malloc'ed). */
char *rig_create(struct rig *rig, struct rig_client *client, const char *name, const char *alg);
