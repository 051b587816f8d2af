/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of which nothing is reported: their failure is a finding, or a hint is left out.
 */
#pragma once

#include "cek.pb-c.h"
#include "client/cek.h"

enum { QUIET_MS = 2000 }; /* how long a hint is worth waiting for */

/* CEK_OK: *ret_reply has a result of the kind wanted, for cek__v1__reply__free_unpacked(). Otherwise a status of
 * libcek. *ret_result is for cek_result_free(), and may be NULL after a failure. */
int quiet_request(cek_conn *conn, const Cek__V1__Request *request, Cek__V1__Reply__ResultCase wanted, int timeout_ms,
	Cek__V1__Reply **ret_reply, cek_result **ret_result);

/* What rules let this user do over conn: this operation on this key; NULL: any. NULL if that is not told, for instance
 * by a cekd that is older than that question; otherwise with an ExplainReply. */
Cek__V1__Reply *quiet_explain(cek_conn *conn, const char *operation, const char *key);
