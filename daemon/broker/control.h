/*
 * The pair with cekd: workers that came and went, new rules, the order to stop; and what cekd learns of us.
 */
#pragma once

#include "daemon/broker/broker.h"

int control_init(struct broker *broker);
void control_deinit(struct broker *broker);

/* Ask for a worker: the manage worker, or one that replaces a use worker. */
void control_want_worker(struct broker *broker, bool manage, uint32_t index, uint32_t generation);

/* Tell cekd that we are ready, or not and why, if that changed since the last time. */
void control_tell_state(struct broker *broker);

/* Set up, sandboxed, replayed. */
void control_tell_ready(struct broker *broker);

void control_tell_failing(struct broker *broker, int failing_class, const char *why);
