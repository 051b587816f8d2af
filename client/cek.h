/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcek: content-encryption keys from cekd, the daemon that keeps JWE key-encryption keys in a PKCS#11 token.
 *
 * The core is non-blocking: cek_…_start() queues a call, cek_conn_process() moves bytes and runs callbacks. The
 * blocking calls are a loop around it. libcek(3) explains both, with examples.
 *
 * Threads: a connection and all that came from it belong to one thread at a time; different connections are
 * independent.
 * fork: connect after it (cekd knows a peer by SO_PEERCRED, which is fixed at connect). In a child, its parent's
 * connections can only be freed: that closes descriptors and wipes memory, without callbacks.
 * Secrets: CEKs stand only in results, in locked memory, and are wiped by cek_result_free().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Status of a call. 0 = done. Above 0: cekd's answer (values of Status in cek.proto). Below 0: libcek's own. */
enum {
	CEK_OK = 0,
	CEK_MALFORMED = 2,
	CEK_TOO_LARGE = 3,
	CEK_DEADLINE = 4,
	CEK_INTERNAL = 5,
	CEK_FAILED = 6,
	CEK_UNKNOWN_KEY = 7,
	CEK_UNUSABLE = 8,
	CEK_DENIED = 9,
	CEK_UNAVAILABLE = 10,
	CEK_OVERLOADED = 11,
	CEK_CONFLICT = 12,
	CEK_UNSUPPORTED = 13,
	CEK_NOT_IMPLEMENTED = 14,

	CEK_E_INVALID = -1, /* an argument; nothing was sent */
	CEK_E_NOMEM = -2,
	CEK_E_CONNECT = -3,      /* no daemon behind the socket, or no permission; errno tells */
	CEK_E_DISCONNECTED = -4, /* the connection ended before the answer: the call may or may not have happened, and
				  * is not one that libcek repeats, or was repeated already */
	CEK_E_TIMEOUT = -5,      /* the caller's own timeout ran out */
	CEK_E_CANCELLED = -6,
	CEK_E_PROTOCOL = -7, /* the other side does not speak this protocol */
	CEK_E_FULL = -8,     /* back-pressure: cek_conn_set_limits() reached; process first */
};

/* The name of a status ("FAILED", "E_TIMEOUT"), never NULL; and a sentence about it for a log. */
const char *cek_status_name(int status);
const char *cek_status_text(int status);

/* Whether the same call may succeed later without anybody's doing: UNAVAILABLE, OVERLOADED, DEADLINE, E_CONNECT,
 * E_DISCONNECTED, E_TIMEOUT. */
bool cek_status_is_temporary(int status);

/* Why a key that this caller may use does not serve it (values of Reason in cek.proto). */
enum {
	CEK_REASON_NONE = 0,        /* or an older cekd */
	CEK_REASON_ALG = 1,         /* the key is for another alg (CEK_MALFORMED) */
	CEK_REASON_UNKNOWN_KID = 2, /* the key that was named has no version of this kid (CEK_UNKNOWN_KEY) */
	CEK_REASON_SUSPENDED = 3,   /* the version is out of use for a time (CEK_UNUSABLE, and so are the others) */
	CEK_REASON_COMPROMISED = 4, /* for good */
	CEK_REASON_WAITING = 5,     /* it waits to be destroyed */
	CEK_REASON_DESTROYED = 6,
	CEK_REASON_MISSING = 7,    /* the token has no object for it, or several, at the moment */
	CEK_REASON_NOT_ACTIVE = 8, /* no version of the key wraps, or could open this */
	CEK_REASON_UNTRIED = 9,    /* no kid was named, and the key has older versions than were tried (CEK_FAILED) */
};

/* "alg", "unknown-kid", "suspended", …; "" for none and those of a later cekd. Never NULL. */
const char *cek_reason_name(int reason);

struct cek_bytes {
	const void *data;
	size_t len;
};

/* ---- connection ---------------------------------------------------------------------------------------------------
 */

typedef struct cek_conn cek_conn;
typedef struct cek_call cek_call;
typedef struct cek_result cek_result;

/* A connection object for the socket at path; NULL means $CEK_SOCKET, then /run/cekd/cekd.sock. Nothing is connected
 * yet: the first call does that, and a lost connection is made again, with a back-off of 10 ms to 5 s, when there is
 * a call to send. 0, CEK_E_INVALID (path too long) or CEK_E_NOMEM. */
