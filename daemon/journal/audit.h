/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam behind which the audit journal is kept. It stays on this machine, also where the keys' journal is shared:
 * what was decided here is written here, and at once. So nothing completes later; what cannot be written waits in
 * memory.
 *
 * Who calls: one thread, the functions below. An audit journal is made by its own open function (file/audit_file.h) and
 * ended by audit_close(). A batch is needed until take returns; what state and place point to lives until the next
 * call.
 *
 * Errors: an audit journal that cannot be used still opens: its state says why, and nothing that it does not
 * acknowledge (place) counts as written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/internal.pb-c.h"

enum {
	AUDIT_GATHERED_MAX = 4 << 20, /* bytes of lines that wait for a disk that is full; more are not taken */
};

struct audit_state {
	const char *text; /* "ok", or one line that says what is wrong and what to do */
	bool ok;
	bool unsynced;   /* something written is not yet on disk */
	size_t gathered; /* bytes that wait to be written */
	bool free_known; /* what is left on this machine for this and the keys' journal, as of the last look: */
	uint64_t free;   /* bytes */
};

/* How far the broker of the last batch has come. */
struct audit_place {
	const char *instance; /* NULL = no batch so far */
	uint64_t written;
	uint64_t durable;
};

struct audit;
struct store_state;

struct audit_ops {
	/* Take the records of a batch that come next (internal.proto, AuditBatch), into memory. 0, or -errno if the
	 * batch cannot be written down at all. */
	int (*take)(struct audit *audit, const Cek__Internal__V1__AuditBatch *batch);

	/* Write what was taken, with one call; then make it durable. Failure shows in state; what was taken stays. */
	void (*write)(struct audit *audit);
	void (*sync)(struct audit *audit);

	struct audit_place (*place)(const struct audit *audit);
	struct audit_state (*state)(const struct audit *audit);

	/* Of one that was opened to stand by, as store_ops has it. keys: of the key journal, which has been taken over;
	 * NULL: another process still writes. 0 or -errno. */
	int (*follow)(struct audit *audit, const struct store_state *keys);

	/* As store_ops has them. */
	void (*look)(struct audit *audit);
	void (*retry)(struct audit *audit);

	/* The end, and still no room: what was taken and not written goes to the log, so that no reply is without a
	 * trace. */
	void (*log_rest)(struct audit *audit);

	void (*close)(struct audit *audit);
};

/* The first member of its own struct. */
struct audit {
	const struct audit_ops *ops;
};

static inline int audit_take(struct audit *audit, const Cek__Internal__V1__AuditBatch *batch)
{
	return audit->ops->take(audit, batch);
}

static inline int audit_follow(struct audit *audit, const struct store_state *keys)
{
	return audit->ops->follow(audit, keys);
}

static inline void audit_write(struct audit *audit)
{
	audit->ops->write(audit);
}

static inline void audit_sync(struct audit *audit)
{
	audit->ops->sync(audit);
}

static inline struct audit_place audit_place(const struct audit *audit)
{
	return audit->ops->place(audit);
}

static inline struct audit_state audit_state(const struct audit *audit)
{
	return audit->ops->state(audit);
}

static inline void audit_look(struct audit *audit)
{
	audit->ops->look(audit);
}

static inline void audit_retry(struct audit *audit)
{
	audit->ops->retry(audit);
}

static inline void audit_log_rest(struct audit *audit)
{
	audit->ops->log_rest(audit);
}

/* NULL is allowed; returns NULL. */
static inline struct audit *audit_close(struct audit *audit)
{
	if (audit)
		audit->ops->close(audit);
	return NULL;
}
