/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal without keys: the token is asked whether it holds keys of cekd (restore.h says why), again after pauses
 * that double up to a minute until it answers. Then the journal begins.
 */
#pragma once

#include "daemon/broker/context/context.h"

/* The key journal has been replayed: look at it, ask if need be, and begin. */
void asking_begin(struct broker *broker, const Cek__Internal__V1__ReplayBatch *last);

/* Something has changed for the better (a worker is ready, an operator has acted): do not wait for the pause's end. */
void asking_try_again(struct broker *broker);

/* The end: nothing is asked any more. */
void asking_drain(struct broker *broker);
void asking_deinit(struct broker *broker);
