/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcek-jose: JWE compact tokens (RFC 7516) on top of libcek. The CEK comes from cekd; the content is decrypted here.
 * libcek-jose(3) explains it, with examples.
 *
 * A decrypted token is not yet an authentic one: anybody who has the public key can make a JWE. If cty is "JWT", the
 * plaintext is a signed JWT, handed over untouched; cek_jwt_verify() (cek-jwt.h) checks its signature, issuer, audience
 * and times.
 *
 * Threads: as libcek: a connection and what was made with it (operations, caches) belong to one thread at a time. A
 * cek_jwe and a cek_jwks are independent of the connection once they were returned.
 * Secrets: plaintexts and CEKs stand in locked memory, which cek_jwe_free() and cek_jwe_cache_free() wipe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cek.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What every function here returns. */
enum {
	CEK_JWE_OK = 0,
	CEK_JWE_MALFORMED = 1,   /* token, JWK Set or argument breaks the rules of its RFC; details name the member */
	CEK_JWE_POLICY = 2,      /* well-formed, but not allowed: alg, enc, zip, crit; or the policy is incomplete */
	CEK_JWE_NO_KEY = 3,      /* no key that this caller may use, or its state does not allow it */
	CEK_JWE_DENIED = 4,      /* cekd does not let this caller do that operation */
	CEK_JWE_UNAVAILABLE = 5, /* no answer of cekd or its token, whyever: status and temporary tell */
	CEK_JWE_TOO_LARGE = 6,   /* token, header or plaintext over the caller's limit */
	CEK_JWE_NOMEM = 7,
	CEK_JWE_FAILED = 8, /* every cryptographic failure: one code, one text, no details */
};

/* And what cek_jwt_verify() (cek-jwt.h) returns besides. */
enum {
	CEK_JWT_CLAIM = 9,  /* well signed, but a claim is not as it has to be; details name it */
	CEK_JWT_SCOPE = 10, /* all is well, but a scope that the caller wants is not there */
};

/* The name of a code ("FAILED"), and one constant sentence about it; never NULL. */
const char *cek_jwe_code_name(int code);
const char *cek_jwe_code_text(int code);

enum {
	CEK_JWE_DETAILS_MAX = 184,
	CEK_JWE_HEADER_MAX = 8192,      /* bytes of the decoded header */
	CEK_JWE_TOKEN_DEFAULT = 262144, /* bytes of a token */
	CEK_JWE_TOKEN_MAX = 67108864,   /* the largest limit that a policy may set */
	CEK_JWE_PLAINTEXT_DEFAULT = 250000,
	CEK_JWE_ZIP_MAX = 250000, /* bytes that a compressed plaintext may grow to, whatever the policy says */
	CEK_JWE_VERSIONS_DEFAULT = 4,
	CEK_JWE_VERSIONS_MAX = 16,
	CEK_JWE_THUMBPRINT_SIZE = 44, /* base64url of a SHA-256, and NUL */
	CEK_JWE_SILENCE_DEFAULT = 5,  /* seconds without a word of cekd that a cache is used for */
};

/* What happened, for a log. Functions that take one accept NULL; they always fill it in. details never tells anything
 * that depends on a key or a plaintext; it is "" if the code says it all. It is printable ASCII. */
struct cek_jwe_error {
	int code;
	char details[CEK_JWE_DETAILS_MAX];
	int status; /* what cekd or libcek said (cek.h) if that made the code; CEK_OK: nothing was asked, or FAILED */
	bool temporary;       /* the same may succeed later without anybody's doing: worth a retry, an HTTP 503 */
	unsigned char reason; /* CEK_REASON_… (cek.h): why a key that this caller may use does not serve it */
};

/* Whether a text looks like a JWE in compact serialisation: five parts of base64url, four dots, and the first part
 * begins like a JSON object with a member. To tell it from a JWS (three parts) or an opaque token before anything is
 * decoded; that it can be opened is not said. */
bool cek_jwe_looks_compact(const char *token, size_t len);

/* Whether len octets are a b64token (RFC 6750 section 2.1), as each compact JWS and JWE is: printable ASCII without
 * white space or comma, so that it may stand behind "Bearer " in a header. A plaintext is anything at all. */
bool cek_jwe_is_b64token(const void *text, size_t len);

/* ---- decryption -------------------------------------------------------------------------------------------------- */

