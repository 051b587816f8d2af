/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an answer finds its call.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/cek.h"
#include "client/link.h"

/* Bring a reply to its call, running callbacks. *ret_status is set unless the connection goes on. */
enum link_verdict reply_take(cek_conn *conn, const uint8_t *body, size_t len, int *ret_status);
