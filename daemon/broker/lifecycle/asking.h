/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal without keys: the token is asked whether it holds keys of cekd (restore.h says why), again every second
 * until it answers. Then the journal begins.
 */
#pragma once

#include "daemon/broker/context/context.h"

/* The key journal has been replayed: look at it, ask if need be, and begin. */
void asking_begin(struct broker *broker, const Cek__Internal__V1__ReplayBatch *last);

/* The end: nothing is asked any more. */
void asking_drain(struct broker *broker);
void asking_deinit(struct broker *broker);
