/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to cekd and its answer, as they stand in cek.proto, over libcek.
 */
#pragma once

#include "cek.pb-c.h"
#include "client/cek.h"
#include "client/cekctl/console/ctl.h"
#include "client/cekctl/rpc/reach.h"

/* The connection, made at the first use. EXIT_SUCCESS, or another exit status after a report. */
int rpc_connect(struct ctl *ctl, cek_conn **ret_conn);

/* The time limit of a call in milliseconds. */
int rpc_timeout(const struct ctl *ctl);

/* Report a result of libcek that is not CEK_OK: "STATUS: sentence; hint". result may be NULL; errno is still libcek's.
 * Returns the exit status. */
int rpc_fail(const struct ctl *ctl, int status, const cek_result *result);

/* The same in two steps. message: cekd's or libcek's own, NULL = none. */
void rpc_explain(const struct ctl *ctl, int status, const char *message, struct reach *ret_reach);
int rpc_fail_reach(const struct ctl *ctl, const struct reach *reach);

/* Report that what answers is no cekd as it should be. Returns the exit status. */
int rpc_fail_protocol(const struct ctl *ctl, const char *what);

/* Send the request of which op_case and its member are set, and wait. EXIT_SUCCESS: *ret_reply has status OK and a
 * result of the kind wanted, to be freed with rpc_reply_free(). Otherwise another exit status after a report. */
int rpc_call(struct ctl *ctl, const Cek__V1__Request *request, Cek__V1__Reply__ResultCase wanted,
	Cek__V1__Reply **ret_reply);

/* The same for an operation that an older cekd does not know: RPC_UNKNOWN then, without a report. probe is a request
 * with that operation and nothing in it, by which a cekd that does not know it is told from one that does not know what
 * is in it. */
enum { RPC_UNKNOWN = -1 };
int rpc_call_new(struct ctl *ctl, const Cek__V1__Request *request, const Cek__V1__Request *probe,
	Cek__V1__Reply__ResultCase wanted, Cek__V1__Reply **ret_reply);

Cek__V1__Reply *rpc_reply_free(Cek__V1__Reply *reply);

/* DescribeKey by name or kid; exactly one is not NULL. As rpc_call(), the reply's key is there. */
int rpc_describe(struct ctl *ctl, const char *name, const char *kid, Cek__V1__Reply **ret_reply);

/* The same with more than a name. */
int rpc_describe_as(struct ctl *ctl, Cek__V1__DescribeKeyRequest *describe, Cek__V1__Reply **ret_reply);

/* The same, but that the peer may not do it (CEK_DENIED) or that cekd tells it of no such key (CEK_UNKNOWN_KEY) is no
 * failure: EXIT_SUCCESS, *ret_no is that status, and *ret_reply NULL. */
int rpc_try_describe(struct ctl *ctl, Cek__V1__DescribeKeyRequest *describe, int *ret_no, Cek__V1__Reply **ret_reply);

/* The same, and that cekd does not tell (CEK_UNAVAILABLE) is no failure either: so it is under a key journal that
 * nobody has confirmed for what that one does not know. */
int rpc_seek(struct ctl *ctl, Cek__V1__DescribeKeyRequest *describe, int *ret_no, Cek__V1__Reply **ret_reply);

/* GetPublicKeys, all pages, of these names (none = all). As rpc_call(); the reply may be longer than a frame. */
int rpc_public_keys(struct ctl *ctl, const char *const *names, size_t n_names, Cek__V1__Reply **ret_reply);

/* protobuf-c wants char * for strings that it only reads. */
char *rpc_text(const char *text);
