/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of heir.h: the heir of a cekd that serves. It starts its children beside that one's, has them ready to
 * serve, and tells. When that one's broker and journal have gone its own serve, and it writes down what there is and
 * ends. Then that one becomes the same program and reads this (inherit.h). The children have been that one's all the
 * time (CLONE_PARENT).
 */
#pragma once

#include <stdbool.h>

#include "daemon/parent/family.h"
#include "daemon/parent/news.h"
#include "daemon/parent/offer.h"
#include "daemon/parent/start.h"
#include "proto/sequence.h"

struct event;

/* The heir cannot serve, and why: the other one is told. */
void take_over_fail(int failing_class, const char *why);

/* The heir. */
struct take_over {
	struct family *family;
	struct start *start;
	struct news *news;
	struct listeners *listeners;
	struct handed *handed;
	int config; /* the text of the configuration */

	bool active;
	bool standing_by, going;
	struct sequence sequence; /* what the other one may say */
	struct event *readable, *timer;
};

/* Listen to the other one. 0 or -errno. */
int take_over_begin(struct take_over *heir);

/* After every change: tell how far it is. It ends the process when all is done, or when it cannot be. */
void take_over_step(struct take_over *heir);

void take_over_deinit(struct take_over *heir);
