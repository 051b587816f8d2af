/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the module share: data alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <cek-jose.h>
#include <cek-jwt.h>

/* What came of a request's token. Each is counted; table in refuse.c says what a client gets. */
enum ngx_cekd_reason {
	NGX_CEKD_ACCEPTED,
	NGX_CEKD_NO_TOKEN,
	NGX_CEKD_MALFORMED,
	NGX_CEKD_POLICY,
	NGX_CEKD_NO_KEY,
	NGX_CEKD_TOO_LARGE,
	NGX_CEKD_FAILED,
	NGX_CEKD_CLAIM,
	NGX_CEKD_LISTED, /* on a deny list */
	NGX_CEKD_REQUIRED,
	NGX_CEKD_FORBIDDEN, /* auth_jwt_require … error=403 */
	NGX_CEKD_SCOPE,
	NGX_CEKD_UNAVAILABLE,
	NGX_CEKD_NO_MEMORY,
	NGX_CEKD_DENIED,
	NGX_CEKD_INTERNAL,
	NGX_CEKD_REASONS,
};

enum ngx_cekd_type {
	NGX_CEKD_SIGNED,
	NGX_CEKD_ENCRYPTED,
	NGX_CEKD_NESTED,
};

enum ngx_cekd_forward {
	NGX_CEKD_FORWARD_OFF,
	NGX_CEKD_FORWARD_ON,
	NGX_CEKD_FORWARD_STRIP,
};

enum {
	NGX_CEKD_FILE_MAX = 16 * 1024 * 1024, /* bytes of a file that is read again when it changes */
	NGX_CEKD_TIMEOUT = 1900,              /* ms: with it a 503 comes within two seconds */
	NGX_CEKD_TOKEN = 65536,               /* bytes, as all that follow */
	NGX_CEKD_PLAINTEXT = 65536,
	NGX_CEKD_HINTS = 256,
	NGX_CEKD_CHALLENGE_MAX = 128, /* bytes of WWW-Authenticate beside realm and scopes */
};

struct ngx_cekd_file;

/* A file that is read again when it changes. */
struct ngx_cekd_file_kind {
	const char *what;
	/* NULL, or what is wrong, in words that stand in why. */
	const char *(*parse)(const struct ngx_cekd_file *file, const char *text, size_t len, void **ret_content,
		char *why, size_t why_size);
	void (*free)(void *content);
	/* NULL, or of a kind that may take long: parse takes the text over and only begins; this goes on for a
	 * moment each time, until *ret_done, or says what is wrong. */
	const char *(*more)(void *content, bool *ret_done, char *why, size_t why_size);
};

struct ngx_cekd_file {
	ngx_str_t path; /* a NUL behind it */
	const struct ngx_cekd_file_kind *kind;
	const char *alg; /* with which a JWK is used; NULL: its own */
	void *content;
	struct stat seen;
	struct ngx_cekd_reading *reading; /* a newer one, by this worker; NULL: none */
};

/* A connection to cekd, as many as there are different sockets and caches, each in each worker. */
struct ngx_cekd_peer {
	ngx_str_t socket;     /* a NUL behind it */
	size_t cache_entries; /* 0 = no cache */
	unsigned cache_seconds;
	cek_conn *conn; /* NULL until this worker's first request */
	cek_jwe_cache *cache;
	ngx_connection_t *watched;
	ngx_event_t turn;              /* when the connection has to be looked after */
	ngx_uint_t open;               /* questions of requests */
	uint8_t hints[NGX_CEKD_HINTS]; /* of several keys, by kid: the number of the one that it was of last */
	bool refused;                  /* no connection could be made */
};

struct ngx_cekd_main {
	ngx_array_t files; /* of struct ngx_cekd_file * */
	ngx_array_t peers; /* of struct ngx_cekd_peer * */
	ngx_array_t jwks;  /* of struct ngx_cekd_jwks * */
	ngx_event_t look;  /* whether the files have changed */
	ngx_event_t more;  /* of those that are being read */
	ngx_shm_zone_t *zone;
};

struct ngx_cekd_require {
	ngx_array_t values; /* of ngx_http_complex_value_t */
	enum ngx_cekd_reason reason;
};