typedef struct cek_jwe cek_jwe;
typedef struct cek_jwe_op cek_jwe_op;
typedef struct cek_jwe_cache cek_jwe_cache;
struct cek_jwk;

/* What the caller accepts. Zero the struct, then set algs, encs and, nearly always, key. A number that is 0 means the
 * default. Needed only during the call that takes it. */
struct cek_jwe_policy {
	const char *const *algs; /* names (RFC 7518 section 4.1), NULL-terminated; mandatory (RFC 8725 section 3.1) */
	const char *const *encs; /* names (RFC 7518 section 5.1), NULL-terminated; mandatory */
	const char *key;         /* only this key of cekd may open the token; its kid, if any, must belong to it */
	/* Instead of key: the name of the key for this kid (NULL: the token has none), NULL to refuse with NO_KEY. With
	 * neither, whatever key of cekd the kid names, if this peer may use it. */
	const char *(*key_for_kid)(const char *kid, void *userdata);
	void *userdata;        /* for key_for_kid */
	size_t max_token;      /* bytes */
	size_t max_header;     /* bytes, decoded; at most and by default CEK_JWE_HEADER_MAX */
	size_t max_plaintext;  /* bytes, decompressed */
	bool allow_zip;        /* accept zip "DEF"; at most CEK_JWE_ZIP_MAX bytes come out */
	bool deferred;         /* cek_jwe_decrypt_start(): the callback never runs before it has returned */
	unsigned max_versions; /* of a key, tried for an ECDH-ES token without kid */
	cek_jwe_cache *cache;  /* NULL = none; must belong to the same connection */
};

/* Open a token of len bytes (no NUL needed). timeout_ms as in cek.h, for the whole. On CEK_JWE_OK *ret_jwe has to be
 * freed with cek_jwe_free(); otherwise it is untouched. Do not call from inside a callback of this connection, and do
 * not free the connection in a callback that runs meanwhile: this holds for all functions here that wait. */
int cek_jwe_decrypt(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token, size_t len, int timeout_ms,
	cek_jwe **ret_jwe, struct cek_jwe_error *ret_error);

/* error->code tells; jwe is NULL unless it is CEK_JWE_OK, and belongs to the callback (cek_jwe_free()). */
typedef void cek_jwe_callback(cek_jwe *jwe, const struct cek_jwe_error *error, void *userdata);

/* The same without waiting: drive the connection as cek.h says. If CEK_JWE_OK is returned, the callback runs exactly
 * once: from within cek_conn_process() and its like (cek.h), or, for a cache hit without policy->deferred, before this
 * function returns; *ret_op is NULL then. With another code it does not run. policy and token are not needed
 * afterwards. *ret_op is good until the callback; ret_op may be NULL. */
int cek_jwe_decrypt_start(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token, size_t len,
	int timeout_ms, cek_jwe_callback *callback, void *userdata, cek_jwe_op **ret_op,
	struct cek_jwe_error *ret_error);

/* Give up: the callback comes at once, with CEK_JWE_UNAVAILABLE and the status CEK_E_CANCELLED. NULL is allowed. */
void cek_jwe_op_cancel(cek_jwe_op *op);

/* Wipe and free; NULL is allowed; returns NULL. */
cek_jwe *cek_jwe_free(cek_jwe *jwe);

/* These live as long as the object; a header member that the token does not have is NULL. Behind the plaintext stands a
 * NUL that does not count; there may be others in it. */
struct cek_bytes cek_jwe_plaintext(const cek_jwe *jwe);
const char *cek_jwe_alg(const cek_jwe *jwe);
const char *cek_jwe_enc(const cek_jwe *jwe);
const char *cek_jwe_kid(const cek_jwe *jwe); /* as in the header */
const char *cek_jwe_typ(const cek_jwe *jwe);
const char *cek_jwe_cty(const cek_jwe *jwe);
const char *cek_jwe_key(const cek_jwe *jwe);     /* cekd's name of the key that opened it */
const char *cek_jwe_version(const cek_jwe *jwe); /* cekd's kid of the version that opened it */
bool cek_jwe_from_cache(const cek_jwe *jwe);

/* ---- encryption -------------------------------------------------------------------------------------------------- */

