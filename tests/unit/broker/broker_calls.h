/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for the tests of the broker, in static storage: each call makes the next one of its kind in the same place.
 */
#pragma once

#include "tests/unit/broker/broker_rig.h"

/* cmocka fixtures: *state is a struct rig that is not started yet. */
int calls_setup(void **state);
int calls_teardown(void **state);

/* What stands in requests; the first byte of an encrypted key decides what the stub workers make of it. */
extern uint8_t call_data[1024];
ProtobufCBinaryData call_bytes(size_t len);

/* An unwrap of a 256-bit CEK with A256KW. */
CekRequest *call_unwrap(const char *kid, const char *key);
CekRequest *call_wrap(const char *key);
CekRequest *call_generate(const char *key);
CekRequest *call_status(void);
CekRequest *call_adopt(const char *key, const char *label);
CekRequest *call_rotate(const char *key, const char *kid);
CekRequest *call_set_state(const char *kid, enum state state);
/* The same if the version is in that state now. */
CekRequest *call_set_state_from(const char *kid, enum state current, enum state state);
CekRequest *call_destroy(const char *kid, bool force);

/* Send, run, and only the status of the one reply. */
enum status call_for_status(struct rig *rig, struct rig_client *client, const CekRequest *request);

/* One unwrap that works, for "the broker is still well". */
void assert_serves(struct rig *rig, const char *kid);

/* Take all replies that have come; returns how many have this status. */
size_t count_status(struct rig_client *client, enum status status, size_t *ret_all);
