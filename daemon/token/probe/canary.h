/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SoftHSM answers CKR_GENERAL_ERROR to a bad ciphertext and to a dead token alike. The last unwrap that worked, done
 * again, tells which: at most once a second, so that a flood of bad ciphertexts costs little.
 */
#pragma once

#include <stdbool.h>

#include "daemon/token/algs/wrap.h"
#include "daemon/token/p11/named.h"
#include "daemon/token/probe/worker.h"

/* 0 or -ENOMEM. */
int canary_init(struct worker *worker);

/* This unwrap with the key of that name worked. Keeps a copy, at most once a second; nothing in it is secret. */
void canary_learn(struct worker *worker, const struct name *name, const struct unwrap *unwrap);

/* The token gave an error with the key of this name (NULL: not with a key): does it still do what it did? As long as
 * nothing has been unwrapped, that key must wrap and unwrap a test CEK; without a key the token must only answer. now:
 * also if this was asked within the last second. */
bool canary_alive(struct worker *worker, const struct name *name, bool now);