struct cek_jwe_params {
	const char *key;           /* cekd's key; its alg and active version are used. Not for cek_jwe_encrypt_to() */
	const char *enc;           /* mandatory */
	const char *alg;           /* cek_jwe_encrypt_to() only, if the JWK has none; otherwise NULL or the same */
	const char *cty;           /* "JWT" for a nested token; NULL = none */
	const char *typ;           /* NULL = none */
	struct cek_bytes apu, apv; /* ECDH-ES only, at most 512 octets each; empty = none */
};

/* Make a token: fresh CEK and kid from cekd, fresh IV, header {alg, enc, kid, …}. On CEK_JWE_OK *ret_token is a string
 * to be freed with free(3); otherwise it is untouched. */
int cek_jwe_encrypt(cek_conn *conn, const struct cek_jwe_params *params, const void *plaintext, size_t len,
	int timeout_ms, char **ret_token, struct cek_jwe_error *ret_error);

/* token is NULL unless error->code is CEK_JWE_OK, and belongs to the callback (free(3)). */
typedef void cek_jwe_token_callback(char *token, const struct cek_jwe_error *error, void *userdata);

/* The same without waiting; the plaintext is copied into locked memory. Rules as for cek_jwe_decrypt_start(); the
 * callback never runs before it has returned. */
int cek_jwe_encrypt_start(cek_conn *conn, const struct cek_jwe_params *params, const void *plaintext, size_t len,
	int timeout_ms, cek_jwe_token_callback *callback, void *userdata, cek_jwe_op **ret_op,
	struct cek_jwe_error *ret_error);

/* Pass a token on to another trust domain: decrypt, then encrypt for params->key with a fresh CEK and IV. (A header is
 * authenticated together with CEK and IV, so a JWE cannot be rewrapped in place.) enc, cty and typ are taken from the
 * token where params has NULL. */
int cek_jwe_reencrypt(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token, size_t len,
	const struct cek_jwe_params *params, int timeout_ms, char **ret_token, struct cek_jwe_error *ret_error);

/* The same without waiting, for params->key, or for a public key if to is not NULL, as cek_jwe_encrypt_to() does it.
 * Rules as for cek_jwe_decrypt_start(), always deferred; params, to and what they point to are not needed afterwards
 * either. The code is that of the decryption, or, once the token was opened, of the encryption. */
int cek_jwe_reencrypt_start(cek_conn *conn, const struct cek_jwe_policy *policy, const char *token, size_t len,
	const struct cek_jwe_params *params, const struct cek_jwk *to, int timeout_ms, cek_jwe_token_callback *callback,
	void *userdata, cek_jwe_op **ret_op, struct cek_jwe_error *ret_error);

/* ---- public keys (RFC 7517) -------------------------------------------------------------------------------------- */

typedef struct cek_jwks cek_jwks;

/* One public key of a set. Pointers live as long as the set. */
struct cek_jwk {
	const char *kid;    /* NULL = none */
	const char *alg;    /* NULL = none */
	const char *key;    /* cekd's name of the key; NULL in a set that was parsed */
	bool decrypts_only; /* cekd still unwraps with it, but nothing new should be encrypted for it */
	struct cek_public_key public_key;
};

/* Parse a JWK Set, or a single JWK. Entries that cannot be used are passed over (RFC 7517 section 5): keys that are not
 * for encryption, or of a kind or size that cekd does not know, and those with a member that is missing, there
 * twice, of a wrong type or out of range, with private members, or with a point that is not on its curve. Of the latter
 * ret_error->details tells how many and the first one's fault, although the code is OK. If nothing is left and one of
 * them was there, the set is MALFORMED; a set without keys for encryption is empty. What is no JSON object, has a
 * member twice outside of its entries, is nested more than 128 deep or has no array "keys" is MALFORMED as a whole. At
 * most 8 MiB (else TOO_LARGE). */
int cek_jwks_parse(const char *json, size_t len, cek_jwks **ret_jwks, struct cek_jwe_error *ret_error);

/* Ask cekd (GetPublicKeys); keys is a NULL-terminated list of names, or NULL for all that this peer may see. */
int cek_jwks_fetch(cek_conn *conn, const char *const *keys, int timeout_ms, cek_jwks **ret_jwks,
	struct cek_jwe_error *ret_error);

/* From a packed cek.v1.Reply with public_keys, all of them (cek_result_reply() of cek_public_keys()). */
int cek_jwks_from_reply(const void *reply, size_t len, cek_jwks **ret_jwks, struct cek_jwe_error *ret_error);

