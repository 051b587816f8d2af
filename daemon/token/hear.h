/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether broker and cekd may say now what they say. If not, cekd is told, which ends the broker; and the worker ends
 * as well, so that one that lies about its broker has one lie in its life.
 */
#pragma once

#include <stdbool.h>

#include "proto/internal.pb-c.h"
#include "proto/sequence.h"

struct hear {
	struct sequence broker, cekd;
};

void hear_init(struct hear *hear, bool manage);

/* A job of the broker, NULL: what is none; first is the number that stands first in it (packed.h) and that the page of
 * executing.h has been told. 0 or -EBADMSG. */
int hear_job(struct hear *hear, const Cek__Internal__V1__Job *job, uint64_t first);

/* Whether cekd may say this now; NULL: what is no message. If not, cekd is told. */
bool hear_fits(struct hear *hear, const Cek__Internal__V1__Control *message);

/* Read what cekd says on the descriptor control: true, there is an end to be made. */
bool hear_cekd(struct hear *hear, int control);
