/* SPDX-License-Identifier: Apache-2.0 */
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
#include "client/describe.h"
#include "client/kind.h"
#include "client/slots.h"

struct cek_result {
	unsigned refs; /* 0: constant, or wiped by a fork; it is nobody's to free */
	int status;
	const char *message;
	int reason;
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

	struct description described;

	struct slots_slab *slab; /* NULL: the arena is its own mapping */
	struct arena memory;     /* everything above points into it */
};

/* The constant result of one of libcek's own statuses (CEK_E_…). */
cek_result *result_local(int status);

/* Unpack a reply. Memory comes from the slots, or is mapped for the purpose if the reply is large. CEK_OK,
 * CEK_E_NOMEM or CEK_E_PROTOCOL (not a Reply, or its fields break the rules). */
int result_parse(struct slots *slots, const uint8_t *body, size_t len, cek_result **ret_result);

/* Whether this is an answer to such a call. */
bool result_answers(const cek_result *result, enum call_kind kind, unsigned cek_len);
