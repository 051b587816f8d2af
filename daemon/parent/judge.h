/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which children hang: broker and journal are asked whether they are there, and who does not answer in time is killed
 * and replaced, as SIGKILL also ends a process that is stopped. A worker answers no question while it is in the token:
 * the broker judges it by its jobs (daemon/broker/workers/patience.h), and here is looked at one that starts, and one
 * that ought to end. None is killed inside a login.
 */
#pragma once

#include "daemon/parent/family.h"
#include "daemon/shared/pulse.h"

struct event;

struct judge {
	struct family *family;
	unsigned call_seconds; /* that a call of the token may take */
	struct pulse pulse;
	struct event *beat;
};

/* 0 or -ENOMEM; judge_deinit() in both cases. */
int judge_init(struct judge *judge, struct family *family, unsigned hang_seconds, unsigned call_seconds);
void judge_deinit(struct judge *judge);

/* A period of the pulse has passed. */
void judge_beat(struct judge *judge, uint64_t now_us);