int cek_conn_new(const char *path, cek_conn **ret_conn);

/* Close. Every call still open gets its callback with CEK_E_CANCELLED first. NULL is allowed. Allowed inside a
 * callback: the object then goes when that callback has returned. Returns NULL. */
cek_conn *cek_conn_free(cek_conn *conn);

/* Bounds of what this connection holds: calls open at once (default 1024, at most 2^20) and bytes not yet written
 * (default 1 MiB, at least one largest frame: 65,540). A start beyond them is CEK_E_FULL. 0 leaves a bound as it is. */
void cek_conn_set_limits(cek_conn *conn, size_t max_calls, size_t max_output);

/* For an event loop: one descriptor that stays the same as long as the object lives (an epoll descriptor, also across
 * reconnects); wait until it is readable or the timeout is over, then call cek_conn_process(). */
int cek_conn_fd(const cek_conn *conn);

/* Events to wait for on that descriptor, as for poll(2): POLLIN, always. */
short cek_conn_events(const cek_conn *conn);

/* Milliseconds until cek_conn_process() has to be called even if nothing is readable; -1 = no need; 0 = now. Ask again
 * after starting calls: they are written by the next cek_conn_process(), all together. */
int cek_conn_timeout(const cek_conn *conn);

/* Called when cek_conn_timeout() may have become shorter than it said last: a call was queued outside of process() and
 * wait(). After these ask anyway. It only notes that, or arms something: cek_conn_timeout() and starting further calls
 * are allowed inside it, while process(), wait() and waiting calls do nothing. NULL = none (the default). */
typedef void cek_wakeup(cek_conn *conn, void *userdata);
void cek_conn_set_wakeup(cek_conn *conn, cek_wakeup *wakeup, void *userdata);

/* Connect, write, read, run callbacks: all that is possible without waiting. Returns the number of calls still open,
 * watches among them. Inside a callback it does nothing. */
size_t cek_conn_process(cek_conn *conn);

/* Wait for at most timeout_ms (-1 = without end) until something can be done, and do it. Returns the number of calls
 * still open, watches among them; with none it does not wait. */
size_t cek_conn_wait(cek_conn *conn, int timeout_ms);

/* The ring epoch as the latest reply on this connection told it; 0 before the first. */
uint64_t cek_conn_epoch(const cek_conn *conn);

/* ---- calls --------------------------------------------------------------------------------------------------------
 */

/* Called exactly once for each call that was started (watch: once per epoch, see below), from within process(),
 * wait(), cancel() or free(), never from within a start. When it returns, call is gone, and result is wiped unless
 * it was kept with cek_result_keep(). Inside it everything is allowed but the waiting calls (they return
 * CEK_E_INVALID). errno is that of the failure when the status is CEK_E_CONNECT. */
typedef void cek_callback(cek_call *call, cek_result *result, void *userdata);

/* Give up: the callback comes at once with CEK_E_CANCELLED. A request of which nothing was written yet is never sent; a
 * later reply is dropped. Allowed in any callback; in the call's own it does nothing. NULL is allowed. */
void cek_call_cancel(cek_call *call);

/* Keep the result beyond the callback; free it with cek_result_free(). */
cek_result *cek_result_keep(cek_result *result);

/* Wipe and free; NULL is allowed; returns NULL. */
cek_result *cek_result_free(cek_result *result);

/* A public key: what a JWK holds (RFC 7518 section 6, RFC 8037), raw octets. kty is "RSA", "EC", "OKP" or "oct". */
struct cek_public_key {
	const char *kty;
	struct cek_bytes n, e;
	const char *crv;
	struct cek_bytes x, y;
};

/* Header parameters beside the encrypted key; what an alg does not need stays zero. apu, apv: decoded octets. */
struct cek_alg_params {
	struct cek_public_key epk; /* kty NULL = none */
	struct cek_bytes apu, apv;
	struct cek_bytes iv, tag;
};

/* RFC 7516 section 5.2, steps 9 and 10: the CEK of a JWE. kid or key may be NULL, not both. */
struct cek_unwrap {
	const char *kid;
	const char *key;
	const char *alg;
	const char *enc;
	struct cek_bytes encrypted_key;
	struct cek_alg_params params;
	unsigned candidate; /* ECDH-ES without kid: which usable version, 0 = the active one */
};

