/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object that callers hold, for what asks on it.
 */
#pragma once

#include <stdbool.h>

#include "client/cek.h"
#include "client/pack.h"

/* Queue a request, as cek_unwrap_start(). */
int conn_start(cek_conn *conn, struct request *request, int timeout_ms, cek_callback *callback, void *userdata,
	cek_call **ret_call);

/* Whether somebody is inside its loop or a callback: then it cannot be waited for. */
bool conn_is_busy(const cek_conn *conn);

/* Keep the object in memory while something is going on with it, although a callback may free it. */
void conn_pin(cek_conn *conn);
void conn_unpin(cek_conn *conn);

/* The errno that goes with CEK_E_CONNECT. */
int conn_error(const cek_conn *conn);
