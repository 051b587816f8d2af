/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for libcek: calls are answered by a function of the test, without a daemon. Answers to non-blocking calls
 * are delivered by cek_conn_process().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/cek.h"

struct stub_answer {
	int status;
	int reason;
	uint64_t epoch; /* 0: the connection's */
	uint8_t cek[64];
	size_t cek_len;
	uint8_t encrypted_key[72];
	size_t encrypted_key_len;
	const char *kid;
	const char *key;
	const char *alg;
	struct cek_alg_params params;
	unsigned candidates;
	const void *reply;
	size_t reply_len;
};

typedef void stub_unwrap(const struct cek_unwrap *args, struct stub_answer *answer);
typedef void stub_wrap(const struct cek_wrap *args, struct stub_answer *answer);

cek_conn *stub_conn(stub_unwrap *unwrap, stub_wrap *wrap);

/* What start returns instead of queueing; CEK_OK again later. */
void stub_fail_start(cek_conn *conn, int status);

/* The first open call that is no watch gets its answer. */
void stub_deliver_one(cek_conn *conn);

/* How many unwraps and wraps were asked for. */
unsigned stub_calls(const cek_conn *conn);

/* The ring moves; the watch, if one stands, is told by the next cek_conn_process(). */
void stub_set_epoch(cek_conn *conn, uint64_t epoch);

/* Whether there is an open watch; how many were started; and the end of the first. */
bool stub_has_watch(const cek_conn *conn);
unsigned stub_watches(const cek_conn *conn);
void stub_end_watch(cek_conn *conn, int status);

/* What cek_public_keys() is answered with. */
void stub_public_keys(cek_conn *conn, int status, const void *reply, size_t len);