/* To whom accepted tokens are encrypted again. */
struct ngx_cekd_reencrypt {
	const char *key;           /* of cekd, or */
	struct ngx_cekd_file *jwk; /* a public key */
	const char *enc;
	const char *alg;
};

typedef const char *const *ngx_cekd_list; /* ends with NULL */

/* A JWK Set that a location answers; each worker has its own. */
struct ngx_cekd_jwks {
	ngx_cekd_list names;
	size_t n_names;
	ngx_str_t socket; /* a NUL behind it; empty = that of auth_jwt_cekd */
	struct ngx_cekd_peer *peer;

	/* of this worker */
	ngx_event_t turn; /* when cekd has to be asked again */
	ngx_queue_t waiting;
	cek_call *watch, *asking; /* NULL: none */
	bool begun, ended;
	bool unwatched;    /* told: cekd lets this user not watch */
	uint64_t news;     /* epoch of the latest change */
	uint64_t epoch;    /* of the latest answer */
	ngx_msec_t pause;  /* after a failure; grows */
	char said[256];    /* what went wrong last; "" = nothing */
	char *json;        /* free(3); NULL until there was a good one */
	u_char etag[42];   /* SHA-1 in hexadecimal, in quotes */
	bool planned;      /* cekd said how long it may be kept */
	uint32_t max_age;  /* seconds, from then on: */
	ngx_msec_t answer; /* when it came */
};

struct ngx_cekd_conf {
	ngx_flag_t enabled;
	ngx_http_complex_value_t *realm, *token;
	ngx_uint_t type;
	ngx_uint_t forward;
	ngx_array_t *key_files;  /* of struct ngx_cekd_file * */
	ngx_array_t *deny_files; /* the same */
	ngx_array_t *require;    /* of struct ngx_cekd_require */
	ngx_str_t socket;
	ngx_cekd_list keys;
	struct ngx_cekd_peer *peer;
	size_t cache_entries;
	ngx_uint_t cache_seconds;
	ngx_cekd_list jwe_algs; /* NULL: what the type allows */
	ngx_cekd_list jwe_encs, jws_algs;
	ngx_cekd_list issuers, audiences, types, scopes, claims;
	size_t max_token, max_header, max_plaintext;
	ngx_flag_t allow_signed, allow_zip, allow_no_exp;
	time_t leeway;
	ngx_msec_t timeout;
	struct ngx_cekd_reencrypt *reencrypt;
	struct ngx_cekd_jwks *jwks; /* what the location answers; NULL = something else */
};

/* Memory of the request's pool that is wiped at its end. */
struct ngx_cekd_secret {
	struct ngx_cekd_secret *next;
	void *data;
	size_t len;
};

enum ngx_cekd_step {
	NGX_CEKD_FIND,
	NGX_CEKD_OPEN,
	NGX_CEKD_VERIFY,
	NGX_CEKD_REENCRYPT,
	NGX_CEKD_FORWARD,
	NGX_CEKD_DONE,
};

/* A request and its token; one a request, also over internal redirects. */
struct ngx_cekd_ctx {
	ngx_http_request_t *request;
	const struct ngx_cekd_conf *conf; /* steps and reason are under this one; NULL = nothing was looked at yet */
	enum ngx_cekd_step step;          /* the next */
	enum ngx_cekd_reason reason;
	bool waiting;   /* for cekd */
	bool left;      /* the client, while cekd was asked */
	bool running;   /* inside of a step: who answers then does not wake up the request */
	bool forwarded; /* Authorization is ours now */
	bool told;      /* the reason */
	ngx_table_elt_t *challenge, *retry_after;
	ngx_msec_t deadline;
	struct ngx_cekd_peer *peer;
	cek_jwe_op *op;
	ngx_event_t again; /* to ask once more */
	ngx_uint_t lost;   /* answers, with their connection */
	ngx_uint_t tried;  /* of several keys, those that it is not of; */
	ngx_uint_t begin;  /* number of the first that was asked about, */
	ngx_uint_t hint;   /* and where it stood: of hints */
	cek_jwe *jwe;
	cek_jwt *jwt;
	ngx_str_t authorization; /* of the client, if forwarded */
	ngx_str_t token;         /* as it came */
	ngx_str_t inner;         /* the signed JWT; may stand in a header */
	ngx_str_t reencrypted;
	struct ngx_cekd_secret *secrets;
};
