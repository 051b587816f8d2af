/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cekd does to keys by itself: the steps of schedule.h when their time has come, rotations at a limit of uses,
 * reservations of AES-GCM wraps, usage counters. Watches the clock: after a
 * jump nothing is destroyed until an operator has confirmed the time (SIGHUP).
 */
#pragma once

#include <stdbool.h>

#include "daemon/broker/context/context.h"

int steps_init(struct broker *broker);
void steps_deinit(struct broker *broker);

/* What failed is worth another try now: an operator says so (SIGHUP), or a worker has something new. */
void steps_try_again(struct broker *broker);

/* Make a new active version unless a change of the key is under way or the last attempt failed just now. */
void steps_rotate(struct broker *broker, struct key *key);

/* AES-GCM: extend the reservation when less than half of a block is left, rotate when the limit comes near. */
void steps_reserve(struct broker *broker, struct version *version);

/* Make the counters durable now. */
void steps_flush_usage(struct broker *broker);

/* Nothing of ours is on its way. */
bool steps_idle(const struct broker *broker);
