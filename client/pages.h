/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public keys that one reply does not hold come in pages (cek.proto, GetPublicKeys): what was asked for, and what
 * has come of it so far. To the caller of libcek they are one answer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/cek.h"
#include "client/pack.h"

struct pages;
struct slots;

/* For a call with these arguments, which are copied. NULL if there is no memory. */
struct pages *pages_new(const struct cek_public_keys *args);

/* NULL is allowed. Returns NULL. */
struct pages *pages_free(struct pages *pages);

/* The request for the next page; it points into pages. */
void pages_ask(const struct pages *pages, struct request *ret_request);

/* Take the reply to it. CEK_OK: *ret_result is the call's answer, or NULL if there is more to be asked for.
 * CEK_E_NOMEM; CEK_E_PROTOCOL: the other side does not get on. The result is given back, or is the answer. */
int pages_take(struct pages *pages, struct slots *slots, cek_result *result, cek_result **ret_result);
