/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the parts of the broker together and turns them. What a part tells by call-back is handed on here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/broker/context/context.h"

/* Set up all parts. setup and fds are what came from cekd: the journal's pair, then a descriptor for each listener;
 * they belong to the broker from now on, also after an error. 0 or -errno, with a reason in ret_why. */
int broker_init(struct broker *broker, const Cek__Internal__V1__BrokerSetup *setup, int control, const int *fds,
	size_t n_fds, char *ret_why, size_t why_size);
void broker_deinit(struct broker *broker);

/* Run until drained or told to stop. Returns the exit status. */
int broker_run(struct broker *broker);

/* One turn: wait for events if wait is set, handle them, then dispatch, record, reply. False when it is over. */
bool broker_turn(struct broker *broker, bool wait);

/* Rules of cekd.conf, at start and after SIGHUP. 0 or -errno with a reason; then the old ones stay. */
int broker_set_rules(struct broker *broker, Rule *const *rules, size_t n_rules, char *ret_why, size_t why_size);

/* Limits; those that are 0 take their defaults. */
void broker_set_limits(struct broker *broker, const Limits *limits);
