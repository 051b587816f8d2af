/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How cekd is, as its Status tells: journal, token, PIN, algorithms, clock, disk, limits.
 */
#pragma once

#include "client/cekctl/doctor/report.h"

/* doctor's status is NULL: all of it is skipped. */
void health_look(struct doctor *doctor);
