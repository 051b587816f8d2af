/*
 * Where the records of cekd are kept: the key journal, which is the ring, and the audit journal. Everything else of
 * cekd-journal knows only this header, so that something shared by many machines (a database table) can stand behind it
 * instead of the two files of store.c.
 *
 * A store that cannot be used, now or at all, still opens: it says why, and cekd's Status passes it on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/internal.pb-c.h"

enum {
	STORE_WHY_MAX = 512,
	STORE_RECORD_MAX = 98304,           /* bytes of one key record, packed: it must fit into a datagram with others around */
	STORE_AUDIT_GATHERED_MAX = 4 << 20, /* bytes of lines that wait for a disk that is full; more are not taken */
	STORE_INSTANCE_MAX = 64,            /* bytes of a broker's instance */
	STORE_INSTANCES = 8,                /* brokers whose last record is remembered */
};

struct evidence;
struct store;

struct store_files {
	int keys, audit;
	int directory; /* in which they stand; O_PATH is enough */
};

/* Recover both journals and append "open" to the audit journal. The descriptors, of the two files and of their directory,
 * belong to the store from here on; directory is the path. 0 or -errno. free takes NULL, returns NULL. */
int store_open(const struct store_files *files, const char *directory, const char *version, struct store **ret_store);
struct store *store_free(struct store *store);

/* "ok", or one line that says what is wrong and what to do. */
const char *store_keys_state(const struct store *store);
const char *store_audit_state(const struct store *store);
bool store_ok(const struct store *store);

/* See whether both files are still where they were and as they were left; store_ok() tells. Worth calling once a second. */
void store_look(struct store *store);

/* If something is wrong that may pass (a full disk), try again. Worth calling once a second while the store is not ok. */
void store_retry(struct store *store);

/* Append all of them, durably, or none. Sets seq and more in each. 0, or -errno with a line in why. */
int store_append_keys(struct store *store, Cek__Internal__V1__KeyRecord *const *records, size_t n, char why[STORE_WHY_MAX], uint64_t *ret_last_seq);

/* Whether the key journal holds the line that was noted as "SEQ:HASH". 0; -ENOENT and -EINVAL with a line in why; -errno. */
int store_keys_hold(struct store *store, const char *head, char why[STORE_WHY_MAX]);

/* Of the last line. */
const char *store_keys_hash(const struct store *store);
uint64_t store_keys_seq(const struct store *store);

/* What speaks against the key journal; until a "restored" record is appended. */
const struct evidence *store_evidence(const struct store *store);

/* All records of the key journal, in order. record is gone after the call; what it returns, if negative, ends the reading
 * and is passed up. 0 or -errno; -EROFS: the journal is refused. */
typedef int store_key_fn(void *userdata, const Cek__Internal__V1__KeyRecord *record);
int store_read_keys(struct store *store, store_key_fn *fn, void *userdata);

/* Take the records of a batch that come next (internal.proto, AuditBatch), into memory. 0, or -errno if the batch cannot
 * be written down at all. */
int store_audit_take(struct store *store, const Cek__Internal__V1__AuditBatch *batch);

/* Write what was taken, with one call; then make it durable. Failure shows in store_ok(); what was taken stays. */
void store_audit_write(struct store *store);
void store_audit_sync(struct store *store);

/* The end, and still no room: what was taken and not written goes to the log, so that no reply is without a trace. */
void store_audit_log_rest(struct store *store);

/* How much waits: bytes not written; whether something written is not yet on disk. */
size_t store_audit_gathered(const struct store *store);
bool store_audit_unsynced(const struct store *store);

/* How far the instance of the last batch has come. */
struct store_audit_place {
	const char *instance; /* NULL = no batch so far */
	uint64_t written;
	uint64_t durable;
};
struct store_audit_place store_audit_place(const struct store *store);