/* RFC 7516 section 5.1, step 4: this CEK under the key's active version. cek of zero length: a fresh one is made. */
struct cek_wrap {
	const char *key;
	const char *enc;
	struct cek_bytes cek;
	struct cek_bytes apu, apv;
};

struct cek_rewrap {
	struct cek_unwrap from;
	const char *to_key; /* NULL = the same key */
};

/* Queue a call. timeout_ms: the caller's own limit, -1 = none; it also travels as the request's deadline. args and
 * what it points to are not needed any more after the return. ret_call may be NULL. Returns CEK_OK, or
 * CEK_E_INVALID, CEK_E_NOMEM or CEK_E_FULL; then there is no callback.
 *
 * When the connection ends, calls whose requests were not written whole go out on the next one, and so do, once, those
 * that change nothing: unwrap, wrap, rewrap, list, describe, versions, public keys, status. The others get
 * CEK_E_DISCONNECTED. When no connection can be made they get CEK_E_CONNECT: at once, or after up to 30 seconds if cekd
 * has answered on this object before. */
int cek_unwrap_start(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);
int cek_wrap_start(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call);
int cek_rewrap_start(cek_conn *conn, const struct cek_rewrap *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);

/* A call that asks cekd nothing: its callback comes with CEK_OK from the next cek_conn_process(), and until then
 * cek_conn_timeout() is 0. For who knows an answer already and must not give it inside of the question. It counts as
 * an open call and can be cancelled. Returns as cek_unwrap_start(). */
int cek_defer_start(cek_conn *conn, cek_callback *callback, void *userdata, cek_call **ret_call);

/* One callback at once with the present epoch (cek_result_epoch()) and one at each new one. It ends with exactly one
 * callback whose status is not CEK_OK: cancelled, disconnected, refused. Then start it again. Cancelled in its own
 * callback, it gets that last one from within cek_call_cancel(). */
int cek_watch_start(cek_conn *conn, cek_callback *callback, void *userdata, cek_call **ret_call);

/* The same, waiting. The status is also the return value; *ret_result is set whenever a reply or a local reason is
 * known, and is NULL only for CEK_E_NOMEM and CEK_E_INVALID. */
int cek_unwrap(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_result **ret_result);
int cek_wrap(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_result **ret_result);
int cek_rewrap(cek_conn *conn, const struct cek_rewrap *args, int timeout_ms, cek_result **ret_result);

/* ---- results ------------------------------------------------------------------------------------------------------
 */

/* Pointers that these return live as long as the result; fields that the call does not have are NULL, 0 or empty.
 * Messages and other texts are short lines of printable ASCII; kids are what they are. A call on one key of those
 * further below fills in key, alg and kid (of the active version) as well. */
int cek_result_status(const cek_result *result);
const char *cek_result_message(const cek_result *result); /* cekd's sentence, or libcek's; "" when OK */
int cek_result_reason(const cek_result *result);          /* CEK_REASON_…: why, if cekd says more than the status */
uint64_t cek_result_epoch(const cek_result *result);
struct cek_bytes cek_result_cek(const cek_result *result);
struct cek_bytes cek_result_encrypted_key(const cek_result *result);
const char *cek_result_kid(const cek_result *result);
const char *cek_result_key(const cek_result *result);
const char *cek_result_alg(const cek_result *result);
struct cek_alg_params cek_result_params(const cek_result *result);
bool cek_result_unchanged(const cek_result *result);
unsigned cek_result_candidates(const cek_result *result);

/* ---- keys and daemon: for programs that operate cekd ---------------------------------------------------------------
 */

/* NIST SP 800-57 part 1, section 7; waiting = destruction is scheduled (values of State in cek.proto). */
enum {
	CEK_STATE_PRE_ACTIVE = 1,
	CEK_STATE_ACTIVE = 2,
	CEK_STATE_DEACTIVATED = 3,
	CEK_STATE_SUSPENDED = 4,
	CEK_STATE_COMPROMISED = 5,
	CEK_STATE_DESTROYED = 6,
	CEK_STATE_WAITING = 7,
};

/* "pre-active", "active", …; "unknown" for other values. Never NULL. */
const char *cek_state_name(int state);

