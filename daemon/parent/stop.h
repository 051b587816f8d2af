/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The orderly stop: the broker answers what it accepted, then workers and journal end. Who does not is killed.
 */
#pragma once

#include <stdbool.h>

#include "daemon/parent/family.h"
#include "daemon/parent/start.h"

struct event;
struct heir;

struct stop {
	struct family *family;
	struct start *start;     /* of a journal that ends too early */
	const struct heir *heir; /* that is given up as well; NULL: there can be none */
	unsigned call_timeout;   /* seconds that a call of the token may last */

	bool begun;
	struct event *timer;
	unsigned stage;
	bool killed; /* somebody had to be */
};

/* Begin it, once; then comes the first step. stop_deinit() at the end. */
void stop_begin(struct stop *stop);
void stop_deinit(struct stop *stop);

/* Its next step, after every change. The loop breaks when nobody is left. */
void stop_step(struct stop *stop);