cek_jwks *cek_jwks_free(cek_jwks *jwks);
size_t cek_jwks_count(const cek_jwks *jwks);
const struct cek_jwk *cek_jwks_get(const cek_jwks *jwks, size_t i);         /* NULL past the end */
const struct cek_jwk *cek_jwks_find(const cek_jwks *jwks, const char *kid); /* the first; NULL if there is none */

/* Seconds that the set may be kept from when it was fetched (Cache-Control: max-age), by the schedules of its keys: 0
 * is "fetch it each time". False if nobody said so: a set that was parsed, keys without a JWKS max-age, an older cekd.
 */
bool cek_jwks_max_age(const cek_jwks *jwks, uint32_t *ret_seconds);

/* The set as JSON, one line, members kty, kid, alg, use "enc" and the key's own. Keys that only decrypt are left out
 * unless all is true. *ret_json has to be freed with free(3). */
int cek_jwks_write(const cek_jwks *jwks, bool all, char **ret_json, struct cek_jwe_error *ret_error);

/* One public key as PEM, "-----BEGIN PUBLIC KEY-----" (RFC 5480, RFC 8410: a SubjectPublicKeyInfo), for issuers that
 * take no JWK Set. *ret_pem has to be freed with free(3). MALFORMED for kty "oct" and what is no good key; NOMEM. */
int cek_jwk_pem(const struct cek_public_key *public_key, char **ret_pem, struct cek_jwe_error *ret_error);

/* RFC 7638 thumbprint (SHA-256) of a public key, base64url with NUL. MALFORMED for kty "oct" and unknown ones. */
int cek_jwk_thumbprint(const struct cek_public_key *public_key, char ret_thumbprint[CEK_JWE_THUMBPRINT_SIZE]);

/* Make a token for a public key: no RPC, no connection. RSA-OAEP*, ECDH-ES and ECDH-ES+A*KW. params->key is unused. */
int cek_jwe_encrypt_to(const struct cek_jwk *to, const struct cek_jwe_params *params, const void *plaintext, size_t len,
	char **ret_token, struct cek_jwe_error *ret_error);

/* ---- cache of CEKs ----------------------------------------------------------------------------------------------- */

/* The same access token arrives many times while it lives, and a token does only some thousand operations a second. A
 * cache keeps CEKs, in locked memory, for at most max_seconds (1 to 86400) and at most max_entries (1 to 65536; the
 * oldest goes first). It is emptied as soon as the connection learns of a new ring epoch, and it is used only while
 * cekd has promised to tell of one (a watch, for which this peer needs that operation): without it, or after a
 * disconnect, every token goes to cekd. A hit is not counted or audited by cekd, and a rule that is taken away from
 * this peer works after max_seconds. MALFORMED for numbers out of range, NOMEM. */
int cek_jwe_cache_new(cek_conn *conn, size_t max_entries, unsigned max_seconds, cek_jwe_cache **ret_cache);

/* A cekd that was stopped tells of nothing. So a cache that is in use asks, twice in max_seconds (2 to 3600;
 * CEK_JWE_SILENCE_DEFAULT), whether the ring is as it was, and is shut while the latest question that was answered is
 * older than that. It opens again with the next answer, emptied if the ring has moved. The question is another Watch,
 * which cekd audits as CONFLICT. MALFORMED for a number out of range. */
int cek_jwe_cache_set_silence(cek_jwe_cache *cache, unsigned max_seconds);

/* Wipe and free, before or after the connection; NULL is allowed; returns NULL. No operation that uses it may be
 * open. */
cek_jwe_cache *cek_jwe_cache_free(cek_jwe_cache *cache);

/* Wipe everything now. */
void cek_jwe_cache_drop(cek_jwe_cache *cache);

/* Wipe what is over its age (each use of the cache does that too). Returns the milliseconds until the
 * next is, -1 = empty. */
int cek_jwe_cache_expire(cek_jwe_cache *cache);

struct cek_jwe_cache_stats {
	uint64_t hits;
	uint64_t misses; /* including those while there was no watch */
	uint64_t stored;
	uint64_t evicted; /* to make room */
	uint64_t expired;
	uint64_t dropped; /* because the ring moved, the watch ended, or by cek_jwe_cache_drop() */
	size_t entries;   /* now */
	bool live;        /* the watch stands, and cekd has answered of late */
};
void cek_jwe_cache_get_stats(const cek_jwe_cache *cache, struct cek_jwe_cache_stats *ret_stats);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
