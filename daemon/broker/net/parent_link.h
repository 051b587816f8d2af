/*
 * The pair with cekd: workers that came and went, new rules, the order to stop; and what cekd learns of us.
 */
#pragma once

#include "daemon/broker/broker.h"

int control_init(struct broker *broker);
void control_deinit(struct broker *broker);

/* Ask for a worker: the manage worker, or one that replaces a use worker. False: cekd takes no message at the moment. */
bool control_want_worker(struct broker *broker, bool manage, uint32_t index, uint32_t generation);

/* A worker broke the rules: it is to be killed and replaced, since it may not end by itself. */
void control_end_worker(struct broker *broker, const struct worker *worker, const char *how);

/* Tell cekd, once, that we are set up; and that we serve, or not and why, if that changed. At the end of each turn. */
void control_tell_state(struct broker *broker);

void control_tell_failing(struct broker *broker, int failing_class, const char *why);
