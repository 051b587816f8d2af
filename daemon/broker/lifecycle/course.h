/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of a change from its first durable record to its end: token, result durable, answered.
 */
#pragma once

#include <stdbool.h>

#include "daemon/broker/lifecycle/change_data.h"

/* For append.done of a change that begins with an intent, and of one that is a single record. */
void course_intended(struct append *append, bool ok);
void course_recorded(struct append *append, bool ok);

/* The intent stands in the journal already: go on from there. The change may be gone afterwards. */
void course_go_on(struct change *change);

/* A preview that has to know what the token holds: ask it, and answer then. STATUS_PENDING, or a status whose text is
 * the change's. */
int course_look(struct change *change);