/* The arguments of a call are the fields of its request in cek.proto: what is 0 or NULL there takes its default. */
struct cek_key_create {
	const char *key;
	const char *alg;
	unsigned bits;   /* RSA: 0 = 3072 */
	const char *crv; /* ECDH-ES: NULL = "P-256" */
	uint32_t max_uses;
};

struct cek_key_rotate {
	const char *key;
	const char *active_kid; /* believed active, from cek_key_describe(). If it is not (any more): CEK_CONFLICT, so
				 * that a call whose reply was lost can be repeated without rotating twice */
	bool plan;              /* change nothing, answer with the timetable */
};

struct cek_key_set_state {
	const char *kid;
	int state;
	uint64_t until;     /* suspended: microseconds since 1970, 0 = stays */
	bool rotate;        /* compromised: a new version in the same step */
	const char *reason; /* at most 200 bytes */
};

struct cek_key_destroy {
	const char *kid;
	bool force;    /* although used within its overlap; does not skip the wait */
	uint32_t wait; /* seconds, 0 = the daemon's default */
	const char *reason;
};

struct cek_key_describe { /* one of the two */
	const char *key;
	const char *kid;
};

struct cek_key_versions {
	const char *key;
	unsigned before; /* versions with numbers below this: before of the key that came; 0 = all */
	bool brief;      /* without peers and public keys, as in a list */
};

struct cek_key_list {
	const char *after; /* names that sort after this one; NULL = from the first */
};

struct cek_public_keys {
	const char *const *keys; /* names; none = all that this peer may see */
	size_t n_keys;
};

int cek_key_create_start(cek_conn *conn, const struct cek_key_create *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);
int cek_key_rotate_start(cek_conn *conn, const struct cek_key_rotate *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);
int cek_key_set_state_start(cek_conn *conn, const struct cek_key_set_state *args, int timeout_ms,
	cek_callback *callback, void *userdata, cek_call **ret_call);
int cek_key_destroy_start(cek_conn *conn, const struct cek_key_destroy *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);
int cek_key_describe_start(cek_conn *conn, const struct cek_key_describe *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);
int cek_key_versions_start(cek_conn *conn, const struct cek_key_versions *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);
int cek_key_list_start(cek_conn *conn, const struct cek_key_list *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);
int cek_public_keys_start(cek_conn *conn, const struct cek_public_keys *args, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);
int cek_status_start(cek_conn *conn, int timeout_ms, cek_callback *callback, void *userdata, cek_call **ret_call);

/* The same, waiting; as cek_unwrap(). */
int cek_key_create(cek_conn *conn, const struct cek_key_create *args, int timeout_ms, cek_result **ret_result);
int cek_key_rotate(cek_conn *conn, const struct cek_key_rotate *args, int timeout_ms, cek_result **ret_result);
int cek_key_set_state(cek_conn *conn, const struct cek_key_set_state *args, int timeout_ms, cek_result **ret_result);
int cek_key_destroy(cek_conn *conn, const struct cek_key_destroy *args, int timeout_ms, cek_result **ret_result);
int cek_key_describe(cek_conn *conn, const struct cek_key_describe *args, int timeout_ms, cek_result **ret_result);
int cek_key_versions(cek_conn *conn, const struct cek_key_versions *args, int timeout_ms, cek_result **ret_result);
int cek_key_list(cek_conn *conn, const struct cek_key_list *args, int timeout_ms, cek_result **ret_result);
int cek_public_keys(cek_conn *conn, const struct cek_public_keys *args, int timeout_ms, cek_result **ret_result);
int cek_status(cek_conn *conn, int timeout_ms, cek_result **ret_result);

/* What these calls answer: structs of the library inside the result, read-only; later versions may add fields at their
 * ends. Texts are never NULL. Times are in microseconds since 1970, 0 = never; durations in seconds. */
struct cek_usage {
	const char *peer; /* "listener/uid" */
	uint64_t unwraps;
	uint64_t wraps;
	uint64_t last_used;
};

struct cek_version {
	const char *kid;
	unsigned number; /* 1, 2, … within its key */
	int state;
	bool missing;           /* the token has no such object at the moment */
	const char *provenance; /* "generated", "imported", "adopted" */
	struct cek_bytes cka_id;
	uint64_t created, activated, deactivated, destroyed;
	uint64_t until;       /* suspended: end; waiting: destruction */
	uint64_t overlap_end; /* safe to retire from then on; 0 = not known */
	uint64_t unwraps, wraps, refused, last_used;
	const char *note;
	struct cek_public_key public_key; /* kty NULL = not told */
	const char *const *aliases;
	size_t n_aliases;
	const struct cek_usage *const *peers; /* latest first */
	size_t n_peers;
	bool more_peers; /* there were others, longer ago */
};

