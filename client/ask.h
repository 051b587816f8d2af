/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mechanism for all that can be asked: arguments become a request, which is queued; or queued and waited for.
 */
#pragma once

#include <stdbool.h>

#include "client/cek.h"
#include "client/pack.h"

/* Put the arguments of a call into a request that is zeroed but for an empty message. CEK_OK, CEK_E_INVALID or
 * CEK_E_NOMEM. */
typedef int ask_fill(struct request *request, const void *arguments);

/* What every one of them ends with: the body is in its place. */
int ask_for(struct request *request, Cek__V1__Request__OpCase op, enum call_kind kind);

/* Whether an argument is there. */
static inline bool ask_given(const char *text)
{
	return text && text[0] != '\0';
}

/* As cek_unwrap_start() and cek_unwrap(). */
int ask_start(cek_conn *conn, ask_fill *fill, const void *args, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call);
int ask_wait(cek_conn *conn, ask_fill *fill, const void *args, int timeout_ms, cek_result **ret_result);
