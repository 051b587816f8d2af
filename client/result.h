/*
 * Results: a reply, unpacked, in one piece of locked memory; or a constant one for what libcek itself has to say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wipe.h"
#include "cek.pb-c.h"
#include "client/cek.h"
#include "client/conn.h"
#include "client/pool.h"

struct cek_result {
	unsigned refs; /* 0: constant, or wiped by a fork; it is nobody's to free */
	int status;
	const char *message;
	uint64_t epoch;
	struct cek_bytes packed;
	const Cek__V1__Reply *reply;

	struct cek_bytes cek;
	struct cek_bytes encrypted_key;
	const char *kid;
	const char *key;
	const char *alg;
	struct cek_alg_params params;
	bool unchanged;
	unsigned candidates;

	const struct cek_key **keys;
	size_t n_keys;
	bool more;
	const struct cek_public_key_entry **public_keys;
	size_t n_public_keys;
	const struct cek_daemon *daemon;

	struct slab *slab;   /* NULL: the arena is its own mapping */
	struct arena memory; /* everything above points into it */
};

/* The constant result of one of libcek's own statuses (CEK_E_…). */
cek_result *result_local(int status);

/* Unpack a reply. Memory comes from the pool, or is mapped for the purpose if the reply is large. CEK_OK,
 * CEK_E_NOMEM or CEK_E_PROTOCOL (not a Reply, or its fields break the rules). */
int result_parse(struct pool *pool, const uint8_t *body, size_t len, cek_result **ret_result);

/* Whether this is an answer to such a call. */
bool result_answers(const cek_result *result, enum call_kind kind, unsigned cek_len);

/* ---- describe.c ---- */

/* Build what cek_result_key_info(), cek_result_public_key() and cek_result_daemon() show. CEK_OK or CEK_E_NOMEM when
 * the arena is too small. */
int result_describe(cek_result *result);

/* A public key, pointing into the message. */
struct cek_public_key describe_public_key(const Cek__V1__PublicKey *key);

/* Replace what is not printable ASCII, cut at max bytes; in place. Returns text. */
const char *describe_text(char *text, size_t max);
