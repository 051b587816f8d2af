/*
 * libcek: content-encryption keys from cekd, the daemon that keeps JWE key-encryption keys in a PKCS#11 token.
 *
 * The core is non-blocking: cek_…_start() queues a call, cek_conn_process() moves bytes and runs callbacks. The blocking
 * calls are a loop around it. libcek(3) explains both, with examples.
 *
 * Threads: a connection and all that came from it belong to one thread at a time; different connections are independent.
 * fork: connect after it (cekd knows a peer by SO_PEERCRED, which is fixed at connect).
 * Secrets: CEKs stand only in results, in locked memory, and are wiped by cek_result_free().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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

	CEK_E_INVALID = -1,      /* an argument; nothing was sent */
	CEK_E_NOMEM = -2,
	CEK_E_CONNECT = -3,      /* no daemon behind the socket, or no permission; errno tells */
	CEK_E_DISCONNECTED = -4, /* the connection ended before the answer: the call may or may not have happened */
	CEK_E_TIMEOUT = -5,      /* the caller's own timeout ran out */
	CEK_E_CANCELLED = -6,
	CEK_E_PROTOCOL = -7,     /* the other side does not speak this protocol */
	CEK_E_FULL = -8,         /* back-pressure: cek_conn_set_limits() reached; process first */
};

/* The name of a status ("FAILED", "E_TIMEOUT"), never NULL; and a sentence about it for a log. */
const char *cek_status_name(int status);
const char *cek_status_text(int status);

/* Whether the same call may succeed later without anybody's doing: UNAVAILABLE, OVERLOADED, DEADLINE, E_CONNECT,
 * E_DISCONNECTED, E_TIMEOUT. */
bool cek_status_is_temporary(int status);

struct cek_bytes {
	const void *data;
	size_t len;
};

/* ---- connection --------------------------------------------------------------------------------------------------- */

typedef struct cek_conn cek_conn;
typedef struct cek_call cek_call;
typedef struct cek_result cek_result;

/* A connection object for the socket at path; NULL means $CEK_SOCKET, then /run/cekd/cekd.sock. Nothing is connected yet:
 * the first call does that, and a lost connection is made again, with a back-off of 10 ms to 5 s, when there is a call to
 * send. 0, CEK_E_INVALID (path too long) or CEK_E_NOMEM. */
int cek_conn_new(const char *path, cek_conn **ret_conn);

/* Close. Every call still open gets its callback with CEK_E_CANCELLED first. NULL is allowed, also from inside a callback.
 * Returns NULL. */
cek_conn *cek_conn_free(cek_conn *conn);

/* Bounds of what this connection holds: calls open at once (default 1024) and bytes not yet written (default 1 MiB). A
 * start beyond them is CEK_E_FULL. 0 leaves a bound as it is. */
void cek_conn_set_limits(cek_conn *conn, size_t max_calls, size_t max_output);

/* For an event loop: one descriptor that stays the same as long as the object lives (an epoll descriptor, also across
 * reconnects); wait until it is readable or the timeout is over, then call cek_conn_process(). */
int cek_conn_fd(const cek_conn *conn);

/* Events to wait for on that descriptor, as for poll(2): POLLIN, always. */
short cek_conn_events(const cek_conn *conn);

/* Milliseconds until cek_conn_process() has to be called even if nothing is readable; -1 = no need; 0 = now. */
int cek_conn_timeout(const cek_conn *conn);

/* Connect, write, read, run callbacks: all that is possible without waiting. Returns the number of calls still open. */
size_t cek_conn_process(cek_conn *conn);

/* Wait for at most timeout_ms (-1 = without end) until something can be done, and do it. Returns the number of calls
 * still open. */
size_t cek_conn_wait(cek_conn *conn, int timeout_ms);

/* The ring epoch as the latest reply on this connection told it; 0 before the first. */
uint64_t cek_conn_epoch(const cek_conn *conn);

/* ---- calls -------------------------------------------------------------------------------------------------------- */

/* Called exactly once for each call that was started (watch: once per epoch, see below), from within process(), wait(),
 * cancel() or free(). result belongs to the library and is wiped when the callback returns, unless it was kept with
 * cek_result_keep(). */
typedef void cek_callback(cek_call *call, cek_result *result, void *userdata);

/* Give up: the callback comes at once with CEK_E_CANCELLED; a later reply is dropped. Allowed in any callback. */
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

/* timeout_ms: the caller's own limit, -1 = none; it also travels as the request's deadline. */
int cek_unwrap_start(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_callback *callback, void *userdata, cek_call **ret_call);
int cek_wrap_start(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_callback *callback, void *userdata, cek_call **ret_call);
int cek_rewrap_start(cek_conn *conn, const struct cek_rewrap *args, int timeout_ms, cek_callback *callback, void *userdata, cek_call **ret_call);

/* One callback at once with the present epoch and one at each new one, until cancelled or disconnected. After a reconnect
 * start it again. */
int cek_watch_start(cek_conn *conn, cek_callback *callback, void *userdata, cek_call **ret_call);

/* The same, waiting. The status is also the return value; *ret_result is set whenever a reply or a local reason is known,
 * and is NULL only for CEK_E_NOMEM and CEK_E_INVALID. */
int cek_unwrap(cek_conn *conn, const struct cek_unwrap *args, int timeout_ms, cek_result **ret_result);
int cek_wrap(cek_conn *conn, const struct cek_wrap *args, int timeout_ms, cek_result **ret_result);
int cek_rewrap(cek_conn *conn, const struct cek_rewrap *args, int timeout_ms, cek_result **ret_result);

/* ---- results ------------------------------------------------------------------------------------------------------ */

/* Pointers that these return live as long as the result; fields that the call does not have are NULL, 0 or empty. */
int cek_result_status(const cek_result *result);
const char *cek_result_message(const cek_result *result); /* cekd's sentence, or libcek's; "" when OK */
uint64_t cek_result_epoch(const cek_result *result);
struct cek_bytes cek_result_cek(const cek_result *result);
struct cek_bytes cek_result_encrypted_key(const cek_result *result);
const char *cek_result_kid(const cek_result *result);
const char *cek_result_key(const cek_result *result);
const char *cek_result_alg(const cek_result *result);
struct cek_alg_params cek_result_params(const cek_result *result);
bool cek_result_unchanged(const cek_result *result);
unsigned cek_result_candidates(const cek_result *result);

/* ---- everything else ---------------------------------------------------------------------------------------------- */

/* Operations that are not on a gateway's hot path travel as they stand in cek.proto: packed Request in, packed Reply out
 * (id and deadline are filled in by libcek). cekctl is made of these; other languages do the same. */
int cek_request_start(cek_conn *conn, const void *request, size_t len, int timeout_ms, cek_callback *callback, void *userdata, cek_call **ret_call);
int cek_request(cek_conn *conn, const void *request, size_t len, int timeout_ms, cek_result **ret_result);
struct cek_bytes cek_result_reply(const cek_result *result); /* the packed Reply, of every kind of call */

#ifdef __cplusplus
}
#endif