struct cek_event {        /* one line of a timetable */
	uint64_t time;    /* 0 = not known, and then last */
	const char *what; /* "publish", "activate", "retire" */
	const char *kid;  /* "" = a version not made yet */
	const char *why;
};

struct cek_key {
	const char *name;
	const char *alg;
	unsigned bits;
	const char *crv;
	uint32_t max_uses;
	const char *operations; /* what this peer may do with it, separated by spaces */
	uint32_t period, lead, overlap, token_lifetime, jwks_max_age; /* schedule; period 0 = none */
	const struct cek_version *const *versions;                    /* oldest first */
	size_t n_versions;
	const struct cek_event *const *plan;
	size_t n_plan;
	/* Not 0: of the versions numbered below only the active one, the pre-active ones and the one that the call was
	 * about are here. cek_key_versions() gives the others, as many of the youngest as a reply holds, and so on. */
	unsigned before;
	unsigned more_plan; /* retirements that are left out of plan, later ones */
};

struct cek_public_key_entry {
	const char *key;
	const char *kid;
	const char *alg;
	int state;
	struct cek_public_key public_key;
};

struct cek_alg_status {
	const char *alg;
	bool available;
	const char *how; /* which CKM_ does what where, or why it is not available */
};

struct cek_worker_status {
	const char *kind; /* "use", "manage" */
	unsigned index;
	unsigned generation; /* how often it was started, it or one before it of that kind and index */
	const char *state;   /* "starting", "ready", "down" */
	unsigned queued;
	uint64_t done;
	uint64_t memory; /* bytes */
	int pid;
};

struct cek_daemon {
	bool ready; /* a real unwrap worked and nothing has failed since */
	const char *version;
	const char *why_not_ready;
	const char *token_label, *token_serial, *token_model, *module;
	const char *journal, *audit, *sandbox;
	bool split_uids;
	uint64_t started;
	unsigned keys, versions, connections;
	const struct cek_alg_status *const *algs;
	size_t n_algs;
	const struct cek_worker_status *const *workers;
	size_t n_workers;
	const char *const *warnings;
	size_t n_warnings;
};

/* Key i of the answer, NULL past the last: one from create, rotate, set_state, destroy, describe and versions, any
 * number from list (its versions then come without peers and public keys). */
const struct cek_key *cek_result_key_info(const cek_result *result, size_t i);

/* cek_key_list(): there are more; ask again with after = the name of the last, which sorts after the one before. */
bool cek_result_more(const cek_result *result);

/* Entry i of cek_public_keys(), NULL past the last: active ones first, then pre-active ones, then those that only
 * unwrap. All of them: what one reply does not hold is asked for page by page, anew if the keys change meanwhile
 * (UNAVAILABLE if they do so without end). TOO_LARGE: over 4 MiB; or a cekd that is older than libcek and may have left
 * out some. */
const struct cek_public_key_entry *cek_result_public_key(const cek_result *result, size_t i);

/* Seconds that a JWK Set made of cek_public_keys() may be kept (Cache-Control: max-age), by the schedules of its keys:
 * 0 is "fetch it each time". False if nobody said so: keys without a JWKS max-age, an older cekd, another call. */
bool cek_result_max_age(const cek_result *result, uint32_t *ret_seconds);

/* The answer of cek_status(), NULL for other calls. */
const struct cek_daemon *cek_result_daemon(const cek_result *result);

/* ---- everything else ----------------------------------------------------------------------------------------------
 */

/* Any operation, as it stands in cek.proto: packed Request in, packed Reply out. libcek fills in id, and deadline_ms if
 * timeout_ms is not -1. request must be a well-formed message, else CEK_E_INVALID. */
int cek_request_start(cek_conn *conn, const void *request, size_t len, int timeout_ms, cek_callback *callback,
	void *userdata, cek_call **ret_call);
int cek_request(cek_conn *conn, const void *request, size_t len, int timeout_ms, cek_result **ret_result);
struct cek_bytes cek_result_reply(const cek_result *result); /* the packed Reply, of every kind of call; of
							      * cek_public_keys() as if all pages were one */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
